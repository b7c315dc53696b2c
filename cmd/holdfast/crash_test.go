package main

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// These tests break things: processes die, the network and Twilio misbehave, the disk does not write.

// slow is how long a simulated second takes where processes are to die in the middle of calls.
const slow = 150 * time.Millisecond

// ordeal runs calls under faults, as `holdfast simulate --faults` does, and returns the report. `make soak` is the long run.
func ordeal(t *testing.T, calls, agents int, second time.Duration, names ...string) *simulation {
	t.Helper()
	return endure(t, simulateCmd{Calls: calls, Agents: agents, Seed: 5, Scenario: people.Mix, Second: second, Faults: names})
}

func endure(t *testing.T, c simulateCmd) *simulation {
	t.Helper()
	requireEngine(t)
	c.DataDir = t.TempDir()
	r, err := c.simulate(t.Context())
	if err != nil || !r.OK() {
		keepLogs(t, c.DataDir)
	}
	require.NoError(t, err)
	require.True(t, r.OK(), r.text())
	require.Equal(t, c.Calls, r.Completed+r.Abandoned+r.Rejected, "every call came to its end")
	t.Log("\n" + r.text())
	return r
}

// keepLogs shows the end of the logs of a run that failed, before its folder goes.
func keepLogs(t *testing.T, dir string) {
	t.Helper()
	const most = 64 << 10
	for _, name := range []string{"serve.log", "holdfast.log"} {
		log, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			t.Logf("%s:\n%s", name, log[max(0, len(log)-most):])
		}
	}
}

func TestHoldfastIsKilledAgainAndAgainAndEveryCallGoesOn(t *testing.T) {
	t.Parallel()
	r := ordeal(t, 20, 20, slow, faultKill)
	require.GreaterOrEqual(t, r.Faults[faultKill], 2)
}

func TestTheEngineIsKilledAgainAndAgainAndEveryCallGoesOn(t *testing.T) {
	t.Parallel()
	r := ordeal(t, 20, 20, slow, faultKillEngine)
	require.GreaterOrEqual(t, r.Faults[faultKillEngine], 2)
}

func TestTwilioAndTheNetworkMisbehaveAndEveryCallGoesOn(t *testing.T) {
	t.Parallel()
	r := ordeal(t, 25, 6, fast, "doubled", "reordered", "delayed", "dropped", "429", "500", "timeout")
	for _, name := range faultNames {
		if name != faultKill && name != faultKillEngine {
			require.Positive(t, r.Faults[name], name)
		}
	}
	require.Positive(t, r.Holdfast.DuplicatesDropped)
}

func TestEverythingGoesWrongAtOnceAndEveryCallGoesOn(t *testing.T) {
	t.Parallel()
	r := ordeal(t, 8, 8, fast, faultAll)
	require.Positive(t, r.Faults[faultKill]+r.Faults[faultKillEngine])
}

func TestUnknownFaultsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := readFaults([]string{"kill", "fire", "flood"})
	require.ErrorContains(t, err, `"fire", "flood"`)
	all, err := readFaults([]string{faultAll})
	require.NoError(t, err)
	each, err := readFaults(faultNames)
	require.NoError(t, err)
	require.Equal(t, each, all)
}

func TestTheEngineIsAwayForHalfAMinuteAndCallsCatchUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	pid := s.enginePID(t)
	ctx, cancel := context.WithCancel(t.Context())
	away := make(chan struct{})
	go func() { // half a minute of the people's time, from their second second on
		defer close(away)
		pause(ctx, 2*fast)
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		pause(ctx, 30*fast)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}()
	t.Cleanup(func() { cancel(); <-away })
	r, err := s.run(t.Context(), people.RunConfig{Calls: 30, Seed: 11, Second: fast, Patience: 30 * time.Second})
	require.NoError(t, err)
	requireOK(t, r)
	require.Zero(t, r.Simulator.Webhooks["voice"].Failed, "calls were answered all the time")
	require.Zero(t, r.Simulator.Webhooks["assignment"].Failed)
	require.Equal(t, 30, r.Completed+r.Abandoned+r.Rejected)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func TestALockedDatabaseAnswersCallsAndAsksTwilioToTryTheRestAgain(t *testing.T) {
	t.Parallel()
	books := newLedger()
	t.Cleanup(books.close)
	s := newStage(t, books)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dataDir, "holdfast.db")+"?_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	lock, err := db.BeginTx(t.Context(), nil) // another process that writes and does not come to an end
	require.NoError(t, err)
	_, err = lock.ExecContext(t.Context(), `UPDATE counters SET value = value`)
	require.NoError(t, err)

	caller, agent := placeCall(t, s) // by TwiML and an instruction that no inbox has
	id := caller.CallSID()
	requireTogether(t, agent)
	require.Equal(t, http.StatusServiceUnavailable, s.webhook(t, "/twilio/call-status?call="+id, map[string]string{
		"AccountSid": s.sim.AccountSID(), "CallSid": id, "CallStatus": "in-progress", "SequenceNumber": "0",
	}), "a status callback is asked for again")
	spool, err := os.ReadFile(filepath.Join(s.dataDir, "webhook-spool.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(spool), id)
	require.NoError(t, lock.Rollback())

	s.until(t, id, "talking") // by the spool, by Twilio's second tries and, for what had none left, by a read-back
	caller.HangUp()
	s.until(t, id, "wrapping")
	status, _ := s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status)
	s.until(t, id, "ended")
	missing, err := books.settle(t.Context(), s.dataDir, settleWithin)
	require.NoError(t, err)
	require.Empty(t, missing, "what was acknowledged out of the spool is in the books as well")
}

func TestABookThatLacksSomethingIsNoticed(t *testing.T) {
	t.Parallel()
	books := newLedger()
	t.Cleanup(books.close)
	s := newStage(t, books)
	caller, _ := placeCall(t, s)
	s.until(t, caller.CallSID(), "talking")
	missing, err := books.settle(t.Context(), s.dataDir, settleWithin)
	require.NoError(t, err)
	require.Empty(t, missing)

	books.mu.Lock()
	books.acked["a token that nobody wrote down"] = "/twilio/events"
	books.mu.Unlock()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dataDir, "holdfast.db")+"?_busy_timeout=5000")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), `DELETE FROM timeline WHERE kind = 'ParticipantJoined'`)
	require.NoError(t, err)
	missing, err = books.compare(t.Context(), s.dataDir)
	require.NoError(t, err)
	require.Len(t, missing, 2)
	require.Contains(t, missing[0], "/twilio/events")
	require.Contains(t, missing[1], caller.CallSID())
}

func TestAChildThatCannotStartIsGivenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := startChild(config{DataDir: dir, Listen: "127.0.0.1:0"}, time.Second) // without nearly everything
	require.NoError(t, err)
	select {
	case <-c.over:
	case <-time.After(2 * time.Minute):
		require.Fail(t, "it is tried for ever")
	}
	require.ErrorContains(t, c.stop(t.Context()), "again and again")
	log, err := os.ReadFile(filepath.Join(dir, "serve.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "the public URL")
}
