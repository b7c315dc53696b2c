package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"holdfast/bot"
	"holdfast/store"
)

// botPartial takes what a caller said so far, and has the brain prepare the answer to it, which is thrown away if he says something else in the end. Twilio
// ignores what is answered (https://www.twilio.com/docs/voice/twiml/gather#partialresultcallback).
func (w *Webhooks) botPartial(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	w.count(ctx, "bot-partial", "undecided")
	base, refusal, err := w.baseIn(ctx, in)
	switch {
	case refusal != nil:
		return w.refuse(c, in, *refusal)
	case err != nil: // nothing is lost but time
		w.log.LogAttrs(ctx, slog.LevelWarn, "an answer cannot be prepared", slog.Any("error", err))
		return c.NoContent(http.StatusNoContent)
	}
	words := in.spoken.soFar()
	if base == nil || words == "" || !w.bots.talks.hears(base.row.ID, base.number, webhookNumber(in.params, "SequenceNumber"), in.at) {
		return c.NoContent(http.StatusNoContent)
	}
	if !base.known.foresees {
		return c.NoContent(http.StatusNoContent)
	}
	t, d := *base.botTurn, base.dialogue.Clone()
	t.in = in
	input := bot.Input{Speech: words, At: in.at}
	w.interrupt(&t, &d, input)
	if clean, _, ask := d.Listen(t.settings, input); ask {
		w.bots.talks.think(w.thinking(&t, d, clean, w.within(&t, d), true), w.now())
	}
	return c.NoContent(http.StatusNoContent)
}

// baseIn is where the turn begins that a partial result belongs to; nil if the turn is over.
func (w *Webhooks) baseIn(ctx context.Context, in *webhookRequest) (*talkBase, *webhookRefusal, error) {
	session := in.query.Get("session")
	if number, err := strconv.Atoi(in.query.Get("turn")); err == nil {
		if base := w.bots.talks.baseOf(session, number, in.at); base != nil && base.row.CallSID == in.params.Get("CallSid") {
			return base, nil, nil
		}
	}
	row, number, refusal, err := w.sessionIn(ctx, in)
	if refusal != nil || err != nil || row.State != store.SessionOpen || row.Turn != number-1 {
		return nil, refusal, err
	}
	t, err := w.turn(ctx, in, row)
	if err != nil {
		return nil, nil, err
	}
	d, err := dialogueOf(row)
	if err != nil {
		return nil, nil, err
	}
	base := baseOf(t, d)
	w.bots.talks.keepBase(row.ID, base, in.at)
	return base, nil, nil
}

// baseOf is where the turn of a session begins that comes next.
func baseOf(t *botTurn, d bot.Dialogue) *talkBase {
	next := *t
	next.number, next.in = t.row.Turn+1, nil
	next.row.Dialogue = nil // d says it
	return &talkBase{botTurn: &next, dialogue: d}
}
