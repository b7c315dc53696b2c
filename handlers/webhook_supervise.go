package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"holdfast/call"
	"holdfast/store"
	"holdfast/twiml"
)

// supervise answers the number that supervisors dial: whoever calls it is asked for the code that he was given. It decides nothing, and is not kept.
func (w *Webhooks) supervise(c echo.Context, in *webhookRequest) error {
	if _, ok := callSIDOf(in); !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing."})
	}
	w.count(c.Request().Context(), "supervise", "answered")
	return answerTwiML(c, w.askForCode(1, "Please enter the code of the call that you want to listen to."))
}

// askForCode asks twice, and then takes leave of whoever keys nothing.
func (w *Webhooks) askForCode(try int, text string) twiml.Response {
	gather := func(text string) twiml.Gather {
		return twiml.Gather{
			Input: "dtmf", Action: w.url(PathSuperviseCode, "try", strconv.Itoa(try)), Method: http.MethodPost, TimeoutSeconds: 10, NumDigits: dialInDigits,
			Prompts: twiml.Prompts{twiml.Say{Text: text}},
		}
	}
	return twiml.Response{gather(text), gather("Please enter the code."), twiml.Say{Text: "Goodbye."}, twiml.Hangup{}}
}

// superviseCode takes the code. The right one lets the supervisor into the conference of its call, muted: he begins by listening. The code is looked at and kept
// nowhere; what is not a call's is not said, be it wrong, used or expired.
func (w *Webhooks) superviseCode(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	leg, ok := callSIDOf(in)
	try, err := strconv.Atoi(in.query.Get("try"))
	if !ok || err != nil || try < 1 {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing, or what the URL should carry."})
	}
	id, label, err := w.takeCode(ctx, in.keyed, leg, try)
	switch {
	case errors.Is(err, store.ErrNotFound) && try < dialInTries:
		w.count(ctx, "supervise-code", "wrong")
		return answerTwiML(c, w.askForCode(try+1, "This code is not valid."))
	case errors.Is(err, store.ErrNotFound):
		w.count(ctx, "supervise-code", "wrong")
		w.log.LogAttrs(ctx, slog.LevelWarn, "somebody who dialled in keyed no valid code", slog.String("leg", string(leg)))
		return answerTwiML(c, twiml.Response{twiml.Say{Text: "This code is not valid. Goodbye."}, twiml.Hangup{}})
	case errors.Is(err, store.ErrDialInsLocked):
		w.count(ctx, "supervise-code", "locked")
		w.log.LogAttrs(ctx, slog.LevelError, "nobody can dial in to listen at the moment: too many wrong codes were keyed", slog.String("leg", string(leg)))
		return answerTwiML(c, noCodes())
	case err != nil:
		w.count(ctx, "supervise-code", "unavailable")
		w.log.LogAttrs(ctx, slog.LevelError, "a code to dial in by cannot be looked up", slog.Any("error", err))
		return answerTwiML(c, noCodes())
	}
	row := w.callRow(ctx, id)
	if row == nil || row.TaskSID == "" || row.pointless(announced{leg: leg, id: id, invitation: label}) || !row.awaits(label) {
		w.count(ctx, "supervise-code", "too-late")
		return answerTwiML(c, twiml.Response{twiml.Say{Text: "You cannot listen to this call any more. Goodbye."}, twiml.Hangup{}})
	}
	w.keep(ctx, in, webhookRow{
		kind: "supervise-code", subject: callSubject(id), identity: string(leg) + ":" + string(label),
		event: call.SupervisorDialledIn{Call: leg, Invitation: label, From: in.params.Get("From")},
	})
	return answerTwiML(c, twiml.Response{twiml.Dial{Nouns: twiml.Nouns{twiml.Conference{
		Muted: true, Beep: "false", StartConferenceOnEnter: new(false), EndConferenceOnExit: new(false), ParticipantLabel: string(label), WaitURL: new(""),
		StatusCallback:       ConferenceCallback(w.cfg.PublicURL, id, ""),
		StatusCallbackMethod: http.MethodPost, StatusCallbackEvent: twiml.ConferenceEvents(), Name: row.TaskSID,
	}}}, twiml.Hangup{}})
}

// takeCode looks a code up, within the time that Twilio's answer has.
func (w *Webhooks) takeCode(ctx context.Context, code string, leg call.SID, try int) (call.ID, call.Label, error) {
	if w.cfg.DialIns == nil {
		return "", "", store.ErrNotFound
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	return w.cfg.DialIns.take(bounded, code, leg, try)
}

func noCodes() twiml.Response {
	return twiml.Response{twiml.Say{Text: "No code can be taken at the moment. Please try again later. Goodbye."}, twiml.Hangup{}}
}

// awaits says whether a supervisor is waited for, or is the one who came.
func (k *knownCall) awaits(label call.Label) bool {
	i := k.state.Invitation(label)
	return i != nil && (i.Open() || i.Status == call.InvitationJoined)
}
