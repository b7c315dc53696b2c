package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.temporal.io/sdk/client"

	"holdfast/workflows"
)

// alarm is raised by workflow tasks that fail: a call that stands still, for this build cannot decide it. The metric is what to alert on; the SDK's
// own line in the log names the workflow.
func (a *app) alarm() (client.MetricsHandler, error) {
	failures, err := a.telemetry.Provider().Meter("holdfast").Int64Counter("holdfast_workflow_task_failures",
		metric.WithDescription("Workflow tasks that failed, by reason: each is a call that stands still until a worker comes that can decide it."))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return workflows.TaskFailures(func(reason string) {
		failures.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
		a.log.Error("a workflow task failed: its call stands still until a worker comes that can decide it", "reason", reason)
	}), nil
}
