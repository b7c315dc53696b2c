package call

// Plan is the difference between what is wanted and what is observed, as commands, without what is on its way already: at most one command
// is in flight for each leg, for the task and for the conference. It changes nothing; tell [State.Begin] of each command that is started.
func (s *State) Plan() []Command {
	if s.Over() {
		return nil
	}
	var plan []Command
	account := s.account()
	add := func(c Command) {
		c = in(account, c)
		subject, _ := flightOf(c)
		tries := s.tries(subject, Kind(c))
		looking := s.WantLook || s.flying(subjectReadBack) // after a try that came to nothing we look before we try again
		if !s.flying(subject) && tries < maxTries && (tries == 0 || !looking) {
			plan = append(plan, c)
		}
	}
	s.planEnd(add)
	s.planBot(add)
	s.planMove(add)
	for i := range s.Legs {
		s.planLeg(&s.Legs[i], add)
	}
	s.planTask(add)
	for i := range s.Invitations {
		s.planInvitation(&s.Invitations[i], add)
		s.planInvitedTask(&s.Invitations[i], add)
	}
	for i := range s.Reservations {
		s.planReservation(&s.Reservations[i], add)
	}
	if s.WantLook {
		add(s.look())
	}
	return plan
}

// planEnd ends what is to end: the conference if there is one, and the customer's own call if that is what keeps him.
func (s *State) planEnd(add func(Command)) {
	if !s.WantEnd && !s.Close {
		return
	}
	c := s.Customer()
	told := s.forsaken() && s.Parting != PartingOver && c.State == LegJoined // hears goodbye first, which takes him out
	if s.Conference.live() && (s.WantEnd || s.talkOver()) && !told {
		add(EndConference{Conference: s.Conference.SID})
	}
	inRoom := c != nil && c.State == LegJoined && s.Conference.live()
	// Ending the conference ends the customer's call as a rule; only a look tells whether it did not.
	switch {
	case c == nil || s.customerGone() || s.Parting == PartingSpoken:
	case s.forsaken() && s.Parting == PartingUnknown:
		add(DismissCaller{Leg: c.Call})
	case inRoom || c.State != LegWaiting && !s.Close:
	default:
		add(HangUpCall{Leg: c.Call})
	}
}

// forsaken says whether the customer still waits, or everybody left him, and the call ends because nobody will come: he is owed a word.
func (s *State) forsaken() bool {
	c := s.Customer()
	return s.WantEnd && (s.EndedBy == endedByTaskRouter || s.EndedBy == endedBySystem) && c != nil &&
		(c.State == LegWaiting || c.State == LegJoined && s.Rescue.Stage == RescueGoodbye)
}

// planLeg brings one leg in the conference to where it is wanted. What changes the leg most goes first, for the rest may be moot then. One on its
// way into it that is not wanted is hung up.
func (s *State) planLeg(l *Leg, add func(Command)) {
	if l.Role != RoleCustomer && l.State == LegWaiting && !s.wantedLeg(l) {
		add(HangUpCall{Leg: l.Call})
	}
	if l.State != LegJoined || !s.Conference.live() || l.Conference != s.Conference.SID || s.WantEnd {
		return
	}
	conference := s.Conference.SID
	if l.supervises() && !l.WantGone {
		if c := planSupervision(l, conference); c != nil {
			add(c)
			return
		}
	}
	switch flag := l.wantFlag(); {
	case l.WantGone:
		add(RemoveParticipant{Conference: conference, Leg: l.Call})
	case !l.heldAsWanted():
		add(l.hold(conference))
	case l.Muted != l.WantMuted && !l.supervises():
		add(MuteParticipant{Conference: conference, Leg: l.Call, Muted: l.WantMuted})
	case l.EndConferenceOnExit != flag && l.Flipped < maxFlips && !l.Hold: // Twilio does not take it from a leg on hold
		add(FlagParticipant{Conference: conference, Leg: l.Call, EndConferenceOnExit: flag})
	}
}

// planTask closes the task: completed when the agent's work is done, canceled when nobody was ever assigned.
func (s *State) planTask(add func(Command)) {
	t := &s.Task
	switch {
	case t.SID == "" || t.closed():
	case t.WantCompleted && s.partOver(t):
		add(CompleteTask{Task: t.SID, Reason: "completed"})
	case !s.talkOver():
	case !s.met() && s.Close && (t.Wrapping || s.assignedEver()):
		add(CompleteTask{Task: t.SID, Reason: string(s.outcome())})
	case !s.met() && s.Close:
		add(CancelTask{Task: t.SID, Reason: string(s.outcome())})
	}
}

// assignedEver says whether an agent had accepted the task: such a task can be completed, but not canceled.
func (s *State) assignedEver() bool {
	return s.takenOf(s.Task.SID) != nil
}

func (s *State) planReservation(r *Reservation, add func(Command)) {
	if r.WantOff && s.Settings.Floor {
		add(ReportMissed{
			Call: s.ID, Agent: r.Agent, AgentName: r.AgentName, Reservation: r.Reservation, Queue: r.Queue, QueueName: r.QueueName, At: r.MissedAt,
		})
	} else if r.WantOff {
		add(SetAvailability{Agent: r.Agent, Availability: s.Settings.NotAnswering})
	}
	if t := s.task(r.Task); r.WantWrapUp && r.Status == ReservationIsAccepted && t != nil && !t.closed() && !t.WantCompleted {
		add(WrapUpReservation{Task: r.Task, Reservation: r.Reservation})
	}
	switch leg := s.legOf(r.Reservation); {
	case s.talkOver() || r.lapsed() || r.taken():
	case s.ours(r) && leg != nil && leg.State == LegJoined && !leg.WantGone && !s.WantEnd:
		add(AcceptReservation{Task: r.Task, Reservation: r.Reservation})
	case r.WantRejected && s.sought(r), r.Declined:
		add(RejectReservation{Task: r.Task, Reservation: r.Reservation, Availability: r.DeclinedTo})
	case r.WantAccepted && !r.Instructed && !s.WantEnd:
		add(InstructReservation{
			Call: s.ID, Task: r.Task, Reservation: r.Reservation, To: r.Address, From: s.line(), Ring: s.Settings.Ring,
		})
	}
}

// look asks for everything that the call owns. A conference that is over has no more to tell: the newest of the task is looked for then.
func (s *State) look() ReadBack {
	l := ReadBack{Task: s.Task.SID}
	if s.Conference.live() {
		l.Conference = s.Conference.SID
	}
	if c := s.Customer(); c != nil {
		l.Customer = c.Call
	}
	l.SeekTask = s.Bot.Enqueued && s.Task.SID == "" && l.Customer != ""
	for i := range s.Reservations {
		if r := &s.Reservations[i]; !r.lapsed() && s.invitationOf(r.Task) == nil {
			l.Reservation = r.Reservation
		}
	}
	for i := range s.Legs {
		if leg := &s.Legs[i]; leg.Role != RoleCustomer && leg.State == LegWaiting {
			l.Calls = append(l.Calls, leg.Call)
		}
	}
	for i := range s.Invitations {
		if i := &s.Invitations[i]; i.byTask() && s.remains(i) && (i.Doubt || i.Task.SID != "") {
			asked := s.askedTask(i)
			if l.Tasks = append(l.Tasks, asked); asked.Task == "" {
				l.Call = s.ID // a label names somebody within a call
			}
		}
	}
	return l
}
