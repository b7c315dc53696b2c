package people

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A supervision is what one supervisor does in a call.
type supervision struct {
	mode        string
	private     bool
	after       float64 // comes
	answerAfter float64
	then        []string // modes; at the end "leave", "hang-up" or "take-over"
	pause       float64  // before each
	dialsIn     bool     // by a code, with a telephone; slips: he keys a wrong one first
	slips       bool
	collides    bool // others act at the same moment: a refusal is a true answer
}

// supervised is a talk that supervisors come to.
type supervised struct {
	visits []supervision
	help   string // why the agent asks for it first; "": he does not
}

func (supervised) takes() int { return 0 }

func (t supervised) play(ctx context.Context, d *desk) (stays bool) {
	r := d.a.r
	taken := r.supervisors.take(ctx, len(t.visits), d.w.done)
	if taken == nil {
		return true
	}
	if t.help != "" && !d.callForHelp(ctx, t.help) {
		r.supervisors.give(taken...)
		return true
	}
	over := make(chan bool, len(taken))
	var all sync.WaitGroup
	for i, visit := range t.visits {
		all.Go(func() {
			l := &listening{s: taken[i], d: d, plan: visit}
			took := l.live(ctx)
			if !took { // who has the call keeps his phone
				r.sim.Attach(l.s.entry.Address, nil)
				r.supervisors.give(l.s)
			}
			over <- took
		})
	}
	all.Wait()
	close(over)
	for took := range over {
		if took {
			return false
		}
	}
	if t.help != "" {
		d.dismissHelp(ctx)
	}
	return true
}

// live is the supervisor's visit. took says that he has taken the call over.
func (l *listening) live(ctx context.Context) (took bool) {
	defer l.lift()
	r := l.s.r
	if !r.pause(ctx, l.d.w, l.plan.after) || !l.comesIn(ctx) {
		l.goHome(ctx)
		return false
	}
	if !l.plan.collides {
		l.known(ctx)
	}
	for _, what := range l.plan.then {
		if !r.pause(ctx, l.w, l.plan.pause) || l.over() {
			break
		}
		switch what {
		case "leave":
			r.tell(SupervisorLeaves, l.s.entry.Name, l.d.call, "leaves")
			if l.ask(ctx, "supervise-leave", "/legs/"+l.w.line.CallSID()+"/leave", nil).status == http.StatusOK {
				l.d.follows(ctx, l.w, "a supervisor's leave", func(v view) bool { return !v.joined }, verifiedGrace+r.cfg.Patience)
			}
		case "hang-up":
			r.tell(SupervisorLeaves, l.s.entry.Name, l.d.call, "hangs up")
			l.w.line.HangUp()
		case "take-over":
			if l.takeOver(ctx) {
				return true
			}
		default:
			l.change(ctx, what)
		}
	}
	l.goHome(ctx)
	return false
}

// goHome ends the supervisor's line if nobody else has.
func (l *listening) goHome(ctx context.Context) {
	if l.w == nil {
		return
	}
	if !l.w.until(ctx, l.s.r.limits.lineEnd, hasEnded) {
		l.w.line.HangUp()
		l.w.until(ctx, 0, hasEnded)
	}
}

// takeOver has the supervisor take the call, and end it in time.
func (l *listening) takeOver(ctx context.Context) bool {
	r, c := l.s.r, l.d.c
	r.tell(SupervisorTakesOver, l.s.entry.Name, l.d.call, "takes the call over")
	l.mode = "barge"
	l.lift()
	l.d.excused = true
	c.update(func(s *shared) { s.guest = guest{w: l.w, has: true} })
	c.enter()
	got := l.ask(ctx, "take-over", "/supervision/take-over", nil)
	if got.status != http.StatusOK {
		l.d.excused = false
		c.leave()
		return false
	}
	l.d.follows(ctx, l.d.w, "take-over", func(v view) bool { return !v.joined }, verifiedGrace+r.cfg.Patience)
	r.hears(ctx, l.d.call, "take-over", c.callerWatch(), l.w, true)
	r.hears(ctx, l.d.call, "take-over", l.w, c.callerWatch(), true)
	c.whenOver(func() {
		r.sim.Attach(l.s.entry.Address, nil)
		r.supervisors.give(l.s)
	})
	r.spawn(func() {
		defer c.leave()
		r.endAsGuest(ctx, c, l.w)
	})
	return true
}

// callForHelp is an agent who wants a supervisor; supervisors are shown it.
func (d *desk) callForHelp(ctx context.Context, reason string) bool {
	d.a.r.tell(AgentNeedsHelp, d.a.entry.Name, d.call, "asks for help")
	if d.ask(ctx, "help", "/help", map[string]any{"reason": reason}).status != http.StatusOK {
		return false
	}
	return d.helpShown(ctx, true)
}

func (d *desk) dismissHelp(ctx context.Context) {
	if v, _ := d.w.now(); v.ended || d.c.callerGone() {
		return
	}
	if d.ask(ctx, "help-dismiss", "/help/dismiss", nil).status == http.StatusOK {
		d.helpShown(ctx, false)
	}
}

// helpShown checks that the call shows a supervisor whether the agent wants help.
func (d *desk) helpShown(ctx context.Context, wanted bool) bool {
	shows := func(c apiCall) bool {
		return slices.ContainsFunc(c.Helps, func(h apiHelp) bool { return h.AgentSID == d.a.sid }) == wanted
	}
	_, ok := d.a.r.poll(ctx, d.call, d.a.r.limits.readModel, shows)
	if !ok && ctx.Err() == nil && !d.c.callerGone() {
		d.a.r.violation(d.call, "%s asked for help: %t, and supervisors are not shown it within %s", d.a.entry.Name, wanted, time.Duration(d.a.r.limits.readModel))
	}
	return ok
}
