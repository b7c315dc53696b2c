package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
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
	Show     callShowCmd     `cmd:"" help:"Show one call: who is in it, who was asked to come, and how it was handed on."`
	Timeline callTimelineCmd `cmd:"" help:"Show everything that happened to a call, in order."`

	callActions
}

type output struct {
	Output string `short:"o" default:"table" enum:"table,json" help:"Form of the output: ${enum}."`
}

type callListCmd struct {
	output
	State []string `help:"Only calls in these states: dialling, bot, queued, reserved, connecting, talking, held, wrapping, ended."`
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
	return table(func(w io.Writer) { showCall(w, call) })
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
	raw, _, err := c.send(ctx, http.MethodGet, path, nil, v)
	return raw, err
}

// send asks the API, with a body if it is not nil, and tells the status beside the answer: 200 or 202.
func (c *callCmd) send(ctx context.Context, method, path string, body, v any, headers ...string) (raw []byte, status int, err error) {
	if c.APIKey == "" {
		return nil, 0, errors.New("an API key is needed: set HOLDFAST_API_KEY or --api-key")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, 0, err
		}
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, content)
	if err != nil {
		return nil, 0, fmt.Errorf("--url %s: %w", c.URL, err)
	}
	r.Header.Set("Authorization", "Bearer "+c.APIKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, fmt.Errorf("no Holdfast answers at %s: %w", c.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err = io.ReadAll(io.LimitReader(response.Body, 32<<20))
	if err != nil {
		return nil, 0, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		var p handlers.Problem
		if json.Unmarshal(raw, &p) == nil && p.Detail != "" {
			if fields := deref(p.Errors); len(fields) > 1 {
				p.Detail = "this is wrong:"
				for _, f := range fields {
					p.Detail += "\n  " + f.Field + " " + f.Detail
				}
			}
			return nil, response.StatusCode, fmt.Errorf("%d %s (%s): %s", response.StatusCode, p.Title, p.Code, p.Detail)
		}
		return nil, response.StatusCode, fmt.Errorf("%s answers %s", c.URL, response.Status)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, response.StatusCode, fmt.Errorf("%s answers something else than Holdfast does: %w", c.URL, err)
	}
	return raw, response.StatusCode, nil
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
