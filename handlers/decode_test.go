package handlers

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

func formOf(t *testing.T, body string) url.Values {
	t.Helper()
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	return form
}

const (
	taskFields   = "&TaskSid=WT1&TaskAge=4&TaskPriority=0&TaskAssignmentStatus=reserved&WorkflowSid=WW1&TaskQueueSid=WQ1&TaskQueueName=Support"
	workerFields = "&WorkerSid=WK1&WorkerName=Ann&WorkerAttributes=%7B%22contact_uri%22%3A%22client%3Aann%22%7D"
)

func TestDecodeTaskRouter(t *testing.T) {
	t.Parallel()
	ann := call.Assignment{
		Reservation: "WR1", Task: "WT1", Agent: "WK1", AgentName: "Ann", Address: "client:ann", Queue: "WQ1", QueueName: "Support",
	}
	invited := ann
	invited.Invitation = "agent-2"
	reservation := "&ReservationSid=WR1" + taskFields + workerFields
	for name, c := range map[string]struct {
		body string
		want call.Event
	}{
		"task.created takes the caller from the attributes": {
			"EventType=task.created&ResourceType=task&ResourceSid=WT1" + taskFields +
				"&TaskAttributes=" + url.QueryEscape(`{"call_sid":"CA1","from":"+15550001","to":"+15559999"}`),
			call.TaskCreated{Task: "WT1", Call: "CA1", Caller: call.Caller{From: "+15550001", To: "+15559999"}},
		},
		"task.created tells whom a task was made to find": {
			"EventType=task.created&ResourceSid=WT2&TaskAttributes=" + url.QueryEscape(`{"holdfast_invitation":"agent-2"}`),
			call.TaskCreated{Task: "WT2", Invitation: "agent-2"},
		},
		"a reservation of such a task tells it, too": {
			"EventType=reservation.created" + reservation + "&TaskAttributes=" + url.QueryEscape(`{"holdfast_invitation":"agent-2"}`),
			call.ReservationCreated{Assignment: invited},
		},
		"what is no label invites nobody": {
			"EventType=task.created&ResourceSid=WT2&TaskAttributes=" + url.QueryEscape(`{"holdfast_invitation":"everybody"}`),
			call.TaskCreated{Task: "WT2"},
		},
		"task.created names the task by the resource where TaskSid is absent": {
			"EventType=task.created&ResourceSid=WT7", call.TaskCreated{Task: "WT7"},
		},
		"task-queue.entered takes TaskRouter's own milliseconds": {
			"EventType=task-queue.entered&Timestamp=1700000000&TimestampMs=1700000000123" + taskFields,
			call.TaskQueueEntered{Task: "WT1", Queue: "WQ1", QueueName: "Support", At: time.UnixMilli(1700000000123).UTC()},
		},
		"task-queue.entered takes seconds where there are no milliseconds": {
			"EventType=task-queue.entered&Timestamp=1700000000" + taskFields,
			call.TaskQueueEntered{Task: "WT1", Queue: "WQ1", QueueName: "Support", At: time.Unix(1700000000, 0).UTC()},
		},
		"task-queue.entered takes a date": {
			"EventType=task-queue.entered&Timestamp=2026-04-01T10:00:00.5Z" + taskFields,
			call.TaskQueueEntered{Task: "WT1", Queue: "WQ1", QueueName: "Support", At: time.Date(2026, 4, 1, 10, 0, 0, 5e8, time.UTC)},
		},
		"task.canceled":       {"EventType=task.canceled&TaskCanceledReason=hangup" + taskFields, call.TaskCanceled{Task: "WT1", Reason: "hangup"}},
		"task.wrapup":         {"EventType=task.wrapup" + taskFields, call.TaskWrapup{Task: "WT1"}},
		"task.completed":      {"EventType=task.completed&TaskCompletedReason=done" + taskFields, call.TaskCompleted{Task: "WT1", Reason: "done"}},
		"task.deleted":        {"EventType=task.deleted" + taskFields, call.TaskDeleted{Task: "WT1"}},
		"task.system-deleted": {"EventType=task.system-deleted" + taskFields, call.TaskDeleted{Task: "WT1"}},

		"reservation.created":   {"EventType=reservation.created" + reservation, call.ReservationCreated{Assignment: ann}},
		"reservation.rejected":  {"EventType=reservation.rejected" + reservation, call.ReservationRejected{Assignment: ann}},
		"reservation.timeout":   {"EventType=reservation.timeout" + reservation, call.ReservationTimedOut{Assignment: ann}},
		"reservation.rescinded": {"EventType=reservation.rescinded" + reservation, call.ReservationRescinded{Assignment: ann}},
		"reservation.wrapup":    {"EventType=reservation.wrapup" + reservation, call.ReservationWrapup{Assignment: ann}},
		"reservation.completed": {"EventType=reservation.completed" + reservation, call.ReservationCompleted{Assignment: ann}},
		"reservation.accepted names the agent's leg where the attributes do": {
			"EventType=reservation.accepted" + reservation + "&TaskAttributes=" +
				url.QueryEscape(`{"conference":{"sid":"CF1","participants":{"worker":"CA2","customer":"CA1"}}}`),
			call.ReservationAccepted{Assignment: ann, AgentCall: "CA2", Conference: "CF1"},
		},
		"reservation.accepted survives attributes of strange types": {
			"EventType=reservation.accepted" + reservation + "&TaskAttributes=" + url.QueryEscape(`{"conference":["x"],"from":7}`),
			call.ReservationAccepted{Assignment: ann},
		},
		"reservation.canceled says where the task is": {
			"EventType=reservation.canceled" + reservation, call.ReservationCanceled{Assignment: ann, TaskStatus: "reserved"},
		},
		"reservation.failed has no agent": {
			"EventType=reservation.failed&ResourceSid=WR1" + taskFields,
			call.ReservationFailed{
				Assignment: call.Assignment{Reservation: "WR1", Task: "WT1", Queue: "WQ1", QueueName: "Support"}, TaskStatus: "reserved",
			},
		},
		"an agent whose attributes are broken has no address": {
			"EventType=reservation.created&ReservationSid=WR1&TaskSid=WT1&WorkerSid=WK1&WorkerAttributes=oops",
			call.ReservationCreated{Assignment: call.Assignment{Reservation: "WR1", Task: "WT1", Agent: "WK1"}},
		},

		"task.updated decides nothing":            {"EventType=task.updated" + taskFields, nil},
		"workflow.target-matched decides nothing": {"EventType=workflow.target-matched" + taskFields, nil},
		"worker.activity.update decides nothing":  {"EventType=worker.activity.update" + workerFields, nil},
		"reservation.invented decides nothing":    {"EventType=reservation.invented" + reservation, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := formOf(t, c.body)
			task, ok := attributesIn(form, "TaskAttributes")
			require.True(t, ok)
			require.Equal(t, c.want, decodeTaskRouter(form, task))
		})
	}
}

func TestDecodeConference(t *testing.T) {
	t.Parallel()
	const common = "&ConferenceSid=CF1&FriendlyName=WT1&AccountSid=AC1&SequenceNumber=4&Timestamp=Tue%2C+07+Apr+2026+10%3A00%3A00+%2B0000"
	const participant = common + "&CallSid=CA2&ParticipantLabel=ann&Muted=true&Hold=false&Coaching=false&EndConferenceOnExit=false&StartConferenceOnEnter=true"
	p := call.Participant{Conference: "CF1", Call: "CA2", Label: "ann", Muted: true, StartConferenceOnEnter: true, Sequence: 4, Instruction: "WR1"}
	for name, c := range map[string]struct {
		body string
		want call.Event
	}{
		"conference-start": {"StatusCallbackEvent=conference-start" + common, call.ConferenceStarted{Conference: "CF1", Name: "WT1", Sequence: 4}},
		"conference-end": {
			"StatusCallbackEvent=conference-end&ReasonConferenceEnded=last-participant-left&CallSidEndingConference=CA1" + common,
			call.ConferenceEnded{Conference: "CF1", Reason: "last-participant-left", EndedBy: "CA1", Sequence: 4},
		},
		"participant-join":   {"StatusCallbackEvent=participant-join" + participant, call.ParticipantJoined{Participant: p}},
		"participant-hold":   {"StatusCallbackEvent=participant-hold" + participant, call.ParticipantHeld{Participant: p}},
		"participant-unhold": {"StatusCallbackEvent=participant-unhold" + participant, call.ParticipantUnheld{Participant: p}},
		"participant-mute":   {"StatusCallbackEvent=participant-mute" + participant, call.ParticipantMuted{Participant: p}},
		"participant-unmute": {"StatusCallbackEvent=participant-unmute" + participant, call.ParticipantUnmuted{Participant: p}},
		"participant-modify": {"StatusCallbackEvent=participant-modify" + participant, call.ParticipantModified{Participant: p}},
		"participant-modify tells whom a coach coaches": {
			"StatusCallbackEvent=participant-modify&Coaching=true&CallSidToCoach=CA3&CallSid=CA2" + common,
			call.ParticipantModified{Participant: call.Participant{
				Conference: "CF1", Call: "CA2", Coaching: true, Coach: "CA3", Sequence: 4, Instruction: "WR1",
			}},
		},
		"participant-leave": {
			"StatusCallbackEvent=participant-leave&ReasonParticipantLeft=participant_hung_up&ParticipantCallStatus=completed" + participant,
			call.ParticipantLeft{Participant: p, Reason: "participant_hung_up", CallStatus: "completed"},
		},
		"participant-speech-start decides nothing": {"StatusCallbackEvent=participant-speech-start" + participant, nil},
		"a sequence that is no number is the first": {
			"StatusCallbackEvent=conference-start&ConferenceSid=CF1&SequenceNumber=x", call.ConferenceStarted{Conference: "CF1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, decodeConference(formOf(t, c.body), "WR1"))
		})
	}
}

func TestCallOfAttributes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want call.ID
		ok   bool
	}{
		"our own attribute goes first":       {`{"call_sid":"CA1","holdfast_call_id":"out-7"}`, "out-7", true},
		"else the customer's call":           {`{"call_sid":"CA1"}`, "CA1", true},
		"an ID of a strange shape is none":   {`{"call_sid":"CA 1\n"}`, "", true},
		"an ID of a strange type is none":    {`{"call_sid":{"a":1}}`, "", true},
		"one that is too long is none":       {`{"call_sid":"CA1234567890123456789012345678901234567890123456789012345678901234567890"}`, "", true},
		"an empty object names none":         {`{}`, "", true},
		"nothing is an empty object":         {``, "", true},
		"a list is no object":                {`[1]`, "", false},
		"null is no object":                  {`null`, "", false},
		"a truncated object is no JSON":      {`{"call_sid":"CA1"`, "", false},
		"an object in a string is no object": {`"{\"call_sid\":\"CA1\"}"`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, ok := attributesIn(url.Values{"TaskAttributes": {c.text}}, "TaskAttributes")
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, a.call())
		})
	}
}
