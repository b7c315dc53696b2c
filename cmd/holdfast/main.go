package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line; kong reads it.
type commands struct {
	Serve      serveCmd      `cmd:"" help:"Run Holdfast against your Twilio account."`
	Demo       demoCmd       `cmd:"" help:"Watch a contact centre take calls: Holdfast, a simulated Twilio and virtual people, until you stop it."`
	Simulate   simulateCmd   `cmd:"" help:"Run calls to their end without a screen, and report. Exits with 1 if a call was lost or an invariant broke."`
	Call       callCmd       `cmd:"" help:"Look at calls of a running Holdfast, and act on them."`
	Agent      agentCmd      `cmd:"" help:"Look at agents of a running Holdfast, and put them somewhere."`
	Connection connectionCmd `cmd:"" help:"Set up the lines that bots answer and call on."`
	Bot        botCmd        `cmd:"" help:"Set up bots of a running Holdfast, start and stop them, and have them call."`
	Session    sessionCmd    `cmd:"" help:"Look at bots' conversations."`
	Sim        simCmd        `cmd:"" help:"Run the simulated Twilio alone, for a Holdfast that you start yourself."`
	Key        keyCmd        `cmd:"" help:"Make an API key for an agent, a supervisor or an administrator."`
	Payload    payloadKeyCmd `cmd:"" name:"payload-key" help:"Make a key that calls are encrypted with in the engine."`
	Secret     secretKeyCmd  `cmd:"" name:"secret-key" help:"Make a key that tokens are encrypted with in the database."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database to this version's schema. serve does so by itself."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// errFailed ends the process with 1 after everything has been said.
var errFailed = errors.New("failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("holdfast"),
		kong.Description("Durable call control for contact centres on Twilio. Each call is one workflow; nothing that matters lives in a browser."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "holdfast:", err)
		os.Exit(1)
	}
	parsed, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	// A second interrupt ends the process at once, whatever the first one is still doing.
	go func() {
		<-ctx.Done()
		stop()
	}()
	if err := parsed.Run(); err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "holdfast:", err)
		}
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}
