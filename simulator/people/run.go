package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/simulator"
)

// RunConfig says how a run goes. BaseURL, Keys and SupervisorKey are needed; each other field says its default.
type RunConfig struct {
	// BaseURL is where Holdfast's API listens ("http://127.0.0.1:8080"); Keys gives the API key of an agent, by his SID, and
	// SupervisorKey is one that may read every call.
	BaseURL       string
	Keys          func(agentSID string) string
	SupervisorKey string
	// SupervisorKeys gives the API key of a supervisor of the script, by his name. nil: nobody supervises.
	SupervisorKeys func(name string) string
	// AdminKey is one that may have bots place calls. Default: the supervisor's.
	AdminKey string
	// Music is an address of audio for holds of one's own; "": no such holds.
	Music string

	// Calls is how many calls are placed; 0: no end until ctx does, which is then no error.
	Calls int
	// Rate is how many calls are placed a second of real time, give or take half a gap. 0: as many at a time as the agents
	// can take.
	Rate float64
	// Quiet has nobody call: the agents take what comes from elsewhere, until ctx is done.
	Quiet bool
	// Faulty says that things go wrong between Twilio and Holdfast: a person whose phone could not be rung in time is told so, with reason.
	Faulty bool
	// Seed makes the people's choices repeatable. Default 0, a seed like any other.
	Seed uint64
	// Agents is how many of the script's agents come to work, the first ones. 0: all.
	Agents int
	// Scenario is a name of Scenarios. Default: Mix.
	Scenario string
	// Second is how long a second of the script takes: simulator.Config.Second. Default: time.Second.
	Second time.Duration
	// CallLimit is how long, in real time, a caller holds the line before his call counts as lost. Default: 20 minutes of
	// simulated time, 2 minutes of real time at least.
	CallLimit time.Duration
	// EndLimit is how long, in real time, Holdfast has to say that a call ended after its caller went. It must cover the wrap-up.
	// Default: 2 minutes and 2 minutes of simulated time.
	EndLimit time.Duration
	// AloneLimit is how long, in real time, Holdfast may leave somebody alone in a room with nobody coming. Default: 15
	// seconds and 15 seconds of simulated time.
	AloneLimit time.Duration
	// Patience is added, in real time, to every limit on Holdfast: how long it may be away, or make up for what went wrong. Default 0.
	Patience time.Duration
	// Narrator is told what happens, one call at a time; it should not take long. Default: nobody is told.
	Narrator func(Happening)
}

// Limits, in real time, without the configuration's patience.
const (
	verifiedGrace  = time.Second      // what is verified has happened: this much is for a busy machine
	acceptedLimit  = 15 * time.Second // for what is accepted and not verified
	lineEndLimit   = 5 * time.Second  // for a line to end that somebody ended
	identifyLimit  = 10 * time.Second // for the desktop to show whose call rings
	learnLimit     = 10 * time.Second // for the desktop to show the call that the agent talks in
	readModelLimit = 5 * time.Second  // for a read to show what the live events have told
	startLimit     = 15 * time.Second // for the live events to connect
)

// limits are those that the configuration sets, and the others with its patience.
type limits struct {
	call, end, alone, wrap                        time.Duration
	accepted, lineEnd, identify, learn, readModel time.Duration
}

// run is one run while it lasts.
type run struct {
	sim     *simulator.Simulator
	centre  *Centre
	script  *Script
	cfg     RunConfig
	limits  limits
	planner *planner
	http    *http.Client
	reader  *api       // the supervisor's
	caller  *api       // of who has bots call: an administrator's
	capped  sync.Mutex // one caller at a time finds the bot of the scenario bot-cap taken
	book    *book
	agents  []*agent

	supervisors *supervisors

	requestsBefore int // what provisioning asked of Twilio is no call's

	narrating sync.Mutex

	acting atomic.Int32 // agents whose button is pressed and not answered

	mu     sync.Mutex
	byFrom map[string]*conversation
	byCall map[string]*conversation
	lines  map[*watch]struct{} // that have not ended
	shut   bool                // nothing is spawned any more
	wg     sync.WaitGroup      // everything that is spawned
}

// Run lets the people of a script live in a centre that Provision built from the same script: agents come to work, callers
// call. It returns when the last call has ended, for the people and for Holdfast, with a report that says whether all went as it
// must. The error is about the run itself: a configuration that cannot work, Holdfast out of reach at the start, or ctx's when it
// ended before the calls did.
func Run(ctx context.Context, sim *simulator.Simulator, centre *Centre, script *Script, cfg RunConfig) (Report, error) {
	r, err := newRun(sim, centre, script, cfg)
	if err != nil {
		return Report{}, err
	}
	defer r.http.CloseIdleConnections()
	inner, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		r.finish()
	}()
	if err := r.open(inner); err != nil {
		return Report{}, err
	}
	r.requestsBefore = r.sim.Stats().TotalRequests()
	r.book.start(time.Now())
	started := r.placeCalls(inner)
	r.book.stop(time.Now())
	if ctx.Err() == nil {
		r.letActionsFinish(ctx)
		r.checkTheWorld(ctx)
	}
	cancel()
	r.finish()
	report := r.report()
	if cfg.Calls > 0 && ctx.Err() != nil {
		return report, fmt.Errorf("stopped after %d of %d calls: %w", started, cfg.Calls, context.Cause(ctx))
	}
	return report, nil
}

// letActionsFinish waits for the answers to buttons that are pressed: the event that ends a call overtakes the answer that says so.
func (r *run) letActionsFinish(ctx context.Context) {
	late := time.NewTimer(acceptedLimit)
	defer late.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for r.acting.Load() > 0 {
		select {
		case <-again.C:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func newRun(sim *simulator.Simulator, centre *Centre, script *Script, cfg RunConfig) (*run, error) {
	switch {
	case cfg.BaseURL == "":
		return nil, errors.New("run: no BaseURL")
	case cfg.Keys == nil || cfg.SupervisorKey == "":
		return nil, errors.New("run: agents and supervisor need API keys")
	case cfg.Calls < 0 || cfg.Rate < 0 || cfg.Agents < 0:
		return nil, errors.New("run: calls, rate and agents must not be below 0")
	case cfg.Agents > script.counted():
		return nil, fmt.Errorf("run: %d agents are wanted, the script has %d; Staff makes more", cfg.Agents, script.counted())
	}
	if cfg.Scenario == "" {
		cfg.Scenario = Mix
	}
	if cfg.Second == 0 {
		cfg.Second = time.Second
	}
	p, err := newPlanner(script.asBuilt(centre), cfg.Scenario, cfg.Seed)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	transport := &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, IdleConnTimeout: 30 * time.Second}
	r := &run{
		sim: sim, centre: centre, script: script, cfg: cfg, planner: p,
		http: &http.Client{Transport: transport}, book: newBook(),
		byFrom: map[string]*conversation{}, byCall: map[string]*conversation{}, lines: map[*watch]struct{}{},
	}
	orElse := func(d, otherwise time.Duration) time.Duration {
		if d > 0 {
			return d
		}
		return otherwise
	}
	r.limits = limits{
		call:  cfg.Patience + orElse(cfg.CallLimit, max(2*time.Minute, r.seconds(20*60))),
		end:   cfg.Patience + orElse(cfg.EndLimit, 2*time.Minute+r.seconds(120)),
		alone: cfg.Patience + orElse(cfg.AloneLimit, 15*time.Second+r.seconds(15)),

		accepted: cfg.Patience + acceptedLimit, lineEnd: cfg.Patience + lineEndLimit, identify: cfg.Patience + identifyLimit,
		learn: cfg.Patience + learnLimit, readModel: cfg.Patience + readModelLimit,
	}
	r.limits.wrap = r.limits.end / 2
	r.supervisors = newSupervisors(r)
	r.reader = &api{http: r.http, base: cfg.BaseURL, key: cfg.SupervisorKey}
	r.caller = &api{http: r.http, base: cfg.BaseURL, key: cmp.Or(cfg.AdminKey, cfg.SupervisorKey)}
	return r, r.hire()
}

// hire finds who comes to work.
func (r *run) hire() error {
	entries := r.script.Centre.Agents
	if r.cfg.Agents > 0 {
		entries = r.script.Staff(r.cfg.Agents).Centre.Agents
	}
	if r.planner.unstaffed() {
		entries = nil
	}
	for n, entry := range entries {
		if entry.OffDuty {
			continue
		}
		if r.centre.Agents[entry.Name] == "" {
			return fmt.Errorf("run: the centre has no agent %q; was it built from another script?", entry.Name)
		}
		r.agents = append(r.agents, newAgent(r, n, entry))
	}
	return nil
}

// open begins the day: the reader of all live events first, then the agents.
func (r *run) open(ctx context.Context) error {
	all := newStream(r.reader, r.hear, func(err error) { r.violation("", "the supervisor's desktop: %v", err) })
	r.spawn(func() { all.run(ctx) })
	late := time.NewTimer(startLimit)
	defer late.Stop()
	select {
	case <-all.connected:
	case <-late.C:
		return fmt.Errorf("run: Holdfast's live events at %s could not be reached within %s%s", r.cfg.BaseURL, startLimit, r.book.firstViolation())
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, a := range r.agents {
		r.spawn(func() { a.work(ctx) })
	}
	late.Reset(startLimit + r.seconds(r.script.Agents.LogInAfter.Max))
	for _, a := range r.agents {
		select {
		case <-a.ready:
		case <-late.C:
			return fmt.Errorf("run: %s could not come to work%s", a.entry.Name, r.book.firstViolation())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// placeCalls places the calls and returns when each has been followed to its end. It says how many were begun.
func (r *run) placeCalls(ctx context.Context) int {
	room := 0
	for _, a := range r.agents {
		if a.entry.counts() {
			room += a.entry.Capacity
		}
	}
	if r.cfg.Quiet {
		<-ctx.Done()
		return 0
	}
	if room == 0 { // nobody is at work on purpose; callers come all the same
		room = len(r.script.Centre.Agents)
	}
	room = max(1, room)
	slots := make(chan struct{}, room)
	rng := dice(r.cfg.Seed, forArrivals, 0)
	next := time.Now()
	var calls sync.WaitGroup
	defer calls.Wait()
	for n := 1; r.cfg.Calls == 0 || n <= r.cfg.Calls; n++ {
		free := func() {}
		c := newConversation(r.planner.draw(n))
		if r.cfg.Rate > 0 {
			if !sleep(ctx, time.Until(next)) {
				return n - 1
			}
			next = next.Add(time.Duration((0.5 + rng.Float64()) / r.cfg.Rate * float64(time.Second)))
		} else {
			hands := min(1+c.others, room)
			for range hands {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return n - 1
				}
			}
			free = func() {
				for range hands {
					<-slots
				}
			}
		}
		if ctx.Err() != nil {
			return n - 1
		}
		calls.Go(func() { r.live(ctx, c, free) })
	}
	return r.cfg.Calls
}

// live is one call, from dialling until Holdfast says that it ended. free is called when the caller is off the line.
func (r *run) live(ctx context.Context, c *conversation, free func()) {
	r.expect(c)
	defer r.forget(c)
	defer c.clean()
	r.book.started(c.scenario)
	res, why := r.place(ctx, c)
	free()
	if c.callerWatch() != nil && res != resultStopped {
		res, why = r.follow(ctx, c, res, why)
	}
	r.book.ended(c, res, why)
	if res == resultLost {
		r.tell(CallWasLost, c.caller, c.id(), "was lost (%s): %s", c.scenario, why)
	}
}
