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
	Seed     uint64        `default:"1" help:"Seed of the people's choices: the same seed places the same calls (${default})."`
	Agents   int           `default:"0" help:"How many agents come to work. Default: those of the script."`
	Scenario string        `default:"mix" help:"What the calls are about; see --list (${default})."`
	List     bool          `help:"List the scenarios, and do nothing else."`
	JSON     bool          `name:"json" help:"Print the report as JSON."`
	Second   time.Duration `default:"50ms" help:"How long a second of the people and of Twilio's timers takes (${default})."`
	Script   string        `type:"existingfile" placeholder:"FILE" help:"YAML script of a centre and its people. Default: a floor of agents."`
	DataDir  string        `placeholder:"DIR" help:"Keep the database, the engine's file and the log here. Default: nowhere."`
}

// simulation is the whole report: the people's and Holdfast's own.
type simulation struct {
	people.Report
	Holdfast holdfastFigures `json:"holdfast"`
}

// holdfastFigures are Holdfast's own account of a run.
type holdfastFigures struct {
	WebhooksReceived      int     `json:"webhooks_received"`
	DuplicatesDropped     int     `json:"duplicates_dropped"`
	EngineMessages        int     `json:"engine_messages"` // signals and updates
	EngineMessagesPerCall float64 `json:"engine_messages_per_call"`
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
	s, err := startStage(ctx, stageConfig{
		script: script, seed: c.Seed, second: c.Second, dataDir: dir, listen: "127.0.0.1:0", uiPort: -1,
		log: newLogger(logFile, "info", "text"),
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	report, err := s.run(ctx, people.RunConfig{
		Calls: c.Calls, Rate: c.Rate, Seed: c.Seed, Scenario: c.Scenario, Second: c.Second, Agents: c.Agents,
	})
	if err != nil {
		return nil, err
	}
	result := &simulation{Report: report}
	result.Holdfast, err = s.app.figures(report.Started)
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
	fmt.Fprintf(&b, "\nHoldfast  %d webhooks received, %d duplicates dropped; %.1f engine messages a call\n",
		r.Holdfast.WebhooksReceived, r.Holdfast.DuplicatesDropped, r.Holdfast.EngineMessagesPerCall)
	if r.OK() {
		b.WriteString("\nNo call was lost, and no invariant broke.\n")
	} else {
		fmt.Fprintf(&b, "\nFAILED: %d calls lost, %d violations.\n", r.Lost, r.ViolationCount)
	}
	return b.String()
}
