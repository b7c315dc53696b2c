package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/call"
)

// Types of the errors by which a request is refused.
const (
	errorNotAllowed = "NotAllowed" // detail: the call.NotAllowed
	errorExpired    = "Expired"    // whoever asked has been told that nothing happened
	errorNotRequest = "NotRequest" // a defect of whoever asked
)

// request is what a person asked for, until it has been applied.
type request struct {
	event   call.Event
	action  string
	applied bool
	refused error // of a request that was possible when it came, and was not any more when its turn came
}

// register makes the call answer requests and queries. It comes before the first step, for the engine delivers what came before it.
func (w *callWorkflow) register(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetUpdateHandlerWithOptions(ctx, UpdateRequest, w.request, workflow.UpdateHandlerOptions{Validator: w.validate}),
		workflow.SetQueryHandler(ctx, QueryState, func() (call.State, error) { return w.Call, nil }),
	)
}

// validate refuses, before anything is written to history, what is not possible now. An action that is known already is let in, and
// gets the outcome that it had.
func (w *callWorkflow) validate(ctx workflow.Context, ask Ask) error {
	id, ok := actionOf(ask.Event.Event)
	if !ok || id == "" {
		return temporal.NewNonRetryableApplicationError("this is not a request, or it names no action", errorNotRequest, nil)
	}
	if _, known := w.Call.Action(id); known {
		return nil
	}
	if now := workflow.Now(ctx); !ask.Until.IsZero() && now.After(ask.Until) {
		return tooLate(now)
	}
	return refusal(w.Call.Allows(ask.Event.Event))
}

// request has an action done, and answers when its outcome is known. The context is the handler's own and carries no activity options:
// whatever a request leads to is started by the main loop, with options of its own.
func (w *callWorkflow) request(ctx workflow.Context, ask Ask) (Result, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	id, _ := actionOf(ask.Event.Event)
	r := &request{event: ask.Event.Event, action: id}
	w.requests = append(w.requests, r)
	w.wake.SendAsync(struct{}{}) // if it is full, the loop is woken anyway
	if err := workflow.Await(ctx, func() bool { return w.decided(r) }); err != nil {
		return Result{}, err
	}
	if r.refused != nil {
		return Result{}, r.refused
	}
	action, _ := w.Call.Action(id)
	return Result{Action: id, Status: action.Status, Detail: action.Detail}, nil
}

// decided says whether the outcome of a request is known.
func (w *callWorkflow) decided(r *request) bool {
	if !r.applied {
		return false
	}
	action, known := w.Call.Action(r.action)
	return r.refused != nil || !known || action.Status != call.ActionOpen
}

// ask applies a request in its turn.
func (w *callWorkflow) ask(now time.Time, r *request) {
	r.applied = true
	if _, known := w.Call.Action(r.action); known {
		return
	}
	if r.refused = refusal(w.Call.Allows(r.event)); r.refused == nil {
		w.event(now, r.event, activities.SourceAPI)
	}
}

// refusal makes an error that travels through the engine of why an action is not allowed; nil of nil.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	var why *call.NotAllowed
	if !errors.As(err, &why) {
		why = &call.NotAllowed{Message: err.Error()}
	}
	return temporal.NewApplicationErrorWithOptions(why.Message, errorNotAllowed,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*why}})
}

// actionOf is the ID of the action that an event asks for; false if the event is not a request.
func actionOf(e call.Event) (string, bool) {
	switch e := e.(type) {
	case call.HoldRequested:
		return e.Action, true
	case call.UnholdRequested:
		return e.Action, true
	case call.MuteRequested:
		return e.Action, true
	case call.UnmuteRequested:
		return e.Action, true
	case call.LeaveRequested:
		return e.Action, true
	case call.AcceptRequested:
		return e.Action, true
	case call.RejectRequested:
		return e.Action, true
	case call.EndRequested:
		return e.Action, true
	case call.WrapupCompleteRequested:
		return e.Action, true
	case call.JoinRequested:
		return e.Action, true
	case call.WithdrawRequested:
		return e.Action, true
	case call.TransferRequested:
		return e.Action, true
	case call.SwapRequested:
		return e.Action, true
	case call.MergeRequested:
		return e.Action, true
	case call.TransferCompleteRequested:
		return e.Action, true
	case call.TransferCancelRequested:
		return e.Action, true
	case call.RejoinRequested:
		return e.Action, true
	case call.SuperviseRequested:
		return e.Action, true
	case call.DialInRequested:
		return e.Action, true
	case call.SupervisionModeRequested:
		return e.Action, true
	case call.TakeOverRequested:
		return e.Action, true
	case call.HelpRequested:
		return e.Action, true
	case call.HelpDismissed:
		return e.Action, true
	case call.HandoffRequested:
		return e.Action, true
	default:
		return "", false
	}
}
