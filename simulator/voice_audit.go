package simulator

// auditVoiceLocked records what cannot be in a world of telephones: legs that are in two places, or in one although they have ended.
func (s *Simulator) auditVoiceLocked() {
	seen := map[string]string{}
	for name, f := range s.voice.rooms {
		if f.over() || len(f.participants) == 0 {
			s.violationLocked("conference %s has ended or is empty, and its name is still in use", f.sid)
		}
		for _, p := range f.participants {
			c := p.call
			switch {
			case c.over():
				s.violationLocked("call %s has ended and is in conference %s", c.sid, name)
			case c.participant != p, c.waiting != nil:
				s.violationLocked("call %s is in conference %s and elsewhere", c.sid, name)
			case seen[c.sid] != "":
				s.violationLocked("call %s is in the conferences %s and %s", c.sid, seen[c.sid], name)
			}
			seen[c.sid] = name
		}
	}
	for name, q := range s.voice.queues {
		for _, e := range q.entries {
			if e.call.over() || e.call.waiting != e {
				s.violationLocked("call %s is gone and waits in queue %s", e.call.sid, name)
			}
		}
	}
}
