package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// An action is what a person may ask for. name is the last part of its path.
type action struct {
	name string
	// event makes the core's event; leg is "" for an action on the whole call.
	event func(r call.Request, leg call.SID) call.Event
	onLeg bool
	// onOffer makes the core's event of an action on a reservation; event is not asked then.
	onOffer func(r call.Request, reservation call.ReservationSID) call.Event
	// agentMay says whether an agent may do it to this leg of a call that is his; nil: he may.
	agentMay func(agent string, leg store.LegRow) error
}

var (
	holdAction = action{name: "hold", onLeg: true, agentMay: customerOnly, event: func(r call.Request, leg call.SID) call.Event {
		return call.HoldRequested{Request: r, Leg: leg}
	}}
	unholdAction = action{name: "unhold", onLeg: true, agentMay: customerOnly, event: func(r call.Request, leg call.SID) call.Event {
		return call.UnholdRequested{Request: r, Leg: leg}
	}}
	muteAction = action{name: "mute", onLeg: true, agentMay: ownLegOnly, event: func(r call.Request, leg call.SID) call.Event {
		return call.MuteRequested{Request: r, Leg: leg}
	}}
	unmuteAction = action{name: "unmute", onLeg: true, agentMay: ownLegOnly, event: func(r call.Request, leg call.SID) call.Event {
		return call.UnmuteRequested{Request: r, Leg: leg}
	}}
	leaveAction = action{name: "leave", onLeg: true, agentMay: ownLegOnly, event: func(r call.Request, leg call.SID) call.Event {
		return call.LeaveRequested{Request: r, Leg: leg}
	}}
	endAction = action{name: "end", event: func(r call.Request, _ call.SID) call.Event {
		return call.EndRequested{Request: r}
	}}
	wrapUpAction = action{name: "wrap-up/complete", event: func(r call.Request, _ call.SID) call.Event {
		return call.WrapupCompleteRequested{Request: r}
	}}
)

func customerOnly(_ string, leg store.LegRow) error {
	if leg.Role != string(call.RoleCustomer) {
		return problem(http.StatusForbidden, codeForbidden, "agents hold and unhold the customer's leg alone")
	}
	return nil
}

func ownLegOnly(agent string, leg store.LegRow) error {
	if leg.AgentSID != agent {
		return problem(http.StatusForbidden, codeNotYourLeg, "this leg is not yours: agents mute, unmute and take out their own leg alone")
	}
	return nil
}

// HoldLeg answers POST /v1/calls/{call}/legs/{leg}/hold.
func (a *api) HoldLeg(ctx context.Context, r HoldLegRequestObject) (HoldLegResponseObject, error) {
	return a.act(ctx, holdAction, r.Call, r.Leg, r.Params.IdempotencyKey)
}

// UnholdLeg answers POST /v1/calls/{call}/legs/{leg}/unhold.
func (a *api) UnholdLeg(ctx context.Context, r UnholdLegRequestObject) (UnholdLegResponseObject, error) {
	return a.act(ctx, unholdAction, r.Call, r.Leg, r.Params.IdempotencyKey)
}

// MuteLeg answers POST /v1/calls/{call}/legs/{leg}/mute.
func (a *api) MuteLeg(ctx context.Context, r MuteLegRequestObject) (MuteLegResponseObject, error) {
	return a.act(ctx, muteAction, r.Call, r.Leg, r.Params.IdempotencyKey)
}

// UnmuteLeg answers POST /v1/calls/{call}/legs/{leg}/unmute.
func (a *api) UnmuteLeg(ctx context.Context, r UnmuteLegRequestObject) (UnmuteLegResponseObject, error) {
	return a.act(ctx, unmuteAction, r.Call, r.Leg, r.Params.IdempotencyKey)
}

// LeaveLeg answers POST /v1/calls/{call}/legs/{leg}/leave.
func (a *api) LeaveLeg(ctx context.Context, r LeaveLegRequestObject) (LeaveLegResponseObject, error) {
	return a.act(ctx, leaveAction, r.Call, r.Leg, r.Params.IdempotencyKey)
}

// EndCall answers POST /v1/calls/{call}/end.
func (a *api) EndCall(ctx context.Context, r EndCallRequestObject) (EndCallResponseObject, error) {
	return a.act(ctx, endAction, r.Call, "", r.Params.IdempotencyKey)
}

// CompleteWrapUp answers POST /v1/calls/{call}/wrap-up/complete.
func (a *api) CompleteWrapUp(ctx context.Context, r CompleteWrapUpRequestObject) (CompleteWrapUpResponseObject, error) {
	return a.act(ctx, wrapUpAction, r.Call, "", r.Params.IdempotencyKey)
}

// act does an action and measures it.
func (a *api) act(ctx context.Context, what action, id, leg string, idempotencyKey *string) (*actionAnswer, error) {
	started := time.Now()
	answer, err := a.attempt(ctx, what, id, leg, idempotencyKey)
	outcome := "verified"
	switch {
	case err != nil:
		outcome = problemOf(err).code
	case answer.status == http.StatusAccepted:
		outcome = "accepted"
	}
	a.metrics.actions.Record(ctx, time.Since(started).Seconds(),
		metric.WithAttributes(attribute.String("action", what.name), attribute.String("outcome", outcome)))
	return answer, err
}

func (a *api) attempt(ctx context.Context, what action, id, leg string, idempotencyKey *string) (*actionAnswer, error) {
	key := keyIn(ctx)
	row, legs, err := a.found(ctx, id)
	if err != nil {
		return nil, err
	}
	if key.isAgent() && what.onOffer == nil && !has(key.Agent, row, legs) {
		return nil, problem(http.StatusForbidden, codeNotYourCall, "this call is not yours any more: another agent has it")
	}
	var target store.LegRow
	if what.onLeg {
		if target, err = resolveLeg(leg, key, row, legs); err != nil {
			return nil, err
		}
		if key.isAgent() {
			if err := what.agentMay(key.Agent, target); err != nil {
				return nil, err
			}
		}
	}
	var offer call.ReservationSID
	if what.onOffer != nil {
		if offer, err = resolveOffer(leg, key, row.Snapshot); err != nil {
			return nil, err
		}
	}
	if idempotencyKey != nil && (*idempotencyKey == "" || len(*idempotencyKey) > 128) {
		return nil, badRequest("Idempotency-Key must have between 1 and 128 bytes")
	}
	updateID := actionID(key, id, what.name, leg, idempotencyKey)
	if row.State == string(call.StatusEnded) {
		return a.afterEnd(row, legs, updateID)
	}
	asked := call.Request{Action: updateID, By: call.Actor{Name: key.Name, Role: key.Role, Agent: call.AgentSID(key.Agent)}}
	var event call.Event
	if what.onOffer != nil {
		event = what.onOffer(asked, offer)
	} else {
		event = what.event(asked, call.SID(target.CallSID))
	}
	result, err := a.engine.Request(ctx, call.ID(id), updateID, event, a.wait)
	if err != nil {
		return a.notDone(ctx, row, legs, updateID, err)
	}
	return a.done(ctx, row, legs, updateID, result)
}

// done answers what came of an action that the workflow accepted. row and legs are the call as it was before: should the store be away
// by now, the answer shows them, for what was accepted must not be answered like something that never happened.
func (a *api) done(ctx context.Context, row store.CallRow, legs []store.LegRow, updateID string, result workflows.Result) (*actionAnswer, error) {
	status, detail := result.Status, result.Detail
	switch status {
	case call.ActionVerified:
		row, legs = a.settled(ctx, row, legs, updateID)
		return &actionAnswer{http.StatusOK, renderCall(row, legs)}, nil
	case call.ActionOpen:
		if now, nowLegs, err := a.store.Call(ctx, row.ID); err == nil {
			row, legs = now, nowLegs
		}
		return &actionAnswer{http.StatusAccepted, renderCall(row, legs)}, nil
	case call.ActionSuperseded, call.ActionFailed:
		return nil, undone(status, detail)
	}
	return nil, &problemError{
		status: http.StatusInternalServerError, code: codeInternal, detail: "the action's outcome is not known here",
		cause: errors.New("handlers: unknown action status " + string(status)),
	}
}

// undone is why an action that was accepted did not come true.
func undone(status call.ActionStatus, detail string) error {
	code := codeFailed
	if status == call.ActionSuperseded {
		code = codeSuperseded
	}
	if detail == "" {
		detail = "the action came to nothing"
	}
	return problem(http.StatusConflict, code, "%s", detail)
}

// notDone answers an action that the workflow did not take, or whose outcome is not known yet.
func (a *api) notDone(ctx context.Context, row store.CallRow, legs []store.LegRow, updateID string, err error) (*actionAnswer, error) {
	var impossible *call.NotAllowed
	switch {
	case errors.As(err, &impossible) && impossible.Code == call.CodeUnknownLeg:
		return nil, problem(http.StatusNotFound, codeLegNotFound, "%s", impossible.Message)
	case errors.As(err, &impossible) && impossible.Code == call.CodeUnknownReservation:
		return nil, problem(http.StatusNotFound, codeOfferNotFound, "%s", impossible.Message)
	case errors.As(err, &impossible):
		return nil, problem(http.StatusConflict, impossible.Code, "%s", impossible.Message)
	case errors.Is(err, workflows.ErrUnverified):
		return a.done(ctx, row, legs, updateID, workflows.Result{Status: call.ActionOpen})
	case errors.Is(err, workflows.ErrEnded): // ErrNotFound, too
		row, legs, err := a.store.Call(ctx, row.ID)
		if err != nil {
			return nil, err
		}
		return a.afterEnd(row, legs, updateID)
	case errors.Is(err, workflows.ErrUnavailable):
		return nil, unavailable(codeEngineAway, "the engine is away; nothing happened", err)
	default:
		return nil, err
	}
}

// afterEnd answers an action on a call that has ended: with the action's own outcome if it was asked before, for the workflow that
// knew is no more.
func (a *api) afterEnd(row store.CallRow, legs []store.LegRow, updateID string) (*actionAnswer, error) {
	status, detail := outcomeIn(row.Snapshot, updateID)
	switch status {
	case call.ActionVerified:
		return &actionAnswer{http.StatusOK, renderCall(row, legs)}, nil
	case call.ActionSuperseded, call.ActionFailed:
		return nil, undone(status, detail)
	case call.ActionOpen:
	}
	return nil, problem(http.StatusConflict, call.CodeCallEnded, "the call has ended")
}

// The read model follows the workflow within milliseconds. An answer waits for it so long, and then shows what there is.
const (
	settleWithin = time.Second
	settleLook   = 5 * time.Millisecond // for steps that another process projects
)

// settled reads the call once the read model shows that the action is decided.
func (a *api) settled(ctx context.Context, row store.CallRow, legs []store.LegRow, updateID string) (store.CallRow, []store.LegRow) {
	patience := time.NewTimer(settleWithin)
	defer patience.Stop()
	look := time.NewTicker(settleLook)
	defer look.Stop()
	for {
		stepped := a.steps.next()
		now, nowLegs, err := a.store.Call(ctx, row.ID)
		if err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "a verified action is answered with the call as it was", slog.Any("error", err))
			return row, legs
		}
		row, legs = now, nowLegs
		if status, _ := outcomeIn(row.Snapshot, updateID); status != call.ActionOpen {
			return row, legs
		}
		select {
		case <-stepped:
		case <-look.C:
		case <-patience.C:
			return row, legs
		case <-ctx.Done():
			return row, legs
		}
	}
}

// outcomeIn finds an action's outcome in the state of a call as it was projected; open if it is not there.
func outcomeIn(snapshot json.RawMessage, updateID string) (call.ActionStatus, string) {
	var state struct {
		Actions []call.Action `json:"actions"`
	}
	if json.Unmarshal(snapshot, &state) != nil {
		return call.ActionOpen, "" // no snapshot: nothing is known of it
	}
	for _, action := range state.Actions {
		if action.ID() == updateID {
			return action.Status, action.Detail
		}
	}
	return call.ActionOpen, ""
}

// resolveLeg finds the leg that a path means. An alias means the newest leg of its kind that is not gone, else the newest.
func resolveLeg(ref string, key Key, row store.CallRow, legs []store.LegRow) (store.LegRow, error) {
	var is func(store.LegRow) bool
	switch ref {
	case "customer":
		is = func(l store.LegRow) bool { return l.Role == string(call.RoleCustomer) }
	case "agent":
		is = func(l store.LegRow) bool {
			return l.Role == string(call.RoleAgent) && (row.AgentSID == "" || l.AgentSID == "" || l.AgentSID == row.AgentSID)
		}
	case "me":
		if key.Agent == "" {
			return store.LegRow{}, problem(http.StatusNotFound, codeLegNotFound, "this key belongs to no agent, so no leg is its own")
		}
		is = func(l store.LegRow) bool { return l.AgentSID == key.Agent }
	default:
		is = func(l store.LegRow) bool { return l.CallSID == ref }
	}
	found := -1
	for i, leg := range legs {
		if is(leg) && (found < 0 || leg.State != string(call.LegLeft) || legs[found].State == string(call.LegLeft)) {
			found = i
		}
	}
	if found < 0 {
		return store.LegRow{}, problem(http.StatusNotFound, codeLegNotFound,
			"the call has no such leg; name it by its CallSid, or customer, agent or me")
	}
	return legs[found], nil
}

// actionID is the Update's ID: a hash of who, what and the request's Idempotency-Key. What the path said counts, not what it meant:
// a repeated "agent" must not act on the agent who came since.
func actionID(key Key, id, name, leg string, idempotencyKey *string) string {
	if idempotencyKey == nil {
		return "once-" + rand.Text()
	}
	hash := sha256.New()
	for _, part := range []string{key.Name, key.Role, key.Agent, id, name, leg, *idempotencyKey} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		hash.Write(size[:])
		hash.Write([]byte(part))
	}
	return "key-" + hex.EncodeToString(hash.Sum(nil)[:20])
}

// actionAnswer is how a successful action is answered, whichever it was.
type actionAnswer struct {
	status int // 200: verified; 202: accepted
	call   Call
}

func (a *actionAnswer) visit(w http.ResponseWriter) error {
	body, err := json.Marshal(a.call)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, err = w.Write(body)
	return err
}

// The generated interface of each action's response.

func (a *actionAnswer) VisitHoldLegResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitUnholdLegResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitMuteLegResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitUnmuteLegResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitLeaveLegResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitAcceptReservationResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitRejectReservationResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitEndCallResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitCompleteWrapUpResponse(w http.ResponseWriter) error { return a.visit(w) }
