package call

import (
	"slices"
	"time"
)

// DeadlineKind says what a deadline is for.
type DeadlineKind string

// Deadline kinds.
const (
	DeadlineConnect DeadlineKind = "connect" // Subject: the reservation
	DeadlineMissed  DeadlineKind = "missed"  // Subject: the reservation
	DeadlineVanish  DeadlineKind = "vanish"  // Subject: the leg
	DeadlineConfirm DeadlineKind = "confirm" // Subject: the flight's
	DeadlineSettle  DeadlineKind = "settle"
	DeadlineWrapUp  DeadlineKind = "wrap-up" // Subject: the task
	DeadlineParting DeadlineKind = "parting" // the caller whom nobody comes for has been told by now
	DeadlineSilence DeadlineKind = "silence"
	DeadlineBot     DeadlineKind = "bot" // Subject: see botDue

	DeadlineInvitation DeadlineKind = "invitation" // Subject: the label
	DeadlineWrapping   DeadlineKind = "wrapping"   // Subject: the reservation
	DeadlineAlone      DeadlineKind = "alone"      // the customer is in the conference, and of nobody else there we were told
)

// Deadline is a moment at which something happens unless something else happened before.
type Deadline struct {
	Kind    DeadlineKind `json:"kind"`
	Subject string       `json:"subject,omitempty"`
	At      time.Time    `json:"at"`
}

// NextDeadline is when [State.Apply] wants to be told that the clock ticked; false if nothing is waited for.
func (s *State) NextDeadline() (time.Time, bool) {
	var next time.Time
	for _, d := range s.Deadlines {
		if next.IsZero() || d.At.Before(next) {
			next = d.At
		}
	}
	return next, !next.IsZero()
}

// setDeadline starts a deadline, unless the same one runs already: what is waited for since then is not waited for anew.
func (s *State) setDeadline(kind DeadlineKind, subject string, at time.Time) {
	if !s.hasDeadline(kind, subject) {
		s.Deadlines = append(s.Deadlines, Deadline{Kind: kind, Subject: subject, At: at})
	}
}

func (s *State) hasDeadline(kind DeadlineKind, subject string) bool {
	return slices.ContainsFunc(s.Deadlines, func(d Deadline) bool { return d.Kind == kind && d.Subject == subject })
}

func (s *State) clearDeadline(kind DeadlineKind, subject string) {
	s.Deadlines = slices.DeleteFunc(s.Deadlines, func(d Deadline) bool { return d.Kind == kind && d.Subject == subject })
}

// settleSilence watches that Twilio is not silent for too long. The deadline is not moved by each word, but finds out when it passes.
func (s *State) settleSilence(now time.Time) {
	if s.HeardAt.IsZero() {
		s.HeardAt = now
	}
	after := s.lookAfter()
	if s.deaf() {
		s.Deadlines = slices.DeleteFunc(s.Deadlines, func(d Deadline) bool { return d.Kind == DeadlineSilence && d.At.After(now.Add(after)) })
	}
	if !s.hasDeadline(DeadlineSilence, "") {
		at := s.HeardAt.Add(after)
		if !at.After(now) {
			at = now.Add(after)
		}
		s.setDeadline(DeadlineSilence, "", at)
	}
}

// lookAfter is how long silence may last: a twentieth of what is set where no callbacks come, which is 30 seconds by default.
func (s *State) lookAfter() time.Duration {
	if s.deaf() {
		return s.Settings.LookAfter / 20
	}
	return s.Settings.LookAfter
}

// tick lets every deadline that is over take effect, the earliest first.
func (s *State) tick(now time.Time) {
	var due []Deadline
	s.Deadlines = slices.DeleteFunc(s.Deadlines, func(d Deadline) bool {
		over := !d.At.After(now)
		if over {
			due = append(due, d)
		}
		return over
	})
	slices.SortStableFunc(due, func(a, b Deadline) int { return a.At.Compare(b.At) })
	for _, d := range due {
		switch d.Kind {
		case DeadlineConnect:
			s.connectOverdue(now, ReservationSID(d.Subject))
		case DeadlineMissed:
			s.missed(now, ReservationSID(d.Subject))
		case DeadlineVanish:
			s.vanished(now, SID(d.Subject))
		case DeadlineConfirm:
			s.WantLook = s.WantLook || d.Subject != subjectQueueLeft || s.unmet()
		case DeadlineSettle:
			s.settleDue()
		case DeadlineSilence:
			s.WantLook = s.WantLook || now.Sub(s.HeardAt) >= s.lookAfter()
		case DeadlineParting:
			s.Parting = PartingOver
		case DeadlineBot:
			s.botDue(now, d.Subject)
		case DeadlineAlone:
			s.aloneTooLong(now)
		case DeadlineInvitation:
			s.invitationOverdue(now, Label(d.Subject))
		case DeadlineWrapUp:
			if t := s.task(TaskSID(d.Subject)); t != nil {
				t.WantCompleted = true
			}
		case DeadlineWrapping:
			s.wrapUpDue(ReservationSID(d.Subject))
		}
	}
}
