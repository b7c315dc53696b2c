package call

import (
	"cmp"
	"slices"
	"time"
)

// A supervisor may come by a telephone of his own instead of being dialled. The edge gives him a code for the call, and takes it from whoever dials in;
// the call only knows that he is waited for, and, once the code was keyed, which leg is his. From then on he is like any other supervisor who was invited.

// usualDialInWithin is for calls that began before it could be set.
const usualDialInWithin = 5 * time.Minute

// requestDialIn: a supervisor is waited for. Asked again before he dialled in, he is waited for anew, and the code that he had is void.
func (s *State) requestDialIn(now time.Time, e DialInRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.voidDialIns(e.By.Name)
	i := s.invite(now, PurposeListen, Target{Kind: TargetSupervisor, Name: e.By.Name}, e.By, cmp.Or(s.Settings.DialInWithin, usualDialInWithin))
	i.DialsIn = true
	i.Supervision = Supervision{Wanted: Monitor, Private: e.Private, Since: now}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Invitation: i.Label, Mode: Monitor, Status: ActionOpen})
}

// dialledIn: the supervisor who was waited for keyed his code, and goes into the conference now.
func (s *State) dialledIn(now time.Time, e SupervisorDialledIn) {
	s.customer(now, "")
	if l := s.dialledLeg(e.Call, e.Invitation, ""); l != nil {
		l.Address = cmp.Or(l.Address, e.From)
	}
}

// allowsDialIn: a supervisor comes to a customer who is in the conference, once.
func (s *State) allowsDialIn(e DialInRequested) error {
	if s.known(e.Request) {
		return nil
	}
	if err := s.allowsTarget(Target{Kind: TargetSupervisor, Address: anyAddress}); err != nil {
		return err
	}
	return s.allowsListener(e.By.Name)
}

// allowsListener: nobody listens twice. Who has a code and has not dialled in yet may choose another way.
func (s *State) allowsListener(name string) error {
	i := slices.IndexFunc(s.Invitations, func(i Invitation) bool {
		return i.Purpose == PurposeListen && i.By.Name == name && (i.Open() || i.Status == InvitationJoined) && !i.unused()
	})
	if i >= 0 {
		return &NotAllowed{CodeAlreadySupervising, "this supervisor is in the call, or being dialled: " + string(s.Invitations[i].Label)}
	}
	return nil
}

// unused says whether somebody is waited for who has a code, and did not dial in yet.
func (i *Invitation) unused() bool { return i.DialsIn && i.Open() && i.Leg == "" }

// voidDialIns waits no more for a supervisor who has a code and comes in another way.
func (s *State) voidDialIns(name string) {
	for n := range s.Invitations {
		if i := &s.Invitations[n]; i.unused() && i.By.Name == name {
			s.fail(i, FailedCanceled, "")
		}
	}
}
