package workflows_test

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"holdfast/activities"
	"holdfast/floor"
	"holdfast/store"
	"holdfast/workflows"
)

// recordFloor is the folder that the history of the floor is written to, for later builds to replay; `make record` sets it.
var recordFloor = flag.String("record-floor", "", "write the floor's history into this folder")

const (
	floorHistories = "testdata/floor-histories"
	theWorkspace   = "WS00000000000000000000000000000001"
	ready          = "WAready"
	silent         = "WAsilent"
)

// agentsTwilio is a TaskRouter with agents in it.
type agentsTwilio struct {
	mu    sync.Mutex
	where map[string]string
	away  bool
}

func (a *agentsTwilio) at(agent string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.where[agent]
}

func (a *agentsTwilio) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	worker := func(sid string) map[string]any {
		return map[string]any{"sid": sid, "friendly_name": sid, "activity_sid": a.where[sid], "available": a.where[sid] == ready}
	}
	var body any
	sid := path.Base(r.URL.Path)
	switch {
	case a.away:
		return &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader(`{"code":20001,"message":"no"}`)), Header: http.Header{}, Request: r}, nil
	case sid == "Workers":
		all := []any{}
		for _, sid := range []string{"WK1", "WK2", "WK3", "WK4"} {
			all = append(all, worker(sid))
		}
		body = map[string]any{"workers": all, "meta": map[string]any{}}
	case r.Method == http.MethodPost:
		a.where[sid] = r.PostForm.Get("ActivitySid")
		body = worker(sid)
	default:
		body = worker(sid)
	}
	b, err := json.Marshal(body)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(b))), Header: http.Header{}, Request: r}, err
}

func floorRule() floor.Settings {
	r := floor.DefaultRule()
	r.Agents, r.Keep, r.BackAfter, r.Calm = 2, 0, 300*time.Millisecond, 2*time.Second
	return floor.Settings{NotAnswering: silent, Rule: r}
}

func TestTheFloorOnTheRealEngine(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	calls := workflows.NewClient(engine)
	twilio := &agentsTwilio{where: map[string]string{"WK1": ready, "WK2": ready, "WK3": ready, "WK4": ready}}
	adapter, err := activities.NewTwilio(activities.Config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "secret", WorkspaceSID: theWorkspace, Transport: twilio,
	})
	require.NoError(t, err)
	model, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, model.Close()) })
	require.NoError(t, model.Migrate(t.Context()))
	startWorker := func() worker.Worker {
		w := workflows.NewWorker(engine, &activities.Activities{Twilio: adapter, Store: model, Floor: model}, workflows.WorkerOptions{StopWithin: 100 * time.Millisecond})
		require.NoError(t, w.Start())
		return w
	}
	running := startWorker()
	defer func() { running.Stop() }()

	ctx := t.Context()
	subject := store.Subject{Kind: store.SubjectWorkspace, ID: theWorkspace}
	position := int64(0)
	missed := func(agent string) floor.AgentMissed {
		return floor.AgentMissed{Agent: floor.AgentSID(agent), Reservation: floor.ReservationSID("WR" + agent), Queue: "WQ1", QueueName: "Support", Why: "no-answer", At: time.Now()}
	}
	batch := func(e floor.Event) workflows.FloorBatch { // as the inbox and the deliverer have it
		b, err := json.Marshal(floor.Envelope{Event: e})
		require.NoError(t, err)
		position++
		require.NoError(t, model.Tell(ctx, theWorkspace, string(rune('a'+position)), floor.Kind(e), b))
		return workflows.FloorBatch{
			After: position - 1, Settings: floorRule(), Deliveries: []workflows.FloorDelivery{{Position: position, Event: floor.Envelope{Event: e}}},
		}
	}
	acknowledged := func() bool {
		claimed, _, err := model.ClaimOne(ctx, "test", time.Minute, subject)
		return err == nil && claimed.Acked == position
	}

	first := batch(missed("WK1"))
	require.NoError(t, calls.TellFloor(ctx, theWorkspace, first))
	require.Eventually(t, func() bool { return twilio.at("WK1") == silent }, 30*time.Second, 5*time.Millisecond, "who does not answer goes off")
	second := batch(missed("WK2"))
	later := workflows.FloorBatch{After: 5, Settings: floorRule(), Deliveries: []workflows.FloorDelivery{{Position: 6, Event: floor.Envelope{Event: missed("WK3")}}}}
	require.NoError(t, calls.TellFloor(ctx, theWorkspace, later), "out of turn")
	require.NoError(t, calls.TellFloor(ctx, theWorkspace, first), "again")
	require.NoError(t, calls.TellFloor(ctx, theWorkspace, second))
	require.Eventually(t, acknowledged, 30*time.Second, 5*time.Millisecond)
	codes := func() []string {
		s, err := calls.Floor(ctx, theWorkspace)
		if err != nil { // it is asked again: between two workers nobody answers
			return nil
		}
		var codes []string
		for _, a := range s.Alerts {
			codes = append(codes, a.Code)
		}
		return codes
	}
	require.Eventually(t, func() bool { return len(codes()) > 0 && codes()[0] == floor.AlertCascade }, 30*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return twilio.at("WK1") == ready && twilio.at("WK2") == ready }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, ready, twilio.at("WK3"), "what came out of turn did not count")

	running.Stop()
	running = startWorker()
	require.Eventually(t, func() bool { return len(codes()) == 2 && codes()[1] == floor.AlertCascadeOver }, 30*time.Second, 5*time.Millisecond, "another worker replays it, and goes on")
	row, err := model.Agent(ctx, "WK1")
	require.NoError(t, err)
	require.Equal(t, 1, row.Miss.Misses)
	require.False(t, row.Miss.BackedAt.IsZero())
	entries, err := model.Stream(ctx, 0, 100)
	require.NoError(t, err)
	var kinds []string
	for _, e := range entries {
		if len(e.Agents) == 1 && e.Agents[0] == "WK1" {
			kinds = append(kinds, e.Kind)
		}
	}
	require.Equal(t, []string{floor.ChangeMissed, floor.ChangeMovedOff, floor.ChangeBroughtBack}, kinds)
	past := historyOf(t, engine, workflows.WorkspaceWorkflowID(theWorkspace))
	requireFloorReplays(t, past)
	if *recordFloor != "" {
		writeHistory(t, filepath.Join(*recordFloor, "r1-cascade.json.gz"), past)
	}

	require.NoError(t, engine.TerminateWorkflow(ctx, workflows.WorkspaceWorkflowID(theWorkspace), "", "the engine lost it"))
	require.NoError(t, calls.TellFloor(ctx, theWorkspace, batch(missed("WK4"))))
	require.Eventually(t, func() bool { return twilio.at("WK4") == silent }, 30*time.Second, 5*time.Millisecond, "a new one begins where the last one ended")
	require.Eventually(t, acknowledged, 30*time.Second, 5*time.Millisecond)

	twilio.mu.Lock()
	twilio.away = true
	twilio.mu.Unlock()
	require.NoError(t, calls.TellFloor(ctx, theWorkspace, batch(missed("WK3"))))
	require.Eventually(t, func() bool { return len(codes()) > 0 && codes()[0] == floor.AlertStuck }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, ready, twilio.at("WK3"))
}

func TestAFloorOfAnUnknownRevisionIsNotTouched(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() {
		state := floor.New(floorRule())
		state.Revision = floor.Revision + 1
		_ = workflows.Workspace(nil, workflows.WorkspaceProgress{Floor: state})
	})
}

func historyOf(t *testing.T, engine client.Client, id string) *history.History {
	t.Helper()
	var past history.History
	for events := engine.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(t, err)
		past.Events = append(past.Events, event)
	}
	return &past
}

func requireFloorReplays(t *testing.T, past *history.History) {
	t.Helper()
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(workflows.Workspace)
	require.NoError(t, replayer.ReplayWorkflowHistory(quiet(), past))
}

func writeHistory(t *testing.T, name string, past *history.History) {
	t.Helper()
	b, err := protojson.Marshal(past)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
	file, err := os.Create(name)
	require.NoError(t, err)
	packed := gzip.NewWriter(file)
	_, err = packed.Write(b)
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	require.NoError(t, file.Close())
}

func TestFloorsOfThePastAreDecidedAsTheyWere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(floorHistories, "r*.json.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "run make record")
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(name)
			require.NoError(t, err)
			defer func() { require.NoError(t, file.Close()) }()
			unpacked, err := gzip.NewReader(file)
			require.NoError(t, err)
			past, err := client.HistoryFromJSON(unpacked, client.HistoryJSONOptions{})
			require.NoError(t, err)
			requireFloorReplays(t, past)
		})
	}
}
