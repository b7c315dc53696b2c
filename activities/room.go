package activities

import (
	"errors"
	"net/http"

	"holdfast/call"
	"holdfast/twiml"
)

// customersRoom is the TwiML that takes a customer into a conference. Its callbacks count only should he be the first to come: they are the same as those of
// the agent, who as a rule is there already.
func (a *Activities) customersRoom(c call.MoveCustomer) ([]byte, error) {
	callback := a.Twilio.config.ConferenceCallback
	if callback == nil {
		return nil, errors.New("twilio: no address for the conference's callbacks is set")
	}
	return twiml.Response{twiml.Dial{Nouns: twiml.Nouns{twiml.Conference{
		Beep:                   "false",
		StartConferenceOnEnter: new(true),
		EndConferenceOnExit:    new(true),
		StatusCallback:         callback(c.Call, ""),
		StatusCallbackMethod:   http.MethodPost,
		StatusCallbackEvent:    twiml.ConferenceEvents(),
		Name:                   c.Name,
	}}}}.Bytes()
}
