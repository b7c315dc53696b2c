package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/call"
)

// Call is the workflow of one call. It ends when the call is over, everything is written down and everybody is answered.
//
// It takes no notice of being canceled: whoever wants a call to end asks the call.
//
// A call of a revision that this build does not know is not touched: the workflow task fails, which raises an alarm ([TaskFailures]), and the engine
// offers it again until a worker takes it that knows.
func Call(ctx workflow.Context, progress Progress) error {
	if !progress.Call.Decidable() {
		panic(fmt.Sprintf("the call is of revision %d, and this build decides by %d to %d", progress.Call.Revision, call.OldestRevision, call.Revision))
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	w := &callWorkflow{
		Progress: progress,
		log:      workflow.GetLogger(ctx),
		batches:  workflow.GetSignalChannel(ctx, SignalEvents),
		looks:    workflow.GetSignalChannel(ctx, SignalReadBack),
		wake:     workflow.NewNamedBufferedChannel(ctx, "wake", 1),
	}
	if err := w.register(ctx); err != nil {
		return err
	}
	return w.run(ctx)
}

// callWorkflow is a call's shell. What must outlive a run is in Progress; the rest is what waits, and what is on its way.
type callWorkflow struct {
	Progress
	log log.Logger

	batches, looks workflow.ReceiveChannel
	wake           workflow.Channel // a request came

	deliveries []Delivery
	results    []call.Event
	requests   []*request
	lookDue    bool

	flights []flight
	timer   timer
	journal journal
}

// run takes step after step.
func (w *callWorkflow) run(ctx workflow.Context) error {
	for {
		w.setTimer(ctx)
		w.wait(ctx)
		w.apply(ctx)
		w.begin(ctx)
		w.write(ctx)

		if w.Call.Over() && w.journal.written() {
			// Whoever still waits for an outcome has one by now, and only needs the turn to say so; whoever came while the end was written
			// needs another step.
			if err := workflow.Await(ctx, func() bool { return len(w.requests) > 0 || workflow.AllHandlersFinished(ctx) }); err != nil {
				return err
			}
			if !w.waiting(ctx) {
				return nil
			}
		}
		if w.mayContinueAsNew(ctx) {
			return workflow.NewContinueAsNewError(ctx, Call, w.Progress)
		}
	}
}

// wait is the one place where a call waits: until something happens. It takes in all that has happened.
func (w *callWorkflow) wait(ctx workflow.Context) {
	selector := w.selector(ctx)
	selector.Select(ctx)
	for selector.HasPending() {
		selector.Select(ctx)
	}
}

// waiting says whether something happened that was not taken in yet.
func (w *callWorkflow) waiting(ctx workflow.Context) bool {
	return len(w.requests) > 0 || w.selector(ctx).HasPending()
}

// selector holds every branch that can wake a call.
func (w *callWorkflow) selector(ctx workflow.Context) workflow.Selector {
	s := workflow.NewNamedSelector(ctx, "call")
	s.AddReceive(w.batches, func(c workflow.ReceiveChannel, _ bool) {
		var batch Batch
		c.Receive(ctx, &batch)
		w.deliveries = append(w.deliveries, batch.Deliveries...)
		w.Entries = max(w.Entries, batch.Entries)
	})
	s.AddReceive(w.looks, func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		w.lookDue = true
	})
	s.AddReceive(w.wake, func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
	})
	for _, f := range w.flights {
		s.AddFuture(f.future, func(workflow.Future) { w.land(ctx, f) })
	}
	if w.timer.future != nil {
		s.AddFuture(w.timer.future, func(workflow.Future) { w.timer = timer{} })
	}
	return s
}

// apply lets all that waits take effect: what Twilio said first, so that people's requests meet the call as it is; the clock last, so
// that what came in time counts before the deadline that waited for it.
func (w *callWorkflow) apply(ctx workflow.Context) {
	now := workflow.Now(ctx)
	for _, d := range w.deliveries {
		w.deliver(now, d)
	}
	for _, e := range w.results {
		w.event(now, e, activities.SourceResult)
	}
	for _, r := range w.requests {
		w.ask(now, r)
	}
	if w.lookDue {
		w.event(now, call.ReadBackDue{}, activities.SourceClock)
	}
	w.deliveries, w.results, w.requests, w.lookDue = nil, nil, nil, false
	if at, ok := w.Call.NextDeadline(); ok && !at.After(now) {
		w.event(now, call.ClockTicked{}, activities.SourceClock)
	}
}

// deliver applies a webhook if it is the next one.
func (w *callWorkflow) deliver(now time.Time, d Delivery) {
	switch {
	case d.Position <= w.Position:
		// Whoever delivers did not hear that it counted: say it again.
		w.journal.repeat = true
	case d.Position > w.Position+1:
		w.log.Warn("a webhook came out of turn; it will be delivered again", "position", d.Position, "last", w.Position)
	default:
		w.Position = d.Position
		// It happened when it was received. The engine may have been away since then.
		at := d.At
		if at.After(now) {
			at = now
		}
		w.event(at, d.Event.Event, activities.SourceTwilio)
	}
}

// event applies one event. A call's time never goes back, whatever the clocks of several machines say.
func (w *callWorkflow) event(at time.Time, e call.Event, source activities.Source) {
	if at.Before(w.At) {
		at = w.At
	}
	w.At = at
	concerned, alerted := activities.Agents(&w.Call), w.Call.Alerted
	w.Call.Apply(at, e)
	w.note(at, call.Kind(e), source, e, 0, concerned)
	for _, alert := range w.Call.Alerts {
		if alert.Number > alerted {
			w.log.Error("an alert", "code", alert.Code, "subject", alert.Subject, "message", alert.Message)
			w.note(at, activities.KindAlert, activities.SourceAlert, alert, 0, nil)
		}
	}
}

// begin starts what the call wants done now.
func (w *callWorkflow) begin(ctx workflow.Context) {
	now := workflow.Now(ctx)
	for _, c := range w.Call.Plan() {
		order := w.Call.Begin(now, c)
		w.note(now, call.Kind(c), activities.SourceCommand, c, order.Number, nil)
		w.flights = append(w.flights, flight{order: order, future: w.start(ctx, c)})
	}
}

// timer is the one timer that a call has; zero if none runs.
type timer struct {
	at     time.Time
	future workflow.Future
	cancel workflow.CancelFunc
}

// setTimer has the call woken at its next deadline, or when what is unwritten is to be tried again. A timer that is right is left alone.
func (w *callWorkflow) setTimer(ctx workflow.Context) {
	at, ok := w.Call.NextDeadline()
	if retry := w.journal.retryAt; !retry.IsZero() && (!ok || retry.Before(at)) {
		at, ok = retry, true
	}
	if w.timer.future != nil {
		if ok && at.Equal(w.timer.at) {
			return
		}
		w.timer.cancel()
		w.timer = timer{}
	}
	if ok {
		timerCtx, cancel := workflow.WithCancel(ctx)
		future := workflow.NewTimer(timerCtx, max(at.Sub(workflow.Now(ctx)), time.Millisecond))
		w.timer = timer{at: at, future: future, cancel: cancel}
	}
}

// mayContinueAsNew says whether this run's history is long enough and nothing but the progress would have to be carried over. A signal
// that was received and not taken in would be lost.
func (w *callWorkflow) mayContinueAsNew(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && !w.Call.Over() &&
		len(w.flights) == 0 && w.journal.written() && workflow.AllHandlersFinished(ctx) && !w.waiting(ctx)
}
