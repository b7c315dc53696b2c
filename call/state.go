package call

import "time"

// Revision is the revision of the core's decisions. A call keeps the one that it was started with, so that a change of mind never
// breaks a call that is under way: what is decided otherwise from a revision on asks for State.Revision, and the old way stays for as long
// as calls of that revision may live. OldestRevision is the oldest that this core still decides by.
const (
	OldestRevision = 1
	Revision       = 1
)

// Settings are what a call was told when it began. They never change during its life.
type Settings struct {
	// Ring is how long an agent's phone rings; the conference instruction's timeout.
	Ring time.Duration `json:"ring"`
	// ConnectWithin is how long after the assignment a conference must have brought both together. It must exceed Ring.
	ConnectWithin time.Duration `json:"connect_within"`
	// ConfirmWithin is how long a command that Twilio took may stay unconfirmed before the call is read back.
	ConfirmWithin time.Duration `json:"confirm_within"`
	// VanishGrace is how long a customer's hang-up may come after the leaving of an agent with a "client:" address for the agent not
	// to count as vanished.
	VanishGrace time.Duration `json:"vanish_grace"`
	// SettleWithin is how long Twilio has to close by itself what is left after the customer went, before we look and do it.
	SettleWithin time.Duration `json:"settle_within"`
	// WrapUpWithin is how long an agent may work after the call before the workflow completes his task.
	WrapUpWithin time.Duration `json:"wrap_up_within"`
	// LookAfter is how long Twilio may be silent about a live call before it is read back: webhooks can be lost.
	LookAfter time.Duration `json:"look_after"`
	// TransferWithin is how long somebody who was asked for, by a transfer or to join, may take to come: the time to live of his task, too.
	TransferWithin time.Duration `json:"transfer_within,omitempty"`
	// RejoinWithin is how long an agent who fell out of a call is rung before it is offered to the queue.
	RejoinWithin time.Duration `json:"rejoin_within,omitempty"`
	// QueueAgainWithin is how long a customer whom everybody left waits for somebody from the queue before he hears goodbye.
	QueueAgainWithin time.Duration `json:"queue_again_within,omitempty"`
	// DialInWithin is how long a supervisor who was given a code to dial in by may take to do so. 0 is five minutes.
	DialInWithin time.Duration `json:"dial_in_within,omitempty"`
	// RescuePriority is how much more than before a task counts that is made for a customer whom everybody left.
	RescuePriority int `json:"rescue_priority,omitempty"`
	// Music of the customer's hold while somebody is looked for: "" is what is set for all.
	RescueMusic string `json:"rescue_music,omitempty"`
	// NotAnswering is where an agent goes whose phone rang in vain; "" leaves him where he is.
	NotAnswering AvailabilitySID `json:"not_answering,omitempty"`
	// BotLongest is how long a bot may have the caller.
	BotLongest time.Duration `json:"bot_longest,omitempty"`
	// Floor says that what becomes of an agent whose phone rang in vain is decided for the whole workspace: the call tells, and moves nobody.
	Floor bool `json:"floor,omitempty"`
}

// DefaultSettings are for a real contact centre.
func DefaultSettings() Settings {
	return Settings{
		Ring:             20 * time.Second,
		ConnectWithin:    35 * time.Second,
		ConfirmWithin:    2 * time.Second,
		VanishGrace:      3 * time.Second,
		SettleWithin:     5 * time.Second,
		WrapUpWithin:     2 * time.Minute,
		LookAfter:        10 * time.Minute,
		TransferWithin:   time.Minute,
		RejoinWithin:     20 * time.Second,
		QueueAgainWithin: 5 * time.Minute,
		DialInWithin:     usualDialInWithin,
		RescuePriority:   10,
		BotLongest:       30 * time.Minute,
	}
}

// Status says where a call is. It is derived from what is observed, never stored.
type Status string

// Statuses.
const (
	StatusUnknown    Status = ""
	StatusDialling   Status = "dialling"   // a bot calls the customer, who has not answered yet
	StatusBot        Status = "bot"        // with a bot
	StatusQueued     Status = "queued"     // waits for an agent
	StatusReserved   Status = "reserved"   // an agent is reserved and not yet rung
	StatusConnecting Status = "connecting" // an agent is rung, or waits in the conference for the customer
	StatusTalking    Status = "talking"    // customer and agent are together
	StatusHeld       Status = "held"       // together, and the customer is on hold
	StatusWrapping   Status = "wrapping"   // the customer is gone, or nobody is with him any more; what remains is being closed
	StatusEnded      Status = "ended"      // nothing remains
)

// Outcome says how a call went.
type Outcome string

// Outcomes.
const (
	OutcomeUnknown   Outcome = ""
	OutcomeCompleted Outcome = "completed" // customer and agent met, or a bot alone saw to it
	OutcomeAbandoned Outcome = "abandoned" // the customer left before
	OutcomeCanceled  Outcome = "canceled"  // somebody ended it before, or its task was canceled
	OutcomeFailed    Outcome = "failed"    // customer and agent could not be brought together, or an outbound call not placed
	OutcomeBusy      Outcome = "busy"      // an outbound call was not answered, for the line was busy
	OutcomeNoAnswer  Outcome = "no-answer" // an outbound call was not answered in time
)

// Role is a leg's side of the call.
type Role string

// Roles.
const (
	RoleCustomer   Role = "customer"
	RoleAgent      Role = "agent"
	RoleExternal   Role = "external"   // somebody outside, dialled in
	RoleSupervisor Role = "supervisor" // listens, coaches or speaks; see [Supervision]
)

// LegState is where a leg is.
type LegState string

// Leg states.
const (
	LegUnknown LegState = ""
	LegWaiting LegState = "waiting" // in the queue, or on its way into the conference
	LegJoined  LegState = "joined"  // in the conference
	LegLeft    LegState = "left"    // gone, for good
)

// Leg is one person's side of the call: what is wanted of it, and what Twilio said of it.
type Leg struct {
	Call        SID            `json:"call_sid"`
	Role        Role           `json:"role"`
	Address     string         `json:"address"`
	Agent       AgentSID       `json:"agent_sid,omitempty"`
	AgentName   string         `json:"agent_name,omitempty"`
	Reservation ReservationSID `json:"reservation_sid,omitempty"`
	Label       Label          `json:"label,omitempty"`  // of a leg that came by an invitation
	Status      string         `json:"status,omitempty"` // Twilio's CallStatus, of a leg that we had dialled
	// Told says that the leg's own callbacks named its offer: it is no guess.
	Told bool `json:"told,omitempty"`

	// Observed.
	Conference          ConferenceSID  `json:"conference_sid,omitempty"` // where it is, or was last
	Instruction         ReservationSID `json:"instruction,omitempty"`    // see Participant
	State               LegState       `json:"state"`
	Hold                bool           `json:"hold"`
	Muted               bool           `json:"muted"`
	EndConferenceOnExit bool           `json:"end_conference_on_exit"`
	Coaching            bool           `json:"coaching,omitempty"`
	Coach               SID            `json:"coach,omitempty"`      // whom it coaches, as far as Twilio told
	HeldSince           time.Time      `json:"held_since,omitzero"`  // while on hold
	HeldTotal           time.Duration  `json:"held_total,omitempty"` // of holds that are over
	HeldLongest         time.Duration  `json:"held_longest,omitempty"`
	Reason              string         `json:"reason,omitempty"` // of leaving, in Twilio's words
	JoinedAt            time.Time      `json:"joined_at,omitzero"`
	LeftAt              time.Time      `json:"left_at,omitzero"`
	Sequence            int            `json:"sequence"`          // of the last conference event that counted
	Flipped             int            `json:"flipped,omitempty"` // how often EndConferenceOnExit was found other than wanted

	// Wanted.
	WantHold  bool `json:"want_hold"`
	WantMuted bool `json:"want_muted"`
	WantGone  bool `json:"want_gone"`
	// HoldMusic is what a hold plays; "" is what is set for all.
	HoldMusic string `json:"hold_music,omitempty"`
	// Playing is the music of the hold that Twilio took last; no event tells it.
	// Unsure says that a request to hold or mute the leg may have taken effect, or not: neither counts as so before Twilio tells of it again.
	Unsure  bool   `json:"unsure,omitempty"`
	Playing string `json:"playing,omitempty"`

	Supervision Supervision `json:"supervision,omitzero"` // of a supervisor's leg
}

// ReservationStatus is where the offer of the call to one agent is, in Twilio's words.
type ReservationStatus string

// Reservation statuses.
const (
	ReservationUnknown     ReservationStatus = ""
	ReservationIsPending   ReservationStatus = "pending"
	ReservationIsAccepted  ReservationStatus = "accepted"
	ReservationIsWrapping  ReservationStatus = "wrapping"
	ReservationIsCompleted ReservationStatus = "completed"
	ReservationIsRejected  ReservationStatus = "rejected"
	ReservationIsTimedOut  ReservationStatus = "timeout"
	ReservationIsCanceled  ReservationStatus = "canceled"
	ReservationIsRescinded ReservationStatus = "rescinded"
)

// Reservation is one offer of the call to one agent.
type Reservation struct {
	Assignment
	Status ReservationStatus `json:"status"`
	// Instructed says that we gave an instruction, so that the agent is rung.
	Instructed bool `json:"instructed"`
	// Announced says that the instruction was ours to have him dialled and told, and no more: accepting and bringing the customer is ours, too.
	Announced bool `json:"announced,omitempty"`
	AgentCall SID  `json:"agent_call_sid,omitempty"` // the agent's leg, where the task's attributes told it
	// Missed says that the agent's phone rang in vain; WantOff that he is to be moved off, until that is done.
	Missed   bool      `json:"missed,omitempty"`
	MissedAt time.Time `json:"missed_at,omitzero"`
	WantOff  bool      `json:"want_off,omitempty"`
	// Looked says that the connect deadline has passed once and the call was read back; WantRejected that it passed again, and
	// the task is to be offered to somebody else.
	Looked bool `json:"looked,omitempty"`
	// WrapLooked says that TaskRouter had the agent wrapping up while his leg was not known to have left, and the call was read back.
	WrapLooked   bool `json:"wrap_looked,omitempty"`
	WantRejected bool `json:"want_rejected,omitempty"`
	// WantWrapUp says that TaskRouter is to be told that the agent's part is over.
	WantWrapUp bool `json:"want_wrap_up,omitempty"`
	// WantAccepted says that the agent asked for the call; Declined that he asked not to have it, and wants to be at DeclinedTo then.
	WantAccepted bool            `json:"want_accepted,omitempty"`
	Declined     bool            `json:"declined,omitempty"`
	DeclinedTo   AvailabilitySID `json:"declined_to,omitempty"`
}

// Parting is where the farewell to a caller is whom nobody will come for.
type Parting string

// Partings.
const (
	PartingUnknown Parting = ""
	PartingSpoken  Parting = "spoken" // Twilio tells him
	PartingOver    Parting = "over"   // he was told, or cannot be
)

// Task is the call's TaskRouter task.
type Task struct {
	SID       TaskSID   `json:"sid,omitempty"`
	Queue     QueueSID  `json:"queue_sid,omitempty"`
	QueueName string    `json:"queue_name,omitempty"`
	QueueAt   time.Time `json:"queue_at,omitzero"`
	Wrapping  bool      `json:"wrapping"`
	Canceled  bool      `json:"canceled"`
	Completed bool      `json:"completed"`

	WantCompleted bool      `json:"want_completed"`   // the agent's work after the call is done, or its time is over
	OverAt        time.Time `json:"over_at,omitzero"` // when the agent's part in the call was over, and his work after it began
	ClosedAt      time.Time `json:"closed_at,omitzero"`
}

// Conference is the room that the call happens in.
type Conference struct {
	SID      ConferenceSID   `json:"sid,omitempty"`
	Over     []ConferenceSID `json:"over,omitempty"` // others that are known to have ended, whose late events are old
	Started  bool            `json:"started"`
	Ended    bool            `json:"ended"`
	Reason   string          `json:"reason,omitempty"`
	Sequence int             `json:"sequence"` // the highest seen
}

// State is one call: everything that it knows. It is a plain value that travels as JSON; make one with [New].
type State struct {
	Revision int      `json:"revision"`
	ID       ID       `json:"id"`
	Settings Settings `json:"settings"`

	Direction  string    `json:"direction"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	ReceivedAt time.Time `json:"received_at,omitzero"`
	HeardAt    time.Time `json:"heard_at,omitzero"`    // the last word from Twilio
	AnsweredAt time.Time `json:"answered_at,omitzero"` // customer and agent met
	WrappingAt time.Time `json:"wrapping_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"`

	Account        string        `json:"account,omitempty"` // whose call it is, if not Holdfast's own
	Bot            BotPhase      `json:"bot,omitzero"`
	Legs           []Leg         `json:"legs"` // the customer's first
	Task           Task          `json:"task"`
	Reservations   []Reservation `json:"reservations,omitempty"` // oldest first
	Invitations    []Invitation  `json:"invitations,omitempty"`  // oldest first
	Invited        int           `json:"invited,omitempty"`      // labels given so far
	Transfers      []Transfer    `json:"transfers,omitempty"`    // oldest first; the last may be open
	Rescue         Rescue        `json:"rescue,omitzero"`
	Helps          []Help        `json:"helps,omitempty"` // open wishes for a supervisor
	Conference     Conference    `json:"conference"`
	CustomerStatus string        `json:"customer_status,omitempty"` // the customer's CallStatus, as last told

	WantEnd  bool    `json:"want_end"`            // the call is to end for everybody
	WantLook bool    `json:"want_look,omitempty"` // the call is to be read back
	Close    bool    `json:"close,omitempty"`     // Twilio had its time to close what the customer left behind: we do it now
	Parting  Parting `json:"parting,omitempty"`   // whether a caller whom nobody comes for has been told
	Moved    bool    `json:"moved,omitempty"`     // somebody else took the customer's leg elsewhere, for good
	EndedBy  string  `json:"ended_by,omitempty"`  // "customer", "bot", "agent", "external", "supervisor", "admin", "taskrouter", "system"
	Outcome  Outcome `json:"outcome,omitempty"`   // derived after each event, for a late one may tell more

	Actions   []Action   `json:"actions,omitempty"` // open ones, and the last outcomes
	Flights   []Flight   `json:"flights,omitempty"` // at most one for each subject
	Tries     []Try      `json:"tries,omitempty"`   // commands that did not take, so far
	Deadlines []Deadline `json:"deadlines,omitempty"`
	Numbered  int        `json:"numbered"`          // orders given so far
	Looks     int        `json:"looks,omitempty"`   // how often what the customer left behind was looked at
	Alerts    []Alert    `json:"alerts,omitempty"`  // the last ones
	Alerted   int        `json:"alerted,omitempty"` // alerts so far
}

// Decidable says whether this core knows the revision that the call began with. If not, a core that does must decide for it.
func (s *State) Decidable() bool { return s.Revision >= OldestRevision && s.Revision <= Revision }

// New is a call of which nothing is known yet.
func New(id ID, settings Settings) State {
	return State{Revision: Revision, ID: id, Settings: settings}
}
