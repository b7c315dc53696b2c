package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"holdfast/handlers"
)

type connectionCmd struct {
	URL    string `env:"HOLDFAST_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The Holdfast that is asked (${default})."`
	APIKey string `env:"HOLDFAST_API_KEY" placeholder:"KEY" help:"API key of the role admin, or to look supervisor; see 'holdfast key'."`

	Add    connectionAddCmd    `cmd:"" help:"Keep a line (or a workspace) of a Twilio account, for bots."`
	List   connectionListCmd   `cmd:"" help:"List connections."`
	Show   connectionShowCmd   `cmd:"" help:"Show one connection, and the bots that it is attached to."`
	Set    connectionSetCmd    `cmd:"" help:"Change a connection. Bots use the change when they are restarted; a new token counts at once."`
	Remove connectionRemoveCmd `cmd:"" help:"Forget a connection. What would go offline is said before."`
	Log    connectionLogCmd    `cmd:"" help:"Show what happened to a line, newest first."`
}

func (c *connectionCmd) api() *callCmd { return &callCmd{URL: c.URL, APIKey: c.APIKey} }

// connectionFields are what can be said of a connection; nil is not said.
type connectionFields struct {
	AccountSID      *string `placeholder:"AC…" help:"The Twilio account."`
	Number          *string `placeholder:"NUMBER" help:"Of a voice connection: + and the number with its country code."`
	Voice           *string `help:"Twilio's voice that speaks. Default: Polly.Salli."`
	SpeechModel     *string `placeholder:"MODEL" help:"Twilio's model that listens. Default: googlev2_telephony."`
	Region          *string `help:"Where Twilio processes: us1 (the default), ie1, au1. Each has tokens of its own."`
	Edge            *string `help:"Twilio's entrance to the region. Default: the one beside it."`
	Workspace       *string `placeholder:"WS…" help:"Of a workspace: its SID."`
	RoutingWorkflow *string `placeholder:"WW…" help:"Of a workspace: the routing workflow that handoffs go to."`
	Description     *string `help:"For people."`
	Token           string  `env:"HOLDFAST_CONNECTION_TOKEN" placeholder:"TOKEN" help:"The account's auth token; - reads it from standard input. Prefer that or the environment: flags are seen by other users."`
}

func (f connectionFields) body() (map[string]any, error) {
	body := map[string]any{}
	for name, value := range map[string]*string{
		"account_sid": f.AccountSID, "phone_number": f.Number, "voice": f.Voice, "speech_model": f.SpeechModel, "region": f.Region, "edge": f.Edge,
		"workspace_sid": f.Workspace, "routing_workflow_sid": f.RoutingWorkflow, "description": f.Description,
	} {
		if value != nil {
			body[name] = *value
		}
	}
	token := f.Token
	if token == "-" {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the token from standard input: %w", err)
		}
		if token = strings.TrimSpace(line); token == "" {
			return nil, errors.New("there is no token on standard input")
		}
	}
	if token != "" {
		body["auth_token"] = token
	}
	return body, nil
}

type connectionAddCmd struct {
	output
	Name string `arg:"" help:"What people call it."`
	connectionFields
}

// Run keeps a connection.
func (c *connectionAddCmd) Run(ctx context.Context, cmd *connectionCmd) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	body["name"] = c.Name
	if c.Workspace != nil {
		body["kind"] = "workspace"
	}
	for _, field := range []string{"account_sid", "auth_token"} { // the contract wants them; the API says what is missing
		if _, given := body[field]; !given {
			body[field] = ""
		}
	}
	var made handlers.Connection
	raw, _, err := cmd.api().send(ctx, http.MethodPost, "/v1/connections", body, &made)
	if err != nil {
		return err
	}
	return c.connection(raw, made)
}

type connectionListCmd struct{ output }

// Run lists connections.
func (c *connectionListCmd) Run(ctx context.Context, cmd *connectionCmd) error {
	all := handlers.ConnectionPage{Connections: []handlers.Connection{}}
	err := everyPage(func(cursor string) (string, error) {
		var page handlers.ConnectionPage
		_, err := cmd.api().get(ctx, "/v1/connections?"+pageQuery(cursor), &page)
		all.Connections = append(all.Connections, page.Connections...)
		return page.NextCursor, err
	})
	if err != nil {
		return err
	}
	return c.listed(all, func(w io.Writer) {
		fmt.Fprintln(w, "CONNECTION\tNAME\tKIND\tNUMBER\tACCOUNT\tREGION\tBOTS")
		for _, n := range all.Connections {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.ID, n.Name, n.Kind, orDash(deref(n.PhoneNumber)), n.AccountSID, n.Region, botsOf(n))
		}
	})
}

type connectionShowCmd struct {
	output
	Connection string `arg:"" help:"The connection's ID."`
}

// Run shows one connection.
func (c *connectionShowCmd) Run(ctx context.Context, cmd *connectionCmd) error {
	var shown handlers.Connection
	raw, err := cmd.api().get(ctx, connectionPath(c.Connection), &shown)
	if err != nil {
		return err
	}
	return c.connection(raw, shown)
}

type connectionSetCmd struct {
	output
	Connection string  `arg:"" help:"The connection's ID."`
	Name       *string `help:"What people call it."`
	connectionFields
}

// Run changes a connection.
func (c *connectionSetCmd) Run(ctx context.Context, cmd *connectionCmd) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if c.Name != nil {
		body["name"] = *c.Name
	}
	if len(body) == 0 {
		return errors.New("nothing is to be changed: give one of the flags")
	}
	var changed handlers.Connection
	raw, _, err := cmd.api().send(ctx, http.MethodPatch, connectionPath(c.Connection), body, &changed)
	if err != nil {
		return err
	}
	return c.connection(raw, changed)
}

type connectionRemoveCmd struct {
	output
	Connection string `arg:"" help:"The connection's ID."`
	Confirm    bool   `help:"Lines may go offline by it."`
}

// Run forgets a connection.
func (c *connectionRemoveCmd) Run(ctx context.Context, cmd *connectionCmd) error {
	return c.remove(ctx, cmd.api(), connectionPath(c.Connection), c.Confirm)
}

type connectionLogCmd struct {
	logFlags
	Connection string `arg:"" help:"The connection's ID."`
}

// Run shows a connection's log.
func (c *connectionLogCmd) Run(ctx context.Context, cmd *connectionCmd) error {
	return c.show(ctx, cmd.api(), connectionPath(c.Connection))
}

func connectionPath(id string) string { return "/v1/connections/" + url.PathEscape(id) }

func botsOf(c handlers.Connection) string {
	names := make([]string, len(c.Bots))
	for i, b := range c.Bots {
		names[i] = b.Name
		if !b.Inbound {
			names[i] += " (calls only)"
		}
	}
	return orDash(strings.Join(names, ", "))
}

func (o output) connection(raw []byte, c handlers.Connection) error {
	if o.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintf(w, "connection\t%s\nname\t%s\nkind\t%s\ndescription\t%s\naccount\t%s\nregion\t%s by %s\n", c.ID, c.Name, c.Kind, orDash(c.Description), c.AccountSID,
			c.Region, c.Edge)
		if c.Kind == "workspace" {
			fmt.Fprintf(w, "workspace\t%s\nrouting workflow\t%s\n", deref(c.WorkspaceSID), orDash(deref(c.RoutingWorkflowSID)))
		} else {
			fmt.Fprintf(w, "number\t%s\nvoice\t%s\nspeech model\t%s\n", deref(c.PhoneNumber), deref(c.Voice), deref(c.SpeechModel))
		}
		fmt.Fprintf(w, "bots\t%s\n", botsOf(c))
	})
}

// listed prints a list as JSON or as a table.
func (o output) listed(all any, rows func(io.Writer)) error {
	if o.Output != "json" {
		return table(rows)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return printJSON(raw)
}

// remove deletes something, and says what went offline.
func (o output) remove(ctx context.Context, api *callCmd, path string, confirm bool) error {
	var gone handlers.WentOffline
	raw, _, err := api.send(ctx, http.MethodDelete, path+"?confirm="+strconv.FormatBool(confirm), nil, &gone)
	if err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(raw)
	}
	words := "it is gone\n"
	if len(gone.Lines) > 0 {
		words = fmt.Sprintf("it is gone; nobody answers %s any more\n", strings.Join(gone.Lines, ", "))
	}
	_, err = fmt.Fprint(os.Stdout, words)
	return err
}

// everyPage asks for page after page; ask returns the next one's cursor.
func everyPage(ask func(cursor string) (next string, err error)) error {
	for cursor := ""; ; {
		next, err := ask(cursor)
		if err != nil || next == "" {
			return err
		}
		cursor = next
	}
}

func pageQuery(cursor string) string {
	q := url.Values{"limit": {"200"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return q.Encode()
}

// logFlags are those of every log.
type logFlags struct {
	output
	Limit int `default:"50" help:"How many lines at most (${default})."`
}

// show prints the log of what is at a path.
func (f logFlags) show(ctx context.Context, api *callCmd, path string) error {
	var log handlers.BotLog
	raw, err := api.get(ctx, path+"/log?limit="+strconv.Itoa(f.Limit), &log)
	if err != nil {
		return err
	}
	if f.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintln(w, "TIME\tLEVEL\tCONNECTION\tWHAT")
		for _, l := range log.Lines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", clock(&l.At), l.Level, orDash(l.Connection), l.Message)
		}
	})
}
