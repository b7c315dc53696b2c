package call

import (
	"slices"
	"strings"
	"time"
)

// Whoever answered and agreed to come is in the conference a moment later. If nothing tells so, that word is late or lost, and the call is read back:
// nobody is to sit in a room of which the call does not know that he is there.

// subjectArrival is the prefix of the subject of a deadline for somebody to have come: a leg, or an accepted offer.
const subjectArrival = "arrival:"

// awaits has a call looked at if somebody of whom we were told that he comes is not there in time.
func (s *State) awaits(now time.Time, who string) {
	s.setDeadline(DeadlineConfirm, subjectArrival+who, now.Add(s.Settings.ConfirmWithin))
}

// confirmed: an agent heard whom he gets, and goes into the conference.
func (s *State) confirmed(now time.Time, e AnnouncementConfirmed) {
	s.customer(now, "") // his leg is the first, whatever is told first
	l := s.dialledLeg(e.Call, e.Invitation, e.Reservation)
	s.ownsOffer(l, e.Reservation)
	if l != nil && l.State == LegWaiting {
		s.awaits(now, string(l.Call))
	}
}

// settleArrivals awaits nobody any more who came, or will not.
func (s *State) settleArrivals() {
	s.Deadlines = slices.DeleteFunc(s.Deadlines, func(d Deadline) bool {
		who, arrival := strings.CutPrefix(d.Subject, subjectArrival)
		return arrival && d.Kind == DeadlineConfirm && !s.awaited(who)
	})
}

// awaited says whether somebody who is to be here is not, as far as was told.
func (s *State) awaited(who string) bool {
	if l := s.Leg(SID(who)); l != nil {
		return l.State == LegWaiting && s.wantedLeg(l)
	}
	r := s.findReservation(ReservationSID(who))
	return r != nil && r.Status == ReservationIsAccepted && s.sought(r)
}
