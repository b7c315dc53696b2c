package bot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Dialogue is what a conversation remembers, a value that travels as JSON. Keyed digits and card numbers are not in it.
//
// A turn is [Dialogue.Listen], a brain's [Reply] if that asks for one, and [Dialogue.Answer]; see [Dialogue.Step]. Methods that change it
// are for one goroutine; who wants to try something works on a [Dialogue.Clone].
type Dialogue struct {
	StartedAt  time.Time         `json:"started_at"`
	Language   string            `json:"language"`
	Turn       int               `json:"turn"` // of the caller, silent ones included; 0: only the greeting
	Silences   int               `json:"silences,omitempty"`
	Leaving    bool              `json:"leaving,omitempty"`  // the goodbye is being said; who speaks is taken back
	Over       bool              `json:"over,omitempty"`     // the bot ended it
	Pending    bool              `json:"pending,omitempty"`  // the brain owes an answer to the caller's last message
	Failed     int               `json:"failed,omitempty"`   // turns in a row that were not understood
	Errors     int               `json:"errors,omitempty"`   // turns in a row that the brain failed
	Fallback   bool              `json:"fallback,omitempty"` // the other brain thinks
	Returned   int               `json:"returned,omitempty"` // times that nobody could take the caller
	HandOff    *HandOff          `json:"handoff,omitempty"`  // under way, or done
	Intent     string            `json:"intent,omitempty"`
	Expect     *Expect           `json:"expect,omitempty"`
	Slots      map[string]string `json:"slots,omitempty"`
	Selections []string          `json:"selections,omitempty"` // of menus, by name
	Sentiment  string            `json:"sentiment,omitempty"`  // positive, neutral, negative
	Mood       int               `json:"mood,omitempty"`       // behind Sentiment; below 0 is bad
	Said       int               `json:"said,omitempty"`       // messages so far
	Messages   []Message         `json:"messages"`             // the last ones; the store has all
	Custom     map[string]any    `json:"custom,omitempty"`     // of the call: brains know it, and it fills a script's slots of the same names

	fresh []Message // new or changed since the last answer
}

// Clone is a copy that shares nothing that either of them changes.
func (d Dialogue) Clone() Dialogue {
	d.Slots = maps.Clone(d.Slots)
	d.Selections = slices.Clone(d.Selections)
	d.Messages = slices.Clone(d.Messages)
	d.Custom = maps.Clone(d.Custom)
	d.fresh = slices.Clone(d.fresh)
	return d
}

// about is what custom data says in plain words, without what is for machines: of flex_ the name alone.
func (d Dialogue) about() map[string]string {
	about := map[string]string{}
	for name, v := range d.Custom {
		if name = strings.TrimPrefix(name, "flex_"); len(about) >= slotsKept || !nameForm.MatchString(name) || strings.HasSuffix(name, "sid") {
			continue
		}
		switch v.(type) {
		case string, float64, bool, int, json.Number:
			if text := clip(Mask(fmt.Sprint(v)), slotKept); text != "" {
				about[name] = text
			}
		}
	}
	return about
}

// Answer is what the bot does next. Say comes first, and whole unless the caller interrupts it.
type Answer struct {
	Say       []Speech  `json:"say,omitempty"`
	Interrupt Interrupt `json:"interrupt"` // what stops the speech, where Next is NextListen; else nothing does
	Next      Next      `json:"next"`
	Listen    Listen    `json:"listen,omitzero"`    // of NextListen
	HandOff   *HandOff  `json:"handoff,omitempty"`  // of NextHandOff, complete
	Transfer  string    `json:"transfer,omitempty"` // of NextTransfer: a telephone number or SIP address
	// Messages are those that are new or changed since the last answer, by their numbers.
	Messages []Message `json:"-"`
}

// Speech is something to say.
type Speech struct {
	Text     string `json:"text"`
	Language string `json:"language"` // BCP-47
}

// Listen is how to wait for the caller.
type Listen struct {
	Language string        `json:"language"` // BCP-47
	After    time.Duration `json:"after"`    // of silence; whole seconds
	Digits   int           `json:"digits,omitempty"`
	Hints    []string      `json:"hints,omitempty"`
}

// Next is what follows a bot's words.
type Next string

// What can follow.
const (
	NextListen   Next = "listen"
	NextLater    Next = "later" // the answer is not there yet: come again for it, and do not listen
	NextHandOff  Next = "handoff"
	NextTransfer Next = "transfer"
	NextEnd      Next = "end" // hang up
)

// Reply is all that a brain answered to one turn.
type Reply struct {
	Pieces []Piece
	Err    error // it failed after Pieces
}
