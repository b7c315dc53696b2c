package call

import (
	"slices"
	"time"
)

// Each agent's part in a call has a wrap-up of its own. It begins when he left for good, and ends when he says so or its time is over.

// tasks are the call's own and those of invitations, as far as they are made.
func (s *State) tasks() []*Task {
	all := []*Task{&s.Task}
	for i := range s.Invitations {
		if t := &s.Invitations[i].Task; t.SID != "" {
			all = append(all, t)
		}
	}
	return all
}

// partOf is the offer of a task by which an agent had a part in the call; nil if none had.
func (s *State) partOf(t *Task) *Reservation {
	if r := s.takenOf(t.SID); r != nil {
		return r
	}
	for i := len(s.Reservations) - 1; i >= 0; i-- {
		if r := &s.Reservations[i]; r.Task == t.SID && !s.ours(r) && !r.lapsed() && s.legOf(r.Reservation) != nil {
			return r // the word of its acceptance was lost
		}
	}
	return nil
}

// partOver says whether the part of the agent who has a task is over for good.
func (s *State) partOver(t *Task) bool {
	r := s.partOf(t)
	if s.talkOver() {
		return t == &s.Task && s.met() || r != nil && s.legOf(r.Reservation) != nil
	}
	if r == nil || s.WantEnd {
		return false
	}
	l := s.legOf(r.Reservation)
	return l != nil && l.State == LegLeft && !s.mayReturn(l)
}

// mayReturn says whether an agent whose leg left may be back soon.
func (s *State) mayReturn(l *Leg) bool {
	return s.hasDeadline(DeadlineVanish, string(l.Call)) || s.Rescue.Stage != RescueNone && l.Reservation != "" && s.Rescue.Reservation == l.Reservation
}

// settleWrapUps starts and stops the time that agents have for their work after the call.
func (s *State) settleWrapUps(now time.Time) {
	for _, t := range s.tasks() {
		if t.closed() && t.ClosedAt.IsZero() {
			t.ClosedAt = now
		}
		if t.closed() || !s.partOver(t) {
			s.clearDeadline(DeadlineWrapUp, string(t.SID))
			if !t.closed() {
				t.OverAt = time.Time{}
			}
			continue
		}
		if t.OverAt.IsZero() {
			t.OverAt = now
		}
		if !t.WantCompleted {
			s.setDeadline(DeadlineWrapUp, string(t.SID), t.OverAt.Add(s.Settings.WrapUpWithin))
		}
		// TaskRouter moves to wrapping by itself whom its own instruction brought in, and then when the conference ends.
		switch r := s.partOf(t); {
		case r == nil || r.WantWrapUp:
		case r.Status != ReservationIsAccepted:
			s.clearDeadline(DeadlineWrapping, string(r.Reservation))
		case s.ours(r) || !s.talkOver() || t.OverAt.Before(s.WrappingAt):
			s.setDeadline(DeadlineWrapping, string(r.Reservation), t.OverAt.Add(s.Settings.SettleWithin))
		}
	}
}

// settleWrapped has a call looked at in which TaskRouter says that an agent wraps up, and nobody told that his leg left: the customer may be alone.
func (s *State) settleWrapped(now time.Time) {
	for i := range s.Reservations {
		r := &s.Reservations[i]
		l := s.legOf(r.Reservation)
		subject := "wrapping:" + string(r.Reservation)
		switch {
		case r.Status != ReservationIsWrapping || l == nil || l.State != LegJoined || s.talkOver():
			s.clearDeadline(DeadlineConfirm, subject)
		case !r.WrapLooked:
			r.WrapLooked = true
			s.setDeadline(DeadlineConfirm, subject, now.Add(s.Settings.ConfirmWithin))
		}
	}
}

// wrapUpDue: TaskRouter had its time to move an agent to wrapping.
func (s *State) wrapUpDue(sid ReservationSID) {
	if r := s.findReservation(sid); r != nil && r.Status == ReservationIsAccepted {
		if t := s.task(r.Task); t != nil && s.partOver(t) {
			r.WantWrapUp = true
		}
	}
}

// wrappedUp: the work after an agent's part is done, or its time is over.
func (s *State) wrappedUp(t *Task) {
	t.WantCompleted = true
	s.clearDeadline(DeadlineWrapUp, string(t.SID))
}

// partsOver are the tasks of those whose part is over and who still work after it: of one agent, or, "", of all.
func (s *State) partsOver(agent AgentSID) []*Task {
	return slices.DeleteFunc(s.tasks(), func(t *Task) bool { return t.closed() || !s.partOver(t) || !s.hasTask(agent, t) })
}

// hasTask says whether a task is an agent's. Whose it is may not be known: then it is anybody's.
func (s *State) hasTask(agent AgentSID, t *Task) bool {
	r := s.partOf(t)
	return agent == "" || r == nil && t == &s.Task || r != nil && (r.Agent == "" || r.Agent == agent)
}

// judgeWrapup: every task whose work was said to be done is closed.
func (s *State) judgeWrapup(a Action) (ActionStatus, string) {
	for _, t := range s.tasks() {
		if t.WantCompleted && !t.closed() && s.hasTask(a.Agent, t) {
			return ActionOpen, ""
		}
	}
	return ActionVerified, ""
}
