package activities

import (
	"context"
	"errors"
	"fmt"

	"holdfast/call"
)

// routeWorkspace is the workspace itself, as the metrics name it.
var routeWorkspace = route{taskRouterProduct, "/Workspaces/{WorkspaceSid}"}

// Workspace is what Holdfast needs to know of the TaskRouter workspace.
type Workspace struct {
	Name string
	// Multitasking workspaces are the only ones that Holdfast works with: in the others a task does not wrap up.
	Multitasking bool
	// TimedOut is where TaskRouter moves agents whose reservation timed out.
	TimedOut call.AvailabilitySID
}

// ErrUnavailable says that Twilio could not be asked at the moment: too many requests, a failure of its own, no answer.
var ErrUnavailable = errors.New("twilio is unavailable")

// Workspace reads the workspace. Errors: [ErrUnavailable], and otherwise Twilio's refusal. It is for the start of a process, and proves the credentials.
// https://www.twilio.com/docs/taskrouter/api/workspace
func (t *Twilio) Workspace(ctx context.Context) (Workspace, error) {
	var w Workspace
	err := t.do(ctx, routeWorkspace, func(x *exchange) error {
		found, err := x.taskRouter().FetchWorkspace(t.config.WorkspaceSID)
		if err != nil {
			return err
		}
		w.Name = value(found.FriendlyName)
		w.Multitasking = found.MultiTaskEnabled != nil && *found.MultiTaskEnabled
		w.TimedOut = call.AvailabilitySID(value(found.TimeoutActivitySid))
		return nil
	})
	if f := failureOf(err); f != nil {
		if f.Kind == call.FailureUnavailable {
			return w, fmt.Errorf("workspace %s: %w: %s", t.config.WorkspaceSID, ErrUnavailable, f.Message)
		}
		return w, fmt.Errorf("workspace %s: %s", t.config.WorkspaceSID, f.Message)
	}
	return w, nil
}
