package call

import "time"

// An Event is something that happened to a call: Twilio said so, a person asked, a command came back, time passed. The set is
// sealed; [State.Apply] knows each member. Events are values, encode as JSON by [Envelope], and are named in the past tense.
type Event interface{ event() }

// What Twilio's Voice says.
type (
	// CallReceived is the number's voice webhook: a customer calls.
	CallReceived struct {
		Call      SID    `json:"call_sid"`
		From      string `json:"from"`
		To        string `json:"to"`
		Direction string `json:"direction"`
		Account   string `json:"account,omitempty"` // of another account than Holdfast's own
	}
	// CallStatusChanged is a call status callback for a leg. Status is Twilio's CallStatus, letter for letter.
	CallStatusChanged struct {
		Call     SID    `json:"call_sid"`
		Status   string `json:"status"`
		Sequence int    `json:"sequence"`
		// Invitation is whose leg it is, where the callback's URL tells it, and Reservation by which offer, of one whom TaskRouter found.
		Invitation  Label          `json:"invitation,omitempty"`
		Reservation ReservationSID `json:"reservation_sid,omitempty"`
	}
	// AnnouncementConfirmed says that an agent heard whom he gets, pressed the key where one is asked for, and goes into the conference now.
	AnnouncementConfirmed struct {
		Call        SID            `json:"call_sid"`
		Invitation  Label          `json:"invitation,omitempty"`
		Reservation ReservationSID `json:"reservation_sid,omitempty"`
	}
	// EnqueueEnded is the request to <Enqueue>'s action URL. Result is Twilio's QueueResult.
	EnqueueEnded struct {
		Call   SID    `json:"call_sid"`
		Result string `json:"result"`
		// Handoff is when the bot handed over who comes back, where the URL tells it; zero: the last time.
		Handoff time.Time `json:"handoff_at,omitzero"`
	}
)

// Participant is what every participant event of a conference status callback carries. Sequence is Twilio's SequenceNumber, which
// counts within the conference.
type Participant struct {
	Conference             ConferenceSID `json:"conference_sid"`
	Call                   SID           `json:"call_sid"`
	Label                  string        `json:"label,omitempty"`
	Muted                  bool          `json:"muted"`
	Hold                   bool          `json:"hold"`
	Coaching               bool          `json:"coaching,omitempty"`
	Coach                  SID           `json:"coach,omitempty"` // whom it coaches, where Twilio tells
	StartConferenceOnEnter bool          `json:"start_conference_on_enter"`
	EndConferenceOnExit    bool          `json:"end_conference_on_exit"`
	Sequence               int           `json:"sequence"`
	// Instruction is the reservation whose conference instruction made the conference, where the callback's URL tells it: the first
	// agent in it is that reservation's.
	Instruction ReservationSID `json:"instruction,omitempty"`
	// Status is Twilio's, of a participant as read back: one that is neither "" nor "connected" is not in the conference (yet).
	Status string `json:"status,omitempty"`
}

// What Twilio's conferences say.
type (
	// ConferenceStarted is conference-start.
	ConferenceStarted struct {
		Conference ConferenceSID `json:"conference_sid"`
		Name       string        `json:"name"`
		Sequence   int           `json:"sequence"`
	}
	// ConferenceEnded is conference-end. Reason is ReasonConferenceEnded, with hyphens.
	ConferenceEnded struct {
		Conference ConferenceSID `json:"conference_sid"`
		Reason     string        `json:"reason"`
		EndedBy    SID           `json:"ended_by,omitempty"`
		Sequence   int           `json:"sequence"`
	}
	// ParticipantJoined is participant-join.
	ParticipantJoined struct{ Participant }
	// ParticipantLeft is participant-leave. Reason is ReasonParticipantLeft, with underscores.
	ParticipantLeft struct {
		Participant
		Reason     string `json:"reason"`
		CallStatus string `json:"call_status,omitempty"`
	}
	// ParticipantHeld is participant-hold.
	ParticipantHeld struct{ Participant }
	// ParticipantUnheld is participant-unhold.
	ParticipantUnheld struct{ Participant }
	// ParticipantMuted is participant-mute.
	ParticipantMuted struct{ Participant }
	// ParticipantUnmuted is participant-unmute.
	ParticipantUnmuted struct{ Participant }
	// ParticipantModified is participant-modify: flags such as EndConferenceOnExit changed.
	ParticipantModified struct{ Participant }
)

// Assignment is what every reservation event carries about whom the call was offered to.
type Assignment struct {
	Reservation ReservationSID `json:"reservation_sid"`
	Task        TaskSID        `json:"task_sid"`
	Agent       AgentSID       `json:"agent_sid,omitempty"`
	AgentName   string         `json:"agent_name,omitempty"`
	// Address is the agent's contact_uri: how he is dialled ("client:ann", "+15551230001", "sip:ann@example.com").
	Address   string   `json:"address,omitempty"`
	Queue     QueueSID `json:"queue_sid,omitempty"`
	QueueName string   `json:"queue_name,omitempty"`
	// Invitation is whom the task was made to find, where its attributes tell it; "" for the task that the call came with.
	Invitation Label `json:"invitation,omitempty"`
}

// Caller is who calls whom, as <Enqueue> wrote it into the task's attributes: all that is known of a call that never met our voice webhook.
type Caller struct {
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Direction string `json:"direction,omitempty"`
}

// What TaskRouter says.
type (
	// TaskCreated is task.created.
	TaskCreated struct {
		Task       TaskSID `json:"task_sid"`
		Call       SID     `json:"call_sid,omitempty"`
		Invitation Label   `json:"invitation,omitempty"` // as in [Assignment]
		Caller
	}
	// TaskQueueEntered is task-queue.entered: the task waits in this queue now. At is TaskRouter's own time, for events may
	// arrive out of order.
	TaskQueueEntered struct {
		Task      TaskSID   `json:"task_sid"`
		Queue     QueueSID  `json:"queue_sid"`
		QueueName string    `json:"queue_name"`
		At        time.Time `json:"at"`
	}
	// TaskCanceled is task.canceled: by the caller's leaving, by REST, by its TTL, or because no filter was left.
	TaskCanceled struct {
		Task   TaskSID `json:"task_sid"`
		Reason string  `json:"reason"`
	}
	// TaskWrapup is task.wrapup.
	TaskWrapup struct {
		Task TaskSID `json:"task_sid"`
	}
	// TaskCompleted is task.completed.
	TaskCompleted struct {
		Task   TaskSID `json:"task_sid"`
		Reason string  `json:"reason,omitempty"`
	}
	// TaskDeleted is task.deleted or task.system-deleted: whatever it was, it is no more.
	TaskDeleted struct {
		Task TaskSID `json:"task_sid"`
	}

	// AssignmentRequested is the assignment callback, which we answered with a conference instruction: the accept is under way. Manual
	// says that we answered with none: the agent accepts, by us or by an instruction of his desktop's own. Announced says that we had him
	// dialled to hear whom he gets: he comes into the conference by himself, and accepting and bringing the customer is ours.
	AssignmentRequested struct {
		Assignment
		Caller
		Manual    bool `json:"manual,omitempty"`
		Announced bool `json:"announced,omitempty"`
	}
	// ReservationCreated is reservation.created.
	ReservationCreated struct {
		Assignment
		Caller
	}
	// ReservationAccepted is reservation.accepted: both legs are in the conference. AgentCall and Conference are what the task's
	// attributes name as the agent's leg and the room, where they do.
	ReservationAccepted struct {
		Assignment
		Caller
		AgentCall  SID           `json:"agent_call_sid,omitempty"`
		Conference ConferenceSID `json:"conference_sid,omitempty"`
	}
	// ReservationRejected is reservation.rejected.
	ReservationRejected struct{ Assignment }
	// ReservationTimedOut is reservation.timeout; TaskRouter has moved the agent off by itself.
	ReservationTimedOut struct{ Assignment }
	// ReservationCanceled is reservation.canceled. TaskStatus is the task's status at that time: "pending" says that the task lives on.
	ReservationCanceled struct {
		Assignment
		TaskStatus string `json:"task_status,omitempty"`
	}
	// ReservationFailed is reservation.failed; TaskStatus as in ReservationCanceled.
	ReservationFailed struct {
		Assignment
		TaskStatus string `json:"task_status,omitempty"`
	}
	// ReservationRescinded is reservation.rescinded: another agent took the task.
	ReservationRescinded struct{ Assignment }
	// ReservationWrapup is reservation.wrapup: the agent's part in the conversation is over.
	ReservationWrapup struct{ Assignment }
	// ReservationCompleted is reservation.completed.
	ReservationCompleted struct{ Assignment }
)

// Request is what every action that a person asked for carries.
type Request struct {
	// Action identifies the action; the same one asked again has the same outcome and no second effect.
	Action string `json:"action"`
	By     Actor  `json:"by"`
}

func (r Request) asked() Request { return r }

// Actor is who asked.
type Actor struct {
	Name  string   `json:"name"`
	Role  string   `json:"role"` // "agent", "supervisor", "admin"
	Agent AgentSID `json:"agent_sid,omitempty"`
}

// What people ask for.
type (
	// HoldRequested asks that a leg be held.
	//
	// Music is what is played to it: an address of audio or TwiML, fetched by GET; "" is the music that is set for all.
	HoldRequested struct {
		Request
		Leg   SID    `json:"leg"`
		Music string `json:"music,omitempty"`
	}
	// UnholdRequested asks that a leg be held no longer.
	UnholdRequested struct {
		Request
		Leg SID `json:"leg"`
	}
	// MuteRequested asks that a leg be muted.
	MuteRequested struct {
		Request
		Leg SID `json:"leg"`
	}
	// UnmuteRequested asks that a leg be muted no longer.
	UnmuteRequested struct {
		Request
		Leg SID `json:"leg"`
	}
	// LeaveRequested asks that one leg be taken out. The customer left without company, the call ends.
	LeaveRequested struct {
		Request
		Leg SID `json:"leg"`
	}
	// AcceptRequested asks that an agent be brought together with the customer, who was offered to him.
	AcceptRequested struct {
		Request
		Reservation ReservationSID `json:"reservation_sid"`
	}
	// RejectRequested says that an agent does not take the call. Availability is where he goes; "" leaves him where he is.
	RejectRequested struct {
		Request
		Reservation  ReservationSID  `json:"reservation_sid"`
		Availability AvailabilitySID `json:"availability_sid,omitempty"`
	}
	// EndRequested asks that the call end for everybody.
	EndRequested struct{ Request }
	// WrapupCompleteRequested says that an agent's work after his part of the call is done: the one with this SID, or, "", of all whose part is over.
	WrapupCompleteRequested struct {
		Request
		Agent AgentSID `json:"agent_sid,omitempty"`
	}

	// JoinRequested asks that somebody be brought in besides those who are there.
	JoinRequested struct {
		Request
		Target Target `json:"target"`
	}
	// WithdrawRequested asks that somebody who was asked for and is not there yet be left alone again. Of a transfer's target it cancels the
	// transfer.
	WithdrawRequested struct {
		Request
		Invitation Label `json:"invitation"`
	}
	// TransferRequested asks that the agent with this leg hand the call on.
	TransferRequested struct {
		Request
		Mode   TransferMode `json:"mode"`
		Target Target       `json:"target"`
		From   SID          `json:"from"`
	}
	// SwapRequested asks, in a consultation, that customer and target change places: whom the agent talks with, and who is on hold.
	SwapRequested struct{ Request }
	// MergeRequested asks, in a consultation, that all three talk.
	MergeRequested struct{ Request }
	// TransferCompleteRequested asks that the agent who hands on leave, and customer and target talk.
	TransferCompleteRequested struct{ Request }
	// TransferCancelRequested asks that the target leave or not come, and agent and customer talk.
	TransferCancelRequested struct{ Request }
	// RejoinRequested asks that an agent who had the call and fell out of it be rung at this address and brought back.
	RejoinRequested struct {
		Request
		Address string `json:"address"`
	}

	// SuperviseRequested asks that a supervisor be dialled at this address and brought in.
	SuperviseRequested struct {
		Request
		Mode    SupervisionMode `json:"mode"`
		Address string          `json:"address"`
		Coach   SID             `json:"coach,omitempty"` // an agent's leg; "" is the one that serves
		Private bool            `json:"private,omitempty"`
	}
	// SupervisionModeRequested asks that a supervisor's leg change its mode, and perhaps whom it coaches.
	SupervisionModeRequested struct {
		Request
		Leg   SID             `json:"leg"`
		Mode  SupervisionMode `json:"mode"`
		Coach SID             `json:"coach,omitempty"` // "" leaves it
	}
	// TakeOverRequested asks that a supervisor's leg have the call: heard by all, and the agents leave.
	TakeOverRequested struct {
		Request
		Leg SID `json:"leg"`
	}
	// HelpRequested says that an agent wants a supervisor.
	HelpRequested struct {
		Request
		Reason string `json:"reason,omitempty"`
	}
	// HelpDismissed says that the agent, whose wish it was, needs help no more, or that somebody saw to it.
	HelpDismissed struct {
		Request
		Agent AgentSID `json:"agent_sid"`
	}
)

// What comes back from commands, and what time brings.
type (
	// CommandSucceeded says that Twilio took a command. That is not yet success: see [State.Plan]. Call and Task are what it made.
	CommandSucceeded struct {
		Command int     `json:"command"`
		Call    SID     `json:"call_sid,omitempty"`
		Task    TaskSID `json:"task_sid,omitempty"`
	}
	// CommandFailed says that a command came to nothing for good, retries included.
	CommandFailed struct {
		Command int     `json:"command"`
		Failure Failure `json:"failure"`
	}
	// CallReadBack is the answer to ReadBack: what Twilio says of everything that the call owns.
	CallReadBack struct {
		Command  int      `json:"command"`
		Snapshot Snapshot `json:"snapshot"`
	}
	// ReadBackDue asks that the call be read back once: the process started anew, and may have missed something.
	ReadBackDue struct{}
	// ClockTicked says that time has passed; the deadlines that are over take effect. See [State.NextDeadline].
	ClockTicked struct{}
)

// FailureKind sorts failures by what they mean to the call.
type FailureKind string

// Failure kinds.
const (
	FailureGone        FailureKind = "gone"        // 404: what the command was for is no more
	FailureRefused     FailureKind = "refused"     // another 4xx: Twilio will not do it
	FailureUnavailable FailureKind = "unavailable" // Twilio could not be asked, and what happened is unknown
)

// Failure says why a command failed, in Twilio's words.
type Failure struct {
	Kind    FailureKind `json:"kind"`
	Status  int         `json:"status,omitempty"` // HTTP
	Code    int         `json:"code,omitempty"`   // Twilio's, such as 20404
	Message string      `json:"message"`
}

// Snapshot is what Twilio says of a call's parts at one moment. A nil part was not asked for; statuses are Twilio's, and "gone"
// stands for 404.
type Snapshot struct {
	CustomerStatus string               `json:"customer_status,omitempty"` // the customer's call
	Task           *TaskSnapshot        `json:"task,omitempty"`
	Reservation    *ReservationSnapshot `json:"reservation,omitempty"`
	Conference     *ConferenceSnapshot  `json:"conference,omitempty"`
	Tasks          []TaskSnapshot       `json:"tasks,omitempty"`   // of invitations
	Calls          []CallSnapshot       `json:"calls,omitempty"`   // legs that were on their way
	NoTask         bool                 `json:"no_task,omitempty"` // the task was sought by the customer's call, and there is none
}

// TaskSnapshot is a task as read back. Invitation and Reservation are of one that was made to find somebody; Task is "" and Status "gone" if it was
// looked for by its label, and there is none.
type TaskSnapshot struct {
	Task        TaskSID              `json:"task_sid"`
	Status      string               `json:"status"`
	Invitation  Label                `json:"invitation,omitempty"`
	Reservation *ReservationSnapshot `json:"reservation,omitempty"`
}

// CallSnapshot is a leg's call as read back; Status is Twilio's CallStatus, or "gone".
type CallSnapshot struct {
	Call   SID    `json:"call_sid"`
	Status string `json:"status"`
}

// ReservationSnapshot is the newest open reservation as read back. Of one that the call had not heard of it says whose it is.
type ReservationSnapshot struct {
	Reservation ReservationSID `json:"reservation_sid"`
	Status      string         `json:"status"`
	Agent       AgentSID       `json:"agent_sid,omitempty"`
	AgentName   string         `json:"agent_name,omitempty"`
	Address     string         `json:"address,omitempty"`
}

// ConferenceSnapshot is the conference as read back, by SID or, before it is known, by its name, the task's SID.
type ConferenceSnapshot struct {
	Conference   ConferenceSID `json:"conference_sid,omitempty"`
	Status       string        `json:"status"`
	Participants []Participant `json:"participants"` // Sequence is not set
}

func (CallReceived) event()              {}
func (CallStatusChanged) event()         {}
func (EnqueueEnded) event()              {}
func (ConferenceStarted) event()         {}
func (ConferenceEnded) event()           {}
func (ParticipantJoined) event()         {}
func (ParticipantLeft) event()           {}
func (ParticipantHeld) event()           {}
func (ParticipantUnheld) event()         {}
func (ParticipantMuted) event()          {}
func (ParticipantUnmuted) event()        {}
func (ParticipantModified) event()       {}
func (TaskCreated) event()               {}
func (TaskQueueEntered) event()          {}
func (TaskCanceled) event()              {}
func (TaskWrapup) event()                {}
func (TaskCompleted) event()             {}
func (TaskDeleted) event()               {}
func (AssignmentRequested) event()       {}
func (ReservationCreated) event()        {}
func (ReservationAccepted) event()       {}
func (ReservationRejected) event()       {}
func (ReservationTimedOut) event()       {}
func (ReservationCanceled) event()       {}
func (ReservationFailed) event()         {}
func (ReservationRescinded) event()      {}
func (ReservationWrapup) event()         {}
func (ReservationCompleted) event()      {}
func (HoldRequested) event()             {}
func (UnholdRequested) event()           {}
func (MuteRequested) event()             {}
func (UnmuteRequested) event()           {}
func (LeaveRequested) event()            {}
func (AcceptRequested) event()           {}
func (RejectRequested) event()           {}
func (EndRequested) event()              {}
func (WrapupCompleteRequested) event()   {}
func (JoinRequested) event()             {}
func (WithdrawRequested) event()         {}
func (TransferRequested) event()         {}
func (SwapRequested) event()             {}
func (MergeRequested) event()            {}
func (TransferCompleteRequested) event() {}
func (TransferCancelRequested) event()   {}
func (RejoinRequested) event()           {}
func (SuperviseRequested) event()        {}
func (SupervisionModeRequested) event()  {}
func (TakeOverRequested) event()         {}
func (HelpRequested) event()             {}
func (HelpDismissed) event()             {}
func (AnnouncementConfirmed) event()     {}
func (CommandSucceeded) event()          {}
func (CommandFailed) event()             {}
func (CallReadBack) event()              {}
func (ReadBackDue) event()               {}
func (ClockTicked) event()               {}
