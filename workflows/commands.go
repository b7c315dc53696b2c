package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/call"
)

// flight is a command on its way.
type flight struct {
	order  call.Order
	future workflow.Future
}

// How long a command is tried before it counts as failed. A person waits for a hold; an ending must happen, whatever it takes.
const (
	patienceOfPeople = 30 * time.Second
	patienceOfEnding = 10 * time.Minute
)

// attemptTimeout bounds one attempt of an activity: at most two requests one after the other, each with four seconds to wait for its turn and
// ten for its answer.
const attemptTimeout = 30 * time.Second

// within gives activities that long, retries and waiting for a worker included. Here is the only place where a request to Twilio is sent again by
// itself, so that tries do not multiply: an attempt sends its request at most once, and the account's budget only says when. Where it knows
// better than the back-off (a 429, a product that is away), the error carries the delay. The core above counts whole activities, three for each
// thing that is wanted.
func within(ctx workflow.Context, patience time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: patience,
		StartToCloseTimeout:    attemptTimeout,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    250 * time.Millisecond,
			BackoffCoefficient: 2,
			MaximumInterval:    15 * time.Second,
		},
	})
}

// start starts the activity of a command. Each command has a case here; a test sees to it.
func (w *callWorkflow) start(ctx workflow.Context, command call.Command) workflow.Future {
	var a *activities.Activities
	switch c := command.(type) {
	case call.HoldParticipant:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.HoldParticipant, c)
	case call.MuteParticipant:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.MuteParticipant, c)
	case call.FlagParticipant:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.FlagParticipant, c)
	case call.RemoveParticipant:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.RemoveParticipant, c)
	case call.EndConference:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.EndConference, c)
	case call.HangUpCall:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.HangUpCall, c)
	case call.CompleteTask:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.CompleteTask, c)
	case call.CancelTask:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.CancelTask, c)
	case call.DismissCaller:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.DismissCaller, c)
	case call.InstructReservation:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.InstructReservation, c)
	case call.RejectReservation:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.RejectReservation, c)
	case call.SetAvailability:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.SetAvailability, c)
	case call.ReportMissed:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.ReportMissed, c)
	case call.ReadBack:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.ReadBack, c)
	default:
		future, settable := workflow.NewFuture(ctx)
		settable.SetError(fmt.Errorf("no activity does %T", c))
		return future
	}
}

// land takes in a command's result.
func (w *callWorkflow) land(ctx workflow.Context, landed flight) {
	for i, f := range w.flights {
		if f.order.Number == landed.order.Number {
			w.flights = append(w.flights[:i:i], w.flights[i+1:]...)
			break
		}
	}
	number := landed.order.Number
	var snapshot call.Snapshot
	_, readBack := landed.order.Command.(call.ReadBack)
	var err error
	if readBack {
		err = landed.future.Get(ctx, &snapshot)
	} else {
		err = landed.future.Get(ctx, nil)
	}
	switch {
	case err != nil:
		failure := activities.FailureOf(err)
		w.log.Warn("a command failed", "command", call.Kind(landed.order.Command), "kind", failure.Kind, "status", failure.Status, "code", failure.Code)
		w.results = append(w.results, call.CommandFailed{Command: number, Failure: failure})
	case readBack:
		w.results = append(w.results, call.CallReadBack{Command: number, Snapshot: snapshot})
	default:
		w.results = append(w.results, call.CommandSucceeded{Command: number})
	}
}
