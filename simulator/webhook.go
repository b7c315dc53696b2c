package simulator

import (
	"fmt"
	"net/url"
	"time"
)

// A hook is one webhook to be sent: signed, with an idempotency token of its own that its retries share, within the limits of the
// connection overrides in its URL's fragment
// (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
type hook struct {
	Method  string // POST when empty
	URL     string // may carry connection overrides: #rc=3&rp=all&rt=5000
	Params  url.Values
	Timeout time.Duration // for all attempts together; real time; 15 s when 0

	// Fallback gets the same request, ErrorCode and ErrorUrl added, when the first failed.
	Fallback       string
	FallbackMethod string

	// Account signs it; the first one when nil.
	Account *account
	// Kind is what Stats counts it under, e.g. "assignment"; drawn from Params when empty.
	Kind string
	// Subject is what orders the start of queued hooks; the conference, call or task in Params when empty.
	Subject string
	// Check, if set, may refuse an answer of 2xx (content type, syntax): the fallback is tried then. A *hookError keeps its code.
	Check func(hookAnswer) error
}

func (h hook) kind() string {
	switch {
	case h.Kind != "":
		return h.Kind
	case h.Params.Has("EventType"):
		return "event"
	case h.Params.Has("StatusCallbackEvent"):
		return "conference"
	case h.Params.Get("CallbackSource") == "call-progress-events":
		return "call-status"
	default:
		return "voice"
	}
}

func (h hook) subject() string {
	if h.Subject != "" {
		return h.Subject
	}
	for _, name := range []string{"ConferenceSid", "CallSid", "TaskSid", "ResourceSid"} {
		if v := h.Params.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// A hookAnswer is the answer that counted. Err is set when neither URL nor fallback gave a usable one; Status and Body are then the
// last answer's, if there was any.
type hookAnswer struct {
	Status      int
	ContentType string
	Body        []byte
	URL         string // the URL that answered, without fragment; relative URLs in TwiML resolve against it
	Err         error  // a *hookError
}

// A hookError is a failed webhook with the code that Twilio's debugger would show.
type hookError struct {
	Code   int
	URL    string
	Reason string
}

func (e *hookError) Error() string {
	return fmt.Sprintf("%d: %s: %s", e.Code, e.URL, e.Reason)
}

// What Twilio's debugger calls a failed webhook (https://www.twilio.com/docs/api/errors).
const (
	codeRetrieval  = 11200 // no 2xx, or no answer in time
	codeConnection = 11205
	codeRedirects  = 11215
	codeTooLarge   = 11750
)

// sendLocked queues a hook whose answer nobody waits for (status callbacks, events); never blocks. Callbacks of one call or
// conference start in the order queued, and may arrive in any.
func (s *Simulator) sendLocked(h hook) {
	if h.URL == "" {
		return
	}
	turn := s.hooks.queue(h.subject())
	s.goroutine(func() {
		defer turn.pass()
		turn.wait(s.ctx)
		if s.hooks.hold(h, turn) {
			s.hooks.deliver(h, turn.pass)
		}
	})
}

// fetch sends a hook and waits for its answer; the lock must not be held.
func (s *Simulator) fetch(h hook) hookAnswer {
	return s.hooks.deliver(h, func() {})
}
