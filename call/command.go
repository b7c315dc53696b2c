package call

// A Command is something that the call wants of Twilio. The set is sealed. Commands are the difference between wanted and observed:
// they may be given again, and giving one twice does no harm.
type Command interface{ command() }

// The commands.
type (
	// HoldParticipant sets whether a leg is on hold.
	HoldParticipant struct {
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
		Hold       bool          `json:"hold"`
	}
	// MuteParticipant sets whether a leg is muted.
	MuteParticipant struct {
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
		Muted      bool          `json:"muted"`
	}
	// FlagParticipant sets whether the conference ends when a leg leaves it. Twilio does not take it while the leg is on hold.
	FlagParticipant struct {
		Conference          ConferenceSID `json:"conference_sid"`
		Leg                 SID           `json:"leg"`
		EndConferenceOnExit bool          `json:"end_conference_on_exit"`
	}
	// RemoveParticipant takes one leg out of the conference, which ends it.
	RemoveParticipant struct {
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
	}
	// EndConference ends the conference for everybody.
	EndConference struct {
		Conference ConferenceSID `json:"conference_sid"`
	}
	// HangUpCall ends one leg that is in no conference.
	HangUpCall struct {
		Leg SID `json:"leg"`
	}
	// CompleteTask moves the task to completed.
	CompleteTask struct {
		Task   TaskSID `json:"task_sid"`
		Reason string  `json:"reason"`
	}
	// CancelTask moves a task that nobody was assigned to canceled.
	CancelTask struct {
		Task   TaskSID `json:"task_sid"`
		Reason string  `json:"reason"`
	}
	// RejectReservation gives the task back to TaskRouter, to be offered to somebody else.
	RejectReservation struct {
		Task        TaskSID        `json:"task_sid"`
		Reservation ReservationSID `json:"reservation_sid"`
	}
	// SetAvailability moves an agent who did not answer to the availability for it, for TaskRouter would ring him again and again.
	SetAvailability struct {
		Agent        AgentSID        `json:"agent_sid"`
		Availability AvailabilitySID `json:"availability_sid"`
	}
	// ReadBack asks Twilio for the state of everything that the call owns; its result is [CallReadBack]. Empty fields are not known.
	ReadBack struct {
		Customer    SID            `json:"customer,omitempty"`
		Task        TaskSID        `json:"task_sid,omitempty"`
		Reservation ReservationSID `json:"reservation_sid,omitempty"`
		Conference  ConferenceSID  `json:"conference_sid,omitempty"`
	}
)

func (HoldParticipant) command()   {}
func (MuteParticipant) command()   {}
func (FlagParticipant) command()   {}
func (RemoveParticipant) command() {}
func (EndConference) command()     {}
func (HangUpCall) command()        {}
func (CompleteTask) command()      {}
func (CancelTask) command()        {}
func (RejectReservation) command() {}
func (SetAvailability) command()   {}
func (ReadBack) command()          {}

// Order is a command on its way: Plan gives it, [State.Begin] notes it, and its result names it by Number.
type Order struct {
	Number  int
	Command Command
}
