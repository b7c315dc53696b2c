package people

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Kinds of targets, and modes, as Holdfast names them.
const (
	toAgent      = "agent"
	toQueue      = "queue"
	toNumber     = "number"
	toSupervisor = "supervisor"

	cold = "cold"
	warm = "warm"
)

// A transfer is the handing on of a call.
type transfer struct {
	mode    string
	to      string
	queue   string // the queue's name, or the name of an agent who is off duty
	address string // outside
	welcome welcome
	course  []string // what the agent does in a consultation, in order: swap, merge, complete, cancel, hang-up
	pause   float64  // before each of it
	// fails is what the transfer must come to; "" for one that should succeed: then every failure is a true answer that the world bears out.
	fails string
	// What somebody does while the target is looked for, after so many seconds; 0: does not.
	cancelsAfter, agentGoesAfter, callerGoesAfter float64
}

func (t transfer) takes() int {
	if (t.to == toAgent || t.to == toQueue) && t.fails != "timed_out" && t.fails != "unavailable" {
		return 1
	}
	return 0
}

func (t transfer) play(ctx context.Context, d *desk) (stays bool) {
	target, ok := d.find(ctx, t)
	if !ok { // nobody to hand it to: the talk goes on
		return true
	}
	before, err := d.a.r.reader.call(ctx, d.call)
	if err != nil {
		return true
	}
	d.a.r.tell(AgentTransfers, d.a.entry.Name, d.call, "hands the call on (%s, %s)", t.mode, t.to)
	if t.mode == cold {
		d.leaveBehind()
	}
	if t.callerGoesAfter > 0 {
		d.c.update(func(s *shared) { s.leaveAt = time.Now().Add(d.a.r.seconds(t.callerGoesAfter)) })
	}
	got := d.ask(ctx, "transfer", "/transfers", map[string]any{"mode": t.mode, "target": target})
	if ctx.Err() != nil || got.status == 0 {
		return false
	}
	call, there := d.a.r.poll(ctx, d.call, d.a.r.limits.readModel, func(c apiCall) bool { return len(c.Transfers) > len(before.call.Transfers) })
	if !there {
		return d.notHandedOn(ctx, got)
	}
	label := call.Transfers[len(call.Transfers)-1].Invitation
	if t.fails != "" {
		if !d.a.r.cfg.Faulty { // what is told late or never makes another end true
			d.c.update(func(s *shared) { s.checks = append(s.checks, t.verdict(label, d.c)) })
		}
	}
	if t.mode == cold {
		if got.status == http.StatusOK {
			d.follows(ctx, d.w, "cold transfer", func(v view) bool { return !v.joined }, verifiedGrace+d.a.r.cfg.Patience)
		}
		d.a.r.spawn(func() { t.seeThrough(ctx, d, label) })
		w := d.w // he is out of it, unless it came to nothing before he was
		if w.until(ctx, d.a.r.limits.accepted, func(v view) bool { return v.ended || !v.joined }) {
			return false
		}
		d.stay()
		return true
	}
	return t.accompany(ctx, d, label)
}

// notHandedOn is a transfer that Holdfast would not begin. That is a true answer only while the call goes to pieces.
func (d *desk) notHandedOn(ctx context.Context, got answer) bool {
	d.stay()
	if !d.unsure && !d.ending(ctx) && !d.c.callerGone() && ctx.Err() == nil {
		d.a.r.violation(d.call, "transfer was refused in the middle of a talk: %s", got)
	}
	v, _ := d.w.now()
	return !v.ended
}

// leaveBehind: the agent goes, and counts on somebody to come.
func (d *desk) leaveBehind() {
	d.excused = true
	forget := func() {
		d.a.update(func() { d.a.lost = slices.DeleteFunc(d.a.lost, func(c *conversation) bool { return c == d.c }) })
	}
	d.a.update(func() { d.a.lost = append(d.a.lost, d.c) })
	d.c.update(func(s *shared) { s.awaited, s.atEnd = time.Now(), append(s.atEnd, forget) })
}

// stay is leaveBehind taken back: he is still there.
func (d *desk) stay() {
	d.excused = false
	d.a.update(func() { d.a.lost = slices.DeleteFunc(d.a.lost, func(c *conversation) bool { return c == d.c }) })
	d.c.update(func(s *shared) { s.guest, s.awaited = guest{}, time.Time{} })
}

// verdict compares what Holdfast says in the end of a transfer that had to fail.
func (t transfer) verdict(label string, conv *conversation) func(apiCall) string {
	return func(c apiCall) string {
		i := slices.IndexFunc(c.Transfers, func(tr apiTransfer) bool { return tr.Invitation == label })
		if i < 0 {
			return "its transfer " + label + " is forgotten"
		}
		got := c.Transfers[i]
		// Between the wish and the ringing a colleague may have gone, or got a call of his own.
		if t.to == toAgent && got.Status == "failed" && (got.Failure == "unavailable" || got.Failure == "timed_out") {
			return ""
		}
		// A colleague who took the ring for another call's answered it.
		if s, _ := conv.now(); t.fails == "rejected" && !s.refused && got.Status == "completed" {
			return ""
		}
		// Who takes too long to reject does not answer.
		if s, _ := conv.now(); t.fails == "rejected" && s.rangOut && got.Failure == "no_answer" {
			return ""
		}
		if got.Status == "failed" && (got.Failure == t.fails || got.Failure == "customer_left") || got.Status == "canceled" && t.fails == "canceled" {
			return ""
		}
		return fmt.Sprintf("its transfer should have come to %s, Holdfast says %s %s", t.fails, got.Status, got.Failure)
	}
}

func (t transfer) now(c apiCall, label string) apiTransfer {
	for _, tr := range c.Transfers {
		if tr.Invitation == label {
			return tr
		}
	}
	return apiTransfer{}
}

// settled waits until the target has come, or will not.
func (t transfer) settled(ctx context.Context, r *run, call, label string, open ...string) (apiTransfer, bool) {
	limit := r.limits.accepted + r.seconds(60+40)
	c, ok := r.poll(ctx, call, limit, func(c apiCall) bool { return !slices.Contains(open, t.now(c, label).Status) })
	return t.now(c, label), ok
}

// accompany is the agent's part of a warm transfer, from the ringing on.
func (t transfer) accompany(ctx context.Context, d *desk, label string) (stays bool) {
	switch {
	case t.cancelsAfter > 0:
		if d.a.r.pause(ctx, d.w, t.cancelsAfter) {
			d.ask(ctx, "transfer-cancel", "/transfers/current/cancel", nil, "no_transfer")
		}
	case t.agentGoesAfter > 0:
		if d.a.r.pause(ctx, d.w, t.agentGoesAfter) {
			d.leaveBehind()
			d.fell = true
			d.c.expectGuest(guest{takes: true, welcome: welcome{after: d.c.answerAfter}}) // himself, or somebody of the queue
			d.a.r.tell(AgentHangsUp, d.a.entry.Name, d.call, "hangs up by mistake")
			d.w.line.HangUp()
			return false
		}
	}
	tr, ok := t.settled(ctx, d.a.r, d.call, label, "calling")
	if v, _ := d.w.now(); v.ended || ctx.Err() != nil {
		return false
	}
	switch {
	case !ok && !d.c.callerGone():
		d.a.r.violation(d.call, "the transfer to %s is neither answered nor given up", t.to)
		return true
	case !ok:
		return false
	case tr.Status == "consulting", tr.Status == "merged":
		return t.consult(ctx, d, label)
	}
	d.c.update(func(s *shared) { s.guest = guest{} })
	d.together(ctx, "the transfer came to nothing: "+tr.Failure)
	return true
}

// together checks that agent and customer are, after something that kept them apart.
func (d *desk) together(ctx context.Context, after string) {
	caller := d.c.callerWatch()
	if caller == nil || d.c.callerGone() {
		return
	}
	ok := caller.until(ctx, d.a.r.limits.accepted, func(v view) bool { return v.ended || !v.held })
	if !ok && ctx.Err() == nil && !d.c.callerGone() {
		d.a.r.violation(d.call, "%s, and the customer is still on hold", after)
		return
	}
	d.a.r.hears(ctx, d.call, after, caller, d.w, true)
	d.a.r.hears(ctx, d.call, after, d.w, caller, true)
}

// consult is the talk with the target, to whatever end it is to come to.
func (t transfer) consult(ctx context.Context, d *desk, label string) (stays bool) {
	r, caller := d.a.r, d.c.callerWatch()
	if !d.c.await(ctx, r.limits.accepted, d.w.done, func(s shared) bool { return s.guest.w != nil }) {
		if v, _ := d.w.now(); !v.ended && ctx.Err() == nil && !d.c.callerGone() {
			r.violation(d.call, "the transfer is said to be in consultation, and nobody has come")
		}
		return true
	}
	s, _ := d.c.now()
	other := s.guest.w
	d.consulted = other
	defer func() { d.consulted = nil }()
	hears := func(what string, a, b *watch, wanted bool) {
		r.hears(ctx, d.call, what, a, b, wanted)
		r.hears(ctx, d.call, what, b, a, wanted)
	}
	hears("consultation", d.w, other, true)
	hears("consultation", caller, other, false)
	hears("consultation", caller, d.w, false)
	swapped := false
	for _, step := range t.course {
		if !r.pause(ctx, d.w, t.pause) {
			return false
		}
		if v, _ := other.now(); v.ended { // he had enough
			break
		}
		switch step {
		case "swap":
			if d.ask(ctx, "transfer-swap", "/transfers/current/swap", nil, "no_transfer", "not_consulting").status == http.StatusOK {
				swapped = !swapped
				hears("swap", d.w, caller, swapped)
				hears("swap", d.w, other, !swapped)
				hears("swap", caller, other, false)
			}
		case "merge":
			if d.ask(ctx, "transfer-merge", "/transfers/current/merge", nil, "no_transfer", "not_consulting").status == http.StatusOK {
				hears("merge", d.w, caller, true)
				hears("merge", d.w, other, true)
				hears("merge", caller, other, true)
			}
		case "complete":
			d.excused = true
			if got := d.ask(ctx, "transfer-complete", "/transfers/current/complete", nil, "no_transfer", "not_consulting"); got.status == http.StatusOK {
				d.c.update(func(s *shared) { s.guest.has = true })
				d.follows(ctx, d.w, "complete", func(v view) bool { return !v.joined }, verifiedGrace+r.cfg.Patience)
				hears("complete", caller, other, true)
				return false
			}
		case "hang-up":
			d.excused = true
			r.tell(AgentHangsUp, d.a.entry.Name, d.call, "hangs up: the call is somebody else's now")
			d.w.line.HangUp()
			r.spawn(func() { t.seeThrough(ctx, d, label) })
			return false
		case "cancel":
			if d.ask(ctx, "transfer-cancel", "/transfers/current/cancel", nil, "no_transfer").status == http.StatusOK {
				d.follows(ctx, other, "cancel", func(v view) bool { return !v.joined }, verifiedGrace+r.cfg.Patience)
				d.c.update(func(s *shared) { s.guest = guest{} })
				d.together(ctx, "the consultation was canceled")
				return true
			}
		}
	}
	if v, _ := d.w.now(); v.ended {
		return false
	}
	tr, _ := t.settled(ctx, r, d.call, label, "calling", "consulting", "merged")
	if tr.Status == "completed" { // by whatever was asked for and not confirmed
		d.c.update(func(s *shared) { s.guest.has = true })
		return false
	}
	d.excused = false
	d.c.update(func(s *shared) { s.guest = guest{} })
	return true
}

// seeThrough watches what becomes of a transfer whose agent is gone: the target has the call, or somebody is brought back.
func (t transfer) seeThrough(ctx context.Context, d *desk, label string) {
	tr, ok := t.settled(ctx, d.a.r, d.call, label, "calling", "consulting", "merged")
	switch {
	case ctx.Err() != nil || d.c.callerGone():
	case !ok:
		d.a.r.violation(d.call, "the transfer to %s, whose agent is gone, is neither complete nor given up", t.to)
	case tr.Status == "completed":
		if !d.c.await(ctx, d.a.r.limits.accepted, d.c.callerWatch().done, func(s shared) bool { return s.guest.w != nil }) && !d.c.callerGone() && ctx.Err() == nil {
			d.a.r.violation(d.call, "the transfer is said to be complete, and nobody has come")
			return
		}
		s, _ := d.c.now()
		d.c.update(func(s *shared) { s.guest.has, s.awaited = true, time.Time{} })
		d.a.r.hears(ctx, d.call, "complete", d.c.callerWatch(), s.guest.w, true)
		d.a.r.hears(ctx, d.call, "complete", s.guest.w, d.c.callerWatch(), true)
	case tr.Status != "failed" && tr.Status != "canceled":
		d.a.r.violation(d.call, "the transfer %s is shown as %q", label, tr.Status)
	default: // the agent himself is rung again, or somebody of the queue comes
		d.c.update(func(s *shared) {
			if s.guest.w == nil && !s.awaited.IsZero() {
				s.guest = guest{expected: true, takes: true, welcome: welcome{after: d.c.answerAfter}}
			}
		})
	}
}

// ask presses a button of the desktop, and asks again under the same key what came of it where Holdfast could not yet say. A refusal with
// another code than those that may be is wrong unless the call is ending.
func (d *desk) ask(ctx context.Context, action, path string, body any, may ...string) answer {
	got := d.a.r.ask(ctx, d.a.api, d.call, action, path, d.a.nextKey(d.call, action), body)
	switch {
	case ctx.Err() != nil, got.status == 0, got.status == http.StatusOK:
	case got.status == http.StatusAccepted:
		d.unsure = true
	case action == "transfer": // what it came to is in the call's books
	case d.consulted != nil && d.consulted.until(ctx, verifiedGrace, func(v view) bool { return v.ended || !v.joined }):
		// Who was consulted is gone, by his own will or because his offer ran out as he came: there is nothing to be done with him.
	case !slices.Contains(may, got.problem.Code) && !d.unsure && !d.ending(ctx) && !d.c.callerGone():
		d.a.r.violation(d.call, "%s was refused in the middle of a talk: %s", action, got)
	}
	return got
}

// ask posts an action to a call until Holdfast says what came of it, for as long as it may take.
func (r *run) ask(ctx context.Context, client *api, call, action, path, key string, body any) answer {
	r.acting.Add(1)
	defer r.acting.Add(-1)
	late := time.Now().Add(r.limits.accepted)
	for {
		got := client.ask(ctx, "/v1/calls/"+call+path, key, body)
		if ctx.Err() != nil {
			return got
		}
		if got.status != http.StatusAccepted || time.Now().After(late) {
			r.book.action(action, got)
			return got
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return got
		}
	}
}
