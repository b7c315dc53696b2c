package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
	"holdfast/simulator/people"
)

func TestATwilioThatRefusesAndFailsKeepsNoCallFromEndingWell(t *testing.T) {
	t.Parallel()
	s := newStageWith(t, func(c *stageConfig) { // of failures and silences, every other one after it took effect
		c.seed, c.faults = 3, simulator.Faults{TooMany: 0.08, Broken: 0.08, Timeout: 0.02}
	})
	r, err := s.run(t.Context(), people.RunConfig{Calls: 30, Seed: 9, Second: fast, AloneLimit: time.Minute, Patience: 10 * time.Second})
	require.NoError(t, err)
	require.Zero(t, r.Lost, r.Text())
	require.Equal(t, 30, r.Completed+r.Abandoned+r.Rejected, r.Text())
	require.Empty(t, r.Violations, r.Text())
	for _, name := range []string{simulator.FaultTooMany, simulator.FaultBroken, simulator.FaultTimeout} {
		require.Positive(t, s.sim.Stats().Faults[name], name)
	}
}
