package simulator

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatisticsTellWhatWasAndWhatIs(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	ann := f.agent("Ann", `{}`)
	queue, workflow := f.simple()
	other := f.create("TaskQueues", "FriendlyName=Other")
	task := f.task(workflow, `{}`)
	f.reserve(http.StatusOK, f.reservation(task), "ReservationStatus=accepted")
	waits := f.task(workflow, `{}`)
	f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+waits, "AssignmentStatus=canceled", "Reason=enough")
	f.task(workflow, `{}`)

	counts := func(path string, form ...string) []any {
		t.Helper()
		out := f.tr(http.StatusOK, "GET", f.ws+path, form...)
		if past, ok := out["cumulative"].(object); ok {
			out = past
		}
		return []any{out["reservations_created"], out["reservations_accepted"], out["tasks_canceled"], out["tasks_entered"]}
	}
	const many = "Minutes=10000"
	require.Equal(t, []any{1.0, 1.0, 1.0, 3.0}, counts("/TaskQueues/"+queue+"/CumulativeStatistics", many))
	require.Equal(t, []any{1.0, 1.0, 1.0, 3.0}, counts("/TaskQueues/"+queue+"/Statistics", many))
	require.Equal(t, []any{0.0, 0.0, 0.0, 0.0}, counts("/TaskQueues/"+other+"/CumulativeStatistics", many))
	require.Equal(t, []any{1.0, 1.0, 1.0, 3.0}, counts("/Workflows/"+workflow+"/CumulativeStatistics", many, "TaskChannel=voice"))
	require.Equal(t, []any{0.0, 0.0, 0.0, 0.0}, counts("/Workflows/"+workflow+"/CumulativeStatistics", many, "TaskChannel=chat"))
	require.Equal(t, []any{1.0, 1.0, 1.0, nil}, counts("/CumulativeStatistics", many))
	require.Equal(t, []any{1.0, 1.0, nil, nil}, counts("/Workers/"+ann+"/Statistics", many))
	before := "EndDate=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	require.Equal(t, []any{0.0, 0.0, 0.0, nil}, counts("/CumulativeStatistics", many, before))

	split := f.tr(http.StatusOK, "GET", f.ws+"/CumulativeStatistics", many, "SplitByWaitTime=5,100000")["split_by_wait_time"].(object)
	require.Equal(t, object{"reservations_accepted": 1.0, "tasks_canceled": 1.0}, split["100000"].(object)["below"])
	require.Len(t, split, 2)

	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann, "ActivitySid="+f.unavailable)
	durations := f.tr(http.StatusOK, "GET", f.ws+"/Workers/CumulativeStatistics", many)["activity_durations"].([]any)
	require.Len(t, durations, 3)

	bulk := f.tr(http.StatusOK, "POST", f.ws+"/TaskQueues/RealTimeStatistics")
	data := bulk["task_queue_data"].([]any)
	require.InDelta(t, len(data), bulk["task_queue_response_count"], 0)
	tasks := map[any]any{}
	for _, of := range data {
		tasks[of.(object)["task_queue_sid"]] = of.(object)["total_tasks"]
	}
	require.InDelta(t, 2, tasks[queue], 0, "one assigned, one waits")
	require.InDelta(t, 0, tasks[other], 0)
	list := f.tr(http.StatusOK, "GET", f.ws+"/TaskQueues/Statistics", many, "FriendlyName=Everybody")["task_queues_statistics"].([]any)
	require.Len(t, list, 1)
	require.Equal(t, queue, list[0].(object)["task_queue_sid"])

	for _, bad := range []string{"Minutes=x", "StartDate=yesterday", "SplitByWaitTime=soon"} {
		f.refused(http.StatusBadRequest, 20001, "GET", f.ws+"/CumulativeStatistics", bad)
	}
	for _, path := range []string{"/Workflows/WW0", "/TaskQueues/WQ0", "/Workers/WK0"} {
		f.refused(http.StatusNotFound, 20404, "GET", f.ws+path+"/Statistics")
	}
}
