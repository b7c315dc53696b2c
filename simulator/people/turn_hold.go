package people

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// holds is an agent who holds legs, with music of his own, and mutes them.
type holds struct {
	music   string // what tells this call's music from others'
	holdFor float64
	legs    []string // "customer", "me"
	mutes   bool     // the customer, too
}

func (holds) takes() int { return 0 }

func (t holds) play(ctx context.Context, d *desk) (stays bool) {
	for _, leg := range t.legs {
		w := d.w
		if leg == "customer" {
			w = d.c.callerWatch()
		}
		if w == nil || !t.hold(ctx, d, leg, w) {
			break
		}
	}
	if t.mutes {
		if w := d.c.callerWatch(); w != nil {
			muted := func(on bool) func(view) bool { return func(v view) bool { return v.muted == on } }
			if d.press(ctx, "mute", "/legs/customer/mute", w, muted(true), nil) && d.a.r.pause(ctx, d.w, t.holdFor/2) {
				d.press(ctx, "unmute", "/legs/customer/unmute", w, muted(false), nil)
			}
		}
	}
	v, _ := d.w.now()
	return !v.ended
}

// hold is one hold, to music that the agent chose.
func (t holds) hold(ctx context.Context, d *desk, leg string, w *watch) bool {
	r := d.a.r
	var body any
	music := ""
	if r.cfg.Music != "" {
		music = r.cfg.Music + "?for=" + url.QueryEscape(t.music+"-"+leg)
		body = map[string]any{"music_url": music}
	}
	r.tell(AgentHolds, d.a.entry.Name, d.call, "holds a leg with music of his own")
	if d.ask(ctx, "hold", "/legs/"+leg+"/hold", body).status != http.StatusOK {
		return false
	}
	if !d.follows(ctx, w, "hold", func(v view) bool { return v.held }, verifiedGrace+r.cfg.Patience) {
		return false
	}
	heard := func(v view) bool { return v.ended || !v.held || slices.Contains(v.heard, music) }
	if music != "" && !w.until(ctx, r.limits.accepted, heard) && ctx.Err() == nil {
		r.violation(d.call, "the %s's hold should play %s, and does not", leg, music)
	}
	if !r.pause(ctx, d.w, t.holdFor) {
		return false
	}
	r.tell(AgentUnholds, d.a.entry.Name, d.call, "takes the hold back")
	got := d.ask(ctx, "unhold", "/legs/"+leg+"/unhold", nil)
	if got.status != http.StatusOK {
		return false
	}
	l, there := got.call.leg(func(l apiLeg) bool { return l.CallSID == w.line.CallSID() })
	if there && l.State == "joined" && (l.HeldTotal <= 0 || l.HeldLongest <= 0 || l.HeldLongest > l.HeldTotal) {
		r.violation(d.call, "the %s was held, and Holdfast counts %d ms in all, %d ms at the longest", leg, l.HeldTotal, l.HeldLongest)
	}
	return d.follows(ctx, w, "unhold", func(v view) bool { return !v.held }, verifiedGrace+r.cfg.Patience)
}
