package activities_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"holdfast/activities"
	"holdfast/call"
)

const (
	taskPath  = taskRouterAPI + "/Tasks/" + task
	tasksPath = taskRouterAPI + "/Tasks"
	agentPath = taskRouterAPI + "/Workers/" + agent
	queue     = "WQ00000000000000000000000000000001"
	routing   = "WW00000000000000000000000000000001"
	newTask   = "WT00000000000000000000000000000002"
)

func seekAgent() call.CreateTask {
	return call.CreateTask{
		Call: customer, Label: "agent-2", Purpose: call.PurposeTransfer, Original: task, Target: call.Target{Kind: call.TargetAgent, Agent: agent},
		Within: 1500 * time.Millisecond, Priority: 10, By: "Ann",
	}
}

// firstTask is TaskRouter's answer with the call's first task.
func firstTask(attributes string) reply {
	body, _ := json.Marshal(map[string]any{"sid": task, "workflow_sid": routing, "priority": 3, "attributes": attributes}) //nolint:errchkjson // plain
	return ok(string(body))
}

func made() reply { return reply{status: http.StatusCreated, body: `{"sid":"` + newTask + `"}`} }

func TestAnAgentIsSoughtByATaskWithTheAttributesOfTheFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("GET "+agentPath, ok(`{"available":true}`))
	b.when("GET "+taskPath, firstTask(`{"call_sid":"`+customer+`","language":"en","note":"<b>&","big":12345678901234567890,
		"conference":{"sid":"CF1"},"worker_call_sid":"CA9","holdfast_transferred_by":"Zoe","conversations":{"case":"7"}}`))
	b.when("POST "+tasksPath, made())
	sid, err := b.CreateTask(t.Context(), seekAgent())
	require.NoError(t, err)
	require.Equal(t, call.TaskSID(newTask), sid)
	form := b.form(t, "POST "+tasksPath)
	//nolint:testifylint // letter for letter: large numbers stay what they are, and nothing is escaped
	require.Equal(t, `{"big":12345678901234567890,"call_sid":"`+customer+`","conversations":{"case":"7","conversation_id":"`+task+`"},`+
		`"holdfast_call_id":"`+customer+`","holdfast_invitation":"agent-2","holdfast_purpose":"transfer","holdfast_room":"`+task+`","holdfast_transferred_by":"Ann",`+
		`"language":"en","note":"<b>&"}`, form.Get("Attributes"))
	form.Del("Attributes")
	require.Equal(t, url.Values{
		"RoutingTarget": {agent}, "IgnoreCapacity": {"false"}, "WorkflowSid": {routing}, "TaskChannel": {"voice"}, "Timeout": {"2"}, "Priority": {"13"},
	}, form)
}

func TestAQueueIsAskedWithoutLookingAtAnyAgent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("GET "+taskPath, firstTask(`{"conversations":{"conversation_id":"WT-first"}}`))
	b.when("POST "+tasksPath, made())
	c := seekAgent()
	c.Target, c.By = call.Target{Kind: call.TargetQueue, Queue: queue}, ""
	_, err := b.CreateTask(t.Context(), c)
	require.NoError(t, err)
	form := b.form(t, "POST "+tasksPath)
	require.Equal(t, queue, form.Get("RoutingTarget"))
	require.NotContains(t, form, "IgnoreCapacity")
	require.Contains(t, form.Get("Attributes"), `"conversations":{"conversation_id":"WT-first"}`, "a conversation that is named keeps its name")
	require.NotContains(t, form.Get("Attributes"), "transferred_by")
}

func TestAnAgentWhoIsNotAvailableIsNotAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("GET "+agentPath, ok(`{"available":false,"activity_name":"Break"}`))
	b.when("GET "+taskPath, firstTask(`{}`))
	_, err := b.CreateTask(t.Context(), seekAgent())
	requireFailure(t, err, call.Failure{Kind: call.FailureRefused, Code: call.CodeAgentUnavailable, Message: "agent " + agent + " is not available (Break)"})
	require.NotContains(t, b.asked(), "POST "+tasksPath)
}

func TestATaskThatMayBeThereIsLookedForByItsLabel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("GET "+agentPath, ok(`{"available":true}`))
	b.when("GET "+taskPath, firstTask(`{}`))
	b.when("POST "+tasksPath, refusal(500, 20500, "Internal Server Error"))
	b.when("GET "+tasksPath, ok(`{"meta":{},"tasks":[{"sid":"`+newTask+`"}]}`))
	sid, err := again(t, b, b.CreateTask, seekAgent())
	require.NoError(t, err)
	require.Equal(t, call.TaskSID(newTask), sid)
	require.Len(t, b.requests, 4)
	require.Equal(t, "GET "+tasksPath, b.asked()[3])
	_, asked, _ := strings.Cut(b.requests[3], "?")
	query, err := url.ParseQuery(asked)
	require.NoError(t, err)
	require.Equal(t, "holdfast_invitation == 'agent-2' AND holdfast_call_id == '"+customer+"'", query.Get("EvaluateTaskAttributes"))
}

func TestACallWhoseFirstTaskIsForgottenGoesByALaterOne(t *testing.T) {
	t.Parallel()
	later, _ := json.Marshal(map[string]any{"tasks": []any{map[string]any{ //nolint:errchkjson // plain
		"sid": newTask, "workflow_sid": routing, "priority": 1, "attributes": `{"language":"en","conversations":{"conversation_id":"` + task + `"}}`,
	}}})
	for name, test := range map[string]struct {
		tasks   string
		routing string
		want    string // in the attributes; "": refused
	}{
		"of the same call":             {tasks: string(later), want: `"language":"en"`},
		"none, and a routing is set":   {tasks: `{"tasks":[]}`, routing: routing, want: `"conversation_id":"` + task + `"`},
		"none, and no routing is set ": {tasks: `{"tasks":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(c *activities.Config) { c.RoutingWorkflow = test.routing })
			b.when("GET "+agentPath, ok(`{"available":true}`))
			b.when("GET "+taskPath, notFound)
			b.when("GET "+tasksPath, ok(test.tasks))
			b.when("POST "+tasksPath, made())
			_, err := b.CreateTask(t.Context(), seekAgent())
			if test.want == "" {
				requireFailure(t, err, call.Failure{Kind: call.FailureRefused})
				return
			}
			require.NoError(t, err)
			form := b.form(t, "POST "+tasksPath)
			require.Equal(t, routing, form.Get("WorkflowSid"))
			require.Contains(t, form.Get("Attributes"), test.want)
		})
	}
}

func TestAttributesAreKeptToWhatTaskRouterTakes(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("ä", n) }
	for name, test := range map[string]struct {
		first string
		has   []string
		lacks []string
	}{
		"not JSON":                      {first: `{"broken`, has: []string{"holdfast_invitation"}},
		"no object":                     {first: `[1]`, has: []string{"holdfast_invitation"}},
		"conversations are no object":   {first: `{"conversations":"x"}`, has: []string{`"conversation_id":"` + task + `"`}},
		"as long as may be":             {first: `{"a":"` + long(3000) + `","b":"keep"}`, has: []string{`"a":`, `"b":`}},
		"too long: the largest goes":    {first: `{"a":"` + long(3000) + `","b":"` + long(1500) + `","c":"keep"}`, has: []string{`"b":`, `"c":`}, lacks: []string{`"a":`}},
		"too long: whatever must":       {first: `{"a":"` + long(5000) + `","b":"` + long(5000) + `"}`, lacks: []string{`"a":`, `"b":`}},
		"a conversation that is a book": {first: `{"conversations":{"conversation_id":"one","content":"` + long(4000) + `"}}`, has: []string{`"conversation_id":"one"`}, lacks: []string{"content"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.when("GET "+agentPath, ok(`{"available":true}`))
			b.when("GET "+taskPath, firstTask(test.first))
			b.when("POST "+tasksPath, made())
			_, err := b.CreateTask(t.Context(), seekAgent())
			require.NoError(t, err)
			attributes := b.form(t, "POST "+tasksPath).Get("Attributes")
			require.LessOrEqual(t, utf8.RuneCountInString(attributes), 4096-256)
			require.True(t, json.Valid([]byte(attributes)))
			for _, has := range append(test.has, `"holdfast_call_id":"`+customer+`"`, `"holdfast_invitation":"agent-2"`) {
				require.Contains(t, attributes, has)
			}
			for _, lacks := range test.lacks {
				require.NotContains(t, attributes, lacks)
			}
		})
	}
}

func TestALookTellsOfTheTasksAndLegsOfInvitations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("GET "+tasksPath, ok(`{"tasks":[{"sid":"`+newTask+`","assignment_status":"reserved"}]}`))
	b.when("GET "+tasksPath+"/"+newTask+"/Reservations", ok(`{"reservations":[{"sid":"`+reservation+`","reservation_status":"pending","worker_sid":"`+agent+`","worker_name":"Ben"}]}`))
	b.when("GET "+agentPath, ok(`{"attributes":"{\"contact_uri\":\"client:ben\"}"}`))
	b.when("GET "+taskPath, notFound)
	b.when("GET "+voiceAPI+"/Calls/"+newLeg+".json", ok(`{"status":"ringing"}`))
	b.when("GET "+voiceAPI+"/Calls/"+agentLeg+".json", notFound)
	got, err := b.ReadBack(t.Context(), call.ReadBack{
		Call: customer, Tasks: []call.AskedTask{{Invitation: "agent-2"}, {Invitation: "agent-1", Task: task}}, Calls: []call.SID{newLeg, agentLeg},
	})
	require.NoError(t, err)
	require.Equal(t, call.Snapshot{
		Tasks: []call.TaskSnapshot{
			{
				Task: newTask, Status: "reserved", Invitation: "agent-2",
				Reservation: &call.ReservationSnapshot{Reservation: reservation, Status: "pending", Agent: agent, AgentName: "Ben", Address: "client:ben"},
			},
			{Task: task, Status: "gone", Invitation: "agent-1"},
		},
		Calls: []call.CallSnapshot{{Call: newLeg, Status: "ringing"}, {Call: agentLeg, Status: "gone"}},
	}, got)
}
