package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"holdfast/simulator"
	"holdfast/simulator/people"
)

type simCmd struct {
	Listen   string        `default:"127.0.0.1:4010" help:"Address of the simulated Twilio (${default})."`
	Holdfast string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Public URL of the Holdfast that its webhooks go to (${default})."`
	APIKey   string        `env:"HOLDFAST_API_KEY" placeholder:"KEY" help:"Supervisor's or admin's API key, for the virtual people to act with. Without it there are no people, and the phones stay quiet."`
	Script   string        `type:"existingfile" placeholder:"FILE" help:"YAML script of a centre and its people. Default: six agents, two queues."`
	Phone    string        `placeholder:"NUMBER" help:"Be on the phone yourself: this number is yours, what you type is said. Then agents take calls, and nobody else calls unless there is a rate."`
	Rate     float64       `help:"Calls a second. Default: what suits the script."`
	Seed     uint64        `default:"1" help:"Seed of SIDs and of the people's choices (${default}). Another seed is another account."`
	Second   time.Duration `default:"1s" help:"How long a second of the people and of Twilio's timers takes (${default})."`
}

// Run serves a simulated Twilio, says how to start Holdfast against it, and lets people call once Holdfast is there.
func (c *simCmd) Run(ctx context.Context) error {
	script, err := loadScript(c.Script, "demo")
	if err != nil {
		return err
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	log := newLogger(os.Stderr, "warn", "text")
	s := &stage{script: script, sim: simulator.New(simulator.Config{Seed: c.Seed, Second: c.Second, Logger: log})}
	defer func() { _ = s.stop(ctx) }()
	url, err := s.serveTwilio(ctx, c.Listen)
	if err != nil {
		return err
	}
	if err := s.provision(ctx, c.Holdfast); err != nil {
		return err
	}
	fmt.Printf("A simulated Twilio listens on %s. Start Holdfast against it with:\n\n", url)
	fmt.Printf("  export TWILIO_BASE_URL=%s\n  export TWILIO_ACCOUNT_SID=%s\n  export TWILIO_AUTH_TOKEN=%s\n", url, s.sim.AccountSID(), s.sim.AuthToken())
	fmt.Printf("  export TWILIO_WORKSPACE_SID=%s\n  export HOLDFAST_PUBLIC_URL=%s\n", s.centre.WorkspaceSID, c.Holdfast)
	fmt.Printf("  export HOLDFAST_ROUTING_WORKFLOW=%s\n  holdfast serve\n\nIts agents:\n\n", s.centre.RoutingWorkflows[script.Centre.Numbers[0].Routing])
	for _, a := range script.Centre.Agents {
		fmt.Printf("  %s  %s\n", s.centre.Agents[a.Name], a.Name)
	}
	fmt.Print("\nIts numbers:\n\n")
	for _, n := range script.Centre.Numbers {
		fmt.Printf("  %s  %s\n", n.Number, n.Name)
	}
	fmt.Println("\nCtrl-C stops it.")
	if c.Phone != "" {
		go (&keyboard{sim: s.sim, number: c.Phone, out: os.Stdout}).run(ctx, os.Stdin)
	}
	if c.APIKey == "" {
		<-ctx.Done()
		return nil
	}
	return c.people(ctx, s)
}

// people lets people live against a Holdfast that runs elsewhere, as soon as it answers.
func (c *simCmd) people(ctx context.Context, s *stage) error {
	rate := c.Rate
	if rate <= 0 {
		rate = s.script.Rate
	}
	narrator := newNarrator(os.Stdout).tell
	if c.Phone != "" { // what the others do is no business of his
		narrator = nil
	}
	if err := waitReady(ctx, c.Holdfast); err != nil {
		return nil //nolint:nilerr // stopped before Holdfast was there
	}
	_, err := people.Run(ctx, s.sim, s.centre, s.script, people.RunConfig{
		BaseURL: c.Holdfast, Keys: func(string) string { return c.APIKey }, SupervisorKey: c.APIKey,
		Rate: rate, Seed: c.Seed, Second: c.Second, Narrator: narrator, Quiet: c.Phone != "" && c.Rate <= 0,
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
