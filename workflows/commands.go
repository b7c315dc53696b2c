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
	// Who is to be handed over hears the bot's sentence to the end first.
	patienceOfHandoffs = time.Minute
	// A summary is of use as long as the caller waits.
	patienceOfSummaries = 3 * time.Minute
)

// handoffTimeout bounds one attempt to hand a caller over: the sentence's fifteen seconds, and two requests.
const handoffTimeout = attemptTimeout + 15*time.Second

// summaryTimeout bounds one attempt to summarise a dialogue: the brain has its fifteen seconds, and merging takes two requests, or more if somebody else
// changes the task at the same time.
const summaryTimeout = 75 * time.Second

// attemptTimeout bounds one attempt of an activity: at most two requests one after the other, each with four seconds to wait for its turn and
// ten for its answer. A creation may make three: an attempt that is cut off there is one of which nobody knows, as any other, and is looked up.
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

// handingOver gives an activity the time that the bot's sentence takes besides.
func handingOver(ctx workflow.Context) workflow.Context {
	return workflow.WithStartToCloseTimeout(within(ctx, patienceOfHandoffs), handoffTimeout)
}

// summarising gives an activity the time for a summary.
func summarising(ctx workflow.Context) workflow.Context {
	return workflow.WithStartToCloseTimeout(within(ctx, patienceOfSummaries), summaryTimeout)
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
	case call.CoachParticipant:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.CoachParticipant, c)
	case call.AddParticipant:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.AddParticipant, c)
	case call.CreateTask:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.CreateTask, c)
	case call.AcceptReservation:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.AcceptReservation, c)
	case call.WrapUpReservation:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.WrapUpReservation, c)
	case call.MoveCustomer:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.MoveCustomer, c)
	case call.ReportMissed:
		return workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.ReportMissed, c)
	case call.PlaceCall:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.PlaceCall, c)
	case call.EnqueueCaller:
		return workflow.ExecuteActivity(handingOver(ctx), a.EnqueueCaller, c)
	case call.SummariseHandoff:
		return workflow.ExecuteActivity(summarising(ctx), a.SummariseHandoff, c)
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
	result, err := landed.result(ctx)
	if err != nil {
		failure := activities.FailureOf(err)
		w.log.Warn("a command failed", "command", call.Kind(landed.order.Command), "kind", failure.Kind, "status", failure.Status, "code", failure.Code)
		result = call.CommandFailed{Command: landed.order.Number, Failure: failure}
	}
	w.results = append(w.results, result)
}

// result is what a command's activity answered, as the call takes it in.
func (f flight) result(ctx workflow.Context) (call.Event, error) {
	number := f.order.Number
	switch f.order.Command.(type) {
	case call.ReadBack:
		var snapshot call.Snapshot
		err := f.future.Get(ctx, &snapshot)
		return call.CallReadBack{Command: number, Snapshot: snapshot}, err
	case call.AddParticipant, call.PlaceCall:
		var made call.SID
		err := f.future.Get(ctx, &made)
		return call.CommandSucceeded{Command: number, Call: made}, err
	case call.CreateTask:
		var made call.TaskSID
		err := f.future.Get(ctx, &made)
		return call.CommandSucceeded{Command: number, Task: made}, err
	default:
		return call.CommandSucceeded{Command: number}, f.future.Get(ctx, nil)
	}
}
