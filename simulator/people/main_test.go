package people

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"holdfast/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLine is a line without a world behind it: a test says what happens on it.
type fakeLine struct {
	sid, from, to string
	events        chan simulator.LineEvent
	done          chan struct{}

	mu  sync.Mutex
	did []string
}

func newFakeLine(sid string) *fakeLine {
	return &fakeLine{
		sid: sid, from: "+15552000001", to: "+18005550100",
		events: make(chan simulator.LineEvent, 64), done: make(chan struct{}),
	}
}

func (l *fakeLine) happens(kind simulator.LineEventKind, detail string) {
	l.events <- simulator.LineEvent{Kind: kind, Detail: detail}
	if kind == simulator.LineEnded {
		close(l.done)
		close(l.events)
	}
}

func (l *fakeLine) does(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.did = append(l.did, what)
}

func (l *fakeLine) CallSID() string                    { return l.sid }
func (l *fakeLine) From() string                       { return l.from }
func (l *fakeLine) To() string                         { return l.to }
func (l *fakeLine) Answer()                            { l.does("answer") }
func (l *fakeLine) Reject()                            { l.does("reject") }
func (l *fakeLine) HangUp()                            { l.does("hang up") }
func (l *fakeLine) Drop()                              { l.does("drop") }
func (l *fakeLine) Press(string)                       { l.does("press") }
func (l *fakeLine) Speak(string) <-chan struct{}       { l.does("speak"); return nil }
func (l *fakeLine) Events() <-chan simulator.LineEvent { return l.events }
func (l *fakeLine) Done() <-chan struct{}              { return l.done }
