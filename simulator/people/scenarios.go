package people

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Mix is the scenario that draws each call's scenario by the weights of the script: the default.
const Mix = "mix"

const abandonQueue = "abandon-queue"

// A Scenario is a turn of events that a run can be about.
type Scenario struct {
	Name        string `json:"name"`
	Description string `json:"description"`

	// unstaffed: it is about callers whom nobody serves. They dial a closed number; where the script has none, a run of this
	// scenario has its agents stay away.
	unstaffed bool
	entrance  string // it is about the number with this entrance
	// dialsIn: its supervisors dial the number that is for them.
	dialsIn bool
	// outage: no phone of any agent is heard for a while, which a run is about as a whole: the mix has none.
	outage bool
	// supervisors is how many it needs at once.
	supervisors int
	shape       func(p *plan, rng *rand.Rand, agents AgentScript)
	// turns are what happens in the middle of the talk; nil: nothing besides what shape says.
	turns func(o origin, rng *rand.Rand) []turn
}

// Scenarios lists all of them, the default first.
func Scenarios() []Scenario { return slices.Clone(scenarios) }

var scenarios = slices.Concat(basic, live, spoken)

// basic are the scenarios of how calls come in, and end.
var basic = []Scenario{
	{Name: Mix, Description: "All of them, by the script's weights."},
	{
		Name: "standard", Description: "Ring, accept, talk, one hold, hang up, wrap up.",
		shape: func(p *plan, rng *rand.Rand, agents AgentScript) {
			p.patience, p.mute = 0, nil
			p.hold = agents.Hold.always(rng)
		},
	},
	{
		Name: "plain", Description: "Ring, accept, talk as the script says, hang up, wrap up.",
		shape: func(*plan, *rand.Rand, AgentScript) {},
	},
	{
		Name: abandonQueue, Description: "The caller soon gives up in the queue.", unstaffed: true,
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) { p.patience = 1 + 4*rng.Float64() },
	},
	{
		Name: "abandon-ringing", Description: "The caller hangs up while an agent's phone rings: nobody may join an empty room.",
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) {
			p.patience, p.neverAnswers, p.givesUpAt = 0, true, 0.5+2.5*rng.Float64()
		},
	},
	{
		Name: "abandon-hold", Description: "The caller hangs up while he is on hold.",
		shape: func(p *plan, rng *rand.Rand, agents AgentScript) {
			p.patience, p.mute, p.ender = 0, nil, callerEnds
			p.hold = agents.Hold.always(rng)
			p.hangsUpOn = p.hold.length * rng.Float64()
		},
	},
	{
		Name: "reject", Description: "One or two agents reject; the next one answers.",
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) { p.patience, p.rejects = 0, 1+rng.IntN(2) },
	},
	{
		Name: "no-answer", Description: "One agent lets it ring; the next one answers.",
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience, p.ignores = 0, 1 },
	},
	{
		Name: "no-agents", Description: "Nobody is there: the caller waits to music and gives up at last.", unstaffed: true,
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) { p.patience = 10 + 20*rng.Float64() },
	},
	{
		Name: "agent-leaves-by-api", Description: "The agent takes his own leg out of the call by Holdfast's API.",
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience, p.ender, p.goodbye = 0, agentLeaves, 0 },
	},
	{
		Name: "agent-ends-by-api", Description: "The agent ends the whole call by Holdfast's API.",
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience, p.ender, p.goodbye = 0, agentEnds, 0 },
	},
	{
		Name: "agent-hangs-up", Description: "The agent hangs up his phone; the caller follows, or it was a mistake: his phone rings, and he is back.",
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) {
			if p.patience, p.ender = 0, agentHangs; p.goodbye == 0 {
				p.goodbye = 0.5 + rng.Float64()
			}
		},
		turns: func(_ origin, rng *rand.Rand) []turn {
			if rng.IntN(2) == 0 {
				return nil
			}
			return []turn{fall{agent: isRung, hangsUp: true}}
		},
	},
	{
		Name: "agent-crash", Description: "The agent's browser dies in the middle of a talk; he is back in a while, or somebody else comes.",
		turns: func(_ origin, rng *rand.Rand) []turn {
			return []turn{fall{agent: isRung, after: 20 * rng.Float64()}}
		},
	},
	{
		Name: "mute", Description: "The agent mutes himself for a while.",
		shape: func(p *plan, rng *rand.Rand, agents AgentScript) {
			p.patience, p.mute = 0, agents.Mute.always(rng)
		},
	},
	{
		Name: "keys", Description: "The caller presses keys and speaks while he waits.",
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) {
			p.patience = 0
			p.answerAfter += 5 // time to press them
			p.keys = string("0123456789*#"[rng.IntN(12)])
			if p.says == "" {
				p.says = "Is anybody there?"
			}
		},
	},
	{
		Name: "line-lost", Description: "The caller's line drops, in the queue or in the middle of a talk.",
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) {
			p.losesLine, p.ender = true, callerEnds
			if p.patience = 0; rng.IntN(2) == 0 {
				p.patience, p.neverAnswers = 1+3*rng.Float64(), true
			}
		},
	},
	{
		Name: "studio", Description: "The call comes by somebody else's voice URL, and meets Holdfast as a task.", entrance: entranceStudio,
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience = 0 },
	},
	{
		Name: "flex", Description: "Agents accept on their desktops, by Holdfast's API; some offers they reject.", entrance: entranceFlex,
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) { p.patience, p.declinesFirst = 0, max(0, rng.IntN(4)-2) },
	},
	{
		Name: "flex-own", Description: "Flex accepts by an instruction of its own, with other flags and no callbacks.", entrance: entranceFlex,
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience, p.ownInstruction = 0, true },
	},
	{
		Name: "two-ring", Description: "Two agents are rung at once and answer at once; one gets the call.", entrance: entrancePair,
		shape: func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience = 0 },
	},
	{
		Name: "anonymous", Description: "The caller withholds his number, or calls from a browser or a SIP phone.",
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) {
			p.patience = 0
			p.from = []string{"anonymous", fmt.Sprintf("client:visitor-%d", p.n), fmt.Sprintf("sip:visitor-%d@example.com", p.n)}[rng.IntN(3)]
		},
	},
	{
		Name: "task-canceled", Description: "An administrator cancels the task of a waiting caller, who hears so.", unstaffed: true,
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) { p.patience, p.cancelAfter = 0, 2+4*rng.Float64() },
	},
	{
		Name: "cascade", Description: "No agent's phone is heard for a while: somebody is alerted, agents are kept on and brought back, and every call is served.",
		outage: true,
		shape:  func(p *plan, _ *rand.Rand, _ AgentScript) { p.patience = 0 },
	},
}

// defaultMix is for scripts that name none: mostly good days.
var defaultMix = map[string]float64{
	"standard": 40, "plain": 16, "abandon-queue": 5, "abandon-ringing": 5, "abandon-hold": 3, "reject": 6, "no-answer": 3,
	"no-agents": 2, "agent-leaves-by-api": 4, "agent-ends-by-api": 4, "agent-hangs-up": 4, "agent-crash": 1, "mute": 4, "keys": 2,
	"line-lost": 3, "studio": 4, "flex": 5, "flex-own": 1, "two-ring": 3, "anonymous": 3, "task-canceled": 1,

	"hold-music": 4, "join-number": 4, "join-agent": 3, "cold-agent": 3, "cold-queue": 3, "cold-number": 3, "cold-supervisor": 2,
	"warm-agent": 4, "warm-queue": 3, "warm-number": 4, "warm-supervisor": 2, "transfer-busy": 2, "transfer-no-answer": 2,
	"transfer-rejected": 2, "transfer-timed-out": 2, "transfer-unavailable": 2, "transfer-customer-left": 2, "transfer-agent-left": 2,
	"transfer-canceled": 2, "transfer-chain": 3, "supervise": 4, "supervise-many": 2, "supervise-dial-in": 2, "take-over": 2, "help": 2, "crash-rejoin": 2,
	"crash-ring": 2, "crash-queue": 2, "crash-nobody": 1, "announced": 3, "voicemail": 2, "collision": 4,

	"bot-ends": 2, "bot-wish": 3, "bot-word": 1, "bot-sentiment": 1, "bot-failed-turns": 1, "bot-topic": 1, "bot-time": 1, "bot-api": 2,
	"bot-interrupted": 2, "bot-silent": 1, "bot-keys": 2, "bot-language": 1, "bot-hangs-up": 1, "bot-hangs-up-in-handoff": 2, "bot-cap": 1,
	"bot-slow": 1, "bot-model": 2, "bot-broken": 1, "bot-outbound": 2, "bot-outbound-busy": 1, "bot-outbound-no-answer": 1, "bot-outbound-machine": 1,
}

func scenario(name string) (Scenario, bool) {
	i := slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return scenarios[i], true
}

func mixable() []string {
	mixed := slices.DeleteFunc(slices.Clone(scenarios[1:]), func(s Scenario) bool { return s.outage })
	return names(mixed, func(s Scenario) string { return s.Name })
}

func listed() string {
	return strings.Join(names(scenarios, func(s Scenario) string { return s.Name }), ", ")
}
