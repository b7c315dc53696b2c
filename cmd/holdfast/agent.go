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
	"strconv"
	"strings"
	"time"

	"holdfast/handlers"
)

type agentCmd struct {
	URL    string `env:"HOLDFAST_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The Holdfast that is asked (${default})."`
	APIKey string `env:"HOLDFAST_API_KEY" placeholder:"KEY" help:"API key; see 'holdfast key'."`

	List         agentListCmd         `cmd:"" help:"List agents: where they are, and what they do."`
	Show         agentShowCmd         `cmd:"" help:"Show one agent, his calls, and what became of him for the last call that he missed."`
	Availability agentAvailabilityCmd `cmd:"" help:"Put an agent somewhere. He is not brought back from there."`
}

// get asks as 'holdfast call' does.
func (c *agentCmd) get(ctx context.Context, path string, v any) ([]byte, error) {
	return (&callCmd{URL: c.URL, APIKey: c.APIKey}).get(ctx, path, v)
}

type agentListCmd struct {
	output
	Available *bool `negatable:"" help:"Only agents who are offered calls, or only those who are not."`
}

// Run lists agents, page after page.
func (c *agentListCmd) Run(ctx context.Context, api *agentCmd) error {
	q := url.Values{"limit": {"200"}}
	if c.Available != nil {
		q.Set("available", strconv.FormatBool(*c.Available))
	}
	all := handlers.AgentPage{Agents: []handlers.AgentDetail{}}
	for {
		var page handlers.AgentPage
		if _, err := api.get(ctx, "/v1/agents?"+q.Encode(), &page); err != nil {
			return err
		}
		all.Agents = append(all.Agents, page.Agents...)
		if page.NextCursor == "" {
			break
		}
		q.Set("cursor", page.NextCursor)
	}
	if c.Output == "json" {
		raw, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		fmt.Fprintln(w, "AGENT\tNAME\tAVAILABILITY\tSINCE\tCALLS\tMISSED")
		for _, a := range all.Agents {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", a.SID, a.Name, orDash(a.Availability.Name), clock(a.AvailabilitySince), callsOf(a), missedOf(a))
		}
	})
}

type agentShowCmd struct {
	output
	Agent string `arg:"" help:"The agent's SID (WK…), or 'me' for the key's own."`
}

// Run shows one agent.
func (c *agentShowCmd) Run(ctx context.Context, api *agentCmd) error {
	var a handlers.AgentDetail
	raw, err := api.get(ctx, "/v1/agents/"+url.PathEscape(c.Agent), &a)
	if err != nil {
		return err
	}
	return c.print(raw, a)
}

func (o output) print(raw []byte, a handlers.AgentDetail) error {
	if o.Output == "json" {
		return printJSON(raw)
	}
	return table(func(w io.Writer) {
		offered := "is not offered calls"
		if a.Availability.Available {
			offered = "is offered calls"
		}
		fmt.Fprintf(w, "agent\t%s\nname\t%s\naddress\t%s\navailability\t%s (%s)\nsince\t%s\n", a.SID, a.Name, orDash(a.Address),
			orDash(a.Availability.Name), offered, clock(a.AvailabilitySince))
		if m := a.Missed; m != nil {
			fmt.Fprintf(w, "missed\t%s, %s, %d in a row\noff since\t%s\ncomes back\t%s\nbrought back\t%s, %d times\n", clock(&m.At), m.Why, m.InARow,
				clock(m.OffSince), clock(m.BackAt), clock(m.BackSince), m.BroughtBack)
		}
		for _, channel := range a.Channels {
			capacity := "?"
			if channel.Capacity != nil {
				capacity = strconv.Itoa(*channel.Capacity)
			}
			fmt.Fprintf(w, "%s\t%d of %s tasks\n", channel.Channel, channel.Tasks, capacity)
		}
		if len(a.Calls) > 0 {
			fmt.Fprintln(w, "\nCALL\tSTATE\tFROM\tQUEUE\tLEG")
		}
		for _, call := range a.Calls {
			queue := ""
			if call.Queue != nil {
				queue = nameOr(call.Queue.Name, call.Queue.SID)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", call.Call, call.State, orDash(call.From), orDash(queue), orDash(call.LegState))
		}
	})
}

type agentAvailabilityCmd struct {
	output
	Agent string `arg:"" help:"The agent's SID (WK…), or 'me' for the key's own."`
	To    string `arg:"" help:"The availability's name or SID (WA…)."`
}

// Run puts an agent somewhere, and shows him as Twilio says that he is then.
func (c *agentAvailabilityCmd) Run(ctx context.Context, api *agentCmd) error {
	choice := handlers.AvailabilityChoice{Name: &c.To}
	if availabilityPattern.MatchString(c.To) {
		choice = handlers.AvailabilityChoice{AvailabilitySID: &c.To}
	}
	var a handlers.AgentDetail
	raw, err := api.post(ctx, "/v1/agents/"+url.PathEscape(c.Agent)+"/availability", choice, &a)
	if err != nil {
		return err
	}
	return c.print(raw, a)
}

func (c *agentCmd) post(ctx context.Context, path string, body, v any) ([]byte, error) {
	if c.APIKey == "" {
		return nil, errors.New("an API key is needed: set HOLDFAST_API_KEY or --api-key")
	}
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.URL, "/")+path, bytes.NewReader(sent))
	if err != nil {
		return nil, fmt.Errorf("--url %s: %w", c.URL, err)
	}
	r.Header.Set("Authorization", "Bearer "+c.APIKey)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("no Holdfast answers at %s: %w", c.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 32<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		var p handlers.Problem
		if json.Unmarshal(answer, &p) == nil && p.Detail != "" {
			return nil, fmt.Errorf("%d %s: %s", response.StatusCode, p.Title, p.Detail)
		}
		return nil, fmt.Errorf("%s answers %s", c.URL, response.Status)
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return nil, fmt.Errorf("%s answers something else than Holdfast does: %w", c.URL, err)
	}
	return answer, nil
}

func callsOf(a handlers.AgentDetail) string {
	calls := make([]string, 0, len(a.Calls))
	for _, c := range a.Calls {
		calls = append(calls, string(c.State))
	}
	return orDash(strings.Join(calls, ", "))
}

func missedOf(a handlers.AgentDetail) string {
	m := a.Missed
	switch {
	case m == nil:
		return "-"
	case m.StaysOff:
		return "off, and stays off"
	case m.OffSince != nil && m.BackAt != nil:
		return "off, comes back at " + clock(m.BackAt)
	case m.OffSince != nil:
		return "off since " + clock(m.OffSince)
	default:
		return "at " + clock(&m.At)
	}
}
