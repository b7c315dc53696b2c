package simulator

import (
	"net/http"
	"net/url"
)

// callInstruction is what TaskRouter asks of Voice by the instruction "call": to dial the agent and run TwiML on his leg. Nobody is
// brought together by it; the TwiML does what there is to do.
type callInstruction struct {
	ReservationSID  string
	TaskSID         string
	CustomerCallSID string // the task's call_sid attribute, told to the status callback
	To, From        string
	URL             string
	Timeout         int // ring time, seconds
	StatusCallback  string
	StatusEvents    []string
	Accept          bool // the answered leg accepts the reservation
}

// instructedLegLocked dials an agent for an instruction of his reservation.
func (s *Simulator) instructedLegLocked(in callInstruction) *reservedLeg {
	c := s.newCallLocked(s.accountOfTaskLocked(in.TaskSID), directionAPI, in.From, in.To)
	c.task = in.TaskSID
	// TaskRouter tells of these legs by GET.
	c.callback = newStatusCallback(in.StatusCallback, http.MethodGet, in.StatusEvents)
	c.callback.extra = url.Values{"taskCallSid": {in.CustomerCallSID}}
	return &reservedLeg{in: conferenceInstruction{ReservationSID: in.ReservationSID, TaskSID: in.TaskSID}, agent: c}
}

// startCallLocked is Voice's part of seam.go.
func (s *Simulator) startCallLocked(in callInstruction) (callSID string) {
	leg := s.instructedLegLocked(in)
	c := leg.agent
	if in.Accept {
		s.voice.reserved[in.ReservationSID] = leg
	}
	c.onAnswerLocked = func() {
		leg.made = true
		if in.Accept && !leg.dropped {
			delete(s.voice.reserved, in.ReservationSID)
			s.agentAnsweredLocked(in.ReservationSID)
		}
	}
	c.onEndLocked = func() {
		if !leg.made && (in.Accept || s.cfg.Silences.UnansweredLoses) {
			s.failLocked(leg, c.status)
		}
	}
	first := program{source: &source{url: in.URL, method: http.MethodPost}}
	s.goroutine(func() { s.ring(c, in.Timeout, first) })
	return c.sid
}

// redirectLegLocked is Voice's part of seam.go.
func (s *Simulator) redirectLegLocked(callSID, address string) *apiError {
	c := s.voice.calls[callSID]
	if c == nil || c.status != callInProgress {
		return errCode(21220, "Call %s is not in-progress. Cannot redirect.", callSID)
	}
	s.interruptLocked(c, program{source: &source{url: address, method: http.MethodPost}})
	s.detachLocked(c, leftByAPI)
	return nil
}
