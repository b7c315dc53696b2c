package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/workflows"
)

// newer is the workflow as a build of the next revision has it: it decides by the revision that a call began with, and knows one more.
func newer(ctx workflow.Context, progress workflows.Progress) error {
	if progress.Call.Revision == call.Revision+1 {
		return errors.New("decided by the next revision")
	}
	return workflows.Call(ctx, progress)
}

func TestACallIsDecidedByTheRevisionThatItBeganWith(t *testing.T) {
	t.Parallel()
	server := startEngine(t)
	failed := make(chan string, 100)
	engine, err := client.NewClientFromExistingWithContext(t.Context(), server, client.Options{
		Logger: quiet(),
		MetricsHandler: workflows.TaskFailures(func(reason string) {
			select {
			case failed <- reason:
			default:
			}
		}),
	})
	require.NoError(t, err)
	defer engine.Close()
	calls := workflows.NewClient(engine)
	twilio := &echo{t: t, client: calls}
	adapter, err := activities.NewTwilio(activities.Config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "secret", WorkspaceSID: "WS00000000000000000000000000000001", Transport: twilio,
	})
	require.NoError(t, err)
	model := &readModel{}
	does := &activities.Activities{Twilio: adapter, Store: model}
	older := workflows.NewWorker(engine, does, workflows.WorkerOptions{StopWithin: 100 * time.Millisecond})
	require.NoError(t, older.Start())
	stopOlder := func() { older.Stop() }
	defer func() { stopOlder() }()

	ctx, id := t.Context(), call.ID(customer)
	require.NoError(t, calls.StartOrSignal(ctx, id, call.DefaultSettings(), twilio.batch(
		call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"}, call.TaskCreated{Task: task, Call: customer},
		call.ReservationCreated{Assignment: assignment()}, call.AssignmentRequested{Assignment: assignment()})))
	reaches := func(status call.Status) {
		t.Helper()
		require.Eventually(t, func() bool { return model.last().Call.State == string(status) }, 30*time.Second, time.Millisecond)
	}
	reaches(call.StatusConnecting)

	// An edge of the next revision starts a call, and the only worker is of this one.
	of := workflows.Start("CAnext", call.DefaultSettings())
	of.Call.Revision = call.Revision + 1
	next, err := engine.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.CallWorkflowID("CAnext"), TaskQueue: workflows.TaskQueue, WorkflowTaskTimeout: time.Second,
	}, workflows.Call, of)
	require.NoError(t, err)
	select {
	case reason := <-failed:
		require.Equal(t, "WorkflowError", reason)
	case <-time.After(30 * time.Second):
		require.Fail(t, "no alarm was raised")
	}
	stopOlder()
	stopOlder = func() {}
	require.Equal(t, string(id), model.last().Call.ID, "nothing was decided for the other call")

	takesOver := worker.New(engine, workflows.TaskQueue, worker.Options{})
	takesOver.RegisterWorkflowWithOptions(newer, workflow.RegisterOptions{Name: "Call"})
	takesOver.RegisterActivity(does)
	require.NoError(t, takesOver.Start())
	defer takesOver.Stop()
	require.ErrorContains(t, next.Get(ctx, nil), "decided by the next revision", "who knows the revision takes it")

	twilio.tell(ctx, twilio.joined()...)
	reaches(call.StatusTalking)
	twilio.tell(ctx, twilio.hungUp()...)
	reaches(call.StatusWrapping)
	_, err = calls.Request(ctx, id, "done", call.WrapupCompleteRequested{Request: action("done")}, 30*time.Second)
	require.NoError(t, err)
	reaches(call.StatusEnded)
	require.Equal(t, call.Revision, model.last().Call.Revision, "the call that was under way keeps its own")
	require.NoError(t, engine.GetWorkflow(ctx, workflows.CallWorkflowID(id), "").Get(ctx, nil))
	requireReplays(t, engine, workflows.CallWorkflowID(id))
}
