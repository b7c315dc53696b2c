package activities

import "time"

const (
	throttleFirst   = 250 * time.Millisecond // the first pause after a 429 that names none; each further one is twice as long
	throttleLongest = 15 * time.Second
	leastShare      = 1.0 / 8 // less, and a few requests without an answer hold all there is: then no look comes back for minutes
	regained        = 0.05    // of the share, in a second in which Twilio answers: ten seconds after one halving all of it is back
)

// throttle is how much of its concurrency and rate an account may use now. A 429 halves the share and pauses everything; answers give it back
// bit by bit. It has no clock and no lock.
type throttle struct {
	rate float64 // requests a second at a full share

	share   float64
	cutAt   time.Time
	grownAt time.Time

	rounds      int // of 429 in a row
	pausedUntil time.Time

	tokens   float64 // of at most a second's worth; what is urgent may overdraw by as much
	filledAt time.Time
}

func newThrottle(rate float64) throttle { return throttle{rate: rate, share: 1, tokens: max(1, rate)} }

// slow takes in a 429 to a request that was sent at that time. Those that were under way together are one round and cut once. jitter is from
// 0 to 1: it spreads processes that were refused together.
func (t *throttle) slow(now, sent time.Time, retryAfter time.Duration, jitter float64) {
	pause := retryAfter
	if t.cutAt.IsZero() || sent.After(t.cutAt) {
		t.share = max(leastShare, t.share/2)
		t.cutAt, t.grownAt = now, now
		t.rounds++
		back := min(throttleFirst<<min(t.rounds-1, 10), throttleLongest)
		pause = max(pause, time.Duration((0.75+0.5*jitter)*float64(back)))
	}
	t.pauseUntil(now.Add(pause))
}

func (t *throttle) pauseUntil(at time.Time) {
	if at.After(t.pausedUntil) {
		t.pausedUntil = at
	}
}

// answered takes in an answer to a request that was sent at that time.
func (t *throttle) answered(now, sent time.Time) {
	if !t.cutAt.IsZero() && !sent.After(t.cutAt) {
		return // it was on its way before the 429
	}
	t.rounds = 0
	if t.share < 1 {
		t.share = min(1, t.share+regained*min(1, now.Sub(t.grownAt).Seconds()))
	}
	t.grownAt = now
}

func (t *throttle) refill(now time.Time) {
	if !t.filledAt.IsZero() {
		t.tokens = min(max(1, t.rate), t.tokens+now.Sub(t.filledAt).Seconds()*t.rate*t.share)
	}
	t.filledAt = now
}

// opensAt is when the next request may go; in the past if at once. refill comes first.
func (t *throttle) opensAt(now time.Time, u urgency) time.Time {
	least := 1.0
	if u == urgent {
		least = 1 - max(1, t.rate)
	}
	at := t.pausedUntil
	if t.tokens < least {
		if full := now.Add(time.Duration((least-t.tokens)/(t.rate*t.share)*float64(time.Second)) + time.Microsecond); full.After(at) {
			at = full
		}
	}
	return at
}
