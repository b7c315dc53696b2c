package activities

import "time"

// product is a part of Twilio that can be away by itself: each has hosts of its own.
type product int

// Products.
const (
	voiceProduct product = iota
	taskRouterProduct
	products
)

func (p product) String() string {
	if p == taskRouterProduct {
		return "taskrouter"
	}
	return "voice"
}

// breakerState says whether a product is asked.
type breakerState int

// Breaker states; the metric shows them as these numbers.
const (
	breakerClosed   breakerState = iota // everything goes
	breakerHalfOpen                     // one request goes and finds out
	breakerOpen                         // nothing goes, save what the ledger's exit lets out
)

const (
	breakerTrips   = 8           // failures in a row
	breakerPause   = time.Second // the first
	breakerLongest = 30 * time.Second
)

// breaker stops asking a product that does not answer. closed ─failures in a row→ open ─pause→ half-open ─the probe fails→ open, for twice as
// long; any answer → closed. It has no clock and no lock.
type breaker struct {
	failures int // in a row, while closed
	until    time.Time
	pause    time.Duration
	probing  bool // while half-open: one is under way
}

func (b *breaker) state(now time.Time) breakerState {
	switch {
	case b.until.IsZero():
		return breakerClosed
	case now.Before(b.until):
		return breakerOpen
	default:
		return breakerHalfOpen
	}
}

// answered: the product is there, whatever it said.
func (b *breaker) answered() { *b = breaker{} }

// failed counts a request that got no answer, or a 5xx. Only the probe can open it again: what had been sent before tells nothing new.
func (b *breaker) failed(now time.Time, probe bool) {
	switch {
	case b.until.IsZero():
		if b.failures++; b.failures >= breakerTrips {
			b.open(now, breakerPause)
		}
	case probe:
		b.open(now, min(2*b.pause, breakerLongest))
	}
}

func (b *breaker) open(now time.Time, pause time.Duration) {
	b.until, b.pause, b.probing = now.Add(pause), pause, false
}
