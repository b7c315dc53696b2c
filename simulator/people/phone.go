package people

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"holdfast/simulator"
)

// A part is what an agent is to a call whose ring he hears.
type part int

const (
	first   part = iota // the call comes to him
	invited             // a colleague hands it to him, or wants him to join; or everybody else is gone
	back                // he was in it, and is asked to come back
)

// take is one ring of an agent's phone and what comes of it, to the end of the wrap-up.
func (a *agent) take(ctx context.Context, line simulator.Line) {
	w := a.r.observe(line)
	defer func() {
		if ctx.Err() != nil { // the shift is over, and the phone goes with it
			line.HangUp()
		}
	}()
	if a.r.outage.isDead() {
		w.until(ctx, 0, hasEnded)
		return
	}
	c := a.identify(ctx, w)
	if c == nil {
		return
	}
	name, call := a.entry.Name, c.id()
	rings := sync.OnceFunc(func() { a.handled(call) }) // his next ring may be of the same call
	defer rings()
	a.r.tell(AgentRings, name, call, "hears the phone: %s", c.caller)
	p := a.partIn(c)
	does, after := a.reacts(c, p)
	switch does {
	case rejects:
		a.refuse(ctx, w, c, p, after)
		return
	case ignores:
		a.r.tell(AgentIgnores, name, call, "lets it ring")
		w.until(ctx, 0, hasEnded)
		return
	case answers, records:
	}
	if !a.r.pause(ctx, w, after) {
		a.r.tell(AgentMissed, name, call, "was about to answer: it stopped ringing")
		return
	}
	if does == records {
		a.record(ctx, w, c)
		return
	}
	a.pickUp(ctx, w, c, p, rings)
}

// partIn says what the agent is to the call whose ring he hears.
func (a *agent) partIn(c *conversation) part {
	s, _ := c.now()
	offered := false
	fell, _ := a.look(func() bool { // who is offered the call by a task is there to take it over, even from himself
		offered = a.assigned[c.id()]
		return slices.Contains(a.lost, c)
	})
	if fell && !offered && !s.awaited.IsZero() {
		return back
	}
	if s.answered && s.guest.expected {
		return invited
	}
	return first
}

// reacts says what he does about the ring, and after how long.
func (a *agent) reacts(c *conversation, p part) (reaction, float64) {
	switch p {
	case invited:
		s, _ := c.now()
		return s.guest.welcome.does, s.guest.welcome.after
	case back:
		return answers, c.answerAfter / 2
	case first:
	}
	return c.ring(), c.answerAfter
}

// refuse rejects a ring: one that TaskRouter offers by a task is rejected on the desktop, for to TaskRouter a busy phone is no answer.
func (a *agent) refuse(ctx context.Context, w *watch, c *conversation, p part, after float64) {
	if !a.r.pause(ctx, w, after) {
		return
	}
	a.r.tell(AgentRejects, a.entry.Name, c.id(), "rejects the call")
	if p == invited {
		c.update(func(s *shared) { s.refused = true })
		if !a.turnDown(ctx, w, c.id()) {
			c.update(func(s *shared) { s.rangOut = true })
		}
		if w.until(ctx, a.r.limits.lineEnd, hasEnded) {
			return
		}
	}
	w.line.Reject()
	w.until(ctx, 0, hasEnded)
}

// turnDown rejects an offer on the desktop, which may show it a little later than the phone rings; false if it rang for the last time before.
func (a *agent) turnDown(ctx context.Context, w *watch, call string) bool {
	for late := time.Now().Add(a.r.limits.identify); time.Now().Before(late); {
		got := a.api.act(ctx, "/v1/calls/"+call+"/reservations/me/reject", a.nextKey(call, "reject"))
		if v, _ := w.now(); got.status != http.StatusNotFound || v.ended || ctx.Err() != nil {
			a.r.book.action("reject", got)
			return got.status < http.StatusBadRequest || !v.ended
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return true
		}
	}
	return true
}

// record is a voicemail that answers in the agent's place: it listens, and presses nothing. It must never meet the caller.
func (a *agent) record(ctx context.Context, w *watch, c *conversation) {
	a.r.tell(AgentAnswers, a.entry.Name, c.id(), "does not answer; the voicemail does")
	w.line.Answer()
	w.until(ctx, 0, func(v view) bool { return v.joined || v.ended })
	if v, _ := w.now(); !v.joinedAt.IsZero() {
		a.r.violation(c.id(), "the voicemail of %s was let into the call", a.entry.Name)
		w.line.HangUp()
		return
	}
	if v, _ := w.now(); v.answered && len(v.heard) == 0 && ctx.Err() == nil && !c.callerGone() {
		a.r.violation(c.id(), "the voicemail of %s heard no announcement", a.entry.Name)
	}
}

// pickUp answers, talks and wraps up.
func (a *agent) pickUp(ctx context.Context, w *watch, c *conversation, p part, rang func()) {
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
	a.confirm(ctx, w)
	rang()
	if v, _ := w.now(); v.joinedAt.IsZero() { // the caller had gone while the agent picked up
		return
	}
	d := &desk{a: a, c: c, w: w, part: p}
	if d.meet(ctx) {
		if d.c != c { // it was another's ring than he took it for
			d.part = a.partIn(d.c)
			d.c.update(func(s *shared) { s.answered = true })
		}
		d.come()
		d.c.enter()
		if d.hasCall(ctx) {
			d.talk(ctx)
		}
		w.until(ctx, 0, hasEnded)
		d.c.leave()
	}
	w.until(ctx, 0, hasEnded)
	if ctx.Err() != nil {
		return
	}
	if d.serves && !d.excused {
		a.checkWhoEnded(ctx, d.c)
	}
	if a.untilUp(ctx) { // a crashed desktop shows nothing until it is back
		d.wrapUp(ctx)
	}
}

// confirm waits until the agent is in the room, and presses 1 whenever he is told something before: that is what he is asked for, if
// anything.
func (a *agent) confirm(ctx context.Context, w *watch) {
	told := 0
	w.until(ctx, 0, func(v view) bool {
		if v.joined || v.ended {
			return true
		}
		if len(v.heard) > told {
			told = len(v.heard)
			a.r.spawn(func() {
				if a.r.pause(ctx, w, 0.3) {
					w.line.Press("1")
				}
			})
		}
		return false
	})
}

// come tells the others who is in the room now.
func (d *desk) come() {
	switch d.part {
	case invited:
		d.c.update(func(s *shared) { s.guest.w, s.guest.agent = d.w, d.a.sid })
	case back:
		d.c.update(func(s *shared) { s.awaited, s.guest = time.Time{}, guest{} })
		d.a.update(func() { d.a.lost = slices.DeleteFunc(d.a.lost, func(c *conversation) bool { return c == d.c }) })
	case first:
	}
}

// hasCall waits until the call is the agent's; false when his line ends first. Who answers a ring of TaskRouter's or comes back has it at once.
func (d *desk) hasCall(ctx context.Context) bool {
	if d.part == invited {
		d.c.await(ctx, 0, d.w.done, func(s shared) bool { return s.guest.w == d.w && (s.guest.has || s.guest.takes) })
		s, _ := d.c.now()
		if s.guest.w != d.w || !s.guest.has && !s.guest.takes {
			return false
		}
		d.c.update(func(s *shared) { s.awaited = time.Time{} })
	}
	d.serves = true
	return true
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
		if (state != stateReserved && state != stateConnecting && !a.assigned[call]) || a.handling[call] {
			return false
		}
		if found = a.r.called(call); found != nil && found.callerGone() {
			found = nil // his ring is over
		}
		if found != nil {
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
		for call := range a.assigned {
			if offered(call, "") {
				return true
			}
		}
		for _, c := range a.lost { // whoever was dropped and hears the phone knows who it is
			if s, _ := c.now(); !s.awaited.IsZero() {
				found = c
				return true
			}
		}
		return false
	}
	ask := func() bool {
		if c := a.r.guestAt(a.entry.Address); c != nil {
			found = c
			return true
		}
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
		delete(a.assigned, call)
		if s := a.states[call]; s == stateReserved || s == stateConnecting {
			delete(a.states, call)
		}
	})
}
