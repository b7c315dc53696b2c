package handlers

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"holdfast/floor"
	"holdfast/store"
)

// AgentControl moves agents at Twilio. Its errors are those below, or time's.
type AgentControl interface {
	// SetAvailability moves an agent, and returns where Twilio says that he is then.
	SetAvailability(ctx context.Context, agent, availability string) (store.AgentChange, error)
}

// Errors of [AgentControl].
var (
	ErrTwilioAway    = errors.New("twilio cannot be asked")
	ErrTwilioRefused = errors.New("twilio refuses")
	ErrNoAgent       = errors.New("twilio knows no such agent")
)

// Codes of problems about agents.
const (
	codeAgentNotFound        = "agent_not_found"
	codeAvailabilityNotFound = "availability_not_found"
	codeTwilioAway           = "twilio_away"
)

// Pages of agents, as the contract says.
const (
	agentsPage     = 50
	agentsPageMost = 200
)

// ListAgents answers GET /v1/agents.
func (a *api) ListAgents(ctx context.Context, request ListAgentsRequestObject) (ListAgentsResponseObject, error) {
	limit, err := pageLimit(request.Params.Limit, agentsPage, agentsPageMost)
	if err != nil {
		return nil, err
	}
	filter := store.AgentFilter{Limit: limit, Available: request.Params.Available}
	if request.Params.Cursor != nil {
		filter.Cursor = *request.Params.Cursor
	}
	page := ListAgents200JSONResponse{Agents: []AgentDetail{}}
	if key := keyIn(ctx); key.isAgent() {
		if filter.SID = key.Agent; filter.SID == "" {
			return page, nil
		}
	}
	rows, next, err := a.store.Agents(ctx, filter)
	if err != nil {
		return nil, err
	}
	page.NextCursor = next
	page.Agents, err = a.renderAgents(ctx, rows)
	return page, err
}

// GetAgent answers GET /v1/agents/{agent}.
func (a *api) GetAgent(ctx context.Context, request GetAgentRequestObject) (GetAgentResponseObject, error) {
	found, err := a.foundAgent(ctx, request.Agent)
	if err != nil {
		return nil, err
	}
	detail, err := a.renderAgent(ctx, found)
	return GetAgent200JSONResponse{detail}, err
}

// ListAvailabilities answers GET /v1/availabilities.
func (a *api) ListAvailabilities(ctx context.Context, _ ListAvailabilitiesRequestObject) (ListAvailabilitiesResponseObject, error) {
	rows, err := a.store.Availabilities(ctx)
	if err != nil {
		return nil, err
	}
	list := ListAvailabilities200JSONResponse{Availabilities: []Availability{}}
	for _, r := range rows {
		list.Availabilities = append(list.Availabilities, renderAvailability(r))
	}
	return list, nil
}

// SetAvailability answers POST /v1/agents/{agent}/availability. The breaker is told after Twilio did it, and before it is answered: what was said to be so
// is not undone by it.
func (a *api) SetAvailability(ctx context.Context, request SetAvailabilityRequestObject) (SetAvailabilityResponseObject, error) {
	found, err := a.foundAgent(ctx, request.Agent)
	if err != nil {
		return nil, err
	}
	to, err := a.chosen(ctx, request.Body)
	if err != nil {
		return nil, err
	}
	if a.agents == nil {
		return nil, unavailable(codeTwilioAway, "agents cannot be moved from here", nil)
	}
	change, err := a.agents.SetAvailability(ctx, found.SID, to.SID)
	switch {
	case errors.Is(err, ErrNoAgent):
		return nil, problem(http.StatusNotFound, codeAgentNotFound, "Twilio knows no such agent")
	case errors.Is(err, ErrTwilioRefused):
		return nil, problem(http.StatusConflict, codeFailed, "%v", err)
	case errors.Is(err, ErrTwilioAway):
		return nil, unavailable(codeTwilioAway, "Twilio cannot be asked; send the same request again", err)
	case err != nil:
		return nil, err
	case change.AvailabilitySID != to.SID:
		return nil, problem(http.StatusConflict, codeFailed, "Twilio says that the agent is at %s", change.AvailabilityName)
	}
	event, err := json.Marshal(floor.Envelope{Event: floor.AvailabilityChosen{
		Agent: floor.AgentSID(found.SID), To: floor.AvailabilitySID(to.SID), By: keyIn(ctx).Name, At: change.At,
	}})
	if err != nil {
		return nil, err
	}
	if err := a.store.Tell(ctx, a.workspace, "chosen:"+rand.Text(), "availability-chosen", event); err != nil {
		return nil, err
	}
	if err := a.store.ApplyAgent(ctx, change); err != nil {
		return nil, err
	}
	if found, err = a.store.Agent(ctx, found.SID); err != nil {
		return nil, err
	}
	detail, err := a.renderAgent(ctx, found)
	return SetAvailability200JSONResponse{detail}, err
}

// chosen finds the availability that a request names.
func (a *api) chosen(ctx context.Context, body *AvailabilityChoice) (store.AvailabilityRow, error) {
	var none store.AvailabilityRow
	if body == nil || (body.AvailabilitySID == nil) == (body.Name == nil) {
		return none, badRequest("give either availability_sid or name")
	}
	if body.AvailabilitySID != nil && !availabilitySID.MatchString(*body.AvailabilitySID) {
		return none, badRequest("availability_sid %q is no activity SID (WA and 32 hexadecimal digits)", *body.AvailabilitySID)
	}
	all, err := a.store.Availabilities(ctx)
	if err != nil {
		return none, err
	}
	for _, v := range all {
		if body.Name != nil && strings.EqualFold(v.Name, *body.Name) || body.AvailabilitySID != nil && v.SID == *body.AvailabilitySID {
			return v, nil
		}
	}
	if body.AvailabilitySID != nil { // it may have been made a moment ago: Twilio knows
		return store.AvailabilityRow{SID: *body.AvailabilitySID}, nil
	}
	return none, problem(http.StatusNotFound, codeAvailabilityNotFound, "there is no availability %q", *body.Name)
}

// foundAgent reads an agent whom the key may see.
func (a *api) foundAgent(ctx context.Context, ref string) (store.AgentRow, error) {
	key := keyIn(ctx)
	if ref == "me" {
		if ref = key.Agent; ref == "" {
			return store.AgentRow{}, problem(http.StatusNotFound, codeAgentNotFound, "this key belongs to no agent")
		}
	}
	if !agentSID.MatchString(ref) {
		return store.AgentRow{}, badRequest("agent %q is no worker SID (WK and 32 hexadecimal digits)", ref)
	}
	if key.isAgent() && key.Agent != ref {
		return store.AgentRow{}, problem(http.StatusForbidden, codeForbidden, "agents see themselves alone")
	}
	row, err := a.store.Agent(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return row, problem(http.StatusNotFound, codeAgentNotFound, "there is no such agent")
	}
	return row, err
}

func (a *api) renderAgent(ctx context.Context, row store.AgentRow) (AgentFoundJSONResponse, error) {
	all, err := a.renderAgents(ctx, []store.AgentRow{row})
	if err != nil {
		return AgentFoundJSONResponse{}, err
	}
	return AgentFoundJSONResponse(all[0]), nil
}

// renderAgents shows agents as the contract says, with the calls that they have now.
func (a *api) renderAgents(ctx context.Context, rows []store.AgentRow) ([]AgentDetail, error) {
	details, at, sids := make([]AgentDetail, len(rows)), make(map[string]int, len(rows)), make([]string, len(rows))
	for i, r := range rows {
		at[r.SID], sids[i] = i, r.SID
		d := AgentDetail{
			SID: r.SID, Name: r.Name, Address: r.Address, Availability: renderAvailability(r.Availability),
			AvailabilitySince: optionalTime(r.AvailabilityAt), Channels: []AgentChannel{}, Calls: []AgentCall{}, Missed: renderMiss(r.Miss),
		}
		for _, c := range r.Channels {
			channel := AgentChannel{Channel: c.Channel, Tasks: c.Tasks, FreePercent: c.Free, Available: c.Available}
			if c.Capacity >= 0 {
				channel.Capacity = &c.Capacity
			}
			d.Channels = append(d.Channels, channel)
		}
		details[i] = d
	}
	calls, err := a.store.AgentCalls(ctx, sids...)
	if err != nil {
		return nil, err
	}
	for _, c := range calls {
		shown := AgentCall{Call: c.Call, State: CallState(c.State), From: c.From, Queue: queueIf(c.QueueSID, c.QueueName), LegState: c.LegState}
		if c.State == "" {
			shown.State = Queued
		}
		d := &details[at[c.Agent]]
		d.Calls = append(d.Calls, shown)
	}
	return details, nil
}

func renderMiss(m store.AgentMiss) *AgentMiss {
	if m.MissedAt.IsZero() {
		return nil
	}
	return &AgentMiss{
		At: m.MissedAt, Call: m.Call, Queue: queueIf(m.QueueSID, m.QueueName), Why: m.Why, InARow: m.Misses, OffSince: optionalTime(m.OffSince),
		BackAt: optionalTime(m.BackAt), BackSince: optionalTime(m.BackedAt), BroughtBack: m.Backs, StaysOff: m.StaysOff,
	}
}

func renderAvailability(v store.AvailabilityRow) Availability {
	return Availability{SID: v.SID, Name: v.Name, Available: v.Available}
}

func queueIf(sid, name string) *Queue {
	if sid == "" {
		return nil
	}
	return &Queue{SID: sid, Name: name}
}

// AgentEvent is the contract's: one thing that happened to an agent. Nothing but the stream carries it, so the generator leaves it out.
type AgentEvent struct {
	Seq       int64           `json:"seq"`
	AgentSids []string        `json:"agent_sids"`
	At        time.Time       `json:"at"`
	Kind      string          `json:"kind"`
	Source    string          `json:"source"`
	Data      json.RawMessage `json:"data"`
}

// renderAgentEvent is an entry of the live stream that is about no call.
func renderAgentEvent(e store.Entry) AgentEvent {
	r := AgentEvent{Seq: e.Seq, AgentSids: e.Agents, At: e.At.UTC(), Kind: e.Kind, Source: e.Source, Data: e.Data}
	if r.AgentSids == nil {
		r.AgentSids = []string{}
	}
	if len(r.Data) == 0 {
		r.Data = json.RawMessage("{}")
	}
	return r
}
