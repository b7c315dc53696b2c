package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// serveCmd runs the real thing.
type serveCmd struct {
	Config   string `type:"existingfile" env:"HOLDFAST_CONFIG" placeholder:"FILE" help:"YAML file with the same settings, underscores for dashes, and with numbers, api_keys, payload_keys and secret_keys."`
	Settings config `embed:""`

	// Second is for runs against a simulated Twilio whose seconds are shorter: what people do takes that much less.
	Second time.Duration `hidden:"" default:"1s"`
}

// Help is what 'serve --help' adds.
func (serveCmd) Help() string {
	return `Point Twilio at these, each with "#rc=5&rp=all" at its end, or it repeats nothing but failed connections:

    the number's voice webhook                  PUBLIC_URL/twilio/voice#rc=5&rp=all
    the number's status callback                PUBLIC_URL/twilio/call-status#rc=5&rp=all
    the routing workflow's assignment callback  PUBLIC_URL/twilio/assignment#rc=5&rp=all
    the workspace's event callback              PUBLIC_URL/twilio/events#rc=5&rp=all

The README says more.

Example of a file:

    public_url: https://calls.example.com
    account_sid: AC…
    workspace_sid: WS…
    numbers:
      - {number: "+15551230000", routing_workflow: WW…, attributes: {line: support}, max_wait: 30m}
    api_keys:              # made by 'holdfast key'
      - {name: ann, role: agent, agent: WK…, sha256: …}
    payload_keys:          # made by 'holdfast payload-key', the newest first; needed with TEMPORAL_ADDRESS
      - {id: "2026-11-21", key: …}
    secret_keys:           # made by 'holdfast secret-key', the newest first; needed with DATABASE_URL, for bots
      - {id: "2026-11-21", key: …}`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context) error {
	lists, err := readLists(c.Config)
	if err != nil {
		return err
	}
	cfg := c.Settings
	cfg.fileOnly = lists
	if err := cfg.withPayloadKeys(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := cfg.withSecretKeys(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if c.Second != time.Second {
		settings, breaking := scaled(c.Second), scaledRule(c.Second)
		cfg.Settings, cfg.Breaking, cfg.Second = &settings, &breaking, c.Second
	}
	if err := cfg.problems(); err != nil {
		return fmt.Errorf("configuration:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	log := newLogger(os.Stderr, cfg.LogLevel, cfg.LogFormat)
	a, err := startApp(ctx, cfg, log, nil)
	if err != nil {
		return err
	}
	if cfg.has(roleAPI) && len(cfg.APIKeys) == 0 {
		log.Warn("no API keys are configured: nobody can use the API; make one with 'holdfast key'")
	}
	log.Info("holdfast serves", "role", strings.Join(cfg.Role, ","), "address", a.addr, "public_url", cfg.PublicURL, "version", version(), "engine", a.engine.Address(), "engine_ui", a.engine.UIURL())
	err = a.wait(ctx)
	log.Info("holdfast stops; calls go on when it is back")
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	return errors.Join(err, a.stop(stopCtx))
}

// tlsFor is the TLS to the cluster; nil for none, or for the API key's default.
func tlsFor(cfg config) *tls.Config {
	if !cfg.TemporalTLS {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}
