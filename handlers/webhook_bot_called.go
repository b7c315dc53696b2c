package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// botCalled answers a call that a bot placed, when somebody or something has answered it.
func (w *Webhooks) botCalled(c echo.Context, in *webhookRequest, session string) error {
	ctx := c.Request().Context()
	sid, ok := callSIDOf(in)
	if !ok || !plausibleID.MatchString(session) {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing, or the address names no session."})
	}
	by := in.params.Get("AnsweredBy")
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	row, err := w.cfg.Bots.Store.NoteSessionCall(bounded, session, string(sid), by)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return w.refuse(c, in, webhookRefusal{http.StatusNotFound, refusedSession, "There is no such session."})
	case errors.Is(err, store.ErrTurnTaken):
		return w.refuse(c, in, webhookRefusal{http.StatusForbidden, refusedSession, "The session is another call's."})
	case err != nil:
		return w.storeAway(c, session, err)
	case row.AccountSID != in.params.Get("AccountSid"):
		return w.refuse(c, in, webhookRefusal{http.StatusForbidden, refusedSession, "The session is another account's."})
	case row.State != store.SessionOpen || row.Turn != 0:
		w.count(ctx, "bot-voice", "duplicate")
		return w.repeat(c, in, row, 1)
	}
	t, err := w.turn(ctx, in, row)
	if err != nil {
		return w.storeAway(c, session, err)
	}
	w.keep(ctx, in, webhookRow{kind: "bot-voice", subject: t.subject(), identity: "voice", event: w.answeredEvent(t, by)})
	if machine(by) && (row.Machine == machineHangUp || row.Machine == machineMessage || by == "fax") {
		return w.machineAnswered(c, t)
	}
	d, a := bot.Open(t.settings, w.openingBrain(ctx, t), in.at)
	d.Custom = t.custom()
	return w.give(c, t, d, a, false)
}

// machine says whether Twilio takes who answered for none who could talk (https://www.twilio.com/docs/voice/answering-machine-detection). What is unknown
// may be a person.
func machine(answeredBy string) bool {
	return answeredBy == "fax" || strings.HasPrefix(answeredBy, "machine_")
}

// machineAnswered leaves the message, if one is set and there is something that takes messages, and hangs up.
func (w *Webhooks) machineAnswered(c echo.Context, t *botTurn) error {
	d, _ := bot.Open(t.settings, nil, t.in.at)
	d.Messages, d.Said = nil, 0
	answer := bot.Answer{Next: bot.NextEnd}
	if text := t.row.MachineMessage; t.row.Machine == machineMessage && text != "" && t.in.params.Get("AnsweredBy") != "fax" {
		answer.Say = []bot.Speech{{Text: text, Language: d.Language}}
		answer.Messages = []bot.Message{{Number: 1, At: t.in.at, Speaker: bot.SpeakerBot, Text: text, Language: d.Language}}
		d.Messages, d.Said = answer.Messages, 1
	}
	r, err := w.render(t, d, answer, false)
	if err != nil {
		return err
	}
	r.outcome, r.event = store.OutcomeMachine, call.BotEnded{Call: call.SID(t.row.CallSID), Session: t.row.ID, Result: call.BotMachine}
	return w.giveRendered(c, t, d, answer, r)
}

// botDial answers when a transfer is over. Whom nobody took comes back to the bot.
func (w *Webhooks) botDial(c echo.Context, in *webhookRequest) error {
	t, d, err := w.turnIn(c, in)
	if t == nil || err != nil {
		return err
	}
	switch status := in.params.Get("DialCallStatus"); status {
	case "busy", "no-answer", "failed":
		w.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "nobody took a transfer; the caller is back with the bot",
			slog.String("session", t.row.ID), slog.String("status", status))
		answer := d.Return(t.settings, w.now())
		r, err := w.render(t, d, answer, false)
		if err != nil {
			return err
		}
		back := w.answeredEvent(t, "")
		back.Again = true
		r.kind, r.event = "bot-back", back
		return w.giveRendered(c, t, d, answer, r)
	}
	answer := bot.Answer{Next: bot.NextEnd}
	r, err := w.render(t, d, answer, false)
	if err != nil {
		return err
	}
	r.outcome, r.event = store.OutcomeTransferred, nil // it was told when the caller went
	return w.giveRendered(c, t, d, answer, r)
}

// botBack answers a caller who could not be put into the queue: he is the bot's again.
func (w *Webhooks) botBack(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	row, number, refusal, err := w.sessionIn(ctx, in)
	if refusal != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "a caller comes back from the queue to a session that is none of his", slog.String("detail", refusal.Detail))
		return answerTwiML(c, w.apology())
	}
	if err == nil && row.Turn == number-1 && row.State != store.SessionOpen {
		bounded, cancel := w.storeContext(ctx)
		defer cancel()
		row, err = w.cfg.Bots.Store.CancelHandoff(bounded, row.ID)
	}
	switch {
	case err != nil && !errors.Is(err, store.ErrTurnTaken):
		return w.storeAway(c, in.query.Get("session"), err)
	case row.State != store.SessionOpen || row.Turn != number-1:
		w.count(ctx, "bot-turn", "duplicate")
		return w.repeat(c, in, row, number)
	}
	t, err := w.turn(ctx, in, row)
	if err != nil {
		return w.storeAway(c, row.ID, err)
	}
	d, err := dialogueOf(row)
	if err != nil {
		return err
	}
	return w.give(c, t, d, d.Return(t.settings, w.now()), false)
}
