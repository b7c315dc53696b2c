package activities

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/twilio/twilio-go/client"
	"go.temporal.io/sdk/temporal"

	"holdfast/call"
)

// codeCallNotInProgress is Twilio's answer to changing a call that is over. https://www.twilio.com/docs/api/errors/21220
const codeCallNotInProgress = 21220

// failure sorts what became of a request; nil if Twilio took it. The status is the transport's, because an error body that is not
// Twilio's JSON, such as a proxy's, leaves twilio-go without one.
func (x *exchange) failure(err error) *call.Failure {
	if err == nil {
		return nil
	}
	f := call.Failure{Status: x.status, Message: reason(err)}
	if rest, ok := errors.AsType[*client.TwilioRestError](err); ok {
		f.Code, f.Message = rest.Code, rest.Message
		if f.Status == 0 {
			f.Status = rest.Status // twilio-go itself would not send it
		}
	} else if f.Status >= http.StatusBadRequest {
		f.Message = fmt.Sprintf("HTTP %d with a body that is not Twilio's", f.Status)
	}
	if f.Message == "" {
		f.Message = fmt.Sprintf("HTTP %d", f.Status)
	}
	f.Message = shorten(f.Message)
	switch {
	case f.Status == http.StatusNotFound:
		f.Kind = call.FailureGone
	case f.Status == http.StatusRequestTimeout, f.Status == http.StatusTooManyRequests:
		f.Kind = call.FailureUnavailable
	case f.Status >= 400 && f.Status < 500:
		f.Kind = call.FailureRefused
	default:
		// No answer, a 5xx, or an answer that cannot be read: what happened is not known.
		f.Kind = call.FailureUnavailable
	}
	return &f
}

// reason is the innermost message of a transport's error: without the URL, which names the account.
func reason(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	return err.Error()
}

const longestMessage = 300

func shorten(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	end := longestMessage
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "…"
}

// typed makes an activity's error of a failure.
func (x *exchange) typed(f *call.Failure) error {
	options := temporal.ApplicationErrorOptions{
		NonRetryable: f.Kind != call.FailureUnavailable,
		Details:      []any{*f},
	}
	if f.Kind == call.FailureUnavailable {
		options.NextRetryDelay = x.retryAfter
	}
	return temporal.NewApplicationErrorWithOptions(f.Message, string(f.Kind), options)
}

// FailureOf reads the failure from the error of an activity that came to nothing, as a workflow gets it.
func FailureOf(err error) call.Failure {
	var application *temporal.ApplicationError
	if errors.As(err, &application) && application.HasDetails() {
		var f call.Failure
		if application.Details(&f) == nil && f.Kind != "" {
			return f
		}
	}
	// A timeout, a panic, a worker that went away: what happened is not known.
	return call.Failure{Kind: call.FailureUnavailable, Message: shorten(err.Error())}
}

// failureOf is FailureOf for an error of our own requests; nil for none.
func failureOf(err error) *call.Failure {
	if err == nil {
		return nil
	}
	f := FailureOf(err)
	return &f
}
