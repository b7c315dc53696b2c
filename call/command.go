package call

import "time"

// A Command is something that the call wants of Twilio. The set is sealed. Commands are the difference between wanted and observed:
// they may be given again, and giving one twice does no harm.
type Command interface{ command() }

// The commands.
type (
	// HoldParticipant sets whether a leg is on hold.
	HoldParticipant struct {
		For
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
		Hold       bool          `json:"hold"`
		Music      string        `json:"music,omitempty"` // "" is what is set for all
	}
	// MuteParticipant sets whether a leg is muted.
	MuteParticipant struct {
		For
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
		Muted      bool          `json:"muted"`
	}
	// FlagParticipant sets whether the conference ends when a leg leaves it. Twilio does not take it while the leg is on hold.
	FlagParticipant struct {
		For
		Conference          ConferenceSID `json:"conference_sid"`
		Leg                 SID           `json:"leg"`
		EndConferenceOnExit bool          `json:"end_conference_on_exit"`
	}
	// RemoveParticipant takes one leg out of the conference, which ends it.
	RemoveParticipant struct {
		For
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
	}
	// EndConference ends the conference for everybody.
	EndConference struct {
		For
		Conference ConferenceSID `json:"conference_sid"`
	}
	// HangUpCall ends one leg that is in no conference.
	HangUpCall struct {
		For
		Leg SID `json:"leg"`
	}
	// DismissCaller has a caller whom nobody will come for told so, wherever he waits, and his call ended.
	DismissCaller struct {
		For
		Leg SID `json:"leg"`
	}
	// CompleteTask moves the task to completed.
	CompleteTask struct {
		For
		Task   TaskSID `json:"task_sid"`
		Reason string  `json:"reason"`
	}
	// CancelTask moves a task that nobody was assigned to canceled.
	CancelTask struct {
		For
		Task   TaskSID `json:"task_sid"`
		Reason string  `json:"reason"`
	}
	// InstructReservation accepts a reservation: TaskRouter dials the agent, and brings him and the customer into a conference.
	InstructReservation struct {
		For
		Call        ID             `json:"call_id"` // for the callbacks' URLs
		Task        TaskSID        `json:"task_sid"`
		Reservation ReservationSID `json:"reservation_sid"`
		To          string         `json:"to,omitempty"`   // "" leaves it to TaskRouter: the agent's contact_uri
		From        string         `json:"from,omitempty"` // what the customer dialled
		Ring        time.Duration  `json:"ring"`
	}
	// RejectReservation gives the task back to TaskRouter, to be offered to somebody else. Availability is where the agent goes; ""
	// leaves him where he is.
	RejectReservation struct {
		For
		Task         TaskSID         `json:"task_sid"`
		Reservation  ReservationSID  `json:"reservation_sid"`
		Availability AvailabilitySID `json:"availability_sid,omitempty"`
	}
	// SetAvailability moves an agent who did not answer to the availability for it, for TaskRouter would ring him again and again.
	SetAvailability struct {
		For
		Agent        AgentSID        `json:"agent_sid"`
		Availability AvailabilitySID `json:"availability_sid"`
	}
	// ReportMissed tells the floor that an agent did not come: what becomes of him is decided there. See [Settings.Floor].
	ReportMissed struct {
		Call        ID             `json:"call_id"`
		Agent       AgentSID       `json:"agent_sid"`
		AgentName   string         `json:"agent_name,omitempty"`
		Reservation ReservationSID `json:"reservation_sid"`
		Queue       QueueSID       `json:"queue_sid,omitempty"`
		QueueName   string         `json:"queue_name,omitempty"`
		At          time.Time      `json:"at"`
	}
	// CoachParticipant sets whom a supervisor's leg coaches. It never changes whether the leg is muted.
	CoachParticipant struct {
		For
		Conference ConferenceSID `json:"conference_sid"`
		Leg        SID           `json:"leg"`
		Coaching   bool          `json:"coaching"`
		Coach      SID           `json:"coach,omitempty"`
	}
	// AddParticipant dials somebody and brings him into the conference under a label. The call that it made comes back in [CommandSucceeded]. One
	// with this label that is there already is not dialled again.
	AddParticipant struct {
		For
		Call       ID            `json:"call_id"` // for the callbacks' URLs
		Conference ConferenceSID `json:"conference_sid"`
		Label      Label         `json:"label"`
		To         string        `json:"to"`
		From       string        `json:"from,omitempty"` // what the customer dialled, or his number; "" leaves it to what is set
		Ring       time.Duration `json:"ring"`
		Muted      bool          `json:"muted,omitempty"`
	}
	// CreateTask makes a task that finds the person of an invitation, with the attributes of the call's first task and what ties both together. Its
	// SID comes back in [CommandSucceeded]. One with this label that is there already is not made again. An agent who is not available is an
	// error of kind [FailureRefused] with Code [CodeAgentUnavailable].
	CreateTask struct {
		For
		Call     ID            `json:"call_id"`
		Label    Label         `json:"label"`
		Purpose  Purpose       `json:"purpose"`
		Original TaskSID       `json:"original"` // the call's first task
		Target   Target        `json:"target"`
		Within   time.Duration `json:"within"`             // its time to live
		Priority int           `json:"priority,omitempty"` // above that of the first task
		By       string        `json:"by,omitempty"`       // who asked, for people
	}
	// AcceptReservation accepts, without an instruction: the agent has joined by our own doing.
	AcceptReservation struct {
		For
		Task        TaskSID        `json:"task_sid"`
		Reservation ReservationSID `json:"reservation_sid"`
	}
	// WrapUpReservation moves an agent's part to wrapping, for one whose leg left while the call goes on, or whom TaskRouter did not bring in itself.
	WrapUpReservation struct {
		For
		Task        TaskSID        `json:"task_sid"`
		Reservation ReservationSID `json:"reservation_sid"`
	}
	// MoveCustomer brings a customer who waits in the queue into the conference of this name, where the agent is. The task must be accepted before.
	MoveCustomer struct {
		For
		Call ID     `json:"call_id"`
		Leg  SID    `json:"leg"`
		Name string `json:"name"`
	}
	// PlaceCall dials a customer for a bot. The call that it made comes back in [CommandSucceeded]. It is never dialled twice: a repeat looks for it
	// first.
	PlaceCall struct {
		For
		Call    ID            `json:"call_id"`
		To      string        `json:"to"`
		From    string        `json:"from"`
		Session string        `json:"session"`
		Machine string        `json:"machine,omitempty"` // see [CallRequested]
		Ring    time.Duration `json:"ring"`
		At      time.Time     `json:"at"` // none that is older is it
	}
	// EnqueueCaller puts a caller whom a bot has into the queue, told so before. A session that handed him over meanwhile is left alone. From its begin the
	// bot says nothing more; the caller hears its sentence to the end, at NotBefore.
	EnqueueCaller struct {
		For
		Call    ID      `json:"call_id"`
		Leg     SID     `json:"leg"`
		To      string  `json:"to,omitempty"` // the number that was dialled
		Session string  `json:"session,omitempty"`
		Handoff Handoff `json:"handoff"`
		// NotBefore is when the bot's sentence is over; zero: it is silent.
		NotBefore time.Time `json:"not_before,omitzero"`
	}
	// SummariseHandoff has the bot's brain, or failing that a rule, say what was talked about, and merges the six attributes of the handoff into the task.
	SummariseHandoff struct {
		For
		Task    TaskSID `json:"task_sid"`
		Session string  `json:"session,omitempty"`
		Handoff Handoff `json:"handoff"`
	}
	// ReadBack asks Twilio for the state of everything that the call owns; its result is [CallReadBack]. Empty fields are not known.
	ReadBack struct {
		For
		Call        ID             `json:"call_id,omitempty"` // whose Tasks are, where their labels alone are known
		Customer    SID            `json:"customer,omitempty"`
		Task        TaskSID        `json:"task_sid,omitempty"`
		Reservation ReservationSID `json:"reservation_sid,omitempty"`
		Conference  ConferenceSID  `json:"conference_sid,omitempty"`
		Tasks       []AskedTask    `json:"tasks,omitempty"`
		Calls       []SID          `json:"calls,omitempty"`     // legs that are on their way into the conference, or were
		SeekTask    bool           `json:"seek_task,omitempty"` // a bot handed the customer over: his task is sought by his call
	}
)

// AskedTask is the task of an invitation, which a [ReadBack] asks for. Task is "" if nobody knows whether it was made: it is looked up by the label then.
type AskedTask struct {
	Invitation  Label          `json:"invitation"`
	Task        TaskSID        `json:"task_sid,omitempty"`
	Reservation ReservationSID `json:"reservation_sid,omitempty"`
}

func (HoldParticipant) command()     {}
func (MuteParticipant) command()     {}
func (FlagParticipant) command()     {}
func (RemoveParticipant) command()   {}
func (EndConference) command()       {}
func (HangUpCall) command()          {}
func (DismissCaller) command()       {}
func (CompleteTask) command()        {}
func (CancelTask) command()          {}
func (InstructReservation) command() {}
func (RejectReservation) command()   {}
func (SetAvailability) command()     {}
func (ReportMissed) command()        {}
func (CoachParticipant) command()    {}
func (AddParticipant) command()      {}
func (CreateTask) command()          {}
func (AcceptReservation) command()   {}
func (WrapUpReservation) command()   {}
func (MoveCustomer) command()        {}
func (PlaceCall) command()           {}
func (EnqueueCaller) command()       {}
func (SummariseHandoff) command()    {}
func (ReadBack) command()            {}

// CodeAgentUnavailable is our own code of the [Failure] of a [CreateTask] for an agent who is not available. Twilio's begin at 10000.
const CodeAgentUnavailable = 1

// Order is a command on its way: Plan gives it, [State.Begin] notes it, and its result names it by Number.
type Order struct {
	Number  int
	Command Command
}
