package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// DeliveryEngine is what the deliverer needs of the engine; *workflows.Client is one. Both methods answer [workflows.ErrEnded] for a
// call whose workflow is over or never was; every other error is taken for an absence of the engine, and tried again.
type DeliveryEngine interface {
	// StartOrSignal hands events to the call's workflow, and starts it if it never ran.
	StartOrSignal(ctx context.Context, id call.ID, settings call.Settings, batch workflows.Batch) error
	// Signal hands events to the call's running workflow.
	Signal(ctx context.Context, id call.ID, batch workflows.Batch) error
}

// DeliveryStore is what the deliverer needs of the store; *store.Store is one.
type DeliveryStore interface {
	OnReceive(f func(store.Subject)) (off func())
	Claim(ctx context.Context, owner string, lease time.Duration, limit int, kinds ...string) ([]store.Claimed, error)
	ClaimOne(ctx context.Context, owner string, lease time.Duration, subject store.Subject) (store.Claimed, bool, error)
	Release(ctx context.Context, owner string, subject store.Subject) error
	Waiting(ctx context.Context, subject store.Subject, after int64, limit int) ([]store.Delivery, error)
	Acknowledge(ctx context.Context, subject store.Subject, position int64) error
	Late(ctx context.Context, callID string, late []store.Delivery) error
	Call(ctx context.Context, id string) (store.CallRow, []store.LegRow, error)
}

// DelivererConfig sets a [Deliverer] up. The zero value is right for a real contact centre.
type DelivererConfig struct {
	// Settings of the calls that begin. Default [call.DefaultSettings].
	Settings call.Settings
	// Lease is how long a call stays ours without a word; another process takes it over after that: so long may a
	// call stand still whose process died. Longer than clocks differ. Default 6 s.
	Lease time.Duration
	// ScanEvery is how often the store is searched for calls that nobody told us of: other processes received their events, or their
	// deliverer died. Default 1 s.
	ScanEvery time.Duration
	// Gather is the longest that an event waits for others of its call to go in the same signal, unless somebody waits for it.
	// Default 20 ms.
	Gather time.Duration
	// ResendAfter is how long what was sent may stay unacknowledged. A call with nothing to deliver is let go of after the same time.
	// Default 5 s.
	ResendAfter time.Duration
	// StrayGrace is how long events of a call that nobody started wait for the one that starts it, for Twilio promises no order.
	// Default 5 s.
	StrayGrace time.Duration
	// SendWithin is how long the engine may take for one signal. Default 5 s.
	SendWithin time.Duration
	// MaxCalls is how many calls are served at once; more wait their turn. Default 5000.
	MaxCalls int
	// MaxSends is how many signals are under way at once. Default 64.
	MaxSends int
	// MaxBatch is how many events go in one signal. Default 100.
	MaxBatch int
	// Clock tells the time. Default time.Now.
	Clock func() time.Time
	// Logger default slog.Default().
	Logger *slog.Logger
	// Meter default: the process's own.
	Meter metric.Meter
}

// Back-off while the engine or the store is away. The longest is also the longest that an event waits once they are back.
const (
	shortestBackOff = 20 * time.Millisecond
	longestBackOff  = time.Second
)

// Deliverer carries events from the inbox to the calls' workflows, in order, each at least once; the workflow drops what it has.
// Any number of them share one store.
type Deliverer struct {
	store   DeliveryStore
	engine  DeliveryEngine
	owner   string
	cfg     DelivererConfig
	log     *slog.Logger
	metrics deliveryMetrics
	sends   chan struct{} // a slot for each signal under way
	away    atomic.Bool   // the engine did not answer the last time
	acting  acting        // for whose outcome people wait

	mu      sync.Mutex
	running bool
	calls   map[store.Subject]*delivery
	served  sync.WaitGroup
}

// NewDeliverer makes a deliverer. owner names it in the leases: each running deliverer needs a name of its own.
func NewDeliverer(s DeliveryStore, engine DeliveryEngine, owner string, cfg DelivererConfig) (*Deliverer, error) {
	if s == nil || engine == nil || owner == "" {
		return nil, errors.New("handlers: a deliverer needs a store, an engine and an owner's name")
	}
	cfg.setDefaults()
	metrics, err := newDeliveryMetrics(cfg.Meter)
	if err != nil {
		return nil, err
	}
	return &Deliverer{
		store: s, engine: engine, owner: owner, cfg: cfg, log: cfg.Logger, metrics: metrics,
		sends: make(chan struct{}, cfg.MaxSends), calls: map[store.Subject]*delivery{}, acting: acting{calls: map[call.ID]int{}},
	}, nil
}

func (c *DelivererConfig) setDefaults() {
	if c.Settings == (call.Settings{}) {
		c.Settings = call.DefaultSettings()
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.Lease, 6 * time.Second},
		{&c.ScanEvery, time.Second},
		{&c.Gather, 20 * time.Millisecond},
		{&c.ResendAfter, 5 * time.Second},
		{&c.StrayGrace, 5 * time.Second},
		{&c.SendWithin, 5 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	for _, n := range []struct {
		value    *int
		standard int
	}{{&c.MaxCalls, 5000}, {&c.MaxSends, 64}, {&c.MaxBatch, 100}} {
		if *n.value <= 0 {
			*n.value = n.standard
		}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// Run delivers until ctx ends, then gives its leases back. It begins with what an earlier process left.
func (d *Deliverer) Run(ctx context.Context) error {
	if err := d.begin(); err != nil {
		return err
	}
	off := d.store.OnReceive(func(subject store.Subject) { // must not block
		if subject.Kind == subjectCall {
			d.wake(ctx, subject, nil)
		}
	})
	ticker := time.NewTicker(d.cfg.ScanEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		d.scan(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	off()
	d.end()
	return nil
}

func (d *Deliverer) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running {
		return fmt.Errorf("handlers: the deliverer %q runs already", d.owner)
	}
	d.running = true
	return nil
}

func (d *Deliverer) end() {
	d.mu.Lock()
	d.running = false // nothing begins from here on
	d.mu.Unlock()
	d.served.Wait()
}

// scan takes up calls that nobody told this process of.
func (d *Deliverer) scan(ctx context.Context) {
	room := d.room()
	if room <= 0 {
		return // another process may take them, or we do when a call is done
	}
	claimed, err := d.store.Claim(ctx, d.owner, d.cfg.Lease, room, subjectCall)
	if err != nil {
		if ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelError, "the store cannot be searched for events to deliver", slog.Any("error", err))
		}
		return
	}
	for _, c := range claimed {
		if !d.wake(ctx, c.Subject, &c) {
			d.release(ctx, c.Subject)
		}
	}
}

func (d *Deliverer) room() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg.MaxCalls - len(d.calls)
}

// wake tells the call's goroutine that something waits, or starts one. False: there are too many already, or the run is over.
func (d *Deliverer) wake(ctx context.Context, subject store.Subject, claimed *store.Claimed) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if one, ok := d.calls[subject]; ok {
		select {
		case one.nudge <- struct{}{}:
		default: // it has been told
		}
		return true
	}
	if !d.running || ctx.Err() != nil || len(d.calls) >= d.cfg.MaxCalls {
		return false
	}
	one := &delivery{
		Deliverer: d, subject: subject, id: call.ID(subject.ID), nudge: make(chan struct{}, 1),
		log: d.log.With(slog.String("call", subject.ID)), watched: d.cfg.Clock(),
	}
	if claimed != nil {
		one.take(*claimed)
	}
	d.calls[subject] = one
	d.served.Go(func() { one.run(ctx) })
	return true
}

// leave takes a call off the list. False: something has come in meanwhile, and the call stays.
func (d *Deliverer) leave(ctx context.Context, one *delivery) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-one.nudge:
		if ctx.Err() == nil {
			return false
		}
	default:
	}
	delete(d.calls, one.subject)
	return true
}

// release gives a lease back even when the run is over, so that another process need not wait for it to expire.
func (d *Deliverer) release(ctx context.Context, subject store.Subject) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := d.store.Release(ctx, d.owner, subject); err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "a lease is not given back, and will expire", slog.String("call", subject.ID), slog.Any("error", err))
	}
}
