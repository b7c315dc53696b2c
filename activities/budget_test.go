package activities

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	waitFor = 10 * time.Second
	tick    = time.Millisecond
)

// waiters is how many wait for a turn.
func (b *budget) waiters() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, queue := range b.waiting {
		n += len(queue)
	}
	return n
}

func TestTheMostUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	b := newBudget(1)
	require.NoError(t, b.take(t.Context(), ordinary))
	served := make(chan urgency)
	var all sync.WaitGroup
	for i, u := range []urgency{leisurely, ordinary, urgent, leisurely, urgent} {
		all.Go(func() {
			if err := b.take(t.Context(), u); err != nil {
				t.Error(err)
			}
			served <- u
			b.give()
		})
		require.Eventually(t, func() bool { return b.waiters() == i+1 }, waitFor, tick)
	}
	b.give()
	for _, want := range []urgency{urgent, urgent, ordinary, leisurely, leisurely} {
		require.Equal(t, want, <-served)
	}
	all.Wait()
	require.Equal(t, 1, b.free)
}

func TestWhoGivesUpWaitingLosesNobodysTurn(t *testing.T) {
	t.Parallel()
	b := newBudget(1)
	require.NoError(t, b.take(t.Context(), ordinary))
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { gaveUp <- b.take(ctx, urgent) }()
	require.Eventually(t, func() bool { return b.waiters() == 1 }, waitFor, tick)
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)
	require.Zero(t, b.waiters())
	b.give()
	require.NoError(t, b.take(t.Context(), leisurely))
}

func TestABudgetSurvivesManyWhoGiveUp(t *testing.T) {
	t.Parallel()
	const size = 3
	b := newBudget(size)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%3 == 0 {
				go cancel() // at any moment
			}
			defer cancel()
			if b.take(ctx, urgency(i%int(urgencies))) == nil {
				b.give()
			}
		})
	}
	all.Wait()
	require.Equal(t, size, b.free, "every turn came back")
}
