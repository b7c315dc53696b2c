package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"holdfast/call"
	"holdfast/cmd/holdfast/engine"
	"holdfast/floor"
	"holdfast/handlers"
	"holdfast/simulator"
	"holdfast/simulator/people"
)

// stage is a whole contact centre on one machine: a simulated Twilio with a centre in it, and Holdfast serving it.
type stage struct {
	script    *people.Script
	sim       *simulator.Simulator
	twilio    *http.Server
	others    *http.Server // somebody else's voice URL
	centre    *people.Centre
	app       *app   // Holdfast in this process, or
	child     *child // in one of its own
	public    string // Holdfast's URL
	foreign   string // somebody else's
	twilioURL string // the simulated Twilio's
	faulty    bool   // something goes wrong between the two
	dataDir   string
	keys      stageKeys
}

// stageKeys are the API keys of the people on a stage.
type stageKeys struct {
	agents            map[string]string // by agent's SID
	supervisors       map[string]string // by name
	supervisor, admin string
	configured        []handlers.Key
}

// stageConfig says what a stage looks like.
type stageConfig struct {
	script  *people.Script
	seed    uint64
	second  time.Duration // how long a simulated second takes
	dataDir string
	// database is a PostgreSQL; empty for SQLite in the data directory.
	database string
	listen   string
	uiPort   int
	log      *slog.Logger
	// webhooks carries the simulated Twilio's webhooks; nil is the network as it is.
	webhooks http.RoundTripper
	// twilio looks at the exchanges with the simulated Twilio's REST API, from the centre's first request on; nil: nobody does. What is to go
	// wrong there is among the faults.
	twilio func(http.Handler) http.Handler
	// faults go wrong between the simulated Twilio and Holdfast.
	faults simulator.Faults
	// apart gives Holdfast a process of its own, which can be killed.
	apart bool
}

// startStage builds the centre in the simulator, and starts Holdfast against it.
func startStage(ctx context.Context, cfg stageConfig) (_ *stage, err error) {
	s := &stage{script: cfg.script, dataDir: cfg.dataDir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	if cfg.apart {
		return s, s.startApart(ctx, cfg)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w (choose another address with --listen)", cfg.listen, err)
	}
	twilioURL, err := s.build(ctx, cfg, listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if s.app, err = startApp(ctx, s.config(cfg, twilioURL), cfg.log, listener); err != nil {
		return nil, err
	}
	return s, s.makeBots(ctx, cfg)
}

// makeBots has an administrator make the bots of the script.
func (s *stage) makeBots(ctx context.Context, cfg stageConfig) error {
	return people.ProvisionBots(ctx, s.sim, s.centre, s.script.Centre, people.BotsConfig{
		BaseURL: s.public, Key: s.keys.admin, Foreign: s.foreign, Second: cfg.second,
	})
}

// startApart is startStage with Holdfast in a process of its own.
func (s *stage) startApart(ctx context.Context, cfg stageConfig) error {
	address, err := freePort(ctx)
	if err != nil {
		return err
	}
	twilioURL, err := s.build(ctx, cfg, address)
	if err != nil {
		return err
	}
	own := s.config(cfg, twilioURL)
	own.Listen = address
	if s.child, err = startChild(own, cfg.second); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := waitReady(ready, s.public); err != nil {
		return fmt.Errorf("holdfast serve does not become ready (see %s): %w", s.child.output.Name(), err)
	}
	return s.makeBots(ctx, cfg)
}

// build makes the simulated Twilio and the centre in it, for a Holdfast at an address, and answers Twilio's URL.
func (s *stage) build(ctx context.Context, cfg stageConfig, address string) (twilioURL string, err error) {
	s.public = "http://" + address
	s.faulty = cfg.faults != (simulator.Faults{}) || cfg.webhooks != nil || cfg.twilio != nil
	var bounds simulator.Bounds
	if s.faulty {
		bounds.AtLeast = time.Minute // a request that fails is sent again after up to 15 s
	}
	s.sim = simulator.New(simulator.Config{
		Bounds: bounds,
		Seed:   cfg.seed, Second: cfg.second, Transport: cfg.webhooks, Wrap: cfg.twilio, Faults: cfg.faults, Logger: cfg.log.With("part", "simulator"),
		Silences: silencesOf(cfg.seed),
	})
	if twilioURL, err = s.serveTwilio(ctx, "127.0.0.1:0"); err != nil {
		return "", err
	}
	if err = s.provision(ctx, s.public); err != nil {
		return "", err
	}
	s.makeKeys()
	return twilioURL, nil
}

// silencesOf chooses what Twilio does where its documentation is silent. Of three seeds in a row each choice is met both ways.
func silencesOf(seed uint64) simulator.Silences {
	return simulator.Silences{StaysAccepted: seed%3 == 1, UnansweredLoses: seed%3 == 2, EndedHangsUp: seed%3 != 0}
}

// serveTwilio serves the simulated Twilio, and answers its URL.
func (s *stage) serveTwilio(ctx context.Context, address string) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("simulated Twilio: cannot listen on %s: %w", address, err)
	}
	s.twilio = &http.Server{Handler: s.sim, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.twilio.Serve(listener) }() // ends with Shutdown
	s.twilioURL = "http://" + listener.Addr().String()
	return s.twilioURL, nil
}

// provision builds the centre for a Holdfast under a public URL, and serves what in it is somebody else's.
func (s *stage) provision(ctx context.Context, public string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("somebody else's voice URL: %w", err)
	}
	s.others = &http.Server{Handler: people.ForeignVoice(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.others.Serve(listener) }() // ends with Shutdown
	urls := urlsOf(public)
	s.foreign = "http://" + listener.Addr().String()
	urls.Foreign = s.foreign
	s.centre, err = people.Provision(ctx, s.sim, s.script.Centre, urls)
	return err
}

// urlsOf are the addresses that a Twilio account is given for a Holdfast under a public URL.
func urlsOf(public string) people.URLs {
	at := func(path string) func(people.NumberScript) string {
		return func(people.NumberScript) string { return public + path }
	}
	return people.URLs{
		Voice: at("/twilio/voice#rc=5&rp=all"), NumberStatus: at("/twilio/call-status#rc=5&rp=all"),
		Supervise: public + "/twilio/supervise#rc=5&rp=all", Assignment: public + "/twilio/assignment#rc=5&rp=all", Events: public + "/twilio/events#rc=5&rp=all",
		EventsFilter: handlers.WantedEvents(),
	}
}

// makeKeys gives every agent a key of his own, and every supervisor, and makes one for somebody who watches and one for an administrator.
func (s *stage) makeKeys() {
	add := func(name, role, agent string) string {
		secret, sum := handlers.GenerateKey()
		s.keys.configured = append(s.keys.configured, handlers.Key{Name: name, Role: role, Agent: agent, SHA256: sum})
		return secret
	}
	s.keys.agents = map[string]string{}
	for _, a := range s.script.Centre.Agents {
		sid := s.centre.Agents[a.Name]
		s.keys.agents[sid] = add(a.Name, handlers.RoleAgent, sid)
	}
	s.keys.supervisors = map[string]string{}
	for _, p := range s.script.Centre.Supervisors {
		s.keys.supervisors[p.Name] = add(p.Name, handlers.RoleSupervisor, "")
	}
	s.keys.supervisor = add("supervisor", handlers.RoleSupervisor, "")
	s.keys.admin = add("admin", handlers.RoleAdmin, "")
}

// config is Holdfast's configuration for the stage.
func (s *stage) config(cfg stageConfig, twilioURL string) config {
	settings, breaking := scaled(cfg.second), scaledRule(cfg.second)
	c := config{
		PublicURL: s.public, DataDir: cfg.dataDir, DatabaseURL: cfg.database, AccountSID: s.sim.AccountSID(), AuthToken: s.sim.AuthToken(),
		WorkspaceSID: s.centre.WorkspaceSID, TwilioURL: twilioURL, TemporalUIPort: cfg.uiPort, Settings: &settings, Breaking: &breaking, Second: cfg.second,
		AnnounceKey: "1",
	}
	for _, w := range s.script.Centre.RoutingWorkflows {
		c.Routing = append(c.Routing, routingConfig{Workflow: s.centre.RoutingWorkflows[w.Name], Mode: handlers.RoutingMode(w.Mode)})
	}
	for _, n := range s.script.Centre.Numbers {
		if n.Entrance == "supervise" {
			c.SuperviseNumber = n.Number
			continue
		}
		c.Numbers = append(c.Numbers, numberConfig{
			Number: n.Number, RoutingWorkflow: s.centre.RoutingWorkflows[n.Routing], Attributes: n.Attributes,
		})
	}
	c.APIKeys = s.keys.configured
	if cfg.database != "" { // which has no keys of its own
		c.SecretKeys = []engine.PayloadKey{engine.NewPayloadKey("stage")}
	}
	return c
}

// scaled are the settings for a world in which a second takes so long. What people and Twilio do takes that much less; what Holdfast itself
// needs, to be told and to look, does not.
func scaled(second time.Duration) call.Settings {
	s := call.DefaultSettings()
	scale := func(d, least time.Duration) time.Duration {
		return max(least, time.Duration(float64(d)*second.Seconds()))
	}
	s.Ring = scale(s.Ring, min(time.Second, scale(45*time.Second, 0))) // TaskRouter's offers, of a minute, last longer
	s.ConnectWithin = s.Ring + 15*time.Second
	s.TransferWithin = scale(s.TransferWithin, 3*time.Second)
	s.RejoinWithin = scale(s.RejoinWithin, time.Second)
	s.QueueAgainWithin = scale(2*time.Minute, 5*time.Second)
	s.VanishGrace = scale(s.VanishGrace, time.Second)
	s.SettleWithin = scale(s.SettleWithin, 2*time.Second)
	s.WrapUpWithin = scale(s.WrapUpWithin, 5*time.Second)
	s.LookAfter = scale(s.LookAfter, 15*time.Second)
	s.BotLongest = scale(s.BotLongest, time.Minute)
	return s
}

// scaledRule is the rule for agents who do not answer in such a world.
func scaledRule(second time.Duration) floor.Rule {
	r := floor.DefaultRule()
	for d, least := range map[*time.Duration]time.Duration{
		&r.Window: 5 * time.Second, &r.BackAfter: time.Second, &r.BackAfterMost: 5 * time.Second, &r.Calm: 5 * time.Second,
	} {
		*d = max(least, time.Duration(float64(*d)*second.Seconds()))
	}
	return r
}

// run lets the people of the script live on the stage.
func (s *stage) run(ctx context.Context, cfg people.RunConfig) (people.Report, error) {
	cfg.BaseURL = s.public
	cfg.Keys = func(agent string) string { return s.keys.agents[agent] }
	cfg.SupervisorKey, cfg.AdminKey = s.keys.supervisor, s.keys.admin
	cfg.SupervisorKeys = func(name string) string { return s.keys.supervisors[name] }
	cfg.Faulty = s.faulty
	if s.foreign != "" {
		cfg.Music = s.foreign + people.MusicPath
	}
	return people.Run(ctx, s.sim, s.centre, s.script, cfg)
}

// stop takes Holdfast down first, then the world around it.
func (s *stage) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	var errs []error
	if s.app != nil {
		errs = append(errs, s.app.stop(ctx))
	}
	if s.child != nil {
		errs = append(errs, s.child.stop(ctx))
	}
	if s.sim != nil {
		s.sim.Close()
	}
	if s.twilio != nil {
		errs = append(errs, s.twilio.Shutdown(ctx))
	}
	if s.others != nil {
		errs = append(errs, s.others.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
