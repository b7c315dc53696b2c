package handlers

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"holdfast/call"
	"holdfast/store"
	"holdfast/twiml"
)

// announced are an agent's leg that hears whom it gets, and what we wrote into the URL of its TwiML.
type announced struct {
	leg         call.SID
	id          call.ID
	invitation  call.Label // "" of the task that the call came with
	reservation call.ReservationSID
	room        string // the conference's name; "" leaves it to the call's row
	again       bool   // he pressed another key before
}

func announcedIn(in *webhookRequest) (a announced, ok bool) {
	sid, ok := callSIDOf(in)
	a = announced{
		leg: sid, id: call.ID(in.query.Get("call")), invitation: labelIn(in.query.Get("invitation")),
		reservation: call.ReservationSID(in.query.Get("reservation")), room: in.query.Get("room"), again: in.query.Has("again"),
	}
	return a, ok && plausibleID.MatchString(string(a.id)) && plausibleID.MatchString(string(a.reservation))
}

// url is the address of a TwiML of ours for the leg.
func (a announced) url(w *Webhooks, path string, more ...string) string {
	return w.url(path, append([]string{
		"call", string(a.id), "invitation", string(a.invitation), "reservation", string(a.reservation), "room", a.room,
	}, more...)...)
}

// announce answers what an agent hears whom TaskRouter had dialled: whom he gets, and, where a key is asked for, that he is to press it. A
// voicemail does not press it, and so takes no call.
func (w *Webhooks) announce(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	a, ok := announcedIn(in)
	if !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing, or what the URL should carry."})
	}
	row := w.callRow(ctx, a.id)
	if row.pointless(a) {
		w.count(ctx, "announce", "too-late")
		return answerTwiML(c, w.tooLate())
	}
	w.count(ctx, "announce", "answered")
	text := w.cfg.announcement.say(w.announcementOf(ctx, a, row))
	if w.cfg.AnnounceKey == "" {
		return answerTwiML(c, append(saying(text), twiml.Redirect{Method: http.MethodPost, URL: a.url(w, PathAnnounceKey)}))
	}
	press := "Press " + w.cfg.AnnounceKey + " to take the call."
	next := a.url(w, PathAnnounceKey)
	return answerTwiML(c, twiml.Response{
		w.askForKey(next, text+" "+press), w.askForKey(next, press), twiml.Say{Text: "Goodbye."}, twiml.Hangup{},
	})
}

// announceKey answers the agent's key, or the end of an announcement that asks for none: he goes into the conference, if he is still wanted there. The
// key is looked at and kept nowhere.
func (w *Webhooks) announceKey(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	a, ok := announcedIn(in)
	if !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing, or what the URL should carry."})
	}
	if key := w.cfg.AnnounceKey; key != "" && in.keyed != key {
		w.count(ctx, "announce-key", "another-key")
		goodbye := twiml.Response{twiml.Say{Text: "Goodbye."}, twiml.Hangup{}}
		if a.again {
			return answerTwiML(c, goodbye)
		}
		next := a.url(w, PathAnnounceKey, "again", "1")
		return answerTwiML(c, append(twiml.Response{w.askForKey(next, "Press "+key+" to take the call.")}, goodbye...))
	}
	row := w.callRow(ctx, a.id)
	if a.room == "" && row != nil {
		a.room = row.TaskSID
	}
	if a.room == "" || row.pointless(a) {
		w.count(ctx, "announce-key", "too-late")
		return answerTwiML(c, w.tooLate())
	}
	w.keep(ctx, in, webhookRow{
		kind: "announce-key", subject: callSubject(a.id), identity: string(a.leg) + ":" + string(a.reservation),
		event: call.AnnouncementConfirmed{Call: a.leg, Invitation: a.invitation, Reservation: a.reservation},
	})
	return answerTwiML(c, twiml.Response{twiml.Dial{Nouns: twiml.Nouns{twiml.Conference{
		Beep: "false", StartConferenceOnEnter: new(true), EndConferenceOnExit: new(false), ParticipantLabel: string(a.invitation), WaitURL: new(""),
		StatusCallback:       ConferenceCallback(w.cfg.PublicURL, a.id, a.reservation),
		StatusCallbackMethod: http.MethodPost, StatusCallbackEvent: twiml.ConferenceEvents(), Name: a.room,
	}}}})
}

// askForKey waits for one key, any, so that a wrong one is told from none.
func (w *Webhooks) askForKey(next, text string) twiml.Gather {
	return twiml.Gather{
		Input: "dtmf", Action: next, Method: http.MethodPost, TimeoutSeconds: 5, NumDigits: 1, FinishOnKey: new(""),
		Prompts: twiml.Prompts{twiml.Say{Text: text}},
	}
}

func (w *Webhooks) tooLate() twiml.Response {
	return twiml.Response{twiml.Say{Text: "The call is not waiting any more. Goodbye."}, twiml.Hangup{}}
}

func saying(text string) twiml.Response {
	if text == "" {
		return nil
	}
	return twiml.Response{twiml.Say{Text: text}}
}

// knownCall is a call's row with its state; nil where nobody knows it, or the store cannot tell: an agent is let through then.
type knownCall struct {
	store.CallRow
	state call.State
}

func (w *Webhooks) callRow(ctx context.Context, id call.ID) *knownCall {
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	row, _, err := w.store.Call(bounded, string(id))
	known := &knownCall{CallRow: row}
	if err == nil {
		err = decodeSnapshot(row.Snapshot, &known.state)
	}
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "a call's row cannot be read while an agent hears of it", slog.String("call", string(id)), slog.Any("error", err))
		return nil
	}
	return known
}

// pointless says whether the leg has nothing to come for: the call, the invitation or the offer is over.
func (k *knownCall) pointless(a announced) bool {
	if k == nil {
		return false
	}
	switch k.state.Status() {
	case call.StatusEnded, call.StatusWrapping:
		return true
	case call.StatusUnknown, call.StatusDialling, call.StatusBot, call.StatusQueued, call.StatusReserved, call.StatusConnecting, call.StatusTalking,
		call.StatusHeld:
	}
	for i := range k.state.Invitations {
		if inv := &k.state.Invitations[i]; a.invitation != "" && inv.Label == a.invitation {
			if inv.WantGone || inv.Status == call.InvitationFailed || inv.Status == call.InvitationOver {
				return true
			}
		}
	}
	// A phone may ring for longer than TaskRouter waits: the offer is somebody else's by then, and the agent free for other calls.
	for i := range k.state.Reservations {
		if r := &k.state.Reservations[i]; r.Reservation == a.reservation {
			switch r.Status {
			case call.ReservationIsRejected, call.ReservationIsTimedOut, call.ReservationIsCanceled, call.ReservationIsRescinded, call.ReservationIsCompleted:
				return true
			case call.ReservationUnknown, call.ReservationIsPending, call.ReservationIsAccepted, call.ReservationIsWrapping:
			}
		}
	}
	return false
}
