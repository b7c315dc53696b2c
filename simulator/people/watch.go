package people

import (
	"context"
	"slices"
	"sync"
	"time"

	"holdfast/simulator"
)

// A view is what a person has noticed on his line so far.
type view struct {
	answered, queued, joined, together, held, muted, ended bool

	queuedAt, hearsAt, joinedAt, togetherAt, heldAt, endedAt time.Time // the first time each, heldAt the last; zero: never
	holds, mutes                                             int       // how often each began: an action has one effect
	room                                                     string    // the conference that he was in last
	heard                                                    []string  // what was said and played outside the queue: the first of it
	said                                                     []saying  // what voices said outside the queue
	status                                                   string    // the final CallStatus
}

// keptHeard is enough for an announcement, some holds, and a goodbye.
const keptHeard = 100

// A watch reads a line's events and keeps the view.
type watch struct {
	line simulator.Line
	done chan struct{} // closed when the view says ended: the line's own Done may be ahead of it

	mu      sync.Mutex
	view    view
	changed chan struct{} // closed and replaced at each change
}

func newWatch(line simulator.Line) *watch {
	return &watch{line: line, done: make(chan struct{}), changed: make(chan struct{})}
}

// run reads until the line's events end.
func (w *watch) run() {
	for e := range w.line.Events() {
		w.see(e, time.Now())
	}
	if now, _ := w.now(); !now.ended { // a line that ended without a word has ended all the same
		w.see(simulator.LineEvent{Kind: simulator.LineEnded}, time.Now())
	}
}

func (w *watch) see(e simulator.LineEvent, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &w.view
	first := func(t *time.Time) {
		if t.IsZero() {
			*t = at
		}
	}
	switch e.Kind {
	case simulator.LineAnswered:
		v.answered = true
	case simulator.LineQueued:
		v.queued = true
		first(&v.queuedAt)
	case simulator.LineJoined:
		v.joined, v.queued, v.room = true, false, e.Detail
		first(&v.joinedAt)
	case simulator.LineTogether:
		v.together = true
		first(&v.togetherAt)
	case simulator.LineAlone:
		v.together = false
	case simulator.LineHeld:
		v.held, v.heldAt = true, at
		v.holds++
	case simulator.LineUnheld:
		v.held = false
	case simulator.LineMuted:
		v.muted = true
		v.mutes++
	case simulator.LineUnmuted:
		v.muted = false
	case simulator.LineLeft:
		v.joined, v.together, v.held, v.muted = false, false, false, false
	case simulator.LineEnded:
		if v.ended {
			return
		}
		v.joined, v.together, v.queued, v.held, v.muted = false, false, false, false, false
		v.ended, v.endedAt, v.status = true, at, e.Detail
		close(w.done)
	case simulator.LineHeard:
		v.listen(e, at)
	case simulator.LineHears:
		if !v.queued {
			v.listen(e, at)
		}
		switch {
		case !v.queued && len(v.heard) < keptHeard:
			v.heard = append(slices.Clip(v.heard), e.Detail) // who has an older view keeps it
		case v.queued && v.hearsAt.IsZero(): // nobody acts on what is heard there: only that the waiting is no longer silent
			v.hearsAt = at
		default:
			return
		}
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// now is the view, and a channel that is closed at the next change.
func (w *watch) now() (view, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view, w.changed
}

// until waits until the view satisfies ok. It gives up after limit (0: never) or with ctx, and says whether ok holds.
func (w *watch) until(ctx context.Context, limit time.Duration, ok func(view) bool) bool {
	var late <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		late = t.C
	}
	for {
		v, changed := w.now()
		if ok(v) {
			return true
		}
		select {
		case <-changed:
		case <-late:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func hasEnded(v view) bool { return v.ended }
