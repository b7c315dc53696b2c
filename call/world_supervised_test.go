package call_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/call"
)

// supervised is what the world knows of supervisors.
type supervised struct {
	sure    map[string]int               // what is not left to chance: percents, or seconds
	mumbles bool                         // Twilio's callbacks do not say whom a leg coaches
	wanted  map[int]call.SupervisionMode // of a leg when the order that changes it was given
	made    int                          // how often somebody was made to be heard
	waited  func(name string) call.Label // who has a code and is waited for, as our handlers look it up; "" if he is not
}

// audible says whether the customer could hear a leg.
func audible(p *call.Participant) bool { return !p.Muted && !p.Coaching }

// ordered notes what was wanted of a supervisor's leg when an order was given.
func (v *supervised) ordered(s *call.State, o call.Order) {
	var leg *call.Leg
	switch c := o.Command.(type) {
	case call.MuteParticipant:
		leg = s.Leg(c.Leg)
	case call.CoachParticipant:
		leg = s.Leg(c.Leg)
	}
	if leg == nil || leg.Role != call.RoleSupervisor {
		return
	}
	if v.wanted == nil {
		v.wanted = map[int]call.SupervisionMode{}
	}
	v.wanted[o.Number] = leg.Supervision.Wanted
}

// carriedOut holds what no order may do: have the customer hear somebody whom he is not meant to hear.
func (v *supervised) carriedOut(t require.TestingT, o call.Order, before, after *call.Participant) {
	wanted, ours := v.wanted[o.Number]
	if !ours || audible(before) || !audible(after) {
		return
	}
	require.Equal(t, call.Barge, wanted, "%s lets the customer hear a supervisor who is not meant for him", call.Kind(o.Command))
	v.made++
}

// silenced: a supervisor who is known to be heard by the wrong people is being muted, taken out, or looked at.
func silenced(t require.TestingT, s *call.State) {
	for i := range s.Legs {
		l := &s.Legs[i]
		mode := l.Supervision.Wanted
		if l.Role != call.RoleSupervisor || l.State != call.LegJoined || l.Muted || mode == call.Barge || mode == call.SupervisionNone {
			continue
		}
		coached := s.Leg(l.Coach)
		if mode == call.Whisper && l.Coaching && coached != nil && coached.State == call.LegJoined {
			continue
		}
		busy := s.WantLook || s.WantEnd || s.Over() || l.WantGone || !slices.ContainsFunc(s.Legs, func(o call.Leg) bool {
			return o.Role == call.RoleCustomer && o.State == call.LegJoined
		}) || slices.ContainsFunc(s.Flights, func(f call.Flight) bool { return f.Subject == string(l.Call) || f.Kind == "ReadBack" })
		require.True(t, busy, "a supervisor who is to %s is heard, and nothing is done: %s", mode, dump(*s))
	}
}

// coach carries out a CoachParticipant.
func (w *world) coach(o call.Order, c call.CoachParticipant, set setter) call.Event {
	if c.Coaching && w.room[c.Leg] != nil && w.room[c.Coach] == nil {
		return call.CommandFailed{Command: o.Number, Failure: call.Failure{Kind: call.FailureRefused, Code: 16028, Message: "nobody to coach"}}
	}
	return set(c.Leg, func(p *call.Participant) { p.Coaching, p.Coach = c.Coaching, c.Coach },
		func(p call.Participant) call.Event { return call.ParticipantModified{Participant: p} })
}

type setter func(leg call.SID, change func(*call.Participant), said func(call.Participant) call.Event) call.Event

// supervisor is a supervisor's leg in the conference.
func (w *world) supervisor() call.SID {
	var legs []call.SID
	for sid := range w.room {
		if strings.HasPrefix(string(sid), "CAsupervisor") {
			legs = append(legs, sid)
		}
	}
	if len(legs) == 0 {
		return "CAsupervisor-1"
	}
	slices.Sort(legs)
	return legs[w.percent("which")%len(legs)]
}

// actSupervising has supervisors come, change what they do, and go, and agents ask for help, at drawn moments.
func actSupervising(w *world) {
	w.now = start
	w.mumbles = w.percent("mumbles") < 50
	at := w.wait("first", time.Minute)
	for i := range w.percent("acts of supervisors") % 24 {
		name := []string{"Sue", "Tom"}[w.percent("who")%2]
		r := call.Request{Action: fmt.Sprintf("s%d", i), By: call.Actor{Name: name, Role: "supervisor"}}
		ann := call.Request{Action: fmt.Sprintf("s%d", i), By: call.Actor{Name: "Ann", Role: "agent", Agent: w.offer().Agent}}
		mode := []call.SupervisionMode{call.Monitor, call.Whisper, call.Whisper, call.Barge}[w.percent("mode")%4]
		kind := w.percent("act") % 13
		at += w.wait("then", []time.Duration{20 * time.Second, time.Second}[w.percent("pace")%2])
		w.after(at, func() {
			leg := w.supervisor()
			w.tell([]call.Event{
				call.SuperviseRequested{Request: r, Mode: mode, Address: "client:" + name},
				call.SuperviseRequested{Request: r, Mode: mode, Address: "client:" + name, Private: true},
				call.SuperviseRequested{Request: r, Mode: mode, Address: "client:" + name},
				call.SupervisionModeRequested{Request: r, Leg: leg, Mode: mode},
				call.SupervisionModeRequested{Request: r, Leg: leg, Mode: mode},
				call.SupervisionModeRequested{Request: r, Leg: leg, Mode: mode},
				call.SupervisionModeRequested{Request: r, Leg: leg, Mode: mode},
				call.SupervisionModeRequested{Request: r, Leg: leg, Mode: mode, Coach: w.anybody()},
				call.TakeOverRequested{Request: r, Leg: leg},
				call.LeaveRequested{Request: r, Leg: leg},
				call.HelpRequested{Request: ann, Reason: "refund"},
				call.HelpDismissed{Request: r, Agent: ann.By.Agent},
				call.DialInRequested{Request: r, Private: kind%2 == 0},
			}[kind])
			if label := w.waited(name); label != "" && w.percent("has a telephone") < 70 {
				w.after(w.wait("keys", 30*time.Second), func() { w.dialsIn(label) })
			}
		})
	}
}

// dialsIn is a supervisor who keys his code: our handlers look whether he is waited for, and let him in.
func (w *world) dialsIn(label call.Label) {
	sid := call.SID("CA" + string(label))
	alive, wanted := w.open(label)
	if w.legs[sid] != nil || !alive || !wanted && w.percent("late row") < 80 {
		return
	}
	w.legs[sid] = &dialled{label: label, status: "in-progress", silent: true}
	w.say(call.SupervisorDialledIn{Call: sid, Invitation: label, From: "+15557777"})
	if w.percent("gives up") < 10 {
		w.legEnds(sid, "completed")
		return
	}
	w.after(w.wait("goes in", 2*time.Second), func() {
		if !w.legs[sid].over() {
			w.comes(sid, label, "", true)
		}
	})
}

// However supervisors change their minds, and events and requests travel, no order of ours lets the customer hear somebody who is to listen, or to
// whisper to an agent.
func TestTheCustomerNeverHearsACoach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &dice{rapid.Uint64().Draw(t, "seed")}
		w := &world{t: t, drop: int(d.roll(40)), double: int(d.roll(50)), fail: int(d.roll(40)), delay: time.Duration(d.roll(20_000)) * time.Millisecond}
		if d.roll(2) == 0 {
			w.drop, w.fail = 0, 0
		}
		w.dice = d
		if d.roll(4) > 0 { // agents and supervisors answer, and the customer stays: so there is something to be heard
			w.sure = map[string]int{
				"flex": 99, "announced": 99, "ttl": 99, "answer": 0, "goes at once": 99, "phone": 0, "patience": 600, "free": 0, "ring": 1,
			}
		}
		if d.roll(2) == 0 {
			actTogether(w)
		}
		actSupervising(w)
		endsWell(t, w)
	})
}
