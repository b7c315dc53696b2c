package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"holdfast/handlers"
)

type sessionCmd struct {
	URL    string `env:"HOLDFAST_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The Holdfast that is asked (${default})."`
	APIKey string `env:"HOLDFAST_API_KEY" placeholder:"KEY" help:"API key; see 'holdfast key'."`

	List sessionListCmd `cmd:"" help:"List bots' conversations, the newest first."`
	Show sessionShowCmd `cmd:"" help:"Show one conversation, with its transcript."`
}

func (c *sessionCmd) api() *callCmd { return &callCmd{URL: c.URL, APIKey: c.APIKey} }

type sessionListCmd struct {
	output
	Bot              string `help:"Only of this bot."`
	Connection       string `help:"Only over this connection."`
	Call             string `help:"Only of this call, by its ID or CallSid."`
	Number           string `help:"Only with this caller, or to this number."`
	State            string `enum:",open,handing-off,closed" default:"" help:"Only in this state: open, handing-off, closed."`
	Outcome          string `help:"Only with this outcome, such as completed, handed-off, abandoned, busy."`
	FlexTask         string `placeholder:"WT…" help:"Only the one that this task came from."`
	FlexReservation  string `placeholder:"WR…" help:"Only the one whose task this reservation accepted."`
	FlexConversation string `placeholder:"SID" help:"Only of this conversation."`
	Limit            int    `default:"50" help:"How many at most (${default})."`
}

// Run lists sessions.
func (c *sessionListCmd) Run(ctx context.Context, cmd *sessionCmd) error {
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{
		"bot": c.Bot, "connection": c.Connection, "call": c.Call, "number": c.Number, "state": c.State, "outcome": c.Outcome, "flex_task_sid": c.FlexTask,
		"flex_reservation_sid": c.FlexReservation, "flex_conversation_sid": c.FlexConversation,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var page handlers.SessionPage
	raw, err := cmd.api().get(ctx, "/v1/sessions?"+q.Encode(), &page)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintln(w, "SESSION\tSTATE\tOUTCOME\tDIRECTION\tFROM\tTO\tTURNS\tCALL\tOPENED")
		for _, s := range page.Sessions {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", s.ID, s.State, orDash(s.Outcome), s.Direction, s.From, s.To, s.Turns, s.Call, clock(&s.OpenedAt))
		}
	})
}

type sessionShowCmd struct {
	output
	Session string `arg:"" help:"The session's ID."`
}

// Run shows one session.
func (c *sessionShowCmd) Run(ctx context.Context, cmd *sessionCmd) error {
	var detail handlers.SessionDetail
	raw, err := cmd.api().get(ctx, "/v1/sessions/"+url.PathEscape(c.Session), &detail)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	if err := table(func(w io.Writer) { showSession(w, detail.Session) }); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout)
	for _, m := range detail.Transcript {
		text := m.Text
		if m.Cut {
			text += " [interrupted: " + nameOr(deref(m.Heard), "nothing was heard") + "]"
		}
		if _, err := fmt.Fprintf(os.Stdout, "%s  %-6s  %s\n", m.At.Local().Format("15:04:05"), m.Speaker, text); err != nil {
			return err
		}
	}
	return nil
}

func showSession(w io.Writer, s handlers.Session) {
	fmt.Fprintf(w, "session\t%s\nbot\t%s\nconnection\t%s\ncall\t%s\n%s\tfrom %s to %s\nstate\t%s\nturns\t%d\nopened\t%s\nclosed\t%s\n", s.ID, s.Bot, s.Connection,
		s.Call, s.Direction, s.From, s.To, strings.TrimSpace(string(s.State)+" "+s.Outcome), s.Turns, clock(&s.OpenedAt), clock(s.ClosedAt))
	if s.AnsweredBy != nil {
		fmt.Fprintf(w, "answered by\t%s\n", *s.AnsweredBy)
	}
	for _, note := range []struct{ name, value string }{
		{"summary", s.Summary}, {"task", s.FlexTaskSID}, {"reservation", s.FlexReservationSID}, {"conversation", s.FlexConversationSID},
	} {
		if note.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", note.name, note.value)
		}
	}
	for _, note := range []struct {
		name  string
		value *json.RawMessage
	}{{"handoff", s.Handoff}, {"attributes", s.Attributes}} {
		if note.value != nil {
			fmt.Fprintf(w, "%s\t%s\n", note.name, *note.value)
		}
	}
}
