package call

import (
	"slices"
	"strings"
	"time"
)

// Leg finds a leg by its Call SID; nil if there is none.
func (s *State) Leg(sid SID) *Leg {
	for i := range s.Legs {
		if s.Legs[i].Call == sid {
			return &s.Legs[i]
		}
	}
	return nil
}

// Customer is the customer's leg; nil before anything is known of it.
func (s *State) Customer() *Leg {
	if len(s.Legs) == 0 {
		return nil
	}
	return &s.Legs[0]
}

// customer is the customer's leg, made if need be. A call that came in is named for it.
func (s *State) customer(now time.Time, sid SID) *Leg {
	if len(s.Legs) == 0 {
		if sid == "" {
			sid = SID(s.ID)
		}
		s.Legs = append(s.Legs, Leg{Call: sid, Role: RoleCustomer, State: LegWaiting, EndConferenceOnExit: true})
		if s.ReceivedAt.IsZero() {
			s.ReceivedAt = now
		}
	}
	if c := &s.Legs[0]; s.Bot.Outbound && sid != "" && c.Call == SID(s.ID) {
		c.Call = sid // something was told of the call before its SID
	}
	return &s.Legs[0]
}

// participant is the leg that a conference event is about. A leg that nobody announced is an agent's: the conference instruction made
// it, and only its joining tells its SID.
func (s *State) participant(now time.Time, p Participant) *Leg {
	c := s.customer(now, "")
	if p.Call == c.Call {
		return c
	}
	if leg := s.Leg(p.Call); leg != nil {
		return leg
	}
	if s.Invitation(Label(p.Label)) != nil {
		return s.dialledLeg(p.Call, Label(p.Label), p.Instruction)
	}
	leg := Leg{Call: p.Call, Role: RoleAgent, State: LegWaiting}
	if strings.HasPrefix(p.Label, string(RoleSupervisor)) { // dialled in by himself
		leg.Role, leg.Label = RoleSupervisor, Label(p.Label)
		leg.Supervision = Supervision{Wanted: Monitor, Since: now}
	}
	s.Legs = append(s.Legs, leg)
	return &s.Legs[len(s.Legs)-1]
}

// fresh says whether a conference event tells something new of a leg, and notes that it was told. Within one conference the sequence
// numbers decide; an event of a conference that the leg has moved on from is old.
func (s *State) fresh(leg *Leg, p Participant) bool {
	if leg.Conference != "" && leg.Conference != p.Conference && s.Conference.SID != p.Conference {
		return false
	}
	if leg.Conference == p.Conference && p.Sequence <= leg.Sequence {
		return false
	}
	leg.Conference, leg.Sequence = p.Conference, p.Sequence
	if p.Instruction != "" {
		leg.Instruction = p.Instruction
	}
	return true
}

// joined: a leg is in the conference, for it joined, or else nothing could be told of its hold and flags. Even a late word of it says that
// the leg once was.
func (s *State) joined(now time.Time, p Participant) {
	s.seen(p.Conference, p.Sequence)
	leg := s.participant(now, p)
	if leg.JoinedAt.IsZero() {
		leg.JoinedAt = now
	}
	if !s.fresh(leg, p) {
		return
	}
	if s.over(p.Conference) || leg.Role == RoleCustomer && terminal(s.CustomerStatus) || terminal(leg.Status) {
		leg.leave(now, "") // the word of it was overtaken
		return
	}
	before := *leg
	leg.State, leg.Reason, leg.LeftAt = LegJoined, "", time.Time{}
	s.cameIn(leg)
	s.setFlags(now, leg, p)
	s.overheard(leg, before)
}

// left: a leg is out of the conference.
func (s *State) left(now time.Time, e ParticipantLeft) {
	s.seen(e.Conference, e.Sequence)
	leg := s.participant(now, e.Participant)
	if leg.JoinedAt.IsZero() && e.Reason != reasonAddFailed {
		leg.JoinedAt = now
	}
	if s.fresh(leg, e.Participant) {
		if e.Reason == reasonAddFailed && terminal(e.CallStatus) {
			leg.Status = e.CallStatus
		}
		leg.leave(now, e.Reason)
	}
}

// Twilio's ReasonParticipantLeft, as far as it matters here.
// https://www.twilio.com/docs/voice/api/conference-resource (status callback events)
const (
	reasonHungUp    = "participant_hung_up"
	reasonMoved     = "participant_updated_via_api"
	reasonAddFailed = "participant_add_failed"
)

func (l *Leg) leave(now time.Time, reason string) {
	if l.State != LegLeft {
		l.State, l.LeftAt = LegLeft, now
	}
	l.observeHold(now, false)
	l.Muted, l.Coaching, l.Coach = false, false, ""
	if l.Reason == "" {
		l.Reason = reason
	}
}

func (s *State) setFlags(now time.Time, l *Leg, p Participant) {
	if p.EndConferenceOnExit != l.wantFlag() && l.EndConferenceOnExit == l.wantFlag() {
		l.Flipped++
	}
	l.observeHold(now, p.Hold)
	s.observeCoach(l, p)
	l.Muted, l.EndConferenceOnExit, l.Unsure = p.Muted, p.EndConferenceOnExit, false
}

// wantFlag says whether the conference is to end when the leg leaves it: with the customer alone.
func (l *Leg) wantFlag() bool { return l.Role == RoleCustomer }

// maxFlips is how often a flag may be found other than wanted before it is left so: whoever flips it a third time would do it for ever.
const maxFlips = 3

// settleFlags raises an alert about legs whose flag is not ours to set.
func (s *State) settleFlags(now time.Time) {
	for i := range s.Legs {
		if l := &s.Legs[i]; l.Flipped >= maxFlips {
			s.alert(now, AlertFlagFlipped, string(l.Call), "somebody else sets endConferenceOnExit of this leg again and again; it is left so")
		}
	}
}

// soft says whether the leg's phone is a browser's or an app's, which can die without a word.
func (l *Leg) soft() bool { return strings.HasPrefix(l.Address, "client:") }

// callStatus: Twilio says how one leg's call is. Besides the customer's only those decide anything that we had made: the leg of an agent whom
// an instruction dialled may have no such callbacks.
func (s *State) callStatus(now time.Time, e CallStatusChanged) {
	sid := SID("")
	if s.Bot.Outbound && e.Invitation == "" && e.Reservation == "" {
		sid = e.Call // the customer's: that of a call which we place is not known before
	}
	c := s.customer(now, sid)
	if e.Call != c.Call {
		s.legStatus(now, e)
		return
	}
	if terminal(s.CustomerStatus) {
		return
	}
	s.CustomerStatus = e.Status
	if terminal(e.Status) {
		c.leave(now, reasonHungUp)
	}
}

// terminal says whether a CallStatus is a last one.
func terminal(status string) bool {
	return slices.Contains([]string{"completed", "busy", "failed", "no-answer", "canceled", statusGone}, status)
}

// customerGone says whether the customer's call is over, or has been taken out of our hands.
func (s *State) customerGone() bool {
	c := s.Customer()
	if c == nil {
		return false
	}
	return terminal(s.CustomerStatus) || s.Moved || c.State == LegLeft && c.Reason == reasonHungUp
}

// everybodyLeft says whether no leg is in the conference, and the conference is over.
func (s *State) everybodyLeft() bool {
	return s.everybodyOut() && !s.Conference.live()
}

// met says whether customer and agent were ever together: an agent who went before the customer came was in another conference.
func (s *State) met() bool {
	c := s.Customer()
	return c != nil && !c.JoinedAt.IsZero() && slices.ContainsFunc(s.Legs, func(l Leg) bool {
		return l.Role == RoleAgent && !l.JoinedAt.IsZero() && l.Conference == c.Conference
	})
}
