package handlers

import (
	"net/url"
	"strings"

	"holdfast/call"
)

// assignmentOf is whom a reservation event or an assignment callback offers the call to.
func assignmentOf(params url.Values, task attributes) call.Assignment {
	reservation := params.Get("ReservationSid")
	if resource := params.Get("ResourceSid"); reservation == "" && strings.HasPrefix(resource, "WR") {
		reservation = resource
	}
	agent, _ := attributesIn(params, "WorkerAttributes") // an agent whose attributes are broken is dialled by TaskRouter's own means
	return call.Assignment{
		Reservation: call.ReservationSID(reservation),
		Task:        call.TaskSID(params.Get("TaskSid")),
		Agent:       call.AgentSID(params.Get("WorkerSid")),
		AgentName:   params.Get("WorkerName"),
		Address:     agent.text("contact_uri"),
		Queue:       call.QueueSID(params.Get("TaskQueueSid")),
		QueueName:   params.Get("TaskQueueName"),
		Invitation:  task.invitation(),
	}
}

// taskSIDOf is the task that an event is about, "" if it is about none.
func taskSIDOf(params url.Values) call.TaskSID {
	if task := params.Get("TaskSid"); task != "" {
		return call.TaskSID(task)
	}
	if resource := params.Get("ResourceSid"); strings.HasPrefix(resource, "WT") {
		return call.TaskSID(resource)
	}
	return ""
}

// decodeTaskRouter is what an event of TaskRouter (https://www.twilio.com/docs/taskrouter/api/event) means to a call, nil if it decides
// nothing there.
func decodeTaskRouter(params url.Values, task attributes) call.Event {
	sid := taskSIDOf(params)
	switch params.Get("EventType") {
	case "task.created":
		return call.TaskCreated{Task: sid, Call: call.SID(task.text("call_sid")), Invitation: task.invitation(), Caller: callerOf(task)}
	case "task-queue.entered":
		return call.TaskQueueEntered{
			Task: sid, Queue: call.QueueSID(params.Get("TaskQueueSid")), QueueName: params.Get("TaskQueueName"), At: whenSent(params),
		}
	case "task.canceled":
		return call.TaskCanceled{Task: sid, Reason: firstOf(params, "TaskCanceledReason", "Reason")}
	case "task.wrapup":
		return call.TaskWrapup{Task: sid}
	case "task.completed":
		return call.TaskCompleted{Task: sid, Reason: firstOf(params, "TaskCompletedReason", "Reason")}
	case "task.deleted", "task.system-deleted":
		return call.TaskDeleted{Task: sid}
	}
	if strings.HasPrefix(params.Get("EventType"), "reservation.") {
		return decodeReservation(params, task)
	}
	return nil
}

func decodeReservation(params url.Values, task attributes) call.Event {
	a, status := assignmentOf(params, task), params.Get("TaskAssignmentStatus")
	switch params.Get("EventType") {
	case "reservation.created":
		return call.ReservationCreated{Assignment: a, Caller: callerOf(task)}
	case "reservation.accepted":
		return call.ReservationAccepted{
			Assignment: a, Caller: callerOf(task),
			AgentCall: call.SID(task.text("conference", "participants", "worker")), Conference: call.ConferenceSID(task.text("conference", "sid")),
		}
	case "reservation.rejected":
		return call.ReservationRejected{Assignment: a}
	case "reservation.timeout":
		return call.ReservationTimedOut{Assignment: a}
	case "reservation.canceled":
		return call.ReservationCanceled{Assignment: a, TaskStatus: status}
	case "reservation.failed":
		return call.ReservationFailed{Assignment: a, TaskStatus: status}
	case "reservation.rescinded":
		return call.ReservationRescinded{Assignment: a}
	case "reservation.wrapup":
		return call.ReservationWrapup{Assignment: a}
	case "reservation.completed":
		return call.ReservationCompleted{Assignment: a}
	}
	return nil
}

// callerOf is who calls whom, as <Enqueue> wrote it into the task: all that is known of a call whose voice webhook was somebody else's.
func callerOf(task attributes) call.Caller {
	c := call.Caller{From: task.text("from"), To: dialled(task), Direction: task.text("direction")}
	if c.From == "" {
		c.From = task.text("caller")
	}
	return c
}

// dialled is the number that the customer called, as <Enqueue> wrote it into the task.
func dialled(task attributes) string {
	if to := task.text("to"); to != "" {
		return to
	}
	return task.text("called")
}

func firstOf(params url.Values, names ...string) string {
	for _, name := range names {
		if v := params.Get(name); v != "" {
			return v
		}
	}
	return ""
}
