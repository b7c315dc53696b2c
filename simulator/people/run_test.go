package people

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
)

// floor is a centre on a simulated Twilio, with a call control of the test's.
type floor struct {
	sim    *simulator.Simulator
	fake   *fakeHoldfast
	script *Script
	centre *Centre
	cfg    RunConfig
}

const scale = 10 * time.Millisecond

// beyondTheFake are scenarios that need more of Holdfast than the tests' fake does: it knows no task, no two offers at a time, nobody but one customer and
// one agent, and no breaker. They are run against the real one, end to end.
var beyondTheFake = append([]string{"task-canceled", "two-ring", "agent-crash", "agent-hangs-up", "cascade"}, names(live, func(s Scenario) string { return s.Name })...)

func setup(t *testing.T, scriptName string, corrupt func(*fakeHoldfast)) *floor {
	t.Helper()
	sim := simulator.New(simulator.Config{Seed: 1, Second: scale, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	t.Cleanup(sim.Close)
	fake := startFake(t, sim)
	if corrupt != nil {
		corrupt(fake)
	}
	script, err := Load(scriptName)
	require.NoError(t, err)
	for _, name := range beyondTheFake {
		delete(script.Mix, name)
	}
	centre, err := Provision(t.Context(), sim, script.Centre, fake.urls())
	require.NoError(t, err)
	fake.centre = centre
	return &floor{sim: sim, fake: fake, script: script, centre: centre, cfg: RunConfig{
		BaseURL: fake.server.URL, Keys: func(sid string) string { return sid }, SupervisorKey: "supervisor",
		Second: scale, Seed: 3, AloneLimit: 3 * time.Second, EndLimit: 20 * time.Second,
		Narrator: func(h Happening) { t.Logf("%s %s %s", h.Kind, h.Call, h.Text) },
	}}
}

func (f *floor) run(t *testing.T) Report {
	t.Helper()
	report, err := Run(t.Context(), f.sim, f.centre, f.script, f.cfg)
	require.NoError(t, err)
	t.Log("\n" + report.Text())
	return report
}

func TestProvision(t *testing.T) {
	t.Parallel()
	f := setup(t, "floor", nil)
	require.Len(t, f.centre.Agents, 8)
	require.Len(t, f.centre.Queues, 5)
	require.Len(t, f.centre.Numbers, 14)
	for prefix, sids := range map[string]map[string]string{
		"WK": f.centre.Agents, "WQ": f.centre.Queues, "WW": f.centre.RoutingWorkflows, "PN": f.centre.Numbers, "WA": f.centre.Availabilities,
	} {
		for name, sid := range sids {
			require.Regexp(t, "^"+prefix+"[0-9a-f]{32}$", sid, name)
		}
	}
	name, available, err := f.sim.Availability(f.centre.Agents["Agent 01"])
	require.NoError(t, err)
	require.Equal(t, "Offline", name)
	require.False(t, available)

	t.Run("what Twilio refuses is named", func(t *testing.T) {
		t.Parallel()
		script := f.script.Centre
		script.Workspace = "Elsewhere"
		script.Queues = []QueueScript{{Name: "Odd", Target: "skills HAS HAS", MaxReserved: 1, Order: "FIFO"}}
		_, err := Provision(t.Context(), f.sim, script, URLs{})
		require.ErrorContains(t, err, `provision queues: "Odd": POST`)
		require.ErrorContains(t, err, "400")
	})
}

func TestEveryScenarioComesToItsEnd(t *testing.T) {
	t.Parallel()
	wants := map[string]func(t *testing.T, r Report){
		"standard":            func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Completed) },
		"abandon-queue":       func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Abandoned) },
		"abandon-ringing":     func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Abandoned) },
		"no-agents":           func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Abandoned) },
		"reject":              func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Completed) },
		"no-answer":           func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Completed) },
		"agent-crash":         func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Completed) },
		"agent-leaves-by-api": func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Completed) },
		"agent-ends-by-api":   func(t *testing.T, r Report) { require.Equal(t, r.Started, r.Completed) },
	}
	for _, s := range Scenarios() {
		if slices.Contains(beyondTheFake, s.Name) || strings.HasPrefix(s.entrance, entranceBot) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, "floor", nil)
			f.cfg.Scenario, f.cfg.Calls, f.cfg.Agents = s.Name, 12, 4
			if s.Name == Mix {
				f.cfg.Calls, f.cfg.Rate, f.cfg.Agents = 60, 20, 0
			}
			r := f.run(t)
			require.Empty(t, r.Violations)
			require.True(t, r.OK())
			require.Equal(t, f.cfg.Calls, r.Started)
			require.Equal(t, r.Started, r.Completed+r.Abandoned)
			if want := wants[s.Name]; want != nil {
				want(t, r)
			}
			if s.Name == "keys" {
				require.Positive(t, f.fake.keys)
			}
		})
	}
}

func TestAgentsStayAwayWhereTheScenarioWantsIt(t *testing.T) {
	t.Parallel()
	f := setup(t, "demo", nil) // which has no closed number
	f.cfg.Scenario, f.cfg.Calls = "no-agents", 5
	r := f.run(t)
	require.True(t, r.OK())
	require.Zero(t, r.Agents)
	require.Equal(t, 5, r.Abandoned)
	require.Equal(t, map[string]int{"abandoned": 5}, r.Outcomes)
}

func TestPeopleNotice(t *testing.T) {
	t.Parallel()

	t.Run("a hold that was verified and did not happen", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "floor", func(fake *fakeHoldfast) { fake.liesAboutHold = true })
		f.cfg.Scenario, f.cfg.Calls, f.cfg.Agents = "standard", 1, 1
		r := f.run(t)
		require.False(t, r.OK())
		require.Contains(t, r.Violations[0], "hold: Holdfast says that it happened")
	})

	t.Run("a call that never ends", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "floor", func(fake *fakeHoldfast) { fake.neverEnds = true })
		f.cfg.Scenario, f.cfg.Calls, f.cfg.EndLimit = "abandon-queue", 1, 200*time.Millisecond
		r := f.run(t)
		require.Equal(t, 1, r.Lost)
		require.False(t, r.OK())
	})

	t.Run("a caller who is left alone", func(t *testing.T) {
		t.Parallel()
		f := setup(t, "floor", func(fake *fakeHoldfast) { fake.strandsPeople = true })
		f.cfg.Scenario, f.cfg.Calls, f.cfg.Agents, f.cfg.AloneLimit = "agent-crash", 1, 1, 300*time.Millisecond
		r := f.run(t)
		require.False(t, r.OK())
		require.Contains(t, r.Violations[0], "nobody came or said goodbye")
	})
}

func TestARunWithoutEndIsStoppedByItsContext(t *testing.T) {
	t.Parallel()
	f := setup(t, "demo", nil)
	f.cfg.Rate = 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := 0
	f.cfg.Narrator = func(h Happening) {
		if h.Kind == CallEnded {
			if ended++; ended == 5 {
				cancel()
			}
		}
	}
	r, err := Run(ctx, f.sim, f.centre, f.script, f.cfg)
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Started, 5)
	require.Zero(t, r.Lost)
	require.Equal(t, r.Started, r.Completed+r.Abandoned+r.Stopped)
	for name, sid := range f.centre.Agents {
		_, available, err := f.sim.Availability(sid)
		require.NoError(t, err)
		require.False(t, available, name)
	}
}

func TestACountedRunThatIsStoppedSaysSo(t *testing.T) {
	t.Parallel()
	f := setup(t, "demo", nil)
	f.cfg.Calls, f.cfg.Rate = 1000, 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.cfg.Narrator = func(h Happening) {
		if h.Kind == CallerTalks {
			cancel()
		}
	}
	r, err := Run(ctx, f.sim, f.centre, f.script, f.cfg)
	require.ErrorIs(t, err, context.Canceled)
	require.Positive(t, r.Stopped)
}

func TestRunRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	script := mustParse(t, shop)
	good := RunConfig{BaseURL: "http://127.0.0.1:1", Keys: func(s string) string { return s }, SupervisorKey: "s"}
	tests := []struct {
		name string
		edit func(*RunConfig)
		want string
	}{
		{"no address", func(c *RunConfig) { c.BaseURL = "" }, "no BaseURL"},
		{"no keys", func(c *RunConfig) { c.Keys = nil }, "need API keys"},
		{"a scenario that there is not", func(c *RunConfig) { c.Scenario = "opera" }, `no scenario "opera"`},
		{"more agents than there are", func(c *RunConfig) { c.Agents = 3 }, "the script has 2; Staff makes more"},
		{"a rate below zero", func(c *RunConfig) { c.Rate = -1 }, "must not be below 0"},
		{"a centre of another script", func(*RunConfig) {}, `the centre has no agent "Ann Kerr"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			tt.edit(&cfg)
			_, err := Run(t.Context(), nil, &Centre{}, script, cfg)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
