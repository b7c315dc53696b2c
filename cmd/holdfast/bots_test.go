package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
	"holdfast/simulator/people"
)

// Each way in which a bot's part of a call can end, with what its people lived held against sessions, transcripts and tasks.
func TestBotsTalkCallAndHandOver(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	tried := 0
	for i, scenario := range people.Scenarios() {
		if !strings.HasPrefix(scenario.Name, "bot-") {
			continue
		}
		tried++
		r, err := s.run(t.Context(), people.RunConfig{Calls: 4, Seed: uint64(i) + 1, Second: fast, Scenario: scenario.Name})
		require.NoError(t, err, scenario.Name)
		requireOK(t, r)
		require.Equal(t, 4, r.Completed+r.Abandoned+r.Rejected, scenario.Name)
	}
	require.GreaterOrEqual(t, tried, 20)
}

func TestBotsTalkWhileWebhooksAndRequestsGoAstray(t *testing.T) {
	t.Parallel()
	const often = 0.1
	s := newStageWith(t, func(c *stageConfig) {
		c.faults = simulator.Faults{Doubled: often, Reordered: often, Delayed: often, Dropped: often / 2, TooMany: often, Broken: often}
	})
	for i, scenario := range []string{"bot-wish", "bot-api", "bot-hangs-up-in-handoff", "bot-outbound", "bot-ends"} {
		r, err := s.run(t.Context(), people.RunConfig{Calls: 4, Seed: uint64(i) + 1, Second: fast, Scenario: scenario, Patience: time.Minute})
		require.NoError(t, err, scenario)
		requireOK(t, r)
	}
}

func TestABotsNumberThatSomebodyElseHadIsTheBotsAtItsStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	bots := s.script.Centre.Bots
	bot := bots[slices.IndexFunc(bots, func(b people.BotScript) bool { return b.Hijacked })]
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://api.twilio.com/2010-04-01/Accounts/"+s.sim.AccountSID()+"/IncomingPhoneNumbers/"+s.centre.Numbers[bot.Number]+".json", nil)
	require.NoError(t, err)
	r.SetBasicAuth(s.sim.AccountSID(), s.sim.AuthToken())
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	var number map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &number))
	require.Nil(t, number["voice_application_sid"])
	require.Nil(t, number["trunk_sid"])
	require.Contains(t, number["voice_url"], s.public+"/twilio/bots/voice?connection=con_")
}

// A caller speaks while the process that asked him goes and another one comes: what he said is answered all the same.
func TestADialogueGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	s := newStageWith(t, func(c *stageConfig) { c.second = 4 * fast })
	entry := s.script.Centre.Agents[0]
	answered := make(chan simulator.Line, 1)
	s.sim.Attach(entry.Address, s.answering(answered))
	require.NoError(t, s.sim.SetAvailability(s.centre.Agents[entry.Name], "Available"))
	numbers := s.script.Centre.Numbers
	caller, err := s.sim.Dial("+15550001111", numbers[slices.IndexFunc(numbers, func(n people.NumberScript) bool { return n.Entrance == "bot" })].Number)
	require.NoError(t, err)
	requireHeard(t, caller, "or two for repairs")
	caller.Speak(strings.Repeat("and then there is another thing ", 22) + "so I would like to talk to a person")

	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(t.Context()))
	s.app = nil
	s.app, err = startApp(t.Context(), cfg, log, nil)
	require.NoError(t, err)
	select {
	case agent := <-answered:
		requireTogether(t, agent)
	case <-time.After(time.Minute):
		require.Fail(t, "no agent was rung")
	}
}

// answering is a phone that is picked up at once.
func (s *stage) answering(lines chan<- simulator.Line) simulator.Phone {
	return simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		line.Answer()
		lines <- line
	})
}

// requireHeard waits until somebody has heard a sentence to its end.
func requireHeard(t *testing.T, line simulator.Line, part string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e, open := <-line.Events():
			require.True(t, open, "the line ended before %q was heard", part)
			if e.Kind == simulator.LineHeard && strings.Contains(e.Detail, part) {
				return
			}
		case <-late:
			require.Fail(t, "was not heard", part)
		}
	}
}
