package call

import (
	"fmt"
	"slices"
)

// allowsTransfer: one transfer at a time, by somebody who has the call, of a customer who is there.
func (s *State) allowsTransfer(e TransferRequested) error {
	if s.known(e.Request) {
		return nil
	}
	if err := s.allowsTarget(e.Target); err != nil {
		return err
	}
	l := s.Leg(e.From)
	switch {
	case l == nil:
		return &NotAllowed{CodeUnknownLeg, fmt.Sprintf("the call has no leg %s", e.From)}
	case !l.serves():
		return &NotAllowed{CodeNotAnAgentLeg, "only who has the call can hand it on: an agent, or a supervisor who is heard"}
	case l.State != LegJoined:
		return &NotAllowed{CodeLegNotJoined, fmt.Sprintf("the leg %s is %s, not in the conference", l.Call, l.State)}
	case l.WantGone:
		return &NotAllowed{CodeLegLeaving, fmt.Sprintf("the leg %s is leaving", l.Call)}
	case s.openTransfer() != nil:
		return &NotAllowed{CodeTransferOpen, "a transfer is under way"}
	case e.Mode != TransferCold && e.Mode != TransferWarm:
		return &NotAllowed{CodeBadTarget, `the mode is neither "cold" nor "warm"`}
	default:
		return nil
	}
}

// allowsInTransfer: what is asked of the transfer under way; of one in which the target is there, if so.
func (s *State) allowsInTransfer(q Request, statuses ...TransferStatus) error {
	if s.known(q) {
		return nil
	}
	t := s.openTransfer()
	switch {
	case s.Customer() == nil || s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case t == nil:
		return &NotAllowed{CodeNoTransfer, "no transfer is under way"}
	}
	if slices.Contains(statuses, t.Status) {
		return nil
	}
	return &NotAllowed{CodeNotConsulting, fmt.Sprintf("the transfer is %s", t.Status)}
}

// judgeTransfer: the target is looked for, the customer is held, and who hands on cold has left.
func (s *State) judgeTransfer(a Action) (ActionStatus, string) {
	t, i := s.transferOf(a.Invitation), s.Invitation(a.Invitation)
	if t == nil || i == nil {
		return ActionVerified, ""
	}
	switch t.Status {
	case TransferIsUnknown, TransferIsCalling: // below
	case TransferIsFailed:
		if i.Failure == FailedUnknown {
			return ActionFailed, string(t.Failure)
		}
		return ActionFailed, i.why()
	case TransferIsCanceled:
		return ActionSuperseded, "the transfer was canceled"
	case TransferIsCompleted, TransferIsConsulting, TransferIsMerged:
		return ActionVerified, ""
	}
	if i.made() && s.Customer().Hold && (t.Mode == TransferWarm || s.Leg(t.From).State == LegLeft) {
		return ActionVerified, ""
	}
	return ActionOpen, ""
}

// judgeInTransfer says where a swap, a merge, a completion or a cancellation stands.
func (s *State) judgeInTransfer(a Action) (ActionStatus, string) {
	t, i, c := s.transferOf(a.Invitation), s.Invitation(a.Invitation), s.Customer()
	if t == nil || i == nil {
		return ActionVerified, ""
	}
	l := s.Leg(i.Leg)
	targetHeld := l != nil && l.Hold
	if s.holdUnsettled(c) || l != nil && s.holdUnsettled(l) {
		return ActionOpen, "" // what was told last may be past
	}
	switch a.Kind {
	case "SwapRequested":
		return s.judgeConsultation(t, t.Status == TransferIsConsulting && c.WantHold == a.Hold, c.Hold == a.Hold && targetHeld != a.Hold)
	case "MergeRequested":
		return s.judgeConsultation(t, t.Status == TransferIsMerged && !c.WantHold, !c.Hold && !targetHeld)
	case "TransferCompleteRequested":
		switch {
		case t.Status == TransferIsCompleted && !c.Hold && !targetHeld:
			return ActionVerified, ""
		case t.Status == TransferIsFailed || t.Status == TransferIsCanceled:
			return ActionFailed, "the target did not stay: " + string(t.Failure)
		}
	case "TransferCancelRequested":
		back := c.State != LegJoined || c.Hold == c.WantHold
		if status, _ := s.judgeWithdraw(a); status == ActionVerified && back {
			return ActionVerified, ""
		}
	}
	return ActionOpen, ""
}

// holdUnsettled says whether a hold or unhold of a leg is on its way, or got no answer.
func (s *State) holdUnsettled(l *Leg) bool {
	return l.State == LegJoined && (l.Unsure || slices.ContainsFunc(s.Flights, func(f Flight) bool {
		return f.Subject == string(l.Call) && f.Kind == "HoldParticipant"
	}))
}

func (s *State) judgeConsultation(t *Transfer, wanted, observed bool) (ActionStatus, string) {
	switch {
	case t.Status == TransferIsCompleted && observed:
		return ActionVerified, ""
	case !t.Open():
		return ActionFailed, "the consultation was over before Twilio confirmed it"
	case !wanted:
		return ActionSuperseded, "something else was asked for before Twilio confirmed it"
	case observed:
		return ActionVerified, ""
	default:
		return ActionOpen, ""
	}
}
