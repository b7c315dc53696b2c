package people

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func mustPlan(t *testing.T, script, scenario string, seed uint64) *planner {
	t.Helper()
	s, err := Load(script)
	require.NoError(t, err)
	p, err := newPlanner(s, scenario, seed)
	require.NoError(t, err)
	return p
}

func TestPlansDependOnSeedAndNumberAlone(t *testing.T) {
	t.Parallel()
	forwards, backwards := mustPlan(t, "demo", Mix, 7), mustPlan(t, "demo", Mix, 7)
	other := mustPlan(t, "demo", Mix, 8)
	const n = 300
	first := make([]plan, n)
	for i := range n {
		first[i] = forwards.draw(i + 1)
	}
	same := 0
	for i := n - 1; i >= 0; i-- {
		require.Equal(t, first[i], backwards.draw(i+1))
		if first[i].caller == other.draw(i+1).caller {
			same++
		}
	}
	require.Less(t, same, n/10)
}

func TestNeighboursHaveNothingInCommon(t *testing.T) {
	t.Parallel()
	p := mustPlan(t, "floor", Mix, 3)
	sum, talks := 0.0, []float64{}
	for n := range 400 {
		talks = append(talks, p.draw(n).patience+p.draw(n).answerAfter)
		sum += talks[n]
	}
	mean := sum / 400
	together, alone := 0.0, 0.0
	for n := 1; n < 400; n++ {
		together += (talks[n] - mean) * (talks[n-1] - mean)
		alone += (talks[n] - mean) * (talks[n] - mean)
	}
	require.InDelta(t, 0, together/alone, 0.15)
}

func TestEveryCallHasANumberOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := 1; n <= 5000; n++ {
		from := callerNumber(3, n)
		require.Regexp(t, `^\+1555[2-9]\d{6}$`, from)
		require.False(t, seen[from])
		seen[from] = true
	}
}

func TestTheMixKeepsItsWeights(t *testing.T) {
	t.Parallel()
	p := mustPlan(t, "floor", Mix, 1)
	const n = 20_000
	got := map[string]int{}
	for i := range n {
		got[p.draw(i).scenario]++
	}
	total := 0.0
	for _, w := range p.script.Mix {
		total += w
	}
	for name, w := range p.script.Mix {
		require.InDelta(t, w/total, float64(got[name])/n, 0.012, name)
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	checks := map[string]func(t *testing.T, p plan){
		"standard":        func(t *testing.T, p plan) { require.NotNil(t, p.hold); require.Zero(t, p.patience) },
		"plain":           func(t *testing.T, p plan) { require.Positive(t, p.patience); require.Zero(t, p.rejects+p.ignores) },
		"abandon-queue":   func(t *testing.T, p plan) { require.True(t, p.number.Closed); require.LessOrEqual(t, p.patience, 5.0) },
		"abandon-ringing": func(t *testing.T, p plan) { require.True(t, p.neverAnswers); require.Positive(t, p.givesUpAt) },
		"abandon-hold":    func(t *testing.T, p plan) { require.LessOrEqual(t, p.hangsUpOn, p.hold.length) },
		"reject":          func(t *testing.T, p plan) { require.Positive(t, p.rejects) },
		"no-answer":       func(t *testing.T, p plan) { require.Equal(t, 1, p.ignores) },
		"no-agents": func(t *testing.T, p plan) {
			require.True(t, p.number.Closed)
			require.GreaterOrEqual(t, p.patience, 10.0)
		},
		"agent-leaves-by-api": func(t *testing.T, p plan) { require.Equal(t, agentLeaves, p.ender) },
		"agent-ends-by-api":   func(t *testing.T, p plan) { require.Equal(t, agentEnds, p.ender) },
		"agent-crash":         func(t *testing.T, p plan) { require.Len(t, p.turns, 1) },
		"mute":                func(t *testing.T, p plan) { require.NotNil(t, p.mute) },
		"keys":                func(t *testing.T, p plan) { require.NotEmpty(t, p.keys); require.NotEmpty(t, p.says) },
		"studio":              func(t *testing.T, p plan) { require.Equal(t, entranceStudio, p.number.Entrance) },
		"flex": func(t *testing.T, p plan) {
			require.Equal(t, entranceFlex, p.number.Entrance)
			require.False(t, p.ownInstruction)
		},
		"flex-own": func(t *testing.T, p plan) {
			require.Equal(t, entranceFlex, p.number.Entrance)
			require.True(t, p.ownInstruction)
		},
		"two-ring":       func(t *testing.T, p plan) { require.Equal(t, entrancePair, p.number.Entrance) },
		"anonymous":      func(t *testing.T, p plan) { require.NotContains(t, p.from, "+") },
		"task-canceled":  func(t *testing.T, p plan) { require.True(t, p.number.Closed); require.Positive(t, p.cancelAfter) },
		"cascade":        func(t *testing.T, p plan) { require.Equal(t, "Support", p.number.Name); require.Zero(t, p.patience) },
		"line-lost":      func(t *testing.T, p plan) { require.True(t, p.losesLine) },
		"announced":      func(t *testing.T, p plan) { require.Equal(t, entranceAnnounce, p.number.Entrance) },
		"voicemail":      func(t *testing.T, p plan) { require.Equal(t, 1, p.voicemails) },
		"agent-hangs-up": func(t *testing.T, p plan) { require.Equal(t, agentHangs, p.ender); require.Positive(t, p.goodbye) },
	}
	for _, s := range live {
		if s.turns != nil {
			checks[s.Name] = func(t *testing.T, p plan) { require.NotEmpty(t, p.turns); require.Nil(t, p.hold) }
		}
	}
	for _, s := range spoken {
		checks[s.Name] = func(t *testing.T, p plan) {
			require.True(t, strings.HasPrefix(p.number.Entrance, entranceBot))
			require.Zero(t, p.patience)
			require.Equal(t, p.bot.ends == handsOff && !p.bot.capped, p.bot.reason+p.bot.language != "", "who is handed over is told why")
			require.Equal(t, p.bot.ends == nobodyThere, len(p.bot.moves) == 0 && !p.bot.capped && p.bot.ends != leavesOnTape, "only who is there says something")
		}
	}
	for _, s := range Scenarios() {
		t.Run(s.Name+" plans what it says", func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, s.Description)
			p := mustPlan(t, "floor", s.Name, 5)
			if s.Name == Mix {
				return
			}
			check, ok := checks[s.Name]
			require.True(t, ok, "a scenario without a check")
			for n := range 200 {
				c := p.draw(n)
				check(t, c)
				require.Equal(t, s.Name, c.scenario)
				require.Positive(t, c.talkFor)
				require.Equal(t, s.unstaffed, c.number.Closed)
			}
		})
	}

	t.Run("who wants nobody to serve him keeps the agents away where no number is closed", func(t *testing.T) {
		t.Parallel()
		require.True(t, mustPlan(t, "demo", "no-agents", 1).unstaffed())
		require.False(t, mustPlan(t, "floor", "no-agents", 1).unstaffed())
		require.False(t, mustPlan(t, "demo", Mix, 1).unstaffed())
	})

	t.Run("a scenario that there is not", func(t *testing.T) {
		t.Parallel()
		_, err := newPlanner(mustParse(t, shop), "opera", 1)
		require.ErrorContains(t, err, `no scenario "opera"; there are mix, standard`)
	})
}
