package call_test

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/call"
)

// drive runs one call in a world until it is over, and checks at each step what must always hold.
func drive(t *rapid.T, w *world) call.State {
	settings := call.DefaultSettings()
	settings.NotAnswering = "WAmissed"
	if w.plain {
		settings.RejoinWithin, settings.QueueAgainWithin = 0, 0
	}
	s := call.New(w.id(), settings)
	w.open = func(label call.Label) (bool, bool) {
		i := s.Invitation(label)
		return !s.Over(), label == "" || i != nil && i.Open()
	}
	w.waited = func(name string) call.Label {
		for _, i := range s.Invitations {
			if i.DialsIn && i.Open() && i.Leg == "" && i.By.Name == name {
				return i.Label
			}
		}
		return ""
	}
	var pending bool
	step := func(e call.Event) {
		if !s.Over() {
			s.Apply(w.now, e)
		}
		for _, c := range s.Plan() {
			require.False(t, s.Over(), "an ended call gives no command")
			o := s.Begin(w.now, c)
			w.ordered(&s, o)
			var answer call.Event
			w.after(w.wait("request", time.Second), func() {
				lost := w.percent("fails") < w.fail
				if !lost || w.percent("took effect") < 50 {
					answer = w.do(o)
				}
				if lost {
					answer = call.CommandFailed{Command: o.Number, Failure: call.Failure{Kind: call.FailureUnavailable, Message: "timed out"}}
				}
				w.after(w.wait("answer", time.Second), func() { w.tell(answer) })
			})
		}
		silenced(t, &s)
		subjects := map[string]bool{}
		for _, f := range s.Flights {
			require.False(t, subjects[f.Subject], "two commands in flight for %s", f.Subject)
			subjects[f.Subject] = true
		}
		cared(t, &s)
		if c := s.Customer(); c != nil && c.State == call.LegJoined && c.WantHold && !s.WantEnd && !w.held && !s.Over() {
			open := len(s.Transfers) > 0 && s.Transfers[len(s.Transfers)-1].Open()
			require.True(t, open || s.Rescue.Stage != call.RescueNone, "the customer stays on hold: %s", dump(s))
		}
	}
	w.tell = func(e call.Event) { pending = true; step(e) }
	w.now = start
	w.begin()
	limit := start.Add(6 * time.Hour)
	for !s.Over() || w.queue.Len() > 0 {
		next, ticking := s.NextDeadline()
		ticking = ticking && !s.Over()
		switch {
		case w.queue.Len() > 0 && (!ticking || !next.Before(w.queue[0].at)):
			it := heap.Pop(&w.queue).(item)
			w.now = it.at
			it.what()
		case ticking:
			if next.After(w.now) {
				w.now = next
			}
			step(call.ClockTicked{})
		default:
			require.Fail(t, "the call waits for nothing", "%s", dump(s))
		}
		require.True(t, w.now.Before(limit), "the call does not end: %s", dump(s))
	}
	require.True(t, pending)
	return s
}

// cared holds that nobody is forgotten: a customer on hold, or alone, has somebody with him, or somebody is looked for who has a deadline, or the
// call looks what is the matter.
func cared(t *rapid.T, s *call.State) {
	c := s.Customer()
	if s.Over() || s.WantEnd || c == nil || c.State != call.LegJoined || len(s.Flights) > 0 {
		return
	}
	if slices.ContainsFunc(s.Legs, func(l call.Leg) bool {
		return l.State == call.LegJoined && (l.Role == call.RoleAgent || l.Role == call.RoleSupervisor)
	}) {
		return // somebody who can let him go
	}
	alone := !slices.ContainsFunc(s.Legs, func(l call.Leg) bool { return l.State == call.LegJoined && l.Role != call.RoleCustomer })
	if !c.Hold && !alone {
		return
	}
	watched := slices.ContainsFunc(s.Deadlines, func(d call.Deadline) bool { return d.Kind != call.DeadlineSilence && d.Kind != call.DeadlineWrapUp })
	require.True(t, watched, "the customer waits for nobody: %s", dump(*s))
	for _, i := range s.Invitations {
		if i.Open() {
			require.True(t, slices.ContainsFunc(s.Deadlines, func(d call.Deadline) bool {
				return d.Kind == call.DeadlineInvitation && d.Subject == string(i.Label)
			}), "an invitation has no deadline: %s", dump(*s))
		}
	}
}

func dump(s call.State) string {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func newWorld(t *rapid.T, drop, double, fail int, delay time.Duration) *world {
	return &world{
		t: t, drop: rapid.IntRange(0, drop).Draw(t, "drop%"), double: rapid.IntRange(0, double).Draw(t, "double%"),
		fail: rapid.IntRange(0, fail).Draw(t, "fail%"), delay: time.Duration(rapid.Int64Range(0, int64(delay)).Draw(t, "longest delay")),
	}
}

// whatever people do, and however events and requests travel, the call ends, and leaves nothing behind at Twilio.
func TestEveryCallEndsAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 60, 50, 40, 30*time.Second)
		act(w)
		actTogether(w)
		endsWell(t, w)
	})
}

// The same of calls that come far: what happens is drawn evenly.
func TestCallsOfManyEndAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &dice{rapid.Uint64().Draw(t, "seed")}
		w := &world{t: t, drop: int(d.roll(60)), double: int(d.roll(50)), fail: int(d.roll(40)), delay: time.Duration(d.roll(20_000)) * time.Millisecond}
		if d.roll(2) == 0 {
			w.drop, w.fail = 0, 0 // and half of them undisturbed
		}
		w.dice = d
		if d.roll(2) == 0 {
			act(w)
		}
		actTogether(w)
		if d.roll(3) == 0 {
			actSupervising(w)
		}
		endsWell(t, w)
	})
}

// The same of calls that a bot has first, or places.
func TestCallsOfBotsEndAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &dice{rapid.Uint64().Draw(t, "seed")}
		w := &world{t: t, drop: int(d.roll(60)), double: int(d.roll(50)), fail: int(d.roll(40)), delay: time.Duration(d.roll(20_000)) * time.Millisecond}
		if d.roll(2) == 0 {
			w.drop, w.fail = 0, 0
		}
		w.dice, w.bot, w.outbound = d, true, d.roll(3) == 0
		if d.roll(2) == 0 {
			act(w)
		}
		if d.roll(2) == 0 {
			actTogether(w)
		}
		endsWell(t, w)
	})
}

func endsWell(t *rapid.T, w *world) {
	s := drive(t, w)
	require.False(t, w.present(), "the customer's call is over: %s", w.customerStatus)
	require.Contains(t, []string{"", "completed"}, w.roomState, "no conference is left")
	if !w.bot || w.taskStatus != "" {
		require.Contains(t, []string{"completed", "canceled"}, w.taskStatus, "the task is closed")
	}
	w.botDone(t, &s)
	require.Equal(t, call.StatusEnded, s.Status())
	w.nothingLeft(t)
	for _, i := range s.Invitations {
		require.False(t, i.Open(), "an invitation is open after the call")
	}
	for _, tr := range s.Transfers {
		require.False(t, tr.Open(), "a transfer never ended")
		require.Equal(t, tr.Status == call.TransferIsCompleted, tr.Failure == call.FailedUnknown, "what failed says why")
	}
	for _, a := range s.Actions {
		require.NotEqual(t, call.ActionOpen, a.Status, "every action has an outcome")
	}
}

// act has people ask for things at drawn moments.
func act(w *world) {
	w.held = true
	n := rapid.IntRange(0, 6).Draw(w.t, "actions")
	w.now = start
	for i := range n {
		r := call.Request{Action: fmt.Sprintf("a%d", i), By: call.Actor{Role: "agent"}}
		kind := rapid.IntRange(0, 6).Draw(w.t, "action")
		w.after(w.wait("when", 5*time.Minute), func() {
			leg := w.agent()
			w.tell([]call.Event{
				call.HoldRequested{Request: r, Leg: customer},
				call.UnholdRequested{Request: r, Leg: customer},
				call.MuteRequested{Request: r, Leg: leg},
				call.UnmuteRequested{Request: r, Leg: leg},
				call.LeaveRequested{Request: r, Leg: leg},
				call.EndRequested{Request: r},
				call.WrapupCompleteRequested{Request: r},
			}[kind])
		})
	}
}

// observed is what Twilio said, without times and without what we want of it.
func observed(s *call.State) string {
	type leg struct {
		State       call.LegState
		Hold, Muted bool
		Agent       call.AgentSID
	}
	legs := map[call.SID]leg{}
	for _, l := range s.Legs {
		legs[l.Call] = leg{l.State, l.Hold, l.Muted, l.Agent}
	}
	offers := map[call.ReservationSID]call.ReservationStatus{}
	for _, r := range s.Reservations {
		offers[r.Reservation] = r.Status
	}
	room := call.Conference{} // of several that agents went from before the customer came, nobody tells which was the last
	if c := s.Customer(); c != nil && c.Conference == s.Conference.SID {
		room.SID, room.Ended = s.Conference.SID, s.Conference.Ended
	}
	return fmt.Sprint(s.Status(), s.Outcome, legs, offers, room.SID, room.Ended,
		s.Task.Wrapping, s.Task.Canceled, s.Task.Completed, s.CustomerStatus)
}

// The events of a whole call, as they happened, say the same in any order and however often they are told.
func TestOrderAndRepetitionMakeNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 0, 0, 0, 0)
		w.plain = true
		w.bot = rapid.Bool().Draw(t, "bot")
		act(w)
		var heard []call.Event
		live := drive(t, recording(w, &heard))
		require.True(t, live.Over())

		history := slices.DeleteFunc(heard, func(e call.Event) bool {
			_, completed := e.(call.TaskCompleted) // keep the call open until everything was told
			_, canceled := e.(call.TaskCanceled)
			return completed || canceled && w.rooms > 0
		})
		want := replay(history)
		shuffled := rapid.Permutation(append(slices.Clone(history), rapid.SliceOfN(rapid.SampledFrom(history), 0, 10).Draw(t, "repeated")...)).Draw(t, "order")
		got := replay(shuffled)
		require.Equal(t, observed(&want), observed(&got))
	})
}

// recording notes what Twilio says.
func recording(w *world, heard *[]call.Event) *world {
	w.heard = heard
	return w
}

// replay applies events alone: no commands, no people.
func replay(events []call.Event) call.State {
	s := call.New(call.ID(customer), call.DefaultSettings())
	for i, e := range events {
		s.Apply(start.Add(time.Duration(i)*time.Millisecond), e)
	}
	return s
}

// A state survives the journey as JSON, as it makes through the engine.
func TestStateSurvivesEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 20, 20, 20, 5*time.Second)
		act(w)
		actTogether(w)
		s := drive(t, w)
		b, err := json.Marshal(s)
		require.NoError(t, err)
		var again call.State
		require.NoError(t, json.Unmarshal(b, &again))
		b2, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(b), string(b2))
	})
}
