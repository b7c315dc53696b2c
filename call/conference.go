package call

import (
	"slices"
	"time"
)

// seen notes that a conference exists. A call has one conference at a time: a new one counts once nobody is in the old one any more,
// as after an agent who answered and went before the customer came.
func (s *State) seen(sid ConferenceSID, sequence int) {
	c := &s.Conference
	if c.SID != sid {
		if c.SID != "" && (!c.Ended && !s.everybodyOut() || sid == c.Previous) {
			return
		}
		*c = Conference{SID: sid, Previous: c.SID}
	}
	c.Sequence = max(c.Sequence, sequence)
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
	if s.Conference.SID != e.Conference || s.Conference.Ended {
		return
	}
	s.Conference.Ended, s.Conference.Reason = true, e.Reason
	for i := range s.Legs {
		if l := &s.Legs[i]; l.State == LegJoined && l.Conference == e.Conference {
			l.leave(now, "")
		}
	}
}

// deaf says whether there is a conference of which no callback ever told: somebody else made it, by an instruction of his own. What happens
// in it is known by looking alone.
func (s *State) deaf() bool { return s.Conference.live() && s.Conference.Sequence == 0 }

// live says whether there is a conference that is not over.
func (c *Conference) live() bool { return c.SID != "" && !c.Ended }

func (s *State) everybodyOut() bool {
	return !slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.State == LegJoined })
}
