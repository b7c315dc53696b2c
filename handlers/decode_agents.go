package handlers

import (
	"net/url"
	"strconv"
	"strings"

	"holdfast/floor"
	"holdfast/store"
)

// agentChangeOf is what an event of TaskRouter (https://www.twilio.com/docs/taskrouter/api/event/reference) says of an agent, nil for nothing.
func agentChangeOf(params url.Values) *store.AgentChange {
	kind, sid := params.Get("EventType"), params.Get("WorkerSid")
	if !strings.HasPrefix(kind, "worker.") || !agentSID.MatchString(sid) {
		return nil
	}
	c := store.AgentChange{
		SID: sid, Kind: store.KindAgentChanged, At: whenSent(params), Name: params.Get("WorkerName"),
		AvailabilitySID: params.Get("WorkerActivitySid"), AvailabilityName: params.Get("WorkerActivityName"),
		Removed: kind == "worker.deleted",
	}
	if params.Has("WorkerAttributes") {
		attributes, _ := attributesIn(params, "WorkerAttributes") // broken ones name no address
		address := attributes.text("contact_uri")
		c.Address = &address
	}
	switch kind {
	case "worker.capacity.update", "worker.channel.availability.update":
		c.Kind = store.KindAgentCapacity
		c.Channel = &store.ChannelRow{
			Channel: params.Get("TaskChannelUniqueName"), Capacity: -1, Tasks: number(params, "WorkerChannelTaskCount"),
			Free: number(params, "WorkerChannelAvailableCapacity"), Available: params.Get("WorkerChannelAvailable") == "true",
		}
	}
	return &c
}

func number(params url.Values, name string) int {
	n, err := strconv.Atoi(params.Get(name))
	if err != nil {
		return 0
	}
	return n
}

// floorEventOf is what an event means to the floor: an agent goes to, or comes from, where agents go who do not answer. nil for nothing.
func floorEventOf(params url.Values, settings func() (floor.Settings, bool)) floor.Event {
	from, to := floor.AvailabilitySID(params.Get("WorkerPreviousActivitySid")), floor.AvailabilitySID(params.Get("WorkerActivitySid"))
	if params.Get("EventType") != "worker.activity.update" {
		return nil
	}
	if s, known := settings(); known && !s.IsOff(from) && !s.IsOff(to) {
		return nil
	}
	return floor.AgentAvailabilityChanged{
		Agent: floor.AgentSID(params.Get("WorkerSid")), AgentName: params.Get("WorkerName"), From: from, To: to, At: whenSent(params),
	}
}

// timedOut is a reservation that TaskRouter let lapse, moving the agent off by itself.
func timedOut(params url.Values, call string) floor.AgentMissed {
	a := assignmentOf(params, nil)
	return floor.AgentMissed{
		Agent: floor.AgentSID(a.Agent), AgentName: a.AgentName, Reservation: floor.ReservationSID(a.Reservation), Queue: floor.QueueSID(a.Queue),
		QueueName: a.QueueName, Call: call, Why: "timeout", At: whenSent(params),
	}
}
