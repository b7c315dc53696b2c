package workflows

import (
	"time"

	"holdfast/call"
)

// TaskQueue is the Temporal task queue of calls and of what they do.
const TaskQueue = "holdfast"

// Names that the engine knows calls by.
const (
	SignalEvents   = "events"    // takes a [Batch]
	SignalReadBack = "read-back" // takes nothing: read the call back once
	UpdateRequest  = "request"   // takes an [Ask], returns a [Result]
	QueryState     = "state"     // returns the [call.State]
)

// CallWorkflowID is the ID of a call's workflow.
func CallWorkflowID(id call.ID) string { return "call:" + string(id) }

// Delivery is one webhook from the inbox.
type Delivery struct {
	Position int64         `json:"position"` // the inbox's, from 1, gapless within a call
	At       time.Time     `json:"at"`       // when it was received
	Event    call.Envelope `json:"event"`
}

// Batch is what waited for a call, in the order of its positions.
type Batch struct {
	Deliveries []Delivery `json:"deliveries"`
	// Entries is how many timeline entries the read model has of a call that begins again, for the engine lost it: its new ones count on
	// from there. 0 of every other call.
	Entries int64 `json:"entries,omitempty"`
}

// Ask is what a person asks of a call.
type Ask struct {
	Event call.Envelope `json:"event"` // one of the *Requested events
	// Until is how long whoever asks will wait to be heard. A request that the workflow meets later is refused, so that "nothing
	// happened" stays true after it was said. It is a moment of the engine's clock, see [engineTime]; the zero time means for ever.
	Until time.Time `json:"until,omitzero"`
}

// Result is what became of an action.
type Result struct {
	Action string            `json:"action"`
	Status call.ActionStatus `json:"status"`
	Detail string            `json:"detail,omitempty"` // why it failed
}

// Progress is all that a call's workflow carries from run to run.
type Progress struct {
	Call     call.State `json:"call"`
	Position int64      `json:"position"` // of the last webhook that was applied
	Entries  int64      `json:"entries"`  // how many timeline entries the call has so far
	At       time.Time  `json:"at,omitzero"`
}

// Start is the progress of a call of which nothing is known yet.
func Start(id call.ID, settings call.Settings) Progress {
	return Progress{Call: call.New(id, settings)}
}
