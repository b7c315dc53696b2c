package main

import (
	"context"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
)

// messageCounter counts what is sent to calls' workflows through the engine: signals and updates.
type messageCounter struct {
	interceptor.ClientInterceptorBase
	sent atomic.Int64
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
