package call

import (
	"fmt"
	"slices"
)

// An offer is accepted and rejected by the agent where his desktop does it by us, and not by an instruction of its own.

// requestAccept: the agent wants the call. What is not allowed changes nothing; what was asked before is not asked again.
func (s *State) requestAccept(e AcceptRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Reservation: e.Reservation, Status: ActionOpen})
	s.findReservation(e.Reservation).WantAccepted = true
	s.forgetTries(string(e.Reservation))
}

// requestReject: the agent does not want it. Where he had asked for it before, and his phone does not ring yet, the later word counts.
func (s *State) requestReject(e RejectRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Reservation: e.Reservation, Status: ActionOpen})
	r := s.findReservation(e.Reservation)
	r.WantAccepted, r.Declined, r.DeclinedTo = false, true, e.Availability
	s.forgetTries(string(e.Reservation))
}

// allowsOffer: an offer can be answered while TaskRouter waits for it, and once.
func (s *State) allowsOffer(q Request, sid ReservationSID, accept bool) error {
	if s.known(q) {
		return nil
	}
	r := s.findReservation(sid)
	switch {
	case r == nil:
		return &NotAllowed{CodeUnknownReservation, fmt.Sprintf("the call has no reservation %s", sid)}
	case s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case r.Status != ReservationIsPending:
		return &NotAllowed{CodeNotPending, fmt.Sprintf("the reservation is %s, not pending", r.Status)}
	case r.Declined || r.WantRejected:
		return &NotAllowed{CodeRejecting, "the reservation is being rejected"}
	case accept && (r.Instructed || r.WantAccepted):
		return &NotAllowed{CodeAccepting, "the reservation is being accepted"}
	default:
		return nil
	}
}

// judgeReservation says where an accept or a reject stands.
func (s *State) judgeReservation(a Action) (ActionStatus, string) {
	r := s.findReservation(a.Reservation)
	accept := a.Kind == "AcceptRequested"
	switch {
	case accept && r.taken(), !accept && r.Status == ReservationIsRejected:
		return ActionVerified, ""
	case accept && r.Declined:
		return ActionSuperseded, "the reservation was rejected before the agent was rung"
	case r.lapsed(), r.taken():
		return ActionFailed, fmt.Sprintf("the reservation is %s", r.Status)
	default:
		return ActionOpen, ""
	}
}

// failReservationActions decides the open actions of a kind on an offer.
func (s *State) failReservationActions(sid ReservationSID, why string, kinds ...string) {
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Status == ActionOpen && a.Reservation == sid && slices.Contains(kinds, a.Kind) {
			a.Status, a.Detail = ActionFailed, why
		}
	}
}
