package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/floor"
	"holdfast/handlers"
	"holdfast/simulator"
	"holdfast/simulator/people"
	"holdfast/store"
)

// tenAgents is a stage on which nobody acts but the test, with ten agents for its first number.
func tenAgents(t *testing.T) *stage {
	t.Helper()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	script.Centre.Agents = nil
	for i := range 10 {
		script.Centre.Agents = append(script.Centre.Agents, people.AgentEntry{
			Name: fmt.Sprintf("Agent %02d", i), Address: fmt.Sprintf("client:agent%02d", i), Skills: []string{"support"}, Capacity: 1,
		})
	}
	s, err := startStage(t.Context(), stageConfig{
		script: script, seed: 7, second: fast, dataDir: t.TempDir(), listen: "127.0.0.1:0", uiPort: -1, log: newLogger(t.Output(), "error", "text"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) })
	return s
}

// available counts the agents whom Twilio offers calls to.
func available(t *testing.T, s *stage) int {
	t.Helper()
	n := 0
	for _, sid := range s.centre.Agents {
		_, on, err := s.sim.Availability(sid)
		require.NoError(t, err)
		if on {
			n++
		}
	}
	return n
}

func (s *stage) ask(t *testing.T, method, path, key, body string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.public+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode, path)
	require.NoError(t, json.NewDecoder(answer.Body).Decode(into))
}

// alerts are the codes of what the breaker raised.
func alerts(t *testing.T, s *stage) []string {
	t.Helper()
	entries, err := s.app.store.Stream(t.Context(), 0, 10000)
	require.NoError(t, err)
	var codes []string
	for _, e := range entries {
		if e.Call != "" || e.Kind != "AlertRaised" {
			continue
		}
		var alert floor.Alert
		require.NoError(t, json.Unmarshal(e.Data, &alert))
		codes = append(codes, alert.Code)
	}
	return codes
}

func TestTenDeadPhonesDoNotEmptyTheQueueAndTheirAgentsComeBack(t *testing.T) {
	t.Parallel()
	s := tenAgents(t)
	var dead atomic.Bool
	dead.Store(true)
	answered := make(chan simulator.Line, 100)
	for _, a := range s.script.Centre.Agents {
		s.sim.Attach(a.Address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
			if dead.Load() {
				return // it rings, and nobody hears it
			}
			line.Answer()
			answered <- line
		}))
		require.NoError(t, s.sim.SetAvailability(s.centre.Agents[a.Name], "Available"))
	}
	const callers = 6
	for i := range callers {
		_, err := s.sim.Dial(fmt.Sprintf("+1555000%04d", i), s.script.Centre.Numbers[0].Number)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return slices.Contains(alerts(t, s), floor.AlertCascade) }, time.Minute, 20*time.Millisecond, "somebody is alerted")

	// One goes home meanwhile, and a supervisor takes another one off who is off already.
	gone, kept := s.script.Centre.Agents[0].Name, ""
	var agent handlers.AgentDetail
	s.ask(t, http.MethodPost, "/v1/agents/me/availability", s.keys.agents[s.centre.Agents[gone]], `{"name":"Offline"}`, &agent)
	require.Equal(t, "Offline", agent.Availability.Name)
	require.Eventually(t, func() bool {
		for name, sid := range s.centre.Agents {
			if where, _, err := s.sim.Availability(sid); err == nil && where == "Not answering" && name != gone {
				kept = name
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond)
	supervisor := &agentCmd{URL: s.public, APIKey: s.keys.supervisor}
	require.NoError(t, (&agentAvailabilityCmd{output: output{Output: "table"}, Agent: s.centre.Agents[kept], To: "not answering"}).Run(t.Context(), supervisor))

	// As long as nobody answers, the breaker never has the queue run empty: it would keep 5 of 10 on, and two are out of its hands.
	misses := func() int {
		entries, err := s.app.store.Stream(t.Context(), 0, 10000)
		require.NoError(t, err)
		return len(slices.DeleteFunc(entries, func(e store.Entry) bool { return e.Kind != floor.ChangeMissed }))
	}
	before := misses()
	least := 10
	require.Eventually(t, func() bool {
		least = min(least, available(t, s))
		return misses() >= before+10
	}, 2*time.Minute, 5*time.Millisecond, "calls are offered all the while")
	require.GreaterOrEqual(t, least, 3)

	dead.Store(false)
	for range callers {
		select {
		case <-answered:
		case <-time.After(time.Minute):
			require.Fail(t, "a caller was not answered")
		}
	}
	require.Eventually(t, func() bool { return available(t, s) == 8 }, time.Minute, 20*time.Millisecond, "who is reachable is back")
	for name, want := range map[string]string{gone: "Offline", kept: "Not answering"} {
		where, _, err := s.sim.Availability(s.centre.Agents[name])
		require.NoError(t, err)
		require.Equal(t, want, where, "where a person put him he stays")
	}
	require.Eventually(t, func() bool { return slices.Contains(alerts(t, s), floor.AlertCascadeOver) }, time.Minute, 20*time.Millisecond)
	require.Equal(t, 8, available(t, s))

	require.NoError(t, (&agentListCmd{output: output{Output: "table"}}).Run(t.Context(), supervisor))
	require.NoError(t, (&agentShowCmd{output: output{Output: "json"}, Agent: s.centre.Agents[kept]}).Run(t.Context(), supervisor))
	require.ErrorContains(t, (&agentShowCmd{Agent: "me"}).Run(t.Context(), supervisor), "belongs to no agent")
	var page handlers.AgentPage
	s.ask(t, http.MethodGet, "/v1/agents?limit=200", s.keys.supervisor, "", &page)
	require.Len(t, page.Agents, 10)
	backs := 0
	for _, a := range page.Agents {
		where, _, err := s.sim.Availability(a.SID)
		require.NoError(t, err)
		require.Equal(t, where, a.Availability.Name, "the read model follows")
		require.NotEmpty(t, a.Address)
		require.NotEmpty(t, a.Channels)
		if a.Missed != nil && a.Missed.BackSince != nil {
			backs++
		}
	}
	require.Positive(t, backs, "what became of who missed is shown")
}

func TestAnOutageOfThePhonesIsToldAndEveryCallerIsServedAfterIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	r, err := s.run(t.Context(), people.RunConfig{Calls: 12, Seed: 3, Second: fast, Scenario: "cascade"})
	require.NoError(t, err)
	requireOK(t, r)
	require.Equal(t, 12, r.Completed)
}
