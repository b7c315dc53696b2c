package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/cmd/holdfast/engine"
	"holdfast/floor"
	"holdfast/handlers"
	"holdfast/store"
	"holdfast/workflows"
)

// app is a running Holdfast: one process, with everything in it that its roles ask for.
type app struct {
	cfg       config
	log       *slog.Logger
	store     *store.Store
	codec     *engine.Codec
	engine    *engine.Engine
	calls     *workflows.Client
	messages  *messageCounter
	telemetry *handlers.Telemetry
	webhooks  *handlers.Webhooks
	assets    *handlers.Assets
	deliverer *handlers.Deliverer
	twilio    *activities.Twilio
	floor     atomic.Pointer[floor.Settings] // once the workspace is known
	floors    *handlers.FloorDeliverer
	worker    worker.Worker
	server    *handlers.Server
	http      *http.Server
	gate      gate
	addr      string
	owner     string // names this process in leases

	stopLoops context.CancelFunc
	loops     sync.WaitGroup
	failed    chan error
}

// startApp brings everything up in the order in which the parts need each other. What was started is stopped again if a later part fails.
// It serves on a listener if one is given, else on the configured address.
func startApp(ctx context.Context, cfg config, log *slog.Logger, listener net.Listener) (_ *app, err error) {
	a := &app{cfg: cfg, log: log, owner: owner(), failed: make(chan error, 4)}
	defer func() {
		if err != nil {
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			err = errors.Join(err, a.stop(stopCtx))
		}
	}()
	if listener == nil {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", cfg.Listen, err)
		}
	}
	a.addr = listener.Addr().String()
	defer func() {
		if err != nil {
			_ = listener.Close()
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if a.telemetry, err = handlers.NewTelemetry(version()); err != nil {
		return nil, err
	}
	a.telemetry.SetGlobal()
	sealer, err := cfg.sealer()
	if err != nil {
		return nil, err
	}
	if a.store, err = openStore(ctx, cfg.DatabaseURL, cfg.DataDir, store.WithSealer(sealer)); err != nil {
		return nil, err
	}
	if err := a.answerWebhooks(listener); err != nil { //nolint:contextcheck // what it starts ends with stop, not with the start
		return nil, err
	}
	if a.twilio, err = a.reachTwilio(ctx); err != nil {
		return nil, err
	}
	if err := a.startEngine(ctx, a.twilio); err != nil {
		return nil, err
	}
	if err := a.startEdge(); err != nil { //nolint:contextcheck // likewise
		return nil, err
	}
	a.startLoops() //nolint:contextcheck // likewise
	return a, nil
}

// stopWithin bounds the way down: longer than a request to Twilio may take.
const stopWithin = 20 * time.Second

// openStore opens the database that a URL names, or else that of a data directory, and brings it to this version's schema.
func openStore(ctx context.Context, databaseURL, dir string, options ...store.Option) (*store.Store, error) {
	if databaseURL == "" {
		databaseURL = filepath.Join(dir, "holdfast.db")
	}
	s, err := store.Open(ctx, databaseURL, options...)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// reachTwilio makes the adapter, proves the credentials, and learns from the workspace what the configuration leaves open.
func (a *app) reachTwilio(ctx context.Context) (*activities.Twilio, error) {
	cfg := activities.Config{
		AccountSID: a.cfg.AccountSID, AuthToken: a.cfg.AuthToken, WorkspaceSID: a.cfg.WorkspaceSID,
		Edge: a.cfg.Edge, Region: a.cfg.Region, AgentFrom: a.cfg.AgentFrom,
	}
	public, err := url.Parse(a.cfg.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	cfg.ConferenceCallback = func(id call.ID, reservation call.ReservationSID) string {
		return handlers.ConferenceCallback(public, id, reservation)
	}
	cfg.LegCallback = func(id call.ID, label call.Label) string { return handlers.LegCallback(public, id, label, "") }
	cfg.PublicURL, cfg.RoutingWorkflow = public, a.cfg.RoutingWorkflow
	if cfg.BaseURL, err = optionalURL(a.cfg.TwilioURL); err != nil {
		return nil, err
	}
	if cfg.HoldMusicURL, err = optionalURL(a.cfg.fetched(a.cfg.HoldMusic)); err != nil {
		return nil, err
	}
	if cfg.GoodbyeURL, err = optionalURL(a.cfg.fetched(a.cfg.Goodbye)); err != nil {
		return nil, err
	}
	if cfg.Budget, err = activities.NewSharedBudget(a.cfg.TwilioConcurrency, a.cfg.TwilioRate, a.cfg.TwilioProcesses); err != nil {
		return nil, err
	}
	twilio, err := activities.NewTwilio(cfg)
	if err != nil {
		return nil, err
	}
	workspace, err := a.askWorkspace(ctx, twilio)
	if err != nil {
		return nil, fmt.Errorf("twilio: %w", err)
	}
	if !workspace.Multitasking {
		return nil, fmt.Errorf("twilio: workspace %s (%s) is single-tasking; Holdfast needs a multitasking one", a.cfg.WorkspaceSID, workspace.Name)
	}
	if a.cfg.NotAnswering == "" {
		a.cfg.NotAnswering = string(workspace.TimedOut)
	}
	settings := a.cfg.floor(string(workspace.TimedOut))
	a.floor.Store(&settings)
	return twilio, nil
}

// Twilio's bad moment must not keep a Holdfast from coming back, for calls wait for it.
const (
	askTwilioWithin = 30 * time.Second
	askTwilioAgain  = 500 * time.Millisecond
)

// askWorkspace reads the workspace, again if Twilio is unavailable at the moment.
func (a *app) askWorkspace(ctx context.Context, twilio *activities.Twilio) (activities.Workspace, error) {
	ctx, cancel := context.WithTimeout(ctx, askTwilioWithin)
	defer cancel()
	again := time.NewTicker(askTwilioAgain)
	defer again.Stop()
	for {
		workspace, err := twilio.Workspace(ctx)
		if !errors.Is(err, activities.ErrUnavailable) {
			return workspace, err
		}
		a.log.Warn("twilio cannot be asked for the workspace; it is asked again", "error", err)
		select {
		case <-again.C:
		case <-ctx.Done():
			return workspace, err
		}
	}
}

func optionalURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no URL is none
	}
	return url.Parse(s)
}

// startEngine connects to the engine, and runs calls for it.
func (a *app) startEngine(ctx context.Context, twilio *activities.Twilio) (err error) {
	if a.codec, err = a.cfg.codec(); err != nil {
		return err
	}
	a.messages = &messageCounter{}
	alarm, err := a.alarm() //nolint:contextcheck // it outlives the start
	if err != nil {
		return err
	}
	a.engine, err = engine.Start(ctx, engine.Config{
		Address: a.cfg.TemporalAddress, Namespace: a.cfg.TemporalNamespace, APIKey: a.cfg.TemporalAPIKey, TLS: tlsFor(a.cfg),
		DataDir: filepath.Join(a.cfg.DataDir, "engine"), UIPort: a.cfg.TemporalUIPort,
		Retention: a.cfg.engineRetention(), Codec: a.codec,
		Options: client.Options{Interceptors: []interceptor.ClientInterceptor{a.messages}, MetricsHandler: alarm},
		Logger:  a.log.With("part", "engine"),
	})
	if err != nil {
		return err
	}
	a.calls = workflows.NewClient(a.engine.Client(), workflows.WithBotWatch(a.cfg.botWatch()))
	if !a.cfg.has(roleWorker) {
		return nil
	}
	a.worker = workflows.NewWorker(a.engine.Client(), a.activities(twilio), workflows.WorkerOptions{})
	return a.worker.Start()
}

// startEdge opens the API, or, in a process that has none, tells how it is.
func (a *app) startEdge() (err error) {
	meter := a.telemetry.Provider().Meter("holdfast")
	if a.cfg.has(roleAPI) {
		a.deliverer, err = handlers.NewDeliverer(a.store, a.calls, a.owner, handlers.DelivererConfig{
			Settings: a.cfg.settings(), Logger: a.log.With("part", "deliverer"), Meter: meter,
		})
		if err != nil {
			return err
		}
		a.floors, err = handlers.NewFloorDeliverer(a.store, a.calls, a.owner, handlers.FloorDelivererConfig{
			WorkspaceSID: a.cfg.WorkspaceSID, Settings: *a.floor.Load(), Logger: a.log.With("part", "floor"),
		})
		if err != nil {
			return err
		}
	}
	keys, err := handlers.NewKeyring(a.cfg.APIKeys)
	if err != nil {
		return err
	}
	a.server, err = handlers.NewServer(handlers.Config{
		Store: a.store, Engine: a.calls, Agents: agentControl{a.twilio}, Bots: a.calls, WorkspaceSID: a.cfg.WorkspaceSID, Keys: keys, HealthOnly: !a.cfg.has(roleAPI),
		Metrics: a.telemetry.Handler(), Version: version(), Logger: a.log.With("part", "http"), Meter: meter,
		Codec: converter.NewPayloadCodecHTTPHandler(a.codec),
		Checks: []handlers.Check{{Name: "engine", Probe: func(ctx context.Context) error {
			_, err := a.engine.Client().CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}}},
	})
	if err != nil {
		return err
	}
	if a.webhooks != nil {
		a.webhooks.Mount(a.server.Echo())
	}
	if a.assets != nil {
		a.assets.Mount(a.server.Echo())
	}
	a.http.RegisterOnShutdown(a.server.Close)
	a.gate.open(a.server)
	return nil
}

// owner names this process in leases.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "holdfast"
	}
	return fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano())
}

// startLoops starts what runs beside the server for as long as the process lives.
func (a *app) startLoops() {
	ctx, cancel := context.WithCancel(context.Background())
	a.stopLoops = cancel
	run := func(what string, f func(context.Context) error) {
		a.loops.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				a.failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	if a.cfg.has(roleAPI) {
		run("webhooks", a.webhooks.Run)
		run("deliverer", a.deliverer.Run)
		run("floor", a.floors.Run)
		run("agents", a.readAgents)
		run("look", a.lookAtLiveCalls)
		run("bots", a.startBots)
	}
	if a.cfg.has(roleWorker) {
		run("retention", a.forgetOldCalls)
	}
}

// forgetOldCalls deletes ended calls when their time is over.
func (a *app) forgetOldCalls(ctx context.Context) error {
	every := time.NewTicker(time.Hour)
	defer every.Stop()
	for a.cfg.Retention > 0 {
		n, err := a.store.Forget(ctx, time.Now().Add(-a.cfg.Retention))
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.log.Error("cannot delete old calls", "error", err)
		case n > 0:
			a.log.Info("old calls are deleted", "calls", n)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// wait returns when ctx ends, or when a part of the app failed.
func (a *app) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return err
	}
}

// stop takes everything down, the edge first, so that what was acknowledged is delivered or waits in the inbox.
func (a *app) stop(ctx context.Context) error {
	var errs []error
	if a.http != nil {
		if err := a.http.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("http server: %w", err), a.http.Close())
		}
	}
	if a.stopLoops != nil {
		a.stopLoops()
	}
	a.loops.Wait()
	if a.webhooks != nil {
		errs = append(errs, a.webhooks.Close())
	}
	errs = append(errs, a.assets.Close())
	if a.worker != nil {
		a.worker.Stop()
	}
	if a.engine != nil {
		errs = append(errs, a.engine.Stop(ctx))
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.telemetry != nil {
		errs = append(errs, a.telemetry.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
