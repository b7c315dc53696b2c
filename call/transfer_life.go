package call

import (
	"slices"
	"time"
)

// openTransfer is the transfer under way; nil if there is none.
func (s *State) openTransfer() *Transfer {
	if n := len(s.Transfers); n > 0 && s.Transfers[n-1].Open() {
		return &s.Transfers[n-1]
	}
	return nil
}

// transferOf finds a transfer by the label of its target; nil if there is none.
func (s *State) transferOf(label Label) *Transfer {
	for i := range s.Transfers {
		if s.Transfers[i].Invitation == label {
			return &s.Transfers[i]
		}
	}
	return nil
}

// requestTransfer: the customer is held from now on, and the target looked for. Who hands on cold leaves when Twilio has taken that.
func (s *State) requestTransfer(now time.Time, e TransferRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	i := s.invite(now, PurposeTransfer, e.Target.asked(), e.By, s.Settings.TransferWithin)
	if n := len(s.Transfers) - keptInvitations + 1; n > 0 {
		s.Transfers = slices.Delete(s.Transfers, 0, n)
	}
	from := s.Leg(e.From)
	s.Transfers = append(s.Transfers, Transfer{
		Invitation: i.Label, Mode: e.Mode, From: e.From, FromAgent: from.Agent, Status: TransferIsCalling, At: now,
	})
	s.hold(s.Customer(), true)
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Leg: e.From, Invitation: i.Label, Status: ActionOpen})
}

// hold wants a leg held, or not, as part of something else that was asked for.
func (s *State) hold(l *Leg, hold bool) {
	if l != nil && l.WantHold != hold {
		l.WantHold = hold
		s.forgetTries(string(l.Call))
	}
}

// settleTransfers sees how far the transfer under way is.
func (s *State) settleTransfers(now time.Time) {
	t := s.openTransfer()
	if t == nil {
		return
	}
	i, from := s.Invitation(t.Invitation), s.Leg(t.From)
	here := i.Status == InvitationJoined
	switch {
	case s.customerGone(), s.talkOver() && !s.WantEnd: // the end of his conference may be told before his leaving
		s.endTransfer(now, t, TransferIsFailed, FailedCustomerLeft)
	case s.WantEnd:
		s.endTransfer(now, t, TransferIsCanceled, FailedCanceled)
	case i.Status == InvitationFailed && i.Failure == FailedCanceled:
		s.endTransfer(now, t, TransferIsCanceled, i.Failure)
		s.wayBack(now, t)
	case i.Status == InvitationFailed:
		s.endTransfer(now, t, TransferIsFailed, i.Failure)
		s.wayBack(now, t)
	case i.Status == InvitationOver:
		s.endTransfer(now, t, TransferIsFailed, s.leftWhy(i))
		s.wayBack(now, t)
	case here && t.Mode == TransferCold, here && from.State == LegLeft:
		s.endTransfer(now, t, TransferIsCompleted, FailedUnknown)
		s.hold(s.Customer(), false)
		s.hold(s.Leg(i.Leg), false)
		from.WantGone = from.State == LegJoined || from.WantGone
	case here && t.Status == TransferIsCalling:
		t.Status = TransferIsConsulting
	case t.Mode == TransferCold && i.made() && from.State == LegJoined:
		from.WantGone = true
	}
}

// leftWhy says why a target who had come is gone before he had the call: he did not want it, or was not to have it.
func (s *State) leftWhy(i *Invitation) FailureReason {
	if l := s.Leg(i.Leg); l != nil && l.WantGone {
		return FailedCanceled
	}
	return FailedRejected
}

func (s *State) endTransfer(now time.Time, t *Transfer, status TransferStatus, why FailureReason) {
	t.Status, t.Failure, t.EndedAt = status, why, now
}

// wayBack: nobody took the call over. Who handed on has it again if he is there; else somebody is looked for, him first.
func (s *State) wayBack(now time.Time, t *Transfer) {
	from := s.Leg(t.From)
	if t.Mode == TransferCold && from.State == LegJoined && from.WantGone && !s.flying(string(from.Call)) {
		from.WantGone = false
	}
	if s.company() {
		s.hold(s.Customer(), false)
		return
	}
	s.rescue(now, from, true, "")
}

// requestSwap: customer and target change places.
func (s *State) requestSwap(e SwapRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	t, c := s.openTransfer(), s.Customer()
	held := c.WantHold
	s.hold(c, !held)
	s.hold(s.Leg(s.Invitation(t.Invitation).Leg), held)
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: t.Invitation, Hold: !held, Status: ActionOpen})
}

// requestMerge: all three talk.
func (s *State) requestMerge(e MergeRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	t := s.openTransfer()
	t.Status = TransferIsMerged
	s.hold(s.Customer(), false)
	s.hold(s.Leg(s.Invitation(t.Invitation).Leg), false)
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: t.Invitation, Status: ActionOpen})
}

// requestComplete: who hands on leaves, and customer and target talk.
func (s *State) requestComplete(e TransferCompleteRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	t := s.openTransfer()
	s.hold(s.Customer(), false)
	s.hold(s.Leg(s.Invitation(t.Invitation).Leg), false)
	s.Leg(t.From).WantGone = true
	s.forgetTries(string(t.From))
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Leg: t.From, Invitation: t.Invitation, Status: ActionOpen})
}

// requestCancel: the target does not come, or leaves.
func (s *State) requestCancel(now time.Time, e TransferCancelRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	t := s.openTransfer()
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: t.Invitation, Status: ActionOpen})
	s.endTransfer(now, t, TransferIsCanceled, FailedCanceled)
	s.withdraw(s.Invitation(t.Invitation), FailedCanceled)
	s.wayBack(now, t)
}

// transferStuck: the customer could not be held, so nobody can be consulted behind his back.
func (s *State) transferStuck(now time.Time, leg SID, why string) {
	t, c := s.openTransfer(), s.Customer()
	if t == nil || leg != c.Call || t.Status != TransferIsCalling || !c.WantHold {
		return
	}
	i := s.Invitation(t.Invitation)
	s.endTransfer(now, t, TransferIsFailed, FailedByTwilio)
	s.fail(i, FailedByTwilio, "the customer cannot be held: "+why)
	s.withdraw(i, FailedByTwilio)
	s.wayBack(now, t)
}
