package simulator

// graceAfterCaller is how many seconds a task may stay assigned after its caller's call has ended.
const graceAfterCaller = 60

// auditLocked looks for what must not be, in both halves.
func (s *Simulator) auditLocked() {
	s.auditVoiceLocked()
	for _, ws := range s.tr.workspaces.items {
		for _, t := range ws.open.items {
			s.auditTaskLocked(t)
		}
		for _, a := range ws.agents.items {
			for _, r := range a.held {
				if r.over() || r.task.over() {
					s.violationLocked("agent %s is held by reservation %s, which has ended", a.sid, r.sid)
				}
			}
		}
	}
}

func (s *Simulator) auditTaskLocked(t *task) {
	if t.status == statusReserved && len(t.pending()) == 0 {
		s.violationLocked("task %s is reserved, and nobody rings", t.sid)
	}
	c := s.voice.calls[t.caller]
	if c == nil || !c.over() {
		return
	}
	switch t.status {
	case statusPending, statusReserved:
		s.violationLocked("task %s is %s, and its caller is gone", t.sid, t.status)
	case statusAssigned:
		if s.elapsed(c.ended) > graceAfterCaller {
			s.violationLocked("task %s is still assigned, %d seconds after its caller was gone", t.sid, graceAfterCaller)
		}
	}
}

// auditAgentLocked checks, when an agent was put into a conversation, that his line is not in another and that the customer is there.
func (s *Simulator) auditAgentLocked(r *reservation, agentCallSID, conferenceSID string) {
	mine := s.voice.calls[agentCallSID]
	if mine == nil {
		s.violationLocked("reservation %s was accepted with a call that does not exist", r.sid)
		return
	}
	if c := s.voice.calls[r.task.caller]; c != nil && c.over() {
		s.violationLocked("reservation %s was accepted, and its customer is gone", r.sid)
	}
	for _, room := range s.voice.rooms {
		if room.sid == conferenceSID {
			continue
		}
		for _, p := range room.participants {
			if p.call != mine && p.call.direction == directionAPI && addressKey(p.call.to) == addressKey(mine.to) {
				s.violationLocked("%s is in the conferences %s and %s at once", addressKey(mine.to), room.sid, conferenceSID)
			}
		}
	}
}
