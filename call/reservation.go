package call

import (
	"slices"
	"time"
)

// rank orders what can be said of a reservation: the highest that was said counts, in whatever order it was said.
func (r ReservationStatus) rank() int {
	switch r {
	case ReservationUnknown:
		return 0
	case ReservationIsPending:
		return 1
	case ReservationIsAccepted:
		return 2
	case ReservationIsWrapping:
		return 3
	case ReservationIsRejected, ReservationIsTimedOut, ReservationIsCanceled, ReservationIsRescinded:
		return 4
	case ReservationIsCompleted:
		return 5
	default:
		return 0
	}
}

// lapsed says whether the offer came to nothing.
func (r *Reservation) lapsed() bool { return r.Status.rank() == 4 }

// reservation finds an offer, or notes it.
func (s *State) reservation(a Assignment) *Reservation {
	for i := range s.Reservations {
		r := &s.Reservations[i]
		if r.Reservation == a.Reservation {
			r.fill(a)
			return r
		}
	}
	s.forgetReservation()
	s.Reservations = append(s.Reservations, Reservation{Assignment: a})
	return &s.Reservations[len(s.Reservations)-1]
}

// keptReservations is how many offers travel with a call: one that nobody takes can be offered for hours.
const keptReservations = 64

// forgetReservation makes room for one more, if need be: the oldest that came to nothing and left nothing to do goes.
func (s *State) forgetReservation() {
	if len(s.Reservations) < keptReservations {
		return
	}
	i := slices.IndexFunc(s.Reservations, func(r Reservation) bool {
		return r.lapsed() && !r.WantOff && s.legOf(r.Reservation) == nil && !s.hasDeadline(DeadlineMissed, string(r.Reservation))
	})
	if i >= 0 {
		s.Reservations = slices.Delete(s.Reservations, i, i+1)
	}
}

// fill learns what was not known of an assignment.
func (r *Reservation) fill(a Assignment) {
	if r.Agent == "" {
		r.Agent = a.Agent
	}
	if r.AgentName == "" {
		r.AgentName = a.AgentName
	}
	if r.Address == "" {
		r.Address = a.Address
	}
	if r.Queue == "" {
		r.Queue = a.Queue
	}
	if r.QueueName == "" {
		r.QueueName = a.QueueName
	}
}

// offered: TaskRouter says where an offer is. It answers nil for one of a task that is not the call's.
func (s *State) offered(now time.Time, a Assignment, status ReservationStatus) *Reservation {
	s.customer(now, "")
	t := s.noteTask(a.Task, a.Invitation)
	if t == nil {
		return nil
	}
	if t.Queue == "" {
		t.Queue, t.QueueName = a.Queue, a.QueueName
	}
	r := s.reservation(a)
	if status.rank() > r.Status.rank() {
		r.Status = status
	}
	if status == ReservationIsRejected && !r.WantRejected {
		s.rejectedAfterAll(s.invitationOf(r.Task))
	}
	if r.lapsed() {
		s.clearDeadline(DeadlineConnect, string(r.Reservation))
	}
	return r
}

// assigned: we answered the assignment callback. Unless the agent is to accept first, his phone rings.
func (s *State) assigned(now time.Time, e AssignmentRequested) {
	r := s.offered(now, e.Assignment, ReservationIsPending)
	switch {
	case r == nil:
	case e.Undialable:
		s.fail(s.invitationOf(r.Task), FailedByTwilio, "no caller ID to dial the agent with: set a number of the account for agents' legs")
	case !e.Manual:
		r.Announced = r.Announced || e.Announced
		s.instructed(now, e.Reservation)
	}
}

// instructed: TaskRouter has an instruction of ours, and dials the agent.
func (s *State) instructed(now time.Time, sid ReservationSID) {
	r := s.findReservation(sid)
	if r.Instructed {
		return
	}
	r.Instructed = true
	if !r.lapsed() && s.sought(r) {
		within := s.Settings.ConnectWithin
		if s.ours(r) {
			within *= 2 // he hears whom he gets first
		}
		s.setDeadline(DeadlineConnect, string(sid), now.Add(within))
	}
}

// accepted: both are in the conference. Of one that an instruction of somebody else's made no callback may ever tell: so it is looked at.
func (s *State) accepted(now time.Time, e ReservationAccepted) {
	if e.Invitation == "" {
		s.received(now, "", e.Caller)
	}
	first := s.findReservation(e.Reservation)
	told := first != nil && first.taken()
	r := s.offered(now, e.Assignment, ReservationIsAccepted)
	if r == nil {
		return
	}
	if e.AgentCall != "" {
		r.AgentCall = e.AgentCall
	}
	if e.Conference != "" {
		s.seen(e.Conference, 0)
	}
	if !told && !r.Instructed && (s.deaf() || s.Conference.SID == "") { // the attributes may name it only later
		s.WantLook = true
	}
	if !told && r.Instructed && !s.ours(r) { // both are in the conference now
		s.awaits(now, string(r.Reservation))
	}
}

// offerFailed: an offer was canceled or failed. Once an accept is under way, a phone that rings in vain ends so, but so does a caller
// who hangs up; what became of the task tells the two apart, or else a little time does.
func (s *State) offerFailed(now time.Time, a Assignment, taskStatus string) {
	r := s.offered(now, a, ReservationIsCanceled)
	switch {
	case r == nil || r.Status != ReservationIsCanceled || r.Missed:
	case taskStatus == "pending" || taskStatus == "reserved":
		s.missed(now, a.Reservation)
	default:
		s.setDeadline(DeadlineMissed, string(a.Reservation), now.Add(s.Settings.ConfirmWithin))
	}
}

// missed: the caller is still there, so it was the agent who did not come. TaskRouter does not move him off by itself then.
func (s *State) missed(now time.Time, sid ReservationSID) {
	r := s.findReservation(sid)
	if r == nil || r.Missed || !r.Instructed || s.customerGone() || s.WantEnd || s.legOf(sid) != nil {
		return
	}
	if t := s.task(r.Task); t == nil || t.closed() || !s.sought(r) {
		return
	}
	r.Missed, r.MissedAt = true, now
	r.WantOff = (s.Settings.NotAnswering != "" || s.Settings.Floor) && r.Agent != ""
}

// connectOverdue: an assignment brought nobody together in time, as far as we were told. The call is read back; what that shows decides,
// for the two may well be talking and a join was lost. If nobody is with the customer, or Twilio cannot be asked for as long as the look
// is tried, the task is given back.
func (s *State) connectOverdue(now time.Time, sid ReservationSID) {
	r := s.findReservation(sid)
	switch {
	case r == nil || r.lapsed() || !s.sought(r) || s.customerGone():
	case !r.Looked:
		r.Looked = true
		s.WantLook = true
		s.setDeadline(DeadlineConnect, string(sid), now.Add(s.Settings.SettleWithin))
	case s.looking():
		s.setDeadline(DeadlineConnect, string(sid), now.Add(s.Settings.SettleWithin))
	case r.Status == ReservationIsPending:
		if i := s.invitationOf(r.Task); i != nil && i.Target.Kind == TargetAgent {
			s.missed(now, sid)
			s.fail(i, FailedNoAnswer, "")
			r.WantRejected = true
			return
		}
		s.giveBack(now, r)
	case s.invitationOf(r.Task) != nil:
		s.fail(s.invitationOf(r.Task), FailedByTwilio, "the reservation was accepted, and nobody came")
	default:
		s.requeue(now) // accepted, and yet nobody is with the customer
	}
}

// settleReservations ties agents' legs to the offers that made them.
func (s *State) settleReservations(now time.Time) {
	for i := range s.Legs {
		leg := &s.Legs[i]
		if leg.Role != RoleAgent {
			continue
		}
		leg.Reservation = s.reservationOf(leg)
		if r := s.findReservation(leg.Reservation); r != nil {
			leg.Agent, leg.AgentName = r.Agent, r.AgentName
			if leg.Label == "" || leg.Address == "" { // who comes back may do so at another
				leg.Address = r.Address
			}
		}
	}
	s.settleSpare()
	for i := range s.Reservations {
		s.settleAnnounced(now, &s.Reservations[i])
	}
}

// settleConnects waits for nobody any more where somebody came.
func (s *State) settleConnects() {
	for i := range s.Reservations {
		if r := &s.Reservations[i]; !s.sought(r) {
			s.clearDeadline(DeadlineConnect, string(r.Reservation))
		}
	}
}

// settleSpare takes out an agent who had answered when his offer was given to somebody else, or taken back: only one meets the customer, and
// nobody sits in an empty room. Whose leg is whose is a guess while several are in the room, until the task's attributes name the one
// who has the call.
func (s *State) settleSpare() {
	c := s.Customer()
	given := slices.ContainsFunc(s.Reservations, func(r Reservation) bool {
		l := s.Leg(r.AgentCall)
		return r.taken() && l != nil && l.State == LegJoined
	})
	for i := range s.Legs {
		l := &s.Legs[i]
		r := s.findReservation(l.Reservation)
		switch {
		case r == nil || l.State != LegJoined:
		case s.ours(r):
			l.WantGone = l.WantGone || r.lapsed() && c.State == LegWaiting
		case r.AgentCall == l.Call || l.Label != "":
		case r.Status == ReservationIsRescinded && given, r.Status == ReservationIsRejected && c.State != LegJoined:
			l.WantGone = true
		}
	}
}

// reservationOf finds the offer that made an agent's leg: by the task's attributes, by the conference's instruction, or else the newest offer
// that has no leg yet. Who was invited has the offer of his own task, or, of who comes back, the one that he had.
func (s *State) reservationOf(leg *Leg) ReservationSID {
	if leg.Label != "" {
		return s.reservationOfInvited(leg)
	}
	for i := range s.Reservations {
		if s.Reservations[i].AgentCall == leg.Call {
			return s.Reservations[i].Reservation
		}
	}
	// Where several were rung at once, all callbacks go to the address that the first of them brought with him.
	another := func(sid ReservationSID) bool {
		r := s.findReservation(sid)
		return r != nil && r.AgentCall != "" && r.AgentCall != leg.Call
	}
	if leg.Instruction != "" && s.findReservation(leg.Instruction) != nil && !another(leg.Instruction) {
		if other := s.legOf(leg.Instruction); other == nil || other == leg {
			return leg.Instruction
		}
	}
	if leg.Reservation != "" && !another(leg.Reservation) {
		return leg.Reservation
	}
	for i := len(s.Reservations) - 1; i >= 0; i-- {
		r := &s.Reservations[i]
		if (r.Instructed || r.taken()) && s.invitationOf(r.Task) == nil && s.legOf(r.Reservation) == nil {
			return r.Reservation
		}
	}
	return ""
}

func (s *State) reservationOfInvited(leg *Leg) ReservationSID {
	i := s.Invitation(leg.Label)
	if leg.Reservation != "" || i == nil {
		return leg.Reservation
	}
	if r := s.findReservation(leg.Instruction); r != nil && r.Task == i.Task.SID {
		return r.Reservation
	}
	if r := s.newestOf(i.Task.SID); i.Task.SID != "" && r != nil && (!r.lapsed() || leg.State == LegJoined) && s.legOf(r.Reservation) == nil {
		return r.Reservation
	}
	return ""
}

// taken says whether the agent had accepted.
func (r *Reservation) taken() bool {
	return r.Status == ReservationIsAccepted || r.Status == ReservationIsWrapping || r.Status == ReservationIsCompleted
}

// legOf is the leg by which an agent took up an offer: the last, of one who came back.
func (s *State) legOf(sid ReservationSID) *Leg {
	for i := len(s.Legs) - 1; i >= 0; i-- {
		if l := &s.Legs[i]; l.Role == RoleAgent && l.Reservation == sid && !l.JoinedAt.IsZero() {
			return l
		}
	}
	return nil
}

func (s *State) findReservation(sid ReservationSID) *Reservation {
	for i := range s.Reservations {
		if s.Reservations[i].Reservation == sid {
			return &s.Reservations[i]
		}
	}
	return nil
}

// Serving is the offer whose agent has the call, is being rung for it, or had it last; nil if it was never offered. While a transfer is under way
// it is who hands on; of several who are there, who came last.
func (s *State) Serving() *Reservation {
	if t := s.openTransfer(); t != nil {
		if l := s.Leg(t.From); l != nil && l.State == LegJoined && s.findReservation(l.Reservation) != nil {
			return s.findReservation(l.Reservation)
		}
	}
	var best, here *Reservation
	for i := range s.Reservations {
		r := &s.Reservations[i]
		l := s.legOf(r.Reservation)
		if l != nil && l.State == LegJoined && !l.WantGone && r.Status != ReservationIsCanceled {
			here = r
		}
		switch {
		case l != nil && r.Status != ReservationIsCanceled, !r.lapsed():
			best = r
		}
	}
	if here != nil {
		return here
	}
	return best
}
