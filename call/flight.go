package call

import (
	"slices"
	"time"
)

// Flight is a command on its way. It lands when its effect is observed, or when it is known to have come to nothing.
type Flight struct {
	Number   int    `json:"number"`
	Subject  string `json:"subject"`        // the leg, "task", "conference", …: one flight for each
	Kind     string `json:"kind"`           // the command's
	Target   bool   `json:"target"`         // the value asked for, of commands that set one
	With     string `json:"with,omitempty"` // what goes with the value: a hold's music, who is coached
	Accepted bool   `json:"accepted"`       // Twilio took it; its effect is not observed yet
	Sequence int    `json:"sequence"`       // the conference's, when it started
}

// Try counts how often a command came to nothing or was never confirmed.
type Try struct {
	Subject string `json:"subject"`
	Kind    string `json:"kind"`
	Count   int    `json:"count"`
}

// maxTries is how often the same difference is ordered away before the call gives it up.
const maxTries = 3

// Subjects of flights that are not legs.
const (
	subjectConference = "conference"
	subjectReadBack   = "read-back"
	subjectPlace      = "place"
	subjectQueue      = "enqueue" // not the leg: whoever is to be handed over may be hung up at once
	subjectSummary    = "summary"
)

// flightOf says what a command is about, and which value it sets.
func flightOf(c Command) (subject string, target bool) {
	switch c := c.(type) {
	case HoldParticipant:
		return string(c.Leg), c.Hold
	case MuteParticipant:
		return string(c.Leg), c.Muted
	case CoachParticipant:
		return string(c.Leg), c.Coaching
	case FlagParticipant:
		return string(c.Leg), c.EndConferenceOnExit
	case RemoveParticipant:
		return string(c.Leg), false
	case HangUpCall:
		return string(c.Leg), false
	case EndConference:
		return subjectConference, false
	case CompleteTask:
		return string(c.Task), false
	case CancelTask:
		return string(c.Task), false
	case AddParticipant:
		return string(c.Label), false
	case CreateTask:
		return string(c.Label), false
	case AcceptReservation:
		return string(c.Reservation), false
	case WrapUpReservation:
		return string(c.Reservation), false
	case MoveCustomer:
		return string(c.Leg), false
	case DismissCaller:
		return string(c.Leg), false
	case InstructReservation:
		return string(c.Reservation), false
	case RejectReservation:
		return string(c.Reservation), false
	case SetAvailability:
		return string(c.Agent), false
	case ReportMissed:
		return subjectMissed + string(c.Reservation), false
	case PlaceCall:
		return subjectPlace, false
	case EnqueueCaller:
		return subjectQueue, false
	case SummariseHandoff:
		return subjectSummary, false
	case ReadBack:
		return subjectReadBack, false
	default:
		return "", false
	}
}

// flightWith says what goes with the value that a command sets.
func flightWith(c Command) string {
	switch c := c.(type) {
	case HoldParticipant:
		if c.Hold {
			return c.Music
		}
	case CoachParticipant:
		return string(c.Coach)
	}
	return ""
}

// Begin notes that a command is on its way, and numbers it; its result must name that number.
func (s *State) Begin(_ time.Time, c Command) Order {
	s.Numbered++
	subject, target := flightOf(c)
	if subject == subjectReadBack {
		s.WantLook = false
	}
	s.Flights = append(s.Flights, Flight{
		Number: s.Numbered, Subject: subject, Kind: Kind(c), Target: target, With: flightWith(c), Sequence: s.Conference.Sequence,
	})
	if l := s.Leg(SID(subject)); l != nil && voice(Kind(c)) {
		l.Supervision.Ordered = s.Numbered
	}
	return Order{Number: s.Numbered, Command: c}
}

func (s *State) flying(subject string) bool {
	return slices.ContainsFunc(s.Flights, func(f Flight) bool { return f.Subject == subject })
}

// contrary says whether a command that sets the other value is on its way to a leg.
func (s *State) contrary(leg SID, kind string, target bool) bool {
	return slices.ContainsFunc(s.Flights, func(f Flight) bool {
		return f.Subject == string(leg) && f.Kind == kind && f.Target != target
	})
}

func (s *State) flight(number int) *Flight {
	for i := range s.Flights {
		if s.Flights[i].Number == number {
			return &s.Flights[i]
		}
	}
	return nil
}

// commandSucceeded: Twilio took a command. Its effect must be seen within the time for that.
func (s *State) commandSucceeded(now time.Time, e CommandSucceeded) {
	f := s.flight(e.Command)
	if f == nil || f.Accepted {
		return
	}
	f.Accepted = true
	switch f.Kind {
	case "HoldParticipant":
		s.Leg(SID(f.Subject)).Playing = f.With // no event tells what is played
	case "AddParticipant", "CreateTask":
		s.invitationMade(*f, e.Call, e.Task)
	case "ReportMissed":
		s.reportedMissed(f.Subject)
	case "SetAvailability":
		s.movedOff(f.Subject) // the answer itself shows the availability; no event of it concerns the call
	case "InstructReservation":
		s.instructed(now, ReservationSID(f.Subject)) // the phone rings: the connect deadline watches it from here
	case "PlaceCall":
		s.placed(now, e.Call)
	case "EnqueueCaller":
		s.enqueued(now)
	case "SummariseHandoff":
		s.Bot.Summarised = true
	case "DismissCaller":
		s.Parting = PartingSpoken
		s.setDeadline(DeadlineParting, "", now.Add(4*s.Settings.SettleWithin))
	}
	if !s.reached(*f) {
		s.setDeadline(DeadlineConfirm, f.Subject, now.Add(s.Settings.ConfirmWithin))
	}
}

// commandFailed: a command came to nothing. What is gone is read back; what is refused may be tried again a few times.
func (s *State) commandFailed(now time.Time, number int, failure Failure) {
	f := s.flight(number)
	if f == nil {
		return
	}
	failed := *f
	s.drop(number)
	if failed.Kind == "ReadBack" {
		// Whoever waits for the answer waits on: flights that Twilio took, and what the customer left behind.
		s.setDeadline(DeadlineConfirm, subjectReadBack, now.Add(s.Settings.SettleWithin))
		return
	}
	if l := s.Leg(SID(failed.Subject)); l != nil && l.supervises() && voice(failed.Kind) && failure.Kind != FailureRefused {
		s.unsure(l) // it may have taken effect
	}
	if l := s.Leg(SID(failed.Subject)); l != nil && failure.Kind == FailureUnavailable && (failed.Kind == "HoldParticipant" || failed.Kind == "MuteParticipant") {
		l.Unsure, s.WantLook = l.State == LegJoined, true
	}
	if s.reached(failed) {
		return
	}
	s.WantLook = true
	if failure.Kind == FailureUnavailable && (failed.Kind == "AddParticipant" || failed.Kind == "CreateTask") {
		s.doubt(now, failed)
	}
	s.Bot.Doubt = s.Bot.Doubt || failure.Kind == FailureUnavailable && failed.Kind == "PlaceCall"
	if failure.Kind == FailureRefused && failure.Code != codeNobodyToCoach {
		s.forgetTries(failed.Subject)
		s.Tries = append(s.Tries, Try{Subject: failed.Subject, Kind: failed.Kind, Count: maxTries - 1}) // asking again would not help
	}
	s.tried(now, failed, failure)
}

// settleFlights lets those land whose effect is observed.
func (s *State) settleFlights() {
	for _, f := range slices.Clone(s.Flights) {
		if f.Accepted && s.reached(f) {
			s.drop(f.Number)
			s.forgetTries(f.Subject)
		}
	}
}

// drop ends a flight, however it went.
func (s *State) drop(number int) {
	s.Flights = slices.DeleteFunc(s.Flights, func(f Flight) bool {
		if f.Number == number {
			s.clearDeadline(DeadlineConfirm, f.Subject)
		}
		return f.Number == number
	})
}

// reached says whether what a flight asked for is so.
func (s *State) reached(f Flight) bool {
	leg := s.Leg(SID(f.Subject))
	if leg != nil && leg.State == LegLeft && (leg.Role != RoleCustomer || f.Kind != "HangUpCall" && f.Kind != "DismissCaller") {
		return true // whatever it was for is past
	}
	switch f.Kind {
	case "HoldParticipant":
		return leg != nil && leg.Hold == f.Target && (!f.Target || leg.Playing == f.With)
	case "MuteParticipant":
		return leg != nil && leg.Muted == f.Target
	case "CoachParticipant":
		return leg != nil && leg.Coaching == f.Target && (!f.Target || leg.Coach == SID(f.With))
	case "FlagParticipant":
		return leg != nil && leg.EndConferenceOnExit == f.Target
	case "HangUpCall":
		return leg != nil && leg.Role == RoleCustomer && s.customerGone()
	case "EndConference":
		return !s.Conference.live()
	case "CompleteTask", "CancelTask":
		t := s.task(TaskSID(f.Subject))
		return t == nil || t.closed()
	case "AddParticipant", "CreateTask":
		i := s.Invitation(Label(f.Subject))
		return i == nil || i.made()
	case "AcceptReservation":
		r := s.findReservation(ReservationSID(f.Subject))
		return r == nil || r.taken() || r.lapsed()
	case "WrapUpReservation":
		r := s.findReservation(ReservationSID(f.Subject))
		return r == nil || r.Status != ReservationIsAccepted
	case "MoveCustomer":
		return leg != nil && leg.State == LegJoined || s.customerGone()
	case "RejectReservation":
		r := s.findReservation(ReservationSID(f.Subject))
		return r != nil && r.lapsed()
	case "InstructReservation":
		r := s.findReservation(ReservationSID(f.Subject))
		return f.Accepted || r != nil && (r.taken() || r.lapsed())
	case "DismissCaller":
		return f.Accepted || s.customerGone()
	case "PlaceCall":
		return s.Customer() != nil
	case "EnqueueCaller":
		return f.Accepted || s.Bot.Enqueued || s.customerGone()
	case "SetAvailability", "ReportMissed", "SummariseHandoff":
		return f.Accepted
	default:
		return false
	}
}

// tried counts a try that came to nothing. After the last one the call stops wanting it, and says so to whoever asked.
func (s *State) tried(now time.Time, f Flight, failure Failure) {
	why := failure.Message
	i := slices.IndexFunc(s.Tries, func(t Try) bool { return t.Subject == f.Subject && t.Kind == f.Kind })
	if i < 0 {
		s.Tries = append(s.Tries, Try{Subject: f.Subject, Kind: f.Kind})
		i = len(s.Tries) - 1
	}
	s.Tries[i].Count++
	if s.Tries[i].Count < maxTries {
		return
	}
	leg := s.Leg(SID(f.Subject))
	if leg != nil && leg.supervises() && voice(f.Kind) {
		s.voiceRefused(leg, f, why)
		return
	}
	switch f.Kind {
	case "HoldParticipant":
		s.holdRefused(now, leg, why)
	case "MuteParticipant":
		leg.WantMuted = leg.Muted
		s.failActions(leg.Call, why, "MuteRequested", "UnmuteRequested")
	case "RemoveParticipant":
		leg.WantGone = false
		s.failActions(leg.Call, why, "LeaveRequested", "TransferRequested", "TransferCompleteRequested")
	case "FlagParticipant":
		s.alert(now, AlertFlagStuck, f.Subject, "endConferenceOnExit of this leg cannot be set: "+why)
	case "InstructReservation":
		s.findReservation(ReservationSID(f.Subject)).WantAccepted = false
		s.failReservationActions(ReservationSID(f.Subject), why, "AcceptRequested")
	case "RejectReservation":
		if r := s.findReservation(ReservationSID(f.Subject)); r.WantRejected {
			if !s.met() {
				s.end(endedBySystem)
			}
		} else {
			r.Declined = false
			s.failReservationActions(r.Reservation, why, "RejectRequested")
		}
	case "DismissCaller":
		s.Parting = PartingOver
	case "SetAvailability":
		s.movedOff(f.Subject)
	case "AddParticipant", "CreateTask":
		s.invitationRefused(f, failure)
	case "AcceptReservation":
		s.alert(now, AlertAcceptRefused, f.Subject, "the agent is in the call, but TaskRouter does not take it that he accepted: "+why)
	case "MoveCustomer":
		s.end(endedBySystem)
	case "ReportMissed":
		s.reportedMissed(f.Subject)
	case "PlaceCall":
		s.notPlaced(now)
	case "EnqueueCaller":
		s.notEnqueued(why)
	case "SummariseHandoff":
		s.notSummarised(why)
	case "CompleteTask", "CancelTask", "EndConference", "HangUpCall":
		// A call never gives up ending: after a while it is looked at, and tried again.
		s.failActions("", why, "EndRequested", "WrapupCompleteRequested")
		s.settleLater(now)
	}
}

// holdRefused: Twilio does not hold a leg, or does not let it go. Whoever asked is told so, and it stays as it is. But nobody is left on hold whom
// the call itself wants back: after a while that is tried again.
func (s *State) holdRefused(now time.Time, leg *Leg, why string) {
	asked := slices.ContainsFunc(s.Actions, func(a Action) bool {
		return a.Status == ActionOpen && a.Leg == leg.Call && a.Kind == "UnholdRequested"
	})
	s.transferStuck(now, leg.Call, why)
	if !leg.WantHold && !asked {
		s.settleLater(now)
		return
	}
	leg.WantHold, leg.HoldMusic = leg.Hold, leg.Playing
	s.failActions(leg.Call, why, "HoldRequested", "UnholdRequested")
}

// tries is how often a command came to nothing so far.
func (s *State) tries(subject, kind string) int {
	for _, t := range s.Tries {
		if t.Subject == subject && t.Kind == kind {
			return t.Count
		}
	}
	return 0
}

func (s *State) forgetTries(subject string) {
	s.Tries = slices.DeleteFunc(s.Tries, func(t Try) bool { return t.Subject == subject })
}

// movedOff: the agent who did not answer is off, or cannot be moved.
func (s *State) movedOff(agent string) {
	for i := range s.Reservations {
		if string(s.Reservations[i].Agent) == agent {
			s.Reservations[i].WantOff = false
		}
	}
}

// subjectMissed is the prefix of a report's subject: the reservation itself may have a command of its own under way.
const subjectMissed = "missed:"

// reportedMissed: the floor knows of the agent who did not come, or cannot be told.
func (s *State) reportedMissed(subject string) {
	for i := range s.Reservations {
		if subjectMissed+string(s.Reservations[i].Reservation) == subject {
			s.Reservations[i].WantOff = false
		}
	}
}
