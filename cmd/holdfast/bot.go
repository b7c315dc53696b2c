package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"go.yaml.in/yaml/v3"

	"holdfast/handlers"
)

type botCmd struct {
	URL    string `env:"HOLDFAST_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The Holdfast that is asked (${default})."`
	APIKey string `env:"HOLDFAST_API_KEY" placeholder:"KEY" help:"API key of the role admin, or to look supervisor; see 'holdfast key'."`

	Add     botAddCmd     `cmd:"" help:"Make a bot, by flags or from a file."`
	List    botListCmd    `cmd:"" help:"List bots."`
	Show    botShowCmd    `cmd:"" help:"Show one bot, with its settings as a file has them."`
	Set     botSetCmd     `cmd:"" help:"Change a bot. One that runs uses the change when it is restarted."`
	Remove  botRemoveCmd  `cmd:"" help:"Forget a bot. What would go offline is said before."`
	Attach  botAttachCmd  `cmd:"" help:"Attach a connection to a bot, or change how it is attached."`
	Detach  botDetachCmd  `cmd:"" help:"Take a connection from a bot."`
	Start   botStartCmd   `cmd:"" help:"Start a bot: its numbers are pointed here, and it answers."`
	Stop    botStopCmd    `cmd:"" help:"Stop a bot: its lines get its offline answer."`
	Restart botRestartCmd `cmd:"" help:"Have a bot use what was changed."`
	Log     botLogCmd     `cmd:"" help:"Show what happened to a bot and its lines, newest first."`
	Call    botCallCmd    `cmd:"" help:"Have a bot call somebody."`
}

func (c *botCmd) api() *callCmd { return &callCmd{URL: c.URL, APIKey: c.APIKey} }

type botAddCmd struct {
	output
	Name string `arg:"" optional:"" help:"What people call it. Default: the file's."`
	botFlags
	Connection []string `placeholder:"CON" help:"Connections whose calls it answers, besides the file's. May be repeated."`
	Start      bool     `help:"Start it, too."`
}

// Run makes a bot, attaches its connections, and starts it.
func (c *botAddCmd) Run(ctx context.Context, cmd *botCmd) error {
	file, err := readBotFile(c.File)
	if err != nil {
		return err
	}
	body, err := c.body(file)
	if err != nil {
		return err
	}
	if body["name"] = file.Name; c.Name != "" {
		body["name"] = c.Name
	}
	if body["name"] == "" {
		return errors.New("a name is needed, as an argument or in the file")
	}
	var bot handlers.Bot
	raw, _, err := cmd.api().send(ctx, http.MethodPost, "/v1/bots", body, &bot)
	if err != nil {
		return err
	}
	for _, id := range c.Connection {
		file.Connections = append(file.Connections, botFileConnection{Connection: id})
	}
	made := bot
	for _, n := range file.Connections {
		if raw, err = attach(ctx, cmd.api(), made.ID, n, &bot); err != nil {
			return fmt.Errorf("the bot %s is made; %s cannot be attached: %w", made.ID, n.Connection, err)
		}
	}
	if c.Start {
		if raw, _, err = cmd.api().send(ctx, http.MethodPost, botPath(made.ID)+"/start", nil, &bot); err != nil {
			return fmt.Errorf("the bot %s is made, and cannot be started: %w", made.ID, err)
		}
	}
	return c.bot(raw, bot)
}

func attach(ctx context.Context, api *callCmd, bot string, n botFileConnection, answer *handlers.Bot) ([]byte, error) {
	raw, _, err := api.send(ctx, http.MethodPut, botPath(bot)+"/connections/"+url.PathEscape(n.Connection), handlers.AttachBody{Inbound: n.Inbound}, answer)
	return raw, err
}

func botPath(id string) string { return "/v1/bots/" + url.PathEscape(id) }

type botListCmd struct{ output }

// Run lists bots.
func (c *botListCmd) Run(ctx context.Context, cmd *botCmd) error {
	all := handlers.BotPage{Bots: []handlers.Bot{}}
	err := everyPage(func(cursor string) (string, error) {
		var page handlers.BotPage
		_, err := cmd.api().get(ctx, "/v1/bots?"+pageQuery(cursor), &page)
		all.Bots = append(all.Bots, page.Bots...)
		return page.NextCursor, err
	})
	if err != nil {
		return err
	}
	return c.listed(all, func(w io.Writer) {
		fmt.Fprintln(w, "BOT\tNAME\tSTATE\tSESSIONS\tCONNECTIONS\tRESTART DUE\tERROR")
		for _, b := range all.Bots {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%t\t%s\n", b.ID, b.Name, b.State, b.OpenSessions, len(b.Connections), b.RestartDue, orDash(b.Error))
		}
	})
}

type botShowCmd struct {
	output
	Bot string `arg:"" help:"The bot's ID."`
}

// Run shows one bot.
func (c *botShowCmd) Run(ctx context.Context, cmd *botCmd) error {
	var bot handlers.Bot
	raw, err := cmd.api().get(ctx, botPath(c.Bot), &bot)
	if err != nil {
		return err
	}
	if err := c.bot(raw, bot); err != nil || c.Output == "json" {
		return err
	}
	var settings map[string]any
	if err := json.Unmarshal(bot.Settings, &settings); err != nil {
		return err
	}
	text, err := yaml.Marshal(settings)
	if err == nil {
		_, err = fmt.Fprintf(os.Stdout, "\n%s", text)
	}
	return err
}

type botSetCmd struct {
	output
	Bot  string  `arg:"" help:"The bot's ID."`
	Name *string `help:"What people call it."`
	botFlags
}

// Run changes a bot. The file's connections are attached; others stay.
func (c *botSetCmd) Run(ctx context.Context, cmd *botCmd) error {
	file, err := readBotFile(c.File)
	if err != nil {
		return err
	}
	body, err := c.body(file)
	if err != nil {
		return err
	}
	if file.Name != "" {
		body["name"] = file.Name
	}
	if c.Name != nil {
		body["name"] = *c.Name
	}
	if len(body) == 0 && len(file.Connections) == 0 {
		return errors.New("nothing is to be changed: give one of the flags, or a file")
	}
	var bot handlers.Bot
	raw, _, err := cmd.api().send(ctx, http.MethodPatch, botPath(c.Bot), body, &bot)
	if err != nil {
		return err
	}
	for _, n := range file.Connections {
		if raw, err = attach(ctx, cmd.api(), c.Bot, n, &bot); err != nil {
			return err
		}
	}
	return c.bot(raw, bot)
}

type botRemoveCmd struct {
	output
	Bot     string `arg:"" help:"The bot's ID."`
	Confirm bool   `help:"Lines may go offline by it."`
}

// Run forgets a bot.
func (c *botRemoveCmd) Run(ctx context.Context, cmd *botCmd) error {
	return c.remove(ctx, cmd.api(), botPath(c.Bot), c.Confirm)
}

type botAttachCmd struct {
	output
	Bot        string `arg:"" help:"The bot's ID."`
	Connection string `arg:"" help:"The connection's ID."`
	Inbound    *bool  `negatable:"" help:"Whether the bot answers its calls (the default of a line), or only calls from it."`
}

// Run attaches a connection.
func (c *botAttachCmd) Run(ctx context.Context, cmd *botCmd) error {
	var bot handlers.Bot
	raw, err := attach(ctx, cmd.api(), c.Bot, botFileConnection{Connection: c.Connection, Inbound: c.Inbound}, &bot)
	if err != nil {
		return err
	}
	return c.bot(raw, bot)
}

type botDetachCmd struct {
	output
	Bot        string `arg:"" help:"The bot's ID."`
	Connection string `arg:"" help:"The connection's ID."`
}

// Run detaches a connection.
func (c *botDetachCmd) Run(ctx context.Context, cmd *botCmd) error {
	var bot handlers.Bot
	raw, _, err := cmd.api().send(ctx, http.MethodDelete, botPath(c.Bot)+"/connections/"+url.PathEscape(c.Connection), nil, &bot)
	if err != nil {
		return err
	}
	return c.bot(raw, bot)
}
