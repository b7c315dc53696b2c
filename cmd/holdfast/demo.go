package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/simulator/people"
)

type demoCmd struct {
	Listen  string  `default:"127.0.0.1:8080" help:"Address of Holdfast's server."`
	DataDir string  `default:"data/demo" placeholder:"DIR" help:"Folder for the database, the engine's file and the log (${default})."`
	Rate    float64 `help:"Calls a second. Default: what suits the script."`
	Seed    uint64  `help:"Seed of the people's choices. Default: another one each time."`
	Script  string  `type:"existingfile" placeholder:"FILE" help:"YAML script of a centre and its people. Default: six agents, two queues."`
	UIPort  int     `name:"engine-ui-port" placeholder:"PORT" help:"Port of the engine's web UI. Default: any free one."`
}

// Run shows a contact centre at work until it is told to stop.
func (c *demoCmd) Run(ctx context.Context) error {
	script, err := loadScript(c.Script, "demo")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	logFile, err := os.OpenFile(filepath.Join(c.DataDir, "holdfast.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	seed := c.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	fmt.Println("Holdfast starts: a simulated Twilio, Temporal's dev server, and Holdfast itself …")
	s, err := startStage(ctx, stageConfig{
		script: script, seed: seed, second: time.Second, dataDir: c.DataDir, listen: c.Listen, uiPort: c.UIPort,
		log: newLogger(logFile, "info", "text"),
	})
	if err != nil {
		return err
	}
	c.introduce(os.Stdout, s, logFile.Name())
	rate := c.Rate
	if rate <= 0 {
		rate = script.Rate
	}
	report, err := s.run(ctx, people.RunConfig{Rate: rate, Seed: seed, Narrator: newNarrator(os.Stdout).tell})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	fmt.Println("\nThe phones go quiet. Holdfast stops …")
	err = errors.Join(err, s.stop(ctx))
	fmt.Printf("Calls: %d came in; %d completed, %d abandoned, %d cut short by you, %d lost. Violations: %d.\n",
		report.Started, report.Completed, report.Abandoned, report.Stopped, report.Lost, report.ViolationCount)
	for _, v := range report.Violations {
		fmt.Println("  violation:", v)
	}
	return err
}

func loadScript(file, builtIn string) (*people.Script, error) {
	if file == "" {
		return people.Load(builtIn)
	}
	data, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	return people.Parse(data)
}

// introduce says what is there and what to try.
func (c *demoCmd) introduce(w io.Writer, s *stage, log string) {
	agent := s.script.Centre.Agents[0]
	url := s.app.cfg.PublicURL
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s is open: %d agents, queues %s.\n\n", s.script.Centre.Workspace, len(s.script.Centre.Agents), queueNames(s.script))
	fmt.Fprintf(&b, "  API          %s/v1/calls\n", url)
	fmt.Fprintf(&b, "  Live events  %s/v1/stream\n", url)
	fmt.Fprintf(&b, "  Metrics      %s/metrics\n", url)
	if ui := s.app.engine.UIURL(); ui != "" {
		fmt.Fprintf(&b, "  Workflows    %s/namespaces/%s/workflows\n", ui, s.app.engine.Namespace())
	}
	fmt.Fprintf(&b, "  Log          %s\n\n", log)
	fmt.Fprintf(&b, "API keys, good until the demo stops. In another terminal:\n\n")
	fmt.Fprintf(&b, "  export AGENT=%s       # %s\n", s.keys.agents[s.centre.Agents[agent.Name]], agent.Name)
	fmt.Fprintf(&b, "  export SUPERVISOR=%s\n", s.keys.supervisor)
	fmt.Fprintf(&b, "  export ADMIN=%s\n\n", s.keys.admin)
	fmt.Fprintf(&b, "Then try:\n\n")
	fmt.Fprintf(&b, "  curl -s -H \"Authorization: Bearer $SUPERVISOR\" '%s/v1/calls?state=talking'\n", url)
	fmt.Fprintf(&b, "  curl -sN -H \"Authorization: Bearer $AGENT\" %s/v1/stream\n", url)
	fmt.Fprintf(&b, "  CALL=$(curl -s -H \"Authorization: Bearer $SUPERVISOR\" '%s/v1/calls?state=talking&limit=1' | grep -o '\"id\":\"CA[^\"]*' | cut -d'\"' -f4)\n", url)
	fmt.Fprintf(&b, "  curl -s -X POST -H \"Authorization: Bearer $SUPERVISOR\" %s/v1/calls/$CALL/legs/customer/hold\n", url)
	fmt.Fprintf(&b, "  curl -s -X POST -H \"Authorization: Bearer $SUPERVISOR\" %s/v1/calls/$CALL/end\n", url)
	fmt.Fprintf(&b, "  HOLDFAST_URL=%s HOLDFAST_API_KEY=$SUPERVISOR bin/holdfast call list\n\n", url)
	fmt.Fprintf(&b, "Ctrl-C stops it.\n\n")
	_, _ = io.WriteString(w, b.String()) // a terminal that is gone needs no introduction
}

func queueNames(script *people.Script) string {
	names := make([]string, 0, len(script.Centre.Queues))
	for _, q := range script.Centre.Queues {
		names = append(names, q.Name)
	}
	return strings.Join(names, " and ")
}
