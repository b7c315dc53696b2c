package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// crowd holds SQLite's writer up while writes come, one after another, and lets them go all at once.
type crowd struct {
	t      *testing.T
	s      *Store
	gate   chan struct{}
	writes sync.WaitGroup
	came   int
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, s: openSQLite(t), gate: make(chan struct{})}
	_, err := c.s.write.ExecContext(t.Context(), `CREATE TABLE written (n INTEGER PRIMARY KEY, what TEXT NOT NULL)`)
	require.NoError(t, err)
	holds := make(chan struct{})
	c.writes.Go(func() {
		if err := c.s.inTx(t.Context(), func(context.Context, *sqlx.Tx) error {
			close(holds)
			<-c.gate
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-holds
	return c
}

// add has a write join the queue.
func (c *crowd) add(ctx context.Context, then func(error), f func(ctx context.Context, tx *sqlx.Tx) error) {
	c.t.Helper()
	c.came++
	c.writes.Go(func() { then(c.s.inTx(ctx, f)) })
	c.until(c.came)
}

func (c *crowd) until(waiting int) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		c.s.queue.mu.Lock()
		defer c.s.queue.mu.Unlock()
		return len(c.s.queue.waiting) == waiting
	}, time.Minute, time.Millisecond)
}

// release lets them go, waits for all, and says what was written.
func (c *crowd) release() (written []string) {
	c.t.Helper()
	close(c.gate)
	c.writes.Wait()
	require.NoError(c.t, c.s.read.SelectContext(c.t.Context(), &written, `SELECT what FROM written ORDER BY n`))
	require.Empty(c.t, c.s.queue.waiting)
	require.False(c.t, c.s.queue.led)
	return written
}

func writes(what string) func(ctx context.Context, tx *sqlx.Tx) error {
	return func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO written (what) VALUES (?)`, what)
		return err
	}
}

func succeeds(t *testing.T) func(error) {
	return func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWritesThatWaitAreWrittenInTheOrderOfTheirComing(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	var want []string
	for i := range 2*together + 10 {
		want = append(want, fmt.Sprint(i))
		c.add(t.Context(), succeeds(t), writes(want[i]))
	}
	require.Equal(t, want, c.release())
}

func TestWritesThatWaitBecomeVisibleTogether(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.add(t.Context(), succeeds(t), writes("a"))
	c.add(t.Context(), succeeds(t), func(ctx context.Context, tx *sqlx.Tx) error {
		var n int
		if err := c.s.read.GetContext(ctx, &n, `SELECT COUNT(*) FROM written`); err != nil {
			return err
		}
		return writes(fmt.Sprintf("%d are there for others", n))(ctx, tx)
	})
	require.Equal(t, []string{"a", "0 are there for others"}, c.release())
}

func TestAWriteThatFailsTakesNobodyWithIt(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	for _, test := range []struct {
		name   string
		fail   func(ctx context.Context, tx *sqlx.Tx) error
		expect error
	}{
		{"it says that it failed", func(ctx context.Context, tx *sqlx.Tx) error {
			return errors.Join(writes("never")(ctx, tx), wrong)
		}, wrong},
		{"it takes itself back", func(ctx context.Context, tx *sqlx.Tx) error {
			return errors.Join(writes("never")(ctx, tx), errRollback)
		}, nil},
		{"the database gives the whole transaction up, as on a full disk", func(ctx context.Context, tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, "ROLLBACK")
			return errors.Join(err, wrong)
		}, wrong},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCrowd(t)
			c.add(t.Context(), succeeds(t), writes("before"))
			c.add(t.Context(), func(err error) {
				if !errors.Is(err, test.expect) {
					t.Error(err)
				}
			}, test.fail)
			c.add(t.Context(), succeeds(t), writes("after"))
			require.Equal(t, []string{"before", "after"}, c.release())
			require.NoError(t, c.s.inTx(t.Context(), writes("later")))
		})
	}
}

func TestAPanicOfAWriteIsThatOfWhoeverBroughtIt(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.add(t.Context(), succeeds(t), writes("before"))
	seen := make(chan any, 1)
	c.came++
	c.writes.Go(func() {
		defer func() { seen <- recover() }()
		_ = c.s.inTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
			panic(errors.Join(errors.New("a defect of this one"), writes("never")(ctx, tx)))
		})
	})
	c.until(c.came)
	c.add(t.Context(), succeeds(t), writes("after"))
	require.Equal(t, []string{"before", "after"}, c.release())
	require.ErrorContains(t, (<-seen).(error), "a defect of this one")
	require.Panics(t, func() {
		_ = c.s.inTx(t.Context(), func(context.Context, *sqlx.Tx) error { panic("alone") })
	})
	require.NoError(t, c.s.inTx(t.Context(), writes("later")))
}

func TestWhoWaitsNoLongerLeavesTheQueue(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	c.add(t.Context(), succeeds(t), writes("before"))
	c.add(ctx, func(err error) { left <- err }, writes("never"))
	c.add(t.Context(), succeeds(t), writes("after"))
	cancel()
	require.ErrorIs(t, <-left, context.Canceled, "at once, not when its turn comes")
	require.Equal(t, []string{"before", "after"}, c.release())
}

func TestTheNextOneLeadsWhenTheFirstGivesUpOnAnotherProcessesLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s, other := reopenSQLite(t, path), reopenSQLite(t, path)
	defer func() { require.NoError(t, errors.Join(s.Close(), other.Close())) }()
	lock, err := other.write.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.inTx(ctx, func(context.Context, *sqlx.Tx) error { return nil }) }()
	waiting := func(n int) func() bool {
		return func() bool {
			s.queue.mu.Lock()
			defer s.queue.mu.Unlock()
			return len(s.queue.waiting) == n && s.queue.led
		}
	}
	require.Eventually(t, waiting(1), time.Minute, time.Millisecond)
	go func() { second <- s.inTx(t.Context(), func(context.Context, *sqlx.Tx) error { return nil }) }()
	require.Eventually(t, waiting(2), time.Minute, time.Millisecond)
	cancel()
	require.Error(t, <-first)
	require.NoError(t, lock.Rollback())
	require.NoError(t, <-second)
}
