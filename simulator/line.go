package simulator

import (
	"fmt"
	"strings"
	"time"
)

// line is the person's end of a call. Its events go straight into the channel as long as that has room; what does not fit waits in
// a backlog that a goroutine feeds from. So a line costs no goroutine, and a person who does not read blocks nobody.
type line struct {
	s       *Simulator
	c       *voiceCall
	ch      chan LineEvent
	backlog []LineEvent // under the world's lock, as are the next two
	pumping bool
	closed  bool
	dropped bool         // the phone is dead, and Twilio has not noticed yet
	mouth   []*utterance // what the person says, and is going to say
}

const lineBuffer = 32

// patience is how long, in real time, the backlog of a line that has ended waits for somebody to read it.
const patience = 5 * time.Second

func newLine(s *Simulator, c *voiceCall) *line {
	return &line{s: s, c: c, ch: make(chan LineEvent, lineBuffer)}
}

// emitLocked tells the person what happened. LineEnded is the last thing that happens.
func (l *line) emitLocked(kind LineEventKind, detail string) {
	l.tellLocked(LineEvent{Kind: kind, Detail: detail})
}

func (l *line) tellLocked(e LineEvent) {
	if l.closed {
		return
	}
	l.closed = e.Kind == LineEnded
	if !l.pumping {
		select {
		case l.ch <- e:
			if l.closed {
				close(l.ch)
			}
			return
		default:
		}
		l.pumping = true
		l.s.goroutine(l.pump)
	}
	l.backlog = append(l.backlog, e)
}

// pump feeds the backlog to the reader until it is empty.
func (l *line) pump() {
	for {
		l.s.mu.Lock()
		if len(l.backlog) == 0 {
			l.pumping = false
			if l.closed {
				close(l.ch)
			}
			l.s.mu.Unlock()
			return
		}
		e := l.backlog[0]
		l.backlog = l.backlog[1:]
		l.s.mu.Unlock()
		if !l.deliver(e) {
			l.s.mu.Lock()
			l.backlog, l.closed = nil, true
			l.s.mu.Unlock()
		}
	}
}

// deliver waits for the reader: as long as the line lives, and a little longer.
func (l *line) deliver(e LineEvent) bool {
	select {
	case l.ch <- e:
		return true
	case <-l.c.ctx.Done():
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case l.ch <- e:
		return true
	case <-t.C:
		return false
	case <-l.s.ctx.Done():
		return false
	}
}

func (l *line) CallSID() string          { return l.c.sid }
func (l *line) From() string             { return l.c.from }
func (l *line) To() string               { return l.c.to }
func (l *line) Events() <-chan LineEvent { return l.ch }
func (l *line) Done() <-chan struct{}    { return l.c.ctx.Done() }

// rings reports that the leg rings at this person's phone.
func (l *line) rings() bool {
	return l.c.direction != directionInbound && l.c.status == callRinging
}

func (l *line) Answer() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.rings() && !l.s.closing() && !l.dropped {
		l.s.answerCallLocked(l.c)
	}
}

func (l *line) Reject() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.rings() && !l.dropped {
		l.s.endCallLocked(l.c, callBusy, 486, leftAddFailed)
	}
}

func (l *line) HangUp() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if !l.dropped {
		l.hangUpLocked()
	}
}

func (l *line) hangUpLocked() {
	switch {
	case l.c.over():
	case l.rings():
		l.s.endCallLocked(l.c, callBusy, 486, leftAddFailed)
	case l.c.status == callInProgress:
		l.s.endCallLocked(l.c, callCompleted, 0, leftHungUp)
	case l.c.direction == directionInbound:
		// The caller gave up before anything answered.
		l.s.endCallLocked(l.c, callNoAnswer, 487, leftHungUp)
	}
}

// Drop makes the phone silent. Twilio notices by the missing audio, within one to five seconds; a phone that was only ringing rings
// on for Twilio until its time is up.
func (l *line) Drop() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.c.over() || l.dropped || l.s.closing() {
		return
	}
	l.dropped = true
	if l.rings() {
		return
	}
	l.s.after(1+4*l.s.rng.Float64(), func() {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		l.hangUpLocked()
	})
}

func (l *line) Press(digits string) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	digits = strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789*#ABCD", r) {
			return r
		}
		return -1
	}, digits)
	c := l.c
	if l.dropped {
		return
	}
	if b := c.bridge; b != nil && b.hangupOnStar && b.parent == c && strings.ContainsRune(digits, '*') {
		b.hangUpChildrenLocked()
		return
	}
	if c.gathering != nil {
		c.gathering.pressLocked(digits)
	}
}

// attach implements Simulator.Attach.
func (s *Simulator) attach(address string, phone Phone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if phone == nil {
		delete(s.voice.phones, addressKey(address))
		return
	}
	s.voice.phones[addressKey(address)] = phone
}

// dial implements Simulator.Dial.
func (s *Simulator) dial(from, to string) (Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing() {
		return nil, fmt.Errorf("dial %s: the simulator is closed", to)
	}
	n := s.voice.numberByPhone(to)
	if n == nil {
		return nil, fmt.Errorf("dial %s: no such number", to)
	}
	c := s.newCallLocked(n.account, directionInbound, from, to)
	c.number = n
	c.status = callRinging
	c.fallback, c.fallbackVerb = n.voiceFallbackURL, n.voiceFallbackMethod
	// A number's status callback fires at the end of the call only.
	c.callback = newStatusCallback(n.statusCallback, n.statusCallbackMethod, nil)
	p := program{source: &source{url: n.voiceURL, method: n.voiceMethod}}
	if n.voiceURL == "" || n.voiceApplicationSID != "" || n.trunkSID != "" {
		// An application or trunk overrides the URLs; this account has neither, so nothing picks up.
		s.log.Warn("call to a number that leads nowhere", "number", to, "call", c.sid)
		p = program{failed: true}
	}
	s.goroutine(func() { s.follow(c, p) })
	if s.closing() {
		// Close came in between, and may have let nobody follow the call.
		s.endCallLocked(c, callCanceled, 487, leftHungUp)
	}
	return c.line, nil
}
