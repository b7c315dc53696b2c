package people

import (
	"context"
	"net/http"
	"time"
)

// How the agent comes back whose browser died.
const (
	rejoins = "rejoins" // is back soon, and presses rejoin
	isRung  = "is rung" // is back before he is missed; his phone rings
	tooLate = "too late"
	never   = "never" // for as long as the caller is there
)

// fall is an agent's browser that dies in the middle of a talk.
type fall struct {
	agent   string  // how he comes back
	after   float64 // seconds
	hangsUp bool    // by mistake: his browser is as it was
}

func (t fall) takes() int {
	if t.agent == never {
		return 0
	}
	return 1
}

func (t fall) play(ctx context.Context, d *desk) (stays bool) {
	a, c := d.a, d.c
	d.leaveBehind()
	d.fell = true
	c.expectGuest(guest{takes: true, welcome: welcome{after: c.answerAfter}})
	c.update(func(s *shared) { s.awaited = time.Now() })
	if t.hangsUp {
		a.r.tell(AgentHangsUp, a.entry.Name, d.call, "hangs up by mistake")
		d.w.line.HangUp()
		return false
	}
	a.update(func() {
		a.absence = func(ctx context.Context) bool {
			switch t.agent {
			case tooLate:
				c.await(ctx, 0, c.callerWatch().done, func(s shared) bool { return s.awaited.IsZero() })
			case never:
				c.await(ctx, 0, c.callerWatch().done, func(shared) bool { return false })
			}
			return a.r.pause(ctx, nil, t.after)
		}
	})
	a.r.tell(AgentCrashes, a.entry.Name, d.call, "vanishes: the browser died")
	a.crash()
	if t.agent == rejoins {
		a.r.spawn(func() { d.rejoin(ctx) })
	}
	return false
}

// rejoin is the one action that brings an agent back who fell out of a call. It is refused while nobody has missed him yet.
func (d *desk) rejoin(ctx context.Context) {
	a := d.a
	if !a.untilUp(ctx) {
		return
	}
	a.r.tell(AgentRejoins, a.entry.Name, d.call, "presses rejoin")
	for late := time.Now().Add(a.r.limits.accepted + a.r.seconds(comingWithin)); time.Now().Before(late); {
		s, _ := d.c.now()
		if s.awaited.IsZero() || d.c.callerGone() {
			return
		}
		got := a.r.ask(ctx, a.api, d.call, "rejoin", "/rejoin", a.nextKey(d.call, "rejoin"), nil)
		if ctx.Err() != nil {
			return
		}
		if got.status == http.StatusOK {
			if !d.c.await(ctx, verifiedGrace+a.r.limits.lineEnd, d.c.callerWatch().done, func(s shared) bool { return s.awaited.IsZero() }) &&
				ctx.Err() == nil && !d.c.callerGone() {
				a.r.violation(d.call, "%s is said to have rejoined, and has not", a.entry.Name)
			}
			return
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return
		}
	}
}
