package engine

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// BenchmarkUpdate is the life of an action: an Update is accepted, runs one activity and returns. Its p50 bounds
// what a verified hold can take.
func BenchmarkUpdate(b *testing.B) {
	binary := requireEngine(b)
	e, err := Start(b.Context(), Config{DataDir: b.TempDir(), Binary: binary, UIPort: -1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, e.Stop(context.WithoutCancel(b.Context()))) })

	const queue = "bench"
	w := worker.New(e.Client(), queue, worker.Options{})
	w.RegisterWorkflowWithOptions(updatable, workflow.RegisterOptions{Name: "updatable"})
	w.RegisterActivity(nothing)
	require.NoError(b, w.Start())
	b.Cleanup(w.Stop)

	ctx := b.Context()
	run, err := e.Client().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "bench", TaskQueue: queue}, "updatable")
	require.NoError(b, err)

	update := func() time.Duration {
		began := time.Now()
		h, err := e.Client().UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: run.GetID(), UpdateName: "act", WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		require.NoError(b, err)
		require.NoError(b, h.Get(ctx, nil))
		return time.Since(began)
	}
	for range 20 {
		update()
	}
	var took []time.Duration
	for b.Loop() {
		took = append(took, update())
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
}

func updatable(ctx workflow.Context) error {
	err := workflow.SetUpdateHandler(ctx, "act", func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
		return workflow.ExecuteActivity(ctx, nothing).Get(ctx, nil)
	})
	if err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return false })
}

func nothing(context.Context) error { return nil }

// requireEngine finds the temporal command or skips: a newcomer without it can still run the other tests. CI sets
// HOLDFAST_REQUIRE_ENGINE so that it cannot go missing there.
func requireEngine(tb testing.TB) string {
	tb.Helper()
	path, err := findBinary("")
	if err == nil {
		return path
	}
	if must, _ := strconv.ParseBool(os.Getenv("HOLDFAST_REQUIRE_ENGINE")); must {
		require.NoError(tb, err)
	}
	tb.Skipf("%v", err)
	return ""
}
