// Package bot is the dialogue of an AI voice agent: what it says to a caller, when it hands him to a person, and what it tells that person.
//
// A [Brain] thinks of answers; [Dialogue] is everything that a conversation remembers between two of them, a plain value that travels as JSON,
// so that any process can answer the next turn. Nothing here knows Twilio, the store or HTTP servers. Whoever has a telephone line does this:
//
//	dialogue, answer := bot.Open(settings, brain, now)
//	for {
//		// Say answer.Say, keep answer.Messages and the dialogue, do answer.Next; then, with what the caller did:
//		if interrupted {
//			dialogue.Interrupted(elapsed)
//		}
//		clean, answer, ask := dialogue.Listen(settings, input)
//		if ask {
//			reply := bot.Think(ctx, brain, settings, dialogue.Clone(), clean) // slow? answer dialogue.Wait(settings, now) meanwhile
//			answer = dialogue.Answer(settings, clean, reply, now)
//		}
//	}
//
// An answer of [NextLater] asks to come again for the reply of the brain that [Dialogue.Thinks] names. [Dialogue.HandOver] and
// [Dialogue.Return] are for what others do to the caller meanwhile.
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
	Transfers    []Target       `json:"transfers,omitempty"` // where the brain may send the caller, and nowhere else
	// Attributes are custom data that every task of the bot carries; those of a call come over them.
	Attributes map[string]any `json:"attributes,omitempty"`
}

// BrainSettings choose a brain.
type BrainSettings struct {
	Kind   string `json:"kind"`             // "scripted" or "openai"
	Script string `json:"script,omitempty"` // scripted: YAML; "" is the embedded one
	// openai: any endpoint that speaks its chat completions.
	BaseURL     string   `json:"base_url,omitempty"` // default https://api.openai.com/v1
	Model       string   `json:"model,omitempty"`
	APIKeyEnv   string   `json:"api_key_env,omitempty"` // the environment variable that holds the key, as [KeyVariable] allows
	Temperature *float64 `json:"temperature,omitempty"` // 0 to 2; without it the endpoint's own
	Within      Seconds  `json:"within,omitempty"`      // for one answer, tools included; default 8, at most 30
}

// Silence is what happens when the caller says nothing.
type Silence struct {
	After   Seconds  `json:"after,omitempty"`  // default 5; whole ones, 1 to 60
	Prompts []string `json:"prompts,omitzero"` // default two, "Are you still there?"; an empty list: goodbye at once
	Goodbye string   `json:"goodbye,omitempty"`
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
	RoutingWorkflow string `json:"routing_workflow,omitempty"` // WW…; "" is the default of the number or of all
	Priority        int    `json:"priority,omitempty"`
	// Words in the caller's own ask for a person. Without them: "agent", "human", "representative", … in the bot's languages; an empty list: none.
	Words       []string `json:"words,omitzero"`
	Sentiment   bool     `json:"sentiment,omitempty"`    // an angry caller goes to a person
	FailedTurns int      `json:"failed_turns,omitempty"` // not understood so often in a row; 0: never
	Topics      []string `json:"topics,omitempty"`       // names of intents, or topics the model is told of
	After       Seconds  `json:"after,omitempty"`        // a dialogue that has gone on for so long; 0: never
	Off         bool     `json:"off,omitempty"`          // there are no people: never
}

// Lookup is something that the brain may ask by HTTP. Its answer, JSON or text of up to 64 KiB, goes to the brain.
type Lookup struct {
	Name        string            `json:"name"` // small letters, digits and underscores
	Description string            `json:"description,omitempty"`
	URL         string            `json:"url"`                  // with {parameter} placeholders in its path and query
	Method      string            `json:"method,omitempty"`     // GET (default) or POST, which sends the parameters that are not in the URL as JSON
	Headers     map[string]string `json:"headers,omitempty"`    // ${NAME} in a value stands for the environment variable, as [KeyVariable] allows
	Parameters  []string          `json:"parameters,omitempty"` // of scripted: names of slots
	Within      Seconds           `json:"within,omitempty"`     // default 4, at most 20
}

// Target is somewhere else to send a caller.
type Target struct {
	Name        string `json:"name"` // small letters, digits and underscores
	Description string `json:"description,omitempty"`
	To          string `json:"to"` // a telephone number (E.164) or SIP address
}

// Speaker is who said a message.
type Speaker string

// Speakers.
const (
	SpeakerCaller Speaker = "caller"
	SpeakerBot    Speaker = "bot"
	SpeakerSystem Speaker = "system" // notes for those who read the transcript
)

// Message is what one side said in one go.
type Message struct {
	Number   int       `json:"number"` // from 1, without gaps
	At       time.Time `json:"at"`
	Speaker  Speaker   `json:"speaker"`
	Text     string    `json:"text"`
	Heard    string    `json:"heard,omitempty"` // of an interrupted one: what can have been heard
	Cut      bool      `json:"cut,omitempty"`   // it was interrupted
	Language string    `json:"language,omitempty"`
}

// Input is what a caller did in his turn. All empty: he was silent.
type Input struct {
	Speech     string
	Confidence float64
	Digits     string // keyed; never kept
	At         time.Time
}

// Silent says whether the caller did nothing.
func (in Input) Silent() bool { return in.Speech == "" && in.Digits == "" }

// A Piece is a part of a brain's answer, as it comes. Exactly one field is set.
type Piece struct {
	Say      string            // a sentence, or a part of one; parts are joined as they are
	Remember map[string]string // slots; "" forgets one
	Intent   string
	Language string  // speak this from now on: one of the bot's languages
	Selected string  // a menu's selection, by name
	Expect   *Expect // what is waited for next; without it, anything
	Failed   bool    // the caller was not understood
	HandOff  *HandOff
	End      bool
	Transfer string // the name of a [Target]
}

// Expect is what a brain waits for. Name is the brain's own.
type Expect struct {
	Name   string   `json:"name,omitempty"`
	Digits int      `json:"digits,omitempty"` // so many keys are the whole answer; 0: until # or a pause
	Hints  []string `json:"hints,omitempty"`  // words to expect, before those of the settings
}

// HandOff is the wish to hand the caller to a person: the six attributes, without what is known already. Empty fields are filled by rule.
type HandOff struct {
	Reason    string    `json:"reason"`
	Summary   string    `json:"summary,omitempty"`
	Sentiment string    `json:"sentiment,omitempty"` // positive, neutral or negative
	Language  string    `json:"language,omitempty"`  // BCP-47
	At        time.Time `json:"at,omitzero"`
	By        string    `json:"by,omitempty"` // "caller", "rule", "model", or who asked by the API
}

// Brain thinks for a bot. It is safe for use by many goroutines.
type Brain interface {
	// Reply streams the answer to what the caller did. What he said is in d already, as its last message; in has the keys besides, for this
	// once. The sequence ends with an error if the brain failed; what came before was meant. It stops when ctx is done or the loop over it is left.
	Reply(ctx context.Context, settings Settings, d Dialogue, in Input) iter.Seq2[Piece, error]
	// Summarise tells a person in one paragraph what was talked about, in the dialogue's language.
	Summarise(ctx context.Context, settings Settings, d Dialogue) (HandOff, error)
}
