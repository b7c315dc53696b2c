package workflows_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"holdfast/call"
	"holdfast/workflows"
)

// The histories are of real calls, recorded by `make record`; CONTRIBUTING.md says when.
const histories = "testdata/histories"

func golden(t *testing.T, name string) *history.History {
	t.Helper()
	file, err := os.Open(filepath.Join(histories, name))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	unpacked, err := gzip.NewReader(file)
	require.NoError(t, err)
	past, err := client.HistoryFromJSON(unpacked, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return past
}

// decisions notes the activities that a replayed call starts: the replayer compares their order and names, and not what they are told.
type decisions struct {
	interceptor.WorkerInterceptorBase
	interceptor.WorkflowInboundInterceptorBase
	interceptor.WorkflowOutboundInterceptorBase
	names []string
	told  []any
}

func (d *decisions) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	d.WorkflowInboundInterceptorBase.Next = next
	return inbound{&d.WorkflowInboundInterceptorBase, d}
}

type inbound struct {
	*interceptor.WorkflowInboundInterceptorBase
	decisions *decisions
}

func (i inbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	i.decisions.WorkflowOutboundInterceptorBase.Next = next
	return i.WorkflowInboundInterceptorBase.Init(outbound{&i.decisions.WorkflowOutboundInterceptorBase, i.decisions})
}

type outbound struct {
	*interceptor.WorkflowOutboundInterceptorBase
	decisions *decisions
}

func (o outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.decisions.names = append(o.decisions.names, name)
	o.decisions.told = append(o.decisions.told, args[0])
	return o.WorkflowOutboundInterceptorBase.ExecuteActivity(ctx, name, args...)
}

// replay replays a history by a workflow, and returns what it decides and what was decided then.
func replay(t *testing.T, past *history.History, by any) (now, then []any, err error) {
	t.Helper()
	var d decisions
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{&d}})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(by, workflow.RegisterOptions{Name: "Call"})
	if err := replayer.ReplayWorkflowHistory(quiet(), past); err != nil {
		return nil, nil, err
	}
	for _, event := range past.GetEvents() {
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled == nil {
			continue
		}
		require.Less(t, len(then), len(d.names))
		require.Equal(t, scheduled.GetActivityType().GetName(), d.names[len(then)])
		// As the type is now: a field that came later is zero then.
		told := reflect.New(reflect.TypeOf(d.told[len(then)]))
		require.NoError(t, json.Unmarshal(scheduled.GetInput().GetPayloads()[0].GetData(), told.Interface()))
		then = append(then, told.Elem().Interface())
	}
	return d.told, then, nil
}

func TestCallsOfThePastAreDecidedAsTheyWere(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(histories)
	require.NoError(t, err)
	recorded := map[int]int{}
	for _, file := range files {
		named := regexp.MustCompile(`^r(\d+)-[a-z-]+\.json\.gz$`).FindStringSubmatch(file.Name())
		require.NotNil(t, named, file.Name())
		revision, err := strconv.Atoi(named[1])
		require.NoError(t, err)
		recorded[revision]++
		t.Run(file.Name(), func(t *testing.T) {
			t.Parallel()
			past := golden(t, file.Name())
			var began workflows.Progress
			started := past.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
			require.NoError(t, json.Unmarshal(started.GetInput().GetPayloads()[0].GetData(), &began))
			require.Equal(t, revision, began.Call.Revision)
			now, then, err := replay(t, past, workflows.Call)
			require.NoError(t, err)
			require.Equal(t, then, now)
		})
	}
	for revision := call.OldestRevision; revision <= call.Revision; revision++ {
		require.Positive(t, recorded[revision], "revision %d has no histories: run make record", revision)
	}
}

func TestAChangeOfMindIsNoticed(t *testing.T) {
	t.Parallel()
	past := golden(t, "r1-no-answer.json.gz")
	_, _, err := replay(t, past, func(workflow.Context, workflows.Progress) error { return nil })
	require.Error(t, err, "another order of commands")
	now, then, err := replay(t, past, func(ctx workflow.Context, progress workflows.Progress) error {
		// Where the call itself moves who does not answer, and whose call it is where it tells the floor.
		progress.Call.Settings.NotAnswering, progress.Call.ID = "WAelsewhere", "CAanother"
		return workflows.Call(ctx, progress)
	})
	require.NoError(t, err)
	require.NotEqual(t, then, now, "the same commands, told otherwise")
}
