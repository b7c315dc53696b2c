package workflows

import (
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"
)

// engineTime is what a client knows of the engine's clock. A request must not be taken after its sender has said that nothing happened, and
// the call can tell that by the engine's clock alone. The sender's may be seconds away from it: so a moment is never compared with one of the
// other clock, only spans of each are.
type engineTime struct {
	mu   sync.Mutex
	at   time.Time // by the engine's clock, not later than it was
	when time.Time // by ours, when we heard of it
}

// engineTimeFor is how long what is known of the engine's clock counts. Both run at the same rate; who sets one by hand is noticed by then.
const engineTimeFor = time.Minute

// longAgo is over by any clock. A request until then is refused, and the refusal says what time it is.
var longAgo = time.Unix(1, 0).UTC()

// learn notes that the engine's clock said at before ours says when.
func (e *engineTime) learn(at, when time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at, e.when = at, when
}

// moment is a moment of our clock by the engine's, or somewhat earlier; [longAgo] if the engine's is not known now.
func (e *engineTime) moment(ours, now time.Time) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.when.IsZero() || now.Sub(e.when) > engineTimeFor || now.Before(e.when) {
		return longAgo
	}
	return e.at.Add(ours.Sub(e.when))
}

// tooLate refuses a request that the call meets after its time, and tells the time by which it is refused.
func tooLate(now time.Time) error {
	return temporal.NewApplicationErrorWithOptions("the request came too late", errorExpired,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{now}})
}

// toldTime is the engine's time in a refusal by [tooLate]. A worker of an older build tells none: then it is taken to be ours.
func toldTime(err error, ours time.Time) (at time.Time, refused bool) {
	why, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || why.Type() != errorExpired {
		return at, false
	}
	if !why.HasDetails() || why.Details(&at) != nil {
		return ours, true
	}
	return at, true
}
