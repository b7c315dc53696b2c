package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// needNode skips where Node or Twilio's library for it is missing, unless they are demanded.
func needNode(t *testing.T) (node, folder string) {
	t.Helper()
	folder = filepath.Join("testdata", "node")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "node_modules", "twilio", "package.json"))
	}
	if err != nil && os.Getenv("HOLDFAST_REQUIRE_NODE") == "" {
		t.Skip("no Node, or no library: run 'npm ci' in simulator/testdata/node first:", err)
	}
	require.NoError(t, err)
	return node, folder
}

// Twilio's own library for Node, as it is published, drives the simulator by what it knows of Twilio, reads its answers and validates
// its webhooks. The scenarios are in testdata/node/trial.mjs.
func TestTwiliosNodeLibraryWorks(t *testing.T) {
	t.Parallel()
	node, folder := needNode(t)
	sim := New(Config{Seed: 21, Second: 50 * time.Millisecond})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(checked(t, sim))
	t.Cleanup(server.Close)
	for _, address := range []string{"client:ann", "client:bea", "client:customer", "client:guest"} {
		sim.Attach(address, PhoneFunc(func(_ context.Context, line Line) { line.Answer() }))
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	trial := exec.CommandContext(ctx, node, "trial.mjs")
	trial.Dir = folder
	trial.Env = append(os.Environ(), "SIMULATOR_URL="+server.URL, "ACCOUNT_SID="+sim.AccountSID(), "AUTH_TOKEN="+sim.AuthToken())
	var out, complaints bytes.Buffer
	trial.Stdout, trial.Stderr = &out, &complaints
	ended := trial.Run()

	scenarios, finished := 0, false
	for line := range bytes.Lines(out.Bytes()) {
		var result struct {
			Name, Error  string
			OK, Finished bool
		}
		require.NoError(t, json.Unmarshal(line, &result), "%s", line)
		if result.Finished {
			finished = true
			continue
		}
		scenarios++
		t.Run(result.Name, func(t *testing.T) { require.True(t, result.OK, result.Error) })
	}
	require.NoError(t, ended, complaints.String())
	require.True(t, finished, "the trial ended early: %s", complaints.String())
	require.GreaterOrEqual(t, scenarios, 12)
	require.Empty(t, sim.Violations())
}
