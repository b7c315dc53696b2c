package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"holdfast/handlers"
)

// oneBot is what commands about a bot's life have.
type oneBot struct {
	output
	Bot string `arg:"" help:"The bot's ID."`
}

func (c oneBot) live(ctx context.Context, api *callCmd, step string) error {
	var bot handlers.Bot
	raw, status, err := api.send(ctx, http.MethodPost, botPath(c.Bot)+"/"+step, nil, &bot)
	if err != nil {
		return err
	}
	if status == http.StatusAccepted && c.Output != "json" {
		fmt.Fprintf(os.Stdout, "accepted, and not done yet: see holdfast bot show %s\n", bot.ID)
	}
	return c.bot(raw, bot)
}

type botStartCmd struct{ oneBot }

// Run starts a bot.
func (c *botStartCmd) Run(ctx context.Context, cmd *botCmd) error {
	return c.live(ctx, cmd.api(), "start")
}

type botStopCmd struct{ oneBot }

// Run stops a bot.
func (c *botStopCmd) Run(ctx context.Context, cmd *botCmd) error {
	return c.live(ctx, cmd.api(), "stop")
}

type botRestartCmd struct{ oneBot }

// Run restarts a bot.
func (c *botRestartCmd) Run(ctx context.Context, cmd *botCmd) error {
	return c.live(ctx, cmd.api(), "restart")
}

type botLogCmd struct {
	logFlags
	Bot string `arg:"" help:"The bot's ID."`
}

// Run shows a bot's log.
func (c *botLogCmd) Run(ctx context.Context, cmd *botCmd) error {
	return c.show(ctx, cmd.api(), botPath(c.Bot))
}

type botCallCmd struct {
	output
	IdempotencyKey string            `placeholder:"KEY" help:"The same key never dials twice. A new one for each command, without it."`
	Bot            string            `arg:"" help:"The bot's ID."`
	To             string            `arg:"" help:"+ and the number with its country code, or sip:user@host."`
	Connection     string            `placeholder:"CON" help:"The line that it calls from. Default: the bot's only one."`
	Machine        string            `default:"off" enum:"off,hangup,continue,message" help:"What is done with an answering machine: ${enum}."`
	Message        string            `help:"What is said to a machine."`
	Ring           int               `default:"60" help:"How long the phone rings, in seconds (${default})."`
	Attribute      map[string]string `placeholder:"NAME=VALUE" help:"Custom data, for the brain and the task. May be repeated."`
}

// Run has a bot call somebody.
func (c *botCallCmd) Run(ctx context.Context, cmd *botCmd) error {
	key := c.IdempotencyKey
	if key == "" {
		key = "cli-" + rand.Text()
	}
	body := map[string]any{"to": c.To, "machine": c.Machine, "ring": c.Ring}
	if c.Connection != "" {
		body["connection"] = c.Connection
	}
	if c.Message != "" {
		body["message"] = c.Message
	}
	if len(c.Attribute) > 0 {
		body["attributes"] = c.Attribute
	}
	var placed handlers.BotCall
	raw, _, err := cmd.api().send(ctx, http.MethodPost, botPath(c.Bot)+"/calls", body, &placed, "Idempotency-Key", key)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	_, err = fmt.Fprintf(os.Stdout, "it will be placed: see holdfast session show %s\n", placed.Session.ID)
	return err
}

func (o output) bot(raw []byte, b handlers.Bot) error {
	if o.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintf(w, "bot\t%s\nname\t%s\nstate\t%s\n", b.ID, b.Name, b.State)
		if b.Error != "" {
			fmt.Fprintf(w, "error\t%s\n", b.Error)
		}
		if b.RestartDue {
			fmt.Fprintf(w, "restart\tdue: it runs with revision %d of %d\n", b.RunningRevision, b.Revision)
		}
		fmt.Fprintf(w, "started\t%s\nopen sessions\t%d\n", clock(b.StartedAt), b.OpenSessions)
		for _, n := range b.Connections {
			does := "answers and calls"
			if !n.Inbound {
				does = "calls only"
			}
			fmt.Fprintf(w, "connection\t%s %s %s, %s\n", n.Connection, n.Name, orDash(deref(n.PhoneNumber)), does)
		}
		var settings struct {
			Greeting string `json:"greeting"`
			Brain    struct {
				Kind string `json:"kind"`
			} `json:"brain"`
		}
		if json.Unmarshal(b.Settings, &settings) == nil {
			fmt.Fprintf(w, "greeting\t%s\nbrain\t%s\n", orDash(settings.Greeting), nameOr(settings.Brain.Kind, "scripted"))
		}
	})
}
