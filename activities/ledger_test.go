package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// until settles a ledger to the end: everybody who goes is answered, and time jumps to whatever comes next.
func (l *ledger) until(t require.TestingT, now time.Time, underWay []*ticket) {
	const plenty = 10_000
	for range plenty {
		decided, wake := l.settle(now)
		for _, d := range decided {
			if d.granted {
				underWay = append(underWay, d)
			}
		}
		switch {
		case len(underWay) > 0:
			now = now.Add(time.Millisecond)
			l.give(now, underWay[0], verdictAnswered, 0, 0)
			underWay = underWay[1:]
		case !wake.IsZero():
			now = wake
		default:
			for u := range l.waiting {
				require.Empty(t, l.waiting[u], "nobody is left waiting")
			}
			require.Zero(t, l.inFlight)
			return
		}
	}
	require.Fail(t, "it goes on for ever")
}

func TestWhateverHappensTurnsGoByUrgencyAndNobodyIsForgotten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger(rapid.IntRange(1, 20).Draw(t, "concurrency"), rapid.Float64Range(0.5, 200).Draw(t, "rate"))
		now := epoch
		var waiting, underWay []*ticket
		exits := 0
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2:
				asks := &ticket{
					urgency: urgency(rapid.IntRange(0, int(urgencies)-1).Draw(t, "urgency")),
					product: product(rapid.IntRange(0, int(products)-1).Draw(t, "product")),
				}
				l.ask(asks)
				waiting = append(waiting, asks)
			case 3:
				if len(underWay) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(underWay)-1).Draw(t, "who")
				if underWay[i].exit {
					exits--
				}
				l.give(now, underWay[i], rapid.SampledFrom([]verdict{verdictNone, verdictAnswered, verdictThrottled, verdictFailed, verdictFailed}).Draw(t, "verdict"),
					time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 7}).Draw(t, "retry after"))*time.Second, rapid.Float64Range(0, 1).Draw(t, "jitter"))
				underWay = append(underWay[:i:i], underWay[i+1:]...)
			case 4:
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			case 5:
				if len(waiting) > 0 {
					l.withdraw(waiting[rapid.IntRange(0, len(waiting)-1).Draw(t, "who gives up")])
				}
			}

			turn := l.turns
			decided, wake := l.settle(now)
			require.True(t, wake.IsZero() || wake.After(now))
			var granted []*ticket
			for _, d := range decided {
				if !d.granted {
					require.NotEqual(t, urgent, d.urgency, "the urgent are never sent away")
					require.Positive(t, d.later)
					continue
				}
				if granted = append(granted, d); d.exit {
					exits++
					require.Equal(t, urgent, d.urgency)
				}
			}
			for i, first := range granted {
				for _, second := range granted[i+1:] {
					if (turn+i)%fairTurn == fairTurn-1 {
						require.Less(t, first.asked, second.asked, "this turn was for who waited longest")
					} else if first.urgency == second.urgency {
						require.Less(t, first.asked, second.asked, "who came first goes first")
					} else {
						require.Less(t, first.urgency, second.urgency, "who is more urgent goes first")
					}
				}
			}
			underWay = append(underWay, granted...)
			require.Len(t, underWay, l.inFlight)
			require.LessOrEqual(t, l.inFlight-exits, l.concurrency)
			for u := range l.waiting {
				for _, w := range l.waiting[u] {
					require.False(t, l.passes(now, w), "nobody waits who could go")
				}
			}
			require.GreaterOrEqual(t, l.throttle.share, leastShare)
			require.LessOrEqual(t, l.throttle.share, 1.0)
		}
		l.until(t, now, underWay)
	})
}

func TestAReadIsServedHoweverManyAreMoreUrgent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const rate = 1000
		l := newLedger(rapid.IntRange(1, 10).Draw(t, "concurrency"), rate)
		reads := make([]*ticket, rapid.IntRange(1, 5).Draw(t, "reads"))
		for i := range reads {
			reads[i] = &ticket{urgency: leisurely}
			l.ask(reads[i])
		}
		now := epoch
		var underWay []*ticket
		served, turns := 0, 0
		for served < len(reads) {
			for u := range leisurely {
				l.ask(&ticket{urgency: u})
			}
			decided, _ := l.settle(now)
			for _, d := range decided {
				turns++
				if underWay = append(underWay, d); d.urgency == leisurely {
					served++
				}
			}
			now = now.Add(10 * time.Millisecond)
			if len(underWay) > 0 {
				l.give(now, underWay[0], verdictAnswered, 0, 0)
				underWay = underWay[1:]
			}
			require.LessOrEqual(t, turns, fairTurn*len(reads)+l.concurrency)
		}
	})
}

func TestAPlaceIsKeptForTheUrgent(t *testing.T) {
	t.Parallel()
	l := newLedger(20, 100)
	for range 30 {
		l.ask(&ticket{urgency: leisurely})
	}
	decided, _ := l.settle(epoch)
	require.Len(t, decided, 18)
	hangUp := &ticket{urgency: urgent}
	l.ask(hangUp)
	decided, _ = l.settle(epoch)
	require.Equal(t, []*ticket{hangUp}, decided)
	require.False(t, hangUp.exit, "nothing held it up")
}

func TestNoMoreStartInASecondThanTheRate(t *testing.T) {
	t.Parallel()
	l := newLedger(1000, 10)
	began := func(now time.Time) (n int) {
		decided, _ := l.settle(now)
		for _, d := range decided {
			l.give(now, d, verdictAnswered, 0, 0)
		}
		return len(decided)
	}
	for range 100 {
		l.ask(&ticket{urgency: prompt})
	}
	require.Equal(t, 10, began(epoch), "a second's worth at once")
	require.Zero(t, began(epoch.Add(50*time.Millisecond)))
	require.Equal(t, 1, began(epoch.Add(100*time.Millisecond)))
	require.Equal(t, 9, began(epoch.Add(time.Second)))
	for range 100 {
		l.ask(&ticket{urgency: urgent})
	}
	require.Equal(t, 11, began(epoch.Add(time.Second)), "the urgent overdraw by a second's worth, and one goes by the exit")
	require.Equal(t, 3, began(epoch.Add(1400*time.Millisecond)), "and pay it back")
}

// flood has n requests go and fail.
func (l *ledger) flood(now time.Time, n int, p product, v verdict, retryAfter time.Duration) {
	for range n {
		l.ask(&ticket{urgency: prompt, product: p})
	}
	decided, _ := l.settle(now)
	for _, d := range decided {
		if d.granted {
			l.give(now, d, v, retryAfter, 0.5)
		}
	}
}

func TestAProductThatIsAwayIsAskedBySingleProbesAndByHangUps(t *testing.T) {
	t.Parallel()
	l := newLedger(50, 1000)
	asks := func(u urgency, p product) *ticket {
		a := &ticket{urgency: u, product: p}
		l.ask(a)
		return a
	}
	l.flood(epoch, breakerTrips, voiceProduct, verdictFailed, 0)
	require.Equal(t, breakerOpen, l.breakers[voiceProduct].state(epoch))

	read, hold, first, second, other := asks(leisurely, voiceProduct), asks(prompt, voiceProduct), asks(urgent, voiceProduct), asks(urgent, voiceProduct), asks(leisurely, taskRouterProduct)
	decided, wake := l.settle(epoch)
	require.ElementsMatch(t, []*ticket{read, hold, first, other}, decided)
	require.Equal(t, []bool{false, false, true, true}, []bool{read.granted, hold.granted, first.granted, other.granted})
	require.Equal(t, breakerPause, hold.later)
	require.True(t, first.exit)
	require.Equal(t, epoch.Add(exitEvery), wake)
	decided, _ = l.settle(wake)
	require.Equal(t, []*ticket{second}, decided, "a hang-up waits for half a second at most")
	l.give(wake, first, verdictFailed, 0, 0)
	l.give(wake, second, verdictFailed, 0, 0)

	now := epoch.Add(breakerPause)
	require.Equal(t, breakerHalfOpen, l.breakers[voiceProduct].state(now), "what goes by the exit does not keep it open")
	probe, behind := asks(prompt, voiceProduct), asks(prompt, voiceProduct)
	decided, _ = l.settle(now)
	require.Equal(t, []*ticket{probe}, decided)
	l.give(now, probe, verdictFailed, 0, 0)
	decided, _ = l.settle(now)
	require.Equal(t, []*ticket{behind}, decided)
	require.Equal(t, 2*breakerPause, behind.later, "twice as long")

	now = now.Add(2 * breakerPause)
	probe, behind = asks(prompt, voiceProduct), asks(prompt, voiceProduct)
	l.settle(now)
	l.give(now, probe, verdictNone, 0, 0)
	l.settle(now)
	require.True(t, behind.probe, "a probe that was given up passes its part on")
	l.give(now, behind, verdictAnswered, 0, 0)
	require.Equal(t, breakerClosed, l.breakers[voiceProduct].state(now))
	l.flood(now, breakerTrips-1, voiceProduct, verdictFailed, 0)
	require.Equal(t, breakerClosed, l.breakers[voiceProduct].state(now), "it counts from nought again")
}

func TestABreakerNeverPausesForLongerThanHalfAMinute(t *testing.T) {
	t.Parallel()
	var b breaker
	now := epoch
	for range 20 {
		b.failed(now, true)
	}
	require.Equal(t, breakerLongest, b.pause)
	b.answered()
	require.Equal(t, breaker{}, b)
}

func TestA429SlowsTheWholeAccountOncePerRound(t *testing.T) {
	t.Parallel()
	l := newLedger(40, 1000)
	l.flood(epoch, 20, voiceProduct, verdictThrottled, 0)
	require.InDelta(t, 0.5, l.throttle.share, 0, "twenty at once are one round")
	require.Equal(t, epoch.Add(throttleFirst), l.throttle.pausedUntil)

	waits, hangUp := &ticket{urgency: leisurely, product: taskRouterProduct}, &ticket{urgency: urgent}
	l.ask(waits)
	l.ask(hangUp)
	decided, wake := l.settle(epoch)
	require.Equal(t, []*ticket{hangUp}, decided, "the exit is for the urgent")
	require.Equal(t, epoch.Add(throttleFirst), wake)
	l.give(epoch, hangUp, verdictThrottled, 0, 0)
	require.InDelta(t, 0.5, l.throttle.share, 0, "what went against our own judgement is no new round")
	decided, _ = l.settle(wake)
	require.Equal(t, []*ticket{waits}, decided)
	l.give(wake, waits, verdictThrottled, 0, 0.5)
	require.InDelta(t, 0.25, l.throttle.share, 0)
	require.Equal(t, wake.Add(2*throttleFirst), l.throttle.pausedUntil)

	now := l.throttle.pausedUntil
	for range 15 {
		now = now.Add(time.Second)
		l.flood(now, 1, voiceProduct, verdictAnswered, 0)
	}
	require.InDelta(t, 1, l.throttle.share, 0.001, "answers give it back")
	l.flood(now, 1, voiceProduct, verdictThrottled, 0)
	require.Equal(t, now.Add(throttleFirst), l.throttle.pausedUntil, "and the pauses begin anew")
}

func TestARetryAfterIsTheAccountsPause(t *testing.T) {
	t.Parallel()
	l := newLedger(40, 1000)
	l.flood(epoch, 1, voiceProduct, verdictThrottled, 30*time.Second)
	hold, hangUp := &ticket{urgency: prompt}, &ticket{urgency: urgent}
	l.ask(hold)
	l.ask(hangUp)
	decided, _ := l.settle(epoch.Add(time.Second))
	require.ElementsMatch(t, []*ticket{hold, hangUp}, decided)
	require.Equal(t, 29*time.Second, hold.later, "it need not wait here for that long")
	require.True(t, hangUp.granted)

	later := &ticket{urgency: prompt}
	l.ask(later)
	decided, wake := l.settle(epoch.Add(27 * time.Second))
	require.Empty(t, decided, "a short rest is waited for")
	require.Equal(t, epoch.Add(30*time.Second), wake)
}
