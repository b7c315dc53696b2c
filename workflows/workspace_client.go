package workflows

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"holdfast/floor"
)

// TellFloor delivers events to the workspace's workflow, and starts it if it does not run. ErrUnavailable if the engine is away.
func (c *Client) TellFloor(ctx context.Context, workspace string, batch FloorBatch) error {
	ctx, cancel := context.WithTimeout(ctx, signalWithin)
	defer cancel()
	options := client.StartWorkflowOptions{
		ID:                    WorkspaceWorkflowID(workspace),
		TaskQueue:             TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, // somebody may have terminated it
	}
	begin := WorkspaceProgress{Workspace: workspace, Floor: floor.New(batch.Settings)}
	_, err := c.engine.SignalWithStartWorkflow(ctx, options.ID, SignalFloor, batch, options, Workspace, begin)
	return engineError(ctx, err)
}

// Floor asks a workspace for its state. It needs a worker. ErrNotFound if nobody has missed a call yet.
func (c *Client) Floor(ctx context.Context, workspace string) (floor.State, error) {
	ctx, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	var s floor.State
	value, err := c.engine.QueryWorkflow(ctx, WorkspaceWorkflowID(workspace), "", QueryFloor)
	if err != nil {
		return s, engineError(ctx, err)
	}
	if err := value.Get(&s); err != nil {
		return s, fmt.Errorf("workflows: the floor of %s: %w", workspace, err)
	}
	return s, nil
}
