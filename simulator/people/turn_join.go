package people

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// joining makes a call of three: somebody is brought in besides the customer.
type joining struct {
	transfer                // whom, and how he takes it
	does           []string // what the agent does to him: hold, unhold, mute, unmute
	withdrawsAfter float64  // while his phone rings; 0: does not
	leavesHimself  bool     // else the agent removes him
}

func (t joining) play(ctx context.Context, d *desk) (stays bool) {
	r := d.a.r
	target, ok := d.find(ctx, t.transfer)
	if !ok {
		return true
	}
	before, err := r.reader.call(ctx, d.call)
	if err != nil {
		return true
	}
	r.tell(AgentInvites, d.a.entry.Name, d.call, "brings somebody in (%s)", t.to)
	asked := make(chan answer, 1)
	r.spawn(func() {
		asked <- r.ask(ctx, d.a.api, d.call, "join", "/participants", d.a.nextKey(d.call, "join"), map[string]any{"target": target})
	})
	call, there := r.poll(ctx, d.call, r.limits.readModel, func(c apiCall) bool { return len(c.Invitations) > len(before.call.Invitations) })
	if !there {
		if !d.unsure && !d.ending(ctx) && !d.c.callerGone() && ctx.Err() == nil {
			r.violation(d.call, "%s asked for somebody to join, and no invitation is shown within %s", d.a.entry.Name, r.limits.readModel)
		}
		return d.alone()
	}
	label := call.Invitations[len(call.Invitations)-1].Label
	if t.withdrawsAfter > 0 && r.pause(ctx, d.w, t.withdrawsAfter) {
		d.ask(ctx, "withdraw", "/invitations/"+label+"/withdraw", nil, "invitation_over")
	}
	came := t.comes(ctx, d, label)
	select {
	case got := <-asked:
		if got.status >= 400 && came && !d.c.callerGone() && ctx.Err() == nil {
			r.violation(d.call, "join was refused (%s), and he came", got)
		}
	case <-time.After(r.limits.accepted + attemptLimit):
	case <-ctx.Done():
	}
	if came {
		t.company(ctx, d)
	}
	return d.alone()
}

// alone ends the visit on the agent's side; it says whether he still has the call.
func (d *desk) alone() bool {
	d.c.update(func(s *shared) { s.guest = guest{} })
	v, _ := d.w.now()
	return !v.ended
}

// comes waits until the invitation is answered or has failed, and checks why.
func (t joining) comes(ctx context.Context, d *desk, label string) bool {
	r := d.a.r
	now := func(c apiCall) apiInvitation {
		for _, i := range c.Invitations {
			if i.Label == label {
				return i
			}
		}
		return apiInvitation{}
	}
	c, ok := r.poll(ctx, d.call, r.limits.accepted+r.seconds(100), func(c apiCall) bool {
		return slices.Contains([]string{"joined", "over", "failed"}, now(c).Status)
	})
	got := now(c)
	if ctx.Err() != nil || d.c.callerGone() {
		return false
	}
	if v, _ := d.w.now(); v.ended {
		return false
	}
	switch {
	case !ok:
		r.violation(d.call, "who was asked to join has neither come nor failed: %q", got.Status)
		return false
	case got.Status == "failed":
		if t.fails != "" && got.Failure != t.fails {
			r.violation(d.call, "who was asked to join should have failed by %s, Holdfast says %s", t.fails, got.Failure)
		}
		return false
	case t.fails != "" && t.fails != "canceled":
		r.violation(d.call, "who was asked to join should have failed by %s, Holdfast says %s", t.fails, got.Status)
	}
	return got.Status == "joined" && d.c.await(ctx, r.limits.accepted, d.w.done, func(s shared) bool { return s.guest.w != nil })
}

// company is the talk of three.
func (t joining) company(ctx context.Context, d *desk) {
	r, caller := d.a.r, d.c.callerWatch()
	s, _ := d.c.now()
	w := s.guest.w
	if w == nil {
		return
	}
	leg := "/legs/" + w.line.CallSID() + "/"
	both := func(what string, wanted bool) {
		r.hears(ctx, d.call, what, w, caller, wanted)
		r.hears(ctx, d.call, what, caller, w, wanted)
	}
	both("a third person", true)
	r.hears(ctx, d.call, "a third person", d.w, w, true)
	for _, what := range t.does {
		if v, _ := w.now(); v.ended || !r.pause(ctx, d.w, t.pause) {
			return
		}
		if d.ask(ctx, what, leg+what, nil).status != http.StatusOK {
			continue
		}
		switch what {
		case "hold", "unhold":
			both(what, what == "unhold")
		case "mute", "unmute":
			r.hears(ctx, d.call, what, caller, w, what == "unmute")
		}
	}
	if !r.pause(ctx, d.w, t.pause) {
		return
	}
	if t.leavesHimself {
		r.tell(GuestHangsUp, w.line.To(), d.call, "says goodbye")
		w.line.HangUp()
	} else if d.ask(ctx, "remove", leg+"leave", nil).status == http.StatusOK {
		d.follows(ctx, w, "remove", func(v view) bool { return !v.joined }, verifiedGrace+r.cfg.Patience)
	}
	if !w.until(ctx, r.limits.lineEnd, hasEnded) && ctx.Err() == nil {
		r.violation(d.call, "who was removed is still on the line")
		w.line.HangUp()
	}
	r.hears(ctx, d.call, "two again", d.w, caller, true)
}
