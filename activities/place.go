package activities

import (
	"context"
	"errors"
	"net/http"
	"time"

	voice "github.com/twilio/twilio-go/rest/api/v2010"

	"holdfast/call"
	"holdfast/store"
)

// routeCalls is where calls are made and listed.
var routeCalls = route{voiceProduct, "/Calls"}

// placedAtOnce is how long after it was asked for a call is placed without a look whether it was before: a repeat comes later.
const placedAtOnce = 2 * time.Second

// PlaceCall dials a customer for a bot, and answers his call. If it was tried before, the call is looked for first: nobody is dialled twice.
// https://www.twilio.com/docs/voice/api/call-resource
func (a *Activities) PlaceCall(ctx context.Context, c call.PlaceCall) (call.SID, error) {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return "", err
	}
	if a.Lines.AnswerURL == nil || a.Lines.ProgressURL == nil {
		return "", errors.New("no addresses for the webhooks of calls that bots place are set")
	}
	if repeated(ctx) || time.Since(c.At) > placedAtOnce {
		if sid, err := a.placedBefore(ctx, c); err != nil || sid != "" {
			return sid, err
		}
	}
	params := (&voice.CreateCallParams{}).
		SetTo(c.To).
		SetFrom(c.From).
		SetUrl(a.Lines.AnswerURL(c.Session)).
		SetMethod(http.MethodPost).
		SetTimeout(a.Twilio.ringSeconds(c.Ring)).
		SetStatusCallback(a.Lines.ProgressURL(c.Call)).
		SetStatusCallbackMethod(http.MethodPost).
		SetStatusCallbackEvent(legEvents)
	switch c.Machine {
	case "detect":
		params.SetMachineDetection("Enable")
	case "message":
		params.SetMachineDetection("DetectMessageEnd")
	}
	var sid call.SID
	err = a.Twilio.send(ctx, prompt, routeCalls, func(x *exchange) error {
		made, err := x.voice().CreateCall(params)
		if err == nil {
			sid = call.SID(value(made.Sid))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	_, err = a.Bots.NoteSessionCall(ctx, c.Session, string(sid), "")
	if errors.Is(err, store.ErrTurnTaken) || errors.Is(err, store.ErrNotFound) {
		err = nil // its callback was faster, or nobody asks for the session any more
	}
	return sid, err
}

// listedCalls is how many calls to one number are looked through: those since the call was asked for.
const listedCalls = 50

// clocksDiffer is how much Twilio's clock may be behind ours.
const clocksDiffer = 30 * time.Second

// placedBefore is the call that an attempt before this one made: the one whose callback came, or else the only one to this number since then that is no
// other session's. "" if there is none.
func (a *Activities) placedBefore(ctx context.Context, c call.PlaceCall) (call.SID, error) {
	session, err := a.Bots.Session(ctx, c.Session)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	if session.CallSID != "" {
		return call.SID(session.CallSID), nil
	}
	var page *voice.ListCallResponse
	err = a.Twilio.send(ctx, prompt, routeCalls, func(x *exchange) (err error) {
		page, err = x.voice().PageCall((&voice.ListCallParams{}).SetTo(c.To).SetFrom(c.From).SetPageSize(listedCalls), "", "")
		return err
	})
	if err != nil {
		return "", err
	}
	var found []call.SID
	for _, listed := range page.Calls {
		made, err := time.Parse(time.RFC1123Z, value(listed.DateCreated))
		if err != nil || made.Before(c.At.Add(-clocksDiffer)) {
			continue
		}
		sid := value(listed.Sid)
		other, err := a.Bots.SessionByCall(ctx, sid)
		switch {
		case err == nil && other.ID != c.Session:
		case err == nil || errors.Is(err, store.ErrNotFound):
			found = append(found, call.SID(sid))
		default:
			return "", err
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	default:
		return "", errors.New("several calls may be the one that was placed; its callback will tell")
	}
}
