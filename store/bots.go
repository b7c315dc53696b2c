package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// SessionState is where a bot's conversation is.
type SessionState string

// Session states.
const (
	SessionOpen       SessionState = "open"
	SessionHandingOff SessionState = "handing-off" // somebody puts the caller into the queue; nobody else may
	SessionClosed     SessionState = "closed"
)

// Errors of the bots' part of the store, for errors.Is.
var (
	// ErrTurnTaken says that a turn was answered before, or the session is no longer open; the session as it is comes with it.
	ErrTurnTaken = errors.New("the turn was answered before")
	// ErrCapped says that as many sessions are open as the bot may have.
	ErrCapped = errors.New("the bot has as many open sessions as it may have")
	// ErrInboundTaken says that another bot answers the connection's calls.
	ErrInboundTaken = errors.New("another bot answers the calls of this connection")
	// ErrNumberTaken says that another connection has the telephone number; see [NumberTakenError].
	ErrNumberTaken = errors.New("another connection has this phone number")
	// ErrNoSecretKeys says that a token cannot be kept or read for want of a key.
	ErrNoSecretKeys = errors.New("no secret keys are set")
	// ErrSecretUnreadable says that a secret was sealed with a key that is not there, or is not what was sealed.
	ErrSecretUnreadable = errors.New("the secret cannot be read: it was sealed with a key that is not set")
)

// InboundTakenError is an [ErrInboundTaken] that names the bot.
type InboundTakenError struct{ Bot, Name string }

func (e *InboundTakenError) Error() string {
	return fmt.Sprintf("%s: %s (%s)", ErrInboundTaken, e.Name, e.Bot)
}

// Is says so of ErrInboundTaken.
func (e *InboundTakenError) Is(target error) bool { return target == ErrInboundTaken }

// NumberTakenError is an [ErrNumberTaken] that names the connection.
type NumberTakenError struct{ Connection, Name string }

func (e *NumberTakenError) Error() string {
	return fmt.Sprintf("%s: %s (%s)", ErrNumberTaken, e.Name, e.Connection)
}

// Is says so of ErrNumberTaken.
func (e *NumberTakenError) Is(target error) bool { return target == ErrNumberTaken }

// ConnectionRow is a line, or a workspace, with what it takes to use it; its token is never in it.
type ConnectionRow struct {
	ID              string
	Kind            string // "voice" or "workspace"
	Name            string
	Description     string
	AccountSID      string
	PhoneNumber     string
	Voice           string
	SpeechModel     string
	Region, Edge    string
	WorkspaceSID    string
	RoutingWorkflow string
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Credentials are what it takes to act for an account.
type Credentials struct {
	Connection   string
	AccountSID   string
	AuthToken    string // never logged
	Region, Edge string
}

// String is without the token.
func (c Credentials) String() string { return c.Connection + " of " + c.AccountSID }

// GoString is String: no way of printing shows the token.
func (c Credentials) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// BotRow is a bot: what it is set to, and what it runs with.
type BotRow struct {
	ID        string
	Name      string
	Settings  json.RawMessage // bot.Settings
	Revision  int64           // counts changes of the settings and attachments
	Running   json.RawMessage // a [RunningBot]; null while stopped
	RunsSince int64           // the revision that runs; 0: none
	StartedAt time.Time       // when it started to run; zero while it does not
	State     BotState
	Error     string // in words that lead to the fix
	CreatedAt time.Time
	UpdatedAt time.Time

	Connections []BotConnection // attached, by ID
}

// RestartDue says that the bot runs with other settings than it is set to.
func (b BotRow) RestartDue() bool { return b.RunsSince > 0 && b.RunsSince != b.Revision }

// BotState is where a bot's life is.
type BotState string

// Bot states.
const (
	BotStopped  BotState = "stopped"
	BotStarting BotState = "starting"
	BotRunning  BotState = "running"
	BotStopping BotState = "stopping"
	BotError    BotState = "error" // a line does not work; the others do
)

// BotConnection is a connection that is attached to a bot.
type BotConnection struct {
	Connection string `json:"connection"`
	Inbound    bool   `json:"inbound"` // the bot answers its calls, not only calls from it
}

// RunningBot is what a bot runs with: settings and lines as they were when it started.
type RunningBot struct {
	Revision    int64           `json:"revision"` // set by the store: no two starts with something changed between them look the same
	Name        string          `json:"name"`
	Settings    json.RawMessage `json:"settings"`
	Connections []RunningLine   `json:"connections"`
}

// RunningLine is a connection as the bot started with it.
type RunningLine struct {
	BotConnection
	Name        string `json:"name"`
	AccountSID  string `json:"account_sid"`
	PhoneNumber string `json:"phone_number"`
	Voice       string `json:"voice"`
	SpeechModel string `json:"speech_model"`
}

// BotLogLine is what happened to a bot's line, for people.
type BotLogLine struct {
	Number     int64 // of all bots' lines, growing; set by the store
	At         time.Time
	Bot        string
	Connection string // "" of the bot itself
	Level      string // info, warn, error
	Message    string
}

// SessionRow is a bot's conversation with a caller.
type SessionRow struct {
	ID               string
	Bot              string
	Connection       string
	AccountSID       string
	Call             string // the call's ID
	CallSID          string // "" of an outbound call that Twilio has not taken yet
	Direction        string // inbound, outbound
	Caller, Called   string
	State            SessionState
	Outcome          string // completed, handed-off, abandoned, transferred, busy, no-answer, failed, canceled, machine
	Turn             int
	Dialogue         json.RawMessage // bot.Dialogue
	Answer           json.RawMessage // the answer to Turn, as its webhook got it
	SpeakingUntil    time.Time       // about when the bot's last sentence is over
	Handoff          json.RawMessage
	HandoffBy        string // who began the handoff, so that he may do it again
	Machine          string // of an outbound call, what to do with an answering machine: "", "hangup", "continue" or "message"
	MachineMessage   string // what is said to it
	AnsweredBy       string // as Twilio told it; "" where nobody asked
	Messages         int    // how many there are
	Custom           json.RawMessage
	Summary          string
	FlexTask         string
	FlexReservation  string
	FlexConversation string
	OpenedAt         time.Time
	ClosedAt         time.Time
}

// SessionMessage is a message of a transcript.
type SessionMessage struct {
	Session  string
	Number   int // from 1, without gaps
	Turn     int
	At       time.Time
	Speaker  string
	Text     string
	Heard    string
	Cut      bool
	Language string
}
