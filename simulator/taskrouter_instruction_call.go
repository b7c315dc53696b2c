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

// callLocked dials the agent for a reservation and runs TwiML on his leg. The task's attributes learn the leg.
func (s *Simulator) callLocked(r *reservation, get parameters) (bad *apiError) {
	in := callInstruction{
		ReservationSID: r.sid, TaskSID: r.task.sid, CustomerCallSID: stringAttribute(r.task.attrs, "call_sid"),
		To: get.text("to", stringAttribute(r.agent.attrs, "contact_uri")), From: get.text("from", ""), URL: get.text("url", ""),
		StatusCallback: get.text("status_callback_url", ""), Accept: get.flag("accept", false),
	}
	if in.From == "" {
		return errMissing("from")
	}
	if in.URL == "" {
		return errMissing("url")
	}
	if in.Timeout, bad = get.ring(); bad != nil {
		return bad
	}
	if bad = checkURL("url", in.URL); bad != nil {
		return bad
	}
	if bad = checkStatusCallback("status_callback_url", in.StatusCallback); bad != nil {
		return bad
	}
	if bad = s.checkAddresses(in.To, in.From); bad != nil {
		return bad
	}
	r.accepting = in.Accept
	r.callSID = s.startCallLocked(in)
	attrs := maps.Clone(r.task.attrs)
	attrs["worker_call_sid"] = r.callSID
	s.setTaskAttributesLocked(r.task, attrs)
	return nil
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
