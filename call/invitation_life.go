package call

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Open says whether somebody may still come.
func (i *Invitation) Open() bool {
	return i.Status == InvitationWanted || i.Status == InvitationOffered || i.Status == InvitationRinging
}

// byTask says whether TaskRouter finds him; the others are dialled. An agent at an address of his own was found before, and comes back.
func (i *Invitation) byTask() bool { return !i.Target.dialled() && i.Target.Address == "" }

// made says whether Twilio took it: there is a task, or a leg.
func (i *Invitation) made() bool { return i.Task.SID != "" || i.Leg != "" }

// keptInvitations is how many travel with a call, and so many of its transfers: of calls that were handed on so often, the oldest are forgotten.
const keptInvitations = 32

// system is who asks for what nobody asked for.
var system = Actor{Name: "holdfast", Role: endedBySystem}

// invite has somebody brought in.
func (s *State) invite(now time.Time, purpose Purpose, target Target, by Actor, within time.Duration) *Invitation {
	if len(s.Invitations) >= keptInvitations {
		s.forgetInvitation()
	}
	s.Invited++
	role := target.role()
	s.Invitations = append(s.Invitations, Invitation{
		Label: Label(string(role) + "-" + strconv.Itoa(s.Invited)), Purpose: purpose, Role: role, Target: target, By: by,
		Status: InvitationWanted, At: now, Until: now.Add(within),
	})
	i := &s.Invitations[len(s.Invitations)-1]
	if role == RoleSupervisor && purpose != PurposeListen {
		i.Supervision = Supervision{Wanted: Barge, Since: now}
	}
	// What Twilio itself gives up in time is heard of a little later.
	s.setDeadline(DeadlineInvitation, string(i.Label), i.Until.Add(s.Settings.SettleWithin))
	return i
}

// role is which side the leg of a target is on.
func (t Target) role() Role {
	switch t.Kind {
	case TargetNumber:
		return RoleExternal
	case TargetSupervisor:
		return RoleSupervisor
	default:
		return RoleAgent
	}
}

// forgetInvitation makes room for one more: the oldest of which nothing remains goes.
func (s *State) forgetInvitation() {
	i := slices.IndexFunc(s.Invitations, func(i Invitation) bool { return !i.Open() && !s.remains(&i) && i.Status != InvitationJoined })
	if i >= 0 {
		s.Invitations = slices.Delete(s.Invitations, i, i+1)
	}
}

// Invitation finds an invitation by its label; nil if there is none.
func (s *State) Invitation(label Label) *Invitation {
	if label == "" {
		return nil
	}
	for i := range s.Invitations {
		if s.Invitations[i].Label == label {
			return &s.Invitations[i]
		}
	}
	return nil
}

// fail ends an invitation to which nobody came. Whatever was made for it is to go.
func (s *State) fail(i *Invitation, why FailureReason, detail string) {
	if i == nil || !i.Open() {
		return
	}
	i.Status, i.Failure, i.Detail, i.WantGone = InvitationFailed, why, detail, true
}

// rejectedAfterAll: the one who was wanted said no, and that his phone rang no more was told before it.
func (s *State) rejectedAfterAll(i *Invitation) {
	if i == nil || i.Target.Kind != TargetAgent || i.Failure != FailedNoAnswer {
		return
	}
	i.Failure = FailedRejected
	if t := s.transferOf(i.Label); t != nil && t.Failure == FailedNoAnswer {
		t.Failure = FailedRejected
	}
}

// withdraw has nobody come any more: who is there already leaves.
func (s *State) withdraw(i *Invitation, why FailureReason) {
	if i == nil {
		return
	}
	s.fail(i, why, "")
	i.WantGone = true
	if l := s.Leg(i.Leg); l != nil && l.State == LegJoined {
		l.WantGone = true
	}
}

// dialledLeg is the leg of a call that we had made, by the invitation or the offer that it was made for; nil if it is neither's.
func (s *State) dialledLeg(call SID, label Label, offer ReservationSID) *Leg {
	i, r := s.Invitation(label), s.findReservation(offer)
	if i != nil && (r == nil || r.Task != i.Task.SID) {
		offer = "" // all callbacks of a conference go to the address that its first participant brought
	}
	if l := s.Leg(call); l != nil {
		if l.Reservation == "" {
			l.Reservation = offer
		}
		return l
	}
	if i == nil && (label != "" || r == nil) {
		return nil
	}
	l := Leg{Call: call, Role: RoleAgent, State: LegWaiting, Reservation: offer}
	if i != nil {
		l.Label, l.Role, l.Address, l.AgentName, l.Agent = label, i.Role, i.Target.Address, i.Target.Name, i.Target.Agent
		l.Reservation, l.Supervision = cmp.Or(i.Reservation, offer), i.Supervision
		i.Doubt = i.Doubt && i.byTask()
		if s.succeeds(i, offer) {
			i.Leg = call
		}
	} else if r != nil {
		r.AgentCall = call
	}
	s.forgetLeg()
	s.Legs = append(s.Legs, l)
	return &s.Legs[len(s.Legs)-1]
}

// ownsOffer: a leg's own callback names the offer that it was dialled for, whatever was guessed of it before, and of others.
func (s *State) ownsOffer(l *Leg, offer ReservationSID) {
	if l == nil || offer == "" || l.Told {
		return
	}
	for i := range s.Legs {
		o := &s.Legs[i]
		comesBack := s.Invitation(o.Label) != nil && s.Invitation(o.Label).Reservation == offer
		if o.Reservation == offer && !o.Told && !comesBack {
			o.Reservation = ""
		}
	}
	l.Reservation, l.Told = offer, true
}

// succeeds says whether a leg of which something is told for the first time is an invitation's from now on. TaskRouter has one agent after another rung,
// and the last word of one may come when the next is rung already.
func (s *State) succeeds(i *Invitation, offer ReservationSID) bool {
	before := s.Leg(i.Leg)
	if before == nil || before.State == LegLeft {
		return true
	}
	r := s.newestOf(i.Task.SID)
	return before.State == LegWaiting && r != nil && r.Reservation == offer
}

// cameIn: whoever comes into the conference under an invitation's label is the one who came.
func (s *State) cameIn(l *Leg) {
	if i := s.Invitation(l.Label); i != nil && i.Open() {
		i.Leg = l.Call
	}
}

// keptLegs is how many legs travel with a call before those that never came into it are forgotten: a queue can be rung for hours.
const keptLegs = 64

func (s *State) forgetLeg() {
	if len(s.Legs) < keptLegs {
		return
	}
	i := slices.IndexFunc(s.Legs, func(l Leg) bool {
		return l.Role != RoleCustomer && l.State == LegLeft && l.JoinedAt.IsZero() && !s.flying(string(l.Call)) &&
			!slices.ContainsFunc(s.Invitations, func(i Invitation) bool { return i.Open() && i.Leg == l.Call })
	})
	if i >= 0 {
		s.Legs = slices.Delete(s.Legs, i, i+1)
	}
}

// legStatus: Twilio says how the call is of a leg that we had made.
func (s *State) legStatus(now time.Time, e CallStatusChanged) {
	l := s.dialledLeg(e.Call, e.Invitation, e.Reservation)
	s.ownsOffer(l, e.Reservation)
	if l == nil || l.Status == "" && l.Label == "" && e.Reservation == "" || terminal(l.Status) {
		return
	}
	if terminal(e.Status) || statusRank(e.Status) > statusRank(l.Status) {
		l.Status = e.Status
	}
	switch {
	case e.Status == "in-progress" && l.State == LegWaiting && e.Reservation == "": // of whom no words of ours keep from the conference
		s.awaits(now, string(l.Call))
	case !terminal(e.Status):
	case l.State == LegJoined:
		l.leave(now, reasonHungUp) // the conference's own word of it comes later, or never
	default:
		l.leave(now, e.Status)
	}
}

// statusRank orders the statuses of a call that is dialled, for their events come in any order.
func statusRank(status string) int {
	return slices.Index([]string{"queued", "initiated", "ringing", "in-progress"}, status) + 1
}

// settleInvitations sees who came, and who cannot come any more.
func (s *State) settleInvitations(now time.Time) {
	for n := range s.Invitations {
		i := &s.Invitations[n]
		l := s.Leg(i.Leg)
		if i.Open() && (s.WantEnd || s.talkOver()) {
			why := FailedCanceled
			if s.customerGone() || !s.WantEnd { // the end of his conference may be told before his leaving
				why = FailedCustomerLeft
			}
			s.fail(i, why, "")
		}
		switch {
		case i.Open() && l != nil && !l.JoinedAt.IsZero() && !s.gaveUpOn(i, l):
			i.Status = InvitationJoined // and left since, perhaps: below
			s.clearDeadline(DeadlineInvitation, string(i.Label))
		case i.Open() && !i.byTask() && l != nil && l.State == LegLeft && !s.canceledUnsaid(i, l):
			s.fail(i, failureOf(l), "")
		case i.Open() && !i.byTask() && l != nil && l.State == LegLeft: // the look tells
		case i.Open() && l != nil && l.State == LegWaiting:
			i.Status = InvitationRinging
		case i.Open() && i.Task.SID != "":
			i.Status = InvitationOffered
		}
		if i.byTask() {
			s.settleInvitedTask(now, i)
		}
		if l != nil && l.State == LegJoined && i.WantGone {
			l.WantGone = true // he came all the same
		}
		if i.Status == InvitationJoined && l != nil && l.State == LegLeft {
			i.Status = InvitationOver
		}
		if !i.Open() && !i.Doubt {
			s.clearDeadline(DeadlineInvitation, string(i.Label))
		}
	}
}

// gaveUpOn says whether a leg was of an agent whose offer had run out before the call knew that he was there, and who is gone again: TaskRouter asks the next.
func (s *State) gaveUpOn(i *Invitation, l *Leg) bool {
	r := s.findReservation(l.Reservation)
	return i.byTask() && l.State == LegLeft && r != nil && r.Task == i.Task.SID && r.lapsed()
}

// canceledUnsaid says whether a ringing that nobody called off may have ended for a reason that is still to be told: with the conference, because the
// customer left, or with the offer, because the agent rejected it. The call is looked at once for that.
func (s *State) canceledUnsaid(i *Invitation, l *Leg) bool {
	if failureOf(l) != FailedCanceled || l.WantGone || i.WantGone {
		return false
	}
	if !i.Looked {
		i.Looked, s.WantLook = true, true
	}
	return s.looking()
}

// failureOf says why a leg that was dialled never came.
func failureOf(l *Leg) FailureReason {
	switch cmp.Or(l.Status, l.Reason) {
	case "busy":
		return FailedBusy
	case "failed":
		return FailedUnavailable
	case "canceled":
		return FailedCanceled
	default:
		return FailedNoAnswer // also of one that was answered, and hung up before it was in the conference
	}
}

// invitationOverdue: nobody came in time.
func (s *State) invitationOverdue(now time.Time, label Label) {
	i := s.Invitation(label)
	switch {
	case i == nil:
	case i.unused():
		s.fail(i, FailedTimedOut, "")
	case i.Open():
		s.fail(i, FailedTimedOut, "")
		s.WantLook = true
		if i.Doubt {
			s.setDeadline(DeadlineInvitation, string(label), now.Add(i.Until.Sub(i.At)))
		}
	case i.Doubt:
		s.WantLook = true
		if i.Doubt = i.byTask(); i.Doubt { // what may have been dialled has rung its time by now
			s.setDeadline(DeadlineInvitation, string(label), now.Add(i.Until.Sub(i.At)))
		}
	}
}

// wantedLeg says whether a leg that is on its way may come in.
func (s *State) wantedLeg(l *Leg) bool {
	if s.WantEnd || s.talkOver() || l.WantGone {
		return false
	}
	r := s.findReservation(l.Reservation)
	if l.Label == "" {
		return r == nil || !r.lapsed() && !r.WantRejected && !r.Declined
	}
	i := s.Invitation(l.Label)
	if i == nil || i.WantGone || !i.Open() || i.Leg != l.Call {
		return false
	}
	return !i.byTask() || r == nil || !r.lapsed() && !r.WantRejected && !r.Declined
}

// remains says whether something that was made for an invitation is still there, apart from legs in the conference.
func (s *State) remains(i *Invitation) bool {
	return i.Doubt || i.Open() || i.Task.SID != "" && !i.Task.closed()
}

// legsOnTheirWay says whether somebody's phone that we had dialled still rings, or he is connected with nobody.
func (s *State) legsOnTheirWay() bool {
	return slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.Role != RoleCustomer && l.State == LegWaiting })
}

// taskGrace is how much longer a task lives than its invitation.
const taskGrace = 30 * time.Second

// planInvitation makes the leg, or the task, that somebody is to come by, once: what was made is known by its label.
func (s *State) planInvitation(i *Invitation, add func(Command)) {
	if !i.Open() || i.made() || s.WantEnd || s.talkOver() {
		return
	}
	within := i.Until.Sub(i.At)
	if i.byTask() {
		priority := 0
		if i.Purpose == PurposeRescue {
			priority = s.Settings.RescuePriority
		}
		// TaskRouter's time is longer than ours, so that it does not take the task away while an agent joins.
		within += taskGrace
		add(CreateTask{
			Call: s.ID, Label: i.Label, Purpose: i.Purpose, Original: s.Task.SID, Target: i.Target, Within: within, Priority: priority, By: i.By.Name,
		})
		return
	}
	if s.Conference.live() && !i.DialsIn {
		add(AddParticipant{
			Call: s.ID, Conference: s.Conference.SID, Label: i.Label, To: i.Target.Address, From: s.line(), Ring: within,
			Muted: i.Purpose == PurposeListen,
		})
	}
}

// invitationMade: Twilio took the request that brings somebody in.
func (s *State) invitationMade(f Flight, call SID, task TaskSID) {
	i := s.Invitation(Label(f.Subject))
	if i == nil {
		return
	}
	if task != "" {
		i.Task.SID, i.Doubt = task, false
	}
	if call != "" {
		s.dialledLeg(call, i.Label, "")
		i.Doubt = false
	}
}

// invitationRefused: the request came to nothing for good.
func (s *State) invitationRefused(f Flight, failure Failure) {
	why := FailedByTwilio
	if failure.Code == CodeAgentUnavailable {
		why = FailedUnavailable
	}
	s.fail(s.Invitation(Label(f.Subject)), why, failure.Message)
}

// doubt notes that nobody knows whether something was made.
func (s *State) doubt(now time.Time, f Flight) {
	i := s.Invitation(Label(f.Subject))
	if i == nil || i.made() {
		return
	}
	i.Doubt = true
	s.setDeadline(DeadlineInvitation, f.Subject, now.Add(i.Until.Sub(i.At)+s.Settings.SettleWithin))
}
