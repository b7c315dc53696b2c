package handlers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

func TestDeliveryIsInOrderAndBeginsTheCall(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.run("one")
	b.receive("CA1", received)
	<-b.engine.told
	b.receive("CA1", entered, held)
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 3 })
	signals := b.engine.all()
	require.True(t, signals[0].start)
	require.Equal(t, []string{"CallReceived"}, signals[0].kinds)
	for _, s := range signals[1:] {
		require.False(t, s.start, "a call that runs is signalled")
	}
	require.Equal(t, int64(1), b.engine.starts.Load())
	b.eventually("all are counted", func() bool { return counted(t, b.reader, "holdfast_delivery_lag") == 3 })
}

func TestDeliveryTakesUpWhatAnEarlierProcessLeft(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.receive("CA1", received, entered)
	b.receive("CA2", received)
	b.run("one")
	b.eventually("both calls are served", func() bool { return b.engine.last("CA1") == 2 && b.engine.last("CA2") == 1 })
	require.Len(t, b.engine.all(), 2, "what waits goes in one signal")
}

func TestDeliveryGathersWhileASignalIsUnderWay(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.engine.hear = func(context.Context) error {
		once.Do(func() { close(inside); <-goOn })
		return nil
	}
	b.run("one")
	b.receive("CA1", received)
	<-inside
	for range 5 {
		b.receive("CA1", held)
	}
	close(goOn)
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 6 })
	signals := b.engine.all()
	require.Len(t, signals, 2)
	require.Equal(t, []int64{2, 3, 4, 5, 6}, signals[1].positions)
}

func TestEventsWaitALittleForCompany(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.Gather = time.Second
	b.run("one")
	b.receive("CA1", received)
	for range 5 {
		b.receive("CA1", entered)
	}
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 6 })
	require.Len(t, b.engine.all(), 1)
}

func TestAnEventThatSomebodyWaitsForGoesAtOnce(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.Gather = time.Hour
	b.run("one")
	b.receive("CA1", received, entered)
	b.receive("CA1", held)
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 3 })
	require.Len(t, b.engine.all(), 1, "and takes along what waited for company")
}

func TestWhatEndsACallGoesAtOnceOnlyWhileSomebodyActsOnIt(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.Gather = time.Hour
	d, _ := b.run("one")
	b.receive("CA1", received)
	b.receive("CA1", held)
	b.eventually("both are taken", func() bool { return b.engine.last("CA1") == 2 })
	b.receive("CA1", left)
	over := d.acting.begin("CA1")
	b.receive("CA1", left)
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 4 })
	over()
	require.Len(t, b.engine.all(), 2, "the first end had waited")
	require.False(t, d.acting.about("CA1"))
}

func TestDeliveryOfMoreThanOneBatch(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.MaxBatch, b.cfg.Gather = 3, time.Nanosecond
	b.receive("CA1", received, entered, held, held, held, held, held)
	b.run("one")
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 7 })
	require.Len(t, b.engine.all(), 3)
}

func TestDeliveryAfterTheEnd(t *testing.T) {
	t.Parallel()
	t.Run("goes into the timeline and wakes nothing", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.engine.calls["CA1"] = &fakeCall{ended: true}
		b.project("CA1", call.StatusEnded, 0)
		b.run("one")
		b.receive("CA1", held)
		b.eventually("it is late", func() bool { return counted(t, b.reader, "holdfast_events_late") == 1 })
		entries := b.timeline("CA1")
		require.Len(t, entries, 2)
		require.Equal(t, "ParticipantHeld", entries[slices.IndexFunc(entries, func(e store.Entry) bool { return e.Late })].Kind)
		require.Zero(t, b.engine.starts.Load())
	})
	t.Run("an event that could begin a call begins no ended one", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.engine.calls["CA1"] = &fakeCall{ended: true}
		b.project("CA1", call.StatusEnded, 0)
		b.run("one")
		b.receive("CA1", received)
		b.eventually("it is late", func() bool { return counted(t, b.reader, "holdfast_events_late") == 1 })
		require.Zero(t, b.engine.starts.Load())
	})
	t.Run("not even when the engine has forgotten it", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.receive("CA1", received)
		b.project("CA1", call.StatusEnded, 1)
		b.run("one")
		b.receive("CA1", call.TaskCreated{Task: "WT1", Call: "CA1"})
		b.eventually("it is late", func() bool { return counted(t, b.reader, "holdfast_events_late") == 1 })
		require.Zero(t, b.engine.starts.Load())
	})
}

func TestDeliveryToACallThatNeverBegan(t *testing.T) {
	t.Parallel()
	t.Run("is put aside", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		_, stop := b.run("one")
		b.receive("CA1", call.CallStatusChanged{Call: "CA1", Status: "completed"})
		b.eventually("it is counted", func() bool { return counted(t, b.reader, "holdfast_events_stray") == 1 })
		stop()
		acked, last := b.acked("CA1")
		require.Equal(t, int64(1), last)
		require.Equal(t, int64(1), acked)
		require.Zero(t, b.engine.starts.Load())
		require.Empty(t, b.timeline("CA1"))
	})
	t.Run("waits for the event that begins it, for Twilio promises no order", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.cfg.StrayGrace = time.Hour
		b.run("one")
		b.receive("CA1", entered)
		b.eventually("it is tried", func() bool { return b.engine.asked.Load() > 0 })
		b.receive("CA1", call.TaskCreated{Task: "WT1", Call: "CA1"})
		b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 2 })
		require.Equal(t, []string{"TaskQueueEntered", "TaskCreated"}, b.engine.all()[0].kinds)
		require.Zero(t, counted(t, b.reader, "holdfast_events_stray"))
	})
}

func TestACallThatTheEngineKnowsNothingOfBeginsFromItsFirstEvent(t *testing.T) {
	t.Parallel()
	t.Run("when events of it were put aside before", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.run("one")
		b.receive("CA1", entered)
		b.eventually("it is put aside", func() bool { return counted(t, b.reader, "holdfast_events_stray") == 1 })
		b.receive("CA1", call.TaskCreated{Task: "WT1", Call: "CA1"})
		b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 2 })
		require.Equal(t, []int64{1, 2}, b.engine.all()[0].positions)
	})
	t.Run("when the engine lost it", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.cfg.MaxBatch = 2
		b.run("one")
		b.receive("CA1", received, entered, held)
		b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 3 })
		b.project("CA1", call.StatusTalking, 3)
		b.engine.set(func() { delete(b.engine.calls, "CA1") })
		b.receive("CA1", held)
		b.eventually("all is taken again", func() bool { return b.engine.last("CA1") == 4 })
		signals := b.engine.all()
		require.Equal(t, []int64{1, 2, 3, 4}, signals[len(signals)-1].positions)
		require.EqualValues(t, 1, signals[len(signals)-1].entries, "its timeline goes on where it was")
	})
	t.Run("but not when it has it as closed", func(t *testing.T) {
		t.Parallel()
		b := setupDeliverer(t)
		b.engine.calls["CA1"] = &fakeCall{ended: true}
		b.project("CA1", call.StatusTalking, 0)
		b.run("one")
		b.receive("CA1", held)
		b.eventually("it is late", func() bool { return counted(t, b.reader, "holdfast_events_late") == 1 })
		require.Zero(t, b.engine.starts.Load())
	})
}

func TestDeliveryWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.engine.fail = fmt.Errorf("dial: %w", workflows.ErrUnavailable)
	b.run("one")
	const calls = 20
	for i := range calls {
		b.receive(call.ID(fmt.Sprintf("CA%d", i)), received)
	}
	b.eventually("every call is tried again and again", func() bool { return b.engine.asked.Load() > 3*calls })
	for i := range calls {
		b.receive(call.ID(fmt.Sprintf("CA%d", i)), held)
	}
	require.Empty(t, b.engine.all())
	b.engine.set(func() { b.engine.fail = nil })
	b.eventually("everything arrives", func() bool {
		for i := range calls {
			if b.engine.last(call.ID(fmt.Sprintf("CA%d", i))) != 2 {
				return false
			}
		}
		return true
	})
	for _, s := range b.engine.all() {
		require.True(t, slices.IsSorted(s.positions))
	}
}

func TestDeliveryBoundsWhatTheEngineTakes(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.SendWithin = 5 * time.Millisecond
	var hung atomic.Int64
	b.engine.hear = func(ctx context.Context) error {
		if hung.Add(1) > 3 {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	b.run("one")
	b.receive("CA1", received)
	b.eventually("it arrives at last", func() bool { return b.engine.last("CA1") == 1 })
	require.GreaterOrEqual(t, hung.Load(), int64(4))
}

func TestDeliveryIsRepeatedUnlessItIsAcknowledged(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.ResendAfter = 20 * time.Millisecond
	b.engine.calls["CA1"] = &fakeCall{deaf: 2}
	b.run("one")
	b.receive("CA1", received, held)
	b.eventually("it is sent until it is taken", func() bool { return b.engine.last("CA1") == 2 })
	b.eventually("it is counted", func() bool { return counted(t, b.reader, "holdfast_events_resent") >= 2 })
	require.Zero(t, b.engine.starts.Load())
}

func TestDeliveryRepeatsNothingThatIsAcknowledged(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.ResendAfter = 20 * time.Millisecond
	d, _ := b.run("one")
	b.receive("CA1", received)
	b.eventually("the call is let go of", func() bool { return d.room() == b.maxCalls() && b.engine.last("CA1") == 1 })
	require.Len(t, b.engine.all(), 1)
	require.Zero(t, counted(t, b.reader, "holdfast_events_resent"))
	acked, _ := b.acked("CA1")
	require.Equal(t, int64(1), acked)
}

func (b *deliverBundle) maxCalls() int {
	cfg := b.cfg
	cfg.setDefaults()
	return cfg.MaxCalls
}

func TestAnEventThatThisBuildCannotReadKeepsItsPlace(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.receive("CA1", received)
	_, _, err := b.store.Receive(t.Context(), store.Webhook{Key: "x", Kind: "x", Subject: callSubject("CA1"), Event: []byte(`{"kind":"FromTheFuture","data":{}}`)})
	require.NoError(t, err)
	b.receive("CA1", held)
	b.run("one")
	b.eventually("all is taken", func() bool { return b.engine.last("CA1") == 3 })
	require.Equal(t, []string{"CallReceived", "ReadBackDue", "ParticipantHeld"}, b.engine.all()[0].kinds)
}

func TestTwoDeliverersShareOneStore(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.Lease = time.Hour
	const calls, each = 30, 8
	_, stopOne := b.run("one")
	_, stopTwo := b.run("two")
	for i := range calls {
		b.receive(call.ID(fmt.Sprintf("CA%d", i)), received)
	}
	for range each - 1 {
		for i := range calls {
			b.receive(call.ID(fmt.Sprintf("CA%d", i)), held)
		}
	}
	b.eventually("everything arrives", func() bool {
		for i := range calls {
			if b.engine.last(call.ID(fmt.Sprintf("CA%d", i))) != each {
				return false
			}
		}
		return true
	})
	seen := map[call.ID]int64{}
	for _, s := range b.engine.all() {
		for _, p := range s.positions {
			require.Equal(t, seen[s.id]+1, p, "in order, once")
			seen[s.id] = p
		}
	}
	stopOne()
	stopTwo()
	for i := range calls {
		acked, last := b.acked(call.ID(fmt.Sprintf("CA%d", i))) // which asks for the lease
		require.Equal(t, last, acked)
	}
}

func TestALeaseOfADelivererThatDiedIsTakenOver(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.receive("CA1", received)
	_, ok, err := b.store.ClaimOne(t.Context(), "the dead one", 100*time.Millisecond, callSubject("CA1"))
	require.NoError(t, err)
	require.True(t, ok)
	b.run("one")
	b.eventually("it arrives when the lease is over", func() bool { return b.engine.last("CA1") == 1 })
}

func TestAStoppedDelivererGivesItsLeasesBack(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.Lease = time.Hour
	hung := make(chan struct{}, 1)
	b.engine.hear = func(ctx context.Context) error {
		hung <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	d, stop := b.run("one")
	b.receive("CA1", received)
	<-hung
	stop()
	acked, last := b.acked("CA1")
	require.Zero(t, acked)
	require.Equal(t, int64(1), last)
	require.False(t, d.wake(t.Context(), callSubject("CA1"), nil), "nothing begins after the end")
}

func TestDeliveryServesMoreCallsThanItMayAtOnce(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.MaxCalls, b.cfg.ResendAfter = 3, 5*time.Millisecond
	const calls = 12
	for i := range calls {
		b.receive(call.ID(fmt.Sprintf("CA%d", i)), received)
	}
	b.run("one")
	b.eventually("every call has its turn", func() bool { return b.engine.starts.Load() == calls })
}

func TestThreeThousandCallsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	b.cfg.ResendAfter, b.cfg.ScanEvery = 50*time.Millisecond, time.Second
	d, _ := b.run("one")
	const calls = 3000
	for i := range calls {
		b.receive(call.ID(fmt.Sprintf("CA%d", i)), received)
	}
	b.eventually("every call is served", func() bool { return b.engine.starts.Load() == calls })
	b.eventually("and let go of", func() bool { return d.room() == b.maxCalls() })
}

func TestDelivererNeedsWhatItNeeds(t *testing.T) {
	t.Parallel()
	b := setupDeliverer(t)
	_, err := NewDeliverer(b.store, b.engine, "", DelivererConfig{})
	require.ErrorContains(t, err, "owner")
	d, _ := b.run("one")
	b.receive("CA1", received)
	<-b.engine.told // it runs
	require.ErrorContains(t, d.Run(t.Context()), "runs already")
}
