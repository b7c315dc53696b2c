package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/floor"
)

// Names that the engine knows the workspace by.
const (
	SignalFloor = "floor" // takes a [FloorBatch]
	QueryFloor  = "floor" // returns the [floor.State]
)

// WorkspaceWorkflowID is the ID of a workspace's workflow.
func WorkspaceWorkflowID(workspace string) string { return "workspace:" + workspace }

// FloorDelivery is one event from the inbox.
type FloorDelivery struct {
	Position int64          `json:"position"` // the inbox's, from 1, gapless within the workspace
	Event    floor.Envelope `json:"event"`
}

// FloorBatch is what waited for the workspace, in the order of its positions.
type FloorBatch struct {
	// After is the position before the first: a workflow that knows nothing begins there, for the engine lost the one before it.
	After      int64           `json:"after"`
	Deliveries []FloorDelivery `json:"deliveries"`
	Settings   floor.Settings  `json:"settings"` // those of whoever delivers
}

// WorkspaceProgress is all that a workspace's workflow carries from run to run.
type WorkspaceProgress struct {
	Workspace string      `json:"workspace"`
	Floor     floor.State `json:"floor"`
	Position  int64       `json:"position"` // of the last event that was applied
	Entry     int64       `json:"entry"`    // the number of the last entry
}

// Workspace is the workflow of a workspace: it sees to the agents who do not answer. It never ends.
//
// Of a revision that this build does not know it does as [Call] does: a worker that knows must take it.
func Workspace(ctx workflow.Context, progress WorkspaceProgress) error {
	if !progress.Floor.Decidable() {
		panic(fmt.Sprintf("the floor is of revision %d, and this build decides by %d to %d", progress.Floor.Revision, floor.OldestRevision, floor.Revision))
	}
	w := &workspaceWorkflow{
		WorkspaceProgress: progress,
		log:               workflow.GetLogger(ctx),
		batches:           workflow.GetSignalChannel(ctx, SignalFloor),
		acked:             progress.Position,
	}
	if err := workflow.SetQueryHandler(ctx, QueryFloor, func() (floor.State, error) { return w.Floor, nil }); err != nil {
		return err
	}
	return w.run(ctx)
}

// workspaceWorkflow is the floor's shell, as callWorkflow is a call's.
type workspaceWorkflow struct {
	WorkspaceProgress
	log     log.Logger
	batches workflow.ReceiveChannel

	received []FloorBatch
	results  []floor.Event
	flights  []floorFlight
	timer    timer

	changed  []floor.AgentSID        // of whom the read model does not know all yet
	entries  []activities.FloorEntry // likewise
	acked    int64                   // the position that was written
	repeat   bool                    // write the position again, though nothing was applied
	failures int
	retryAt  time.Time // zero unless the last write failed
}

type floorFlight struct {
	order  floor.Order
	future workflow.Future
}

func (w *workspaceWorkflow) run(ctx workflow.Context) error {
	for {
		w.setTimer(ctx)
		w.wait(ctx)
		w.apply(ctx)
		w.begin(ctx)
		w.write(ctx)
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && len(w.flights) == 0 && w.written() && !w.selector(ctx).HasPending() {
			return workflow.NewContinueAsNewError(ctx, Workspace, w.WorkspaceProgress)
		}
	}
}

// wait is the one place where the workspace waits. It takes in all that has happened.
func (w *workspaceWorkflow) wait(ctx workflow.Context) {
	selector := w.selector(ctx)
	selector.Select(ctx)
	for selector.HasPending() {
		selector.Select(ctx)
	}
}

func (w *workspaceWorkflow) selector(ctx workflow.Context) workflow.Selector {
	s := workflow.NewNamedSelector(ctx, "workspace")
	s.AddReceive(w.batches, func(c workflow.ReceiveChannel, _ bool) {
		var batch FloorBatch
		c.Receive(ctx, &batch)
		w.received = append(w.received, batch)
	})
	for _, f := range w.flights {
		s.AddFuture(f.future, func(workflow.Future) { w.land(ctx, f) })
	}
	if w.timer.future != nil {
		s.AddFuture(w.timer.future, func(workflow.Future) { w.timer = timer{} })
	}
	return s
}

// apply lets all that waits take effect, the clock last.
func (w *workspaceWorkflow) apply(ctx workflow.Context) {
	now := workflow.Now(ctx)
	for _, batch := range w.received {
		if w.Position == 0 {
			w.Position = batch.After
		}
		w.settings(now, batch.Settings)
		for _, d := range batch.Deliveries {
			w.deliver(now, d)
		}
	}
	for _, e := range w.results {
		w.event(now, e)
	}
	w.received, w.results = nil, nil
	if at, ok := w.Floor.NextDeadline(); ok && !at.After(now) {
		w.event(now, floor.ClockTicked{})
	}
}

// settings takes over those of the newest word. They are compared as JSON, for they hold a list.
func (w *workspaceWorkflow) settings(now time.Time, s floor.Settings) {
	if before, after := encoded(w.Floor.Settings), encoded(s); string(before) != string(after) {
		w.event(now, floor.SettingsChanged{Settings: s})
	}
}

// deliver applies an event if it is the next one.
func (w *workspaceWorkflow) deliver(now time.Time, d FloorDelivery) {
	switch {
	case d.Position <= w.Position:
		w.repeat = true // whoever delivers did not hear that it counted
	case d.Position > w.Position+1:
		w.log.Warn("an event came out of turn; it will be delivered again", "position", d.Position, "last", w.Position)
	default:
		w.Position = d.Position
		w.event(now, d.Event.Event)
	}
}

func (w *workspaceWorkflow) event(now time.Time, e floor.Event) {
	alerted := w.Floor.Alerted
	w.Floor.Apply(now, e)
	for _, c := range w.Floor.Changes() {
		w.noteChange(now, c)
	}
	w.touched(e)
	for _, alert := range w.Floor.Alerts {
		if alert.Number <= alerted {
			continue
		}
		w.log.Error("an alert", "code", alert.Code, "queue", alert.Name, "message", alert.Message)
		w.note(now, activities.KindAlert, activities.SourceAlert, nil, alert)
	}
}

// touched has the read model learn of agents who are to be brought back at another time than before, or of whom it is known now that they answered.
func (w *workspaceWorkflow) touched(e floor.Event) {
	_, looked := e.(floor.QueueLookedAt)
	for i := range w.Floor.Agents {
		if a := &w.Floor.Agents[i]; a.Off != nil || looked {
			w.touch(a.SID)
		}
	}
	if chosen, ok := e.(floor.AvailabilityChosen); ok {
		w.touch(chosen.Agent)
	}
}

func (w *workspaceWorkflow) touch(agent floor.AgentSID) {
	if !slices.Contains(w.changed, agent) {
		w.changed = append(w.changed, agent)
	}
}

func (w *workspaceWorkflow) noteChange(now time.Time, c floor.Change) {
	w.touch(c.Agent)
	a := w.Floor.Agent(c.Agent)
	if a == nil {
		return
	}
	source := activities.SourceCommand
	if c.Kind == floor.ChangeMissed || c.Kind == floor.ChangeLeftAlone {
		source = activities.SourceTwilio
	}
	w.note(now, c.Kind, source, []string{string(c.Agent)}, map[string]any{
		"agent_sid": a.SID, "agent_name": a.Name, "call_id": a.Call, "queue_sid": a.Queue, "queue_name": a.QueueName, "why": a.Why, "misses": a.Misses, "backs": a.Backs,
	})
}

// note adds an entry to the live stream. Its number is of the time, so that a workflow that begins anew repeats none.
func (w *workspaceWorkflow) note(now time.Time, kind string, source activities.Source, agents []string, what any) {
	w.Entry = max(w.Entry+1, now.UnixMicro())
	w.entries = append(w.entries, activities.FloorEntry{Number: w.Entry, At: now, Kind: kind, Source: source, Agents: agents, Data: encoded(what)})
}

// encoded is a plain value as JSON.
func encoded(v any) json.RawMessage {
	b, err := json.Marshal(v) //workflowcheck:ignore maps are sorted by their keys: the same value makes the same JSON
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return b
}

// begin starts what is wanted now.
func (w *workspaceWorkflow) begin(ctx workflow.Context) {
	now := workflow.Now(ctx)
	for _, c := range w.Floor.Plan() {
		order := w.Floor.Begin(now, c)
		w.flights = append(w.flights, floorFlight{order: order, future: w.start(ctx, c)})
	}
}

// start starts the activity of a command. Each command has a case here; a test sees to it.
func (w *workspaceWorkflow) start(ctx workflow.Context, command floor.Command) workflow.Future {
	var a *activities.Activities
	switch c := command.(type) {
	case floor.MoveOff:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.MoveOff, c)
	case floor.BringBack:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.BringBack, c)
	case floor.LookAt:
		return workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.LookAt, c)
	default:
		future, settable := workflow.NewFuture(ctx)
		settable.SetError(fmt.Errorf("no activity does %T", c))
		return future
	}
}

// land takes in a command's result.
func (w *workspaceWorkflow) land(ctx workflow.Context, landed floorFlight) {
	for i, f := range w.flights {
		if f.order.Number == landed.order.Number {
			w.flights = append(w.flights[:i:i], w.flights[i+1:]...)
			break
		}
	}
	number := landed.order.Number
	var (
		err    error
		result floor.Event
	)
	switch landed.order.Command.(type) {
	case floor.LookAt:
		var agents []floor.OnQueue
		err = landed.future.Get(ctx, &agents)
		result = floor.QueueLookedAt{Command: number, Agents: agents}
	default:
		var moved activities.MovedAgent
		err = landed.future.Get(ctx, &moved)
		result = floor.AgentMoved{Command: number, Was: moved.Was, Moved: moved.Moved}
	}
	if err != nil {
		failure := activities.FailureOf(err)
		w.log.Warn("a command failed", "command", floor.Kind(landed.order.Command), "kind", failure.Kind, "status", failure.Status, "code", failure.Code)
		result = floor.CommandFailed{Command: number, Message: failure.Message}
	}
	w.results = append(w.results, result)
}

// setTimer has the workspace woken at its next deadline, or when what is unwritten is to be tried again.
func (w *workspaceWorkflow) setTimer(ctx workflow.Context) {
	at, ok := w.Floor.NextDeadline()
	if !w.retryAt.IsZero() && (!ok || w.retryAt.Before(at)) {
		at, ok = w.retryAt, true
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

func (w *workspaceWorkflow) written() bool {
	return len(w.changed) == 0 && len(w.entries) == 0 && w.acked == w.Position && !w.repeat
}

// write writes down what became of agents, and how far the inbox was applied. If that fails it is kept, and tried again later.
func (w *workspaceWorkflow) write(ctx workflow.Context) {
	if w.written() || workflow.Now(ctx).Before(w.retryAt) {
		return
	}
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: writeTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	var a *activities.Activities
	step := activities.NewFloorStep(w.Workspace, &w.Floor, w.changed, w.entries, w.Position)
	if err := workflow.ExecuteLocalActivity(ctx, a.ProjectFloor, step).Get(ctx, nil); err != nil {
		pause := min(writeRetry<<min(w.failures, 10), writeRetryMost)
		w.failures++
		w.retryAt = workflow.Now(ctx).Add(pause)
		w.log.Error("a step of the floor could not be written and is kept", "entries", len(w.entries), "again_in", pause, "error", err)
		return
	}
	w.changed, w.entries, w.acked, w.repeat, w.failures, w.retryAt = nil, nil, w.Position, false, 0, time.Time{}
}
