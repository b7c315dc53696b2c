package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"holdfast/floor"
	"holdfast/store"
	"holdfast/workflows"
)

// FloorEngine takes what happens on the floor. [*workflows.Client] is one.
type FloorEngine interface {
	TellFloor(ctx context.Context, workspace string, batch workflows.FloorBatch) error
}

// FloorDelivererConfig sets a [FloorDeliverer] up.
type FloorDelivererConfig struct {
	// WorkspaceSID (WS). Required.
	WorkspaceSID string
	// Settings are those that the breaker is to work by.
	Settings floor.Settings
	// Lease, ScanEvery, ResendAfter, SendWithin and MaxBatch are as those of [DelivererConfig], and have its defaults.
	Lease, ScanEvery, ResendAfter, SendWithin time.Duration
	MaxBatch                                  int
	// Logger default slog.Default().
	Logger *slog.Logger
}

// FloorDeliverer carries what happens on the floor from the inbox to the workspace's workflow, in order and each at least once; the workflow drops
// what it has. Any number of them share one store: one has the lease.
type FloorDeliverer struct {
	store   DeliveryStore
	engine  FloorEngine
	owner   string
	cfg     FloorDelivererConfig
	subject store.Subject
	log     *slog.Logger
	nudge   chan struct{}

	sent   int64 // the engine took of us
	sentAt time.Time
	away   bool
}

// NewFloorDeliverer makes a deliverer. owner names it in the lease: each running one needs a name of its own.
func NewFloorDeliverer(s DeliveryStore, engine FloorEngine, owner string, cfg FloorDelivererConfig) (*FloorDeliverer, error) {
	if s == nil || engine == nil || owner == "" || cfg.WorkspaceSID == "" {
		return nil, errors.New("handlers: a deliverer of the floor needs a store, an engine, an owner's name and a workspace")
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&cfg.Lease, 6 * time.Second}, {&cfg.ScanEvery, time.Second}, {&cfg.ResendAfter, 5 * time.Second}, {&cfg.SendWithin, 5 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if cfg.MaxBatch <= 0 {
		cfg.MaxBatch = 100
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &FloorDeliverer{
		store: s, engine: engine, owner: owner, cfg: cfg, log: cfg.Logger, nudge: make(chan struct{}, 1),
		subject: store.Subject{Kind: subjectWorkspace, ID: cfg.WorkspaceSID},
	}, nil
}

// Run delivers until ctx ends.
func (d *FloorDeliverer) Run(ctx context.Context) error {
	defer d.store.OnReceive(func(subject store.Subject) {
		if subject != d.subject {
			return
		}
		select {
		case d.nudge <- struct{}{}:
		default: // it has been told
		}
	})()
	ticker := time.NewTicker(d.cfg.ScanEvery)
	defer ticker.Stop()
	backOff := time.Duration(0)
	for ctx.Err() == nil {
		more, err := d.deliver(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			if !d.away {
				d.log.LogAttrs(ctx, slog.LevelError, "what happens on the floor is not delivered; it is kept", slog.Any("error", err))
			}
			d.away = true
			backOff = min(max(2*backOff, shortestBackOff), longestBackOff)
			pause := time.NewTimer(backOff)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
			continue
		case more:
			continue
		}
		d.away, backOff = false, 0
		select {
		case <-ctx.Done():
		case <-d.nudge:
		case <-ticker.C:
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := d.store.Release(ctx, d.owner, d.subject); err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "the floor's lease is not given back, and will expire", slog.Any("error", err))
	}
	return nil
}

// deliver sends a batch of what waits. more: there may be another one.
func (d *FloorDeliverer) deliver(ctx context.Context) (more bool, err error) {
	claimed, ours, err := d.store.ClaimOne(ctx, d.owner, d.cfg.Lease, d.subject)
	if err != nil || !ours || claimed.Acked >= claimed.Last {
		return false, err
	}
	if d.sent > claimed.Acked && time.Since(d.sentAt) < d.cfg.ResendAfter {
		if d.sent >= claimed.Last {
			return false, nil // it is on its way
		}
	} else {
		d.sent = claimed.Acked
	}
	rows, err := d.store.Waiting(ctx, d.subject, d.sent, d.cfg.MaxBatch)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	batch := workflows.FloorBatch{After: d.sent, Settings: d.cfg.Settings}
	for _, row := range rows {
		var e floor.Envelope
		if err := json.Unmarshal(row.Event, &e); err != nil { // it keeps its place, for the workflow takes them without gaps
			d.log.LogAttrs(ctx, slog.LevelError, "an event in the inbox cannot be read", slog.Int64("position", row.Position), slog.Any("error", err))
			e.Event = floor.ClockTicked{}
		}
		batch.Deliveries = append(batch.Deliveries, workflows.FloorDelivery{Position: row.Position, Event: e})
	}
	sending, cancel := context.WithTimeout(ctx, d.cfg.SendWithin)
	defer cancel()
	if err := d.engine.TellFloor(sending, d.cfg.WorkspaceSID, batch); err != nil {
		return false, err
	}
	d.sent, d.sentAt = rows[len(rows)-1].Position, time.Now()
	return len(rows) == d.cfg.MaxBatch, nil
}
