package activities

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	voice "github.com/twilio/twilio-go/rest/api/v2010"
	"go.temporal.io/sdk/activity"

	"holdfast/call"
)

// codeLabelTaken is Twilio's answer to a second participant with a label. https://www.twilio.com/docs/api/errors/16025
const codeLabelTaken = 16025

// legEvents are what we want to hear of a leg that we dial. https://www.twilio.com/docs/voice/api/call-resource#statuscallbackevent
var legEvents = []string{"initiated", "ringing", "answered", "completed"}

// AddParticipant dials somebody and brings him into a conference under his label, and answers his leg's call. If it was tried before, and he may be
// there already, he is looked for first. He hears no beep, nobody hears his line before he answers, and the conference never ends with him.
// https://www.twilio.com/docs/voice/api/conference-participant-resource
func (a *Activities) AddParticipant(ctx context.Context, c call.AddParticipant) (call.SID, error) {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return "", err
	}
	callback := a.Twilio.config.LegCallback
	if callback == nil {
		return "", errors.New("twilio: no address for a leg's callbacks is set")
	}
	from := a.callerID(c.To, c.From)
	if from == "" {
		return "", refused(0, "no caller ID to dial with: set a number of the account or a verified one for agents' legs")
	}
	if repeated(ctx) {
		if leg, err := a.labelled(ctx, c.Conference, c.Label); err != nil || leg != "" {
			return leg, err
		}
	}
	params := (&voice.CreateParticipantParams{}).
		SetFrom(from).
		SetTo(c.To).
		SetLabel(string(c.Label)).
		SetTimeout(max(a.Twilio.ringSeconds(c.Ring), shortestRing)).
		SetBeep("false").
		SetEarlyMedia(false).
		SetEndConferenceOnExit(false).
		SetStatusCallback(callback(c.Call, c.Label)).
		SetStatusCallbackMethod(http.MethodPost).
		SetStatusCallbackEvent(legEvents)
	if c.Muted {
		params.SetMuted(true)
	}
	var leg call.SID
	err = a.Twilio.send(ctx, prompt, routeParticipants, func(x *exchange) error {
		p, err := x.voice().CreateParticipant(string(c.Conference), params)
		if err == nil {
			leg = call.SID(value(p.CallSid))
		}
		return err
	})
	if f := failureOf(err); f != nil && f.Code == codeLabelTaken {
		if there, lookErr := a.labelled(ctx, c.Conference, c.Label); lookErr != nil || there != "" {
			return there, lookErr
		}
	}
	return leg, err
}

// How long Twilio lets a participant ring, in seconds.
const (
	shortestRing = 5
	longestRing  = 600
)

// callerID is what somebody who is dialled sees. An agent's or a supervisor's phone shows what is set for it; outside, the number that the customer
// dialled comes first, for that is the contact centre's. A client may be called by another client's name, a telephone only by a number.
func (a *Activities) callerID(to, dialled string) string {
	set, client := a.Twilio.config.AgentFrom, strings.HasPrefix(to, "client:")
	own := cmp.Or(set, a.Twilio.config.OwnNumber)
	soft := client || strings.HasPrefix(to, "sip:") || strings.HasPrefix(to, "sips:")
	switch {
	case soft && set != "":
		return set
	case e164.MatchString(dialled):
		return dialled
	case own == "" && client:
		return "client:holdfast"
	default:
		return own
	}
}

// labelled is the call of the participant with a label, on its way or there; "" if there is none.
func (a *Activities) labelled(ctx context.Context, conference call.ConferenceSID, label call.Label) (call.SID, error) {
	var leg call.SID
	err := a.Twilio.send(ctx, prompt, routeParticipant, func(x *exchange) error {
		p, err := x.voice().FetchParticipant(string(conference), string(label), nil)
		if err == nil {
			leg = call.SID(value(p.CallSid))
		}
		return err
	})
	return leg, doneIfGone(err)
}

// repeated says whether an activity was tried before: the attempt before this one may have made what it was for, whether or not it lived to say so.
func repeated(ctx context.Context) bool {
	return activity.IsActivity(ctx) && activity.GetInfo(ctx).Attempt > 1
}

// CoachParticipant sets whom a supervisor's leg coaches. It says nothing of its being muted: a request that changes both is not taken as one.
func (a *Activities) CoachParticipant(ctx context.Context, c call.CoachParticipant) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	params := (&voice.UpdateParticipantParams{}).SetCoaching(c.Coaching)
	if c.Coaching {
		params.SetCallSidToCoach(string(c.Coach))
	}
	return a.updateParticipant(ctx, prompt, c.Conference, c.Leg, params, func(p call.Participant) bool {
		return p.Coaching == c.Coaching && (!c.Coaching || p.Coach == c.Coach)
	})
}

// MoveCustomer brings a customer who waits into the conference in which an agent waits for him. It ends with him: to move him there again would take him out
// first, and so end it. If it was tried before and nobody knows whether it took effect, Twilio is asked first.
// https://www.twilio.com/docs/voice/api/call-resource
func (a *Activities) MoveCustomer(ctx context.Context, c call.MoveCustomer) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	room, err := a.customersRoom(c)
	if err != nil {
		return err
	}
	if activity.IsActivity(ctx) && activity.HasHeartbeatDetails(ctx) {
		now, err := a.readConference(ctx, "", call.TaskSID(c.Name))
		if err != nil {
			activity.RecordHeartbeat(ctx, unanswered)
			return err
		}
		if slices.ContainsFunc(now.Participants, func(p call.Participant) bool { return p.Call == c.Leg }) {
			return nil
		}
	}
	sent := false
	err = a.Twilio.send(ctx, prompt, routeCall, func(x *exchange) error {
		sent = true
		_, err := x.voice().UpdateCall(string(c.Leg), (&voice.UpdateCallParams{}).SetTwiml(string(room)))
		return err
	})
	noteUnanswered(ctx, sent, err)
	return err
}

// refused is the error of a command that Twilio need not be asked for.
func refused(code int, message string) error {
	return (&exchange{}).typed(&call.Failure{Kind: call.FailureRefused, Code: code, Message: message})
}
