package main

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// hurried is how long a simulated second takes where many calls are placed.
const hurried = 20 * time.Millisecond

// bearable is how long one takes where what goes wrong has to be made up for in real time.
const bearable = 40 * time.Millisecond

// TestTwoHundredCallsOfEverythingEndWell runs every scenario against every other. It has the machine to itself: beside tests that break things its people
// would miss rings for want of a processor.
func TestTwoHundredCallsOfEverythingEndWell(t *testing.T) { //nolint:paralleltest // as said above
	requireEngine(t)
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { //nolint:paralleltest // one after another
			script, err := people.Load("floor")
			require.NoError(t, err)
			s, err := startStage(t.Context(), stageConfig{
				script: script, seed: seed, second: hurried, dataDir: t.TempDir(), listen: "127.0.0.1:0", uiPort: -1,
				log: newLogger(io.Discard, "warn", "text"),
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) }()
			r, err := s.run(t.Context(), people.RunConfig{Calls: 200, Seed: seed, Second: hurried})
			require.NoError(t, err)
			requireOK(t, r)
			require.Equal(t, 200, r.Completed+r.Abandoned+r.Rejected)
			for _, wanted := range []string{"transfer", "transfer-complete", "supervise", "supervise-mode", "join", "hold", "wrap-up"} {
				require.Positive(t, verified(r, wanted), wanted)
			}
		})
	}
}

// TestEverythingGoesOnWhileTwilioAndTheNetworkMisbehave is the same with every fault but kills. `make soak` is the long run, with kills.
func TestEverythingGoesOnWhileTwilioAndTheNetworkMisbehave(t *testing.T) { //nolint:paralleltest // as said above
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { //nolint:paralleltest // one after another
			r := endure(t, simulateCmd{
				Calls: 40, Agents: 14, Seed: seed, Scenario: people.Mix, Second: bearable,
				Faults: []string{"doubled", "reordered", "delayed", "dropped", "429", "500", "timeout"},
			})
			require.Positive(t, verified(r.Report, "transfer"))
			require.Positive(t, verified(r.Report, "hold"))
			require.Positive(t, r.Faults["dropped"])
		})
	}
}

// verified is how often an action was.
func verified(r people.Report, action string) int {
	for _, a := range r.Actions {
		if a.Name == action {
			return a.Verified
		}
	}
	return 0
}
