package activities

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Defaults of a [Budget].
const (
	standardConcurrency = 50
	standardRate        = 100
)

// Budget is what one account's requests share in this process: how many are under way at once and how many start in a second, who goes first,
// and when nobody goes. Twilio's limits are for the whole account and not published, so it starts with what it is given and learns:
//
//   - Who is more urgent goes first: hang-ups, endings and unholds; then holds and mutes; then tasks and availabilities; then reads. Of ten turns
//     one goes to whoever has waited longest, and a tenth of the concurrency is kept for the urgent.
//   - A 429 pauses the whole account, for as long as Retry-After says or else for 250 ms, doubling to 15 s, and halves concurrency and rate. Answers give
//     them back in about ten seconds.
//   - Eight 5xx or missing answers in a row stop a product (voice, TaskRouter) for a second, doubling to 30 s while its single probes fail.
//   - Whoever would wait for more than four seconds, or for a stopped product, is sent away at once with the time after which to come again: his
//     activity is tried again then. The urgent stay, and one of them goes every half second whatever holds up the rest.
//
// The budget sends nothing again by itself: trying again is the engine's, by the activities' retry policy, so that the two never multiply.
//
// It is for one process. With n processes [NewSharedBudget] gives each an n-th of what the account can take; a 429 corrects what is left, in each
// process by itself.
//
// https://www.twilio.com/docs/usage/rest-api-best-practices
type Budget struct {
	metrics budgetMetrics

	mu     sync.Mutex
	ledger *ledger
	timer  *time.Timer // for the next thing that happens by itself; nil until there was one
}

// NewBudget makes a budget of so many requests at once (0 means 50) and so many a second (0 means 100).
func NewBudget(concurrency int, rate float64) (*Budget, error) {
	return NewSharedBudget(concurrency, rate, 1)
}

// NewSharedBudget makes the part of a budget that one of so many processes has, whatever the others do: they do not talk about it. Every process
// has at least one request at once. Less than 2 processes: the whole.
func NewSharedBudget(concurrency int, rate float64, processes int) (*Budget, error) {
	if concurrency <= 0 {
		concurrency = standardConcurrency
	}
	if rate <= 0 {
		rate = standardRate
	}
	if processes > 1 {
		concurrency, rate = max(1, concurrency/processes), rate/float64(processes)
	}
	m, err := newBudgetMetrics()
	if err != nil {
		return nil, fmt.Errorf("twilio: metrics: %w", err)
	}
	m.limits(concurrency, rate)
	return &Budget{metrics: m, ledger: newLedger(concurrency, rate)}, nil
}

// another is a budget of the same size, for another account.
func (b *Budget) another() (*Budget, error) {
	b.mu.Lock()
	concurrency, rate := b.ledger.concurrency, b.ledger.throttle.rate
	b.mu.Unlock()
	return NewBudget(concurrency, rate)
}

// refusal says that a request was not sent, and how long it makes no sense to ask again; 0: not known.
type refusal struct {
	why   string
	later time.Duration
}

func (r *refusal) Error() string { return r.why }

// take waits for a turn. Whoever got one gives it back. The error is a *refusal or the context's.
func (b *Budget) take(ctx context.Context, u urgency, p product) (*ticket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	began := time.Now()
	t := &ticket{urgency: u, product: p, decided: make(chan struct{})}
	b.mu.Lock()
	b.ledger.ask(t)
	b.metrics.waits(u, 1)
	b.settle()
	b.mu.Unlock()

	patience := time.NewTimer(longestWait)
	defer patience.Stop()
	var err error
	select {
	case <-t.decided:
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = &refusal{why: fmt.Sprintf("no turn within %s: more requests than Twilio takes", longestWait)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil && b.ledger.withdraw(t):
		b.metrics.waits(u, -1)
		b.metrics.notSent(t, "waited")
		b.settle() // the wake-up may have been for this one
		return nil, err
	case t.granted: // if only just
		b.metrics.turn(u, time.Since(began))
		return t, nil
	default:
		b.metrics.notSent(t, "held")
		return nil, &refusal{why: "not sent: Twilio is away or refuses the account's requests for now", later: t.later}
	}
}

// give returns a turn with what was learned.
func (b *Budget) give(t *ticket, v verdict, retryAfter time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.metrics.ended(t, v)
	b.ledger.give(time.Now(), t, v, retryAfter, rand.Float64()) //nolint:gosec // spreads processes, hides nothing
	b.settle()
}

// paused is how much longer the account is paused.
func (b *Budget) paused() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, time.Until(b.ledger.throttle.pausedUntil))
}

// settle lets all go whose turn it is. The lock is held.
func (b *Budget) settle() {
	now := time.Now()
	decided, wake := b.ledger.settle(now)
	for _, t := range decided {
		b.metrics.waits(t.urgency, -1)
		if t.granted {
			b.metrics.began(t)
		}
		close(t.decided)
	}
	b.metrics.state(b.ledger, now)
	if b.timer != nil {
		b.timer.Stop()
	}
	if !wake.IsZero() {
		b.timer = time.AfterFunc(wake.Sub(now), func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.settle()
		})
	}
}
