package simulator

import (
	"maps"
	"strconv"
	"strings"
)

// below reads the parameters of an instruction that REST marks with the instruction's name: CallUrl where the JSON has url.
func (get parameters) below(instruction string) parameters {
	switch instruction {
	case "call", "dequeue", "redirect":
		return func(key string) (string, bool) { return get(instruction + "_" + key) }
	default:
		return get
	}
}

// text is a parameter's value, def when it is absent or empty.
func (get parameters) text(key, def string) string {
	if v, ok := get(key); ok && v != "" {
		return v
	}
	return def
}

func (get parameters) flag(key string, def bool) bool {
	return strings.EqualFold(get.text(key, strconv.FormatBool(def)), "true")
}

// ring is for how many seconds an agent's phone rings.
func (get parameters) ring() (seconds int, bad *apiError) {
	v := get.text("timeout", "")
	if v == "" {
		return defaultRing, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 999 {
		return 0, errCode(codeBadTimeout, "Timeout %q is not a number of at most 999 seconds", v)
	}
	return n, nil
}

// stringAttribute is an attribute that is a string, "" for any other.
func stringAttribute(of map[string]any, key string) string {
	v, _ := of[key].(string)
	return v
}

// legFrom reads what the instructions have in common that dial the agent without a conference.
func (s *Simulator) legFrom(r *reservation, get parameters, from string) (in callInstruction, bad *apiError) {
	in = callInstruction{
		ReservationSID: r.sid, TaskSID: r.task.sid, CustomerCallSID: stringAttribute(r.task.attrs, "call_sid"),
		To: get.text("to", stringAttribute(r.agent.attrs, "contact_uri")), From: get.text("from", from),
		StatusCallback: get.text("status_callback_url", ""),
	}
	if in.From == "" {
		return in, errMissing("from")
	}
	if in.Timeout, bad = get.ring(); bad != nil {
		return in, bad
	}
	if bad = checkStatusCallback("status_callback_url", in.StatusCallback); bad != nil {
		return in, bad
	}
	return in, s.checkAddresses(r.task.workspace.account, in.To, in.From)
}

// dialedLocked tells the task which leg was dialled for its reservation.
func (s *Simulator) dialedLocked(r *reservation, callSID string) {
	r.callSID = callSID
	attrs := maps.Clone(r.task.attrs)
	attrs["worker_call_sid"] = callSID
	s.setTaskAttributesLocked(r.task, attrs)
}

// callLocked dials the agent for a reservation and runs TwiML on his leg.
func (s *Simulator) callLocked(r *reservation, get parameters) *apiError {
	in, bad := s.legFrom(r, get, "")
	if bad != nil {
		return bad
	}
	if in.URL, in.Accept = get.text("url", ""), get.flag("accept", false); in.URL == "" {
		return errMissing("url")
	}
	if bad = checkURL("url", in.URL); bad != nil {
		return bad
	}
	r.accepting = in.Accept
	s.dialedLocked(r, s.startCallLocked(in))
	return nil
}

// dequeueLocked dials the agent and bridges him with the call that waits for the task.
func (s *Simulator) dequeueLocked(r *reservation, get parameters) *apiError {
	in, bad := s.legFrom(r, get, stringAttribute(r.task.attrs, "to"))
	if bad != nil {
		return bad
	}
	in.StatusEvents = splitWords(get.text("status_callback_events", get.text("status_callback_event", "")))
	if in.CustomerCallSID = r.task.caller; in.CustomerCallSID == "" {
		return errInvalid("task %s was not made by <Enqueue>: nobody waits to be dequeued", r.task.sid)
	}
	r.accepting = true
	s.dialedLocked(r, s.startDequeueLocked(in))
	return nil
}

// superviseLocked dials a supervisor into the conference of a task: muted to monitor, coaching the agent to whisper, neither to barge.
func (s *Simulator) superviseLocked(q *request, r *reservation) *apiError {
	mode, bad := q.oneOf("SupervisorMode", "monitor", "monitor", "whisper", "barge")
	if bad != nil {
		return bad
	}
	to := q.str("Supervisor")
	if a, ok := r.task.workspace.agents.get(to); ok {
		to = stringAttribute(a.attrs, "contact_uri")
	}
	from := stringAttribute(r.task.attrs, "to")
	if bad = s.checkAddresses(q.account, to, from); bad != nil {
		return bad
	}
	room := s.voice.rooms[s.named(q.account, r.task.sid)]
	if room == nil {
		return errInvalid("task %s has no conference", r.task.sid)
	}
	o := roomOptions{muted: mode == "monitor", coaching: mode == "whisper", startOnEnter: true, beep: "false"}
	if o.coaching {
		conference, _ := r.task.attrs["conference"].(map[string]any)
		participants, _ := conference["participants"].(map[string]any)
		o.coach = stringAttribute(participants, "worker")
	}
	_, bad = s.dialInLocked(q.account, from, to, room.name, o, legOptions{timeout: defaultRing})
	return bad
}

// agentAnsweredLocked is TaskRouter's part of seam.go.
func (s *Simulator) agentAnsweredLocked(reservationSID string) {
	if r := s.tr.reservations[reservationSID]; r != nil && r.status == statusPending {
		s.acceptLocked(r)
	}
}

// redirectLocked points a leg that exists at TwiML. With accept=true that accepts the reservation.
func (s *Simulator) redirectLocked(r *reservation, get parameters) *apiError {
	callSID, address := get.text("call_sid", ""), get.text("url", "")
	if callSID == "" {
		return errMissing("call_sid")
	}
	if address == "" {
		return errMissing("url")
	}
	if bad := checkURL("url", address); bad != nil {
		return bad
	}
	accept := get.flag("accept", false)
	if bad := s.redirectLegLocked(callSID, address); bad != nil {
		return bad
	}
	if accept && r.status == statusPending {
		s.acceptLocked(r)
	}
	return nil
}
