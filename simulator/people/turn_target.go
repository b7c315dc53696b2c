package people

import (
	"context"
	"slices"
	"strings"
	"time"

	"holdfast/simulator"
)

// find chooses whom the call is handed to, and has him expect it.
func (d *desk) find(ctx context.Context, t transfer) (apiTarget, bool) {
	r := d.a.r
	g := guest{welcome: t.welcome}
	switch t.to {
	case toAgent:
		if t.queue != "" { // he is off duty
			d.c.expectGuest(g)
			return apiTarget{Kind: toAgent, AgentSID: r.centre.Agents[t.queue]}, true
		}
		other := r.colleague(ctx, d.a)
		if other == nil {
			return apiTarget{}, false
		}
		g.address = other.entry.Address
		d.c.expectGuest(g)
		return apiTarget{Kind: toAgent, AgentSID: other.sid}, true
	case toQueue:
		d.c.expectGuest(g)
		return apiTarget{Kind: toQueue, QueueSID: r.centre.Queues[t.queue]}, true
	case toNumber:
		d.c.expectGuest(g)
		r.plugIn(ctx, d.c, t.address, t.welcome)
		return apiTarget{Kind: toNumber, Address: t.address}, true
	case toSupervisor:
		sup := r.supervisors.take(ctx, 1, d.w.done)
		if sup == nil {
			return apiTarget{}, false
		}
		d.c.whenOver(func() { r.supervisors.give(sup...) })
		d.c.expectGuest(g)
		r.plugIn(ctx, d.c, sup[0].entry.Address, t.welcome)
		return apiTarget{Kind: toSupervisor, Address: sup[0].entry.Address}, true
	}
	return apiTarget{}, false
}

// colleague is an agent who is at his desk and free, if there is one within a while; then any other who is at work; nil: nobody.
func (r *run) colleague(ctx context.Context, besides *agent) *agent {
	if len(r.agents) < 2 {
		return nil
	}
	start := slices.Index(r.agents, besides)
	for range 40 {
		for i := 1; i < len(r.agents); i++ {
			a := r.agents[(start+i)%len(r.agents)]
			free, _ := a.look(func() bool { return !a.down && len(a.lines) == 0 && len(a.handling) == 0 && len(a.assigned) == 0 })
			if _, available, err := r.sim.Availability(a.sid); err == nil && available && free && !a.entry.Apart {
				return a
			}
		}
		if !r.pause(ctx, nil, 0.5) {
			return nil
		}
	}
	return nil
}

// plugIn gives somebody outside, or a supervisor, a phone for as long as the call lasts.
func (r *run) plugIn(ctx context.Context, c *conversation, address string, does welcome) {
	r.sim.Attach(address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		r.spawn(func() { r.outsider(ctx, c, line, does) })
	}))
	c.whenOver(func() { r.sim.Attach(address, nil) })
}

// outsider is somebody at a telephone who has no desktop, and is brought into a conversation.
func (r *run) outsider(ctx context.Context, c *conversation, line simulator.Line, does welcome) {
	w := r.observe(line)
	defer func() {
		if ctx.Err() != nil {
			line.HangUp()
		}
	}()
	who := line.To()
	if does.does == ignores {
		r.tell(GuestIgnores, who, c.id(), "lets it ring")
		w.until(ctx, 0, hasEnded)
		return
	}
	if !r.pause(ctx, w, does.after) {
		return
	}
	if does.does == rejects {
		r.tell(GuestRejects, who, c.id(), "is busy")
		line.Reject()
		w.until(ctx, 0, hasEnded)
		return
	}
	line.Answer()
	r.tell(GuestAnswers, who, c.id(), "answers")
	w.until(ctx, 0, func(v view) bool { return v.joined || v.ended })
	if v, _ := w.now(); v.joinedAt.IsZero() {
		return
	}
	c.update(func(s *shared) { s.guest.w = w })
	if !w.until(ctx, r.limits.alone, func(v view) bool { return !v.togetherAt.IsZero() || v.ended }) && ctx.Err() == nil {
		r.violation(c.id(), "%s was let into an empty room and sat there for %s", who, r.limits.alone)
		line.HangUp()
		return
	}
	c.enter()
	defer c.leave()
	if !c.await(ctx, 0, w.done, func(s shared) bool { return s.guest.w == w && s.guest.has }) {
		w.until(ctx, 0, hasEnded)
		return
	}
	r.endAsGuest(ctx, c, w)
}

// endAsGuest is the end of a talk that somebody without a desktop has taken over. What was planned for agents is not for him.
func (r *run) endAsGuest(ctx context.Context, c *conversation, w *watch) {
	c.update(func(s *shared) { s.turns = nil })
	if !r.pause(ctx, w, max(1, c.talkFor/2)) {
		return
	}
	// A caller who does not follow would be brought somebody else: Twilio cannot tell who hangs up from a browser that died.
	stays := c.goodbye == 0 && strings.HasPrefix(w.line.To(), "client:")
	if c.ender == callerEnds {
		c.said()
	} else if stays {
		c.update(func(s *shared) { s.leaveAt = time.Now() })
	} else if c.end(guestHangs) == guestHangs {
		r.tell(GuestHangsUp, w.line.To(), c.id(), "hangs up")
		w.line.HangUp()
	}
	w.until(ctx, 0, hasEnded)
}
