package activities

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	voice "github.com/twilio/twilio-go/rest/api/v2010"
	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"

	"holdfast/call"
	"holdfast/twiml"
)

// codeAlreadyAccepting is TaskRouter's answer to an instruction for a reservation that follows one already.
// https://www.twilio.com/docs/api/errors/40144
const codeAlreadyAccepting = 40144

// conferenceEvents are what we want to hear of a conference; as the assignment callback's answer has them, but for "modify", which Twilio's
// document does not allow here.
var conferenceEvents = []string{"start", "end", "join", "leave", "mute", "hold"}

// InstructReservation accepts a reservation by a conference instruction, with the flags that the assignment callback's answer has: an agent's
// leaving never ends the conference, the customer's does. One that is being accepted already counts as instructed.
// https://www.twilio.com/docs/taskrouter/api/reservations
func (a *Activities) InstructReservation(ctx context.Context, c call.InstructReservation) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	callback := a.Twilio.config.ConferenceCallback
	if callback == nil {
		return errors.New("twilio: no address for the conference's callbacks is set")
	}
	params := (&taskrouter.UpdateTaskReservationParams{}).
		SetInstruction("conference").
		SetTimeout(a.Twilio.ringSeconds(c.Ring)).
		SetEndConferenceOnExit(false).
		SetEndConferenceOnCustomerExit(true).
		SetBeep("false").
		SetConferenceStatusCallback(callback(c.Call, c.Reservation)).
		SetConferenceStatusCallbackMethod(http.MethodPost).
		SetConferenceStatusCallbackEvent(conferenceEvents)
	if c.To != "" {
		params.SetTo(c.To)
	}
	if from := a.Twilio.config.AgentFrom; from != "" {
		params.SetFrom(from)
	} else if e164.MatchString(c.From) { // a SIP or client address is no caller ID; TaskRouter finds one
		params.SetFrom(c.From)
	}
	err = a.Twilio.do(ctx, routeReservation, func(x *exchange) error {
		_, err := x.taskRouter().UpdateTaskReservation(a.Twilio.config.WorkspaceSID, string(c.Task), string(c.Reservation), params)
		return err
	})
	if f := failureOf(err); f != nil && f.Code == codeAlreadyAccepting {
		return nil
	}
	return doneIf(err, func() (string, error) { return a.reservationStatus(ctx, c.Task, c.Reservation) }, "accepted", "wrapping", "completed")
}

// e164 is what Twilio calls a telephone number.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// ringSeconds is a ring time as Twilio takes it: whole seconds from 1 to 600.
func (t *Twilio) ringSeconds(ring time.Duration) int { return min(t.seconds(ring), longestRing) }

// seconds are the whole seconds of Twilio's in which d is over, 1 at least.
func (t *Twilio) seconds(d time.Duration) int {
	second := cmp.Or(t.config.Second, time.Second)
	return int(max((d+second-1)/second, 1))
}

const standardApology = "We are sorry. Your call cannot be taken at the moment. Please call again later."

// DismissCaller takes leave of a caller wherever he waits: he hears why, and his call ends; or what comes then is the TwiML that is set for it. One whose
// call is over counts as dismissed.
// https://www.twilio.com/docs/voice/api/call-resource
func (a *Activities) DismissCaller(ctx context.Context, c call.DismissCaller) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	params := &voice.UpdateCallParams{}
	if elsewhere := a.Twilio.config.GoodbyeURL; elsewhere != nil {
		params.SetUrl(elsewhere.String()).SetMethod(http.MethodPost)
	} else {
		apology := a.Twilio.config.Apology
		if apology == "" {
			apology = standardApology
		}
		goodbye, err := twiml.Response{twiml.Say{Text: apology}, twiml.Hangup{}}.Bytes()
		if err != nil {
			return err
		}
		params.SetTwiml(string(goodbye))
	}
	err = doneIfGone(a.Twilio.send(ctx, urgent, routeCall, func(x *exchange) error {
		_, err := x.voice().UpdateCall(string(c.Leg), params)
		return err
	}))
	if f := failureOf(err); f != nil && f.Code == codeCallNotInProgress {
		return nil
	}
	return err
}
