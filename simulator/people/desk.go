package people

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// A desk is an agent's part in one talk: what he does by the buttons of his desktop, and whether the world follows.
type desk struct {
	a *agent
	c *conversation
	w *watch // his own line

	part    part
	serves  bool // the call is his, or was
	fell    bool // his browser died in it, or he hung up by mistake
	excused bool // what takes him out of the call is known: he handed it on, or a supervisor took it

	consulted *watch // whom he consults; nil: nobody

	call   string // the call's ID, once the desktop has shown it
	unsure bool   // an action was accepted and not verified: what comes next may be refused with reason
}

// meet waits until somebody is heard, and sees whom the agent really talks to: where the phone showed the centre's number and two calls
// were offered at a time, he may have taken one for the other. It is false when nobody came, or the line ended first.
func (d *desk) meet(ctx context.Context) bool {
	if !d.w.until(ctx, d.a.r.limits.alone, func(v view) bool { return !v.togetherAt.IsZero() || v.ended }) {
		if ctx.Err() == nil {
			d.a.r.violation(d.c.id(), "%s joined an empty room and sat there for %s", d.a.entry.Name, d.a.r.limits.alone)
			d.w.line.HangUp()
		}
		return false
	}
	v, _ := d.w.now()
	if v.togetherAt.IsZero() {
		return false
	}
	d.c = d.a.r.inRoom(ctx, v.room, d.c)
	return true
}

// talk does what the plan wants of the agent, and returns when he has nothing more to do on the line.
func (d *desk) talk(ctx context.Context) {
	if v, _ := d.w.now(); v.ended || !d.learn(ctx) {
		return
	}
	began := time.Now()
	if d.part == first {
		d.episode(ctx, d.c.hold, "hold", AgentHolds, AgentUnholds)
		d.episode(ctx, d.c.mute, "mute", AgentMutes, AgentUnmutes)
	}
	for t := d.c.next(); t != nil; t = d.c.next() {
		if v, _ := d.w.now(); v.ended || !d.a.r.pause(ctx, d.w, 1) || !t.play(ctx, d) {
			return
		}
	}
	d.c.said()
	if d.c.ender == callerEnds {
		return
	}
	d.a.r.pause(ctx, d.w, max(0.5, d.c.talkFor-d.a.r.inSeconds(time.Since(began))))
	if v, _ := d.w.now(); !v.ended && ctx.Err() == nil {
		d.finish(ctx)
	}
}

// learn finds the call's ID: the desktop shows which call the agent's leg is in, and that he talks.
func (d *desk) learn(ctx context.Context) bool {
	leg := d.w.line.CallSID()
	shown := func() bool {
		d.call = d.a.legs[leg]
		state := d.a.states[d.call]
		return state == stateTalking || state == stateHeld // before that the buttons are grey
	}
	ask := func() bool {
		calls, err := d.a.api.calls(ctx, d.a.sid, stateTalking, stateHeld)
		if err != nil {
			return false
		}
		i := slices.IndexFunc(calls, func(c apiCall) bool {
			_, in := c.leg(func(l apiLeg) bool { return l.CallSID == leg })
			return in
		})
		if i >= 0 {
			d.call = calls[i].ID
		}
		return i >= 0
	}
	if !d.a.find(ctx, d.a.r.limits.learn, d.w.done, shown, ask) {
		if v, _ := d.w.now(); !v.ended && ctx.Err() == nil {
			d.a.r.violation(d.c.id(), "%s talks, and the desktop has shown no call for %s", d.a.entry.Name, d.a.r.limits.learn)
			d.c.end(agentHangs)
			d.w.line.HangUp()
		}
		return false
	}
	if w := d.c.callerWatch(); w != nil && d.c.id() != d.call {
		d.a.r.violation(d.call, "%s talks to %s in call %s, and the desktop says %s",
			d.a.entry.Name, d.c.caller, d.c.id(), d.call)
	}
	return true
}

// episode does something for a while: hold the customer, or mute himself.
func (d *desk) episode(ctx context.Context, e *episode, action string, begin, end Kind) {
	if e == nil || !d.a.r.pause(ctx, d.w, e.after) {
		return
	}
	defer d.checkOneEffect(action)
	d.a.r.tell(begin, d.a.entry.Name, d.call, "presses %s", action)
	if !d.set(ctx, action, true) || !d.a.r.pause(ctx, d.w, e.length) {
		return
	}
	d.a.r.tell(end, d.a.entry.Name, d.call, "presses un%s", action)
	d.set(ctx, action, false)
}

// checkOneEffect compares how often a line was held or muted with the one time that the button was pressed. A command that is tried again
// finds what it wants done and changes nothing; one that is tried again too late undoes what was wanted since.
func (d *desk) checkOneEffect(action string) {
	w, count := d.w, func(v view) int { return v.mutes }
	if action == "hold" {
		w, count = d.c.callerWatch(), func(v view) int { return v.holds }
	}
	if w == nil {
		return
	}
	if v, _ := w.now(); count(v) > 1 {
		d.a.r.violation(d.call, "%s was pressed once, and the line went through it %d times", action, count(v))
	}
}

// set holds or mutes a leg, or takes it back.
func (d *desk) set(ctx context.Context, action string, on bool) bool {
	name := action
	if !on {
		name = "un" + action
	}
	if action == "mute" {
		mine := func(l apiLeg) bool { return l.CallSID == d.w.line.CallSID() }
		return d.press(ctx, name, "/legs/me/"+name, d.w, func(v view) bool { return v.muted == on },
			func(c apiCall) bool { l, ok := c.leg(mine); return ok && l.Muted == on })
	}
	customer := func(l apiLeg) bool { return l.Role == "customer" }
	return d.press(ctx, name, "/legs/customer/"+name, d.c.callerWatch(), func(v view) bool { return v.held == on },
		func(c apiCall) bool { l, ok := c.leg(customer); return ok && l.Hold == on })
}

// finish ends the talk in the way that the plan names. Where the API fails the agent, he still has a phone to hang up.
func (d *desk) finish(ctx context.Context) {
	name := d.a.entry.Name
	gone := func(v view) bool { return v.ended || (!v.joinedAt.IsZero() && !v.joined) }
	switch d.c.end(d.c.ender) {
	case agentHangs:
		d.a.r.tell(AgentHangsUp, name, d.call, "hangs up")
		d.w.line.HangUp()
	case agentLeaves:
		d.a.r.tell(AgentLeaves, name, d.call, "presses leave")
		d.press(ctx, "leave", "/legs/me/leave", d.w, gone, nil)
		if !d.w.until(ctx, d.a.r.limits.lineEnd, hasEnded) {
			d.w.line.HangUp()
		}
	case agentEnds:
		d.a.r.tell(AgentEnds, name, d.call, "presses end")
		if d.press(ctx, "end", "/end", d.w, hasEnded, nil) {
			d.follows(ctx, d.c.callerWatch(), "end", hasEnded, verifiedGrace)
		}
		if !d.w.until(ctx, d.a.r.limits.lineEnd, hasEnded) {
			d.w.line.HangUp()
		}
	case agentDies:
		d.a.r.tell(AgentCrashes, name, d.call, "vanishes: the browser died")
		d.a.crash()
	case nobody, callerEnds, callerLost, runEnds, botEnds, guestHangs, nobodyCame: // somebody else was faster
	}
}

// press does an action by the API and holds the answer against the world: what was verified has happened on the line that it was
// about, what was accepted happens soon, and what is refused is refused because the call was ending. It says whether the
// action has happened.
func (d *desk) press(ctx context.Context, action, path string, w *watch, happened func(view) bool, told func(apiCall) bool) bool {
	key := d.a.nextKey(d.call, action)
	got := d.a.api.act(ctx, "/v1/calls/"+d.call+path, key)
	if ctx.Err() != nil {
		return false
	}
	d.a.r.book.action(action, got)
	switch got.status {
	case http.StatusOK:
		if told != nil && got.call.State != stateEnded && got.call.State != stateWrapping && !told(got.call) {
			d.a.r.violation(d.call, "%s: Holdfast says verified, and shows a call that it did not happen to", action)
		}
		return d.follows(ctx, w, action, happened, verifiedGrace)
	case http.StatusAccepted:
		d.unsure = true
		return d.comesTrue(ctx, w, action, path, key, happened)
	case 0:
		return false // nobody answered for as long as a person tries; the book has it
	default:
		if !d.unsure && !d.ending(ctx) && ctx.Err() == nil {
			d.a.r.violation(d.call, "%s was refused in the middle of a talk: %s", action, got)
		}
		return false
	}
}

// comesTrue waits for what was accepted. Asked again under the same key, Holdfast tells what came of it: that it came to nothing is an
// honest answer.
func (d *desk) comesTrue(ctx context.Context, w *watch, action, path, key string, happened func(view) bool) bool {
	if w == nil {
		return true
	}
	for late := time.Now().Add(d.a.r.limits.accepted); time.Now().Before(late); {
		if w.until(ctx, acceptedLimit, func(v view) bool { return happened(v) || v.ended }) {
			return true
		}
		if got := d.a.api.act(ctx, "/v1/calls/"+d.call+path, key); ctx.Err() != nil || got.status == http.StatusConflict {
			return false
		}
	}
	return d.follows(ctx, w, action, happened, verifiedGrace)
}

// follows says whether the world follows what Holdfast claims, within a limit.
func (d *desk) follows(ctx context.Context, w *watch, action string, happened func(view) bool, within time.Duration) bool {
	if w == nil { // a stranger's line is out of sight
		return true
	}
	ok := w.until(ctx, within, func(v view) bool { return happened(v) || v.ended })
	if !ok && ctx.Err() == nil {
		d.a.r.violation(d.call, "%s: Holdfast says that it happened, and within %s it did not", action, within)
	}
	return ok
}

// ending says whether either end of the talk goes, or is about to.
func (d *desk) ending(ctx context.Context) bool {
	if s, _ := d.c.now(); s.ender != nobody && s.ender != agentEnds && s.ender != agentLeaves {
		return true
	}
	if d.w.until(ctx, verifiedGrace, hasEnded) {
		return true
	}
	w := d.c.callerWatch()
	return w != nil && w.until(ctx, verifiedGrace, hasEnded)
}
