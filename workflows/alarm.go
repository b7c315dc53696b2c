package workflows

import "go.temporal.io/sdk/client"

// taskFailed is what the SDK counts when a worker could not finish a workflow task: a panic, a replay that came out otherwise, a step that computes
// without end. https://docs.temporal.io/references/sdk-metrics#workflow_task_execution_failed
const taskFailed = "temporal_workflow_task_execution_failed"

// TaskFailures makes a metrics handler for the engine's client that tells of workflow tasks that failed, and of nothing else. Each such call stands
// still until a worker comes that can decide it: somebody must be told. reason is the SDK's, such as "NonDeterminismError"; failed may be called
// from many goroutines at once.
func TaskFailures(failed func(reason string)) client.MetricsHandler {
	return taskFailures{MetricsHandler: client.MetricsNopHandler, failed: failed}
}

type taskFailures struct {
	client.MetricsHandler
	reason string
	failed func(reason string)
}

// WithTags implements [client.MetricsHandler]. Of the tags only the reason is of use.
func (h taskFailures) WithTags(tags map[string]string) client.MetricsHandler {
	if reason, ok := tags["failure_reason"]; ok {
		h.reason = reason
	}
	return h
}

// Counter implements [client.MetricsHandler].
func (h taskFailures) Counter(name string) client.MetricsCounter {
	if name != taskFailed {
		return h.MetricsHandler.Counter(name)
	}
	return taskFailureCounter(h)
}

type taskFailureCounter taskFailures

// Inc implements [client.MetricsCounter].
func (c taskFailureCounter) Inc(n int64) {
	for range n {
		c.failed(c.reason)
	}
}
