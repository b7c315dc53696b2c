package activities

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func newTestBudget(t *testing.T, concurrency int) *Budget {
	t.Helper()
	b, err := NewBudget(concurrency, 1000)
	require.NoError(t, err)
	return b
}

func (b *Budget) mustTake(t *testing.T, u urgency) *ticket {
	t.Helper()
	turn, err := b.take(t.Context(), u, voiceProduct)
	require.NoError(t, err)
	return turn
}

func (b *Budget) waiters() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, queue := range b.ledger.waiting {
		n += len(queue)
	}
	return n
}

func TestTheMostUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(t, 1)
		first := b.mustTake(t, ordinary)
		b.ledger.exitAt = time.Now().Add(time.Minute) // else the urgent would not wait
		served := make(chan urgency)
		for _, u := range []urgency{leisurely, ordinary, urgent, leisurely, prompt, urgent} {
			go func() {
				turn, err := b.take(t.Context(), u, voiceProduct)
				if err != nil {
					t.Error(err)
				}
				served <- u
				b.give(turn, verdictAnswered, 0)
			}()
			synctest.Wait()
		}
		require.Equal(t, 6, b.waiters())
		b.give(first, verdictAnswered, 0)
		for _, want := range []urgency{urgent, urgent, prompt, ordinary, leisurely, leisurely} {
			require.Equal(t, want, <-served)
		}
		synctest.Wait()
		require.Zero(t, b.ledger.inFlight)
	})
}

func TestAHangUpWaitsForHalfASecondAtMostWhateverHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(t, 3)
		for range 3 {
			b.mustTake(t, urgent) // and Twilio never answers
		}
		for range 5 {
			began := time.Now()
			require.True(t, b.mustTake(t, urgent).exit)
			require.LessOrEqual(t, time.Since(began), exitEvery)
		}
	})
}

func TestWhoGetsNoTurnIsToComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(t, 1)
		held := b.mustTake(t, ordinary)
		began := time.Now()
		_, err := b.take(t.Context(), leisurely, voiceProduct)
		var no *refusal
		require.ErrorAs(t, err, &no)
		require.Equal(t, longestWait, time.Since(began))
		require.Zero(t, b.waiters())
		b.give(held, verdictAnswered, 0)
		b.give(b.mustTake(t, leisurely), verdictAnswered, 0)
	})
}

func TestAPauseEndsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(t, 4)
		b.give(b.mustTake(t, prompt), verdictThrottled, 2*time.Second)
		require.Equal(t, 2*time.Second, b.paused())
		began := time.Now()
		b.give(b.mustTake(t, prompt), verdictAnswered, 0)
		require.InDelta(t, 2*time.Second, time.Since(began), float64(10*time.Millisecond))
		require.Zero(t, b.paused())
	})
}

func TestWhoGivesUpWaitingLosesNobodysTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBudget(t, 1)
		first := b.mustTake(t, ordinary)
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := b.take(ctx, prompt, voiceProduct)
			gaveUp <- err
		}()
		synctest.Wait()
		require.Equal(t, 1, b.waiters())
		cancel()
		require.ErrorIs(t, <-gaveUp, context.Canceled)
		require.Zero(t, b.waiters())
		b.give(first, verdictAnswered, 0)
		b.give(b.mustTake(t, leisurely), verdictAnswered, 0)
	})
}

func TestABudgetSurvivesManyWhoGiveUp(t *testing.T) {
	t.Parallel()
	b := newTestBudget(t, 3)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%3 == 0 {
				go cancel() // at any moment
			}
			defer cancel()
			if turn, err := b.take(ctx, urgency(i%int(urgencies)), product(i%int(products))); err == nil {
				b.give(turn, verdictAnswered, 0)
			}
		})
	}
	all.Wait()
	require.Zero(t, b.ledger.inFlight, "every turn came back")
	require.Zero(t, b.waiters())
}

func TestABudgetIsSharedByProcesses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		concurrency int
		rate        float64
		processes   int
		want        int
		wantRate    float64
	}{
		"nobody to share with":      {50, 100, 0, 50, 100},
		"one process has the whole": {50, 100, 1, 50, 100},
		"four have a quarter each":  {50, 100, 4, 12, 25},
		"defaults are shared too":   {0, 0, 2, 25, 50},
		"nobody is left with none":  {3, 1, 8, 1, 0.125},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := NewSharedBudget(test.concurrency, test.rate, test.processes)
			require.NoError(t, err)
			require.Equal(t, test.want, b.ledger.concurrency)
			require.InDelta(t, test.wantRate, b.ledger.throttle.rate, 1e-9)
		})
	}
}
