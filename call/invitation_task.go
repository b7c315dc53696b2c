package call

import "time"

// task finds a task of the call: the one that it came with, or an invitation's.
func (s *State) task(sid TaskSID) *Task {
	if sid == s.Task.SID {
		return &s.Task
	}
	if i := s.invitationOf(sid); i != nil {
		return &i.Task
	}
	return nil
}

// invitationOf finds whom a task was made to find; nil for the call's first.
func (s *State) invitationOf(sid TaskSID) *Invitation {
	for i := range s.Invitations {
		if sid != "" && s.Invitations[i].Task.SID == sid {
			return &s.Invitations[i]
		}
	}
	return nil
}

// noteTask learns the tasks of the call: those of invitations by their labels; of the others the first one counts. It answers nil for one that is
// not the call's.
func (s *State) noteTask(sid TaskSID, label Label) *Task {
	if label != "" {
		i := s.Invitation(label)
		if i == nil || !i.byTask() || i.Task.SID != "" && i.Task.SID != sid {
			return nil
		}
		i.Task.SID, i.Doubt = sid, false
		return &i.Task
	}
	if s.Task.SID == "" && s.invitationOf(sid) == nil {
		s.Task.SID = sid
	}
	return s.task(sid)
}

// ours says whether accepting an offer is ours once the agent has joined: he was dialled with words of ours, and no instruction brings him in.
func (s *State) ours(r *Reservation) bool { return r.Announced || s.invitationOf(r.Task) != nil }

// sought says whether somebody is still looked for by the task of an offer.
func (s *State) sought(r *Reservation) bool {
	if i := s.invitationOf(r.Task); i != nil {
		return i.Open()
	}
	return !s.met() && s.Rescue.Stage == RescueNone
}

// newestOf is the newest offer of a task; nil if there was none.
func (s *State) newestOf(task TaskSID) *Reservation {
	for i := len(s.Reservations) - 1; i >= 0; i-- {
		if s.Reservations[i].Task == task {
			return &s.Reservations[i]
		}
	}
	return nil
}

// takenOf is the offer of a task that its agent accepted; nil if none did.
func (s *State) takenOf(task TaskSID) *Reservation {
	for i := len(s.Reservations) - 1; i >= 0; i-- {
		if r := &s.Reservations[i]; r.Task == task && r.taken() {
			return r
		}
	}
	return nil
}

// settleInvitedTask sees whether TaskRouter still looks for somebody.
func (s *State) settleInvitedTask(now time.Time, i *Invitation) {
	if !i.Open() || i.Task.SID == "" {
		return
	}
	r := s.newestOf(i.Task.SID)
	if r != nil {
		s.settleUnanswered(now, i, r)
	}
	switch {
	case !i.Open():
	case r != nil && i.Target.Kind == TargetAgent && r.Status == ReservationIsRejected:
		s.fail(i, FailedRejected, "")
	case r != nil && i.Target.Kind == TargetAgent && (r.Missed || r.Status == ReservationIsTimedOut):
		s.fail(i, FailedNoAnswer, "")
	case i.Task.closed():
		s.fail(i, FailedTimedOut, "")
	}
}

// settleUnanswered: an agent's phone rang in vain, or he did not say that he takes the call. If he alone was wanted, nobody comes; else TaskRouter is
// to ask the next, and not him again.
func (s *State) settleUnanswered(now time.Time, i *Invitation, r *Reservation) {
	l := s.Leg(i.Leg)
	if l == nil || l.Reservation != r.Reservation || l.State != LegLeft || !l.JoinedAt.IsZero() || r.Status != ReservationIsPending || l.WantGone {
		return
	}
	if s.canceledUnsaid(i, l) {
		return // TaskRouter, for an offer that was rejected: the look tells
	}
	if i.Target.Kind == TargetAgent {
		s.missed(now, r.Reservation)
		s.fail(i, failureOf(l), "")
		return
	}
	s.giveBack(now, r)
}

// giveBack has TaskRouter ask the next agent. Who did not come is moved off with it, or his phone would ring again at once, and the floor is told why.
func (s *State) giveBack(now time.Time, r *Reservation) {
	r.WantRejected = true
	s.missed(now, r.Reservation)
	if r.Missed {
		r.DeclinedTo = s.Settings.NotAnswering
		r.WantOff = r.WantOff && s.Settings.Floor
	}
}

// settleAnnounced: the same of an agent who was to hear whom he gets before he meets the caller of the first task.
func (s *State) settleAnnounced(now time.Time, r *Reservation) {
	l := s.Leg(r.AgentCall)
	if r.Announced && r.Status == ReservationIsPending && l != nil && l.State == LegLeft && l.Label == "" {
		s.giveBack(now, r)
	}
}

// planInvitedTask closes the task of an invitation: completed when the agent's work is done, canceled when nobody was assigned.
func (s *State) planInvitedTask(i *Invitation, add func(Command)) {
	t := &i.Task
	if t.SID == "" || t.closed() || i.Open() {
		return
	}
	if r := s.takenOf(t.SID); r != nil || t.Wrapping {
		if t.WantCompleted || r == nil || s.legOf(r.Reservation) == nil {
			add(CompleteTask{Task: t.SID, Reason: s.reasonOf(i)})
		}
		return
	}
	// While the agent who came is being accepted, his task lives.
	r, l := s.newestOf(t.SID), s.Leg(i.Leg)
	if i.Status == InvitationJoined && r != nil && r.Status == ReservationIsPending && l != nil && l.Reservation == r.Reservation && !l.WantGone &&
		!s.talkOver() && !s.WantEnd && s.tries(string(r.Reservation), "AcceptReservation") < maxTries {
		return
	}
	add(CancelTask{Task: t.SID, Reason: s.reasonOf(i)})
}

// reasonOf says why a task is closed, for the reports of TaskRouter.
func (s *State) reasonOf(i *Invitation) string {
	if i.Failure != FailedUnknown {
		return string(i.Failure)
	}
	return "completed"
}

// planMove brings a customer who still waits in the queue to the agent who came by our words, once TaskRouter knows that the agent has him.
func (s *State) planMove(add func(Command)) {
	c := s.Customer()
	if c == nil || c.State != LegWaiting || s.WantEnd || s.customerGone() || !s.Conference.live() {
		return
	}
	for i := range s.Reservations {
		r := &s.Reservations[i]
		l := s.legOf(r.Reservation)
		if r.taken() && s.ours(r) && l != nil && l.State == LegJoined && !l.WantGone && l.Conference == s.Conference.SID {
			add(MoveCustomer{Call: s.ID, Leg: c.Call, Name: string(s.Task.SID)})
			return
		}
	}
}

// askedTask is what a look asks of an invitation's task.
func (s *State) askedTask(i *Invitation) AskedTask {
	asked := AskedTask{Invitation: i.Label, Task: i.Task.SID}
	for n := range s.Reservations {
		if r := &s.Reservations[n]; r.Task == i.Task.SID && i.Task.SID != "" && !r.lapsed() {
			asked.Reservation = r.Reservation
		}
	}
	return asked
}

// readBackTask applies what Twilio said of an invitation's task.
func (s *State) readBackTask(now time.Time, t TaskSnapshot) {
	i := s.Invitation(t.Invitation)
	if i == nil || !i.byTask() {
		return
	}
	if t.Task == "" {
		i.Doubt = i.Doubt && i.Task.SID != "" // looked for, and there is none
		return
	}
	s.noteTask(t.Task, t.Invitation)
	s.taskIs(t.Task, t.Status)
	if t.Reservation != nil {
		if s.findReservation(t.Reservation.Reservation) == nil {
			s.discovered(now, &t, *t.Reservation)
		}
		s.readBackReservation(now, *t.Reservation)
	}
}

// readBackCall applies what Twilio said of a leg that was on its way.
func (s *State) readBackCall(now time.Time, c CallSnapshot) {
	if l := s.Leg(c.Call); l != nil && l.State == LegWaiting && l.Role != RoleCustomer && terminal(c.Status) {
		l.Status = c.Status
		l.leave(now, c.Status)
	}
}
