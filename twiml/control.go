package twiml

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Redirect goes on with the TwiML at another URL. The verbs after it are never reached.
//
// https://www.twilio.com/docs/voice/twiml/redirect
type Redirect struct {
	Method string `xml:"method,attr,omitempty"` // default POST
	URL    string `xml:",chardata"`
}

// Hangup ends the call.
//
// https://www.twilio.com/docs/voice/twiml/hangup
type Hangup struct{}

// Reject turns a call away without answering it, and so without a fee. It must be the first verb.
//
// https://www.twilio.com/docs/voice/twiml/reject
type Reject struct {
	Reason string `xml:"reason,attr,omitempty"` // "rejected" (default) or "busy"
}

func (Redirect) verb() {}
func (Hangup) verb()   {}
func (Reject) verb()   {}

func (Redirect) element() string { return "Redirect" }
func (Hangup) element() string   { return "Hangup" }
func (Reject) element() string   { return "Reject" }

func (r Redirect) check() error { return needed("a URL", r.URL) }
func (Hangup) check() error     { return nil }
func (r Reject) check() error   { return oneOf("reason", r.Reason, "rejected", "busy") }

func needed(what, v string) error {
	if v == "" {
		return errors.New(what + " is missing")
	}
	return nil
}

// oneOf lets "" pass, which is not written.
func oneOf(name, v string, allowed ...string) error {
	if v == "" || slices.Contains(allowed, v) {
		return nil
	}
	return fmt.Errorf("%s is %q, and must be one of %s", name, v, strings.Join(allowed, ", "))
}

func notNegative(v *int, name string) error {
	if v != nil && *v < 0 {
		return fmt.Errorf("%s is %d, and must not be negative", name, *v)
	}
	return nil
}
