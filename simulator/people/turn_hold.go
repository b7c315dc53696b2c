package people

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// holds is an agent who holds the customer, each time with other music of his own, and mutes himself.
type holds struct {
	music   string // what tells this call's music from others'
	holdFor float64
	times   int
	mutes   bool
}

func (holds) takes() int { return 0 }

func (t holds) play(ctx context.Context, d *desk) (stays bool) {
	if w := d.c.callerWatch(); w != nil {
		for i := range t.times {
			if !t.hold(ctx, d, w, fmt.Sprintf("%s-%d", t.music, i)) {
				break
			}
		}
	}
	if t.mutes && d.set(ctx, "mute", true) && d.a.r.pause(ctx, d.w, t.holdFor/2) {
		d.set(ctx, "mute", false)
	}
	v, _ := d.w.now()
	return !v.ended
}

// hold is one hold, to music that the agent chose.
func (t holds) hold(ctx context.Context, d *desk, w *watch, tune string) bool {
	r := d.a.r
	var body any
	music := ""
	if r.cfg.Music != "" {
		music = r.cfg.Music + "?for=" + url.QueryEscape(tune)
		body = map[string]any{"music_url": music}
	}
	r.tell(AgentHolds, d.a.entry.Name, d.call, "holds a leg with music of his own")
	if d.ask(ctx, "hold", "/legs/customer/hold", body).status != http.StatusOK {
		return false
	}
	if !d.follows(ctx, w, "hold", func(v view) bool { return v.held }, verifiedGrace+r.cfg.Patience) {
		return false
	}
	heard := func(v view) bool { return v.ended || !v.held || slices.Contains(v.heard, music) }
	if music != "" && !w.until(ctx, r.limits.accepted, heard) && ctx.Err() == nil {
		r.violation(d.call, "the customer's hold should play %s, and does not", music)
	}
	if !r.pause(ctx, d.w, t.holdFor) {
		return false
	}
	r.tell(AgentUnholds, d.a.entry.Name, d.call, "takes the hold back")
	got := d.ask(ctx, "unhold", "/legs/customer/unhold", nil)
	if got.status != http.StatusOK {
		return false
	}
	l, there := got.call.leg(func(l apiLeg) bool { return l.CallSID == w.line.CallSID() })
	if there && l.State == "joined" && (l.HeldTotal <= 0 || l.HeldLongest <= 0 || l.HeldLongest > l.HeldTotal) {
		r.violation(d.call, "the customer was held, and Holdfast counts %d ms in all, %d ms at the longest", l.HeldTotal, l.HeldLongest)
	}
	return d.follows(ctx, w, "unhold", func(v view) bool { return !v.held }, verifiedGrace+r.cfg.Patience)
}
