package activities

import (
	"context"
	"fmt"

	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"
	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"holdfast/call"
)

// CreateTask makes the task by which TaskRouter finds the person of an invitation, and answers its SID. If it was tried before, and it may be there
// already, it is looked for first. An agent who is not available is not asked for: TaskRouter would keep the task for him, and with IgnoreCapacity ring him.
//
// Errors of its own: [call.CodeAgentUnavailable], and refusals for want of a routing workflow.
// https://www.twilio.com/docs/taskrouter/api/task
func (a *Activities) CreateTask(ctx context.Context, c call.CreateTask) (call.TaskSID, error) {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return "", err
	}
	if repeated(ctx) {
		t, err := a.invited(ctx, prompt, c.Call, c.Label)
		if err != nil {
			return "", err
		}
		if t != nil {
			return call.TaskSID(value(t.Sid)), nil
		}
	}
	var original original
	group, both := errgroup.WithContext(ctx)
	if c.Target.Kind == call.TargetAgent {
		group.Go(func() error { return recovered(func() error { return a.requireAvailable(both, c.Target.Agent) }) })
	}
	group.Go(func() error {
		return recovered(func() (err error) {
			original, err = a.original(both, c)
			return err
		})
	})
	if err := group.Wait(); err != nil {
		return "", err
	}
	attributes, dropped, err := attributesFor(c, original.attributes)
	if err != nil {
		return "", err
	}
	if len(dropped) > 0 && activity.IsActivity(ctx) {
		activity.GetLogger(ctx).Warn("task attributes would be too long; some are left behind", "call", c.Call, "invitation", c.Label, "left", dropped)
	}
	params := (&taskrouter.CreateTaskParams{}).
		SetWorkflowSid(original.workflow).
		SetTaskChannel("voice").
		SetTimeout(a.Twilio.seconds(c.Within)).
		SetPriority(max(0, original.priority+c.Priority)).
		SetAttributes(attributes)
	if c.Target.Kind == call.TargetAgent {
		params.SetRoutingTarget(string(c.Target.Agent)).SetIgnoreCapacity("false") // the default rings the busy and those who are off
	} else {
		params.SetRoutingTarget(string(c.Target.Queue))
	}
	var made call.TaskSID
	err = a.Twilio.send(ctx, prompt, routeTasks, func(x *exchange) error {
		t, err := x.taskRouter().CreateTask(a.Twilio.config.WorkspaceSID, params)
		if err == nil {
			made = call.TaskSID(value(t.Sid))
		}
		return err
	})
	return made, err
}

// requireAvailable asks whether an agent may be rung at all.
func (a *Activities) requireAvailable(ctx context.Context, agent call.AgentSID) error {
	var w *taskrouter.TaskrouterV1Worker
	err := a.Twilio.send(ctx, prompt, routeWorker, func(x *exchange) (err error) {
		w, err = x.taskRouter().FetchWorker(a.Twilio.config.WorkspaceSID, string(agent))
		return err
	})
	switch {
	case err != nil:
		return err
	case !value(w.Available):
		return refused(call.CodeAgentUnavailable, fmt.Sprintf("agent %s is not available (%s)", agent, value(w.ActivityName)))
	default:
		return nil
	}
}

// original is what a further task of a call takes over from those before it.
type original struct {
	workflow   string
	priority   int
	attributes string
}

// original reads the call's first task. TaskRouter forgets it five minutes after its agent is done with it, while others may still talk: then any other
// task of the call tells, which were made after it; else there is only what is set.
func (a *Activities) original(ctx context.Context, c call.CreateTask) (original, error) {
	var t *taskrouter.TaskrouterV1Task
	err := a.Twilio.send(ctx, prompt, routeTask, func(x *exchange) (err error) {
		t, err = x.taskRouter().FetchTask(a.Twilio.config.WorkspaceSID, string(c.Original))
		return err
	})
	if f := failureOf(err); f != nil && f.Kind == call.FailureGone {
		t, err = a.findTask(ctx, prompt, fmt.Sprintf(`%s == %s`, attributeCallID, quoted(string(c.Call))))
	}
	switch {
	case err != nil:
		return original{}, err
	case t != nil:
		return original{workflow: value(t.WorkflowSid), priority: t.Priority, attributes: value(t.Attributes)}, nil
	case a.Twilio.config.RoutingWorkflow == "":
		return original{}, refused(0, "the call's tasks are gone, and no routing workflow is set for calls without one")
	default:
		return original{workflow: a.Twilio.config.RoutingWorkflow}, nil
	}
}

// invited is the task that was made for an invitation, nil if there is none. TaskRouter takes three such questions a second.
func (a *Activities) invited(ctx context.Context, u urgency, id call.ID, label call.Label) (*taskrouter.TaskrouterV1Task, error) {
	return a.findTask(ctx, u, fmt.Sprintf(`%s == %s AND %s == %s`, attributeInvitation, quoted(string(label)), attributeCallID, quoted(string(id))))
}

// findTask is the newest task whose attributes fit, nil if none does.
func (a *Activities) findTask(ctx context.Context, u urgency, expression string) (*taskrouter.TaskrouterV1Task, error) {
	var found *taskrouter.TaskrouterV1Task
	err := a.Twilio.send(ctx, u, routeTasks, func(x *exchange) error {
		page, err := x.taskRouter().PageTask(a.Twilio.config.WorkspaceSID,
			(&taskrouter.ListTaskParams{}).SetEvaluateTaskAttributes(expression).SetOrdering("DateCreated:desc").SetPageSize(1), "", "")
		if err == nil && len(page.Tasks) > 0 {
			found = &page.Tasks[0]
		}
		return err
	})
	return found, err
}
