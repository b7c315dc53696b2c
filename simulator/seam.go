package simulator

// This file is where TaskRouter and Voice meet; each function is implemented by the half named in its comment. All of
// them expect the world's lock, and none of them waits.

// enqueueLocked (TaskRouter) makes a task of channel "voice" for a call that ran <Enqueue workflowSid>: the call's own parameters
// in snake_case merged with the <Task>'s JSON. priority and timeout are the <Task>'s attributes, "" for none.
// It answers an error with Twilio's code when the routing workflow does not exist or the JSON is not an object.
//
//	func (s *Simulator) enqueueLocked(c *voiceCall, workflowSID, taskJSON, priority, timeout string) (*task, error)

// callerLeftLocked (TaskRouter) is told that a call whose task waits or rings is gone (the caller hung up, left the queue or was
// redirected): task and pending reservations are canceled, reason as given ("hangup", "redirected", …).
//
//	func (s *Simulator) callerLeftLocked(taskSID, reason string)

// conferenceFailedLocked (TaskRouter) is told that a conference instruction came to nothing: the agent's leg ended with
// status busy, no-answer, failed or canceled before it joined, or the caller was gone.
//
//	func (s *Simulator) conferenceFailedLocked(reservationSID, legStatus string)

// conferenceMadeLocked (TaskRouter) is told that both legs of a conference instruction are in: the reservation is accepted, the
// task assigned, its attributes gain the conference object.
//
//	func (s *Simulator) conferenceMadeLocked(reservationSID, conferenceSID, agentCallSID, customerCallSID string)

// conversationOverLocked (TaskRouter) is told that the agent's part in the conversation is over (his leg or the conference ended):
// reservation and task go to wrapping.
//
//	func (s *Simulator) conversationOverLocked(reservationSID string)

// conferenceInstruction is what TaskRouter asks of Voice when a reservation is accepted by a conference instruction. The room's name
// is the task's SID. Zero values are Twilio's defaults (https://www.twilio.com/docs/taskrouter/api/reservations).
type conferenceInstruction struct {
	TaskSID         string
	ReservationSID  string
	CustomerCallSID string // the task's call_sid attribute: the leg that waits; empty for outbound tasks
	To, From        string // the agent's leg
	Timeout         int    // ring time, seconds

	EndConferenceOnExit         bool
	EndConferenceOnCustomerExit bool
	StartConferenceOnEnter      bool
	Muted                       bool
	Beep                        string
	WaitURL, WaitMethod         string
	Record                      bool
	ConferenceRecord            string

	ConferenceStatusCallback       string
	ConferenceStatusCallbackMethod string
	ConferenceStatusCallbackEvents []string
	StatusCallback                 string // the agent leg's own
	StatusCallbackMethod           string
	StatusCallbackEvents           []string
}

// startConferenceLocked (Voice) dials the agent, lets him join the room on answer, then moves the waiting customer out of the queue
// into it, and reports by conferenceMadeLocked or conferenceFailedLocked, later by conversationOverLocked.
//
//	func (s *Simulator) startConferenceLocked(in conferenceInstruction)

// startCallLocked (Voice) dials the agent for an instruction "call", and runs its TwiML on his leg. With Accept it reports by
// agentAnsweredLocked or conferenceFailedLocked.
//
//	func (s *Simulator) startCallLocked(in callInstruction) (callSID string)

// agentAnsweredLocked (TaskRouter) is told that the leg of an instruction "call" with Accept, or of "dequeue", was answered: the
// reservation is accepted.
//
//	func (s *Simulator) agentAnsweredLocked(reservationSID string)

// startDequeueLocked (Voice) dials the agent for an instruction "dequeue", and bridges him on answer with the call that waits. It reports
// by agentAnsweredLocked or conferenceFailedLocked, later by conversationOverLocked.
//
//	func (s *Simulator) startDequeueLocked(in callInstruction) (callSID string)

// redirectLegLocked (Voice) lets a leg in progress run other TwiML, for the instruction "redirect".
//
//	func (s *Simulator) redirectLegLocked(callSID, address string) *apiError

// dropReservationLegLocked (Voice) hangs up an agent's leg that still rings or has not met the customer, because its reservation ended.
//
//	func (s *Simulator) dropReservationLegLocked(reservationSID string)

// releaseCallerLocked (Voice) is told that the task of a waiting caller was canceled (TTL, no filter left, by REST) while the caller
// still waits: the <Enqueue> ends, its action is requested or the next verb runs.
//
//	func (s *Simulator) releaseCallerLocked(callSID, taskSID, queueResult string)
