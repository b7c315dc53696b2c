package call

import (
	"slices"
	"time"
)

// statusGone stands for 404 in a snapshot, and for a task that TaskRouter deleted.
const statusGone = "gone"

// closed says whether the task needs nothing more.
func (t *Task) closed() bool { return t.Canceled || t.Completed }

func (s *State) taskCreated(now time.Time, e TaskCreated) {
	if e.Invitation == "" {
		s.received(now, e.Call, e.Caller)
	}
	s.noteTask(e.Task, e.Invitation)
}

// taskQueueEntered: the latest queue by TaskRouter's own clock counts.
func (s *State) taskQueueEntered(e TaskQueueEntered) {
	if t := s.noteTask(e.Task, ""); t != nil && !e.At.Before(t.QueueAt) {
		t.Queue, t.QueueName, t.QueueAt = e.Queue, e.QueueName, e.At
	}
}

// taskIs: TaskRouter says where the task is. Each word stays true whatever is said after it.
func (s *State) taskIs(sid TaskSID, status string) {
	t := s.noteTask(sid, "")
	if t == nil {
		return
	}
	switch status {
	case "wrapping":
		s.WantLook = s.WantLook || !t.Wrapping && s.deaf()
		t.Wrapping = true
	case "completed":
		t.Completed = true
	case "canceled":
		t.Canceled = true
	case statusGone:
		if !t.closed() {
			t.Completed = s.met() && (t == &s.Task || s.takenOf(sid) != nil)
			t.Canceled = !t.Completed
		}
	}
}

// talkOver says whether the customer is with nobody any more and will be with nobody again.
func (s *State) talkOver() bool {
	return s.customerGone() || s.unplaced() || s.Conference.Ended && s.customerWasIn(s.Conference.SID)
}

// queueLeft: the caller waits no longer. With whom he is, or why not, the task and the conference tell; if neither does, Twilio is asked, for somebody
// may talk to him of whom no other event came.
func (s *State) queueLeft(now time.Time) {
	if s.unmet() {
		s.setDeadline(DeadlineConfirm, subjectQueueLeft, now.Add(s.Settings.ConfirmWithin))
	}
}

// unmet says that the caller waits, as far as is known, and nobody is on the way to him.
func (s *State) unmet() bool {
	status := s.Status()
	return status == StatusQueued || status == StatusReserved
}

// settleEnd sees to what the customer leaves behind. Twilio closes most of it by itself and gets its time for that; then the call is read
// back, and what remains is closed by us.
func (s *State) settleEnd(now time.Time) {
	if c := s.Customer(); c != nil && c.State == LegLeft && c.Reason == reasonMoved && !s.Moved && s.Parting == PartingUnknown {
		s.setDeadline(DeadlineVanish, string(c.Call), now.Add(s.Settings.SettleWithin))
	}
	if s.Task.Canceled && !s.talkOver() && !s.met() && (s.Rescue.Stage == RescueNone || s.WantEnd) {
		// Canceled under a waiting caller: by its time to live, by somebody, or because no filter was left.
		s.settleLater(now)
		return
	}
	if !s.talkOver() {
		return
	}
	if s.WrappingAt.IsZero() {
		s.WrappingAt = now
	}
	if s.EndedBy == "" && s.customerGone() {
		s.EndedBy = s.whoHungUp()
	}
	if s.loose() {
		s.settleLater(now)
	} else if len(s.Tries) == 0 {
		s.clearDeadline(DeadlineSettle, "")
	}
}

// settleLater has the call looked at after a while, which grows with each look that did not help: from Settings.SettleWithin to 64 times that.
func (s *State) settleLater(now time.Time) {
	s.setDeadline(DeadlineSettle, "", now.Add(s.Settings.SettleWithin<<min(s.Looks, 6)))
}

// settleDue: the while is over. What was tried too often may be tried again after the look.
func (s *State) settleDue() {
	s.Looks++
	s.WantLook = true
	s.forgetTries(subjectConference)
	s.forgetTries(string(s.Task.SID))
	for i := range s.Invitations {
		s.forgetTries(string(s.Invitations[i].Task.SID))
	}
	for i := range s.Legs {
		s.forgetTries(string(s.Legs[i].Call))
	}
}

// loose says whether something that Twilio closes by itself after a talk is still open, or not known to be closed.
func (s *State) loose() bool {
	switch {
	case s.unplaced():
		return false
	case !s.customerGone() || !s.everybodyLeft() || s.legsOnTheirWay():
		return true
	case slices.ContainsFunc(s.Invitations, func(i Invitation) bool { return i.Doubt || i.Task.SID != "" && !i.Task.closed() && !i.Task.Wrapping }):
		return true
	case s.Task.SID == "" && s.withoutTask():
		return s.Bot.Result == ""
	case s.Task.SID == "":
		return !s.Close
	case s.met():
		return !s.Task.Wrapping && !s.Task.closed()
	default:
		return !s.Task.closed()
	}
}

// nothingRemains says whether the call is over: the customer gone, nobody in the conference or on his way, the tasks closed, and nothing wanted.
func (s *State) nothingRemains() bool {
	for i := range s.Reservations {
		if s.Reservations[i].WantOff {
			return false
		}
	}
	if slices.ContainsFunc(s.Invitations, func(i Invitation) bool { return s.remains(&i) }) {
		return false
	}
	return s.talkOver() && !s.loose() && (s.Task.SID == "" || s.Task.closed()) && len(s.Flights) == 0
}

// Over says whether the call is over for good. An ended call gives no command and takes no action.
func (s *State) Over() bool { return !s.EndedAt.IsZero() }

// outcome says how the call went, as far as is known by now.
func (s *State) outcome() Outcome {
	switch {
	case !s.talkOver():
		return OutcomeUnknown
	case s.met():
		return OutcomeCompleted
	case s.withoutTask():
		return s.outcomeOfBot()
	case s.WantEnd && s.EndedBy == endedBySystem:
		return OutcomeFailed
	case s.WantEnd:
		return OutcomeCanceled
	default:
		return OutcomeAbandoned
	}
}

// Status says where the call is.
func (s *State) Status() Status {
	c := s.Customer()
	switch {
	case s.Over():
		return StatusEnded
	case s.dialling():
		return StatusDialling
	case c == nil:
		return StatusUnknown
	case s.talkOver():
		return StatusWrapping
	case s.withBot():
		return StatusBot
	case c.State == LegJoined && s.met() && c.Hold:
		return StatusHeld
	case c.State == LegJoined && s.met():
		return StatusTalking
	}
	status := StatusQueued
	for i := range s.Reservations {
		r := &s.Reservations[i]
		switch {
		case r.lapsed():
		case r.Instructed, r.Status == ReservationIsAccepted:
			status = StatusConnecting
		case status == StatusQueued:
			status = StatusReserved
		}
	}
	return status
}
