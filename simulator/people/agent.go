package people

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"holdfast/simulator"
)

// An agent is one person at a desk: a telephone, a desktop that reads the live events of his own calls, and a status.
type agent struct {
	r      *run
	entry  AgentEntry
	sid    string
	api    *api
	stream *stream
	offers chan offer // to be answered on the desktop
	rng    *rand.Rand // of the goroutine in work
	ready  chan struct{}
	died   chan struct{}

	mu       sync.Mutex
	changed  chan struct{}
	states   map[string]string          // the desktop: each live call's state
	handling map[string]bool            // the calls whose rings he is at
	assigned map[string]bool            // the calls that he is offered by a task, whatever state they are in
	lost     []*conversation            // that he fell out of, or handed on, and may be asked back to
	absence  func(context.Context) bool // the time until he is back after the next crash; nil: as the script says
	legs     map[string]string          // his own legs' calls, by CallSid
	lines    map[*watch]struct{}        // his lines in calls
	down     bool                       // after a crash
	actions  int
}

func newAgent(r *run, n int, entry AgentEntry) *agent {
	a := &agent{
		r: r, entry: entry, sid: r.centre.Agents[entry.Name],
		rng:   dice(r.cfg.Seed, forAgents, n),
		ready: make(chan struct{}), died: make(chan struct{}, 1), changed: make(chan struct{}), offers: make(chan offer, 64),
		states: map[string]string{}, handling: map[string]bool{}, assigned: map[string]bool{}, legs: map[string]string{}, lines: map[*watch]struct{}{},
	}
	a.api = &api{http: r.http, base: r.cfg.BaseURL, key: r.cfg.Keys(a.sid)}
	a.stream = newStream(a.api, a.read, func(err error) { r.violation("", "%s's desktop: %v", entry.Name, err) })
	return a
}

// work is the agent's shift.
func (a *agent) work(ctx context.Context) {
	behaviour := a.r.script.Agents
	if !a.r.pause(ctx, nil, behaviour.LogInAfter.draw(a.rng)) {
		return
	}
	leave := a.sitDown(ctx)
	close(a.ready)
	defer func() { leave() }()
	defer a.logOut()
	look := time.NewTicker(max(100*time.Millisecond, a.r.seconds(1)))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.died:
			leave()
			if !a.stayAway(ctx, behaviour.AwayAfterCrash.draw(a.rng)) {
				leave = func() {}
				return
			}
			leave = a.sitDown(ctx)
			a.r.tell(AgentReturns, a.entry.Name, "", "is back after the crash")
		case o := <-a.offers:
			a.r.spawn(func() { a.answerOffer(ctx, o) })
		case <-look.C:
			a.comeBack(ctx, behaviour.BackAfter)
		}
	}
}

// sitDown opens the desktop, plugs the phone in and logs in. What it returns closes the desktop.
func (a *agent) sitDown(ctx context.Context) (leave func()) {
	session, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		a.stream.run(session)
	}()
	select {
	case <-a.stream.connected:
	case <-ctx.Done():
	}
	a.update(func() { a.down = false })
	a.r.sim.Attach(a.entry.Address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		a.r.spawn(func() { a.take(ctx, line) })
	}))
	a.logIn()
	return func() {
		cancel()
		<-over
	}
}

func (a *agent) logIn() {
	if err := a.r.sim.SetAvailability(a.sid, a.r.script.Centre.ready()); err != nil {
		a.r.violation("", "%s cannot log in: %v", a.entry.Name, err)
		return
	}
	a.r.tell(AgentLogsIn, a.entry.Name, "", "is available")
}

func (a *agent) logOut() {
	a.r.sim.Attach(a.entry.Address, nil)
	if err := a.r.sim.SetAvailability(a.sid, a.r.script.Centre.away()); err != nil {
		a.r.violation("", "%s cannot log out: %v", a.entry.Name, err)
	}
}

// comeBack returns from an availability that the agent did not choose: he missed a call, and was taken off the list.
func (a *agent) comeBack(ctx context.Context, after Range) {
	name, available, err := a.r.sim.Availability(a.sid)
	if err != nil {
		a.r.violation("", "the availability of %s cannot be seen: %v", a.entry.Name, err)
		return
	}
	if available || a.isDown() || a.r.planner.scenario.outage || !a.r.pause(ctx, nil, after.draw(a.rng)) {
		return
	}
	if a.isDown() { // he crashed while he thought about it
		return
	}
	if err := a.r.sim.SetAvailability(a.sid, a.r.script.Centre.ready()); err != nil {
		a.r.violation("", "%s cannot become available: %v", a.entry.Name, err)
		return
	}
	a.r.tell(AgentReturns, a.entry.Name, "", "comes back from %q", name)
}

// crash takes the agent's browser with all its lines. The status stays as it was: nobody is there to change it.
func (a *agent) crash() {
	var lines []*watch
	a.update(func() {
		a.down = true
		for w := range a.lines {
			lines = append(lines, w)
		}
	})
	a.r.sim.Attach(a.entry.Address, nil)
	for _, w := range lines {
		w.line.Drop()
	}
	select {
	case a.died <- struct{}{}:
	default: // dead already
	}
}

// stayAway is the time after a crash; false when the shift is over first.
func (a *agent) stayAway(ctx context.Context, seconds float64) bool {
	var absence func(context.Context) bool
	a.update(func() { absence, a.absence = a.absence, nil })
	if absence != nil {
		return absence(ctx)
	}
	return a.r.pause(ctx, nil, seconds)
}

func (a *agent) isDown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.down
}

// read takes a live event to the desktop.
func (a *agent) read(e entry) {
	if e.Kind == "AssignmentRequested" && e.Data.Manual && e.Data.AgentSID == a.sid {
		select {
		case a.offers <- offer{e.Call, e.Data.ReservationSID}:
		default: // nobody can look at so many
		}
	}
	a.update(func() {
		if e.Kind == "AssignmentRequested" && e.Data.AgentSID == a.sid {
			a.assigned[e.Call] = true
		}
		if e.State == stateEnded {
			delete(a.states, e.Call)
			delete(a.assigned, e.Call)
		} else if e.State != "" {
			a.states[e.Call] = e.State
		}
		if e.Kind == "ParticipantJoined" && e.Data.CallSID != "" && e.Data.CallSID != e.Call {
			a.legs[e.Data.CallSID] = e.Call
		}
	})
}

func (a *agent) update(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// look asks the desktop for something, and gives a channel that is closed when it may have changed.
func (a *agent) look(f func() bool) (bool, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return f(), a.changed
}

// find waits until the desktop shows something (shown, under the agent's lock), asking the API (ask) now and then, for the
// live events may be late. It gives up after limit, with ctx, or when over is closed.
func (a *agent) find(ctx context.Context, limit time.Duration, over <-chan struct{}, shown func() bool, ask func() bool) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	for {
		found, changed := a.look(shown)
		if found {
			return true
		}
		select {
		case <-changed:
		case <-poll.C:
			if ask() {
				return true
			}
		case <-over:
			return false
		case <-late.C:
			return ask()
		case <-ctx.Done():
			return false
		}
	}
}

// nextKey is the Idempotency-Key of an action that nobody asked for before.
func (a *agent) nextKey(call, action string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.actions++
	return fmt.Sprintf("%s-%s-%s-%d", call, a.sid, action, a.actions)
}
