package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A floor is a bench with a multitasking workspace: availabilities Offline, Available and Unavailable, and what a test adds.
type floor struct {
	*voiceBench
	ws          string // path of the workspace
	available   string // WA
	unavailable string
}

func newFloor(t *testing.T) *floor {
	t.Helper()
	f := &floor{voiceBench: newVoiceBench(t)}
	f.sim.mu.Lock()
	f.sim.cfg.Second = 5 * time.Millisecond // slow enough for a loaded machine
	f.sim.mu.Unlock()
	f.ws = "/v1/Workspaces/" + f.tr(http.StatusCreated, "POST", "/v1/Workspaces", "FriendlyName=Floor", "EventCallbackUrl="+f.url("/events"))["sid"].(string)
	for _, a := range f.tr(http.StatusOK, "GET", f.ws+"/Activities")["activities"].([]any) {
		switch activity := a.(object); activity["friendly_name"] {
		case "Available":
			f.available = activity["sid"].(string)
		case "Unavailable":
			f.unavailable = activity["sid"].(string)
		}
	}
	return f
}

// tr does a TaskRouter request, which must answer status.
func (f *floor) tr(status int, method, path string, form ...string) object {
	f.t.Helper()
	got, out := f.product("taskrouter", method, path, form...)
	require.Equal(f.t, status, got, "%s %s: %v", method, path, out)
	return out
}

// refused is tr for a request that is refused with a code.
func (f *floor) refused(status, code int, method, path string, form ...string) string {
	f.t.Helper()
	out := f.tr(status, method, path, form...)
	require.InDelta(f.t, code, out["code"], 0, "%v", out)
	require.InDelta(f.t, status, out["status"], 0)
	return out["message"].(string)
}

// create makes a resource of the workspace and answers its SID.
func (f *floor) create(kind string, form ...string) string {
	f.t.Helper()
	return f.tr(http.StatusCreated, "POST", f.ws+"/"+kind, form...)["sid"].(string)
}

// agent makes an available agent.
func (f *floor) agent(name, attributes string) string {
	f.t.Helper()
	return f.create("Workers", "FriendlyName="+name, "Attributes="+attributes, "ActivitySid="+f.available)
}

// workflow makes a routing workflow, with reservations that do not time out unless more says so.
func (f *floor) workflow(configuration string, more ...string) string {
	f.t.Helper()
	if !slices.ContainsFunc(more, func(m string) bool { return strings.HasPrefix(m, "TaskReservationTimeout=") }) {
		more = append(slices.Clone(more), "TaskReservationTimeout=86400")
	}
	return f.create("Workflows", append(more, "FriendlyName=W"+configuration[:min(len(configuration), 40)],
		"Configuration="+configuration, "AssignmentCallbackUrl="+f.url("/assign"))...)
}

// simple makes a queue of everybody and a routing workflow to it.
func (f *floor) simple(more ...string) (queue, workflow string) {
	f.t.Helper()
	queue = f.create("TaskQueues", "FriendlyName=Everybody")
	return queue, f.workflow(`{"task_routing":{"default_filter":{"queue":"`+queue+`"}}}`, more...)
}

func (f *floor) task(workflow, attributes string, more ...string) string {
	f.t.Helper()
	return f.create("Tasks", append([]string{"WorkflowSid=" + workflow, "Attributes=" + attributes, "TaskChannel=voice"}, more...)...)
}

// status is a task's.
func (f *floor) status(task string) string {
	f.t.Helper()
	return f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task)["assignment_status"].(string)
}

// answer lets the assignment callback answer JSON.
func (f *floor) answer(json string) {
	f.page("/assign", func(url.Values) (int, string, string) { return http.StatusOK, "application/json", json })
}

// event waits for a workspace event.
func (f *floor) event(kind string, want ...string) url.Values {
	f.t.Helper()
	return f.hit("/events", append([]string{"EventType=" + kind}, want...)...).form
}

// nth waits for the nth webhook to path with these parameters, counted from 1.
func (f *floor) nth(n int, path string, want ...string) hit {
	f.t.Helper()
	var got []hit
	require.Eventually(f.t, func() bool {
		got = f.hitsTo(path, want...)
		return len(got) >= n
	}, patienceInTests, time.Millisecond, "%d times %s %v", n, path, want)
	return got[n-1]
}

// kinds lists the events about a task that the workspace has stored, oldest first, without those of agents.
func (f *floor) kinds(task string) (out []string) {
	f.t.Helper()
	for _, e := range f.tr(http.StatusOK, "GET", f.ws+"/Events", "TaskSid="+task, "PageSize=1000")["events"].([]any) {
		out = append(out, e.(object)["event_type"].(string))
	}
	slices.Reverse(out)
	return out
}

// reservation is the newest of a task.
func (f *floor) reservation(task string) object {
	f.t.Helper()
	return f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task+"/Reservations")["reservations"].([]any)[0].(object)
}

func (f *floor) reserve(status int, reservation object, form ...string) object {
	f.t.Helper()
	path, _ := strings.CutPrefix(reservation["url"].(string), "https://taskrouter.twilio.com")
	return f.tr(status, "POST", path, form...)
}

func decode(t *testing.T, res *http.Response) (out object) {
	t.Helper()
	require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
	return out
}
