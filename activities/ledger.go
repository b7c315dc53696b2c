package activities

import (
	"slices"
	"time"
)

// urgency orders requests that wait for their turn.
type urgency int

// Urgencies, the first served first.
const (
	urgent    urgency = iota // somebody is to be let go, or is waiting on hold
	prompt                   // somebody waits for it: hold, mute
	ordinary                 // tasks, reservations and availabilities
	leisurely                // reads
	urgencies
)

func (u urgency) String() string { return [...]string{"urgent", "prompt", "ordinary", "leisurely"}[u] }

const (
	// fairTurn: of so many turns one goes to whoever has waited longest, so that nobody waits for ever behind those who are more urgent.
	fairTurn = 10
	// exitEvery: whatever holds up the rest, one urgent request goes this often.
	exitEvery = 500 * time.Millisecond
	// longestWait is how long a request waits for its turn. Past that its activity is better tried again later, for a worker can do only so
	// many at a time. The workflows' time-outs lean on it.
	longestWait = 4 * time.Second
)

// ticket is one request that wants to be sent.
type ticket struct {
	urgency urgency
	product product

	asked   int // the how-manieth
	sent    time.Time
	granted bool
	exit    bool          // it went although the rest was held up
	probe   bool          // it finds out whether the product is back
	later   time.Duration // refused: not to be tried before that
	decided chan struct{} // the budget's; the ledger does not touch it
}

// verdict is what became of a request, as far as the account's budget is concerned.
type verdict int

// Verdicts.
const (
	verdictNone      verdict = iota // given up by whoever asked: nothing was learned
	verdictAnswered                 // Twilio answered, whatever it said
	verdictThrottled                // 429
	verdictFailed                   // a 5xx, or no answer
)

// ledger decides whose turn it is. It has no clock and no lock: the same calls give the same decisions.
type ledger struct {
	concurrency int
	throttle    throttle
	breakers    [products]breaker

	waiting  [urgencies][]*ticket // in the order of asking
	inFlight int
	asked    int
	turns    int
	exitAt   time.Time
}

func newLedger(concurrency int, rate float64) *ledger {
	return &ledger{concurrency: concurrency, throttle: newThrottle(rate)}
}

// ask puts a request in line; settle decides.
func (l *ledger) ask(t *ticket) {
	l.asked++
	t.asked = l.asked
	l.waiting[t.urgency] = append(l.waiting[t.urgency], t)
}

// withdraw takes a request out of its line; false if it was decided before.
func (l *ledger) withdraw(t *ticket) bool {
	queue := l.waiting[t.urgency]
	i := slices.Index(queue, t)
	if i < 0 {
		return false
	}
	l.waiting[t.urgency] = slices.Delete(queue, i, i+1)
	return true
}

// give takes back the turn of a granted request, and learns from how it went. retryAfter is 0 where Twilio named none.
func (l *ledger) give(now time.Time, t *ticket, v verdict, retryAfter time.Duration, jitter float64) {
	l.inFlight--
	b := &l.breakers[t.product]
	switch v {
	case verdictAnswered:
		b.answered()
		l.throttle.answered(now, t.sent)
	case verdictThrottled:
		b.answered()
		if t.exit {
			l.throttle.pauseUntil(now.Add(retryAfter)) // it went against our own judgement: no new round
		} else {
			l.throttle.slow(now, t.sent, retryAfter, jitter)
		}
	case verdictFailed:
		b.failed(now, t.probe)
		l.throttle.pauseUntil(now.Add(retryAfter))
	case verdictNone:
		if t.probe {
			b.probing = false
		}
	}
}

// settle decides all that can be decided now. wake is when to come again if nothing else happens before; zero: only then.
func (l *ledger) settle(now time.Time) (decided []*ticket, wake time.Time) {
	l.throttle.refill(now)
	decided = l.refuse(now)
	for t := l.next(now); t != nil; t = l.next(now) {
		decided = append(decided, t)
	}
	return decided, l.wake(now)
}

// refuse sends away who would wait in vain. The urgent stay: there is an exit for them.
func (l *ledger) refuse(now time.Time) (refused []*ticket) {
	for u := range l.waiting {
		if urgency(u) == urgent {
			continue
		}
		l.waiting[u] = slices.DeleteFunc(l.waiting[u], func(t *ticket) bool {
			if b := &l.breakers[t.product]; b.state(now) == breakerOpen {
				t.later = b.until.Sub(now)
			} else if pause := l.throttle.pausedUntil.Sub(now); pause > longestWait {
				t.later = pause
			}
			if t.later > 0 {
				refused = append(refused, t)
			}
			return t.later > 0
		})
	}
	return refused
}

// next grants the next turn; nil if nobody can go now.
func (l *ledger) next(now time.Time) *ticket {
	var chosen *ticket
	for u := range l.waiting {
		i := slices.IndexFunc(l.waiting[u], func(t *ticket) bool { return l.passes(now, t) })
		if i < 0 {
			continue
		}
		if t := l.waiting[u][i]; chosen == nil || t.asked < chosen.asked {
			chosen = t
		}
		if !l.fair() {
			break
		}
	}
	if chosen == nil {
		return nil
	}
	b := &l.breakers[chosen.product]
	if l.held(now, chosen) {
		chosen.exit, l.exitAt = true, now.Add(exitEvery)
	}
	if b.state(now) == breakerHalfOpen && !b.probing {
		chosen.probe, b.probing = true, true
	}
	l.withdraw(chosen)
	l.turns++
	l.inFlight++
	l.throttle.tokens--
	chosen.sent, chosen.granted = now, true
	return chosen
}

// passes says whether a request may go now, through the exit if need be.
func (l *ledger) passes(now time.Time, t *ticket) bool {
	return !l.held(now, t) || t.urgency == urgent && !now.Before(l.exitAt)
}

// held says whether anything keeps a request from going.
func (l *ledger) held(now time.Time, t *ticket) bool {
	b := &l.breakers[t.product]
	switch b.state(now) {
	case breakerOpen:
		return true
	case breakerHalfOpen:
		if b.probing {
			return true
		}
	case breakerClosed:
	}
	return l.inFlight >= l.room(t.urgency) || l.throttle.opensAt(now, t.urgency).After(now)
}

// fair says whether the next turn is for whoever has waited longest.
func (l *ledger) fair() bool { return l.turns%fairTurn == fairTurn-1 }

// room is how many requests may be under way for one more of an urgency to go. A tenth is kept free for the urgent; not in a fair turn that
// they compete for, which would find the rest of the room taken by them again and again.
func (l *ledger) room(u urgency) int {
	room := max(1, int(l.throttle.share*float64(l.concurrency)))
	if u == urgent || l.concurrency == 1 || l.fair() && len(l.waiting[urgent]) > 0 {
		return room
	}
	return max(1, room-max(1, l.concurrency/10))
}

func (l *ledger) wake(now time.Time) (wake time.Time) {
	at := func(when time.Time) {
		if when.After(now) && (wake.IsZero() || when.Before(wake)) {
			wake = when
		}
	}
	for u, queue := range l.waiting {
		if len(queue) == 0 {
			continue
		}
		at(l.throttle.opensAt(now, urgency(u)))
		if urgency(u) == urgent {
			at(l.exitAt)
		}
		for _, t := range queue {
			at(l.breakers[t.product].until)
		}
	}
	return wake
}
