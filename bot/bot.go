// Package bot is the dialogue of an AI voice agent: what it says to a caller, when it hands him to a person, and what it tells that person.
//
// A [Brain] thinks of answers; [Dialogue] is everything that a conversation remembers between two of them, a plain value that travels as JSON,
// so that any process can answer the next turn. Nothing here knows Twilio, the store or HTTP servers.
package bot

import (
	"context"
	"iter"
	"time"
)

// Settings are what a bot is set to, in the API's own words.
type Settings struct {
	Greeting     string         `json:"greeting"`               // the first sentence
	Instructions string         `json:"instructions,omitempty"` // to the model: who it is and what it may do
	Brain        BrainSettings  `json:"brain"`
	Fallback     *BrainSettings `json:"fallback,omitempty"`  // thinks when the brain fails twice in a row
	Languages    []string       `json:"languages,omitempty"` // BCP-47, the first is spoken at the beginning; default en-US
	Hints        []string       `json:"hints,omitempty"`     // words to expect
	Silence      Silence        `json:"silence"`
	Interrupt    Interrupt      `json:"interrupt,omitempty"`    // default any
	MaxSessions  int            `json:"max_sessions,omitempty"` // open at once, in and out; 0: no cap
	AtCap        AtCap          `json:"at_cap"`
	Offline      AtCap          `json:"offline"` // what callers get while the bot does not run
	Handoff      Handoff        `json:"handoff"`
	Phrases      Phrases        `json:"phrases"`
	Lookups      []Lookup       `json:"lookups,omitempty"`
	// Attributes are custom data that every task of the bot carries; those of a call come over them.
	Attributes map[string]any `json:"attributes,omitempty"`
}

// BrainSettings choose a brain.
type BrainSettings struct {
	Kind   string `json:"kind"`             // "scripted" or "openai"
	Script string `json:"script,omitempty"` // scripted: YAML; "" is the embedded one
	// openai: any endpoint that speaks its chat completions.
	BaseURL     string        `json:"base_url,omitempty"`
	Model       string        `json:"model,omitempty"`
	APIKeyEnv   string        `json:"api_key_env,omitempty"` // the environment variable that holds the key
	Temperature *float64      `json:"temperature,omitempty"`
	Within      time.Duration `json:"within,omitempty"` // for one answer, tools included; default 8s
}

// Silence is what happens when the caller says nothing.
type Silence struct {
	After   time.Duration `json:"after,omitempty"`   // default 5s, whole seconds
	Prompts []string      `json:"prompts,omitempty"` // default two, "Are you still there?"
	Goodbye string        `json:"goodbye,omitempty"`
}

// Interrupt says what stops the bot's speech.
type Interrupt string

// Interrupts.
const (
	InterruptAny    Interrupt = "any"
	InterruptSpeech Interrupt = "speech"
	InterruptKeys   Interrupt = "dtmf"
	InterruptNone   Interrupt = "none"
)

// AtCap is what a caller gets whom the bot cannot take.
type AtCap struct {
	Do      string `json:"do,omitempty"`      // "queue" (default), "message" or "busy"
	Message string `json:"message,omitempty"` // spoken for "message", and before "queue" if set
}

// Phrases are what the bot says by itself.
type Phrases struct {
	Filler   string `json:"filler,omitempty"`   // while the brain is slow
	Error    string `json:"error,omitempty"`    // when it failed
	Transfer string `json:"transfer,omitempty"` // before the caller goes to a person
	Nobody   string `json:"nobody,omitempty"`   // when no person can be had
}

// Handoff says when and how a caller goes to a person.
type Handoff struct {
	RoutingWorkflow string        `json:"routing_workflow,omitempty"` // WW…; "" is the default of the number or of all
	Priority        int           `json:"priority,omitempty"`
	Words           []string      `json:"words,omitempty"`        // any of which in the caller's words asks for a person; default "agent", "human", "representative", …
	Sentiment       bool          `json:"sentiment,omitempty"`    // an angry caller goes to a person
	FailedTurns     int           `json:"failed_turns,omitempty"` // not understood so often in a row; 0: never
	Topics          []string      `json:"topics,omitempty"`       // names of intents, or topics the model is told of
	After           time.Duration `json:"after,omitempty"`        // a dialogue that has gone on for so long; 0: never
	Off             bool          `json:"off,omitempty"`          // there are no people: never
}

// Lookup is something that the brain may ask by HTTP.
type Lookup struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	URL         string            `json:"url"` // with {parameter} placeholders
	Method      string            `json:"method,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Parameters  []string          `json:"parameters,omitempty"`
}

// Speaker is who said a message.
type Speaker string

// Speakers.
const (
	SpeakerCaller Speaker = "caller"
	SpeakerBot    Speaker = "bot"
	SpeakerSystem Speaker = "system" // notes for those who read the transcript
)

// Message is one sentence of the transcript.
type Message struct {
	At       time.Time `json:"at"`
	Speaker  Speaker   `json:"speaker"`
	Text     string    `json:"text"`
	Heard    string    `json:"heard,omitempty"` // of an interrupted one: what can have been heard
	Cut      bool      `json:"cut,omitempty"`   // it was interrupted
	Language string    `json:"language,omitempty"`
}

// Dialogue is what a conversation remembers. Secret and keyed input is not in it.
type Dialogue struct {
	StartedAt  time.Time         `json:"started_at"`
	Language   string            `json:"language"`
	Turn       int               `json:"turn"` // answered so far; 0: only the greeting
	Silences   int               `json:"silences,omitempty"`
	Leaving    bool              `json:"leaving,omitempty"` // the goodbye is being said; who speaks is taken back
	Failed     int               `json:"failed,omitempty"`  // turns in a row that were not understood
	Errors     int               `json:"errors,omitempty"`  // turns in a row that the brain failed
	Intent     string            `json:"intent,omitempty"`
	Slots      map[string]string `json:"slots,omitempty"`
	Selections []string          `json:"selections,omitempty"` // of menus, by name
	Sentiment  string            `json:"sentiment,omitempty"`  // positive, neutral, negative
	Messages   []Message         `json:"messages"`             // the last ones; the store has all
	Custom     map[string]any    `json:"custom,omitempty"`
}

// Input is what a caller did in his turn. All empty: he was silent.
type Input struct {
	Speech     string
	Confidence float64
	Digits     string // keyed; never kept
	At         time.Time
}

// A Piece is a part of a brain's answer, as it comes. Exactly one field is set.
type Piece struct {
	Say      string            // a sentence, or a part of one; parts are joined as they are
	Remember map[string]string // slots
	Intent   string
	Language string // speak this from now on
	Selected string // a menu's selection, by name
	Failed   bool   // the caller was not understood
	HandOff  *HandOff
	End      bool
	Transfer string // a telephone number or SIP address
}

// HandOff is the wish to hand the caller to a person: the six attributes, without what is known already. Empty fields are filled by rule.
type HandOff struct {
	Reason    string    `json:"reason"`
	Summary   string    `json:"summary,omitempty"`
	Sentiment string    `json:"sentiment,omitempty"`
	Language  string    `json:"language,omitempty"`
	At        time.Time `json:"at,omitzero"`
	By        string    `json:"by,omitempty"` // "caller", "rule", "model", or who asked by the API
}

// Brain thinks for a bot. It is safe for use by many goroutines.
type Brain interface {
	// Reply streams the answer to what the caller did. The sequence ends with an error if the brain failed; what came before was meant.
	// It stops when ctx is done or the loop over it is left.
	Reply(ctx context.Context, settings Settings, d Dialogue, in Input) iter.Seq2[Piece, error]
	// Summarise tells a person in one paragraph what was talked about, in the dialogue's language.
	Summarise(ctx context.Context, settings Settings, d Dialogue) (HandOff, error)
}
