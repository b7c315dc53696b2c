package simulator

// Hearing lists the CallSids of those who can be heard on a leg at this moment: in a conference, neither on hold nor muted, and not whispering to
// somebody else. Empty for a leg that is in no conference, or on hold.
func (s *Simulator) Hearing(callSID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := []string{}
	for _, f := range s.voice.rooms {
		p := f.find(callSID)
		if p == nil || p.call.sid != callSID {
			continue
		}
		for _, q := range f.participants {
			if f.audible(p, q) {
				heard = append(heard, q.call.sid)
			}
		}
	}
	return heard
}

// A deafness is one leg that must not hear another.
type deafness struct{ listener, speaker string }

// MustNotHear has the simulator record a violation, from now until allow is called, at every moment at which one leg can hear another: a customer a
// coach, anybody somebody who only listens.
func (s *Simulator) MustNotHear(listenerSID, speakerSID string) (allow func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := deafness{listenerSID, speakerSID}
	if s.voice.deaf == nil {
		s.voice.deaf = map[deafness]bool{}
	}
	s.voice.deaf[d] = true
	for _, f := range s.voice.rooms {
		s.auditHearingLocked(f)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.voice.deaf, d)
	}
}

// auditHearingLocked looks for somebody in a conference who hears whom he must not.
func (s *Simulator) auditHearingLocked(f *conference) {
	if len(s.voice.deaf) == 0 {
		return
	}
	for _, p := range f.participants {
		for _, q := range f.participants {
			if s.voice.deaf[deafness{p.call.sid, q.call.sid}] && f.audible(p, q) {
				s.violationLocked("call %s hears call %s in conference %s, and must not", p.call.sid, q.call.sid, f.sid)
			}
		}
	}
}
