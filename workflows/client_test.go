package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"holdfast/call"
	"holdfast/workflows"
)

// endingEngine is an engine that turns requests away while a call ends, and says so often that it is not ready; then the call has ended.
type endingEngine struct {
	client.Client
	notReady, asked int
}

func (e *endingEngine) UpdateWorkflow(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	if e.asked++; e.asked <= e.notReady {
		return nil, serviceerror.NewWorkflowNotReady("Unable to perform workflow execution update due to unexpected workflow task failure.")
	}
	return nil, serviceerror.NewNotFound("workflow execution already completed")
}

func (*endingEngine) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{}, nil
}

func TestARequestThatComesWhileTheCallEndsIsTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		notReady, asked int
		want            error
	}{
		"that it has ended":                       {1, 2, workflows.ErrEnded},
		"to come again if the engine keeps on so": {10, 3, workflows.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := &endingEngine{notReady: test.notReady}
			c := workflows.NewClient(engine)
			_, err := c.Request(t.Context(), "CA1", "key-1", call.EndRequested{Request: call.Request{Action: "key-1"}}, time.Second)
			require.ErrorIs(t, err, test.want)
			require.Equal(t, test.asked, engine.asked)
		})
	}
}
