package call

import "time"

// Label names a person who is brought into a call: "agent-1", "external-2". It is given by the call, in order, and never again. It is the label of his
// leg in the conference, and the attribute "holdfast_invitation" of the task that was made to find him: a creation that nobody knows the outcome
// of is looked up by it before it is tried again.
type Label string

// InvitationStatus is where an invitation is.
type InvitationStatus string

// Invitation statuses.
const (
	InvitationUnknown InvitationStatus = ""
	InvitationWanted  InvitationStatus = "wanted"  // the task, or the leg, is to be made
	InvitationOffered InvitationStatus = "offered" // the task is made: TaskRouter looks for an agent
	InvitationRinging InvitationStatus = "ringing" // somebody's phone rings, or he hears the announcement
	InvitationJoined  InvitationStatus = "joined"  // he is in the conference
	InvitationOver    InvitationStatus = "over"    // he was in it, and left
	InvitationFailed  InvitationStatus = "failed"  // he never came: see Failure
)

// FailureReason says why somebody who was asked for never came, or why a transfer came to nothing.
type FailureReason string

// Failure reasons.
const (
	FailedUnknown      FailureReason = ""
	FailedBusy         FailureReason = "busy"
	FailedNoAnswer     FailureReason = "no_answer"
	FailedRejected     FailureReason = "rejected"
	FailedTimedOut     FailureReason = "timed_out"   // nobody was found in time
	FailedUnavailable  FailureReason = "unavailable" // the agent is not available, or the number cannot be reached
	FailedCustomerLeft FailureReason = "customer_left"
	FailedAgentLeft    FailureReason = "agent_left" // the agent who transfers left before anybody came
	FailedCanceled     FailureReason = "canceled"   // somebody canceled it
	FailedByTwilio     FailureReason = "failed"     // Twilio would not; the detail says why
)

// Purpose says what somebody is brought in for.
type Purpose string

// Purposes.
const (
	PurposeUnknown  Purpose = ""
	PurposeJoin     Purpose = "join"     // to take part besides those who are there
	PurposeTransfer Purpose = "transfer" // to take the call over from an agent
	PurposeRescue   Purpose = "rescue"   // to come to a customer whom everybody left: the agent himself again, or the queue
	PurposeListen   Purpose = "listen"   // a supervisor
)

// Invitation is the bringing in of one more person: by a task of TaskRouter, or by dialling him into the conference.
type Invitation struct {
	Label   Label            `json:"label"`
	Purpose Purpose          `json:"purpose"`
	Role    Role             `json:"role"` // of the leg that comes
	Target  Target           `json:"target"`
	By      Actor            `json:"by"` // name "holdfast" and role "system" for what nobody asked for
	Status  InvitationStatus `json:"status"`
	Failure FailureReason    `json:"failure,omitempty"`
	Detail  string           `json:"detail,omitempty"`
	At      time.Time        `json:"at"` // asked for
	Until   time.Time        `json:"until"`

	Task Task `json:"task,omitzero"` // of those that are found by one
	Leg  SID  `json:"leg,omitempty"` // his, once it is known

	// DialsIn says that nobody dials him: he was given a code, and comes by a telephone of his own.
	DialsIn bool `json:"dials_in,omitempty"`

	WantGone bool `json:"want_gone,omitempty"` // withdrawn: whatever was made for it is to go
	// Doubt says that a leg or a task may have been made for it of which nobody knows: the answer to the request never came.
	Doubt bool `json:"doubt,omitempty"`
	// Looked says that Twilio ended the ringing of a leg that nobody called off, and the call was read back for the reason.
	Looked bool `json:"looked,omitempty"`
	// Reservation is whose part goes on with him: of an agent who comes back.
	Reservation ReservationSID `json:"reservation_sid,omitempty"`
	// Supervision is what his leg is for, of a supervisor.
	Supervision Supervision `json:"supervision,omitzero"`
}
