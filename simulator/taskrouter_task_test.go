package simulator

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATaskGoesFromPendingToCompleted(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	ann := f.agent("Ann", `{"contact_uri":"client:ann"}`)
	queue, workflow := f.simple()
	task := f.task(workflow, `{"type":"x"}`, "Priority=3")

	assign := f.hit("/assign").form
	for name, want := range map[string]string{
		"AccountSid": f.sim.AccountSID(), "WorkflowSid": workflow, "TaskQueueSid": queue, "WorkerSid": ann, "TaskSid": task,
		"TaskAttributes": `{"type":"x"}`, "WorkerAttributes": `{"contact_uri":"client:ann"}`, "TaskPriority": "3",
	} {
		require.Equal(t, want, assign.Get(name), name)
	}
	require.Equal(t, "reserved", f.status(task))
	r := f.reservation(task)
	require.Equal(t, assign.Get("ReservationSid"), r["sid"])
	require.Equal(t, "pending", r["reservation_status"])
	channel := f.ws + "/Workers/" + ann + "/Channels/voice"
	require.InDelta(t, 1, f.tr(http.StatusOK, "GET", channel)["assigned_tasks"], 0)
	require.InDelta(t, 0, f.tr(http.StatusOK, "GET", channel)["available_capacity_percentage"], 0)

	require.Equal(t, "accepted", f.reserve(http.StatusOK, r, "ReservationStatus=accepted")["reservation_status"])
	require.Equal(t, "assigned", f.status(task))
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=canceled", "Reason=x") // never from assigned
	f.reserve(http.StatusOK, r, "ReservationStatus=wrapping")
	require.Equal(t, "wrapping", f.status(task))
	require.InDelta(t, 1, f.tr(http.StatusOK, "GET", channel)["assigned_tasks"], 0, "wrap-up takes capacity")
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed") // without a reason
	done := f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=done")
	require.Equal(t, "completed", done["assignment_status"])
	require.Equal(t, "done", done["reason"])
	require.InDelta(t, 0, f.tr(http.StatusOK, "GET", channel)["assigned_tasks"], 0)
	require.Equal(t, []string{
		"task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered", "reservation.created", "reservation.accepted",
		"reservation.wrapup", "task.wrapup", "reservation.completed", "task.completed",
	}, f.kinds(task))

	e := f.event("reservation.accepted", "TaskSid="+task, "WorkerSid="+ann, "ReservationSid="+r["sid"].(string), "WorkflowSid="+workflow)
	for name, want := range map[string]string{
		"ResourceType": "task", "TaskAssignmentStatus": "assigned", "WorkerName": "Ann", "WorkerActivityName": "Available",
		"TaskQueueName": "Everybody", "TaskChannelUniqueName": "voice", "AccountSid": f.sim.AccountSID(), "WorkspaceName": "Floor",
	} {
		require.Equal(t, want, e.Get(name), name)
	}
	require.Regexp(t, "^EV[0-9a-f]{32}$", e.Get("Sid"))
	require.Equal(t, e.Get("Timestamp"), e.Get("TimestampMs")[:10])
	capacity := f.event("worker.capacity.update", "WorkerChannelTaskCount=1").Get("WorkerChannelPreviousCapacity")
	require.Equal(t, "100", capacity)
}

func TestAnEndedTaskIsGoneFiveMinutesLater(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	_, workflow := f.simple()
	task := f.task(workflow, `{}`)
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=early")
	f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=canceled", "Reason=enough")
	require.Equal(t, "canceled", f.status(task))
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=late")
	require.Equal(t, "enough", f.event("task.canceled").Get("TaskCanceledReason"))
	f.event("task.deleted", "TaskSid="+task)
	f.refused(http.StatusNotFound, 20404, "GET", f.ws+"/Tasks/"+task)
	f.refused(http.StatusNotFound, 20404, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=late")
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	_, workflow := f.simple()
	waiting := f.task(workflow, `{}`, "Timeout=5")
	require.Equal(t, reasonTTL, f.event("task.canceled", "TaskSid="+waiting).Get("TaskCanceledReason"))

	f.agent("Ann", `{}`)
	ringing := f.task(workflow, `{}`, "Timeout=20")
	f.event("reservation.canceled", "TaskSid="+ringing)
	f.event("task.canceled", "TaskSid="+ringing)

	f.answer(`{"instruction":"accept"}`)
	taken := f.task(workflow, `{}`, "Timeout=400")
	f.event("reservation.accepted", "TaskSid="+taken)
	outlived := f.task(workflow, `{}`, "Timeout=420") // nobody is free
	f.event("task.canceled", "TaskSid="+outlived)
	require.Equal(t, "assigned", f.status(taken), "an assigned task does not age")
}

func TestStaleVersionsAreRefused(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	_, workflow := f.simple()
	task := f.task(workflow, `{}`)
	put := func(ifMatch string) *http.Response {
		body := strings.NewReader(url.Values{"Attributes": {`{"a":1}`}}.Encode())
		r, err := http.NewRequestWithContext(t.Context(), "POST", f.rpc.URL+f.ws+"/Tasks/"+task, body)
		require.NoError(t, err)
		r.Host = "taskrouter.dublin.ie1.twilio.com"
		r.SetBasicAuth(f.sim.AccountSID(), f.sim.AuthToken())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("If-Match", ifMatch)
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, res.Body.Close()) })
		return res
	}
	first := put("*")
	require.Equal(t, http.StatusOK, first.StatusCode)
	tag := first.Header.Get("ETag")
	require.Regexp(t, `^"\d+"$`, tag)
	require.Regexp(t, `^RQ[0-9a-f]{32}$`, first.Header.Get("Twilio-Request-Id"))
	second := put(tag)
	require.Equal(t, http.StatusOK, second.StatusCode)
	require.NotEqual(t, tag, second.Header.Get("ETag"))
	stale := put(tag)
	require.Equal(t, http.StatusPreconditionFailed, stale.StatusCode)
	var body object
	require.NoError(t, json.NewDecoder(stale.Body).Decode(&body))
	require.InDelta(t, 20412, body["code"], 0)
	require.Equal(t, http.StatusOK, put(strings.Trim(second.Header.Get("ETag"), `"`)).StatusCode, "unquoted works too")
}

func TestTaskAttributes(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	_, workflow := f.simple()
	for name, attributes := range map[string]string{
		"not JSON": "{", "no object": "[1]", "null": "null", "too long": `{"a":"` + strings.Repeat("ä", maxAttributes) + `"}`,
	} {
		require.NotEmpty(t, f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks", "WorkflowSid="+workflow, "Attributes="+attributes), name)
	}
	task := f.task(workflow, `{"a": 1, "b":2}`)
	require.Equal(t, `{"a": 1, "b":2}`, f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task)["attributes"], "as they were sent")
	require.Equal(t, `{"c":3}`, f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, `Attributes={"c":3}`)["attributes"], "replaced, not merged")
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks/"+task, "Attributes=x", "Priority=9")
	require.InDelta(t, 0, f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task)["priority"], 0, "all or nothing")
}

func TestEnqueuedCallsBecomeTasks(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.number()
	_, workflow := f.simple()
	f.twiml("/voice", `<Enqueue workflowSid="`+workflow+`"><Task priority="7" timeout="100">{"from":"mine","skill":{"level":3}}</Task></Enqueue>`)
	caller := f.ring()
	e := f.event("task.created")
	var attrs object
	require.NoError(t, json.Unmarshal([]byte(e.Get("TaskAttributes")), &attrs))
	for name, want := range map[string]any{
		"call_sid": caller.CallSID(), "account_sid": f.sim.AccountSID(), "to": ourNumber, "called": ourNumber, "caller": "+15551230000",
		"direction": "inbound", "call_status": "in-progress", "api_version": "2010-04-01", "from_country": "US",
		"from": "mine", "skill": object{"level": 3.0},
	} {
		require.Equal(t, want, attrs[name], name)
	}
	require.Equal(t, "voice", e.Get("TaskChannelUniqueName"))
	task := f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+e.Get("TaskSid"))
	require.InDelta(t, 7, task["priority"], 0)
	require.InDelta(t, 100, task["timeout"], 0)
	caller.HangUp()
	require.Equal(t, "hangup", f.event("task.canceled", "TaskSid="+e.Get("TaskSid")).Get("TaskCanceledReason"))
}

func TestTheTimelineOfAConferenceInstruction(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.number()
	_, workflow := f.simple()
	ann := f.agent("Ann", `{"contact_uri":"client:ann"}`)
	phone := f.attach("client:ann")
	f.answer(`{"instruction":"conference","from":"` + ourNumber + `","end_conference_on_customer_exit":true,"conference_record":true,"timeout":"999"}`)
	f.twiml("/voice", `<Enqueue workflowSid="`+workflow+`"><Task>{"conference":{"note":"kept"}}</Task></Enqueue>`)
	caller := f.ring()
	line := pickUp(t, phone)
	task := f.event("reservation.created").Get("TaskSid")
	r := f.reservation(task)
	require.Equal(t, "pending", r["reservation_status"])
	f.refused(http.StatusBadRequest, codeAlreadyAccepting, "POST", f.ws+"/Tasks/"+task+"/Reservations/"+r["sid"].(string), "Instruction=conference")
	line.Answer()
	f.event("reservation.accepted", "WorkerSid="+ann)
	updated := f.event("task.updated")
	var attrs struct {
		Conference struct {
			Sid, Note    string
			RoomName     string `json:"room_name"`
			Participants map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(updated.Get("TaskAttributes")), &attrs))
	require.Regexp(t, "^CF", attrs.Conference.Sid)
	require.Equal(t, task, attrs.Conference.RoomName)
	require.Equal(t, "kept", attrs.Conference.Note)
	require.Equal(t, map[string]string{"worker": line.CallSID(), "customer": caller.CallSID()}, attrs.Conference.Participants)
	require.Equal(t, "assigned", f.status(task))

	caller.HangUp()
	f.event("task.wrapup")
	require.Equal(t, "wrapping", f.status(task))
	f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=done")
	require.Equal(t, []string{
		"task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered", "reservation.created",
		"reservation.accepted", "task.updated", "reservation.wrapup", "task.wrapup", "reservation.completed", "task.completed",
	}, f.kinds(task))
	stats := f.sim.Stats()
	require.Equal(t, 1, stats.Webhooks["assignment"].Sent)
	require.Positive(t, stats.Webhooks["assignment"].Percentile(0.5))
	require.Equal(t, 2, stats.Calls["completed"])
	require.Equal(t, 1, stats.Requests["POST /v1/Workspaces"])
	require.Equal(t, 1, stats.Refused[http.StatusBadRequest])
}

func TestAfterAFailedLegTheReservationIsCanceledTheAgentStaysAndIsRungAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attach bool
		event  string
	}{
		"refused by the agent":         {true, "reservation.canceled"},
		"an address that is not there": {false, "reservation.failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			f.number()
			_, workflow := f.simple()
			ann := f.agent("Ann", `{"contact_uri":"client:ann"}`)
			f.answer(`{"instruction":"conference","from":"` + ourNumber + `"}`)
			if c.attach {
				f.sim.Attach("client:ann", PhoneFunc(func(_ context.Context, line Line) { line.Reject() }))
			}
			f.twiml("/voice", `<Enqueue workflowSid="`+workflow+`"/>`)
			caller := f.ring()
			task := f.event(c.event).Get("TaskSid")
			f.nth(2, "/assign", "TaskSid="+task, "WorkerSid="+ann)
			status, available, err := f.sim.Availability(ann)
			require.NoError(t, err)
			require.Equal(t, "Available", status)
			require.True(t, available)
			require.Empty(t, f.hitsTo("/events", "EventType=worker.activity.update"))
			caller.HangUp()
			f.event("task.canceled", "TaskSid="+task)
		})
	}
}

func TestARingThatOutlastsTheReservationIsNotTimedOut(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.number()
	_, workflow := f.simple("TaskReservationTimeout=100")
	f.agent("Ann", `{"contact_uri":"client:ann"}`)
	phone := f.attach("client:ann")
	f.answer(`{"instruction":"conference","from":"` + ourNumber + `","timeout":999}`)
	f.twiml("/voice", `<Enqueue workflowSid="`+workflow+`"/>`)
	f.ring()
	line := pickUp(t, phone)
	passed := make(chan struct{})
	f.sim.after(150, func() { close(passed) })
	<-passed
	line.Answer()
	f.event("reservation.accepted")
	require.Empty(t, f.hitsTo("/events", "EventType=reservation.timeout"))
}

func TestAnUnansweredReservationTimesOutAndMovesTheAgent(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	_, workflow := f.simple("TaskReservationTimeout=2")
	ann, bob := f.agent("Ann", `{}`), f.agent("Bob", `{}`)
	f.answer(`{}`)
	task := f.task(workflow, `{}`)
	require.Equal(t, ann, f.event("reservation.timeout", "TaskSid="+task).Get("WorkerSid"), "idle longest")
	moved := f.event("worker.activity.update", "WorkerSid="+ann)
	require.Equal(t, "Offline", moved.Get("WorkerActivityName"))
	require.Equal(t, f.available, moved.Get("WorkerPreviousActivitySid"))
	require.NotEmpty(t, moved.Get("WorkerTimeInPreviousActivityMs"))
	f.event("reservation.timeout", "TaskSid="+task, "WorkerSid="+bob) // the next one rang
	require.NoError(t, f.sim.SetAvailability(ann, "available"))
	f.nth(2, "/assign", "WorkerSid="+ann)
	require.Error(t, f.sim.SetAvailability(ann, "Nowhere"))
	require.Error(t, f.sim.SetAvailability("WK0", "Available"))
	_, _, err := f.sim.Availability("WK0")
	require.Error(t, err)
}
