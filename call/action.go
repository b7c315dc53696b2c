package call

import "slices"

// ActionStatus is where an action is.
type ActionStatus string

// Action statuses.
const (
	ActionOpen       ActionStatus = "open"       // accepted, not yet verified
	ActionVerified   ActionStatus = "verified"   // Twilio's own word says that it is so
	ActionSuperseded ActionStatus = "superseded" // somebody wanted the contrary before it was verified
	ActionFailed     ActionStatus = "failed"     // Twilio would not, or the call was over first
)

// Action is something that a person asked for, and how it went.
type Action struct {
	Request
	Kind string `json:"kind"` // the event's kind, such as "HoldRequested"
	Leg  SID    `json:"leg,omitempty"`
	// Reservation is what it is about, of an accept or a reject.
	Reservation ReservationSID `json:"reservation_sid,omitempty"`
	// Invitation is whom it is about, of what brings people in.
	Invitation Label `json:"invitation,omitempty"`
	// Agent is whose wrap-up is done; "" of everybody's.
	Agent AgentSID `json:"agent_sid,omitempty"`
	// Mode and Coach are what a supervisor's leg is to do.
	Mode  SupervisionMode `json:"mode,omitempty"`
	Coach SID             `json:"coach,omitempty"`
	// Hold says whether a swap holds the customer.
	Hold   bool         `json:"hold,omitempty"`
	Status ActionStatus `json:"status"`
	Detail string       `json:"detail,omitempty"` // why it failed
}

// keptActions is how many outcomes travel with a call, so that an action asked again finds its own.
const keptActions = 64

// Action finds an action by its ID.
func (s *State) Action(id string) (Action, bool) {
	for _, a := range s.Actions {
		if a.ID() == id {
			return a, true
		}
	}
	return Action{}, false
}

// ID identifies the action; see [Request].
func (a Action) ID() string { return a.Request.Action }

// request applies what a person asked for. What is not allowed changes nothing; what was asked before is not asked again.
func (s *State) request(e Event, r Request, leg SID) {
	if _, known := s.Action(r.Action); known || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: r, Kind: Kind(e), Leg: leg, Status: ActionOpen})
	switch e := e.(type) {
	case HoldRequested:
		s.Leg(leg).WantHold, s.Leg(leg).HoldMusic = true, e.Music
	case UnholdRequested:
		s.Leg(leg).WantHold = false
	case MuteRequested:
		s.Leg(leg).WantMuted = true
	case UnmuteRequested:
		s.Leg(leg).WantMuted = false
	case LeaveRequested:
		s.Leg(leg).WantGone = true
	case EndRequested:
		s.end(r.By.Role)
	case WrapupCompleteRequested:
		s.Actions[len(s.Actions)-1].Agent = e.Agent
		for _, t := range s.partsOver(e.Agent) {
			s.wrappedUp(t)
		}
	}
	s.forgetTries(string(leg))
}

// settleActions decides the open actions whose outcome can be seen.
func (s *State) settleActions() {
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Status == ActionOpen {
			a.Status, a.Detail = s.judge(*a)
		}
	}
	for decided := len(s.Actions) - keptActions; decided > 0; decided-- {
		i := slices.IndexFunc(s.Actions, func(a Action) bool { return a.Status != ActionOpen })
		if i < 0 {
			return
		}
		s.Actions = slices.Delete(s.Actions, i, i+1)
	}
}

// judge says where an open action stands.
func (s *State) judge(a Action) (ActionStatus, string) {
	switch a.Kind {
	case "HoldRequested", "UnholdRequested":
		want := a.Kind == "HoldRequested"
		leg := s.Leg(a.Leg)
		return s.judgeLeg(leg, leg.WantHold == want, leg.heldAsWanted() && !s.contrary(a.Leg, "HoldParticipant", want))
	case "MuteRequested", "UnmuteRequested":
		want := a.Kind == "MuteRequested"
		leg := s.Leg(a.Leg)
		return s.judgeLeg(leg, leg.WantMuted == want, leg.Muted == want && !s.contrary(a.Leg, "MuteParticipant", want))
	case "LeaveRequested":
		if s.Leg(a.Leg).State == LegLeft {
			return ActionVerified, ""
		}
	case "TransferRequested":
		return s.judgeTransfer(a)
	case "SwapRequested", "MergeRequested", "TransferCompleteRequested", "TransferCancelRequested":
		return s.judgeInTransfer(a)
	case "SuperviseRequested":
		return s.judgeSupervise(a)
	case "SupervisionModeRequested":
		return s.judgeMode(a, s.Leg(a.Leg))
	case "TakeOverRequested":
		return s.judgeTakeOver(a)
	case "HelpRequested", "HelpDismissed", "DialInRequested":
		return ActionVerified, "" // our own word
	case "RejoinRequested":
		return s.judgeRejoin(a)
	case "JoinRequested":
		return s.judgeJoin(a)
	case "WithdrawRequested":
		return s.judgeWithdraw(a)
	case "AcceptRequested", "RejectRequested":
		return s.judgeReservation(a)
	case "HandoffRequested":
		return s.judgeHandoff()
	case "EndRequested":
		if c := s.Customer(); s.unplaced() || c != nil && c.State == LegLeft && s.everybodyLeft() {
			return ActionVerified, ""
		}
	case "WrapupCompleteRequested":
		return s.judgeWrapup(a)
	}
	return ActionOpen, ""
}

func (s *State) judgeLeg(leg *Leg, wanted, observed bool) (ActionStatus, string) {
	observed = observed && !leg.Unsure
	switch {
	case leg.State == LegLeft:
		return ActionFailed, "the leg left before Twilio confirmed it"
	case !wanted:
		return ActionSuperseded, "the contrary was asked for before Twilio confirmed it"
	case observed:
		return ActionVerified, ""
	default:
		return ActionOpen, ""
	}
}

// failActions decides the open actions of these kinds against the leg ("" for the call's own).
func (s *State) failActions(leg SID, why string, kinds ...string) {
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Status == ActionOpen && a.Leg == leg && slices.Contains(kinds, a.Kind) {
			a.Status, a.Detail = ActionFailed, why
		}
	}
}
