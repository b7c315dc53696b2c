package simulator

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An element is one node of a TwiML document.
type element struct {
	name     string
	attrs    map[string]string
	text     string // of the element itself, trimmed
	all      string // its text with its children's: what SSML says
	children []*element
}

// parseTwiML reads a document. Every error is Twilio's 12100.
func parseTwiML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var root *element
	var open []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("document parse failure: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			case root != nil:
				return nil, errors.New("document parse failure: more than one root element")
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			e := open[len(open)-1]
			e.text = strings.TrimSpace(e.text)
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
				for _, e := range open {
					e.all += string(t)
				}
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("document parse failure: text outside of the root element")
			}
		}
	}
	if root == nil {
		return nil, errors.New("document parse failure: no element")
	}
	if root.name != "Response" {
		return nil, fmt.Errorf("document parse failure: the root element is <%s>, not <Response>", root.name)
	}
	return root, nil
}

// attr is an attribute, def when absent or empty.
func (e *element) attr(name, def string) string {
	if v := e.attrs[name]; v != "" {
		return v
	}
	return def
}

// has reports whether the attribute is there, be it empty: waitUrl="" means silence, no waitUrl means music.
func (e *element) has(name string) bool {
	_, ok := e.attrs[name]
	return ok
}

// flag is a boolean attribute.
func (e *element) flag(name string, def bool) bool {
	switch strings.ToLower(e.attrs[name]) {
	case "true":
		return true
	case "false":
		return false
	default:
		return def
	}
}

// child is the first child of a name, nil if there is none.
func (e *element) child(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// knownAttrs names the attributes of each verb and noun that is run here. Others are schema warnings (12200), as are unknown verbs.
var knownAttrs = map[string]string{
	"Response":   "",
	"Say":        "voice language loop",
	"Play":       "loop digits",
	"Pause":      "length",
	"Redirect":   "method",
	"Hangup":     "",
	"Reject":     "reason",
	"Leave":      "",
	"Gather":     "input action method timeout speechTimeout maxSpeechTime profanityFilter finishOnKey numDigits partialResultCallback partialResultCallbackMethod language hints bargeIn debug actionOnEmptyResult speechModel enhanced",
	"Enqueue":    "action method maxQueueSize waitUrl waitUrlMethod workflowSid",
	"Task":       "priority timeout",
	"Dial":       "action method timeout timeLimit hangupOnStar callerId callReason answerOnBridge ringTone record recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent recordingTrack recordingConfigurationId trim referUrl referMethod sequential events passports",
	"Number":     "url method statusCallback statusCallbackMethod statusCallbackEvent sendDigits byoc machineDetection amdStatusCallback amdStatusCallbackMethod",
	"Client":     "url method statusCallback statusCallbackMethod statusCallbackEvent",
	"Identity":   "",
	"Parameter":  "name value",
	"Sip":        "url method statusCallback statusCallbackMethod statusCallbackEvent username password machineDetection amdStatusCallback amdStatusCallbackMethod",
	"Conference": "muted beep startConferenceOnEnter endConferenceOnExit participantLabel coach waitUrl waitMethod maxParticipants record recordingConfigurationId trim region jitterBufferSize statusCallback statusCallbackMethod statusCallbackEvent recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent eventCallbackUrl",
}

// warnings lists what Twilio's schema does not know in the document.
func (e *element) warnings() []string {
	known, ok := knownAttrs[e.name]
	if !ok {
		return []string{"<" + e.name + "> is not supported and was skipped"}
	}
	var out []string
	names := strings.Fields(known)
	for name := range e.attrs {
		if !slices.Contains(names, name) {
			out = append(out, "attribute "+name+" of <"+e.name+"> is not known")
		}
	}
	for _, c := range e.children {
		if e.name == "Say" { // SSML
			break
		}
		out = append(out, c.warnings()...)
	}
	return out
}
