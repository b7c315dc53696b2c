package simulator

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTasksOfACallCanBeSeen(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	ask := func(method, path string, form url.Values) object {
		status, out := b.as(b.sim.AccountSID(), b.sim.AuthToken(), "taskrouter.twilio.com", method, path, form)
		require.Less(t, status, http.StatusMultipleChoices)
		return out
	}
	ws := ask(http.MethodPost, "/v1/Workspaces", url.Values{"FriendlyName": {"Ours"}, "Template": {"FIFO"}})
	list := ask(http.MethodGet, "/v1/Workspaces/"+ws["sid"].(string)+"/Workflows", nil)
	workflow := list["workflows"].([]any)[0].(object)["sid"].(string)
	b.twiml("/voice", "<Enqueue workflowSid='"+workflow+"'><Task priority='7'>{\"desk\": \"front\"}</Task></Enqueue>")
	caller := b.ring()
	require.Empty(t, b.sim.TasksOf("CA"))
	caller.notices(LineQueued, "")
	tasks := b.sim.TasksOf(caller.CallSID())
	require.Len(t, tasks, 1)
	require.Equal(t, "pending", tasks[0].Status)
	require.Equal(t, workflow, tasks[0].WorkflowSID)
	require.Equal(t, 7, tasks[0].Priority)
	require.Equal(t, "front", tasks[0].Attributes["desk"])
	require.Equal(t, caller.CallSID(), tasks[0].Attributes["call_sid"])
	tasks[0].Attributes["desk"] = "elsewhere"
	require.Equal(t, "front", b.sim.TasksOf(caller.CallSID())[0].Attributes["desk"], "who sees it cannot change it")
}
