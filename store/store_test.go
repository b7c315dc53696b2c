package store

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	testStore(t, openSQLite)
}

// opener makes an empty, migrated store that is closed when the test is over.
type opener func(t testing.TB, options ...Option) *Store

func openSQLite(t testing.TB, options ...Option) *Store {
	t.Helper()
	s := reopenSQLite(t, filepath.Join(t.TempDir(), "holdfast.db"), options...)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func reopenSQLite(t testing.TB, dsn string, options ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, options...)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// testStore says what every database must do.
func testStore(t *testing.T, open opener) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, opener){
		"migrations":        testMigrations,
		"receiving":         testReceive,
		"receiving at once": testReceiveAtOnce,
		"refusing":          testRefuse,
		"leases":            testLeases,
		"claiming at once":  testClaimAtOnce,
		"acknowledging":     testAcknowledge,
		"projecting":        testProject,
		"stale steps":       testProjectStale,
		"thrown-away tasks": testAStepTakesBackWhatAThrownAwayTaskWrote,
		"late events":       testLate,
		"private entries":   testPrivate,
		"whom it concerns":  testConcerned,
		"the stream":        testStream,
		"lists of calls":    testCalls,
		"tasks":             testTasks,
		"forgetting":        testForget,
		"positions":         testPositions,
		"agents":            testAgents,
		"the floor":         testFloor,
		"agents' calls":     testAgentsCalls,
		"connections":       testConnections,
		"credentials":       testCredentials,
		"one number, once":  testANumberIsTakenOnce,
		"bots":              testBots,
		"attaching":         testAttachments,
		"who answers":       testWhoAnswers,
		"the bots' log":     testBotLog,
		"opening sessions":  testOpenSession,
		"workspaces":        testWorkspaces,
		"the cap":           testTheCapHolds,
		"turns":             testTurns,
		"turns at once":     testATurnIsAnsweredOnce,
		"turns' webhooks":   testAWebhookComesWithItsTurn,
		"handing off once":  testHandoffOnce,
		"closing sessions":  testClosing,
		"sessions of calls": testCallsCloseSessions,
		"finding sessions":  testSearchSessions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// at is a moment of the tests' own calendar.
func at(seconds int) time.Time {
	return time.Date(2026, 3, 1, 9, 0, seconds, 123_456_000, time.UTC)
}

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: at(0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func ofCall(id string) Subject { return Subject{Kind: SubjectCall, ID: id} }

func event(n int) json.RawMessage {
	return json.RawMessage(`{"kind":"ParticipantHeld","data":{"sequence":` + strconv.Itoa(n) + `}}`)
}

func webhook(subject Subject, n int) Webhook {
	return Webhook{
		Key: fmt.Sprintf("%s/%s/%d", subject.Kind, subject.ID, n), Kind: "participant-hold", Subject: subject,
		Params: map[string]string{"CallSid": subject.ID}, Event: event(n), ReceivedAt: at(n),
	}
}

// received gives a subject n events.
func received(t testing.TB, s *Store, subject Subject, n int) {
	t.Helper()
	for i := range n {
		_, _, err := s.Receive(t.Context(), webhook(subject, i+1))
		require.NoError(t, err)
	}
}

func testMigrations(t *testing.T, open opener) {
	s := open(t)
	version, err := s.Version(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, version)
	require.NoError(t, s.Migrate(t.Context()), "what is done is not done again")
	require.NoError(t, s.Ping(t.Context()))

	provider, err := s.migrations()
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()), "and it can be gone back")
	seq, err := s.LastSeq(t.Context())
	require.NoError(t, err)
	require.Zero(t, seq)
}

func testTasks(t *testing.T, open opener) {
	s := open(t)
	_, ok, err := s.CallOfTask(t.Context(), "WT1")
	require.NoError(t, err)
	require.False(t, ok, "nobody said")

	require.NoError(t, s.NoteTask(t.Context(), "WT1", "CA1"))
	require.NoError(t, s.NoteTask(t.Context(), "WT1", "CA2"), "a second word is no error")
	id, ok, err := s.CallOfTask(t.Context(), "WT1")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "CA1", id, "and does not count")

	require.Error(t, s.NoteTask(t.Context(), "", "CA1"))
	require.Error(t, s.NoteTask(t.Context(), "WT1", ""))
}

func testRefuse(t *testing.T, open opener) {
	s := open(t)
	first := Refusal{At: at(1), Reason: "signature", Path: "/twilio/voice", Account: "AC1", Workspace: "WS1", Detail: "does not match"}
	second := Refusal{At: at(2), Reason: "account", Path: "/twilio/events"}
	require.NoError(t, s.Refuse(t.Context(), first))
	require.NoError(t, s.Refuse(t.Context(), second))

	newest, err := s.Refusals(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []Refusal{second, first}, newest)
	newest, err = s.Refusals(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []Refusal{second}, newest)
}

func testForget(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now))
	ctx := t.Context()
	call := func(id, state string, ended time.Time) {
		received(t, s, ofCall(id), 2)
		require.NoError(t, s.NoteTask(t.Context(), "WT-"+id, id))
		require.NoError(t, s.Project(t.Context(), Step{
			Call:    CallRow{ID: id, State: state, TaskSID: "WT-" + id, EndedAt: ended, UpdatedAt: at(1)},
			Legs:    []LegRow{{CallSID: id, Role: "customer", State: "left"}},
			Entries: []Entry{{Number: 1, At: at(1), Kind: "CallReceived", Source: "twilio"}},
			Acked:   2,
		}))
	}
	for i := range forgetAtOnce + 5 { // more than one transaction's worth
		call(fmt.Sprintf("old%03d", i), "ended", at(10))
	}
	call("new", "ended", at(50))
	call("live", "talking", time.Time{})
	received(t, s, ofCall("stray"), 2) // never began
	require.NoError(t, s.Late(ctx, "stray", []Delivery{{Position: 2, At: at(2), Event: event(2)}}))
	require.NoError(t, s.NoteTask(ctx, "WT-stray", "stray"))
	received(t, s, ofCall("waiting"), 1) // never delivered
	require.NoError(t, s.Refuse(ctx, Refusal{At: at(1), Reason: "signature"}))
	require.NoError(t, s.Refuse(ctx, Refusal{At: at(40), Reason: "account"}))

	n, err := s.Forget(ctx, at(30))
	require.NoError(t, err)
	require.EqualValues(t, forgetAtOnce+5, n)

	_, _, err = s.Call(ctx, "old000")
	require.ErrorIs(t, err, ErrNotFound)
	for _, id := range []string{"new", "live"} {
		c, legs, err := s.Call(ctx, id)
		require.NoError(t, err)
		require.Equal(t, id, c.ID)
		require.Len(t, legs, 1)
		entries, err := s.Timeline(ctx, id, 0, 10)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		_, known, err := s.CallOfTask(ctx, "WT-"+id)
		require.NoError(t, err)
		require.True(t, known)
	}
	for _, id := range []string{"old000", "stray"} {
		entries, err := s.Timeline(ctx, id, 0, 10)
		require.NoError(t, err)
		require.Empty(t, entries, id)
		webhooks, err := s.Webhooks(ctx, ofCall(id), 10)
		require.NoError(t, err)
		require.Empty(t, webhooks, id)
		_, known, err := s.CallOfTask(ctx, "WT-"+id)
		require.NoError(t, err)
		require.False(t, known, id)
		_, known, err = s.ClaimOne(ctx, "me", time.Minute, ofCall(id))
		require.NoError(t, err)
		require.False(t, known, id)
	}
	waiting, err := s.Waiting(ctx, ofCall("waiting"), 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1, "what was not delivered is kept")
	position, _, err := s.Receive(ctx, webhook(ofCall("live"), 3))
	require.NoError(t, err)
	require.EqualValues(t, 3, position, "a live call counts on")
	refusals, err := s.Refusals(ctx, 10)
	require.NoError(t, err)
	require.Len(t, refusals, 1)

	n, err = s.Forget(ctx, at(30))
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestAReopenedFileKeepsAll(t *testing.T) {
	t.Parallel()
	dsn := filepath.Join(t.TempDir(), "a name with % and ?#.db")
	dsn = "file:" + escaped(dsn)
	s := reopenSQLite(t, dsn)
	received(t, s, ofCall("CA1"), 3)
	require.NoError(t, s.Project(t.Context(), Step{
		Call:    CallRow{ID: "CA1", State: "queued", UpdatedAt: at(2)},
		Entries: []Entry{{Number: 1, At: at(1), Kind: "CallReceived", Source: "twilio", State: "queued"}},
		Acked:   2,
	}))
	require.NoError(t, s.Close())

	s = reopenSQLite(t, dsn)
	defer func() { require.NoError(t, s.Close()) }()
	c, _, err := s.Call(t.Context(), "CA1")
	require.NoError(t, err)
	require.Equal(t, "queued", c.State)
	claimed, err := s.Claim(t.Context(), "me", time.Minute, 10)
	require.NoError(t, err)
	require.Equal(t, []Claimed{{Subject: ofCall("CA1"), Acked: 2, Last: 3}}, claimed)
	waiting, err := s.Waiting(t.Context(), ofCall("CA1"), 2, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.JSONEq(t, string(event(3)), string(waiting[0].Event))
	seq, err := s.LastSeq(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, seq)
}

// canceled is a context that is over.
func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
