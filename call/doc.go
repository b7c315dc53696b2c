// Package call is the heart: one call, as a pure state machine. It knows no clock, no I/O and no engine.
//
// Events change what is WANTED (a person asked) or what is OBSERVED (Twilio said so). The difference between the two is the work, and
// [State.Plan] gives it as commands. A command that failed, a callback that never came, a state that drifted: each leaves a difference,
// and is repaired by the same means as everything else is done. Whoever drives a call writes this loop:
//
//	for event := range events {
//		state.Apply(now, event)
//		for _, command := range state.Plan() {
//			order := state.Begin(now, command)
//			go func() { events <- run(order) }() // CommandSucceeded, CommandFailed or CallReadBack
//		}
//		if at, ok := state.NextDeadline(); ok {
//			wake(at) // events <- ClockTicked{}
//		}
//		if state.Over() {
//			return
//		}
//	}
//
// Twilio taking a command is not success. An action is verified when Twilio's own event, or a read-back, says that the thing is so; an
// order that was taken and not confirmed in time has the call read back, and what still differs is ordered again, three times.
//
// Events may come late, twice, in any order or not at all. So what is observed only ever grows in rank: a conference event counts if its
// sequence number is above the leg's last, a reservation never goes back, a task that is closed stays closed. What is not told is asked
// for when a deadline passes.
//
// Each small machine has a file: leg, conference, reservation, task; and so have actions, flights and deadlines.
package call
