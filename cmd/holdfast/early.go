package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"holdfast/floor"
	"holdfast/handlers"
)

// gate is the way in: until the whole server stands, what can be answered without it is.
type gate struct {
	early *handlers.Server
	whole atomic.Pointer[handlers.Server]
}

func (g *gate) open(whole *handlers.Server) { g.whole.Store(whole) }

// notYet is the answer to actions and questions, for which the engine and the keys are needed.
const notYet = `{"type":"about:blank","title":"Service Unavailable","status":503,"code":"engine_away","detail":"Holdfast is starting: nothing happened."}`

// ServeHTTP implements [http.Handler].
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch whole := g.whole.Load(); {
	case whole != nil:
		whole.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/v1/"), strings.HasPrefix(r.URL.Path, "/codec/"):
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(notYet)) // whoever has gone needs none
	default:
		g.early.ServeHTTP(w, r)
	}
}

var errStarting = errors.New("holdfast is starting")

// answerWebhooks serves, and answers webhooks from the first moment on: they need neither the engine nor Twilio's API, and either may keep
// a start waiting for as long as callers wait for nobody.
func (a *app) answerWebhooks(listener net.Listener) (err error) {
	if a.cfg.has(roleAPI) {
		if a.dialIns, err = handlers.NewDialIns(a.store, a.cfg.AuthToken, a.cfg.SuperviseNumber); err != nil {
			return err
		}
		if a.webhooks, err = a.newWebhooks(); err != nil {
			return err
		}
	}
	a.gate.early, err = handlers.NewServer(handlers.Config{
		Store: a.store, HealthOnly: true, Metrics: a.telemetry.Handler(), Version: version(), Logger: a.log.With("part", "http"),
		Meter:  a.telemetry.Provider().Meter("holdfast"),
		Checks: []handlers.Check{{Name: "start", Probe: func(context.Context) error { return errStarting }}},
	})
	if err != nil {
		return err
	}
	if a.webhooks != nil {
		a.webhooks.Mount(a.gate.early.Echo())
	}
	if a.cfg.Assets != "" {
		if a.assets, err = handlers.NewAssets(a.cfg.Assets); err != nil {
			return err
		}
		a.assets.Mount(a.gate.early.Echo())
	}
	a.http = &http.Server{
		Handler: &a.gate, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	a.loops.Go(func() {
		if err := a.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("http server: %w", err)
		}
	})
	return nil
}

// floorSettings are the breaker's settings; false before the workspace told where agents go who do not answer.
func (a *app) floorSettings() (floor.Settings, bool) {
	if settings := a.floor.Load(); settings != nil {
		return *settings, true
	}
	return floor.Settings{}, false
}

// newWebhooks makes what Twilio calls.
func (a *app) newWebhooks() (*handlers.Webhooks, error) {
	public, err := url.Parse(a.cfg.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	if a.cfg.AgentFrom == "" && a.cfg.ownNumber() == "" {
		a.log.Warn("calls that come by no telephone number (a client, a SIP address) have no caller ID to dial telephones with: set --agent-from, or list numbers in the file")
	}
	meter := a.telemetry.Provider().Meter("holdfast")
	webhooks := handlers.WebhookConfig{
		AccountSID: a.cfg.AccountSID, WorkspaceSID: a.cfg.WorkspaceSID, AuthToken: a.cfg.AuthToken, PublicURL: public,
		Store: a.store, DataDir: a.cfg.DataDir, Numbers: map[string]handlers.WebhookNumber{}, Modes: map[string]handlers.RoutingMode{}, Settings: a.cfg.settings(), Second: a.cfg.Second,
		Floor: a.floorSettings, AgentFrom: a.cfg.AgentFrom, QueueMusicURL: a.cfg.fetched(a.cfg.QueueMusic), Announcement: a.cfg.Announcement,
		AnnounceKey: a.cfg.AnnounceKey, DialIns: a.dialIns, Logger: a.log.With("part", "webhooks"), Meter: meter,
	}
	for _, n := range a.cfg.Numbers {
		webhooks.Numbers[n.Number] = handlers.WebhookNumber{
			RoutingWorkflowSID: n.RoutingWorkflow, TaskAttributes: n.Attributes, Priority: n.Priority, Timeout: n.MaxWait,
		}
	}
	for _, r := range a.cfg.Routing {
		webhooks.Modes[r.Workflow] = r.Mode
	}
	if a.cfg.RoutingWorkflow != "" {
		webhooks.DefaultRouting = &handlers.WebhookNumber{RoutingWorkflowSID: a.cfg.RoutingWorkflow}
	}
	webhooks.Bots = a.bots()
	return handlers.NewWebhooks(webhooks)
}
