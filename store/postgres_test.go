package store

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"holdfast/store/pgtest"
)

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	testStore(t, func(t testing.TB, options ...Option) *Store { return openPostgres(t, server.Database(t), options...) })
	for name, test := range map[string]func(*testing.T, *pgtest.Server){
		"processes that start at once migrate one after the other": testMigrateAtOnce,
		"two processes share positions, leases and the stream":     testTwoProcesses,
		"the process with the lease is told what another received": testOwnerIsTold,
		"a process learns of another's steps":                      testStepsAreTold,
		"what was told before anybody listened is found by a look": testNobodyListens,
		"a process that dies holding locks lets go of them":        testLocksOfTheDead,
		"steps, late events and forgetting never block each other": testNoDeadlock,
		"text that PostgreSQL refuses is written all the same":     testRefusedText,
		"the URL's parameters win over the store's own":            testSession,
		"errors tell what to do":                                   testPostgresErrors,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

func openPostgres(t testing.TB, dsn string, options ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// pair are two processes on one database.
func pair(t *testing.T, server *pgtest.Server) (one, two *Store) {
	t.Helper()
	dsn := server.Database(t)
	return openPostgres(t, dsn), openPostgres(t, dsn)
}

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		require.Fail(t, "not in time", what)
	}
}

// listening waits until both processes of a pair hear each other, by other connections than those before, and returns these.
func listening(t *testing.T, s *Store, before ...int) (connections []int) {
	t.Helper()
	require.Eventually(t, func() bool {
		connections = nil
		err := s.read.SelectContext(t.Context(), &connections, `SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND query = 'LISTEN `+newsChannel+`' AND state = 'idle'`)
		require.NoError(t, err)
		return len(connections) == 2 && !slices.ContainsFunc(connections, func(pid int) bool { return slices.Contains(before, pid) })
	}, 30*time.Second, 10*time.Millisecond)
	return connections
}

func testMigrateAtOnce(t *testing.T, server *pgtest.Server) {
	dsn := server.Database(t)
	var all errgroup.Group
	for range 3 {
		s, err := Open(t.Context(), dsn)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		all.Go(func() error { return s.Migrate(t.Context()) })
	}
	require.NoError(t, all.Wait())
}

func testTwoProcesses(t *testing.T, server *pgtest.Server) {
	const events = 60
	one, two := pair(t, server)
	var all errgroup.Group
	for i, s := range []*Store{one, two} {
		all.Go(func() error {
			for n := range events {
				w := webhook(ofCall("CA1"), 2*n+i)
				if n%3 == 0 { // Twilio's retry, which the load balancer gave to the other one
					w = webhook(ofCall("CA1"), 2*n)
				}
				if _, _, err := s.Receive(t.Context(), w); err != nil {
					return err
				}
				err := s.Project(t.Context(), Step{
					Call:    CallRow{ID: "CA" + string(rune('a'+i)), State: "queued"},
					Entries: []Entry{{Number: int64(n + 1), Kind: "a", Source: "twilio"}},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	var seen int64
	for seen < 2*events {
		entries, err := one.Stream(t.Context(), seen, 7)
		require.NoError(t, err)
		for _, e := range entries {
			require.Equal(t, seen+1, e.Seq, "each entry once, in order, without a gap")
			seen = e.Seq
		}
	}
	require.NoError(t, all.Wait())
	waiting, err := two.Waiting(t.Context(), ofCall("CA1"), 0, 2*events)
	require.NoError(t, err)
	require.Len(t, waiting, 2*events-events/3)
	for i, d := range waiting {
		require.EqualValues(t, i+1, d.Position)
	}

	_, ok, err := one.ClaimOne(t.Context(), "one", time.Minute, ofCall("CA1"))
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = two.ClaimOne(t.Context(), "two", time.Minute, ofCall("CA1"))
	require.NoError(t, err)
	require.False(t, ok)
	claimed, err := two.Claim(t.Context(), "two", time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, claimed)
}

func testOwnerIsTold(t *testing.T, server *pgtest.Server) {
	one, two := pair(t, server)
	received(t, one, ofCall("CA1"), 1)
	_, ok, err := one.ClaimOne(t.Context(), "one", time.Minute, ofCall("CA1"))
	require.NoError(t, err)
	require.True(t, ok)
	listening(t, one)
	told := make(chan Subject, 10)
	one.OnReceive(func(subject Subject) { told <- subject })
	two.OnReceive(func(subject Subject) {
		if subject == ofCall("CA1") {
			t.Error("who has not the lease is told")
		}
	})
	_, _, err = two.Receive(t.Context(), webhook(ofCall("CA1"), 2))
	require.NoError(t, err)
	select {
	case subject := <-told:
		require.Equal(t, ofCall("CA1"), subject)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the owner of the lease is not told")
	}

	free := make(chan struct{}, 1)
	two.OnReceive(func(subject Subject) {
		if subject == ofCall("CA2") {
			free <- struct{}{}
		}
	})
	received(t, two, ofCall("CA2"), 1)
	within(t, "what nobody has is for who received it", free)
	require.Empty(t, told)
}

func testStepsAreTold(t *testing.T, server *pgtest.Server) {
	one, two := pair(t, server)
	before := listening(t, two)
	told := make(chan int64, 10)
	two.OnStep(func(seq int64) { told <- seq })
	require.NoError(t, one.Project(t.Context(), talking("CA1")))
	select {
	case seq := <-told:
		require.EqualValues(t, 2, seq)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the step is not told")
	}
	entries, err := two.Stream(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 2, "and is there")

	// The connection that listens breaks, and another takes its place.
	_, err = one.write.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid`, before)
	require.NoError(t, err)
	listening(t, two, before...)
	step := talking("CA2")
	require.NoError(t, one.Project(t.Context(), step))
	select {
	case seq := <-told:
		require.EqualValues(t, 4, seq)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the step is not told after the connection broke")
	}
}

func testNobodyListens(t *testing.T, server *pgtest.Server) {
	one, two := pair(t, server)
	clock := newClock()
	one.clock, two.clock = clock.Now, clock.Now
	received(t, one, ofCall("CA1"), 1)
	_, ok, err := one.ClaimOne(t.Context(), "one", time.Minute, ofCall("CA1"))
	require.NoError(t, err)
	require.True(t, ok)
	one.neighbours.close() // as good as dead
	received(t, two, ofCall("CA1"), 2)
	claimed, err := two.Claim(t.Context(), "two", time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, claimed, "the lease is still another's")
	clock.Move(time.Minute)
	claimed, err = two.Claim(t.Context(), "two", time.Minute, 10)
	require.NoError(t, err)
	require.Equal(t, []Claimed{{Subject: ofCall("CA1"), Last: 2}}, claimed)
}

func testLocksOfTheDead(t *testing.T, server *pgtest.Server) {
	dsn := server.Database(t)
	one := openPostgres(t, dsn+"&idle_in_transaction_session_timeout=200")
	two := openPostgres(t, dsn)
	tx, err := one.write.BeginTxx(t.Context(), nil) // and never another word
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `UPDATE counters SET value = value + 1`)
	require.NoError(t, err)
	require.NoError(t, two.Project(t.Context(), talking("CA1")), "it waits, and goes on")
	seq, err := two.LastSeq(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, seq, "what was not committed never was")
	require.Error(t, tx.Commit())
}

func testNoDeadlock(t *testing.T, server *pgtest.Server) {
	const rounds = 30
	one, two := pair(t, server)
	var all errgroup.Group
	for i, s := range []*Store{one, two} {
		all.Go(func() error {
			for n := range rounds {
				if _, _, err := s.Receive(t.Context(), webhook(ofCall("CA1"), 2*n+i)); err != nil {
					return err
				}
				if err := s.Project(t.Context(), Step{
					Call:    CallRow{ID: "CA1", State: "ended", EndedAt: at(1), TaskSID: "WT1"},
					Legs:    []LegRow{{CallSID: "CA1"}},
					Entries: []Entry{{Number: int64(2*n + i + 1), Kind: "a", Source: "twilio"}}, Acked: int64(n),
				}); err != nil {
					return err
				}
			}
			return nil
		})
		all.Go(func() error {
			for n := range rounds {
				late := []Delivery{{Position: int64(n + 1), At: at(n), Event: event(n)}}
				if err := s.Late(t.Context(), "CA1", late); err != nil {
					return err
				}
			}
			return nil
		})
		all.Go(func() error {
			for range rounds {
				if _, err := s.Forget(t.Context(), at(5)); err != nil {
					return err
				}
				if _, err := s.Claim(t.Context(), "me", time.Millisecond, 10); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	var deadlocks int
	require.NoError(t, one.read.GetContext(t.Context(), &deadlocks, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`))
	require.Zero(t, deadlocks)
}

func testRefusedText(t *testing.T, server *pgtest.Server) {
	s := openPostgres(t, server.Database(t))
	ctx := t.Context()
	const odd, plain = "a\x00b\xffc", "a\uFFFDb\uFFFDc"
	w := webhook(ofCall(odd), 1)
	w.Kind, w.Params = odd, map[string]string{"From": odd}
	_, _, err := s.Receive(ctx, w)
	require.NoError(t, err)
	_, duplicate, err := s.Receive(ctx, w)
	require.NoError(t, err)
	require.True(t, duplicate)
	require.NoError(t, s.Refuse(ctx, Refusal{Reason: "signature", Path: odd, Detail: odd}))
	require.NoError(t, s.Project(ctx, Step{
		Call: CallRow{ID: "CA1", State: "queued", From: odd}, Legs: []LegRow{{CallSID: "CA1", Address: odd}},
		Entries: []Entry{{Number: 1, Kind: odd, Source: "twilio", Agents: []string{odd}}},
	}))
	c, legs, err := s.Call(ctx, "CA1")
	require.NoError(t, err)
	require.Equal(t, plain, c.From)
	require.Equal(t, plain, legs[0].Address)
	_, _, err = s.Calls(ctx, Filter{States: []string{odd}, Queue: odd, Agent: odd, Cursor: cursor{1, odd}.String()})
	require.NoError(t, err)
}

func testSession(t *testing.T, server *pgtest.Server) {
	s := openPostgres(t, server.Database(t)+"&lock_timeout=1234&application_name=me")
	for name, want := range map[string]string{
		"lock_timeout": "1234ms", "application_name": "me", "idle_in_transaction_session_timeout": "10s",
	} {
		for _, db := range []interface {
			GetContext(context.Context, any, string, ...any) error
		}{s.write, s.read} {
			var got string
			require.NoError(t, db.GetContext(t.Context(), &got, "SHOW "+name))
			require.Equal(t, want, got)
		}
	}
}

func testPostgresErrors(t *testing.T, server *pgtest.Server) {
	t.Run("locked by another: busy", func(t *testing.T) {
		t.Parallel()
		s := openPostgres(t, server.Database(t)+"&lock_timeout=1")
		tx, err := s.write.BeginTxx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), `LOCK TABLE subjects`)
		require.NoError(t, err)
		_, _, err = s.Receive(t.Context(), webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorIs(t, err, ErrUnavailable)
		require.NoError(t, tx.Rollback())
		position, _, err := s.Receive(t.Context(), webhook(ofCall("CA1"), 1))
		require.NoError(t, err)
		require.EqualValues(t, 1, position, "and nothing is left behind")
	})

	t.Run("the caller is gone: his own error", func(t *testing.T) {
		t.Parallel()
		s := openPostgres(t, server.Database(t))
		_, _, err := s.Receive(canceled(t), webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrUnavailable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		_, _, err = s.Receive(ctx, webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, ErrUnavailable, "he did not wait longer")
	})

	t.Run("a standby: unavailable", func(t *testing.T) {
		t.Parallel()
		dsn := server.Database(t)
		openPostgres(t, dsn)
		s, err := Open(t.Context(), dsn+"&default_transaction_read_only=on")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		_, _, err = s.Receive(t.Context(), webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, ErrUnavailable)
	})

	t.Run("no such database: unavailable", func(t *testing.T) {
		t.Parallel()
		_, err := Open(t.Context(), strings.Replace(server.Database(t), "/test", "/missing", 1))
		require.ErrorIs(t, err, ErrUnavailable)
	})

	t.Run("a broken rule: none of these", func(t *testing.T) {
		t.Parallel()
		s := openPostgres(t, server.Database(t))
		_, err := s.write.ExecContext(t.Context(), `INSERT INTO counters (name, value) VALUES ('timeline', 1)`)
		require.Error(t, err)
		require.NotErrorIs(t, wrap("x", err), ErrUnavailable)
		require.NotErrorIs(t, wrap("x", err), ErrNotFound)
	})
}

func TestPostgreSQLGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := openPostgres(t, server.Database(t))
	received(t, s, ofCall("CA1"), 1)
	server.Stop(t)
	_, _, err := s.Receive(t.Context(), webhook(ofCall("CA1"), 2))
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = s.Stream(t.Context(), 0, 1)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, s.Ping(t.Context()), ErrUnavailable)

	server.Resume(t)
	position, _, err := s.Receive(t.Context(), webhook(ofCall("CA1"), 2))
	require.NoError(t, err, "without opening it anew")
	require.EqualValues(t, 2, position, "it has what was committed")
}

func TestAPostgreSQLURLIsNeverRepeatedInErrors(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"a slash in the password": "postgres://holdfast:hush/hush@db/holdfast",
		"a hash in the password":  "postgres://holdfast:hush#hush@db/holdfast",
		"a wrong escape":          "postgres://holdfast:hush%zz@db/holdfast",
		"a wrong port":            "postgres://holdfast:hush@db:port/holdfast",
		"a wrong SSL mode":        "postgres://holdfast:hush@db/holdfast?sslmode=hush-hush",
		"a missing certificate":   "postgres://holdfast:hush@db/holdfast?sslrootcert=/nowhere",
		"nobody there":            "postgres://holdfast:hush@127.0.0.1:1/holdfast",
		"no such name":            "postgresql://holdfast:hush@db.invalid/holdfast",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), dsn)
			require.Error(t, err)
			require.Nil(t, s)
			require.NotContains(t, strings.ReplaceAll(err.Error(), "hush-hush", ""), "hush")
		})
	}
}
