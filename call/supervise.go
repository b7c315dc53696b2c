package call

import (
	"slices"
	"time"
)

// One leg goes through all modes in place. Who hears it is decided by two flags, which are never changed in one request, and only in an order in
// which nobody hears what is not meant for him:
//
//	monitor→whisper  coach while muted, see it, unmute
//	whisper→monitor  mute; that it coaches stays, for it does no harm
//	whisper→barge    mute, stop coaching, unmute
//	barge→whisper    mute, coach, see it, unmute
//	barge→monitor    mute
//
// Coaching ends on the way to barge alone: so a leg that is not to be heard by the customer is never unmuted and not coaching by our doing.

// planSupervision is the next step of a supervisor's leg towards its mode; nil if there is none, or a look must come first.
func planSupervision(l *Leg, conference ConferenceSID) Command {
	want := l.Supervision.Wanted
	if want == Whisper && l.Supervision.Coach == "" {
		want = Monitor // until there is somebody to coach
	}
	mute := func(muted bool) Command {
		return MuteParticipant{Conference: conference, Leg: l.Call, Muted: muted}
	}
	switch {
	case want == Barge && !l.Coaching && l.Muted:
		return mute(false)
	case want == Barge && l.Coaching && l.Muted:
		return CoachParticipant{Conference: conference, Leg: l.Call, Coaching: false}
	case want == Barge && !l.Coaching:
		return nil
	case want == Whisper && l.Coaching && l.Coach == l.Supervision.Coach:
		if l.Muted && l.Supervision.Doubt == 0 {
			return mute(false)
		}
		return nil
	case !l.Muted:
		return mute(true)
	case want == Whisper:
		return CoachParticipant{Conference: conference, Leg: l.Call, Coaching: true, Coach: l.Supervision.Coach}
	default:
		return nil
	}
}

// settleSupervision aims every whisper at somebody who is there, and gives the call to a supervisor who is heard and takes it over.
func (s *State) settleSupervision(now time.Time) {
	for i := range s.Legs {
		l := &s.Legs[i]
		v := &l.Supervision
		if !l.supervises() {
			continue
		}
		if v.Wanted == Whisper && !s.coachable(v.Coach) {
			if aim := s.toCoach(); aim != v.Coach {
				v.Coach = aim
				s.forgetTries(string(l.Call))
			}
		}
		if v.TakesOver && v.Wanted == Barge && l.Mode() == Barge && v.Doubt == 0 {
			s.takenOver(now, l)
		}
	}
}

// coachable says whether the leg is an agent's who is there and stays.
func (s *State) coachable(sid SID) bool {
	l := s.Leg(sid)
	return l != nil && l.Role == RoleAgent && l.State == LegJoined && !l.WantGone
}

// toCoach is the leg of the agent who has the call, or else of the last who came; "" if no agent is there.
func (s *State) toCoach() SID {
	if r := s.Serving(); r != nil {
		if l := s.legOf(r.Reservation); l != nil && s.coachable(l.Call) {
			return l.Call
		}
	}
	var last *Leg
	for i := range s.Legs {
		if l := &s.Legs[i]; s.coachable(l.Call) && (last == nil || l.JoinedAt.After(last.JoinedAt)) {
			last = l
		}
	}
	if last == nil {
		return ""
	}
	return last.Call
}

// takenOver: a supervisor is heard, and the call is his. The agents leave, and whatever they had begun ends.
func (s *State) takenOver(now time.Time, by *Leg) {
	by.Supervision.TakesOver, by.Supervision.Has = false, true
	if t := s.openTransfer(); t != nil {
		s.endTransfer(now, t, TransferIsCanceled, FailedCanceled)
		s.withdraw(s.Invitation(t.Invitation), FailedCanceled)
	}
	for i := range s.Legs {
		switch l := &s.Legs[i]; {
		case l == by || l.State != LegJoined:
		case l.Role == RoleAgent, l.Supervision.Has:
			l.WantGone, l.Supervision.Has = true, false
		default:
			l.WantHold = false
		}
	}
	by.WantHold = false
}

// TakenOver is the leg of the supervisor who took the call over and is there; nil if none did.
func (s *State) TakenOver() *Leg {
	i := slices.IndexFunc(s.Legs, func(l Leg) bool { return l.Supervision.Has && l.State == LegJoined })
	if i < 0 {
		return nil
	}
	return &s.Legs[i]
}

// observeCoach notes whom a leg coaches. Where Twilio does not say whom, it is whom we have it coach.
func (s *State) observeCoach(l *Leg, p Participant) {
	f := s.voiceFlight(l.Call, "CoachParticipant", true)
	switch {
	case !p.Coaching:
		l.Coach = ""
	case p.Coach != "":
		l.Coach = p.Coach
	case f != nil:
		l.Coach = SID(f.With)
	case !l.Coaching:
		l.Coach = ""
	}
	l.Coaching = p.Coaching
}

func (s *State) voiceFlight(leg SID, kind string, target bool) *Flight {
	i := slices.IndexFunc(s.Flights, func(f Flight) bool { return f.Subject == string(leg) && f.Kind == kind && f.Target == target })
	if i < 0 {
		return nil
	}
	return &s.Flights[i]
}

// overheard: an event told who hears a supervisor's leg. A change that no command of ours explains was somebody else's doing, or is an old word that came
// late: only a look tells.
func (s *State) overheard(l *Leg, before Leg) {
	if !l.supervises() || before.State != LegJoined {
		return
	}
	muted, coaching := l.Muted != before.Muted, l.Coaching != before.Coaching || l.Coach != before.Coach
	switch {
	case !muted && !coaching:
	case muted && !coaching && s.voiceFlight(l.Call, "MuteParticipant", l.Muted) != nil:
	case coaching && !muted && s.voiceFlight(l.Call, "CoachParticipant", l.Coaching) != nil:
	default:
		s.forgetTries(string(l.Call)) // what was tried before is past: to mute him is urgent, perhaps
		s.unsure(l)
	}
}

// unsure has a look tell who hears a supervisor's leg, before it is unmuted.
func (s *State) unsure(l *Leg) {
	l.Supervision.Doubt = max(1, s.Numbered)
	s.WantLook = true
}

// codeNobodyToCoach is Twilio's code for a coached leg that is not in the conference (any more): the next one may be.
// https://www.twilio.com/docs/api/errors/16028
const codeNobodyToCoach = 16028

// voice says whether a command of this kind changes who hears a supervisor's leg.
func voice(kind string) bool { return kind == "MuteParticipant" || kind == "CoachParticipant" }

// lookedAt takes of a look what it can know of a supervisor's leg: nothing of what was ordered since it was asked for.
func (l *Leg) lookedAt(p Participant, look int) Participant {
	v := &l.Supervision
	switch {
	case !l.supervises():
	case v.Ordered > look:
		p.Muted, p.Coaching, p.Coach = l.Muted, l.Coaching, l.Coach
	case look > v.Doubt:
		v.Doubt = 0
	}
	return p
}

// superviseAgain goes on after a look: where it told what is as wanted, tries are forgotten, and where it did not count, another one is due.
func (s *State) superviseAgain() {
	for i := range s.Legs {
		switch l := &s.Legs[i]; {
		case !l.supervises():
		case l.Supervision.Doubt != 0:
			s.WantLook = true
		case s.asWanted(l):
			s.forgetTries(string(l.Call))
		}
	}
}

// voiceRefused: who hears a supervisor's leg cannot be changed. Then nobody does; and if that cannot be had either, it leaves.
func (s *State) voiceRefused(l *Leg, f Flight, why string) {
	s.forgetTries(string(l.Call))
	l.Supervision.TakesOver = false
	s.failSupervision(l, why)
	if f.Kind == "MuteParticipant" && f.Target {
		l.WantGone = true
		return
	}
	l.Supervision.Wanted = Monitor
}
