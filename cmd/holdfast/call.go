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
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast/handlers"
)

type callCmd struct {
	URL    string `env:"HOLDFAST_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The Holdfast that is asked (${default})."`
	APIKey string `env:"HOLDFAST_API_KEY" placeholder:"KEY" help:"API key; see 'holdfast key'."`

	List     callListCmd     `cmd:"" help:"List calls, the newest first."`
	Show     callShowCmd     `cmd:"" help:"Show one call and its legs."`
	Timeline callTimelineCmd `cmd:"" help:"Show everything that happened to a call, in order."`
}

type output struct {
	Output string `short:"o" default:"table" enum:"table,json" help:"Form of the output: ${enum}."`
}

type callListCmd struct {
	output
	State []string `help:"Only calls in these states: queued, reserved, connecting, talking, held, wrapping, ended."`
	Queue string   `help:"Only calls of this queue, by SID or name."`
	Agent string   `placeholder:"WK…" help:"Only calls of this agent."`
	Limit int      `default:"50" help:"How many at most (${default})."`
}

// Run lists calls.
func (c *callListCmd) Run(ctx context.Context, api *callCmd) error {
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for _, s := range c.State {
		q.Add("state", s)
	}
	if c.Queue != "" {
		q.Set("queue", c.Queue)
	}
	if c.Agent != "" {
		q.Set("agent", c.Agent)
	}
	var page handlers.CallPage
	raw, err := api.get(ctx, "/v1/calls?"+q.Encode(), &page)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintln(w, "CALL\tSTATE\tOUTCOME\tFROM\tTO\tQUEUE\tAGENT\tRECEIVED")
		for _, call := range page.Calls {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", call.ID, call.State, orDash(string(call.Outcome)), orDash(call.From), orDash(call.To),
				queueOf(call), agentOf(call), clock(call.ReceivedAt))
		}
	})
}

type callShowCmd struct {
	output
	Call string `arg:"" help:"The call's ID."`
}

// Run shows one call.
func (c *callShowCmd) Run(ctx context.Context, api *callCmd) error {
	var call handlers.Call
	raw, err := api.get(ctx, "/v1/calls/"+url.PathEscape(c.Call), &call)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintf(w, "call\t%s\nstate\t%s %s\nfrom\t%s\nto\t%s\nqueue\t%s\nagent\t%s\n", call.ID, call.State, call.Outcome, orDash(call.From),
			orDash(call.To), queueOf(call), agentOf(call))
		fmt.Fprintf(w, "received\t%s\nanswered\t%s\nended\t%s\n", clock(call.ReceivedAt), clock(call.AnsweredAt), clock(call.EndedAt))
		fmt.Fprintln(w, "\nLEG\tROLE\tSTATE\tADDRESS\tHOLD\tMUTED\tLEFT BECAUSE")
		for _, l := range call.Legs {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%t\t%t\t%s\n", l.CallSID, l.Role, l.State, orDash(l.Address), l.Hold, l.Muted, orDash(deref(l.Reason)))
		}
	})
}

type callTimelineCmd struct {
	output
	Call string `arg:"" help:"The call's ID."`
}

// Run shows a call's timeline.
func (c *callTimelineCmd) Run(ctx context.Context, api *callCmd) error {
	var all []handlers.TimelineEntry
	for after := int64(0); ; {
		var page handlers.TimelinePage
		if _, err := api.get(ctx, fmt.Sprintf("/v1/calls/%s/timeline?limit=500&after=%d", url.PathEscape(c.Call), after), &page); err != nil {
			return err
		}
		all = append(all, page.Entries...)
		if len(page.Entries) < 500 {
			break
		}
		after = page.NextAfter
	}
	if c.Output == "json" {
		raw, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintln(w, "TIME\tSOURCE\tWHAT\tSTATE\tDATA")
		for _, e := range all {
			data, err := json.Marshal(e.Data)
			if err != nil {
				data = []byte("?")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.At.Local().Format("15:04:05.000"), e.Source, e.Kind, e.State, data)
		}
	})
}

// get asks the API, decodes the answer into v, and gives it as it came too.
func (c *callCmd) get(ctx context.Context, path string, v any) ([]byte, error) {
	if c.APIKey == "" {
		return nil, errors.New("an API key is needed: set HOLDFAST_API_KEY or --api-key")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+path, nil)
	if err != nil {
		return nil, fmt.Errorf("--url %s: %w", c.URL, err)
	}
	r.Header.Set("Authorization", "Bearer "+c.APIKey)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no Holdfast answers at %s: %w", c.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 32<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		var p handlers.Problem
		if json.Unmarshal(body, &p) == nil && p.Detail != "" {
			return nil, fmt.Errorf("%d %s: %s", response.StatusCode, p.Title, p.Detail)
		}
		return nil, fmt.Errorf("%s answers %s", c.URL, response.Status)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return nil, fmt.Errorf("%s answers something else than Holdfast does: %w", c.URL, err)
	}
	return body, nil
}

// waitReady returns once a Holdfast is ready.
func waitReady(ctx context.Context, base string) error {
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func printJSON(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

func table(rows func(io.Writer)) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	rows(w)
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func queueOf(c handlers.Call) string {
	if c.Queue == nil {
		return "-"
	}
	return nameOr(c.Queue.Name, c.Queue.SID)
}

func agentOf(c handlers.Call) string {
	if c.Agent == nil {
		return "-"
	}
	return nameOr(c.Agent.Name, c.Agent.SID)
}

func nameOr(name, sid string) string {
	if name == "" {
		return orDash(sid)
	}
	return name
}

func clock(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
