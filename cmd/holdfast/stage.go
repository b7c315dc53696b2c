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
	"holdfast/handlers"
	"holdfast/simulator"
	"holdfast/simulator/people"
)

// stage is a whole contact centre on one machine: a simulated Twilio with a centre in it, and Holdfast serving it.
type stage struct {
	script *people.Script
	sim    *simulator.Simulator
	rest   http.Handler // what is served as Twilio's REST API; nil: the simulator as it is
	twilio *http.Server
	centre *people.Centre
	app    *app
	keys   stageKeys
}

// stageKeys are the API keys of the people on a stage.
type stageKeys struct {
	agents            map[string]string // by agent's SID
	supervisor, admin string
	configured        []handlers.Key
}

// stageConfig says what a stage looks like.
type stageConfig struct {
	script  *people.Script
	seed    uint64
	second  time.Duration // how long a simulated second takes
	dataDir string
	listen  string
	uiPort  int
	log     *slog.Logger
	// webhooks carries the simulated Twilio's webhooks; nil is the network as it is.
	webhooks http.RoundTripper
	// rest stands before the simulated Twilio's REST API; nil is nothing.
	rest func(http.Handler) http.Handler
}

// startStage builds the centre in the simulator, and starts Holdfast against it.
func startStage(ctx context.Context, cfg stageConfig) (_ *stage, err error) {
	s := &stage{script: cfg.script}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w (choose another address with --listen)", cfg.listen, err)
	}
	public := "http://" + listener.Addr().String()
	s.sim = simulator.New(simulator.Config{Seed: cfg.seed, Second: cfg.second, Transport: cfg.webhooks, Logger: cfg.log.With("part", "simulator")})
	if cfg.rest != nil {
		s.rest = cfg.rest(s.sim)
	}
	twilioURL, err := s.serveTwilio(ctx, "127.0.0.1:0")
	if err == nil {
		s.centre, err = people.Provision(ctx, s.sim, cfg.script.Centre, urlsOf(public))
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.makeKeys()
	s.app, err = startApp(ctx, s.config(cfg, public, twilioURL), cfg.log, listener)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// serveTwilio serves the simulated Twilio, and answers its URL.
func (s *stage) serveTwilio(ctx context.Context, address string) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("simulated Twilio: cannot listen on %s: %w", address, err)
	}
	if s.rest == nil {
		s.rest = s.sim
	}
	s.twilio = &http.Server{Handler: s.rest, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.twilio.Serve(listener) }() // ends with Shutdown
	return "http://" + listener.Addr().String(), nil
}

// urlsOf are the addresses that a Twilio account is given for a Holdfast under a public URL.
func urlsOf(public string) people.URLs {
	at := func(path string) func(people.NumberScript) string {
		return func(people.NumberScript) string { return public + path }
	}
	return people.URLs{
		Voice: at("/twilio/voice"), NumberStatus: at("/twilio/call-status"),
		Assignment: public + "/twilio/assignment#rc=5&rp=all", Events: public + "/twilio/events#rc=5&rp=all",
		EventsFilter: handlers.WantedEvents(),
	}
}

// makeKeys gives every agent a key of his own, and makes one for a supervisor and one for an administrator.
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
	s.keys.supervisor = add("supervisor", handlers.RoleSupervisor, "")
	s.keys.admin = add("admin", handlers.RoleAdmin, "")
}

// config is Holdfast's configuration for the stage.
func (s *stage) config(cfg stageConfig, public, twilioURL string) config {
	settings := scaled(cfg.second)
	c := config{
		PublicURL: public, DataDir: cfg.dataDir, AccountSID: s.sim.AccountSID(), AuthToken: s.sim.AuthToken(),
		WorkspaceSID: s.centre.WorkspaceSID, TwilioURL: twilioURL, TemporalUIPort: cfg.uiPort, Settings: &settings,
	}
	for _, n := range s.script.Centre.Numbers {
		c.Numbers = append(c.Numbers, numberConfig{
			Number: n.Number, RoutingWorkflow: s.centre.RoutingWorkflows[n.Routing], Attributes: n.Attributes,
		})
	}
	c.APIKeys = s.keys.configured
	return c
}

// scaled are the settings for a world in which a second takes so long. What people and Twilio do takes that much less; what Holdfast itself
// needs, to be told and to look, does not.
func scaled(second time.Duration) call.Settings {
	s := call.DefaultSettings()
	scale := func(d, least time.Duration) time.Duration {
		return max(least, time.Duration(float64(d)*second.Seconds()))
	}
	s.ConnectWithin = scale(s.Ring, 0) + 15*time.Second
	s.VanishGrace = scale(s.VanishGrace, time.Second)
	s.SettleWithin = scale(s.SettleWithin, 2*time.Second)
	s.WrapUpWithin = scale(s.WrapUpWithin, 5*time.Second)
	return s
}

// run lets the people of the script live on the stage.
func (s *stage) run(ctx context.Context, cfg people.RunConfig) (people.Report, error) {
	cfg.BaseURL = s.app.cfg.PublicURL
	cfg.Keys = func(agent string) string { return s.keys.agents[agent] }
	cfg.SupervisorKey = s.keys.supervisor
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
	if s.sim != nil {
		s.sim.Close()
	}
	if s.twilio != nil {
		errs = append(errs, s.twilio.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
