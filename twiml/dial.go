package twiml

import (
	"encoding/xml"
	"errors"
	"fmt"
)

// Dial connects the caller with others: several numbers, clients and SIP addresses ring at once and the first to answer has the call; a
// conference stands alone. With Action the verbs after it are never reached.
//
// https://www.twilio.com/docs/voice/twiml/dial
type Dial struct {
	Action                        string `xml:"action,attr,omitempty"`
	Method                        string `xml:"method,attr,omitempty"`    // of Action; default POST
	TimeoutSeconds                int    `xml:"timeout,attr,omitempty"`   // of ringing; default 30
	TimeLimitSeconds              int    `xml:"timeLimit,attr,omitempty"` // of talking; default 14400
	HangupOnStar                  bool   `xml:"hangupOnStar,attr,omitempty"`
	CallerID                      string `xml:"callerId,attr,omitempty"` // default: the caller's
	CallReason                    string `xml:"callReason,attr,omitempty"`
	AnswerOnBridge                bool   `xml:"answerOnBridge,attr,omitempty"`
	RingTone                      string `xml:"ringTone,attr,omitempty"`
	Record                        string `xml:"record,attr,omitempty"` // default "do-not-record"
	RecordingStatusCallback       string `xml:"recordingStatusCallback,attr,omitempty"`
	RecordingStatusCallbackMethod string `xml:"recordingStatusCallbackMethod,attr,omitempty"` // default POST
	RecordingStatusCallbackEvent  Events `xml:"recordingStatusCallbackEvent,attr,omitempty"`  // default "completed"
	RecordingTrack                string `xml:"recordingTrack,attr,omitempty"`                // default "both"
	Trim                          string `xml:"trim,attr,omitempty"`                          // default "do-not-trim"
	Nouns                         Nouns
}

// Noun is whom a [Dial] calls: [Number], [Client], [Sip], [Conference].
type Noun interface {
	part
	noun()
}

// Nouns are called at once.
type Nouns []Noun

// MarshalXML writes each noun under its own name.
func (n Nouns) MarshalXML(e *xml.Encoder, _ xml.StartElement) error { return encodeParts(e, n) }

// Number is a telephone.
//
// https://www.twilio.com/docs/voice/twiml/number
type Number struct {
	SendDigits           string `xml:"sendDigits,attr,omitempty"` // pressed when it answers; "w" waits half a second
	URL                  string `xml:"url,attr,omitempty"`        // TwiML that the called side hears before both are connected
	Method               string `xml:"method,attr,omitempty"`     // of URL; default POST
	StatusCallback       string `xml:"statusCallback,attr,omitempty"`
	StatusCallbackMethod string `xml:"statusCallbackMethod,attr,omitempty"` // default POST
	StatusCallbackEvent  Events `xml:"statusCallbackEvent,attr,omitempty"`  // of the called leg; default "completed"
	Number               string `xml:",chardata"`                           // E.164
}

// Client is a browser or an app.
//
// https://www.twilio.com/docs/voice/twiml/client
type Client struct {
	URL                  string `xml:"url,attr,omitempty"`
	Method               string `xml:"method,attr,omitempty"`
	StatusCallback       string `xml:"statusCallback,attr,omitempty"`
	StatusCallbackMethod string `xml:"statusCallbackMethod,attr,omitempty"`
	StatusCallbackEvent  Events `xml:"statusCallbackEvent,attr,omitempty"`
	Identity             string `xml:",chardata"` // without "client:"
}

// Sip is a SIP address.
//
// https://www.twilio.com/docs/voice/twiml/sip
type Sip struct {
	Username             string `xml:"username,attr,omitempty"`
	Password             string `xml:"password,attr,omitempty"`
	URL                  string `xml:"url,attr,omitempty"`
	Method               string `xml:"method,attr,omitempty"`
	StatusCallback       string `xml:"statusCallback,attr,omitempty"`
	StatusCallbackMethod string `xml:"statusCallbackMethod,attr,omitempty"`
	StatusCallbackEvent  Events `xml:"statusCallbackEvent,attr,omitempty"`
	URI                  string `xml:",chardata"` // "sip:…"
}

// Conference is a room, by its name. It is made by the first who comes, whose callbacks alone count: StatusCallback and its events of later
// ones are ignored.
//
// https://www.twilio.com/docs/voice/twiml/conference
type Conference struct {
	Muted                         bool    `xml:"muted,attr,omitempty"`
	Beep                          string  `xml:"beep,attr,omitempty"`         // "true" (default), "false", "onEnter", "onExit"
	StartConferenceOnEnter        *bool   `xml:"startConferenceOnEnter,attr"` // default true
	EndConferenceOnExit           *bool   `xml:"endConferenceOnExit,attr"`    // default false
	ParticipantLabel              string  `xml:"participantLabel,attr,omitempty"`
	Coach                         string  `xml:"coach,attr,omitempty"` // CA… of whom this leg whispers to
	WaitURL                       *string `xml:"waitUrl,attr"`         // played until it starts; nil: Twilio's music; "": silence
	WaitMethod                    string  `xml:"waitMethod,attr,omitempty"`
	MaxParticipants               int     `xml:"maxParticipants,attr,omitempty"` // default and most 250
	Record                        string  `xml:"record,attr,omitempty"`          // default "do-not-record"
	Trim                          string  `xml:"trim,attr,omitempty"`            // default "trim-silence"
	Region                        string  `xml:"region,attr,omitempty"`
	JitterBufferSize              string  `xml:"jitterBufferSize,attr,omitempty"`
	StatusCallback                string  `xml:"statusCallback,attr,omitempty"`
	StatusCallbackMethod          string  `xml:"statusCallbackMethod,attr,omitempty"`
	StatusCallbackEvent           Events  `xml:"statusCallbackEvent,attr,omitempty"` // default "start end"
	RecordingStatusCallback       string  `xml:"recordingStatusCallback,attr,omitempty"`
	RecordingStatusCallbackMethod string  `xml:"recordingStatusCallbackMethod,attr,omitempty"`
	RecordingStatusCallbackEvent  Events  `xml:"recordingStatusCallbackEvent,attr,omitempty"`
	Name                          string  `xml:",chardata"`
}

// ConferenceEvents are what we want to hear of every conference.
func ConferenceEvents() Events {
	return Events{"start", "end", "join", "leave", "mute", "hold", "modify"}
}

func (Dial) verb()           {}
func (Dial) element() string { return "Dial" }

func (Number) noun()     {}
func (Client) noun()     {}
func (Sip) noun()        {}
func (Conference) noun() {}

func (Number) element() string     { return "Number" }
func (Client) element() string     { return "Client" }
func (Sip) element() string        { return "Sip" }
func (Conference) element() string { return "Conference" }

func (d Dial) check() error {
	if len(d.Nouns) == 0 {
		return errors.New("there is nobody to dial")
	}
	for _, n := range d.Nouns {
		if _, room := n.(Conference); room && len(d.Nouns) > 1 {
			return errors.New("a conference is dialled alone")
		}
	}
	return errors.Join(
		notNegative(&d.TimeoutSeconds, "timeout"),
		notNegative(&d.TimeLimitSeconds, "timeLimit"),
		oneOf("record", d.Record, "do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
			"record-from-ringing-dual"),
	)
}

func (n Number) check() error { return needed("a number", n.Number) }
func (c Client) check() error { return needed("an identity", c.Identity) }
func (s Sip) check() error    { return needed("an address", s.URI) }

func (c Conference) check() error {
	if c.MaxParticipants < 0 || c.MaxParticipants > 250 {
		return fmt.Errorf("maxParticipants is %d, and must be at most 250", c.MaxParticipants)
	}
	return errors.Join(
		needed("a name", c.Name),
		oneOf("beep", c.Beep, "true", "false", "onEnter", "onExit"),
		oneOf("record", c.Record, "do-not-record", "record-from-start"),
		oneOf("trim", c.Trim, "trim-silence", "do-not-trim"),
		oneOf("jitterBufferSize", c.JitterBufferSize, "off", "small", "medium", "large"),
	)
}
