package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"holdfast/store"
)

// ListSessions answers GET /v1/sessions.
func (a *api) ListSessions(ctx context.Context, r ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	p := r.Params
	list := ListSessions200JSONResponse{Sessions: []Session{}}
	bounds, err := page(p.Limit, p.Cursor)
	if err != nil {
		return nil, err
	}
	filter := store.SessionFilter{
		Bot: text(p.Bot), Connection: text(p.Connection), Call: text(p.Call), Number: text(p.Number), Outcome: text(p.Outcome), FlexTask: text(p.FlexTaskSID),
		FlexReservation: text(p.FlexReservationSID), FlexConversation: text(p.FlexConversationSID), Page: bounds,
	}
	if p.State != nil {
		if !p.State.Valid() {
			return nil, badRequest("state %q is none of open, handing-off, closed", *p.State)
		}
		filter.State = store.SessionState(*p.State)
	}
	if key := keyIn(ctx); key.isAgent() {
		if filter.Agent = key.Agent; filter.Agent == "" {
			return list, nil
		}
	}
	rows, next, err := a.store.Sessions(ctx, filter)
	if err != nil {
		return nil, err
	}
	list.NextCursor = next
	for _, row := range rows {
		list.Sessions = append(list.Sessions, renderSession(row))
	}
	return list, nil
}

// GetSession answers GET /v1/sessions/{session}.
func (a *api) GetSession(ctx context.Context, r GetSessionRequestObject) (GetSessionResponseObject, error) {
	row, err := a.store.Session(ctx, r.Session)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem(http.StatusNotFound, codeSessionNotFound, "there is no such session")
	}
	if err != nil {
		return nil, err
	}
	if key := keyIn(ctx); key.isAgent() {
		// The call says whose it is. One that is not there yet is nobody's.
		call, legs, err := a.store.Call(ctx, row.Call)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err != nil || !concerns(key.Agent, call, legs) {
			return nil, problem(http.StatusForbidden, codeNotYourCall, "this conversation is not of a call of yours: agents read those of their own calls alone")
		}
	}
	messages, err := a.store.SessionMessages(ctx, row.ID, 0, 0)
	if err != nil {
		return nil, err
	}
	detail := GetSession200JSONResponse{Session: renderSession(row), Transcript: []SessionMessage{}}
	for _, m := range messages {
		detail.Transcript = append(detail.Transcript, SessionMessage{
			Number: m.Number, Turn: m.Turn, At: m.At, Speaker: m.Speaker, Text: m.Text, Heard: optional(m.Heard), Cut: m.Cut, Language: optional(m.Language),
		})
	}
	return detail, nil
}

func renderSession(row store.SessionRow) Session {
	return Session{
		ID: row.ID, Bot: row.Bot, Connection: row.Connection, AccountSID: row.AccountSID, Call: row.Call, CallSID: row.CallSID, Direction: row.Direction,
		From: row.Caller, To: row.Called, State: SessionState(row.State), Outcome: row.Outcome, Turns: row.Turn, Messages: row.Messages,
		Handoff: optionalJSON(row.Handoff), Attributes: optionalJSON(row.Custom), AnsweredBy: optional(row.AnsweredBy), Summary: row.Summary,
		FlexTaskSID: row.FlexTask, FlexReservationSID: row.FlexReservation, FlexConversationSID: row.FlexConversation, OpenedAt: row.OpenedAt,
		ClosedAt: optionalTime(row.ClosedAt),
	}
}

func optionalJSON(j json.RawMessage) *json.RawMessage {
	if len(j) == 0 || string(j) == "null" {
		return nil
	}
	return &j
}
