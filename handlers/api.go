package handlers

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../schema/openapi.yaml

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// ActionEngine asks a call's workflow for an action, and waits for its outcome. [*workflows.Client] is one.
type ActionEngine interface {
	// Request sends the action as an Update with this ID: the same ID has one effect and one outcome. It waits for the outcome for as
	// long as wait. Its errors are those of [workflows.Client.Request].
	Request(ctx context.Context, id call.ID, updateID string, event call.Event, wait time.Duration) (workflows.Result, error)
}

// api implements the generated interface: the contract of schema/openapi.yaml.
type api struct {
	store     *store.Store
	engine    ActionEngine
	agents    AgentControl
	bots      BotLife
	workspace string
	dialIns   *DialIns
	feed      *feed
	steps     *pulse
	log       *slog.Logger
	metrics   apiMetrics
	wait      time.Duration
	heartbeat time.Duration
	write     time.Duration
}

var (
	_ StrictServerInterface = (*api)(nil)
	_ ActionEngine          = (*workflows.Client)(nil)
)

var callIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// found reads a call that the key may see. Whether somebody else's call exists is not hidden: call IDs cannot be guessed.
func (a *api) found(ctx context.Context, id string) (store.CallRow, []store.LegRow, error) {
	if !callIDPattern.MatchString(id) {
		return store.CallRow{}, nil, badRequest("a call's ID has up to 64 letters, digits, - and _")
	}
	row, legs, err := a.store.Call(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return row, nil, problem(http.StatusNotFound, codeCallNotFound, "there is no such call")
	}
	if err != nil {
		return row, nil, err
	}
	if key := keyIn(ctx); key.isAgent() && !concerns(key.Agent, row, legs) {
		return row, nil, problem(http.StatusForbidden, codeNotYourCall, "this call is not yours: agents see and act on their own calls alone")
	}
	return row, legs, nil
}

func renderEntry(e store.Entry) TimelineEntry {
	r := TimelineEntry{
		Seq:       e.Seq,
		Call:      e.Call,
		At:        e.At.UTC(),
		Kind:      e.Kind,
		Source:    e.Source,
		State:     e.State,
		Outcome:   CallOutcome(e.Outcome),
		AgentSids: e.Agents,
		Data:      e.Data,
	}
	if r.AgentSids == nil {
		r.AgentSids = []string{}
	}
	if len(r.Data) == 0 {
		r.Data = json.RawMessage("{}")
	}
	if e.Late {
		r.Late = &e.Late
	}
	if e.Private {
		r.Private = &e.Private
	}
	return r
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
