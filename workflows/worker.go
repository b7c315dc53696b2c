package workflows

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"holdfast/activities"
)

// WorkerOptions size a worker. The defaults suit two cores.
type WorkerOptions struct {
	// Requests is how many requests to Twilio may be under way at once. Default 128: they wait for the network, not for the processor.
	Requests int
	// Writes is how many writes to the read model may be under way at once. Default 16.
	Writes int
	// Steps is how many steps of calls may be computed at once. Default 64: while a step is written, it keeps its place.
	Steps int
	// Pollers is how many polls for steps, and as many for activities, are open at the engine. Default 8.
	Pollers int
	// CachedCalls is how many calls stay in memory between their steps, in all workers of this process. A call that is not is replayed
	// from its history, which is correct and slow. Default 5000; a call takes some 100 kB.
	CachedCalls int
	// StopWithin is how long Stop waits for what is under way. Default 15 seconds.
	StopWithin time.Duration
}

func (o *WorkerOptions) setDefaults() {
	set := func(value *int, standard int) {
		if *value <= 0 {
			*value = standard
		}
	}
	set(&o.Requests, 128)
	set(&o.Writes, 16)
	set(&o.Steps, 64)
	set(&o.Pollers, 8)
	set(&o.CachedCalls, 5000)
	if o.StopWithin <= 0 {
		o.StopWithin = 15 * time.Second
	}
}

// stuckAfter is how long a step may compute before it counts as stuck. The SDK's own second is short for a machine that is busy.
const stuckAfter = 5 * time.Second

// NewWorker makes a worker of [TaskQueue] with everything registered; start it with Start, and stop it with Stop. Eager starts are left
// on: an activity whose workflow task ran here begins without another trip through the engine's queues.
func NewWorker(engine client.Client, a *activities.Activities, options WorkerOptions) worker.Worker {
	options.setDefaults()
	worker.SetStickyWorkflowCacheSize(options.CachedCalls)
	pollers := worker.NewPollerBehaviorSimpleMaximum(worker.PollerBehaviorSimpleMaximumOptions{MaximumNumberOfPollers: options.Pollers})
	w := worker.New(engine, TaskQueue, worker.Options{
		MaxConcurrentActivityExecutionSize:      options.Requests,
		MaxConcurrentLocalActivityExecutionSize: options.Writes,
		MaxConcurrentWorkflowTaskExecutionSize:  options.Steps,
		WorkflowTaskPollerBehavior:              pollers,
		ActivityTaskPollerBehavior:              pollers,
		MaxConcurrentEagerActivityExecutionSize: options.Requests,
		WorkerStopTimeout:                       options.StopWithin,
		DeadlockDetectionTimeout:                stuckAfter,
		Interceptors:                            []interceptor.WorkerInterceptor{&activities.Heartbeats{}},
		WorkflowPanicPolicy:                     worker.BlockWorkflow, // a call that cannot be decided here waits for a worker that can
	})
	Register(w, a)
	return w
}

// Register registers the workflows and the activities, under their functions' names.
func Register(r worker.Registry, a *activities.Activities) {
	r.RegisterWorkflow(Call)
	r.RegisterWorkflow(Workspace)
	r.RegisterWorkflow(Bot)
	r.RegisterActivity(a)
}
