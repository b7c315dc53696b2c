package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.uber.org/goleak"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	customer    = call.SID("CA00000000000000000000000000000001")
	agentLeg    = call.SID("CA00000000000000000000000000000002")
	conference  = call.ConferenceSID("CF00000000000000000000000000000001")
	task        = call.TaskSID("WT00000000000000000000000000000001")
	reservation = call.ReservationSID("WR00000000000000000000000000000001")
	ann         = call.AgentSID("WK00000000000000000000000000000001")
	support     = call.QueueSID("WQ00000000000000000000000000000001")
)

// readModel keeps the steps that it was told, and refuses as often as it is told to.
type readModel struct {
	mu      sync.Mutex
	steps   []store.Step
	refuses int
	tries   int
	writing func(store.Step) // called while a step is written
}

func (r *readModel) Project(_ context.Context, step store.Step) error {
	if r.writing != nil {
		r.writing(step)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if r.refuses > 0 {
		r.refuses--
		return store.ErrBusy
	}
	r.steps = append(r.steps, step)
	return nil
}

func (r *readModel) last() store.Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps) == 0 {
		return store.Step{}
	}
	return r.steps[len(r.steps)-1]
}

// entries is the timeline, in the order in which it was written.
func (r *readModel) entries() []store.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []store.Entry
	for _, s := range r.steps {
		all = append(all, s.Entries...)
	}
	return all
}

func (r *readModel) kinds(source activities.Source) []string {
	var kinds []string
	for _, e := range r.entries() {
		if e.Source == string(source) {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// testBundle is a call on a test environment, whose clock skips to whatever comes next.
type testBundle struct {
	*testing.T
	env   *testsuite.TestWorkflowEnvironment
	model *readModel

	mu       sync.Mutex
	position int64
	sequence int
	at       time.Duration
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet())
	b := &testBundle{T: t, env: suite.NewTestWorkflowEnvironment(), model: &readModel{}}
	twilio, err := activities.NewTwilio(activities.Config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "secret", WorkspaceSID: "WS00000000000000000000000000000001", Transport: nobody{t},
	})
	require.NoError(t, err)
	workflows.Register(b.env, &activities.Activities{Store: b.model, Twilio: twilio})
	b.env.SetTestTimeout(20 * time.Second)
	b.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second}) // the machine may be busy
	return b
}

// nobody answers requests: each activity that a test lets happen has a stand-in.
type nobody struct{ *testing.T }

func (n nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	n.Errorf("nobody said how Twilio answers %s %s", r.Method, r.URL.Path)
	return nil, errors.New("no Twilio here")
}

// then has something happen that long after what was said last.
func (b *testBundle) then(after time.Duration, what func()) {
	b.at += after
	b.env.RegisterDelayedCallback(what, b.at)
}

// batch gives events their positions.
func (b *testBundle) batch(events ...call.Event) workflows.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch workflows.Batch
	for _, e := range events {
		b.position++
		batch.Deliveries = append(batch.Deliveries, workflows.Delivery{Position: b.position, At: b.env.Now(), Event: call.Envelope{Event: e}})
	}
	return batch
}

// twilio delivers webhooks now.
func (b *testBundle) twilio(events ...call.Event) {
	b.env.SignalWorkflow(workflows.SignalEvents, b.batch(events...))
}

func (b *testBundle) participant(leg call.SID, hold bool) call.Participant {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sequence++
	return call.Participant{
		Conference: conference, Call: leg, Hold: hold, StartConferenceOnEnter: true,
		EndConferenceOnExit: leg == customer, Sequence: b.sequence,
	}
}

func assignment() call.Assignment {
	return call.Assignment{Reservation: reservation, Task: task, Agent: ann, AgentName: "ann", Address: "client:ann", Queue: support, QueueName: "support"}
}

// rings brings the call to where the agent's phone rings.
func (b *testBundle) rings() {
	b.then(0, func() {
		b.twilio(
			call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"},
			call.TaskCreated{Task: task, Call: customer},
			call.TaskQueueEntered{Task: task, Queue: support, QueueName: "support"},
		)
	})
	b.then(time.Second, func() {
		b.twilio(call.ReservationCreated{Assignment: assignment()}, call.AssignmentRequested{Assignment: assignment()})
	})
}

// talks brings the call to where both talk.
func (b *testBundle) talks() {
	b.rings()
	b.then(3*time.Second, func() {
		b.twilio(
			call.ParticipantJoined{Participant: b.participant(agentLeg, false)},
			call.ParticipantJoined{Participant: b.participant(customer, false)},
			call.ConferenceStarted{Conference: conference, Name: string(task), Sequence: 3},
			call.ReservationAccepted{Assignment: assignment(), AgentCall: agentLeg},
		)
		b.mu.Lock()
		b.sequence++
		b.mu.Unlock()
	})
}

// hangsUp has the customer leave, with all that follows from it.
func (b *testBundle) hangsUp() {
	b.twilio(
		call.ParticipantLeft{Participant: b.participant(customer, false), Reason: "participant_hung_up"},
		call.ParticipantLeft{Participant: b.participant(agentLeg, false), Reason: "conference_ended_via_api"},
		call.ConferenceEnded{Conference: conference, Reason: "participant-with-end-conference-on-exit-left", Sequence: 100},
		call.CallStatusChanged{Call: customer, Status: "completed"},
		call.ReservationWrapup{Assignment: assignment()},
		call.TaskWrapup{Task: task},
	)
}

// completesTasks lets Twilio complete the task when it is asked to.
func (b *testBundle) completesTasks() {
	b.env.OnActivity("CompleteTask", mock.Anything, mock.Anything).Return(func(context.Context, call.CompleteTask) error {
		b.twilio(call.ReservationCompleted{Assignment: assignment()}, call.TaskCompleted{Task: task, Reason: "completed"})
		return nil
	})
}

// holds lets Twilio hold whom it is asked to.
func (b *testBundle) holds() {
	b.env.OnActivity("HoldParticipant", mock.Anything, mock.Anything).Return(func(_ context.Context, c call.HoldParticipant) error {
		if p := b.participant(c.Leg, c.Hold); c.Hold {
			b.twilio(call.ParticipantHeld{Participant: p})
		} else {
			b.twilio(call.ParticipantUnheld{Participant: p})
		}
		return nil
	})
}

// readsBack lets Twilio tell, when it is asked, that both talk, or that the customer is on hold.
func (b *testBundle) readsBack(hold bool) {
	b.env.OnActivity("ReadBack", mock.Anything, mock.Anything).Return(func(_ context.Context, c call.ReadBack) (call.Snapshot, error) {
		return call.Snapshot{
			CustomerStatus: "in-progress",
			Task:           &call.TaskSnapshot{Task: c.Task, Status: "assigned"},
			Conference: &call.ConferenceSnapshot{Conference: c.Conference, Status: "in-progress", Participants: []call.Participant{
				{Conference: c.Conference, Call: customer, Hold: hold, EndConferenceOnExit: true},
				{Conference: c.Conference, Call: agentLeg},
			}},
		}, nil
	})
}

// wrapsUp has the customer hang up and the agent be done a little later, which ends the call.
func (b *testBundle) wrapsUp() {
	b.completesTasks()
	b.then(5*time.Second, b.hangsUp)
	b.then(3*time.Second, func() { b.asks(call.WrapupCompleteRequested{Request: action("wrap-up")}) })
}

func action(id string) call.Request {
	return call.Request{Action: id, By: call.Actor{Name: "ann", Role: "agent", Agent: ann}}
}

// answer is what became of a request.
type answer struct {
	accepted bool
	rejected error
	result   workflows.Result
	err      error
	done     bool
}

// asks sends a request now. The answer is filled in when the workflow gives it.
func (b *testBundle) asks(e call.Event) *answer { return b.asksUntil(e, time.Time{}) }

func (b *testBundle) asksUntil(e call.Event, until time.Time) *answer {
	b.Helper()
	data, err := json.Marshal(e)
	require.NoError(b, err)
	var id struct {
		Action string `json:"action"`
	}
	require.NoError(b, json.Unmarshal(data, &id))
	a := &answer{}
	b.env.UpdateWorkflow(workflows.UpdateRequest, "", &testsuite.TestUpdateCallback{
		OnAccept: func() { a.accepted = true },
		OnReject: func(err error) { a.rejected = err },
		OnComplete: func(result any, err error) {
			a.done, a.err = true, err
			if r, ok := result.(workflows.Result); ok {
				a.result = r
			}
		},
	}, workflows.Ask{Event: call.Envelope{Event: e}, Until: until})
	return a
}

func (b *testBundle) start() workflows.Progress {
	return workflows.Start(call.ID(customer), call.DefaultSettings())
}

// run runs the call to its end, which must be orderly.
func (b *testBundle) run() {
	b.Helper()
	b.env.ExecuteWorkflow(workflows.Call, b.start())
	require.True(b, b.env.IsWorkflowCompleted())
	require.NoError(b, b.env.GetWorkflowError())
	b.requireGapless()
}

// requireGapless checks the timeline: numbered from 1 without gaps, and time never goes back.
func (b *testBundle) requireGapless() {
	b.Helper()
	entries := b.model.entries()
	for i, e := range entries {
		require.EqualValues(b, i+1, e.Number)
		require.True(b, i == 0 || !e.At.Before(entries[i-1].At), "entry %d is before the one before", i+1)
	}
}

func requireInOrder(t *testing.T, all []string, want ...string) {
	t.Helper()
	rest := all
	for _, w := range want {
		i := slices.Index(rest, w)
		require.GreaterOrEqual(t, i, 0, "%s does not come in its turn in %v", w, all)
		rest = rest[i+1:]
	}
}
