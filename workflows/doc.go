// Package workflows is the durable shell around a call: one Temporal workflow for each, called "call:<ID>".
//
// The workflow decides nothing by itself. It gives what happens to package call, starts the commands that this plans as activities, and
// writes down what it did. One step takes in all that waits:
//
//	webhooks (a signal), requests (an update), results of commands, the clock
//	   → call.State.Apply, Plan, Begin → activities start → one local activity writes the step into the read model
//
// Webhooks carry the position that the inbox gave them. The workflow takes the position after its last and no other: what is repeated
// or out of turn is dropped, and delivered again by whoever delivers. The last position travels with the step, and is the cursor.
//
// A request is answered when its action is decided, and with its true outcome. An Update's ID is remembered by the engine for one run
// only; so the outcomes of the last actions travel in the call's state, and asking again finds them.
//
// A step that cannot be written is kept and written later, with back-off. It never fails a call.
package workflows
