package activities

import (
	"context"
	"sync"
)

// urgency orders requests that wait for their turn.
type urgency int

// Urgencies, the first served first.
const (
	urgent    urgency = iota // somebody is to be let go, or is waiting on hold
	ordinary                 // what people and the call want otherwise
	leisurely                // reads
	urgencies
)

// budget bounds how many requests of one account are under way at once in this process, for Twilio answers too many of them with 429.
// Who is more urgent goes first, and among equals who came first.
type budget struct {
	mu      sync.Mutex
	free    int
	waiting [urgencies][]chan struct{}
}

func newBudget(size int) *budget { return &budget{free: size} }

// take waits for a turn; the error is the context's. Whoever got one gives it back.
func (b *budget) take(ctx context.Context, u urgency) error {
	b.mu.Lock()
	if b.free > 0 {
		b.free--
		b.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	b.waiting[u] = append(b.waiting[u], turn)
	b.mu.Unlock()

	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiting[u] {
		if w == turn {
			b.waiting[u] = append(b.waiting[u][:i:i], b.waiting[u][i+1:]...)
			return ctx.Err()
		}
	}
	b.pass() // the turn came at the same moment
	return ctx.Err()
}

func (b *budget) give() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass()
}

// pass hands a turn on to whoever is next.
func (b *budget) pass() {
	for u := range b.waiting {
		if queue := b.waiting[u]; len(queue) > 0 {
			b.waiting[u] = queue[1:]
			close(queue[0])
			return
		}
	}
	b.free++
}
