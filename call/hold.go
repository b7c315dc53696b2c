package call

import "time"

// observeHold notes whether a leg is on hold now, and counts the time of a hold that is over.
func (l *Leg) observeHold(now time.Time, hold bool) {
	switch {
	case hold && !l.Hold:
		l.HeldSince = now
	case !hold && l.Hold:
		held := max(0, now.Sub(l.HeldSince)) // times of events can run backwards by a little
		l.HeldTotal += held
		l.HeldLongest = max(l.HeldLongest, held)
		l.HeldSince, l.Playing = time.Time{}, ""
	}
	l.Hold = hold
}

// Held says how long a leg was on hold by now, all holds together, and the longest of them. The one that lasts counts so far.
func (l *Leg) Held(now time.Time) (total, longest time.Duration) {
	total, longest = l.HeldTotal, l.HeldLongest
	if l.Hold {
		held := max(0, now.Sub(l.HeldSince))
		total += held
		longest = max(longest, held)
	}
	return total, longest
}

// heldAsWanted says whether the leg is on hold or not as wanted, and if it is, with the music that is wanted.
func (l *Leg) heldAsWanted() bool {
	return l.Hold == l.WantHold && (!l.Hold || l.Playing == l.HoldMusic)
}

// hold is the command that makes the leg held as wanted. One that is held already hears the new music from then on.
func (l *Leg) hold(conference ConferenceSID) HoldParticipant {
	c := HoldParticipant{Conference: conference, Leg: l.Call, Hold: l.WantHold}
	if c.Hold {
		c.Music = l.HoldMusic
	}
	return c
}

// overtaken says whether Twilio took a hold or a mute that it has not told of, and the contrary is wanted by now. Then it counts as so, and is taken back
// at once: nobody stays on hold until a word that may be lost is made up for by a look.
func (s *State) overtaken(now time.Time, f Flight) bool {
	l := s.Leg(SID(f.Subject))
	if l == nil || l.State != LegJoined || l.supervises() {
		return false
	}
	switch {
	case f.Kind == "HoldParticipant" && l.WantHold != f.Target && l.Hold != f.Target:
		l.observeHold(now, f.Target)
	case f.Kind == "MuteParticipant" && l.WantMuted != f.Target && l.Muted != f.Target:
		l.Muted = f.Target
	default:
		return false
	}
	return true
}
