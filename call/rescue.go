package call

import (
	"slices"
	"time"
)

// RescueStage says what is being done for a customer whom everybody left.
type RescueStage string

// Rescue stages.
const (
	RescueNone    RescueStage = ""
	RescueAgent   RescueStage = "agent"   // the agent who fell out is rung
	RescueQueue   RescueStage = "queue"   // somebody is looked for in the queue
	RescueGoodbye RescueStage = "goodbye" // nobody came: the customer is told so
)

// Rescue is the looking for somebody for a customer whom everybody left. It has a deadline at each stage: its invitation's.
type Rescue struct {
	Stage       RescueStage    `json:"stage,omitempty"`
	Reservation ReservationSID `json:"reservation_sid,omitempty"` // of the agent who fell out, and may come back
	Invitation  Label          `json:"invitation,omitempty"`      // of the stage
	At          time.Time      `json:"at,omitzero"`
}

// keepsCompany says whether a leg in the conference is somebody to talk with: a supervisor who only listens is not.
func (l *Leg) keepsCompany() bool {
	return l.Role == RoleAgent || l.Role == RoleExternal || l.Role == RoleSupervisor && l.Supervision.Wanted == Barge && !l.Coaching
}

// present says whether anybody to talk with is in the conference, and company whether one of them stays.
func (s *State) present() bool {
	return slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.State == LegJoined && l.keepsCompany() })
}

func (s *State) company() bool {
	return slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.State == LegJoined && l.keepsCompany() && !l.WantGone })
}

// settleCompany sees to a customer whom the last one has left. Who hung up a telephone, or left by our API, ended the call.
// A browser may have died: if the customer does not go as well within the grace, it has.
func (s *State) settleCompany(now time.Time) {
	if s.met() && s.AnsweredAt.IsZero() {
		s.AnsweredAt = now
	}
	c := s.Customer()
	alone := c != nil && c.State == LegJoined && !s.customerGone() && s.met() && !s.present() && s.Conference.live()
	s.settleAlone(now)
	t := s.openTransfer()
	if !alone || s.WantEnd || s.Rescue.Stage != RescueNone || t != nil && t.Mode == TransferCold {
		s.Deadlines = slices.DeleteFunc(s.Deadlines, func(d Deadline) bool { return d.Kind == DeadlineVanish && (c == nil || d.Subject != string(c.Call)) })
		s.settleUnattended()
		return
	}
	last := s.lastCompany()
	if t == nil && (last.WantGone || last.Reason == reasonHungUp && !last.soft()) {
		s.end(string(last.Role))
		return
	}
	s.setDeadline(DeadlineVanish, string(last.Call), now.Add(s.Settings.VanishGrace))
}

// settleAlone watches a customer who was brought into the conference, and of whose agent nothing is told.
func (s *State) settleAlone(now time.Time) {
	c := s.Customer()
	if c != nil && c.State == LegJoined && !s.met() && !s.present() && !s.WantEnd && s.Rescue.Stage == RescueNone && !s.customerGone() && s.Conference.live() {
		s.setDeadline(DeadlineAlone, "", now.Add(s.Settings.ConnectWithin))
		return
	}
	s.clearDeadline(DeadlineAlone, "")
}

// aloneTooLong: the call is read back, which shows the agent as a rule. If not, he went before we knew of him, and the task is not offered to anybody
// else: the queue is asked anew. While TaskRouter still offers it, the offer's own deadline decides.
func (s *State) aloneTooLong(now time.Time) {
	r := s.takenOf(s.Task.SID)
	switch {
	case s.WantLook || s.flying(subjectReadBack): // later
	case r == nil || !r.Looked:
		s.WantLook = true
		if r != nil {
			r.Looked = true
		}
	default:
		s.requeue(now)
	}
}

// settleUnattended takes everybody off hold where nobody is left who could: the agent who held them is gone, and who remains has no such means.
func (s *State) settleUnattended() {
	if s.Rescue.Stage != RescueNone || s.openTransfer() != nil || s.WantEnd || !s.company() ||
		slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.State == LegJoined && l.serves() }) {
		return
	}
	for i := range s.Legs {
		if l := &s.Legs[i]; l.State == LegJoined {
			l.WantHold = false
		}
	}
}

// serves says whether the leg is of somebody who has the call in hand.
func (l *Leg) serves() bool {
	return l.Role == RoleAgent || l.Role == RoleSupervisor && l.keepsCompany()
}

// lastCompany is the leg that left the customer last.
func (s *State) lastCompany() *Leg {
	var last *Leg
	for i := range s.Legs {
		l := &s.Legs[i]
		if l.keepsCompany() && !l.JoinedAt.IsZero() && (last == nil || l.LeftAt.After(last.LeftAt)) {
			last = l
		}
	}
	return last
}

// vanished: the grace for a leg is over. One that vanished leaves nobody with the customer: somebody is looked for. A customer's leg that somebody
// else took elsewhere did not come back: it is not ours any more.
func (s *State) vanished(now time.Time, sid SID) {
	leg := s.Leg(sid)
	t := s.openTransfer()
	switch {
	case leg == nil || leg.State != LegLeft:
	case leg.Role == RoleCustomer:
		s.Moved = true
	case t != nil:
		s.endTransfer(now, t, TransferIsFailed, FailedAgentLeft)
		s.withdraw(s.Invitation(t.Invitation), FailedAgentLeft)
		s.rescue(now, leg, leg.soft() && !leg.WantGone, "")
	case leg.soft():
		s.rescue(now, leg, leg.Role == RoleAgent, "")
	default:
		s.end(endedBySystem)
	}
}

// rescue looks for somebody for a customer whom everybody left. The agent whose leg it was is asked first, at an address of his choice or where he was
// before.
func (s *State) rescue(now time.Time, l *Leg, ask bool, address string) {
	c := s.Customer()
	if s.Rescue.Stage != RescueNone || s.WantEnd || s.talkOver() {
		return
	}
	c.WantHold, c.HoldMusic = true, s.Settings.RescueMusic
	s.forgetTries(string(c.Call))
	s.Rescue = Rescue{Stage: RescueAgent, Reservation: l.Reservation, At: now}
	if address == "" {
		address = l.Address
	}
	if r := s.findReservation(l.Reservation); ask && s.Settings.RejoinWithin > 0 && dialable(address) && r != nil && !s.wrapsUpNoMore(r) {
		s.Rescue.Invitation = s.ringAgain(now, r, address, system).Label
		return
	}
	s.Rescue.Reservation = ""
	s.queueAgain(now)
}

// wrapsUpNoMore says whether an agent's part was closed: it cannot go on.
func (s *State) wrapsUpNoMore(r *Reservation) bool {
	t := s.task(r.Task)
	return r.Status == ReservationIsCompleted || t == nil || t.closed() || t.WantCompleted
}

func (s *State) ringAgain(now time.Time, r *Reservation, address string, by Actor) *Invitation {
	i := s.invite(now, PurposeRescue, Target{Kind: TargetAgent, Agent: r.Agent, Address: address, Name: r.AgentName}, by, s.Settings.RejoinWithin)
	i.Reservation = r.Reservation
	return i
}

// queueAgain has somebody found by the queue that the call came from.
func (s *State) queueAgain(now time.Time) {
	if s.Settings.QueueAgainWithin <= 0 || s.Task.SID == "" || s.Task.Queue == "" {
		s.goodbye()
		return
	}
	s.Rescue.Stage = RescueQueue
	target := Target{Kind: TargetQueue, Queue: s.Task.Queue, Name: s.Task.QueueName}
	s.Rescue.Invitation = s.invite(now, PurposeRescue, target, system, s.Settings.QueueAgainWithin).Label
}

// goodbye gives up: the customer is told so.
func (s *State) goodbye() {
	s.Rescue.Stage = RescueGoodbye
	if s.Task.Canceled && !s.met() {
		s.end(endedByTaskRouter)
	} else {
		s.end(endedBySystem)
	}
}

// requeue: the task was canceled under a caller who waits, or counts as an agent's who is not there. Once, he is offered to the queue anew.
func (s *State) requeue(now time.Time) {
	if s.Rescue.Stage != RescueNone {
		return
	}
	s.Rescue = Rescue{At: now}
	s.queueAgain(now)
}

// droppedAtOnce says whether the agent who heard whom he gets took the call and went before the customer was brought to him: TaskRouter counts the task
// as his, and offers it to nobody else.
func (s *State) droppedAtOnce() bool {
	if s.met() || s.present() || s.Customer() == nil {
		return false
	}
	return slices.ContainsFunc(s.Reservations, func(r Reservation) bool {
		l := s.legOf(r.Reservation)
		return r.Announced && r.taken() && l != nil && l.State == LegLeft
	})
}

// settleRescue goes on to the next stage where one came to nothing, and is done when somebody is with the customer.
func (s *State) settleRescue(now time.Time) {
	c := s.Customer()
	switch {
	case s.Rescue.Stage == RescueNone && !s.WantEnd && !s.talkOver() && s.droppedAtOnce():
		s.requeue(now)
		return
	case s.Rescue.Stage == RescueNone || s.Rescue.Stage == RescueGoodbye:
		return
	case s.WantEnd || s.talkOver():
		s.Rescue = Rescue{}
		return
	case c.State == LegJoined && s.company():
		s.Rescue = Rescue{}
		c.WantHold, c.HoldMusic = false, ""
		for i := range s.Invitations {
			if i := &s.Invitations[i]; i.Purpose == PurposeRescue && i.Open() {
				s.withdraw(i, FailedCanceled)
			}
		}
		return
	case slices.ContainsFunc(s.Invitations, func(i Invitation) bool {
		return i.Purpose == PurposeRescue && (i.Open() || i.Status == InvitationJoined)
	}):
		return // somebody may come yet
	case s.Rescue.Stage == RescueAgent:
		s.queueAgain(now)
	default:
		s.goodbye()
	}
}

// requestRejoin: the agent who fell out says where he is.
func (s *State) requestRejoin(now time.Time, e RejoinRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	if l := s.vanishing(e.By); l != nil {
		s.clearDeadline(DeadlineVanish, string(l.Call))
		s.rescue(now, l, true, e.Address)
	} else {
		before := s.Rescue.Invitation
		i := s.ringAgain(now, s.findReservation(s.Rescue.Reservation), e.Address, e.By)
		if s.Rescue.Stage == RescueAgent {
			s.Rescue.Invitation = i.Label
			s.withdraw(s.Invitation(before), FailedCanceled)
		}
	}
	label := s.Invitations[len(s.Invitations)-1].Label
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: label, Status: ActionOpen})
}

// vanishing is the leg of an agent who fell out of the call a moment ago, and of whom nobody knows yet whether he ended it; nil if there is none.
func (s *State) vanishing(by Actor) *Leg {
	for i := range s.Legs {
		l := &s.Legs[i]
		if s.hasDeadline(DeadlineVanish, string(l.Call)) && l.Role == RoleAgent && l.soft() && s.openTransfer() == nil && s.mayRejoin(by, l.Reservation) {
			return l
		}
	}
	return nil
}

// mayRejoin says whether somebody may bring back the agent of an offer: he himself, or whoever has a say over agents.
func (s *State) mayRejoin(by Actor, sid ReservationSID) bool {
	r := s.findReservation(sid)
	return r != nil && !s.wrapsUpNoMore(r) && (by.Agent == "" && by.Role != string(RoleAgent) || by.Agent == r.Agent)
}

func (s *State) allowsRejoin(e RejoinRequested) error {
	rescued := s.Rescue.Stage == RescueAgent || s.Rescue.Stage == RescueQueue
	switch {
	case s.Customer() == nil || s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case s.Settings.RejoinWithin <= 0 || s.vanishing(e.By) == nil && (!rescued || !s.mayRejoin(e.By, s.Rescue.Reservation)):
		return &NotAllowed{CodeNotRejoinable, "nobody who fell out of the call is waited for"}
	case !dialable(e.Address):
		return &NotAllowed{CodeBadAddress, `the address is none that can be dialled: "+" and a number, "client:" or "sip:"`}
	default:
		return nil
	}
}

// judgeRejoin: he is back.
func (s *State) judgeRejoin(a Action) (ActionStatus, string) {
	switch i := s.Invitation(a.Invitation); {
	case i == nil || i.Status == InvitationJoined || i.Status == InvitationOver:
		return ActionVerified, ""
	case i.Failure == FailedCanceled:
		return ActionSuperseded, "somebody came first, or another address was given"
	case !i.Open():
		return ActionFailed, i.why()
	default:
		return ActionOpen, ""
	}
}
