package call

import (
	"slices"
	"time"
)

// readBack applies what Twilio said of everything at once. It knows no sequence numbers: so what it says of flags and presence counts only if
// no conference event came since it was asked for. What it says of ends counts always, for what ended stays so.
func (s *State) readBack(now time.Time, e CallReadBack) {
	f := s.flight(e.Command)
	if f == nil {
		return
	}
	asked := *f
	s.drop(e.Command)

	if c := s.Customer(); c != nil && terminal(e.Snapshot.CustomerStatus) && !terminal(s.CustomerStatus) {
		s.CustomerStatus = e.Snapshot.CustomerStatus
		c.leave(now, reasonHungUp)
	}
	if t := e.Snapshot.Task; t != nil {
		s.taskIs(t.Task, t.Status)
	}
	if r := e.Snapshot.Reservation; r != nil {
		if s.findReservation(r.Reservation) == nil {
			s.discovered(now, e.Snapshot.Task, *r)
		}
		s.readBackReservation(now, *r)
	}
	counted := true
	if c := e.Snapshot.Conference; c != nil {
		counted = s.readBackConference(now, *c, asked)
		s.superviseAgain()
	}
	for _, t := range e.Snapshot.Tasks {
		s.readBackTask(now, t)
	}
	for _, c := range e.Snapshot.Calls {
		s.readBackCall(now, c)
	}
	if counted {
		s.unconfirmed(now, asked.Number)
	} else {
		s.WantLook = true // who waits to be told of his leg is not told by this one
	}
	if e.Snapshot.NoTask {
		s.lostInQueue()
	}
	switch {
	case s.talkOver():
		s.Close = true
	case s.Task.Canceled && !s.met():
		s.requeue(now)
	}
}

// discovered: there is an offer whose events never came.
func (s *State) discovered(now time.Time, task *TaskSnapshot, r ReservationSnapshot) {
	switch status := ReservationStatus(r.Status); {
	case task == nil || s.task(task.Task) == nil || r.Agent == "":
	case status == ReservationIsPending, status == ReservationIsAccepted, status == ReservationIsWrapping:
		a := Assignment{
			Reservation: r.Reservation, Task: task.Task, Agent: r.Agent, AgentName: r.AgentName, Address: r.Address, Invitation: task.Invitation,
		}
		s.offered(now, a, status)
	}
}

func (s *State) readBackReservation(now time.Time, r ReservationSnapshot) {
	known := s.findReservation(r.Reservation)
	if known == nil {
		return
	}
	status := ReservationStatus(r.Status)
	switch {
	case r.Status == statusGone && (known.taken() || s.legOf(r.Reservation) != nil):
		status = ReservationIsCompleted
	case r.Status == statusGone:
		status = ReservationIsCanceled
	}
	wasLapsed := known.lapsed()
	s.offered(now, known.Assignment, status)
	if known.lapsed() && !wasLapsed && status != ReservationIsRejected && status != ReservationIsRescinded {
		s.setDeadline(DeadlineMissed, string(r.Reservation), now.Add(s.Settings.ConfirmWithin))
	}
}

// It answers false if something was told of the conference since the look began: whether that is older or newer, nobody knows.
func (s *State) readBackConference(now time.Time, c ConferenceSnapshot, asked Flight) bool {
	if c.Conference == "" { // there was none when it was asked for, by the task's name: one that is known now began since
		return !s.Conference.live()
	}
	s.seen(c.Conference, 0)
	if s.Conference.SID != c.Conference {
		return true
	}
	if c.Status == "completed" || c.Status == statusGone {
		s.conferenceEnded(now, ConferenceEnded{Conference: c.Conference})
		return true
	}
	if s.Conference.Sequence != asked.Sequence {
		return false
	}
	s.Conference.Started = s.Conference.Started || c.Status == "in-progress"
	for _, p := range c.Participants {
		leg := s.participant(now, p)
		if leg.Role == RoleCustomer && terminal(s.CustomerStatus) || terminal(leg.Status) || p.Status != "" && p.Status != "connected" {
			continue // gone, or still rung
		}
		if leg.JoinedAt.IsZero() {
			leg.JoinedAt = now
		}
		p = leg.lookedAt(p, asked.Number)
		leg.State, leg.Conference, leg.Reason, leg.LeftAt = LegJoined, c.Conference, "", time.Time{}
		s.cameIn(leg)
		s.setFlags(now, leg, p)
	}
	for i := range s.Legs {
		l := &s.Legs[i]
		listed := slices.ContainsFunc(c.Participants, func(p Participant) bool { return p.Call == l.Call })
		if l.State == LegJoined && l.Conference == c.Conference && !listed {
			l.leave(now, reasonNotListed)
		}
	}
	return true
}

// looking says whether a look is wanted, under way, or to be tried again: what it shows is waited for.
func (s *State) looking() bool {
	return s.WantLook || s.flying(subjectReadBack) || s.hasDeadline(DeadlineConfirm, subjectReadBack)
}

// reasonNotListed is our own word for a leg that was in the conference and, read back, is not.
const reasonNotListed = "not_listed"

// unconfirmed ends the flights that Twilio had taken before the look: whatever they did is known now. What still differs was a try.
func (s *State) unconfirmed(now time.Time, look int) {
	for _, f := range slices.Clone(s.Flights) {
		if !f.Accepted || f.Number > look {
			continue
		}
		s.drop(f.Number)
		if !s.reached(f) {
			if l := s.Leg(SID(f.Subject)); l != nil && l.supervises() && voice(f.Kind) {
				s.unsure(l) // the look may not have counted
			}
			s.tried(now, f, Failure{Message: "Twilio took the request, but it had no effect"})
		}
	}
}
