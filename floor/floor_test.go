package floor_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/floor"
)

const (
	ready  floor.AvailabilitySID = "WAready"
	rest   floor.AvailabilitySID = "WArest"
	silent floor.AvailabilitySID = "WAsilent"
	queue  floor.QueueSID        = "WQ1"
)

var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func settings() floor.Settings {
	return floor.Settings{NotAnswering: silent, TimedOut: silent, Rule: floor.DefaultRule()}
}

func agentSID(i int) floor.AgentSID { return floor.AgentSID(fmt.Sprintf("WK%02d", i)) }

// world is a Twilio that does what it is told at once, with agents of one queue.
type world struct {
	t     require.TestingT
	state floor.State
	now   time.Time
	where map[floor.AgentSID]floor.AvailabilitySID
	// answered is when each last answered.
	answered map[floor.AgentSID]time.Time
	offered  int
	commands []floor.Command
	silently bool // Twilio's events are lost
}

func newWorld(t require.TestingT, s floor.Settings, agents int) *world {
	w := &world{t: t, state: floor.New(s), now: begin, where: map[floor.AgentSID]floor.AvailabilitySID{}, answered: map[floor.AgentSID]time.Time{}}
	for i := range agents {
		w.where[agentSID(i)] = ready
	}
	return w
}

// apply lets an event take effect, as the state is after a journey through JSON, and does what is planned.
func (w *world) apply(e floor.Event) {
	b, err := json.Marshal(w.state)
	require.NoError(w.t, err)
	var s floor.State
	require.NoError(w.t, json.Unmarshal(b, &s))
	w.state = s
	w.state.Apply(w.now, e)
	w.work()
}

func (w *world) work() {
	for {
		commands := w.state.Plan()
		if len(commands) == 0 {
			return
		}
		for _, c := range commands {
			order := w.state.Begin(w.now, c)
			w.commands = append(w.commands, c)
			w.do(order)
		}
	}
}

func (w *world) do(o floor.Order) {
	switch c := o.Command.(type) {
	case floor.MoveOff:
		was := w.where[c.Agent]
		if was == ready {
			w.move(c.Agent, c.To)
		}
		w.state.Apply(w.now, floor.AgentMoved{Command: o.Number, Was: was, Moved: was == ready})
	case floor.BringBack:
		was := w.where[c.Agent]
		if was == silent {
			w.move(c.Agent, c.To)
		}
		w.state.Apply(w.now, floor.AgentMoved{Command: o.Number, Was: was, Moved: was == silent})
	case floor.LookAt:
		var all []floor.OnQueue
		for i := range len(w.where) {
			a := agentSID(i)
			all = append(all, floor.OnQueue{Agent: a, Availability: w.where[a], Available: w.where[a] == ready, AnsweredAt: w.answered[a]})
		}
		w.state.Apply(w.now, floor.QueueLookedAt{Command: o.Number, Agents: all})
	}
}

// move puts an agent somewhere, and TaskRouter tells of it.
func (w *world) move(a floor.AgentSID, to floor.AvailabilitySID) {
	from := w.where[a]
	if from == to {
		return
	}
	w.where[a] = to
	if !w.silently {
		w.state.Apply(w.now, floor.AgentAvailabilityChanged{Agent: a, From: from, To: to, At: w.now})
	}
}

func (w *world) misses(a floor.AgentSID) {
	w.offered++
	w.apply(floor.AgentMissed{
		Agent: a, Reservation: floor.ReservationSID(fmt.Sprintf("WR%d", w.offered)), Queue: queue, QueueName: "Support", Why: "no-answer", At: w.now, AnsweredAt: w.answered[a],
	})
}

// timesOut is a miss for which TaskRouter moves the agent by itself.
func (w *world) timesOut(a floor.AgentSID) {
	w.move(a, silent)
	w.misses(a)
}

// passes lets time pass; the clock ticks at each deadline.
func (w *world) passes(d time.Duration) {
	end := w.now.Add(d)
	for range 10000 {
		at, ok := w.state.NextDeadline()
		if !ok || at.After(end) {
			w.now = end
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		w.apply(floor.ClockTicked{})
		again, ok := w.state.NextDeadline()
		require.False(w.t, ok && !again.After(w.now), "a deadline that is over took effect")
	}
	require.Fail(w.t, "the clock ticks without end")
}

func (w *world) on() int {
	n := 0
	for _, where := range w.where {
		if where == ready {
			n++
		}
	}
	return n
}

func (w *world) alerts() []string {
	var codes []string
	for _, a := range w.state.Alerts {
		codes = append(codes, a.Code)
	}
	return codes
}

func TestAnAgentWhoDoesNotAnswerGoesOffAndStaysOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings(), 10)
	w.misses(agentSID(0))
	require.Equal(t, silent, w.where[agentSID(0)])
	w.passes(24 * time.Hour)
	require.Equal(t, silent, w.where[agentSID(0)], "one who does not answer is no fault")
	require.Empty(t, w.state.Alerts)
	require.Len(t, w.commands, 1)
}

func TestAReservationCountsOnce(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Rule.Misses = 2
	w := newWorld(t, s, 10)
	for range 3 {
		w.apply(floor.AgentMissed{Agent: agentSID(0), Reservation: "WRsame", Queue: queue, At: w.now})
	}
	require.Equal(t, ready, w.where[agentSID(0)])
	require.Equal(t, 1, w.state.Agent(agentSID(0)).Misses)
}

func TestAnAgentMayMissSoManyInARow(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Rule.Misses = 3
	w := newWorld(t, s, 10)
	miss := func() { w.passes(5 * time.Minute); w.misses(agentSID(0)) }
	miss()
	miss()
	w.answered[agentSID(0)] = w.now.Add(time.Minute)
	miss()
	miss()
	require.Equal(t, ready, w.where[agentSID(0)], "he answered in between")
	miss()
	require.Equal(t, silent, w.where[agentSID(0)])
}

func TestWhomTaskRouterMovesTooEarlyComesBackAtOnce(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Rule.Misses = 2
	w := newWorld(t, s, 10)
	w.timesOut(agentSID(0))
	require.Equal(t, ready, w.where[agentSID(0)])
	w.passes(5 * time.Minute)
	w.timesOut(agentSID(0))
	require.Equal(t, silent, w.where[agentSID(0)])
	w.passes(time.Hour)
	require.Equal(t, silent, w.where[agentSID(0)])
}

func TestManyAtOnceAreAFaultAndTheQueueDoesNotEmpty(t *testing.T) {
	t.Parallel()
	for name, miss := range map[string]func(*world, floor.AgentSID){"by our word": (*world).misses, "by TaskRouter's": (*world).timesOut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings(), 10)
			for i := range 10 {
				miss(w, agentSID(i))
				w.passes(time.Second)
				require.GreaterOrEqual(t, w.on(), 5, "after %d misses", i+1)
			}
			require.Equal(t, []string{floor.AlertCascade}, w.alerts())
			require.Contains(t, w.state.Alerts[0].Message, "3 of 10")
			require.Equal(t, queue, w.state.Alerts[0].Queue)
			w.passes(time.Minute)
			require.Equal(t, 10, w.on(), "they were brought back")
			w.passes(10 * time.Minute)
			require.Equal(t, []string{floor.AlertCascade, floor.AlertCascadeOver}, w.alerts())
			_, waits := w.state.NextDeadline()
			require.False(t, waits, "nothing is left to do")
		})
	}
}

func TestAFewOfManyAreNoFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings(), 20)
	for i := range 5 {
		w.misses(agentSID(i))
	}
	require.Empty(t, w.state.Alerts, "5 of 20 are below 30 %")
	require.Equal(t, 15, w.on())
	w.misses(agentSID(5))
	require.Equal(t, []string{floor.AlertCascade}, w.alerts())
}

func TestMissesFarFromEachOtherAreNoFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings(), 4)
	for i := range 4 {
		w.misses(agentSID(i))
		w.passes(3 * time.Minute)
	}
	require.Empty(t, w.state.Alerts)
}

func TestWhomAPersonPutSomewhereIsLeftAlone(t *testing.T) {
	t.Parallel()
	fault := func(t *testing.T) *world {
		w := newWorld(t, settings(), 4)
		for i := range 3 {
			w.misses(agentSID(i))
		}
		require.Equal(t, []string{floor.AlertCascade}, w.alerts())
		require.Equal(t, silent, w.where[agentSID(1)], "2 of 4 stay on: the first came back, the others wait")
		return w
	}
	t.Run("to a break", func(t *testing.T) {
		t.Parallel()
		w := fault(t)
		w.move(agentSID(1), rest)
		w.passes(time.Hour)
		require.Equal(t, rest, w.where[agentSID(1)])
		require.Equal(t, ready, w.where[agentSID(2)])
	})
	t.Run("to where he is", func(t *testing.T) {
		t.Parallel()
		w := fault(t)
		w.apply(floor.AvailabilityChosen{Agent: agentSID(1), To: silent, By: "sue", At: w.now})
		w.passes(time.Hour)
		require.Equal(t, silent, w.where[agentSID(1)])
	})
	t.Run("and Twilio's word of it was lost", func(t *testing.T) {
		t.Parallel()
		w := fault(t)
		w.silently = true
		w.move(agentSID(1), rest)
		w.passes(time.Hour)
		require.Equal(t, rest, w.where[agentSID(1)])
	})
	t.Run("off, in the very moment of a miss", func(t *testing.T) {
		t.Parallel()
		w := fault(t)
		w.where[agentSID(3)] = silent
		w.apply(floor.AgentAvailabilityChanged{Agent: agentSID(3), From: ready, To: silent, At: w.now})
		w.apply(floor.AvailabilityChosen{Agent: agentSID(3), To: silent, By: "sue", At: w.now})
		w.misses(agentSID(3))
		w.passes(time.Hour)
		require.Equal(t, silent, w.where[agentSID(3)])
	})
	t.Run("to a break, while his phone rang", func(t *testing.T) {
		t.Parallel()
		w := fault(t)
		w.where[agentSID(3)] = rest
		w.misses(agentSID(3))
		w.passes(time.Hour)
		require.Equal(t, rest, w.where[agentSID(3)])
	})
}

func TestADeadPhoneIsNotBroughtBackForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings(), 2)
	s := settings()
	s.Rule.Agents, s.Rule.Share, s.Rule.Keep, s.Rule.Calm = 1, 0, 0, 24*time.Hour
	w.apply(floor.SettingsChanged{Settings: s})
	dead := agentSID(0)
	var waits []time.Duration
	for range 20 {
		if w.where[dead] == silent {
			break
		}
		w.misses(dead)
		off := w.now
		w.passes(10 * time.Minute)
		if backed := w.state.Agent(dead).BackedAt; w.where[dead] == ready {
			waits = append(waits, backed.Sub(off).Round(time.Second))
		}
	}
	require.Equal(t, []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute}, waits)
	require.Contains(t, w.alerts(), floor.AlertGivenUp)
	require.Equal(t, silent, w.where[dead])

	w.move(dead, ready) // he comes by himself, and everything begins anew
	w.misses(dead)
	w.passes(time.Minute)
	require.Equal(t, ready, w.where[dead])
}

func TestAQueueMayHaveItsOwnRule(t *testing.T) {
	t.Parallel()
	s := settings()
	only := floor.DefaultRule()
	only.Do, only.Agents = floor.DoAlert, 2
	s.Queues = []floor.QueueRule{{Queue: "Support", Rule: only}}
	w := newWorld(t, s, 4)
	for i := range 4 {
		w.misses(agentSID(i))
	}
	require.Zero(t, w.on(), "nobody is kept on")
	w.passes(time.Hour)
	require.Zero(t, w.on(), "nobody is brought back")
	require.Equal(t, []string{floor.AlertCascade, floor.AlertCascadeOver}, w.alerts())

	only.Do = floor.DoNothing
	s.Queues = []floor.QueueRule{{Queue: string(queue), Rule: only}}
	w = newWorld(t, s, 4)
	for i := range 4 {
		w.misses(agentSID(i))
	}
	require.Empty(t, w.state.Alerts)
	require.Zero(t, w.on())
}

func TestATwilioThatCannotBeAskedIsAFaultToo(t *testing.T) {
	t.Parallel()
	s := floor.New(settings())
	now := begin
	var looks int
	step := func(e floor.Event) {
		s.Apply(now, e)
		for range 10 {
			for _, c := range s.Plan() {
				if floor.Kind(c) == "LookAt" {
					looks++
				}
				s.Apply(now, floor.CommandFailed{Command: s.Begin(now, c).Number, Message: "HTTP 503"})
			}
		}
	}
	for i := range 3 {
		step(floor.AgentMissed{Agent: agentSID(i), Reservation: floor.ReservationSID(fmt.Sprint(i)), Queue: queue, At: now})
	}
	for range 3 {
		at, ok := s.NextDeadline()
		require.True(t, ok)
		now = at
		step(floor.ClockTicked{})
	}
	var codes []string
	for _, a := range s.Alerts {
		codes = append(codes, a.Code)
	}
	require.Contains(t, codes, floor.AlertStuck)
	require.Contains(t, codes, floor.AlertLook)
	require.Contains(t, codes, floor.AlertCascade)
	require.GreaterOrEqual(t, looks, 3)
}

func TestEventsTravelAsJSON(t *testing.T) {
	t.Parallel()
	for _, e := range []floor.Event{
		floor.AgentMissed{Agent: "WK1", Reservation: "WR1", At: begin},
		floor.AgentAvailabilityChanged{Agent: "WK1", To: ready, At: begin},
		floor.AvailabilityChosen{Agent: "WK1", To: ready, At: begin},
		floor.SettingsChanged{Settings: settings()},
		floor.ClockTicked{},
	} {
		b, err := json.Marshal(floor.Envelope{Event: e})
		require.NoError(t, err)
		var back floor.Envelope
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, e, back.Event)
	}
	var e floor.Envelope
	require.ErrorContains(t, json.Unmarshal([]byte(`{"kind":"Unheard"}`), &e), "Unheard")
	_, err := json.Marshal(floor.Envelope{})
	require.Error(t, err)
}
