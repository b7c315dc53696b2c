package people

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// wrapUp waits until the desktop shows that the call is in wrap-up, writes his notes, and completes it by the API.
func (d *desk) wrapUp(ctx context.Context) {
	a := d.a
	if d.call == "" { // the talk was over before the desktop showed it
		_, _ = a.look(func() bool { d.call = a.legs[d.w.line.CallSID()]; return true })
		if d.call == "" {
			d.call = d.c.id()
		}
		if d.call == "" {
			return
		}
	}
	if d.part == invited || d.excused {
		d.wrapUpPart(ctx)
		return
	}
	state := d.settled(ctx, a.r.limits.wrap)
	if ctx.Err() != nil || state == stateEnded {
		return
	}
	if state != stateWrapping {
		a.r.violation(d.call, "%s has left the call for %s, and Holdfast says %s, not wrapping", a.entry.Name, a.r.limits.wrap, quoteOr(state, "nothing"))
		return
	}
	a.r.tell(AgentWrapsUp, a.entry.Name, d.call, "writes notes")
	if a.r.pause(ctx, nil, d.c.wrapUpFor) {
		d.complete(ctx)
	}
}

// settled waits for the call to be wrapping or ended, and gives its state.
func (d *desk) settled(ctx context.Context, limit time.Duration) (state string) {
	shown := func() bool {
		known, there := d.a.states[d.call]
		if there {
			state = known
		}
		return state == stateWrapping
	}
	// A call that ended has left the desktop: only the API tells it from one that was never on it.
	ask := func() bool {
		got, err := d.a.api.call(ctx, d.call)
		if err == nil && got.status == http.StatusOK {
			state = got.call.State
		}
		return state == stateWrapping || state == stateEnded
	}
	if _, there := d.a.lookState(d.call); !there && ask() {
		return state
	}
	d.a.find(ctx, limit, nil, shown, ask)
	return state
}

// wrapUpPart is the work after a part of a call that goes on without the agent, or that others had besides him. An agent who is asked back
// puts his notes away.
func (d *desk) wrapUpPart(ctx context.Context) {
	a := d.a
	if d.fell { // his part is over once somebody came: himself, or another
		d.c.await(ctx, 0, d.c.callerWatch().done, func(s shared) bool { return s.awaited.IsZero() })
	}
	if !d.serves && d.part == invited { // there was nothing to write down
		d.complete(ctx)
		return
	}
	a.r.tell(AgentWrapsUp, a.entry.Name, d.call, "writes notes")
	if a.r.pause(ctx, nil, d.c.wrapUpFor) && !d.isBack() {
		d.complete(ctx)
	}
}

// isBack says whether the agent has another line into the call by now, or is awaited there.
func (d *desk) isBack() bool {
	back, _ := d.a.look(func() bool {
		for w := range d.a.lines {
			if v, _ := w.now(); w != d.w && v.room != "" && !v.ended {
				return true
			}
		}
		return false
	})
	return back
}

func (a *agent) lookState(call string) (state string, there bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state, there = a.states[call]
	return state, there
}

// complete presses the button until it is done: by him, or by the wrap-up's own deadline.
func (d *desk) complete(ctx context.Context) {
	a := d.a
	key := a.nextKey(d.call, "wrap-up")
	a.r.acting.Add(1)
	defer a.r.acting.Add(-1)
	deadline := time.Now().Add(a.r.limits.wrap)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		got := a.api.act(ctx, "/v1/calls/"+d.call+"/wrap-up/complete", key)
		if ctx.Err() != nil {
			return
		}
		a.r.book.action("wrap-up", got)
		switch {
		case got.status == http.StatusForbidden && a.r.cfg.Faulty && d.part == invited:
			// His offer may have run out while the word of his joining was under way, or lost. That he was there is told later, or never.
			read, err := a.r.reader.call(ctx, d.call)
			if err == nil && read.status == http.StatusOK && read.call.State == stateEnded {
				return
			}
			key = a.nextKey(d.call, "wrap-up")
			deadline = time.Now().Add(a.r.limits.wrap)
		case got.status == http.StatusOK:
			a.update(func() { a.lost = slices.DeleteFunc(a.lost, func(c *conversation) bool { return c == d.c }) })
			a.r.tell(AgentFinishes, a.entry.Name, d.call, "is ready for the next call")
			return
		case got.status == http.StatusConflict: // over already, by its deadline; if not, it was too early, and he tries again
			read, err := a.api.call(ctx, d.call)
			if err == nil && read.status == http.StatusOK && read.call.State == stateEnded {
				return
			}
			if d.isBack() {
				return
			}
			if d.part == invited || d.excused { // his part may be over already; that it is over in the end, the world is asked
				deadline = time.Now().Add(a.r.limits.wrap)
			}
			key = a.nextKey(d.call, "wrap-up") // a refusal would be remembered with its key
		case slices.Contains([]int{http.StatusAccepted, http.StatusServiceUnavailable, 0}, got.status):
		default:
			a.r.violation(d.call, "%s cannot complete the wrap-up: %s", a.entry.Name, got)
			return
		}
		if time.Now().After(deadline) {
			a.r.violation(d.call, "%s could not complete the wrap-up within %s; last: %s", a.entry.Name, a.r.limits.wrap, got)
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}
