package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// delivery serves one call for as long as something comes in for it. Its fields are its goroutine's own.
type delivery struct {
	*Deliverer
	subject store.Subject
	id      call.ID
	log     *slog.Logger
	nudge   chan struct{} // something came in

	leased time.Time // until when the call is ours; zero: it is not
	acked  int64     // what the workflow had taken when we last looked
	sent   int64     // what the engine took of us
	sentAt time.Time // when

	mark    int64     // what must be acknowledged by ResendAfter from
	watched time.Time // this moment, which is also that of the last look

	began   bool      // the workflow runs: the engine said so
	ended   bool      // it ran, and is over
	rewound bool      // the call goes to the engine from its first event on, for the engine has nothing of it
	entries int64     // how many the timeline of a rewound call has
	strayed time.Time // since when events have waited for one that begins the call
	backOff time.Duration
}

// take notes a lease.
func (o *delivery) take(c store.Claimed) {
	// Half of the lease is for the time between the store's clock and ours, and for a signal under way.
	o.leased = o.cfg.Clock().Add(o.cfg.Lease / 2)
	if o.acked = c.Acked; !o.rewound {
		o.sent = max(o.sent, c.Acked)
	}
}

// run serves the call until nothing is left to do for it, the lease is another's, or ctx ends.
func (o *delivery) run(ctx context.Context) {
	for {
		goOn, err := false, error(nil)
		if ctx.Err() == nil {
			goOn, err = o.step(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			o.wait(ctx, o.pause())
		case goOn:
			o.backOff = 0
		default:
			if !o.leased.IsZero() { // before it leaves the list, or it would take the lease off its own successor
				o.release(ctx, o.subject)
				o.leased = time.Time{}
			}
			if o.leave(ctx, o) {
				return
			}
		}
	}
}

// step sends what waits, or waits for something to send. False: there is nothing to do here any more. An error is one of the
// engine's or the store's that time heals.
func (o *delivery) step(ctx context.Context) (goOn bool, err error) {
	if ours, err := o.hold(ctx); err != nil || !ours {
		return false, err
	}
	if o.untilLook() <= 0 {
		return o.look(ctx)
	}
	o.forgetNudge() // what it told of is read now
	limit := o.cfg.MaxBatch
	if o.rewound {
		limit *= 10
	}
	rows, err := o.store.Waiting(ctx, o.subject, o.sent, limit)
	if err != nil {
		return false, o.troubled(ctx, "read the inbox", err)
	}
	if len(rows) > 0 {
		batch, begins := o.batch(ctx, rows)
		if left := o.company(batch); left > 0 {
			o.nudged(ctx, left)
			return true, nil
		}
		return true, o.deliver(ctx, rows, batch, begins)
	}
	o.strayed = time.Time{}
	o.nudged(ctx, o.untilLook())
	return true, ctx.Err()
}

// company is how much longer events may wait for others to go with them, for what limits the number of calls is the number of signals.
// What somebody waits for does not wait.
func (o *delivery) company(batch workflows.Batch) time.Duration {
	if o.rewound || slices.ContainsFunc(batch.Deliveries, func(d workflows.Delivery) bool { return o.awaited(d.Event.Event) }) {
		return 0
	}
	return batch.Deliveries[0].At.Add(o.cfg.Gather).Sub(o.cfg.Clock())
}

// awaited says whether an event can be what verifies an action. Most calls end without one, and then their last events come in a bunch.
func (o *delivery) awaited(e call.Event) bool {
	switch e.(type) {
	case call.ParticipantHeld, call.ParticipantUnheld, call.ParticipantMuted, call.ParticipantUnmuted, call.TaskCompleted, call.ReadBackDue:
		return true
	case call.ParticipantLeft, call.ConferenceEnded:
		return o.acting.about(o.id)
	default:
		return false
	}
}

func (o *delivery) untilLook() time.Duration {
	return o.watched.Add(o.cfg.ResendAfter).Sub(o.cfg.Clock())
}

// hold makes sure that the lease is ours for a while.
func (o *delivery) hold(ctx context.Context) (ours bool, err error) {
	if o.cfg.Clock().Before(o.leased) {
		return true, nil
	}
	claimed, ours, err := o.store.ClaimOne(ctx, o.owner, o.cfg.Lease, o.subject)
	if err != nil {
		return false, o.troubled(ctx, "take the lease", err)
	}
	if o.leased = (time.Time{}); ours {
		o.take(claimed)
	}
	return ours, nil
}

// look is what happens every few seconds, and after a silence: what was sent that long ago should have been acknowledged by now. If not,
// it goes again; the workflow drops what it has. If nothing is open, this call needs nobody for the moment.
func (o *delivery) look(ctx context.Context) (goOn bool, err error) {
	claimed, ours, err := o.store.ClaimOne(ctx, o.owner, o.cfg.Lease, o.subject)
	if err != nil {
		return false, o.troubled(ctx, "renew the lease", err)
	}
	if !ours {
		o.leased = time.Time{}
		return false, nil
	}
	o.take(claimed)
	o.watched = o.cfg.Clock()
	if claimed.Acked < o.mark {
		o.metrics.resent.Add(ctx, o.sent-claimed.Acked)
		o.log.LogAttrs(ctx, slog.LevelWarn, "events are not acknowledged, and sent again",
			slog.Int64("acknowledged", claimed.Acked), slog.Int64("sent", o.sent))
		o.sent, o.mark = claimed.Acked, claimed.Acked
		return true, nil
	}
	o.mark = o.sent
	return claimed.Last > claimed.Acked, nil
}

// deliver hands events to the workflow, or, where there is none, puts them where they belong.
func (o *delivery) deliver(ctx context.Context, rows []store.Delivery, batch workflows.Batch, begins bool) error {
	if o.ended {
		return o.late(ctx, rows)
	}
	// A call of which something was acknowledged has a workflow, as a rule: that it may begin is tried when it turns out to have none.
	start := o.rewound || begins && !o.began && o.acked == 0
	if o.rewound {
		batch.Entries = o.entries
	}
	err := o.send(ctx, batch, start)
	switch {
	case err == nil:
		o.sentOff(ctx, rows)
		return nil
	case errors.Is(err, workflows.ErrEnded):
		return o.homeless(ctx, rows, start, begins)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if !o.away.Swap(true) {
		o.log.LogAttrs(ctx, slog.LevelError, "the engine does not take events; they are kept, and sent when it does", slog.Any("error", err))
	}
	return err
}

func (o *delivery) send(ctx context.Context, batch workflows.Batch, begin bool) error {
	select {
	case o.sends <- struct{}{}:
		defer func() { <-o.sends }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, o.cfg.SendWithin)
	defer cancel()
	if begin {
		return o.engine.StartOrSignal(ctx, o.id, o.cfg.Settings, batch)
	}
	return o.engine.Signal(ctx, o.id, batch)
}

func (o *delivery) sentOff(ctx context.Context, rows []store.Delivery) {
	if o.away.Swap(false) {
		o.log.LogAttrs(ctx, slog.LevelInfo, "the engine takes events again")
	}
	o.began, o.rewound, o.strayed = true, false, time.Time{}
	o.sent, o.sentAt = rows[len(rows)-1].Position, o.cfg.Clock()
	if o.mark <= o.acked { // nothing was open
		o.mark, o.watched = o.sent, o.sentAt
	}
	for _, row := range rows {
		o.metrics.lag.Record(ctx, max(o.sentAt.Sub(row.At), 0).Seconds())
	}
}

// homeless decides about events that no workflow takes: their call has ended, it is to begin, or it never will.
func (o *delivery) homeless(ctx context.Context, rows []store.Delivery, start, begins bool) error {
	o.away.Store(false)
	row, _, err := o.store.Call(ctx, o.subject.ID)
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return o.troubled(ctx, "read the call", err)
	case known && row.State == string(call.StatusEnded):
		// Asked before anything is started: the engine forgets a closed workflow after its retention, the read model does not.
		return o.late(ctx, rows)
	case start:
		o.log.LogAttrs(ctx, slog.LevelError, "the workflow of a call that has not ended is closed", slog.String("state", row.State))
		return o.late(ctx, rows)
	case begins || known:
		// What was put aside before it began belongs to it, and workflows take events without gaps. So does a call that the engine lost.
		o.log.LogAttrs(ctx, slog.LevelWarn, "the engine has nothing of a call that has not ended; it begins again", slog.String("state", row.State))
		o.rewound, o.sent, o.mark, o.entries = true, 0, 0, row.Entries
		return nil
	}
	now := o.cfg.Clock()
	if o.strayed.IsZero() {
		o.strayed = now
	}
	if left := o.strayed.Add(o.cfg.StrayGrace).Sub(now); left > 0 {
		o.nudged(ctx, left) // perhaps by the event that begins the call
		return nil
	}
	last := rows[len(rows)-1].Position
	if err := o.store.Acknowledge(ctx, o.subject, last); err != nil {
		return o.troubled(ctx, "acknowledge events", err)
	}
	o.metrics.stray.Add(ctx, int64(len(rows)))
	o.log.LogAttrs(ctx, slog.LevelInfo, "events of a call that never began are put aside", slog.Int("events", len(rows)))
	o.acked, o.sent, o.strayed = last, last, time.Time{}
	return nil
}

// late puts events into the timeline of a call that is over. They wake nothing.
func (o *delivery) late(ctx context.Context, rows []store.Delivery) error {
	if err := o.store.Late(ctx, o.subject.ID, rows); err != nil {
		return o.troubled(ctx, "write late events", err)
	}
	o.ended = true
	o.metrics.late.Add(ctx, int64(len(rows)))
	o.log.LogAttrs(ctx, slog.LevelInfo, "events came after their call had ended", slog.Int("events", len(rows)))
	o.acked = rows[len(rows)-1].Position
	o.sent, o.rewound = o.acked, false
	return nil
}

// batch decodes events. One that this build cannot read keeps its place, for the workflow takes them without gaps, and becomes the wish
// to read the call back: something happened that we did not understand.
func (o *delivery) batch(ctx context.Context, rows []store.Delivery) (batch workflows.Batch, begins bool) {
	batch.Deliveries = make([]workflows.Delivery, 0, len(rows))
	for _, row := range rows {
		var e call.Envelope
		if err := json.Unmarshal(row.Event, &e); err != nil {
			o.log.LogAttrs(ctx, slog.LevelError, "an event in the inbox cannot be read", slog.Int64("position", row.Position), slog.Any("error", err))
			e.Event = call.ReadBackDue{}
		}
		begins = begins || beginsCall(e.Event)
		batch.Deliveries = append(batch.Deliveries, workflows.Delivery{Position: row.Position, At: row.At, Event: e})
	}
	return batch, begins
}

// beginsCall says whether an event may be the first of a call: our own voice webhook, the wish to place one, or, for a call that came by Studio or anybody's
// <Enqueue>, whatever is heard first of TaskRouter or of the conference that our instruction made.
func beginsCall(e call.Event) bool {
	switch e.(type) {
	case call.CallReceived, call.BotAnswered, call.CallRequested, call.HandedOff, call.TaskCreated, call.ReservationCreated, call.AssignmentRequested, call.ReservationAccepted,
		call.ConferenceStarted, call.ParticipantJoined:
		return true
	default:
		return false
	}
}

// troubled logs a failure of the store, once for each time that it begins to fail.
func (o *delivery) troubled(ctx context.Context, doing string, err error) error {
	if ctx.Err() == nil && o.backOff == 0 {
		o.log.LogAttrs(ctx, slog.LevelError, "the store fails; events wait", slog.String("doing", doing), slog.Any("error", err))
	}
	return err
}

// pause is how long to wait before the next try.
func (o *delivery) pause() time.Duration {
	o.backOff = min(max(2*o.backOff, shortestBackOff), longestBackOff)
	return o.backOff
}

func (o *delivery) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// nudged waits until something comes in, for so long.
func (o *delivery) nudged(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-o.nudge:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (o *delivery) forgetNudge() {
	select {
	case <-o.nudge:
	default:
	}
}
