package call

import "time"

// BotPhase is the time that a caller spends with a bot before people.
type BotPhase struct {
	Session    string    `json:"session,omitempty"` // "" of another platform's
	Bot        string    `json:"bot,omitempty"`
	Name       string    `json:"name,omitempty"`
	Connection string    `json:"connection,omitempty"`
	Foreign    bool      `json:"foreign,omitempty"` // somebody else's bot talks: we know only that it hands the caller to us
	Since      time.Time `json:"since,omitzero"`
	OverAt     time.Time `json:"over_at,omitzero"`
	Result     string    `json:"result,omitempty"`      // "handed-off", "ended", "transferred", "abandoned", "machine", or Twilio's status of a call that was not answered
	Handoff    Handoff   `json:"handoff,omitzero"`      // once only
	WantQueued bool      `json:"want_queued,omitempty"` // somebody asked by the API: the caller is to be put into the queue
	NotBefore  time.Time `json:"not_before,omitzero"`   // the bot is in the middle of a sentence
	Enqueued   bool      `json:"enqueued,omitempty"`    // the dialogue, or our command, gave Twilio the <Enqueue>
	Summarised bool      `json:"summarised,omitempty"`
	// Merge says that the task was there before the handoff was asked for: the attributes are to be merged into it.
	Merge bool `json:"merge,omitempty"`
	// People says that the caller goes to a person when the bot has had him for as long as it may; else the call ends.
	People     bool      `json:"people,omitempty"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	Told       bool      `json:"told,omitempty"`     // the dialogue itself said how it ended
	FailedAt   time.Time `json:"failed_at,omitzero"` // the handoff of this moment came back to the bot: nobody could be had
	Lost       int       `json:"lost,omitempty"`     // how often no task came of an <Enqueue>
	Overdue    bool      `json:"overdue,omitempty"`  // the bot had its time
	Outbound   bool      `json:"outbound,omitempty"` // the bot calls the customer
	Machine    string    `json:"machine,omitempty"`  // see [CallRequested]
	Doubt      bool      `json:"doubt,omitempty"`    // nobody knows whether Twilio took the call that is to be placed
	// Ring is how long an outbound call rings.
	Ring time.Duration `json:"ring,omitempty"`
}

// Results of a bot's part in a call, besides Twilio's status of a call that was not answered.
const (
	BotHandedOff   = "handed-off"  // the caller is in the queue, or was
	BotOver        = "ended"       // the dialogue, or the caller, ended the call
	BotTransferred = "transferred" // the dialogue sent the call elsewhere
	BotAbandoned   = "abandoned"   // the caller hung up while he was handed over
	BotMachine     = "machine"     // a machine answered
)

// Handoff is what a person is told of a caller whom a bot hands over. At is zero where there was none.
type Handoff struct {
	Reason    string    `json:"reason,omitempty"`
	Summary   string    `json:"summary,omitempty"`
	Sentiment string    `json:"sentiment,omitempty"` // positive, neutral, negative
	Language  string    `json:"language,omitempty"`  // BCP-47
	At        time.Time `json:"at,omitzero"`
	By        string    `json:"by,omitempty"`
	// Final says that the summary is the last word, so that none is asked for.
	Final bool `json:"final,omitempty"`
	// Attributes are more for the task, as JSON's object; they come over none that is there.
	Attributes      map[string]any `json:"attributes,omitempty"`
	Priority        int            `json:"priority,omitempty"`
	RoutingWorkflow string         `json:"routing_workflow,omitempty"`
}

// What happens while a bot has the call.
type (
	// BotAnswered begins a call, or a bot's part in it.
	BotAnswered struct {
		Call       SID    `json:"call_sid"`
		From       string `json:"from"`
		To         string `json:"to"`
		Direction  string `json:"direction"`
		Account    string `json:"account,omitempty"` // of another account than Holdfast's own
		Session    string `json:"session,omitempty"`
		Bot        string `json:"bot,omitempty"`
		Name       string `json:"name,omitempty"`
		Connection string `json:"connection,omitempty"`
		Foreign    bool   `json:"foreign,omitempty"`
		AnsweredBy string `json:"answered_by,omitempty"` // outbound, where a machine was looked for
		People     bool   `json:"people,omitempty"`      // there are people to hand over to, see [BotPhase]
		Again      bool   `json:"again,omitempty"`       // he is back from a transfer that nobody took
	}
	// HandedOff says that the dialogue's answer put the caller into the queue.
	HandedOff struct {
		Call    SID     `json:"call_sid"`
		Session string  `json:"session"`
		Handoff Handoff `json:"handoff"`
	}
	// BotEnded says that the dialogue's answer ended the call ("ended"), sent it elsewhere ("transferred"), or left a message ("machine").
	BotEnded struct {
		Call    SID    `json:"call_sid"`
		Session string `json:"session"`
		Result  string `json:"result"`
	}
	// CallRequested begins a call that goes out.
	CallRequested struct {
		To         string        `json:"to"`
		From       string        `json:"from"`
		Account    string        `json:"account,omitempty"`
		Session    string        `json:"session"`
		Bot        string        `json:"bot"`
		Name       string        `json:"name,omitempty"`
		Connection string        `json:"connection"`
		Machine    string        `json:"machine,omitempty"` // "", "detect" or "message"
		Ring       time.Duration `json:"ring,omitempty"`
		By         string        `json:"by,omitempty"`
	}
	// HandoffRequested asks that a caller whom a bot has goes to a person.
	HandoffRequested struct {
		Request
		Handoff   Handoff   `json:"handoff"`
		NotBefore time.Time `json:"not_before,omitzero"` // the bot's sentence is over then
	}
)

func (BotAnswered) event()      {}
func (HandedOff) event()        {}
func (BotEnded) event()         {}
func (CallRequested) event()    {}
func (HandoffRequested) event() {}
