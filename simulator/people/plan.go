package people

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A plan is everything that is decided for one call before it is placed: what the caller does, and what the agent who
// gets him does. Times are seconds of simulated time.
type plan struct {
	n        int // the call's place in the run, from 1
	scenario string
	from     string // unique in a run, so that an agent knows whose call rings
	caller   string
	number   NumberScript

	// The caller.
	patience   float64 // from dialling to giving up; 0: never
	givesUpAt  float64 // after an agent's phone began to ring; 0: keeps waiting
	hangsUpOn  float64 // hangs up this long after he was put on hold; 0: does not
	losesLine  bool    // where he would hang up, his line drops
	keys, says string
	keysAfter  float64 // from the first that he hears in the queue
	talkFor    float64
	goodbye    float64 // hangs up this long after the agent has gone; 0: stays until somebody ends the call

	cancelAfter float64 // an administrator cancels the task this long after the caller began to hear music; 0: nobody does

	// What happens in the middle of the talk, in this order, and how many agents it takes besides the first.
	turns  []turn
	others int
	// The agent's phone is to be answered by a voicemail first, as often as this.
	voicemails int

	// What he does while a bot has him; nil: no bot answers.
	bot *botPlan

	// The agent.
	declinesFirst    int  // how many offers are rejected on the desktop before one is accepted
	ownInstruction   bool // the desktop accepts without Holdfast
	rejects, ignores int  // how many rings come to nothing before one is answered
	neverAnswers     bool
	answerAfter      float64
	hold, mute       *episode
	ender            ender
	wrapUpFor        float64
}

// An episode is something done for a while during the talk.
type episode struct{ after, length float64 }

// An ender says by whose will a call ended.
type ender string

const (
	nobody      ender = ""
	callerEnds  ender = "the caller hung up"
	callerLost  ender = "the caller's line dropped"
	agentHangs  ender = "the agent hung up"
	agentLeaves ender = "the agent left by the API"
	agentEnds   ender = "the agent ended the call by the API"
	agentDies   ender = "the agent's line dropped"
	botEnds     ender = "the bot ended the call"
	guestHangs  ender = "somebody who was brought in hung up"
	nobodyCame  ender = "nobody came back to the caller"
	runEnds     ender = "the run was stopped"
)

// planner draws plans. Each depends on the seed and the call's number alone.
type planner struct {
	script   *Script
	scenario Scenario
	seed     uint64
	weights  []weighted // the scenarios to draw from
	open     []NumberScript
	closed   []NumberScript

	entrances map[string]NumberScript
}

type weighted struct {
	scenario Scenario
	weight   float64
}

func newPlanner(script *Script, name string, seed uint64) (*planner, error) {
	chosen, ok := scenario(name)
	if !ok {
		return nil, fmt.Errorf("no scenario %q; there are %s", name, listed())
	}
	p := &planner{script: script, scenario: chosen, seed: seed, entrances: map[string]NumberScript{}}
	for _, n := range script.Centre.Numbers {
		switch {
		case n.Closed:
			p.closed = append(p.closed, n)
		case n.Entrance != "":
			p.entrances[n.Entrance] = n
		default:
			p.open = append(p.open, n)
		}
	}
	if what := p.lacks(chosen); what != "" {
		return nil, fmt.Errorf("scenario %s: script %q has no %s", name, script.Name, what)
	}
	if name != Mix {
		p.weights = []weighted{{chosen, 1}}
		return p, nil
	}
	for _, s := range Scenarios() { // in their order, for a map has none
		if p.lacks(s) != "" {
			continue
		}
		if w := script.Mix[s.Name]; w > 0 && (!s.unstaffed || len(p.closed) > 0 || s.Name == abandonQueue) {
			p.weights = append(p.weights, weighted{s, w})
		}
	}
	if len(p.weights) == 0 {
		return nil, fmt.Errorf("script %q: its mix leaves no scenario that its numbers allow", script.Name)
	}
	return p, nil
}

// asBuilt is the script without the numbers that bots would answer, where none were made.
func (s *Script) asBuilt(centre *Centre) *Script {
	built := *s
	if len(centre.Bots) == 0 {
		built.Centre.Numbers = slices.DeleteFunc(slices.Clone(s.Centre.Numbers), func(n NumberScript) bool {
			return strings.HasPrefix(n.Entrance, entranceBot)
		})
	}
	return &built
}

// lacks says what the script would need for a scenario; empty: nothing.
func (p *planner) lacks(s Scenario) string {
	if _, there := p.entrances[s.entrance]; s.entrance != "" && !there {
		return fmt.Sprintf("number with the entrance %q", s.entrance)
	}
	o := p.of(0)
	switch {
	case s.dialsIn && p.entrances[entranceSupervise].Number == "":
		return "number that supervisors dial"
	case s.supervisors > len(p.script.Centre.Supervisors):
		return fmt.Sprintf("%d supervisors", s.supervisors)
	case s.Name == "transfer-timed-out" && len(o.empty) == 0:
		return "queue that nobody serves"
	case s.Name == "transfer-unavailable" && len(o.offDuty) == 0:
		return "agent who is off duty"
	}
	return ""
}

// unstaffed says that the run needs agents to stay away: it is about callers whom nobody serves, and no number is closed.
func (p *planner) unstaffed() bool { return p.scenario.unstaffed && len(p.closed) == 0 }

// draw plans call n.
func (p *planner) draw(n int) plan {
	rng := dice(p.seed, forCalls, n)
	at := pick(rng, p.weights, func(w weighted) float64 { return w.weight })
	s := at.scenario
	kind := pick(rng, p.script.Callers, func(c CallerScript) float64 { return c.Weight })
	agents := p.script.Agents

	c := plan{
		n: n, scenario: s.Name, from: callerNumber(p.seed, n), caller: callerName(rng),
		number:      p.number(rng, kind, s.unstaffed),
		patience:    kind.Patience.draw(rng),
		keys:        kind.Keys,
		says:        kind.Says,
		keysAfter:   0.3 + rng.Float64(),
		talkFor:     kind.TalkFor.draw(rng),
		answerAfter: agents.AnswerAfter.draw(rng),
		wrapUpFor:   agents.WrapUpFor.draw(rng),
		ender:       agentHangs,
	}
	c.hold, c.mute = agents.Hold.draw(rng), agents.Mute.draw(rng)
	if rng.Float64() < kind.HangsUpFirst {
		c.ender = callerEnds
	}
	// Most people hang up when the other has said goodbye; some wait for the tone, and their agents end the call by the button: who
	// only hangs up is brought back to a caller who stays.
	if c.goodbye = 0.5 + 1.5*rng.Float64(); rng.Float64() < 0.25 {
		c.goodbye = 0
		if c.ender == agentHangs {
			c.ender = agentEnds
		}
	}
	if s.outage { // one queue has it all
		c.number = p.open[0]
	}
	if s.entrance != "" {
		c.number = p.entrances[s.entrance]
	}
	if s.shape != nil {
		s.shape(&c, rng, agents)
	}
	if s.turns != nil {
		c.patience, c.hold, c.mute = 0, nil, nil
		c.turns = s.turns(p.of(n), rng)
		for _, t := range c.turns {
			c.others = max(c.others, t.takes())
		}
	}
	return c
}

// number is what a caller of this kind dials.
func (p *planner) number(rng *rand.Rand, kind CallerScript, closed bool) NumberScript {
	if closed && len(p.closed) > 0 {
		return p.closed[rng.IntN(len(p.closed))]
	}
	if len(kind.Calls) == 0 {
		return p.open[rng.IntN(len(p.open))]
	}
	name := kind.Calls[rng.IntN(len(kind.Calls))]
	for _, n := range p.script.Centre.Numbers {
		if n.Name == name {
			return n
		}
	}
	return p.open[0] // Validate has seen to it that the name is known
}

// draw decides whether and when the episode happens.
func (e EpisodeScript) draw(rng *rand.Rand) *episode {
	happens, after, length := rng.Float64() < e.Share, e.After.draw(rng), e.For.draw(rng)
	if !happens {
		return nil
	}
	return &episode{after, length}
}

// always is the episode whatever its share.
func (e EpisodeScript) always(rng *rand.Rand) *episode {
	e.Share = 1
	return e.draw(rng)
}

// pick takes one by weight. The weights' sum must be above 0.
func pick[T any](rng *rand.Rand, all []T, weight func(T) float64) T {
	total := 0.0
	for _, one := range all {
		total += weight(one)
	}
	left := rng.Float64() * total
	for _, one := range all {
		if left -= weight(one); left < 0 {
			return one
		}
	}
	return all[len(all)-1]
}

// callerNumber is the nth caller's number. There is no area code 555, so it is nobody's. Runs of other seeds begin
// elsewhere, for a store that outlives a run may hold several.
func callerNumber(seed uint64, n int) string {
	const numbers = 8_000_000
	start := dice(seed, forNumbers, 0).IntN(numbers)
	return fmt.Sprintf("+1555%07d", 2_000_000+(start+n)%numbers)
}

// What is drawn for one purpose does not shift what is drawn for another.
const (
	forCalls uint64 = iota
	forNumbers
	forArrivals
	forAgents
)

// dice are the choices of the nth of its kind. The two halves of a seed that differ in a bit alone give sequences that begin
// alike, so they are stirred first.
func dice(seed, purpose uint64, n int) *rand.Rand {
	first := stir(seed ^ stir(purpose))
	return rand.New(rand.NewPCG(first, stir(first+uint64(n)))) //nolint:gosec // repeatable by design; n counts upwards
}

// stir is the finaliser of SplitMix64: every bit of x changes half of the bits of the result.
func stir(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
