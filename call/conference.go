package call

import (
	"slices"
	"time"
)

// seen notes that a conference exists. A call has one conference at a time: a new one counts once nobody is in the old one any more,
// as after an agent who answered and went before the customer came. The one that the customer was in is the last.
func (s *State) seen(sid ConferenceSID, sequence int) {
	c := &s.Conference
	if c.SID != sid {
		if c.SID != "" && (s.over(sid) || !c.Ended && s.anybodyIn(c.SID) || s.customerWasIn(c.SID)) {
			return
		}
		s.enter(sid)
	}
	c.Sequence = max(c.Sequence, sequence)
}

// enter makes a conference the call's own. The one before is remembered if it is over, and so is that this one is.
func (s *State) enter(sid ConferenceSID) {
	before, over := s.Conference.SID, s.Conference.Over
	if s.Conference.Ended {
		over = remember(over, before)
	}
	s.Conference = Conference{SID: sid, Over: over, Ended: slices.Contains(over, sid)}
}

// keptConferences is how many conferences are remembered to be over: an agent who answers and goes at once leaves one.
const keptConferences = 16

func remember(over []ConferenceSID, sid ConferenceSID) []ConferenceSID {
	if slices.Contains(over, sid) {
		return over
	}
	over = append(over, sid)
	return over[max(0, len(over)-keptConferences):]
}

func (s *State) over(sid ConferenceSID) bool {
	return s.Conference.SID == sid && s.Conference.Ended || slices.Contains(s.Conference.Over, sid)
}

func (s *State) conferenceStarted(e ConferenceStarted) {
	s.seen(e.Conference, e.Sequence)
	if s.Conference.SID == e.Conference {
		s.Conference.Started = true
	}
}

// conferenceEnded: nobody is in it any more, though each leg's own leaving may be told later.
func (s *State) conferenceEnded(now time.Time, e ConferenceEnded) {
	s.seen(e.Conference, e.Sequence)
	switch {
	case s.Conference.SID != e.Conference:
		s.Conference.Over = remember(s.Conference.Over, e.Conference)
	case !s.Conference.Ended:
		s.Conference.Ended, s.Conference.Reason = true, e.Reason
	}
	s.emptied(now, e.Conference)
}

func (s *State) emptied(now time.Time, sid ConferenceSID) {
	for i := range s.Legs {
		if l := &s.Legs[i]; l.State == LegJoined && l.Conference == sid {
			l.leave(now, "")
		}
	}
}

// settleConference takes up the conference that somebody is in by now, for the word of an old one's end can come after that of the new one's
// beginning, or never. All of a call's conferences have one name, so wherever the customer is or was last, the others are over.
func (s *State) settleConference(now time.Time) {
	c := s.Customer()
	if c != nil && !c.JoinedAt.IsZero() && c.Conference != "" && c.Conference != s.Conference.SID {
		s.enter(c.Conference)
		s.Conference.Sequence = c.Sequence
	}
	for i := range s.Legs {
		switch l := &s.Legs[i]; {
		case l.State != LegJoined || l.Conference == s.Conference.SID:
		case s.customerWasIn(s.Conference.SID) && l.Label != "":
			l.State = LegWaiting // came too late, into a room of its own: hung up
		case s.customerWasIn(s.Conference.SID):
			l.leave(now, "")
		default:
			s.seen(l.Conference, l.Sequence)
		}
	}
}

// deaf says whether there is a conference of which no callback ever told: somebody else made it, by an instruction of his own. What happens
// in it is known by looking alone.
func (s *State) deaf() bool { return s.Conference.live() && s.Conference.Sequence == 0 }

// live says whether there is a conference that is not over.
func (c *Conference) live() bool { return c.SID != "" && !c.Ended }

func (s *State) anybodyIn(sid ConferenceSID) bool {
	return slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.State == LegJoined && l.Conference == sid })
}

func (s *State) customerWasIn(sid ConferenceSID) bool {
	c := s.Customer()
	return c != nil && !c.JoinedAt.IsZero() && c.Conference == sid
}

func (s *State) everybodyOut() bool {
	return !slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.State == LegJoined })
}
