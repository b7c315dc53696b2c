package handlers

import "slices"

// wantedEvents are what Holdfast needs of TaskRouter: what decides something about a call, and where agents are.
var wantedEvents = []string{
	"task.created", "task.canceled", "task.wrapup", "task.completed", "task.system-deleted", "task-queue.entered",
	"reservation.created", "reservation.accepted", "reservation.rejected", "reservation.timeout", "reservation.canceled",
	"reservation.failed", "reservation.rescinded", "reservation.wrapup", "reservation.completed",
	"worker.created", "worker.deleted", "worker.attributes.update", "worker.activity.update", "worker.capacity.update",
	"worker.channel.availability.update",
}

// WantedEvents is what the workspace's EventsFilter should let through. More does no harm: it is written down, and decides nothing.
// https://www.twilio.com/docs/taskrouter/api/event
func WantedEvents() []string { return slices.Clone(wantedEvents) }
