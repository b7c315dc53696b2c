package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
)

// messageCounter counts what is sent to calls' workflows through the engine: signals and updates.
type messageCounter struct {
	interceptor.ClientInterceptorBase
	sent atomic.Int64
}

// newMessageCounter makes one that the metrics show.
func newMessageCounter(meter metric.Meter) (*messageCounter, error) {
	m := &messageCounter{}
	_, err := meter.Int64ObservableCounter("holdfast_engine_messages",
		metric.WithDescription("Signals and updates that were sent to calls through the engine."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(m.sent.Load())
			return nil
		}))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return m, nil
}

// InterceptClient implements [interceptor.ClientInterceptor].
func (m *messageCounter) InterceptClient(next interceptor.ClientOutboundInterceptor) interceptor.ClientOutboundInterceptor {
	return &countingClient{ClientOutboundInterceptorBase: interceptor.ClientOutboundInterceptorBase{Next: next}, sent: &m.sent}
}

type countingClient struct {
	interceptor.ClientOutboundInterceptorBase
	sent *atomic.Int64
}

func (c *countingClient) SignalWorkflow(ctx context.Context, in *interceptor.ClientSignalWorkflowInput) error {
	c.sent.Add(1)
	return c.Next.SignalWorkflow(ctx, in)
}

func (c *countingClient) SignalWithStartWorkflow(ctx context.Context, in *interceptor.ClientSignalWithStartWorkflowInput) (client.WorkflowRun, error) {
	c.sent.Add(1)
	return c.Next.SignalWithStartWorkflow(ctx, in)
}

func (c *countingClient) UpdateWorkflow(ctx context.Context, in *interceptor.ClientUpdateWorkflowInput) (client.WorkflowUpdateHandle, error) {
	c.sent.Add(1)
	return c.Next.UpdateWorkflow(ctx, in)
}
