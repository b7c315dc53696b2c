package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/cmd/holdfast/engine"
	"holdfast/simulator/people"
)

// What virtual callers key and say to bots.
const (
	keyedToBots = "48151623"
	saidToBots  = "I would like to talk to a person"
)

func TestWhatACallerKeysToABotIsKeptNowhereAndWhatHeSaysWhereTranscriptsAreAlone(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "holdfast.log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	s, err := startStage(t.Context(), stageConfig{
		script: script, seed: 7, second: fast, dataDir: dir, listen: "127.0.0.1:0", uiPort: -1, log: newLogger(log, "debug", "text"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) })
	for _, scenario := range []string{"bot-keys", "bot-wish"} {
		r, err := s.run(t.Context(), people.RunConfig{Calls: 4, Seed: 7, Second: fast, Scenario: scenario})
		require.NoError(t, err)
		requireOK(t, r)
	}
	keys, err := engine.LocalPayloadKeys(dir)
	require.NoError(t, err)
	scan := leakScan{
		nowhere: map[string]string{"keyed digits": keyedToBots, "the auth token": s.sim.AuthToken()},
		private: map[string]string{"what a caller said": saidToBots},
	}
	scan.codec, err = engine.NewCodec(keys)
	require.NoError(t, err)
	require.Empty(t, scan.everything(t, s))

	written, err := os.ReadFile(filepath.Join(dir, "holdfast.log"))
	require.NoError(t, err)
	require.NotContains(t, string(written), saidToBots)
	require.NotContains(t, string(written), "(keyed")

	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "holdfast.db")+"?mode=ro&_busy_timeout=5000")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	count := func(query string) (n int) {
		require.NoError(t, db.QueryRowContext(t.Context(), query, "%"+saidToBots+"%").Scan(&n))
		return n
	}
	require.Zero(t, count(`SELECT COUNT(*) FROM inbox WHERE params LIKE ? AND params NOT LIKE '%handoffSummary%'`), "the inbox has what a person is told alone")
	require.Positive(t, count(`SELECT COUNT(*) FROM bot_messages WHERE words LIKE ?`), "the transcript has it")
	turns := 0
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM inbox WHERE kind LIKE 'bot-%' AND
		kind NOT IN ('bot-voice', 'bot-handoff', 'bot-end', 'bot-back')`).Scan(&turns))
	require.Zero(t, turns, "turns and partial results are none of its business")
}
