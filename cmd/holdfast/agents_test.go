package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/floor"
)

func TestQueuesHaveRulesForAgentsWhoDoNotAnswer(t *testing.T) {
	t.Parallel()
	cfg, err := parseServe(t, `
breaker:
  - {queue: "*", agents: 5, window: 1m}
  - {queue: Support, misses: 2, do: alert, share: 0.5}
`)
	require.NoError(t, err)
	require.Empty(t, cfg.breakerProblems())
	cfg.NotAnswering = "WA1"
	all := floor.DefaultRule()
	all.Agents, all.Window = 5, time.Minute
	support := all
	support.Misses, support.Do, support.Share = 2, floor.DoAlert, 0.5
	require.Equal(t, floor.Settings{
		NotAnswering: "WA1", TimedOut: "WA2", Rule: all, Queues: []floor.QueueRule{{Queue: "Support", Rule: support}},
	}, cfg.floor("WA2"))
}

func TestWrongRulesAreSaid(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"breaker: [{misses: 1}]":                                 "needs queue",
		"breaker: [{queue: A}, {queue: A}]":                      "A is there twice",
		"breaker: [{queue: A, agents: 0}]":                       "1 or more",
		"breaker: [{queue: A, share: 1.5}]":                      "from 0 to 1",
		"breaker: [{queue: A, back_after: 10m}]":                 "back_after_most",
		"breaker: [{queue: A, backs: -1}]":                       "not negative",
		"breaker: [{queue: A, do: nothing-at-all}]":              "do must be",
		"breaker: [{queue: A, window: 0s}]":                      "above 0",
		"breaker: [{queue: A, misses: 1}, {queue: '', keep: 2}]": "entry 2",
	} {
		cfg, err := parseServe(t, file)
		require.NoError(t, err)
		problems := cfg.breakerProblems()
		require.NotEmpty(t, problems, file)
		require.ErrorContains(t, problems[0], want)
	}
	_, err := parseServe(t, "breaker: [{queue: A, mises: 1}]")
	require.ErrorContains(t, err, "mises")
}
