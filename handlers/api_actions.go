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

// An action is what a person may ask for.
type action struct {
	name string // the last part of its path
	ref  string // which leg, reservation or invitation the path names; "" for an action on the whole call
	// event finds what the request means, refuses who may not, and makes the core's event.
	event func(a *asking, r call.Request) (call.Event, error)
}

// act does an action and measures it.
func (a *api) act(ctx context.Context, what action, id string, idempotencyKey *string) (*actionAnswer, error) {
	started := time.Now()
	answer, err := a.attempt(ctx, what, id, idempotencyKey)
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

func (a *api) attempt(ctx context.Context, what action, id string, idempotencyKey *string) (*actionAnswer, error) {
	key := keyIn(ctx)
	row, legs, err := a.found(ctx, id)
	if err != nil {
		return nil, err
	}
	if idempotencyKey != nil && (*idempotencyKey == "" || len(*idempotencyKey) > 128) {
		return nil, badRequest("Idempotency-Key must have between 1 and 128 bytes")
	}
	updateID := actionID(key, id, what.name, what.ref, idempotencyKey)
	// What was decided keeps its outcome, though who asked may have left by it. Nobody else can have asked: the ID is made of the key, too.
	if status, _ := outcomeIn(row.Snapshot, updateID); status != call.ActionOpen || row.State == string(call.StatusEnded) {
		return a.decided(key, row, legs, updateID)
	}
	asked := call.Request{Action: updateID, By: call.Actor{Name: key.Name, Role: key.Role, Agent: call.AgentSID(key.Agent)}}
	event, err := what.event(&asking{key: key, row: row, legs: legs, live: liveIn(row.Snapshot)}, asked)
	if err != nil {
		return nil, err
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
		return &actionAnswer{http.StatusOK, renderCall(keyIn(ctx), row, legs)}, nil
	case call.ActionOpen:
		if now, nowLegs, err := a.store.Call(ctx, row.ID); err == nil {
			row, legs = now, nowLegs
		}
		return &actionAnswer{http.StatusAccepted, renderCall(keyIn(ctx), row, legs)}, nil
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
	case errors.As(err, &impossible):
		return nil, notAllowed(impossible)
	case errors.Is(err, workflows.ErrUnverified):
		return a.done(ctx, row, legs, updateID, workflows.Result{Status: call.ActionOpen})
	case errors.Is(err, workflows.ErrEnded): // ErrNotFound, too
		row, legs, err := a.store.Call(ctx, row.ID)
		if err != nil {
			return nil, err
		}
		return a.decided(keyIn(ctx), row, legs, updateID)
	case errors.Is(err, workflows.ErrUnavailable):
		return nil, unavailable(codeEngineAway, "the engine is away; nothing happened", err)
	default:
		return nil, err
	}
}

// notAllowed answers by the core's reason: what is not there is not found, what can never be is a bad request, the rest is a conflict.
func notAllowed(why *call.NotAllowed) error {
	switch why.Code {
	case call.CodeUnknownLeg:
		return problem(http.StatusNotFound, codeLegNotFound, "%s", why.Message)
	case call.CodeUnknownReservation:
		return problem(http.StatusNotFound, codeOfferNotFound, "%s", why.Message)
	case call.CodeUnknownInvitation:
		return problem(http.StatusNotFound, codeInvitationNotFound, "%s", why.Message)
	case call.CodeBadTarget, call.CodeBadAddress, call.CodeBadMode:
		return problem(http.StatusBadRequest, why.Code, "%s", why.Message)
	default:
		return problem(http.StatusConflict, why.Code, "%s", why.Message)
	}
}

// decided answers an action whose outcome the read model has, or whose call has ended: with the action's own outcome if it was asked before,
// for the workflow that knew may be no more.
func (a *api) decided(key Key, row store.CallRow, legs []store.LegRow, updateID string) (*actionAnswer, error) {
	status, detail := outcomeIn(row.Snapshot, updateID)
	switch status {
	case call.ActionVerified:
		return &actionAnswer{http.StatusOK, renderCall(key, row, legs)}, nil
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

// actionID is the Update's ID: a hash of who, what and the request's Idempotency-Key. What the path said counts, not what it meant:
// a repeated "agent" must not act on the agent who came since. Nor does the body: the same key means the same intention.
func actionID(key Key, id, name, ref string, idempotencyKey *string) string {
	if idempotencyKey == nil {
		return "once-" + rand.Text()
	}
	hash := sha256.New()
	for _, part := range []string{key.Name, key.Role, key.Agent, id, name, ref, *idempotencyKey} {
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

func (a *actionAnswer) VisitHandOffCallResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitCompleteWrapUpResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitAddParticipantResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitWithdrawInvitationResponse(w http.ResponseWriter) error {
	return a.visit(w)
}

func (a *actionAnswer) VisitStartTransferResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitSwapTransferResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitMergeTransferResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitCompleteTransferResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitCancelTransferResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitRejoinCallResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitSuperviseResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitSetSupervisionModeResponse(w http.ResponseWriter) error {
	return a.visit(w)
}

func (a *actionAnswer) VisitTakeOverResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitAskForHelpResponse(w http.ResponseWriter) error { return a.visit(w) }

func (a *actionAnswer) VisitDismissHelpResponse(w http.ResponseWriter) error { return a.visit(w) }
