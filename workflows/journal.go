package workflows

import (
	"encoding/json"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
)

// journal is what a call did and has not yet written into the read model.
type journal struct {
	entries  []activities.Entry
	repeat   bool      // write the position again, though nothing was applied
	failures int       // in a row
	retryAt  time.Time // zero unless the last write failed
}

func (j *journal) written() bool { return len(j.entries) == 0 && !j.repeat }

// A write goes by a local activity, which holds up the workflow task that it is in: so it gets one short try there. Tries after that are
// the loop's own.
const (
	writeTimeout   = time.Second
	writeRetry     = 200 * time.Millisecond
	writeRetryMost = 30 * time.Second
)

// note adds an entry to the timeline. command is the number of a command, 0 for events, which carry it themselves where they have one.
func (w *callWorkflow) note(at time.Time, kind string, source activities.Source, what any, command int, concerned []string) {
	w.Entries++
	w.journal.entries = append(w.journal.entries, activities.Entry{
		Number:  w.Entries,
		At:      at,
		Kind:    kind,
		Source:  source,
		State:   w.Call.Status(),
		Outcome: w.Call.Outcome,
		Agents:  activities.Merge(concerned, activities.Agents(&w.Call)),
		Private: activities.IsPrivate(what),
		Data:    data(what, command),
	})
}

// data is what an entry tells of an event or a command, which gets its number as a field.
func data(what any, command int) json.RawMessage {
	b, err := json.Marshal(what) //workflowcheck:ignore no maps, no clock: the same value makes the same JSON
	if err != nil {
		// Events and commands are plain values, which came as JSON or go as JSON: this would be a defect of package call.
		return json.RawMessage(`{}`)
	}
	if command == 0 {
		return b
	}
	number := `{"command":` + strconv.Itoa(command)
	if len(b) > len("{}") {
		number += ","
	}
	return append([]byte(number), b[1:]...)
}

// write writes down what the call did. If that fails it is kept, and tried again later: a read model that cannot be written fails no call.
func (w *callWorkflow) write(ctx workflow.Context) {
	j := &w.journal
	if j.written() || workflow.Now(ctx).Before(j.retryAt) {
		return
	}
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: writeTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	var a *activities.Activities
	step := activities.NewStep(&w.Call, j.entries, w.Position, w.At)
	if err := workflow.ExecuteLocalActivity(ctx, a.Project, step).Get(ctx, nil); err != nil {
		pause := min(writeRetry<<min(j.failures, 10), writeRetryMost)
		j.failures++
		j.retryAt = workflow.Now(ctx).Add(pause)
		w.log.Error("a step could not be written and is kept", "entries", len(j.entries), "again_in", pause, "error", err)
		return
	}
	*j = journal{}
}
