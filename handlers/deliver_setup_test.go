package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

var (
	_ DeliveryEngine = (*workflows.Client)(nil)
	_ DeliveryStore  = (*store.Store)(nil)
	_ WebhookStore   = (*store.Store)(nil)
)

// fakeCalls stands for the engine: workflows that take the position after their last, acknowledge in the store, and end when told.
type fakeCalls struct {
	store *store.Store

	mu      sync.Mutex
	calls   map[call.ID]*fakeCall
	signals []fakeSignal
	fail    error                       // of every request
	hear    func(context.Context) error // runs inside each request, outside the lock
	told    chan struct{}               // one for each signal taken
	starts  atomic.Int64
	asked   atomic.Int64
}

type fakeCall struct {
	last  int64
	ended bool
	deaf  int // that many signals are taken and lost
}

type fakeSignal struct {
	id        call.ID
	start     bool
	positions []int64
	kinds     []string
	entries   int64
}

func newFakeCalls(s *store.Store) *fakeCalls {
	return &fakeCalls{store: s, calls: map[call.ID]*fakeCall{}, told: make(chan struct{}, 100_000)}
}

func (f *fakeCalls) StartOrSignal(ctx context.Context, id call.ID, settings call.Settings, batch workflows.Batch) error {
	if settings != call.DefaultSettings() {
		return errors.New("not the settings of the deliverer")
	}
	return f.take(ctx, id, batch, true)
}

func (f *fakeCalls) Signal(ctx context.Context, id call.ID, batch workflows.Batch) error {
	return f.take(ctx, id, batch, false)
}

func (f *fakeCalls) take(ctx context.Context, id call.ID, batch workflows.Batch, start bool) error {
	f.asked.Add(1)
	f.mu.Lock()
	hear := f.hear
	f.mu.Unlock()
	if hear != nil {
		if err := hear(ctx); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	c := f.calls[id]
	switch {
	case c == nil && !start:
		return workflows.ErrNotFound
	case c != nil && c.ended:
		return workflows.ErrEnded
	case c == nil:
		c = &fakeCall{}
		f.calls[id] = c
		f.starts.Add(1)
	}
	s := fakeSignal{id: id, start: start, entries: batch.Entries}
	for _, d := range batch.Deliveries {
		s.positions = append(s.positions, d.Position)
		s.kinds = append(s.kinds, call.Kind(d.Event.Event))
		if d.Position == c.last+1 && c.deaf == 0 {
			c.last = d.Position
		}
	}
	if c.deaf > 0 {
		c.deaf--
	}
	f.signals = append(f.signals, s)
	f.told <- struct{}{}
	return f.store.Acknowledge(ctx, callSubject(id), c.last)
}

func (f *fakeCalls) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeCalls) all() []fakeSignal {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.signals)
}

func (f *fakeCalls) last(id call.ID) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.calls[id]; c != nil {
		return c.last
	}
	return 0
}

type deliverBundle struct {
	t      *testing.T
	store  *store.Store
	engine *fakeCalls
	reader *sdkmetric.ManualReader
	cfg    DelivererConfig
	count  int
}

func setupDeliverer(t *testing.T) *deliverBundle {
	t.Helper()
	b := &deliverBundle{t: t, store: openTestStore(t), reader: sdkmetric.NewManualReader()}
	b.engine = newFakeCalls(b.store)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.WithoutCancel(t.Context()))) })
	b.cfg = DelivererConfig{
		ScanEvery: 10 * time.Millisecond, ResendAfter: time.Hour, StrayGrace: 30 * time.Millisecond, Logger: quiet(), Meter: provider.Meter("test"),
	}
	return b
}

// run starts a deliverer; stop ends it and waits.
func (b *deliverBundle) run(owner string) (d *Deliverer, stop func()) {
	b.t.Helper()
	d, err := NewDeliverer(b.store, b.engine, owner, b.cfg)
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(b.t, <-done)
	})
	b.t.Cleanup(stop)
	return d, stop
}

func (b *deliverBundle) receive(id call.ID, events ...call.Event) {
	b.t.Helper()
	for _, e := range events {
		b.count++
		event, err := json.Marshal(call.Envelope{Event: e})
		require.NoError(b.t, err)
		_, _, err = b.store.Receive(b.t.Context(), store.Webhook{
			Key: fmt.Sprint(b.count), Kind: "test", Subject: callSubject(id), Event: event, ReceivedAt: time.Now(),
		})
		require.NoError(b.t, err)
	}
}

func (b *deliverBundle) eventually(what string, condition func() bool) {
	b.t.Helper()
	require.Eventually(b.t, condition, 20*time.Second, time.Millisecond, what)
}

// subject is what the store has of a call's subject.
func (b *deliverBundle) acked(id call.ID) (acked, last int64) {
	b.t.Helper()
	claimed, ok, err := b.store.ClaimOne(b.t.Context(), "the test", time.Nanosecond, callSubject(id))
	require.NoError(b.t, err)
	require.True(b.t, ok, "the lease is free")
	return claimed.Acked, claimed.Last
}

func (b *deliverBundle) project(id call.ID, state call.Status, acked int64) {
	b.t.Helper()
	require.NoError(b.t, b.store.Project(b.t.Context(), store.Step{
		Call:    store.CallRow{ID: string(id), State: string(state), Revision: 1, ReceivedAt: time.Unix(1700000000, 0)},
		Entries: []store.Entry{{Call: string(id), Number: 1, At: time.Unix(1700000000, 0), Kind: "CallReceived", Source: "twilio", Data: []byte("{}")}},
		Acked:   acked,
	}))
}

func (b *deliverBundle) timeline(id call.ID) []store.Entry {
	b.t.Helper()
	entries, err := b.store.Timeline(b.t.Context(), string(id), -1000, 100)
	require.NoError(b.t, err)
	return entries
}

var (
	received = call.CallReceived{Call: "CA1", From: "+1", To: "+2", Direction: "inbound"}
	entered  = call.TaskQueueEntered{Task: "WT1", Queue: "WQ1"}
	held     = call.ParticipantHeld{Participant: call.Participant{Conference: "CF1", Call: "CA1", Sequence: 2}}
	left     = call.ParticipantLeft{Participant: call.Participant{Conference: "CF1", Call: "CA1", Sequence: 3}}
)
