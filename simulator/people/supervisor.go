package people

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"holdfast/simulator"
)

// A supervisor has a phone that he is dialled at, and a key to Holdfast's API.
type supervisor struct {
	r     *run
	entry SupervisorEntry
	api   *api

	mu      sync.Mutex
	actions int
}

// supervisors are those who are free: each is at one call at a time.
type supervisors struct {
	mu      sync.Mutex
	free    []*supervisor
	changed chan struct{}
	all     int
}

func newSupervisors(r *run) *supervisors {
	s := &supervisors{changed: make(chan struct{})}
	if r.cfg.SupervisorKeys == nil {
		return s
	}
	for _, e := range r.script.Centre.Supervisors {
		s.free = append(s.free, &supervisor{r: r, entry: e, api: &api{http: r.http, base: r.cfg.BaseURL, key: r.cfg.SupervisorKeys(e.Name)}})
	}
	s.all = len(s.free)
	return s
}

// take waits for n supervisors at a time. nil: there are not so many, or over or ctx ended first.
func (s *supervisors) take(ctx context.Context, n int, over <-chan struct{}) []*supervisor {
	for s.all >= n {
		s.mu.Lock()
		if len(s.free) >= n {
			taken := slices.Clone(s.free[:n])
			s.free = slices.Delete(s.free, 0, n)
			s.mu.Unlock()
			return taken
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-over:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (s *supervisors) give(back ...*supervisor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, back...)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *supervisor) nextKey(call, action string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions++
	return fmt.Sprintf("%s-%s-%s-%d", call, s.entry.Address, action, s.actions)
}

// A listening is one supervisor's presence in one call.
type listening struct {
	s     *supervisor
	d     *desk  // of the agent who has the call
	w     *watch // the supervisor's own line; nil until he has picked up
	mode  string
	plan  supervision
	mu    sync.Mutex
	allow []func() // lift what must not be heard
}

// dialled waits for the supervisor's phone, and picks it up.
func (l *listening) dialled(ctx context.Context) <-chan *watch {
	lines := make(chan *watch, 1)
	r := l.s.r
	r.sim.Attach(l.s.entry.Address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		r.spawn(func() {
			w := r.observe(line)
			if !r.pause(ctx, w, l.plan.answerAfter) {
				line.HangUp()
				return
			}
			l.forbid(line.CallSID(), l.plan.mode) // before he can be heard
			line.Answer()
			select {
			case lines <- w:
			default: // a second ring: nobody asked for it
				r.violation(l.d.call, "%s is rung twice for one wish", l.s.entry.Name)
			}
			w.until(ctx, 0, hasEnded)
			if ctx.Err() != nil {
				line.HangUp()
			}
		})
	}))
	return lines
}

// forbid says who must not hear the supervisor from now on, in this mode.
func (l *listening) forbid(leg, mode string) {
	l.lift()
	l.mu.Lock()
	defer l.mu.Unlock()
	caller := l.d.c.callerWatch()
	if mode == "barge" || caller == nil {
		return
	}
	l.allow = append(l.allow, l.s.r.sim.MustNotHear(caller.line.CallSID(), leg))
	if mode == "monitor" {
		l.allow = append(l.allow, l.s.r.sim.MustNotHear(l.d.w.line.CallSID(), leg))
	}
}

func (l *listening) lift() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, allow := range l.allow {
		allow()
	}
	l.allow = nil
}

// ask presses one of the supervisor's buttons. A refusal is true while the call goes to pieces.
func (l *listening) ask(ctx context.Context, action, path string, body any) answer {
	r := l.s.r
	got := r.ask(ctx, l.s.api, l.d.call, action, path, l.s.nextKey(l.d.call, action), body)
	refused := got.status >= 400
	if refused && !l.over() && !l.plan.collides && !r.cfg.Faulty && !l.d.ending(ctx) && ctx.Err() == nil {
		r.violation(l.d.call, "%s of %s was refused in the middle of a talk: %s", action, l.s.entry.Name, got)
	}
	return got
}

// over says whether there is nothing more to listen to.
func (l *listening) over() bool {
	if l.w != nil {
		if v, _ := l.w.now(); v.ended {
			return true
		}
	}
	v, _ := l.d.w.now()
	return v.ended || l.d.c.callerGone()
}

// enter has the supervisor dialled into the call; false when that came to nothing.
func (l *listening) enter(ctx context.Context) bool {
	r := l.s.r
	l.mode = l.plan.mode
	lines := l.dialled(ctx)
	r.tell(SupervisorListens, l.s.entry.Name, l.d.call, "wants to %s", l.mode)
	body := map[string]any{"mode": l.mode, "address": l.s.entry.Address}
	if l.plan.private {
		body["private"] = true
	}
	got := l.ask(ctx, "supervise", "/supervision", body)
	select {
	case l.w = <-lines:
	default:
		if got.status == http.StatusOK {
			r.violation(l.d.call, "%s is said to %s, and his phone has not been answered", l.s.entry.Name, l.mode)
		}
		return false
	}
	if got.status != http.StatusOK {
		return false
	}
	if !l.plan.collides { // who is held and who is gone, then, is another's doing
		l.shows(got.call)
		l.check(ctx)
	}
	return true
}

// shows compares the legs of Holdfast's answer with the supervisor's.
func (l *listening) shows(c apiCall) {
	leg, there := c.leg(func(leg apiLeg) bool { return leg.CallSID == l.w.line.CallSID() })
	switch {
	case c.State == stateEnded || c.State == stateWrapping:
	case !there:
		l.s.r.violation(l.d.call, "%s is said to %s, and the call does not show his leg", l.s.entry.Name, l.mode)
	case leg.Role != "supervisor" || (leg.Mode != l.mode && leg.State == "joined"):
		l.s.r.violation(l.d.call, "%s should be shown to %s, and is shown as %s to %q", l.s.entry.Name, l.mode, leg.Role, leg.Mode)
	}
}

// check holds what everybody hears against the mode.
func (l *listening) check(ctx context.Context) {
	r, caller, agent := l.s.r, l.d.c.callerWatch(), l.d.w
	hears := func(listener, speaker *watch, wanted bool) {
		if l.over() {
			return
		}
		r.hears(ctx, l.d.call, l.mode, listener, speaker, wanted)
	}
	hears(l.w, agent, true)
	hears(l.w, caller, true)
	hears(agent, l.w, l.mode != "monitor")
	hears(caller, l.w, l.mode == "barge")
}

// known checks that the agent is shown who listens, unless he is not to know.
func (l *listening) known(ctx context.Context) {
	got, err := l.d.a.api.call(ctx, l.d.call)
	if err != nil || got.status != http.StatusOK || l.over() {
		return
	}
	_, shown := got.call.leg(func(leg apiLeg) bool { return leg.CallSID == l.w.line.CallSID() })
	if shown == l.plan.private && !l.over() {
		l.s.r.violation(l.d.call, "%s listens (private: %t), and the agent is shown his leg: %t", l.s.entry.Name, l.plan.private, shown)
	}
}

// change is a change of mode in place.
func (l *listening) change(ctx context.Context, mode string) {
	r := l.s.r
	r.tell(SupervisorChanges, l.s.entry.Name, l.d.call, "goes from %s to %s", l.mode, mode)
	before := l.mode
	l.mode = mode
	if mode == "barge" || before == "monitor" {
		l.forbid(l.w.line.CallSID(), mode) // what is wider is allowed before it is asked for
	}
	got := l.ask(ctx, "supervise-mode", "/supervision/mode", map[string]any{"mode": mode})
	if got.status != http.StatusOK {
		return
	}
	l.shows(got.call)
	l.forbid(l.w.line.CallSID(), mode) // what is narrower holds once it is verified
	if !l.plan.collides {
		l.check(ctx)
	}
}
