package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast/simulator/people"
)

type simulateCmd struct {
	Calls    int           `default:"100" help:"How many calls are placed (${default})."`
	Rate     float64       `default:"0" help:"Calls a second. Default: as many at a time as the agents can take."`
	Seed     uint64        `default:"1" help:"Seed of the people's choices, and of Twilio's where its documentation is silent: the same seed places the same calls (${default})."`
	Agents   int           `default:"0" help:"How many agents come to work. Default: those of the script."`
	Scenario string        `default:"mix" help:"What the calls are about; see --list (${default})."`
	List     bool          `help:"List the scenarios, and do nothing else."`
	JSON     bool          `name:"json" help:"Print the report as JSON."`
	Second   time.Duration `default:"50ms" help:"How long a second of the people and of Twilio's timers takes (${default})."`
	Faults   []string      `placeholder:"LIST" help:"What goes wrong, by the seed: doubled, reordered, delayed, dropped (webhooks), 429, 500, timeout (requests to Twilio), kill, kill-engine (processes), or all."`
	Script   string        `type:"existingfile" placeholder:"FILE" help:"YAML script of a centre and its people. Default: a floor of agents."`
	DataDir  string        `placeholder:"DIR" help:"Keep the database, the engine's file and the log here. Default: nowhere."`
}

// simulation is the whole report: the people's and Holdfast's own.
type simulation struct {
	people.Report
	Holdfast holdfastFigures `json:"holdfast"`
	// Faults are how many of each were dealt; Missing is what Holdfast had acknowledged and has not in its books.
	Faults  map[string]int `json:"faults,omitempty"`
	Missing []string       `json:"missing,omitempty"`
}

// OK says that no call was lost, nothing happened that must not, and nothing that was acknowledged is missing.
func (r *simulation) OK() bool { return r.Report.OK() && len(r.Missing) == 0 }

// holdfastFigures are Holdfast's own account of a run.
type holdfastFigures struct {
	WebhooksReceived      int     `json:"webhooks_received"`
	DuplicatesDropped     int     `json:"duplicates_dropped"`
	EngineMessages        int     `json:"engine_messages,omitempty"` // signals and updates; not known of a process that was killed
	EngineMessagesPerCall float64 `json:"engine_messages_per_call,omitempty"`
}

// Run places the calls and reports.
func (c *simulateCmd) Run(ctx context.Context) error {
	if c.List {
		return c.list()
	}
	result, err := c.simulate(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		err = out.Encode(result)
	} else {
		_, err = fmt.Print(result.text())
	}
	if err == nil && !result.OK() {
		return errFailed
	}
	return err
}

func (c *simulateCmd) list() error {
	if c.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(people.Scenarios())
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, s := range people.Scenarios() {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Description); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (c *simulateCmd) simulate(ctx context.Context) (_ *simulation, err error) {
	script, err := loadScript(c.Script, "floor")
	if err != nil {
		return nil, err
	}
	if c.Agents > 0 {
		script = script.Staff(c.Agents)
	}
	wrong, err := readFaults(c.Faults)
	if err != nil {
		return nil, err
	}
	dir := c.DataDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "holdfast-simulate-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	logFile, err := os.Create(filepath.Join(dir, "holdfast.log")) //nolint:gosec // in the folder that the user named
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	books := newLedger()
	defer books.close()
	s, err := startStage(ctx, stageConfig{
		script: script, seed: c.Seed, second: c.Second, dataDir: dir, listen: "127.0.0.1:0", uiPort: -1,
		log: newLogger(logFile, "info", "text"), webhooks: books, faults: wrong.Faults, apart: wrong.kill || wrong.killEngine,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	return s.simulate(ctx, books, wrong, people.RunConfig{
		Calls: c.Calls, Rate: c.Rate, Seed: c.Seed, Scenario: c.Scenario, Second: c.Second, Agents: c.Agents,
	})
}

// settleWithin is how long Holdfast has, after the last call, to put everything into its books.
const settleWithin = 30 * time.Second

// simulate lets people live on the stage, deals the faults of processes meanwhile, and compares the books in the end.
func (s *stage) simulate(ctx context.Context, books *ledger, wrong faults, cfg people.RunConfig) (*simulation, error) {
	cfg.Patience, cfg.Dies = wrong.patience(), wrong.kill
	stopHavoc := func() error { return nil }
	var h *havoc
	if s.child != nil {
		h = newHavoc(wrong, s.child, cfg.Seed, cfg.Calls)
		havocCtx, cancel := context.WithCancel(ctx)
		over := make(chan error, 1)
		go func() { over <- h.run(havocCtx) }()
		stopHavoc = func() error {
			cancel()
			return <-over
		}
	}
	report, err := s.run(ctx, cfg)
	if err := errors.Join(err, stopHavoc()); err != nil {
		return nil, err
	}
	result := &simulation{Report: report}
	if wrong.any() {
		result.Faults = s.sim.Stats().Faults
	}
	if h != nil {
		h.dealt(result.Faults)
		if err := waitReady(ctx, s.public); err != nil {
			return nil, err
		}
	}
	if result.Missing, err = books.settle(ctx, s.dataDir, settleWithin); err != nil {
		return nil, err
	}
	if s.app != nil {
		result.Holdfast, err = s.app.figures(report.Started)
	} else {
		webhooks, acknowledgements := books.counts()
		result.Holdfast = holdfastFigures{WebhooksReceived: acknowledgements, DuplicatesDropped: acknowledgements - webhooks}
	}
	return result, err
}

// figures reads Holdfast's own figures.
func (a *app) figures(calls int) (holdfastFigures, error) {
	received, err := a.telemetry.Total("holdfast_webhooks_received_total")
	if err != nil {
		return holdfastFigures{}, err
	}
	duplicates, err := a.telemetry.Total("holdfast_webhooks_duplicate_total")
	if err != nil {
		return holdfastFigures{}, err
	}
	f := holdfastFigures{
		WebhooksReceived: int(received), DuplicatesDropped: int(duplicates), EngineMessages: int(a.messages.sent.Load()),
	}
	f.EngineMessagesPerCall = float64(f.EngineMessages) / float64(max(calls, 1))
	return f, nil
}

func (r *simulation) text() string {
	var b strings.Builder
	b.WriteString(r.Report.Text())
	fmt.Fprintf(&b, "\nHoldfast  %d webhooks received, %d duplicates dropped", r.Holdfast.WebhooksReceived, r.Holdfast.DuplicatesDropped)
	if r.Holdfast.EngineMessages > 0 {
		fmt.Fprintf(&b, "; %.1f engine messages a call", r.Holdfast.EngineMessagesPerCall)
	}
	b.WriteByte('\n')
	if r.Faults != nil {
		b.WriteString("faults  ")
		for _, name := range faultNames {
			if n, ok := r.Faults[name]; ok {
				fmt.Fprintf(&b, "  %s %d", name, n)
			}
		}
		b.WriteByte('\n')
	}
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "missing   %s\n", m)
	}
	if r.OK() {
		b.WriteString("\nNo call was lost, no invariant broke, and everything acknowledged is in the books.\n")
	} else {
		fmt.Fprintf(&b, "\nFAILED: %d calls lost, %d violations, %d missing in the books.\n", r.Lost, r.ViolationCount, len(r.Missing))
	}
	return b.String()
}
