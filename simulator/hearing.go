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
