package people

import (
	"context"
	"slices"
	"time"

	"holdfast/simulator"
)

// take is one ring of an agent's phone and what comes of it, to the end of the wrap-up.
func (a *agent) take(ctx context.Context, line simulator.Line) {
	w := a.r.observe(line)
	defer func() {
		if ctx.Err() != nil { // the shift is over, and the phone goes with it
			line.HangUp()
		}
	}()
	c := a.identify(ctx, w)
	if c == nil {
		return
	}
	name, call := a.entry.Name, c.id()
	defer a.handled(call)
	a.r.tell(AgentRings, name, call, "hears the phone: %s", c.caller)
	switch c.ring() {
	case rejects:
		if a.r.pause(ctx, w, c.answerAfter) {
			a.r.tell(AgentRejects, name, call, "rejects the call")
			line.Reject()
			w.until(ctx, 0, hasEnded)
		}
		return
	case ignores:
		a.r.tell(AgentIgnores, name, call, "lets it ring")
		w.until(ctx, 0, hasEnded)
		return
	case answers:
	}
	if !a.r.pause(ctx, w, c.answerAfter) {
		a.r.tell(AgentMissed, name, call, "was about to answer: it stopped ringing")
		return
	}
	a.pickUp(ctx, w, c)
}

// pickUp answers, talks and wraps up.
func (a *agent) pickUp(ctx context.Context, w *watch, c *conversation) {
	a.update(func() { a.lines[w] = struct{}{} })
	defer a.update(func() {
		delete(a.lines, w)
		delete(a.legs, w.line.CallSID())
	})
	w.line.Answer()
	w.until(ctx, 0, func(v view) bool { return v.answered || v.ended })
	if v, _ := w.now(); !v.answered {
		a.r.tell(AgentMissed, a.entry.Name, c.id(), "answers, and nobody is there")
		return
	}
	c.update(func(s *shared) { s.answered = true })
	a.r.tell(AgentAnswers, a.entry.Name, c.id(), "answers")
	if !w.until(ctx, 0, func(v view) bool { return v.joined || v.ended }) {
		return
	}
	if v, _ := w.now(); v.joinedAt.IsZero() { // the caller had gone while the agent picked up
		return
	}
	d := &desk{a: a, c: c, w: w}
	if d.meet(ctx) {
		d.c.enter()
		d.talk(ctx)
		w.until(ctx, 0, hasEnded)
		d.c.leave()
	}
	w.until(ctx, 0, hasEnded)
	if ctx.Err() != nil {
		return
	}
	a.checkWhoEnded(ctx, d.c)
	if a.untilUp(ctx) { // a crashed desktop shows nothing until it is back
		d.wrapUp(ctx)
	}
}

// untilUp waits until the agent is at his desk.
func (a *agent) untilUp(ctx context.Context) bool {
	for {
		up, changed := a.look(func() bool { return !a.down })
		if up {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// checkWhoEnded looks for the talk that somebody cut whom nobody asked to.
func (a *agent) checkWhoEnded(ctx context.Context, c *conversation) {
	w := c.callerWatch()
	if s, _ := c.now(); s.ender != nobody || w == nil || w.until(ctx, 2*time.Second, hasEnded) {
		return
	}
	if s, _ := c.now(); s.ender == nobody && ctx.Err() == nil {
		a.r.violation(w.line.CallSID(), "%s was dropped from the talk with %s, who is still there", a.entry.Name, c.caller)
	}
}

// identify finds out whose call rings. A phone may show the caller's number, or the centre's own: then the desktop knows which
// call is being offered. nil: the ringing stopped first.
func (a *agent) identify(ctx context.Context, w *watch) *conversation {
	if c := a.r.calledFrom(w.line.From()); c != nil {
		return c
	}
	var found *conversation
	offered := func(call, state string) bool { // under the agent's lock
		if (state != stateReserved && state != stateConnecting) || a.handling[call] {
			return false
		}
		if found = a.r.called(call); found != nil {
			a.handling[call] = true
		}
		return found != nil
	}
	shown := func() bool {
		for call, state := range a.states {
			if offered(call, state) {
				return true
			}
		}
		return false
	}
	ask := func() bool {
		calls, err := a.api.calls(ctx, a.sid, stateReserved, stateConnecting)
		if err != nil { // the server may be away for a moment
			return false
		}
		ok, _ := a.look(func() bool {
			return slices.ContainsFunc(calls, func(c apiCall) bool { return offered(c.ID, c.State) })
		})
		return ok
	}
	if a.find(ctx, a.r.limits.identify, w.done, shown, ask) {
		return found
	}
	if v, _ := w.now(); v.ended || ctx.Err() != nil {
		return nil
	}
	return a.r.stranger(w.line.From()) // somebody who does not belong to the run: answered like anybody
}

// handled clears the desktop of a ring that is over. An offer that came to nothing leaves no trace there: the live events of a call
// that went to somebody else are not this agent's to read.
func (a *agent) handled(call string) {
	a.update(func() {
		delete(a.handling, call)
		if s := a.states[call]; s == stateReserved || s == stateConnecting {
			delete(a.states, call)
		}
	})
}
