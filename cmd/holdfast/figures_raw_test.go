package main

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"holdfast/cmd/holdfast/engine"
)

// rawCall is what a call costs the engine at the least: so many messages, and so many activities that do nothing.
func rawCall(ctx workflow.Context, messages, activities int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
	c := workflow.GetSignalChannel(ctx, "message")
	for i := range messages {
		c.Receive(ctx, nil)
		if i < activities {
			if err := workflow.ExecuteActivity(ctx, rawActivity).Get(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func rawActivity(context.Context) error { return nil }

// rawFigures are those of an engine that has nothing to do with Holdfast.
type rawFigures struct {
	PerSecond            float64
	Messages, Activities int // a call
	Time                 processorTime
}

func rawEngine(t *testing.T, calls, messages, activities int) *rawFigures {
	dir := t.TempDir()
	e, err := engine.Start(t.Context(), engine.Config{DataDir: dir, UIPort: -1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Stop(context.WithoutCancel(t.Context()))) }()
	const queue = "raw"
	c := e.Client()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(rawCall)
	w.RegisterActivity(rawActivity)
	require.NoError(t, w.Start())
	defer w.Stop()
	used := func() processorTime { return processorTime{Engine: engineTime(t, dir), Rest: ownTime(t)} }
	before, began := used(), time.Now()
	var group errgroup.Group
	group.SetLimit(48)
	for i := range calls {
		group.Go(func() error {
			run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprintf("raw:%d", i), TaskQueue: queue}, rawCall, messages, activities)
			if err != nil {
				return err
			}
			for range messages {
				if err := c.SignalWorkflow(t.Context(), run.GetID(), "", "message", nil); err != nil {
					return err
				}
			}
			return run.Get(t.Context(), nil)
		})
	}
	require.NoError(t, group.Wait())
	r := rawFigures{
		PerSecond: float64(calls) / time.Since(began).Seconds(), Messages: messages, Activities: activities, Time: used().since(before, calls),
	}
	t.Logf("raw: %+v", r)
	return &r
}
