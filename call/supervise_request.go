package call

import (
	"fmt"
	"time"
)

// requestSupervise: a supervisor is to be dialled, and brought in muted whatever his mode.
func (s *State) requestSupervise(now time.Time, e SuperviseRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.voidDialIns(e.By.Name)
	i := s.invite(now, PurposeListen, Target{Kind: TargetSupervisor, Address: e.Address, Name: e.By.Name}, e.By, s.Settings.Ring)
	i.Supervision = Supervision{Wanted: e.Mode, Coach: e.Coach, Private: e.Private, Since: now}
	s.Actions = append(s.Actions, Action{
		Request: e.Request, Kind: Kind(e), Invitation: i.Label, Mode: e.Mode, Coach: e.Coach, Status: ActionOpen,
	})
}

func (s *State) requestMode(now time.Time, e SupervisionModeRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	l := s.Leg(e.Leg)
	v := &l.Supervision
	if v.Wanted != e.Mode {
		v.Wanted, v.Since = e.Mode, now
	}
	if e.Coach != "" {
		v.Coach = e.Coach
	}
	v.TakesOver = v.TakesOver && e.Mode == Barge
	s.forgetTries(string(l.Call))
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Leg: e.Leg, Mode: e.Mode, Coach: e.Coach, Status: ActionOpen})
}

// requestTakeOver: first the supervisor is to be heard, so that the customer is never alone.
func (s *State) requestTakeOver(now time.Time, e TakeOverRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	l := s.Leg(e.Leg)
	v := &l.Supervision
	if v.Wanted != Barge {
		v.Wanted, v.Since = Barge, now
	}
	v.TakesOver = !v.Has
	l.WantHold = false
	s.forgetTries(string(l.Call))
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Leg: e.Leg, Mode: Barge, Status: ActionOpen})
}

// anyAddress stands for a supervisor's own where that is judged elsewhere.
const anyAddress = "+1"

// allowsSupervise: a supervisor comes to a customer who is in the conference, once.
func (s *State) allowsSupervise(e SuperviseRequested) error {
	if s.known(e.Request) {
		return nil
	}
	if err := s.allowsTarget(Target{Kind: TargetSupervisor, Address: anyAddress}); err != nil {
		return err
	}
	if !dialable(e.Address) {
		return &NotAllowed{CodeBadAddress, `the address is none that can be dialled: "+" and a number, "client:" or "sip:"`}
	}
	if err := s.allowsListener(e.By.Name); err != nil {
		return err
	}
	return s.allowsMode(e.Mode, e.Coach, "")
}

// allowsMode: whom is to be coached must be there.
func (s *State) allowsMode(mode SupervisionMode, coach, before SID) error {
	switch {
	case !mode.valid():
		return &NotAllowed{CodeBadMode, `the mode is not "monitor", "whisper" or "barge"`}
	case coach != "" && !s.coachable(coach):
		return &NotAllowed{CodeNotAnAgentLeg, fmt.Sprintf("%s is not the leg of an agent in the conference", coach)}
	case mode == Whisper && coach == "" && !s.coachable(before) && s.toCoach() == "":
		return &NotAllowed{CodeNotAnAgentLeg, "there is no agent in the conference to coach"}
	default:
		return nil
	}
}

// allowsSupervisor: a supervisor's leg takes actions like any other.
func (s *State) allowsSupervisor(r Request, sid SID) error {
	if err := s.allowsLeg(r, sid); err != nil || s.known(r) {
		return err
	}
	if !s.Leg(sid).supervises() {
		return &NotAllowed{CodeNoSupervision, fmt.Sprintf("the leg %s is not a supervisor's", sid)}
	}
	return nil
}

func (s *State) allowsModeOf(e SupervisionModeRequested) error {
	if err := s.allowsSupervisor(e.Request, e.Leg); err != nil || s.known(e.Request) {
		return err
	}
	l := s.Leg(e.Leg)
	if l.Supervision.Has && e.Mode != Barge {
		return &NotAllowed{CodeHasCall, "this supervisor took the call over: the customer is his"}
	}
	return s.allowsMode(e.Mode, e.Coach, l.Supervision.Coach)
}

// allowsMute: who hears a supervisor is decided by his mode.
func (s *State) allowsMute(r Request, sid SID) error {
	if err := s.allowsLeg(r, sid); err != nil || s.known(r) {
		return err
	}
	if s.Leg(sid).supervises() {
		return &NotAllowed{CodeSupervisorLeg, "who hears a supervisor is decided by his mode; change that instead"}
	}
	return nil
}

// judgeSupervise: he is there, and does what he came for.
func (s *State) judgeSupervise(a Action) (ActionStatus, string) {
	i := s.Invitation(a.Invitation)
	switch {
	case i == nil:
		return ActionFailed, "it is long over"
	case i.Status == InvitationFailed && i.Failure == FailedCanceled:
		return ActionSuperseded, "it was withdrawn first"
	case i.Status == InvitationFailed:
		return ActionFailed, i.why()
	case s.Leg(i.Leg) == nil || s.Leg(i.Leg).State == LegWaiting:
		return ActionOpen, ""
	default:
		return s.judgeMode(a, s.Leg(i.Leg))
	}
}

func (s *State) judgeMode(a Action, l *Leg) (ActionStatus, string) {
	v := &l.Supervision
	return s.judgeLeg(l, v.Wanted == a.Mode && (a.Coach == "" || a.Mode != Whisper || a.Coach == v.Coach), s.asWanted(l))
}

// judgeTakeOver: he is heard, and no agent is there any more.
func (s *State) judgeTakeOver(a Action) (ActionStatus, string) {
	l := s.Leg(a.Leg)
	v := &l.Supervision
	agents := false
	for i := range s.Legs {
		agents = agents || s.Legs[i].Role == RoleAgent && s.Legs[i].State == LegJoined && s.Legs[i].WantGone
	}
	return s.judgeLeg(l, v.TakesOver || v.Has, v.Has && s.asWanted(l) && !agents)
}

// failSupervision decides what was asked of a supervisor's leg and is open.
func (s *State) failSupervision(l *Leg, why string) {
	s.failActions(l.Call, why, "SupervisionModeRequested", "TakeOverRequested")
	for i := range s.Actions {
		if a := &s.Actions[i]; a.Status == ActionOpen && a.Kind == "SuperviseRequested" && a.Invitation == l.Label {
			a.Status, a.Detail = ActionFailed, why
		}
	}
}
