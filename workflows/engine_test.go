package workflows_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/workflows"
)

func quiet() log.Logger {
	return log.NewStructuredLogger(slog.New(slog.DiscardHandler))
}

// startEngine starts Temporal's dev server, which `make tools` installs. HOLDFAST_REQUIRE_ENGINE=1 makes its absence an error.
func startEngine(t *testing.T) client.Client {
	t.Helper()
	binary, err := filepath.Abs("../bin/temporal")
	require.NoError(t, err)
	if _, err := os.Stat(binary); err != nil {
		if binary, err = exec.LookPath("temporal"); err != nil {
			if os.Getenv("HOLDFAST_REQUIRE_ENGINE") == "1" {
				t.Fatal("no temporal in bin or on PATH: run make tools")
			}
			t.Skip("no temporal in bin or on PATH: run make tools")
		}
	}
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath:  binary,
		ClientOptions: &client.Options{Logger: quiet()},
		LogLevel:      "error",
		Stdout:        io.Discard,
		Stderr:        io.Discard,
		ExtraArgs: []string{
			"--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000",
			"--dynamic-config-value", "history.timerProcessorMaxPollRPS=1000",
			"--dynamic-config-value", "matching.numTaskqueueReadPartitions=1",
			"--dynamic-config-value", "matching.numTaskqueueWritePartitions=1",
			"--dynamic-config-value", "system.enableActivityEagerExecution=true",
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		server.Client().Close()
		if err := server.Stop(); err != nil {
			t.Logf("stopping the engine: %v", err)
		}
	})
	return server.Client()
}

// echo is a Twilio that does what it is asked, and says so to the call as its conference would.
type echo struct {
	t      *testing.T
	client *workflows.Client

	mu       sync.Mutex
	position int64
	sequence int
}

func (e *echo) batch(events ...call.Event) workflows.Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b workflows.Batch
	for _, event := range events {
		e.position++
		b.Deliveries = append(b.Deliveries, workflows.Delivery{Position: e.position, At: time.Now(), Event: call.Envelope{Event: event}})
	}
	return b
}

func (e *echo) participant(leg call.SID, hold bool) call.Participant {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sequence++
	return call.Participant{Conference: conference, Call: leg, Hold: hold, StartConferenceOnEnter: true, EndConferenceOnExit: leg == customer, Sequence: e.sequence}
}

func (e *echo) tell(ctx context.Context, events ...call.Event) {
	if err := e.client.Signal(ctx, call.ID(customer), e.batch(events...)); err != nil {
		e.t.Errorf("signal: %v", err)
	}
}

func (e *echo) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	switch {
	case r.PostForm.Get("Hold") == "true":
		e.tell(r.Context(), call.ParticipantHeld{Participant: e.participant(customer, true)})
	case r.PostForm.Get("Hold") == "false":
		e.tell(r.Context(), call.ParticipantUnheld{Participant: e.participant(customer, false)})
	case r.PostForm.Get("AssignmentStatus") == "completed":
		e.tell(r.Context(), call.ReservationCompleted{Assignment: assignment()}, call.TaskCompleted{Task: task, Reason: "completed"})
	default:
		return nil, errors.New("nobody said how Twilio answers " + r.Method + " " + r.URL.Path)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: r}, nil
}

// joined is what Twilio tells when caller and agent are brought together.
func (e *echo) joined() []call.Event {
	events := []call.Event{
		call.ParticipantJoined{Participant: e.participant(agentLeg, false)}, call.ParticipantJoined{Participant: e.participant(customer, false)},
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sequence++
	return append(events, call.ConferenceStarted{Conference: conference, Name: string(task), Sequence: e.sequence},
		call.ReservationAccepted{Assignment: assignment(), AgentCall: agentLeg})
}

// hungUp is what Twilio tells when the customer has left, and the conference with him.
func (e *echo) hungUp() []call.Event {
	return []call.Event{
		call.ParticipantLeft{Participant: e.participant(customer, false), Reason: "participant_hung_up"},
		call.ParticipantLeft{Participant: e.participant(agentLeg, false), Reason: "conference_ended_via_api"},
		call.ConferenceEnded{Conference: conference, Reason: "participant-with-end-conference-on-exit-left", Sequence: 100},
		call.CallStatusChanged{Call: customer, Status: "completed"},
		call.ReservationWrapup{Assignment: assignment()},
		call.TaskWrapup{Task: task},
	}
}

func TestOnTheRealEngine(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	calls := workflows.NewClient(engine)
	twilio := &echo{t: t, client: calls}
	adapter, err := activities.NewTwilio(activities.Config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "secret", WorkspaceSID: "WS00000000000000000000000000000001", Transport: twilio,
	})
	require.NoError(t, err)
	model := &readModel{}
	startWorker := func() worker.Worker {
		w := workflows.NewWorker(engine, &activities.Activities{Twilio: adapter, Store: model}, workflows.WorkerOptions{StopWithin: 100 * time.Millisecond})
		require.NoError(t, w.Start())
		return w
	}
	running := startWorker()
	defer func() { running.Stop() }()
	id := call.ID(customer)
	ctx := t.Context()
	reaches := func(status call.Status) {
		t.Helper()
		require.Eventually(t, func() bool { return model.last().Call.State == string(status) }, 10*time.Second, time.Millisecond)
	}

	require.ErrorIs(t, calls.Signal(ctx, "CAx", workflows.Batch{}), workflows.ErrNotFound)
	require.NoError(t, calls.StartOrSignal(ctx, id, call.DefaultSettings(), twilio.batch(
		call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"}, call.TaskCreated{Task: task, Call: customer})))
	require.NoError(t, calls.StartOrSignal(ctx, id, call.DefaultSettings(), twilio.batch(
		call.ReservationCreated{Assignment: assignment()}, call.AssignmentRequested{Assignment: assignment()})), "a call that runs is signalled")
	twilio.tell(ctx, twilio.joined()...)
	reaches(call.StatusTalking)

	_, err = calls.Request(ctx, id, "x", call.HoldRequested{Request: action("x"), Leg: "CAx"}, time.Second)
	var why *call.NotAllowed
	require.ErrorAs(t, err, &why)
	require.Equal(t, call.CodeUnknownLeg, why.Code)

	const holds = 20
	took := make([]time.Duration, 0, holds)
	for i := range holds {
		name := "hold" + string(rune('a'+i))
		var event call.Event = call.HoldRequested{Request: action(name), Leg: customer}
		if i%2 == 1 {
			event = call.UnholdRequested{Request: action(name), Leg: customer}
		}
		began := time.Now()
		result, err := calls.Request(ctx, id, name, event, 5*time.Second)
		took = append(took, time.Since(began))
		require.NoError(t, err)
		require.Equal(t, workflows.Result{Action: name, Status: call.ActionVerified}, result)
		again, err := calls.Request(ctx, id, name, event, 5*time.Second)
		require.NoError(t, err)
		require.Equal(t, result, again)
	}
	slices.Sort(took)
	t.Logf("a verified hold took p50 %v, p95 %v", took[holds/2], took[holds*95/100])

	for name, change := range map[string]func(*workflows.Client){
		"ahead":     func(c *workflows.Client) { c.Skew(time.Hour) },
		"behind":    func(c *workflows.Client) { c.Skew(-time.Hour) },
		"corrected": func(c *workflows.Client) { c.Mistake(-time.Hour) },
	} {
		skewed := workflows.NewClient(engine)
		change(skewed)
		result, err := skewed.Request(ctx, id, name, call.UnholdRequested{Request: action(name), Leg: customer}, 5*time.Second)
		require.NoError(t, err, "a clock that is %s refuses nobody", name)
		require.Equal(t, call.ActionVerified, result.Status)
	}

	running.Stop()
	lost := make(chan error, 1)
	go func() {
		_, err := calls.Request(ctx, id, "lost", call.HoldRequested{Request: action("lost"), Leg: customer}, 10*time.Second)
		lost <- err
	}()
	require.ErrorIs(t, <-lost, workflows.ErrUnavailable, "there is no worker")
	running = startWorker()
	state, err := calls.State(ctx, id)
	require.NoError(t, err, "the call is replayed by another worker")
	_, known := state.Action("lost")
	require.False(t, known, "nothing happened")
	require.Equal(t, call.StatusTalking, state.Status())

	result, err := calls.Request(ctx, id, "none", call.EndRequested{Request: action("end")}, time.Second)
	require.ErrorContains(t, err, "does not ask for")
	require.Zero(t, result)

	twilio.tell(ctx, twilio.hungUp()...)
	reaches(call.StatusWrapping)
	result, err = calls.Request(ctx, id, "done", call.WrapupCompleteRequested{Request: action("done")}, 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, call.ActionVerified, result.Status)
	reaches(call.StatusEnded)
	require.NoError(t, engine.GetWorkflow(ctx, workflows.CallWorkflowID(id), "").Get(ctx, nil))

	require.ErrorIs(t, calls.Signal(ctx, id, workflows.Batch{}), workflows.ErrEnded)
	require.NotErrorIs(t, calls.Signal(ctx, id, workflows.Batch{}), workflows.ErrNotFound)
	require.ErrorIs(t, calls.StartOrSignal(ctx, id, call.DefaultSettings(), workflows.Batch{}), workflows.ErrEnded, "a call that has ended is never woken")
	require.ErrorIs(t, calls.ReadBack(ctx, id), workflows.ErrEnded)
	_, err = calls.Request(ctx, id, "late", call.EndRequested{Request: action("late")}, time.Second)
	require.ErrorIs(t, err, workflows.ErrEnded)
	_, err = calls.Request(ctx, "CAx", "late", call.EndRequested{Request: action("late")}, time.Second)
	require.ErrorIs(t, err, workflows.ErrNotFound)

	requireReplays(t, engine, workflows.CallWorkflowID(id))
}

// requireReplays replays a workflow's history: the same events must lead to the same commands.
func requireReplays(t *testing.T, engine client.Client, id string) {
	t.Helper()
	var past history.History
	for events := engine.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(t, err)
		past.Events = append(past.Events, event)
	}
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(workflows.Call)
	require.NoError(t, replayer.ReplayWorkflowHistory(quiet(), &past))
	t.Logf("%d events of history", len(past.Events))
}

// slow is an echo that answers the first hold never: it takes effect, and nobody hears so.
type slow struct {
	*echo
	requests atomic.Int32
	holds    atomic.Int32
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests.Add(1)
	if r.Method == http.MethodGet {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"hold":true}`)), Header: http.Header{}, Request: r}, nil
	}
	s.holds.Add(1)
	response, err := s.echo.RoundTrip(r)
	if err == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return response, err
}

func TestAHoldThatTimedOutIsVerifiedByItsEventAndNotSentTwice(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	calls := workflows.NewClient(engine)
	twilio := &slow{echo: &echo{t: t, client: calls}}
	adapter, err := activities.NewTwilio(activities.Config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "secret", WorkspaceSID: "WS00000000000000000000000000000001",
		Transport: twilio, Timeout: 500 * time.Millisecond,
	})
	require.NoError(t, err)
	model := &readModel{}
	w := workflows.NewWorker(engine, &activities.Activities{Twilio: adapter, Store: model}, workflows.WorkerOptions{StopWithin: 100 * time.Millisecond})
	require.NoError(t, w.Start())
	defer w.Stop()

	ctx, id := t.Context(), call.ID(customer)
	require.NoError(t, calls.StartOrSignal(ctx, id, call.DefaultSettings(), twilio.batch(
		call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"}, call.TaskCreated{Task: task, Call: customer},
		call.ReservationCreated{Assignment: assignment()}, call.AssignmentRequested{Assignment: assignment()})))
	twilio.tell(ctx, twilio.joined()...)
	require.Eventually(t, func() bool { return model.last().Call.State == string(call.StatusTalking) }, 30*time.Second, time.Millisecond)
	result, err := calls.Request(ctx, id, "hold", call.HoldRequested{Request: action("hold"), Leg: customer}, 30*time.Second)
	require.NoError(t, err)
	require.Equal(t, call.ActionVerified, result.Status)

	require.Eventually(t, func() bool {
		state, err := calls.State(ctx, id)
		return err == nil && len(state.Flights) == 0
	}, 30*time.Second, 10*time.Millisecond, "the command comes to rest")
	require.EqualValues(t, 1, twilio.holds.Load(), "it is looked up, and not sent again")
	require.EqualValues(t, 2, twilio.requests.Load())
	require.Equal(t, []string{"CommandSucceeded"}, model.kinds(activities.SourceResult))
}

// stumbling is an engine in which the call's tasks come to nothing a few times, as one does that would end the call when the next webhook has come.
type stumbling struct {
	client.Client
	updates, outcomes atomic.Int32 // how often still
}

func (s *stumbling) UpdateWorkflow(ctx context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	if s.updates.Add(-1) >= 0 {
		return nil, serviceerror.NewWorkflowNotReady("Unable to perform workflow execution update due to unexpected workflow task failure.")
	}
	h, err := s.Client.UpdateWorkflow(ctx, options)
	return stumblingHandle{h, &s.outcomes}, err
}

type stumblingHandle struct {
	client.WorkflowUpdateHandle
	left *atomic.Int32
}

func (h stumblingHandle) Get(ctx context.Context, value any) error {
	if h.left.Add(-1) >= 0 {
		return serviceerror.NewWorkflowNotReady("Unable to perform workflow execution update due to unexpected workflow task failure.")
	}
	return h.WorkflowUpdateHandle.Get(ctx, value)
}

func TestARequestOutlivesATaskOfTheCallThatCameToNothing(t *testing.T) {
	t.Parallel()
	engine := &stumbling{Client: startEngine(t)}
	calls := workflows.NewClient(engine)
	twilio := &echo{t: t, client: calls}
	adapter, err := activities.NewTwilio(activities.Config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "secret", WorkspaceSID: "WS00000000000000000000000000000001", Transport: twilio,
	})
	require.NoError(t, err)
	model := &readModel{}
	w := workflows.NewWorker(engine.Client, &activities.Activities{Twilio: adapter, Store: model}, workflows.WorkerOptions{StopWithin: 100 * time.Millisecond})
	require.NoError(t, w.Start())
	defer w.Stop()
	ctx, id := t.Context(), call.ID(customer)
	require.NoError(t, calls.StartOrSignal(ctx, id, call.DefaultSettings(), twilio.batch(
		call.CallReceived{Call: customer, From: "+15550000001", To: "+15550000002", Direction: "inbound"}, call.TaskCreated{Task: task, Call: customer},
		call.ReservationCreated{Assignment: assignment()}, call.AssignmentRequested{Assignment: assignment()})))
	twilio.tell(ctx, twilio.joined()...)
	require.Eventually(t, func() bool { return model.last().Call.State == string(call.StatusTalking) }, 30*time.Second, time.Millisecond)

	engine.updates.Store(2)
	engine.outcomes.Store(2)
	result, err := calls.Request(ctx, id, "hold", call.HoldRequested{Request: action("hold"), Leg: customer}, 30*time.Second)
	require.NoError(t, err)
	require.Equal(t, call.ActionVerified, result.Status)

	engine.updates.Store(1 << 20)
	_, err = calls.Request(ctx, id, "unhold", call.UnholdRequested{Request: action("unhold"), Leg: customer}, 30*time.Second)
	require.ErrorIs(t, err, workflows.ErrUnavailable, "in the end it says so")
}

func TestAnEngineThatIsAwayIsToldQuickly(t *testing.T) {
	t.Parallel()
	engine, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: quiet()})
	require.NoError(t, err)
	defer engine.Close()
	calls := workflows.NewClient(engine)
	var all sync.WaitGroup
	began := time.Now()
	for _, reach := range []func() error{
		func() error { return calls.Signal(t.Context(), "CAx", workflows.Batch{}) },
		func() error { return calls.ReadBack(t.Context(), "CAx") },
		func() error {
			return calls.StartOrSignal(t.Context(), "CAx", call.DefaultSettings(), workflows.Batch{})
		},
		func() error {
			_, err := calls.Request(t.Context(), "CAx", "a", call.EndRequested{Request: action("a")}, time.Minute)
			return err
		},
		func() error { _, err := calls.State(t.Context(), "CAx"); return err },
	} {
		all.Go(func() {
			if err := reach(); !errors.Is(err, workflows.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	require.Less(t, time.Since(began), 6*time.Second)
}
