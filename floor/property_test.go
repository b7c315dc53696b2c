package floor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/floor"
)

// people is what the properties know of an agent besides: whether it was a person who put him where he is.
type people map[floor.AgentSID]bool

// TestWhateverHappens lets agents miss, answer, go and come, be moved by TaskRouter and by people, in any order, and holds what must always be true.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := settings()
		s.Rule.Misses = rapid.IntRange(1, 3).Draw(t, "misses")
		s.Rule.Agents = rapid.IntRange(1, 4).Draw(t, "agents")
		s.Rule.Share = rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "share")
		s.Rule.Keep = rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "keep")
		s.Rule.Backs = rapid.IntRange(0, 3).Draw(t, "backs")
		s.Rule.Do = rapid.SampledFrom([]floor.Do{floor.DoBringBack, floor.DoBringBack, floor.DoAlert, floor.DoNothing}).Draw(t, "do")
		w := newWorld(t, s, rapid.IntRange(1, 8).Draw(t, "on duty"))
		byPerson := people{}
		backs := map[floor.AgentSID]int{} // since he last answered, or a person moved him
		seen := 0
		check := func() {
			for _, c := range w.commands[seen:] {
				switch c := c.(type) {
				case floor.BringBack:
					require.False(t, byPerson[c.Agent], "%s was put where he is by a person", c.Agent)
					require.Equal(t, ready, c.To)
					backs[c.Agent]++
					require.LessOrEqual(t, backs[c.Agent], s.Rule.Backs+s.Rule.Misses, "%s is brought back for ever", c.Agent)
				case floor.MoveOff:
					require.Equal(t, silent, c.To)
				case floor.LookAt:
				}
			}
			seen = len(w.commands)
			require.Empty(t, w.state.Flights, "everything lands")
			require.Empty(t, w.state.Plan(), "nothing is wanted twice")
			for _, q := range w.state.Queues {
				if q.Fault == nil || s.Rule.Do != floor.DoBringBack {
					continue
				}
				for _, a := range w.state.Agents {
					if a.Off != nil && !a.GivenUp && a.Off.Since.After(q.Fault.Since) {
						require.False(t, a.BackAt.IsZero(), "%s is off in a fault, and nobody brings him back", a.SID)
					}
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			a := agentSID(rapid.IntRange(0, len(w.where)-1).Draw(t, "who"))
			switch rapid.SampledFrom([]string{"misses", "misses", "misses", "times out", "answers", "waits", "waits", "leaves", "comes", "is put off"}).Draw(t, "does") {
			case "misses":
				if w.where[a] == ready {
					w.misses(a)
				}
			case "times out":
				if w.where[a] == ready {
					w.timesOut(a)
				}
			case "answers":
				if w.where[a] == ready {
					w.now = w.now.Add(time.Second)
					w.answered[a], backs[a] = w.now, 0
					w.now = w.now.Add(time.Second)
				}
			case "waits":
				w.passes(time.Duration(rapid.IntRange(1, 300).Draw(t, "seconds")) * time.Second)
			case "leaves":
				w.passes(time.Minute) // a person's change is told from TaskRouter's by its distance to a miss
				check()
				byPerson[a] = w.where[a] != rest || byPerson[a]
				w.move(a, rest)
				w.work()
				backs[a] = 0
			case "comes":
				w.passes(time.Minute)
				check()
				if w.where[a] != ready {
					backs[a] = 0
				}
				w.move(a, ready)
				w.work()
				byPerson[a] = false
			case "is put off":
				w.passes(time.Second)
				check()
				w.move(a, silent)
				w.apply(floor.AvailabilityChosen{Agent: a, To: silent, By: "sue", At: w.now})
				byPerson[a], backs[a] = true, 0
			}
			check()
		}
		w.passes(48 * time.Hour)
		check()
		_, waits := w.state.NextDeadline()
		require.False(t, waits, "in the end nothing is left to wait for")
		w.apply(floor.ClockTicked{})
		require.LessOrEqual(t, len(w.state.Agents), len(w.where))
		require.Empty(t, w.state.Queues)
	})
}

// TestTheSameEventsGiveTheSame holds that the breaker can be replayed.
func TestTheSameEventsGiveTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one, other := floor.New(settings()), floor.New(settings())
		now := begin
		for i := range rapid.IntRange(1, 40).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			a := agentSID(rapid.IntRange(0, 4).Draw(t, "who"))
			at := now.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "late")) * time.Second)
			e := rapid.SampledFrom([]floor.Event{
				floor.AgentMissed{Agent: a, Reservation: floor.ReservationSID(rune('a' + i%7)), Queue: queue, At: at},
				floor.AgentAvailabilityChanged{Agent: a, From: ready, To: silent, At: at},
				floor.AgentAvailabilityChanged{Agent: a, From: silent, To: ready, At: at},
				floor.AvailabilityChosen{Agent: a, To: rest, At: at},
				floor.AgentMoved{Command: i / 2, Was: ready, Moved: true},
				floor.AgentMoved{Command: i / 2, Was: silent},
				floor.QueueLookedAt{Command: i / 2, Agents: []floor.OnQueue{{Agent: a, Availability: ready, Available: true}}},
				floor.CommandFailed{Command: i / 2},
				floor.ClockTicked{},
			}).Draw(t, "event")
			one.Apply(now, e)
			other.Apply(now, e)
			planned := one.Plan()
			require.Equal(t, planned, other.Plan())
			for _, c := range planned {
				require.Equal(t, one.Begin(now, c), other.Begin(now, c))
			}
			require.Equal(t, one, other)
			subjects := map[string]bool{}
			for _, f := range one.Flights {
				require.False(t, subjects[f.Subject], "one command at a time for each")
				subjects[f.Subject] = true
			}
		}
	})
}
