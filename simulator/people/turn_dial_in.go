package people

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
)

// comesIn has the supervisor come into the call in his way; false when that came to nothing.
func (l *listening) comesIn(ctx context.Context) bool {
	if l.plan.dialsIn {
		return l.dialIn(ctx)
	}
	return l.enter(ctx)
}

// dialIn has the supervisor get a code, call the number for it, and key it.
func (l *listening) dialIn(ctx context.Context) bool {
	r := l.s.r
	l.mode = "monitor"
	r.tell(SupervisorListens, l.s.entry.Name, l.d.call, "gets a code to dial in")
	got := l.ask(ctx, "supervise-dial-in", "/supervision/dial-in", map[string]any{"private": l.plan.private})
	if got.status != http.StatusOK {
		return false
	}
	if got.dialIn.Code == "" || got.dialIn.Number == "" {
		r.violation(l.d.call, "%s is given the code %q for the number %q", l.s.entry.Name, got.dialIn.Code, got.dialIn.Number)
		return false
	}
	line, err := r.sim.Dial(l.telephone(), got.dialIn.Number)
	if err != nil {
		r.violation(l.d.call, "%s cannot dial %s: %v", l.s.entry.Name, got.dialIn.Number, err)
		return false
	}
	r.tell(SupervisorListens, l.s.entry.Name, l.d.call, "dials in")
	l.w = r.observe(line)
	l.forbid(line.CallSID(), l.mode) // before he can be heard
	if l.plan.slips && !l.slip(ctx, got.dialIn.Code) {
		return l.notIn("is not told that his code is wrong")
	}
	if !l.told(ctx, "code", 0) {
		return l.notIn("is not asked for his code")
	}
	line.Press(got.dialIn.Code)
	if !l.w.until(ctx, r.limits.lineEnd, func(v view) bool { return v.joined || v.ended }) {
		return l.notIn("keyed his code, and is not let in")
	}
	if v, _ := l.w.now(); !v.joined && v.ended {
		return l.notIn("keyed his code, and is taken leave of")
	}
	shown, ok := r.poll(ctx, l.d.call, r.limits.readModel, func(c apiCall) bool {
		leg, there := c.leg(func(leg apiLeg) bool { return leg.CallSID == line.CallSID() })
		return there && leg.State == "joined" && leg.Mode == l.mode
	})
	if !ok {
		if ctx.Err() == nil && !l.over() {
			l.shows(shown)
		}
		return !l.over()
	}
	l.check(ctx)
	return true
}

// slip keys a wrong code, and hears that it is none.
func (l *listening) slip(ctx context.Context, code string) bool {
	if !l.told(ctx, "code", 0) {
		return false
	}
	v, _ := l.w.now()
	l.w.line.Press(fmt.Sprintf("%c%s", '0'+(code[0]-'0'+1)%10, code[1:]))
	return l.told(ctx, "not valid", len(v.heard))
}

// told waits until the supervisor hears words, of what is said after so many things.
func (l *listening) told(ctx context.Context, words string, after int) bool {
	heard := func(v view) bool {
		for i, said := range v.heard {
			if i >= after && strings.Contains(said, words) {
				return true
			}
		}
		return false
	}
	l.w.until(ctx, l.s.r.limits.lineEnd, func(v view) bool { return v.ended || heard(v) })
	v, _ := l.w.now()
	return !v.ended && heard(v)
}

// notIn says what went wrong, unless the call was over, which the supervisor cannot know, or webhooks go astray.
func (l *listening) notIn(what string) bool {
	if v, _ := l.d.w.now(); !v.ended && !l.d.c.callerGone() && !l.s.r.cfg.Faulty {
		l.s.r.violation(l.d.call, "%s %s", l.s.entry.Name, what)
	}
	return false
}

// telephone is what the supervisor dials in from, which nobody is rung at.
func (l *listening) telephone() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(l.s.entry.Address)) // it takes everything
	return fmt.Sprintf("+1707556%04d", h.Sum32()%10_000)
}
