package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

func TestACallFromRingToWrapUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.holds()
	var hold, unhold *answer
	b.then(time.Second, func() { hold = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer}) })
	b.then(time.Second, func() {
		require.Equal(t, string(call.StatusHeld), b.model.last().Call.State, "who asks for the call after the answer finds it held")
		unhold = b.asks(call.UnholdRequested{Request: action("unhold"), Leg: customer})
	})
	b.wrapsUp()
	b.run()

	require.True(t, hold.accepted)
	require.NoError(t, hold.err)
	require.Equal(t, workflows.Result{Action: "hold", Status: call.ActionVerified}, hold.result)
	require.Equal(t, workflows.Result{Action: "unhold", Status: call.ActionVerified}, unhold.result)

	last := b.model.last()
	require.Equal(t, string(call.StatusEnded), last.Call.State)
	require.Equal(t, string(call.OutcomeCompleted), last.Call.Outcome)
	require.Equal(t, "ann", last.Call.AgentName)
	require.Equal(t, "support", last.Call.QueueName)
	require.Equal(t, b.position, last.Acked, "every webhook is acknowledged")
	require.Len(t, last.Legs, 2)

	requireInOrder(t, b.model.kinds(activities.SourceAPI), "HoldRequested", "UnholdRequested", "WrapupCompleteRequested")
	requireInOrder(t, b.model.kinds(activities.SourceCommand), "HoldParticipant", "HoldParticipant", "CompleteTask")
	requireInOrder(t, b.model.kinds(activities.SourceTwilio), "CallReceived", "ReservationCreated", "ParticipantJoined", "ParticipantHeld",
		"ParticipantUnheld", "ConferenceEnded", "TaskCompleted")
	for _, e := range b.model.entries() {
		if e.Kind == "HoldRequested" {
			require.Equal(t, []string{string(ann)}, e.Agents)
			require.JSONEq(t, `{"action":"hold","by":{"name":"ann","role":"agent","agent_sid":"`+string(ann)+`"},"leg":"`+string(customer)+`"}`, string(e.Data))
		}
		if e.Kind == "CompleteTask" {
			require.JSONEq(t, `{"command":3,"task_sid":"`+string(task)+`","reason":"completed"}`, string(e.Data))
		}
	}
}

func TestACallThatIsAbandonedEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rings()
	b.then(time.Second, func() {
		b.twilio(
			call.CallStatusChanged{Call: customer, Status: "completed"},
			call.ReservationCanceled{Assignment: assignment()},
			call.TaskCanceled{Task: task, Reason: "hangup"},
		)
	})
	b.run()
	require.Equal(t, string(call.OutcomeAbandoned), b.model.last().Call.Outcome)
	require.Empty(t, b.model.kinds(activities.SourceCommand), "Twilio closed everything by itself")
}

func TestDeliveriesCountOnceAndInTurn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.batch(call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"})
	second := b.batch(call.TaskCreated{Task: task, Call: customer})
	third := b.batch(call.CallStatusChanged{Call: customer, Status: "completed"}, call.TaskCanceled{Task: task, Reason: "hangup"})
	signal := func(batch workflows.Batch) func() {
		return func() { b.env.SignalWorkflow(workflows.SignalEvents, batch) }
	}
	b.then(0, signal(first))
	b.then(time.Second, signal(third)) // a gap: not yet
	b.then(time.Second, func() {
		require.EqualValues(t, 1, b.model.last().Acked)
		signal(first)() // again
	})
	b.then(time.Second, func() {
		b.model.mu.Lock()
		defer b.model.mu.Unlock()
		require.Len(t, b.model.steps, 2, "whoever delivers again is told again what counted")
		require.Empty(t, b.model.steps[1].Entries)
	})
	b.then(time.Second, signal(workflows.Batch{Deliveries: append(append(first.Deliveries, second.Deliveries...), third.Deliveries...)}))
	b.run()
	require.Equal(t, []string{"CallReceived", "TaskCreated", "CallStatusChanged", "TaskCanceled"}, b.model.kinds(activities.SourceTwilio))
	require.EqualValues(t, 4, b.model.last().Acked)
}

func TestADeliveryHappenedWhenItWasReceived(t *testing.T) {
	t.Parallel()
	b := setup(t)
	received := b.env.Now().Add(-time.Minute)
	b.then(0, func() {
		batch := b.batch(
			call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"},
			call.TaskCreated{Task: task, Call: customer},
			call.CallStatusChanged{Call: customer, Status: "completed"},
			call.TaskCanceled{Task: task, Reason: "hangup"},
		)
		batch.Deliveries[0].At = received
		batch.Deliveries[1].At = received.Add(-time.Second) // another machine's clock
		batch.Deliveries[2].At = b.env.Now().Add(time.Hour)
		b.env.SignalWorkflow(workflows.SignalEvents, batch)
	})
	b.run()
	entries := b.model.entries()
	require.True(t, entries[0].At.Equal(received))
	require.True(t, entries[1].At.Equal(received), "time does not go back")
	require.WithinDuration(t, received.Add(time.Minute), entries[2].At, time.Second, "nor into the future")
	require.True(t, b.model.last().Call.ReceivedAt.Equal(received))
}

func TestARequestThatIsNotPossible(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rings()
	var early, late, expired, unnamed *answer
	b.then(time.Second, func() {
		early = b.asks(call.HoldRequested{Request: action("early"), Leg: customer})
		expired = b.asksUntil(call.EndRequested{Request: action("expired")}, b.env.Now().Add(-time.Millisecond))
		unnamed = b.asks(call.EndRequested{})
	})
	b.env.OnActivity("CompleteTask", mock.Anything, mock.Anything).Return(nil)
	b.then(time.Second, func() {
		b.twilio(
			call.CallStatusChanged{Call: customer, Status: "completed"},
			call.ReservationCanceled{Assignment: assignment()},
		)
	})
	b.then(time.Second, func() { late = b.asks(call.HoldRequested{Request: action("late"), Leg: customer}) })
	b.then(0, func() { b.twilio(call.TaskCanceled{Task: task, Reason: "hangup"}) })
	b.run()

	refusedBy := func(a *answer, kind string, detail any) {
		t.Helper()
		require.False(t, a.accepted)
		var refused *temporal.ApplicationError
		require.ErrorAs(t, a.rejected, &refused)
		require.Equal(t, kind, refused.Type())
		require.Equal(t, detail != nil, refused.HasDetails())
		if detail != nil {
			require.NoError(t, refused.Details(detail))
		}
	}
	var why call.NotAllowed
	refusedBy(early, "NotAllowed", &why)
	require.Equal(t, call.CodeLegNotJoined, why.Code)
	refusedBy(late, "NotAllowed", &why)
	require.Equal(t, call.CodeCallEnded, why.Code)
	var told time.Time
	refusedBy(expired, "Expired", &told)
	require.WithinDuration(t, b.env.Now(), told, time.Minute, "who asked learns the engine's time")
	refusedBy(unnamed, "NotRequest", nil)
	require.Empty(t, b.model.kinds(activities.SourceAPI))
}

func TestARequestAskedAgainHasTheSameOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.holds()
	var first, meanwhile, again *answer
	b.then(time.Second, func() {
		first = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer})
		meanwhile = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer})
	})
	b.then(time.Second, func() {
		again = b.asksUntil(call.HoldRequested{Request: action("hold"), Leg: customer}, b.env.Now().Add(-time.Hour))
	})
	b.wrapsUp()
	b.run()
	for _, a := range []*answer{first, meanwhile, again} {
		require.True(t, a.done)
		require.NoError(t, a.err)
		require.Equal(t, workflows.Result{Action: "hold", Status: call.ActionVerified}, a.result)
	}
	require.Equal(t, []string{"HoldRequested", "WrapupCompleteRequested"}, b.model.kinds(activities.SourceAPI))
	b.env.AssertActivityNumberOfCalls(t, "HoldParticipant", 1)
}

func TestACommandThatFailsFailsTheAction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	failure := call.Failure{Kind: call.FailureRefused, Status: 400, Code: 20001, Message: "no"}
	b.env.OnActivity("HoldParticipant", mock.Anything, mock.Anything).Return(temporal.NewApplicationErrorWithOptions("no", "refused",
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{failure}}))
	b.readsBack(false)
	var hold *answer
	b.then(time.Second, func() { hold = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer}) })
	b.wrapsUp()
	b.run()
	require.NoError(t, hold.err)
	require.Equal(t, call.ActionFailed, hold.result.Status)
	require.Equal(t, "no", hold.result.Detail)
	require.Contains(t, b.model.kinds(activities.SourceResult), "CommandFailed")
}

func TestTwilioAwayIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	tries := 0
	b.env.OnActivity("HoldParticipant", mock.Anything, mock.Anything).Return(func(_ context.Context, c call.HoldParticipant) error {
		if tries++; tries < 4 {
			return temporal.NewApplicationErrorWithOptions("away", "unavailable", temporal.ApplicationErrorOptions{
				NextRetryDelay: 2 * time.Second, Details: []any{call.Failure{Kind: call.FailureUnavailable, Status: 503}},
			})
		}
		b.twilio(call.ParticipantHeld{Participant: b.participant(c.Leg, c.Hold)})
		return nil
	})
	var hold *answer
	b.then(time.Second, func() { hold = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer}) })
	b.then(7*time.Second, func() { require.True(t, hold.done, "three waits of two seconds, as Twilio asked") })
	b.wrapsUp()
	b.run()
	require.Equal(t, call.ActionVerified, hold.result.Status)
	require.NotContains(t, b.model.kinds(activities.SourceResult), "CommandFailed")
}

func TestAnUnconfirmedCommandHasTheCallReadBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.env.OnActivity("HoldParticipant", mock.Anything, mock.Anything).Return(nil) // and no word of it
	b.readsBack(true)
	var hold *answer
	b.then(time.Second, func() { hold = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer}) })
	b.wrapsUp()
	b.run()
	require.Equal(t, call.ActionVerified, hold.result.Status)
	requireInOrder(t, b.model.kinds(activities.SourceResult), "CommandSucceeded", "CallReadBack")
}

func TestAProcessThatStartedAnewHasTheCallReadBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rings()
	b.env.OnActivity("ReadBack", mock.Anything, mock.Anything).Return(call.Snapshot{
		CustomerStatus: "completed", Task: &call.TaskSnapshot{Task: task, Status: "canceled"},
		Reservation: &call.ReservationSnapshot{Reservation: reservation, Status: "canceled"},
	}, nil)
	b.then(time.Second, func() { b.env.SignalWorkflow(workflows.SignalReadBack, nil) })
	b.run()
	require.Equal(t, string(call.OutcomeAbandoned), b.model.last().Call.Outcome)
	require.Equal(t, "ReadBackDue", b.model.kinds(activities.SourceClock)[0])
}

func TestAStepThatCannotBeWrittenIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.refuses = 3
	b.talks()
	b.then(10*time.Second, func() {
		require.Equal(t, b.position, b.model.last().Acked, "it caught up by itself, with nothing new to wake it")
	})
	b.wrapsUp()
	b.run()
	require.Equal(t, b.position, b.model.last().Acked)
	require.Equal(t, string(call.StatusEnded), b.model.last().Call.State)
}

func TestACallDoesNotEndBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rings()
	b.then(time.Second, func() {
		b.model.mu.Lock()
		b.model.refuses = 12
		b.model.mu.Unlock()
		b.twilio(
			call.CallStatusChanged{Call: customer, Status: "completed"},
			call.ReservationCanceled{Assignment: assignment()},
			call.TaskCanceled{Task: task, Reason: "hangup"},
		)
	})
	began := b.env.Now()
	b.run()
	require.Equal(t, string(call.StatusEnded), b.model.last().Call.State)
	require.Greater(t, b.env.Now().Sub(began), time.Minute, "with back-off")
	require.Less(t, b.env.Now().Sub(began), 10*time.Minute)
}

func TestEveryRequestIsAnsweredBeforeTheCallEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.env.OnActivity("HoldParticipant", mock.Anything, mock.Anything).Return(nil).Maybe() // never confirmed
	b.env.OnActivity("EndConference", mock.Anything, mock.Anything).Return(func(context.Context, call.EndConference) error {
		b.hangsUp()
		b.twilio(call.TaskCompleted{Task: task})
		return nil
	})
	b.completesTasks()
	var hold, end *answer
	b.then(time.Second, func() {
		hold = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer})
		end = b.asks(call.EndRequested{Request: action("end")})
	})
	b.run()
	require.True(t, hold.done)
	require.NotEqual(t, call.ActionOpen, hold.result.Status)
	require.NotEqual(t, call.ActionVerified, hold.result.Status)
	require.Equal(t, workflows.Result{Action: "end", Status: call.ActionVerified}, end.result)
}

func TestOutcomesSurviveContinueAsNew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.holds()
	b.then(time.Second, func() { b.asks(call.HoldRequested{Request: action("hold"), Leg: customer}) })
	b.then(time.Second, func() {
		b.env.SetContinueAsNewSuggested(true)
		b.twilio(call.ReservationAccepted{Assignment: assignment(), AgentCall: agentLeg})
	})
	b.env.ExecuteWorkflow(workflows.Call, b.start())
	require.True(t, b.env.IsWorkflowCompleted())
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, b.env.GetWorkflowError(), &again)
	var progress workflows.Progress
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &progress))
	require.Equal(t, b.position, progress.Position)
	require.Equal(t, call.StatusHeld, progress.Call.Status())

	next := setup(t)
	next.position, next.sequence = b.position, b.sequence
	var hold *answer
	next.then(time.Second, func() { hold = next.asks(call.HoldRequested{Request: action("hold"), Leg: customer}) })
	next.wrapsUp()
	next.env.ExecuteWorkflow(workflows.Call, progress)
	require.NoError(t, next.env.GetWorkflowError())
	require.Equal(t, workflows.Result{Action: "hold", Status: call.ActionVerified}, hold.result)
	require.NotContains(t, next.model.kinds(activities.SourceAPI), "HoldRequested")
	require.Equal(t, progress.Entries+1, next.model.entries()[0].Number, "the timeline goes on where it was")
}

func TestARequestThatComesWhileTheEndIsWrittenHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	progress := b.start()
	progress.Call.Actions = []call.Action{{Request: action("hold"), Kind: "HoldRequested", Leg: customer, Status: call.ActionVerified}} // of an earlier run
	b.rings()
	b.then(time.Second, func() {
		b.twilio(call.CallStatusChanged{Call: customer, Status: "completed"}, call.ReservationCanceled{Assignment: assignment()},
			call.TaskCanceled{Task: task, Reason: "hangup"})
	})
	var again *answer
	b.model.writing = func(step store.Step) {
		if step.Call.State == string(call.StatusEnded) {
			again = b.asks(call.HoldRequested{Request: action("hold"), Leg: customer})
		}
	}
	b.env.ExecuteWorkflow(workflows.Call, progress)
	require.True(t, b.env.IsWorkflowCompleted())
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, workflows.Result{Action: "hold", Status: call.ActionVerified}, again.result)
}

func TestACallThatBeginsAgainGoesOnInItsTimeline(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.then(0, func() {
		batch := b.batch(
			call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"},
			call.TaskCreated{Task: task, Call: customer},
			call.CallStatusChanged{Call: customer, Status: "completed"},
			call.TaskCanceled{Task: task, Reason: "hangup"},
		)
		batch.Entries = 40
		b.env.SignalWorkflow(workflows.SignalEvents, batch)
	})
	b.env.ExecuteWorkflow(workflows.Call, b.start())
	require.NoError(t, b.env.GetWorkflowError())
	require.EqualValues(t, 41, b.model.entries()[0].Number)
	require.EqualValues(t, 4, b.model.last().Acked)
}

func TestBeingCanceledDoesNotEndACall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.then(time.Second, b.env.CancelWorkflow)
	b.wrapsUp()
	b.run()
	require.Equal(t, string(call.OutcomeCompleted), b.model.last().Call.Outcome)
}

func TestTheStateCanBeQueried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talks()
	b.then(time.Second, func() {
		value, err := b.env.QueryWorkflow(workflows.QueryState)
		require.NoError(t, err)
		var s call.State
		require.NoError(t, value.Get(&s))
		require.Equal(t, call.StatusTalking, s.Status())
	})
	b.wrapsUp()
	b.run()
}

func TestADefectOfTheReadModelIsNotFatal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.env.OnActivity("Project", mock.Anything, mock.Anything).Return(errors.New("defect")).Times(2)
	b.env.OnActivity("Project", mock.Anything, mock.Anything).Return(nil)
	b.rings()
	b.then(time.Second, func() {
		b.twilio(call.CallStatusChanged{Call: customer, Status: "completed"}, call.ReservationCanceled{Assignment: assignment()},
			call.TaskCanceled{Task: task, Reason: "hangup"})
	})
	b.run()
}
