package twiml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
)

// Say speaks a text.
//
// https://www.twilio.com/docs/voice/twiml/say
type Say struct {
	Voice    string `xml:"voice,attr,omitempty"`    // default: the account's
	Language string `xml:"language,attr,omitempty"` // such as "en-GB"; default: the voice's
	Loop     *int   `xml:"loop,attr"`               // how often; nil: once; 0: until the call ends
	Text     string `xml:",chardata"`
}

// Play plays a recording, or keys.
//
// https://www.twilio.com/docs/voice/twiml/play
type Play struct {
	Digits string `xml:"digits,attr,omitempty"` // keys to press; "w" waits half a second
	Loop   *int   `xml:"loop,attr"`             // how often; nil: once; 0: until the call ends
	URL    string `xml:",chardata"`             // of WAV, MP3 and the like; not needed with Digits
}

// Pause is silence. As a first verb it does not answer the call.
//
// https://www.twilio.com/docs/voice/twiml/pause
type Pause struct {
	LengthSeconds int `xml:"length,attr,omitempty"` // default 1
}

// Gather listens for keys or speech while its prompts play. When nothing came, the next verb follows, unless ActionOnEmptyResult.
//
// https://www.twilio.com/docs/voice/twiml/gather
type Gather struct {
	Input                       string  `xml:"input,attr,omitempty"` // "dtmf" (default), "speech" or "dtmf speech"
	Action                      string  `xml:"action,attr,omitempty"`
	Method                      string  `xml:"method,attr,omitempty"`        // of Action; default POST
	TimeoutSeconds              int     `xml:"timeout,attr,omitempty"`       // of silence; default 5
	SpeechTimeout               string  `xml:"speechTimeout,attr,omitempty"` // of silence after speech, in seconds, or "auto"
	MaxSpeechTimeSeconds        int     `xml:"maxSpeechTime,attr,omitempty"` // default 60
	ProfanityFilter             *bool   `xml:"profanityFilter,attr"`         // default true
	FinishOnKey                 *string `xml:"finishOnKey,attr"`             // default "#"; "": no key ends it
	NumDigits                   int     `xml:"numDigits,attr,omitempty"`     // default: no end by number
	PartialResultCallback       string  `xml:"partialResultCallback,attr,omitempty"`
	PartialResultCallbackMethod string  `xml:"partialResultCallbackMethod,attr,omitempty"` // default POST
	Language                    string  `xml:"language,attr,omitempty"`                    // default "en-US"
	Hints                       string  `xml:"hints,attr,omitempty"`                       // phrases, separated by commas
	BargeIn                     *bool   `xml:"bargeIn,attr"`                               // default true: speech stops the prompts
	ActionOnEmptyResult         bool    `xml:"actionOnEmptyResult,attr,omitempty"`         // default false
	SpeechModel                 string  `xml:"speechModel,attr,omitempty"`                 // such as "phone_call"
	Enhanced                    bool    `xml:"enhanced,attr,omitempty"`                    // default false
	Prompts                     Prompts
}

// Prompt is what may play inside a [Gather]: [Say], [Play], [Pause].
type Prompt interface {
	part
	prompt()
}

// Prompts play one after the other.
type Prompts []Prompt

// MarshalXML writes each prompt under its own name.
func (p Prompts) MarshalXML(e *xml.Encoder, _ xml.StartElement) error { return encodeParts(e, p) }

func (Say) verb()    {}
func (Play) verb()   {}
func (Pause) verb()  {}
func (Gather) verb() {}

func (Say) prompt()   {}
func (Play) prompt()  {}
func (Pause) prompt() {}

func (Say) element() string    { return "Say" }
func (Play) element() string   { return "Play" }
func (Pause) element() string  { return "Pause" }
func (Gather) element() string { return "Gather" }

func (s Say) check() error {
	if s.Text == "" {
		return errors.New("there is nothing to say")
	}
	return notNegative(s.Loop, "loop")
}

func (p Play) check() error {
	if p.URL == "" && p.Digits == "" {
		return errors.New("there is nothing to play")
	}
	return notNegative(p.Loop, "loop")
}

func (p Pause) check() error { return notNegative(&p.LengthSeconds, "length") }

func (g Gather) check() error {
	return errors.Join(
		oneOf("input", g.Input, "dtmf", "speech", "dtmf speech", "speech dtmf"),
		notNegative(&g.TimeoutSeconds, "timeout"),
		notNegative(&g.MaxSpeechTimeSeconds, "maxSpeechTime"),
		notNegative(&g.NumDigits, "numDigits"),
		g.checkSpeechTimeout(),
	)
}

// checkSpeechTimeout keeps from Twilio what it warns of and takes its default for: a part of a second, which callers would notice as a second pause.
func (g Gather) checkSpeechTimeout() error {
	if g.SpeechTimeout == "" || g.SpeechTimeout == "auto" {
		return nil
	}
	if n, err := strconv.Atoi(g.SpeechTimeout); err != nil || n < 1 {
		return fmt.Errorf(`speechTimeout is %q, and must be "auto" or whole seconds`, g.SpeechTimeout)
	}
	return nil
}
