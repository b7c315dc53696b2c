package call

import (
	"fmt"
	"strings"
	"time"
)

// requestJoin: somebody is to come besides those who are there.
func (s *State) requestJoin(now time.Time, e JoinRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	i := s.invite(now, PurposeJoin, e.Target.asked(), e.By, s.Settings.TransferWithin)
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: i.Label, Status: ActionOpen})
}

// requestWithdraw: somebody who is not there yet is to be left alone.
func (s *State) requestWithdraw(e WithdrawRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: e.Invitation, Status: ActionOpen})
	s.withdraw(s.Invitation(e.Invitation), FailedCanceled)
}

// asked is the target without what only the call itself may say: an agent is found by TaskRouter.
func (t Target) asked() Target {
	if !t.dialled() {
		t.Address = ""
	}
	return t
}

// dialable says whether Twilio can dial an address.
func dialable(address string) bool {
	for _, scheme := range []string{"+", "client:", "sip:", "sips:"} {
		if rest, ok := strings.CutPrefix(address, scheme); ok && rest != "" {
			return true
		}
	}
	return false
}

// maxParticipants is how many a conference of Twilio's holds.
// https://www.twilio.com/docs/voice/api/conference-participant-resource
const maxParticipants = 250

// allowsTarget: somebody can be brought to a customer who is in the conference.
func (s *State) allowsTarget(t Target) error {
	c := s.Customer()
	bad := func(what string) error { return &NotAllowed{CodeBadTarget, what} }
	switch {
	case c == nil || s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case c.State != LegJoined:
		return &NotAllowed{CodeCustomerNotJoined, "the customer is not in the conference"}
	case s.people() >= maxParticipants:
		return &NotAllowed{CodeTooManyParticipants, fmt.Sprintf("the call has %d participants, the most that a conference holds", maxParticipants)}
	}
	switch t.Kind {
	case TargetAgent:
		if t.Agent == "" {
			return bad("the target has no agent_sid")
		}
		for i := range s.Legs {
			if l := &s.Legs[i]; l.Role == RoleAgent && l.State == LegJoined && l.Agent == t.Agent {
				return bad("this agent is in the call")
			}
		}
	case TargetQueue:
		if t.Queue == "" {
			return bad("the target has no queue_sid")
		}
	case TargetNumber, TargetSupervisor:
		if !dialable(t.Address) {
			return bad(`the target's address is none that can be dialled: "+" and a number, "client:" or "sip:"`)
		}
	default:
		return bad(`the target's kind is not "agent", "queue", "number" or "supervisor"`)
	}
	if !t.dialled() && s.Task.SID == "" {
		return bad("the call has no task yet that an agent could be found by")
	}
	return nil
}

// people counts who is in the conference, or on his way.
func (s *State) people() int {
	n := 0
	for i := range s.Legs {
		if s.Legs[i].State == LegJoined {
			n++
		}
	}
	for i := range s.Invitations {
		if s.Invitations[i].Open() {
			n++
		}
	}
	return n
}

// allowsWithdraw: who is not there yet can be left alone; who is leaves by his leg.
func (s *State) allowsWithdraw(label Label) error {
	switch i := s.Invitation(label); {
	case s.Over():
		return s.ended()
	case i == nil:
		return &NotAllowed{CodeUnknownInvitation, fmt.Sprintf("the call has no invitation %s", label)}
	case !i.Open():
		return &NotAllowed{CodeInvitationOver, fmt.Sprintf("the invitation %s is %s", label, i.Status)}
	default:
		return nil
	}
}

// judgeJoin: Twilio has taken it that somebody is asked for.
func (s *State) judgeJoin(a Action) (ActionStatus, string) {
	switch i := s.Invitation(a.Invitation); {
	case i == nil || i.made():
		return ActionVerified, ""
	case i.Failure == FailedCanceled:
		return ActionSuperseded, "it was withdrawn first"
	case !i.Open():
		return ActionFailed, i.why()
	default:
		return ActionOpen, ""
	}
}

// why says for people why nobody came.
func (i *Invitation) why() string {
	if i.Detail == "" {
		return string(i.Failure)
	}
	return string(i.Failure) + ": " + i.Detail
}

// judgeWithdraw: nothing that was made for him is left; of one who had come, he is gone, and works after it for a while.
func (s *State) judgeWithdraw(a Action) (ActionStatus, string) {
	i := s.Invitation(a.Invitation)
	if i == nil {
		return ActionVerified, ""
	}
	l := s.Leg(i.Leg)
	if (i.Status == InvitationOver || !s.remains(i) && !s.flying(string(i.Label))) && (l == nil || l.State == LegLeft) {
		return ActionVerified, ""
	}
	return ActionOpen, ""
}
