package handlers

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

func TestAssignmentIsAnsweredByAConferenceInstruction(t *testing.T) {
	t.Parallel()
	const callback = `"conference_status_callback":"https://calls.example.com/twilio/conference?call=` + testCall + `\u0026reservation=WR1#rc=5\u0026rp=all",` +
		`"conference_status_callback_method":"POST","conference_status_callback_event":"start, end, join, leave, mute, hold, modify"}`
	for name, c := range map[string]struct {
		change func(*WebhookConfig)
		form   func(url.Values)
		want   string
	}{
		"from the number that was dialled to the agent's address": {
			nil, nil,
			`{"instruction":"conference","to":"client:ann","from":"` + testNumber + `","timeout":20,"end_conference_on_exit":false,` +
				`"end_conference_on_customer_exit":true,"beep":"false",` + callback,
		},
		"with the options that are set": {
			func(cfg *WebhookConfig) {
				cfg.AgentFrom = "+15558887777"
				cfg.Conference = ConferenceOptions{Record: "record-from-start", Region: "ie1", Beep: "onEnter"}
				cfg.Settings = call.DefaultSettings()
				cfg.Settings.Ring = 1500 * 1e6 // a second and a half
				cfg.Second = 500 * 1e6         // of a Twilio that hurries
			}, nil,
			`{"instruction":"conference","to":"client:ann","from":"+15558887777","timeout":3,"end_conference_on_exit":false,` +
				`"end_conference_on_customer_exit":true,"beep":"onEnter","conference_record":"record-from-start","region":"ie1",` + callback,
		},
		"without an address that the callback does not have": {
			nil, func(form url.Values) { form.Set("WorkerAttributes", "{}") },
			`{"instruction":"conference","from":"` + testNumber + `","timeout":20,"end_conference_on_exit":false,` +
				`"end_conference_on_customer_exit":true,"beep":"false",` + callback,
		},
		"without the SIP address that was dialled, which is no caller ID": {
			nil, func(form url.Values) {
				form.Set("TaskAttributes", `{"call_sid":"`+testCall+`","from":"sip:x@example.com","to":"sip:desk@example.com"}`)
			},
			`{"instruction":"conference","to":"client:ann","timeout":20,"end_conference_on_exit":false,` +
				`"end_conference_on_customer_exit":true,"beep":"false",` + callback,
		},
		"without a caller ID that nobody knows": {
			nil, func(form url.Values) { form.Set("TaskAttributes", `{"holdfast_call_id":"`+testCall+`"}`) },
			`{"instruction":"conference","to":"client:ann","timeout":20,"end_conference_on_exit":false,` +
				`"end_conference_on_customer_exit":true,"beep":"false",` + callback,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change := c.change
			if change == nil {
				change = func(*WebhookConfig) {}
			}
			b := setupWebhooks(t, change)
			form := assignmentForm(wholeAttributes())
			if c.form != nil {
				c.form(form)
			}
			answer := b.post(PathAssignment, "tok", form)
			require.Equal(t, http.StatusOK, answer.Code)
			require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
			require.Equal(t, c.want, answer.Body.String())

			events := b.inbox(t, testCall)
			require.Len(t, events, 1)
			require.Equal(t, call.ReservationSID("WR1"), events[0].(call.AssignmentRequested).Reservation)
			require.Equal(t, int64(1), b.store.calls.Load(), "one write at most")
			require.Equal(t, int64(1), b.counted(t, "holdfast_assignment_answer"))
		})
	}
}

func TestAssignmentOfAFlexRoutingWorkflowIsLeftToTheAgent(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(cfg *WebhookConfig) { cfg.Modes = map[string]RoutingMode{"WW1": ModeFlex, "WW2": ModeDesktop} })
	answer := b.post(PathAssignment, "tok", assignmentForm(wholeAttributes()))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "{}", answer.Body.String())
	other := assignmentForm(wholeAttributes())
	other.Set("WorkflowSid", "WW2")
	require.Contains(t, b.post(PathAssignment, "tok2", other).Body.String(), `"instruction":"conference"`)

	events := b.inbox(t, testCall)
	require.Len(t, events, 2)
	want := call.Caller{From: "+15550001111", To: testNumber}
	for i, manual := range []bool{true, false} {
		e := events[i].(call.AssignmentRequested)
		require.Equal(t, manual, e.Manual)
		require.Equal(t, want, e.Caller, "a call that never met the voice webhook learns who calls from its task")
	}
}

func TestATaskStaysWithItsCallWhoeverWritesAnotherIntoIt(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	post := func(w *webhookBundle, token, kind, attributes string) {
		answer := w.post(PathEvents, token, eventForm(kind, "TaskSid", testTask, "ReservationSid", "WR1", "TaskAttributes", attributes))
		require.Equal(t, http.StatusNoContent, answer.Code)
	}
	post(b, "1", "task.created", wholeAttributes())
	post(b, "2", "reservation.created", `{"call_sid":"CAffffffffffffffffffffffffffffffff"}`)
	b.Webhooks.tasks = newNotedTasks() // another process, which has not seen the task
	post(b, "3", "task.completed", `{"call_sid":"CAffffffffffffffffffffffffffffffff"}`)
	kinds := []string{}
	for _, e := range b.inbox(t, testCall) {
		kinds = append(kinds, call.Kind(e))
	}
	require.Equal(t, []string{"TaskCreated", "ReservationCreated", "TaskCompleted"}, kinds)
}

func TestAssignmentWhoseAttributesAreNotJSON(t *testing.T) {
	t.Parallel()
	t.Run("of a call that the store knows is answered by what the callback has itself", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		require.NoError(t, b.store.NoteTask(t.Context(), testTask, testCall))
		answer := b.post(PathAssignment, "tok", assignmentForm("{oops"))
		require.Equal(t, http.StatusOK, answer.Code)
		var instruction map[string]any
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &instruction))
		require.Equal(t, "conference", instruction["instruction"])
		require.Equal(t, "client:ann", instruction["to"])
		require.NotContains(t, instruction, "from")
		require.Len(t, b.inbox(t, testCall), 1)
		require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_unreadable_attributes", "kind", "assignment"))
	})
	t.Run("of a call that nobody knows gets no instruction and is recorded", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		answer := b.post(PathAssignment, "tok", assignmentForm("{oops"))
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "{}", answer.Body.String())
		rows, err := b.store.Webhooks(t.Context(), store.Subject{Kind: subjectTask, ID: testTask}, 10)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Nil(t, rows[0].Event)
		require.Equal(t, "{oops", rows[0].Params["TaskAttributes"])
		require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_unreadable_attributes"))
	})
}

func TestEventsOfTaskRouter(t *testing.T) {
	t.Parallel()
	agent := store.Subject{Kind: subjectAgent, ID: "WK1"}
	for name, c := range map[string]struct {
		form    url.Values
		subject store.Subject
		kind    string // as counted
		decides bool
	}{
		"one that decides goes to the call": {
			eventForm("task.created", "TaskSid", testTask, "TaskAttributes", wholeAttributes()), callSubject(testCall), "task.created", true,
		},
		"one that decides nothing is recorded with the call": {
			eventForm("workflow.target-matched", "TaskSid", testTask, "TaskAttributes", wholeAttributes()), callSubject(testCall),
			"workflow.target-matched", false,
		},
		"an agent's is recorded with the agent": {
			eventForm("worker.activity.update", "WorkerSid", "WK1", "WorkerName", "Ann"), agent, "worker.activity.update", false,
		},
		"an agent's capacity is recorded with the agent": {
			eventForm("worker.capacity.update", "WorkerSid", "WK1", "WorkerName", "Ann"), agent, "worker.capacity.update", false,
		},
		"a queue's is recorded with the queue": {
			eventForm("task-queue.created", "TaskQueueSid", "WQ1"), store.Subject{Kind: subjectQueue, ID: "WQ1"}, "task-queue.created", false,
		},
		"a task's of no call is recorded with the task": {
			eventForm("task.created", "TaskSid", testTask, "TaskAttributes", `{"type":"chat"}`),
			store.Subject{Kind: subjectTask, ID: testTask},
			"task.created", false,
		},
		"one with attributes that are not JSON, of no call, is recorded with the task": {
			eventForm("reservation.created", "TaskSid", testTask, "ReservationSid", "WR1", "TaskAttributes", "<xml/>"),
			store.Subject{Kind: subjectTask, ID: testTask},
			"reservation.created", false,
		},
		"the workspace's is recorded": {
			eventForm("workspace.updated"), store.Subject{Kind: subjectWorkspace, ID: testWorkspace}, "workspace.updated", false,
		},
		"one that nobody documented is recorded and named nowhere": {
			eventForm("galaxy.exploded"), store.Subject{Kind: subjectWorkspace, ID: testWorkspace}, "other", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t)
			answer := b.post(PathEvents, "tok", c.form)
			require.Equal(t, http.StatusNoContent, answer.Code, answer.Body)
			require.Empty(t, answer.Body.String())
			rows, err := b.store.Webhooks(t.Context(), c.subject, 10)
			require.NoError(t, err)
			require.Len(t, rows, 1)
			require.Equal(t, c.decides, rows[0].Event != nil)
			require.Equal(t, c.decides, rows[0].Position == 1)
			outcome := map[bool]string{true: "kept", false: "undecided"}[c.decides]
			require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_received", "kind", c.kind, "outcome", outcome))
		})
	}
}

func TestTheStoreKnowsTheCallOfATaskWhoseAttributesWereOverwritten(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	require.Equal(t, http.StatusNoContent, b.post(PathEvents, "1", eventForm("task.created", "TaskSid", testTask, "TaskAttributes", wholeAttributes())).Code)
	require.Equal(t, http.StatusNoContent, b.post(PathEvents, "2", eventForm("reservation.created", "TaskSid", testTask, "ReservationSid", "WR1", "TaskAttributes", "{}")).Code)
	require.Equal(t, http.StatusNoContent, b.post(PathEvents, "3", eventForm("task.completed", "TaskSid", testTask, "TaskAttributes", "gone")).Code)
	kinds := []string{}
	for _, e := range b.inbox(t, testCall) {
		kinds = append(kinds, call.Kind(e))
	}
	require.Equal(t, []string{"TaskCreated", "ReservationCreated", "TaskCompleted"}, kinds)
	require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_unreadable_attributes"))
	require.Equal(t, int64(4), b.store.calls.Load(), "the task is noted once")
}

func TestAWebhookCountsOnce(t *testing.T) {
	t.Parallel()
	created := func() url.Values {
		return eventForm("task.created", "TaskSid", testTask, "TaskAttributes", wholeAttributes())
	}
	status := func(sequence string) url.Values {
		return url.Values{"CallSid": {testCall}, "CallStatus": {"completed"}, "SequenceNumber": {sequence}}
	}
	join := func(sequence string) url.Values {
		return url.Values{"StatusCallbackEvent": {"participant-join"}, "ConferenceSid": {"CF1"}, "CallSid": {testCall}, "SequenceNumber": {sequence}}
	}
	type sent struct {
		path, token string
		form        url.Values
	}
	for name, c := range map[string]struct {
		requests []sent
		kept     int
	}{
		"by the token of its retries":               {[]sent{{PathEvents, "a", created()}, {PathEvents, "a", created()}}, 1},
		"another token is another request":          {[]sent{{PathEvents, "a", created()}, {PathEvents, "b", created()}}, 2},
		"one token for two kinds is two webhooks":   {[]sent{{PathEvents, "a", created()}, {PathCallStatus, "a", status("0")}}, 2},
		"an event without a token by its own SID":   {[]sent{{PathEvents, "", created()}, {PathEvents, "", created()}}, 1},
		"a call's without a token by sequence":      {[]sent{{PathCallStatus, "", status("1")}, {PathCallStatus, "", status("1")}, {PathCallStatus, "", status("2")}}, 2},
		"a conference's without a token likewise":   {[]sent{{PathConference + "?call=" + testCall, "", join("1")}, {PathConference + "?call=" + testCall, "", join("1")}, {PathConference + "?call=" + testCall, "", join("2")}}, 2},
		"a voice request is answered a second time": {[]sent{{PathVoice, "a", voiceForm()}, {PathVoice, "a", voiceForm()}}, 1},
		"an assignment is answered a second time": {
			[]sent{{PathAssignment, "", assignmentForm(wholeAttributes())}, {PathAssignment, "", assignmentForm(wholeAttributes())}}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t)
			answers := map[string][]string{}
			for _, s := range c.requests {
				answer := b.post(s.path, s.token, s.form)
				require.Contains(t, []int{http.StatusOK, http.StatusNoContent}, answer.Code)
				answers[s.path] = append(answers[s.path], answer.Body.String())
			}
			for _, same := range answers {
				require.Len(t, slices.Compact(same), 1)
			}
			require.Len(t, b.inbox(t, testCall), c.kept)
			require.Equal(t, int64(len(c.requests)-c.kept), b.counted(t, "holdfast_webhooks_duplicate"))
			require.Equal(t, int64(len(c.requests)-c.kept), b.counted(t, "holdfast_webhooks_received", "outcome", "duplicate"))
		})
	}
}

func TestNotedTasksForgetTheOldest(t *testing.T) {
	t.Parallel()
	n := newNotedTasks()
	sid := func(i int) call.TaskSID { return call.TaskSID(strconv.Itoa(i)) }
	for i := range 3 * notedAtOnce {
		n.note(sid(i), testCall)
	}
	_, ok := n.noted(sid(3*notedAtOnce - 1))
	require.True(t, ok)
	_, ok = n.noted(sid(0))
	require.False(t, ok)
	require.LessOrEqual(t, len(n.now)+len(n.past), 2*notedAtOnce)
}

// BenchmarkAssignment is the time from the request to the answer, the row's way to the disk included.
func BenchmarkAssignment(b *testing.B) {
	w := setupWebhooks(b)
	n := 0
	for b.Loop() {
		n++
		if answer := w.post(PathAssignment, strconv.Itoa(n), assignmentForm(wholeAttributes())); answer.Code != http.StatusOK {
			b.Fatal(answer.Code)
		}
	}
}
