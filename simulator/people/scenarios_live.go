package people

import (
	"fmt"
	"math/rand/v2"
)

// live are the scenarios of what people do to a call while it lasts.
var live = []Scenario{
	{
		Name: "hold-music", Description: "The agent holds the customer twice, to music of his own each time, and mutes himself.",
		turns: func(o origin, rng *rand.Rand) []turn {
			return []turn{holds{music: fmt.Sprintf("call-%d", o.n), holdFor: 1 + 2*rng.Float64(), times: 2, mutes: true}}
		},
	},
	{
		Name: "join-number", Description: "The agent brings an outside number in, holds and mutes it, and removes it; or it leaves, or never comes.",
		turns: func(o origin, rng *rand.Rand) []turn {
			j := joining{transfer: aim(toNumber, "", o, rng), does: []string{"hold", "unhold", "mute", "unmute"}, leavesHimself: rng.IntN(3) == 0}
			switch rng.IntN(6) {
			case 0:
				j.welcome.does, j.fails = rejects, "busy"
			case 1:
				j.welcome.does, j.fails = ignores, "no_answer"
			case 2:
				j.welcome.after, j.withdrawsAfter, j.fails = 15, 2, "canceled"
			}
			return []turn{j}
		},
	},
	{
		Name: "join-agent", Description: "The agent brings a colleague in, by TaskRouter, who leaves after a while.",
		turns: func(o origin, rng *rand.Rand) []turn {
			return []turn{joining{transfer: aim(toAgent, "", o, rng), leavesHimself: true}}
		},
	},
	transferScenario("cold-agent", "The agent hands the call to a colleague and is gone.", cold, toAgent),
	transferScenario("cold-queue", "The agent hands the call to a queue and is gone.", cold, toQueue),
	transferScenario("cold-number", "The agent hands the call to an outside number and is gone.", cold, toNumber),
	transferScenario("cold-supervisor", "The agent hands the call to a supervisor and is gone.", cold, toSupervisor),
	transferScenario("warm-agent", "The agent consults a colleague; they swap, merge, complete or cancel.", warm, toAgent),
	transferScenario("warm-queue", "The agent consults somebody of a queue; they swap, merge, complete or cancel.", warm, toQueue),
	transferScenario("warm-number", "The agent consults an outside number; they swap, merge, complete or cancel.", warm, toNumber),
	transferScenario("warm-supervisor", "The agent consults a supervisor; they swap, merge, complete or cancel.", warm, toSupervisor),
	failureScenario("transfer-busy", "The number that a call is handed to is busy; the customer is brought back.", "busy", toNumber, welcome{does: rejects, after: 1}),
	failureScenario("transfer-no-answer", "The number that a call is handed to does not answer; the customer is brought back.", "no_answer", toNumber, welcome{does: ignores}),
	failureScenario("transfer-rejected", "The colleague whom a call is handed to rejects it; the customer is brought back.", "rejected", toAgent, welcome{does: rejects, after: 1}),
	failureScenario("transfer-timed-out", "Nobody is in the queue that a call is handed to; the customer is brought back.", "timed_out", toQueue, welcome{}),
	failureScenario("transfer-unavailable", "The colleague whom a call is handed to is off duty; the customer is brought back.", "unavailable", toAgent, welcome{}),
	{
		Name: "transfer-customer-left", Description: "The customer hangs up while the target is rung.",
		turns: func(o origin, rng *rand.Rand) []turn {
			t := aim([]string{toNumber, toAgent}[rng.IntN(2)], pick2(rng, cold, warm), o, rng)
			t.welcome.after, t.callerGoesAfter, t.fails = 12, 1+2*rng.Float64(), "customer_left"
			return []turn{t}
		},
	},
	{
		Name: "transfer-agent-left", Description: "The agent hangs up by mistake while the target is rung: he, or somebody else, is brought to the customer.",
		turns: func(o origin, rng *rand.Rand) []turn {
			t := aim(toNumber, warm, o, rng)
			// The target is slower than it takes Holdfast to miss the agent, who may have been at a browser that died.
			t.welcome, t.agentGoesAfter, t.fails = welcome{does: ignores}, 1+rng.Float64(), "agent_left"
			return []turn{t}
		},
	},
	{
		Name: "transfer-canceled", Description: "The agent cancels the transfer while the target is rung.",
		turns: func(o origin, rng *rand.Rand) []turn {
			t := aim([]string{toNumber, toAgent}[rng.IntN(2)], warm, o, rng)
			t.welcome.after, t.cancelsAfter, t.fails = 15, 1+2*rng.Float64(), "canceled"
			return []turn{t}
		},
	},
	{
		Name: "transfer-chain", Description: "The call is handed on, and on again.",
		turns: func(o origin, rng *rand.Rand) []turn {
			chain := []turn{}
			for i := range 2 + rng.IntN(2) {
				t := aim(pick2(rng, toAgent, toQueue), pick2(rng, cold, warm), o, rng)
				t.course = [][]string{{"complete"}, {"merge", "complete"}, {"hang-up"}}[i%3]
				chain = append(chain, t)
			}
			return chain
		},
	},
	{
		Name: "supervise", supervisors: 1, Description: "A supervisor listens, whispers and barges in, in one leg that changes its mode, and leaves.",
		turns: func(_ origin, rng *rand.Rand) []turn { return []turn{supervised{visits: []supervision{visit(rng)}}} },
	},
	{
		Name: "supervise-many", supervisors: 3, Description: "Two or three supervisors are in one call at once, each in a mode of his own.",
		turns: func(_ origin, rng *rand.Rand) []turn {
			t := supervised{}
			for range 2 + rng.IntN(2) {
				t.visits = append(t.visits, visit(rng))
			}
			return []turn{t}
		},
	},
	{
		Name: "supervise-dial-in", supervisors: 1, dialsIn: true,
		Description: "A supervisor gets a code, dials in by telephone and keys it, at times a wrong one first; then he is like any other.",
		turns: func(_ origin, rng *rand.Rand) []turn {
			v := visit(rng)
			v.mode, v.dialsIn, v.slips = "monitor", true, rng.IntN(2) == 0
			v.then = [][]string{{"whisper", "monitor", "hang-up"}, {"barge", "leave"}, {"hang-up"}, {"take-over"}}[rng.IntN(4)]
			return []turn{supervised{visits: []supervision{v}}}
		},
	},
	{
		Name: "take-over", supervisors: 1, Description: "A supervisor takes the call over; the agent is out of it.",
		turns: func(_ origin, rng *rand.Rand) []turn {
			v := visit(rng)
			v.then = []string{"take-over"}
			return []turn{supervised{visits: []supervision{v}}}
		},
	},
	{
		Name: "help", supervisors: 1, Description: "The agent asks for help; a supervisor sees it, whispers, and leaves.",
		turns: func(_ origin, rng *rand.Rand) []turn {
			v := visit(rng)
			v.mode, v.then, v.private = "whisper", []string{"leave"}, false
			return []turn{supervised{visits: []supervision{v}, help: "the caller is angry"}}
		},
	},
	{
		Name: "crash-rejoin", Description: "The agent's browser dies in the middle of a talk; he is back and rejoins with one action.",
		turns: func(_ origin, rng *rand.Rand) []turn { return []turn{fall{agent: rejoins, after: 1 + 3*rng.Float64()}} },
	},
	{
		Name: "crash-ring", Description: "The agent's browser dies and is back before he is missed: his phone rings.",
		turns: func(_ origin, rng *rand.Rand) []turn { return []turn{fall{agent: isRung, after: 0.2 * rng.Float64()}} },
	},
	{
		Name: "crash-queue", Description: "The agent's browser dies and stays away; somebody else of the queue comes.",
		turns: func(_ origin, rng *rand.Rand) []turn { return []turn{fall{agent: tooLate, after: 3 * rng.Float64()}} },
	},
	{
		Name: "crash-nobody", Description: "The agent's browser dies, and he was the only one: the caller is told goodbye.", entrance: entranceSolo,
		turns: func(_ origin, rng *rand.Rand) []turn { return []turn{fall{agent: never, after: 2 * rng.Float64()}} },
	},
	{
		Name: "announced", Description: "The agent hears who calls, and presses 1 before they meet.", entrance: entranceAnnounce,
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience = 0 },
	},
	{
		Name: "voicemail", Description: "An agent's voicemail answers, and presses nothing: it never has the call; the next agent does.", entrance: entranceAnnounce,
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience, p.voicemails = 0, 1 },
	},
	{
		Name: "collision", supervisors: 1, Description: "The agent hands on, a supervisor barges in or takes over, and the customer hangs up, all at one moment.",
		turns: func(o origin, rng *rand.Rand) []turn {
			c := collision{
				supervisor: supervision{mode: pick2(rng, "barge", "monitor"), answerAfter: rng.Float64(), collides: true, pause: 0.5, then: []string{"barge"}},
				callerGoes: rng.IntN(2) == 0, callerDelays: 2 * rng.Float64(),
			}
			switch rng.IntN(4) {
			case 0:
				c.supervisor.then = []string{"take-over"}
			case 1:
				c.supervisor.then = []string{"barge", "leave"}
			}
			if rng.IntN(4) > 0 {
				t := aim(toNumber, pick2(rng, cold, warm), o, rng)
				t.course = []string{"merge", "complete"}
				c.agent = t
			}
			return []turn{c}
		},
	},
}

// transferScenario is a transfer that should succeed.
func transferScenario(name, description, mode, to string) Scenario {
	s := Scenario{Name: name, Description: description, turns: func(o origin, rng *rand.Rand) []turn {
		return []turn{aim(to, mode, o, rng)}
	}}
	if to == toSupervisor {
		s.supervisors = 1
	}
	return s
}

// failureScenario is a transfer, of either mode, that must come to this.
func failureScenario(name, description, fails, to string, does welcome) Scenario {
	return Scenario{Name: name, Description: description, turns: func(o origin, rng *rand.Rand) []turn {
		t := aim(to, pick2(rng, cold, warm), o, rng)
		t.welcome, t.fails = does, fails
		switch fails {
		case "timed_out":
			t.queue = anyOf(rng, o.empty)
		case "unavailable":
			t.queue = anyOf(rng, o.offDuty)
		}
		return []turn{t}
	}}
}

// aim is a transfer to somebody who takes it.
func aim(to, mode string, o origin, rng *rand.Rand) transfer {
	t := transfer{mode: mode, to: to, welcome: welcome{after: 0.5 + 2*rng.Float64()}, pause: 0.5 + rng.Float64()}
	switch to {
	case toQueue:
		t.queue = anyOf(rng, o.staffed)
	case toNumber:
		t.address = o.outside(rng.IntN(10))
	}
	if mode == warm {
		t.course = [][]string{
			{"complete"},
			{"swap", "swap", "complete"},
			{"swap", "merge", "complete"},
			{"merge", "complete"},
			{"merge", "hang-up"},
			{"hang-up"},
			{"cancel"},
			{"swap", "cancel"},
			{"merge", "cancel"},
		}[rng.IntN(9)]
	}
	return t
}

// visit is one supervisor's visit, in modes that change.
func visit(rng *rand.Rand) supervision {
	v := supervision{
		mode: []string{"monitor", "whisper", "barge"}[rng.IntN(3)], private: rng.IntN(4) == 0,
		after: 2 * rng.Float64(), answerAfter: 0.3 + rng.Float64(), pause: 0.5 + rng.Float64(),
	}
	for mode := v.mode; len(v.then) < 1+rng.IntN(3); {
		next := []string{"monitor", "whisper", "barge"}[rng.IntN(3)]
		if next != mode {
			mode = next
			v.then = append(v.then, mode)
		}
	}
	v.then = append(v.then, pick2(rng, "leave", "hang-up"))
	return v
}

func pick2(rng *rand.Rand, a, b string) string {
	if rng.IntN(2) == 0 {
		return a
	}
	return b
}

func anyOf(rng *rand.Rand, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[rng.IntN(len(names))]
}
