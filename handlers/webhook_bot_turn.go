package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/bot"
	"holdfast/store"
	"holdfast/twiml"
)

// botTurn answers what a caller said or keyed, or that he did neither.
func (w *Webhooks) botTurn(c echo.Context, in *webhookRequest) error {
	t, d, err := w.turnIn(c, in)
	if t == nil || err != nil {
		return err
	}
	ctx := c.Request().Context()
	input := bot.Input{Speech: in.spoken.final, Confidence: in.spoken.confidence, Digits: in.keyed, At: in.at}
	w.interrupt(t, &d, input)
	clean, answer, ask := d.Listen(t.settings, input)
	if !ask {
		return w.give(c, t, d, answer, false)
	}
	within := w.within(t, d)
	th := w.bots.talks.think(w.thinking(t, d, clean, within, false), w.now())
	if th == nil {
		return w.storeAway(c, t.row.ID, errEnding)
	}
	defer func(from time.Time) {
		w.metrics.turn.Record(ctx, time.Since(from).Seconds(), metric.WithAttributes(attribute.Bool("prepared", th.begun.Before(in.at))))
	}(time.Now())
	reply, done := th.wait(ctx, min(w.cfg.Bots.FillerAfter, within))
	switch {
	case ctx.Err() != nil:
		return w.storeAway(c, t.row.ID, ctx.Err())
	case !done && within > w.cfg.Bots.FillerAfter:
		return w.give(c, t, d, d.Wait(t.settings, w.now()), false)
	case !done:
		reply = bot.Reply{Err: errTooSlow}
	}
	return w.replies(c, t, d, clean, reply)
}

// botReply answers with what a slow brain thought of, or that it did not.
func (w *Webhooks) botReply(c echo.Context, in *webhookRequest) error {
	t, d, err := w.turnIn(c, in)
	if t == nil || err != nil {
		return err
	}
	ctx := c.Request().Context()
	input, pending := d.PendingInput()
	if !pending { // nobody is sent here then; whoever comes is listened to
		_, answer, _ := d.Listen(t.settings, bot.Input{At: in.at})
		return w.give(c, t, d, answer, false)
	}
	within := w.within(t, d)
	th := w.bots.talks.thoughtOf(t.row.ID, t.number-1)
	if th == nil { // another process heard the caller
		th = w.bots.talks.think(w.thinking(t, d, input, within, false), w.now())
	}
	if th == nil {
		return w.storeAway(c, t.row.ID, errEnding)
	}
	input.Digits = th.keys
	reply, done := th.wait(ctx, min(th.left(within, w.now()), replyAtOnce))
	switch {
	case ctx.Err() != nil:
		return w.storeAway(c, t.row.ID, ctx.Err())
	case !done && th.left(within, w.now()) > 0:
		w.bots.talks.carry(t.row.ID, t.number) // it is asked for by the next turn
		return w.give(c, t, d, d.Wait(t.settings, w.now()), false)
	case !done:
		reply = bot.Reply{Err: errTooSlow}
	}
	return w.replies(c, t, d, input, reply)
}

// errEnding is of a process that takes up no turn any more.
var errEnding = errors.New("the process ends")

// replyAtOnce is how long a webhook may wait for a brain: Twilio gives up after 15 s (https://www.twilio.com/docs/voice/twiml#request-timeouts).
const replyAtOnce = 10 * time.Second

// replies gives what a brain's reply comes to.
func (w *Webhooks) replies(c echo.Context, t *botTurn, d bot.Dialogue, in bot.Input, reply bot.Reply) error {
	if reply.Err != nil {
		w.tellBotLog(c.Request().Context(), t.row.Bot, "", "warn", "brain", "The brain failed, and the caller was told so: "+reply.Err.Error()+".")
		w.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "a bot's brain failed", slog.String("bot", t.row.Bot), slog.String("session", t.row.ID),
			slog.Any("error", reply.Err))
	}
	answer := d.Answer(t.settings, in, reply, w.now())
	if answer.Next == bot.NextLater { // the other brain is asked the same, at once
		w.bots.talks.think(w.thinking(t, d, in, w.within(t, d), false), w.now())
	}
	summarised := false
	for _, p := range reply.Pieces {
		summarised = summarised || p.HandOff != nil && p.HandOff.Summary != ""
	}
	return w.give(c, t, d, answer, summarised)
}

// give keeps an answer, and gives it. Where somebody else was first, his answer is given.
func (w *Webhooks) give(c echo.Context, t *botTurn, d bot.Dialogue, a bot.Answer, summarised bool) error {
	r, err := w.render(t, d, a, summarised)
	if err != nil {
		return err
	}
	return w.giveRendered(c, t, d, a, r)
}

func (w *Webhooks) giveRendered(c echo.Context, t *botTurn, d bot.Dialogue, a bot.Answer, r rendered) error {
	ctx := c.Request().Context()
	row, taken, err := w.commit(ctx, t, a, r)
	switch {
	case err != nil:
		return w.storeAway(c, t.row.ID, err)
	case taken:
		w.count(ctx, "bot-turn", "duplicate")
		return w.repeat(c, t.in, row, t.number)
	}
	t.row = row
	w.remember(t, d)
	return answerKept(c, r.body)
}

// storeAway has Twilio ask again: what the caller said is in the request, and nothing was answered.
func (w *Webhooks) storeAway(c echo.Context, session string, err error) error {
	ctx := c.Request().Context()
	w.count(ctx, "bot-turn", "unavailable")
	w.log.LogAttrs(ctx, slog.LevelError, "a turn cannot be kept; Twilio is asked to try again", slog.String("session", session), slog.Any("error", err))
	c.Response().Header().Set(echo.HeaderRetryAfter, "1")
	return c.NoContent(http.StatusServiceUnavailable)
}

// turnIn reads which session's turn a webhook is, and where it stands. Where it was answered before, or is not to be answered now, that is done; t is nil then.
func (w *Webhooks) turnIn(c echo.Context, in *webhookRequest) (t *botTurn, d bot.Dialogue, err error) {
	ctx := c.Request().Context()
	row, number, refusal, err := w.sessionIn(ctx, in)
	switch {
	case refusal != nil:
		return nil, d, w.refuse(c, in, *refusal)
	case err != nil:
		return nil, d, w.storeAway(c, in.query.Get("session"), err)
	case row.State != store.SessionOpen || row.Turn != number-1:
		w.count(ctx, "bot-turn", "duplicate")
		return nil, d, w.repeat(c, in, row, number)
	}
	if t, err = w.turn(ctx, in, row); err != nil {
		return nil, d, w.storeAway(c, row.ID, err)
	}
	if d, err = dialogueOf(row); err != nil {
		return nil, d, err
	}
	return t, d, nil
}

// sessionIn is the session that a webhook's address names, and the turn.
func (w *Webhooks) sessionIn(ctx context.Context, in *webhookRequest) (row store.SessionRow, number int, refusal *webhookRefusal, err error) {
	id := in.query.Get("session")
	number, parsed := strconv.Atoi(in.query.Get("turn"))
	if !plausibleID.MatchString(id) || parsed != nil || number < 1 {
		return row, 0, &webhookRefusal{http.StatusBadRequest, refusedMalformed, "The address names no turn of a session."}, nil
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	row, err = w.cfg.Bots.Store.Session(bounded, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return row, 0, &webhookRefusal{http.StatusNotFound, refusedSession, "There is no such session."}, nil
	case err != nil:
		return row, 0, nil, err
	case row.AccountSID != in.params.Get("AccountSid"), row.CallSID != "" && row.CallSID != in.params.Get("CallSid"):
		return row, 0, &webhookRefusal{http.StatusForbidden, refusedSession, "The session is another call's."}, nil
	}
	return row, number, nil, nil
}

// refusedSession is of a webhook whose session is not there, or not its call's.
const refusedSession = "session"

// turn makes a session's next turn ready. A bot that was taken away while it talks goes on as this process knows it.
func (w *Webhooks) turn(ctx context.Context, in *webhookRequest, row store.SessionRow) (*botTurn, error) {
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	known, line, err := w.botOf(bounded, row)
	if err != nil {
		return nil, err
	}
	t := w.turnOf(in, known, line, row)
	t.number = row.Turn + 1
	return t, nil
}

// botOf is a session's bot, and its line: as it runs, else as it is set.
func (w *Webhooks) botOf(ctx context.Context, row store.SessionRow) (*knownBot, store.RunningLine, error) {
	known := w.bots.fresh(row.Bot, w.now())
	if known == nil {
		found, err := w.cfg.Bots.Store.Bot(ctx, row.Bot)
		switch {
		case errors.Is(err, store.ErrNotFound): // it was deleted: who talks with it is not cut off for that
			if known = w.bots.last(row.Bot); known == nil {
				return nil, store.RunningLine{}, err
			}
		case err != nil:
			return nil, store.RunningLine{}, err
		default:
			if known, err = w.bots.ready(found, w.now()); err != nil {
				return nil, store.RunningLine{}, err
			}
		}
	}
	if line, runs := known.lines[row.Connection]; runs {
		return known, line, nil
	}
	c, err := w.cfg.Bots.Store.Connection(ctx, row.Connection)
	if errors.Is(err, store.ErrNotFound) {
		return known, store.RunningLine{}, nil // it speaks with Twilio's own voice
	}
	return known, store.RunningLine{BotConnection: store.BotConnection{Connection: c.ID}, Voice: c.Voice, SpeechModel: c.SpeechModel}, err
}

// repeat answers a turn that was answered before with the same; one of a session that somebody else hands over with a pause, after which it comes again; and
// one of a session that is closed by hanging up.
func (w *Webhooks) repeat(c echo.Context, in *webhookRequest, row store.SessionRow, number int) error {
	var kept keptAnswer
	readable := len(row.Answer) > 0 && json.Unmarshal(row.Answer, &kept) == nil
	switch {
	case readable && (row.Turn >= number || row.State == store.SessionOpen):
		return answerKept(c, []byte(kept.TwiML))
	case row.State == store.SessionHandingOff:
		path := strings.TrimSuffix(c.Path(), "/")
		again := w.url(path, "session", row.ID, "turn", in.query.Get("turn"))
		return answerTwiML(c, twiml.Response{twiml.Pause{LengthSeconds: 5}, twiml.Redirect{Method: http.MethodPost, URL: again}})
	default:
		return answerTwiML(c, twiml.Response{twiml.Hangup{}})
	}
}

// interrupt notes what of the bot's last words can have been heard, if the caller did not let it finish.
func (w *Webhooks) interrupt(t *botTurn, d *bot.Dialogue, in bot.Input) {
	var kept keptAnswer
	if in.Silent() || json.Unmarshal(t.row.Answer, &kept) != nil || kept.Next != bot.NextListen {
		return
	}
	began := in.At
	switch {
	case in.Speech != "" && (kept.Interrupt == bot.InterruptAny || kept.Interrupt == bot.InterruptSpeech):
		if heard := w.bots.talks.heardAt(t.row.ID, t.number); !heard.IsZero() {
			began = heard
		} else { // no partial result was here: he began as long ago as it takes to say it, and the pause that ended it
			began = in.At.Add(-w.bots.cfg.spoken(bot.Speaking(in.Speech, d.Language) + time.Second))
		}
	case in.Speech == "" && (kept.Interrupt == bot.InterruptAny || kept.Interrupt == bot.InterruptKeys):
	default:
		return
	}
	if began.Before(t.row.SpeakingUntil) {
		d.Interrupted(w.bots.cfg.lived(max(began.Sub(kept.At), 0)))
	}
}

// within is how long the brain may think whose turn it is.
func (w *Webhooks) within(t *botTurn, d bot.Dialogue) time.Duration {
	return d.Thinks(t.settings).Within.Duration()
}

func (w *Webhooks) thinking(t *botTurn, d bot.Dialogue, in bot.Input, within time.Duration, early bool) thinking {
	known, settings := t.known, d.Thinks(t.settings)
	return thinking{
		session: t.row.ID, turn: t.number, early: early, other: d.Fallback, within: within, settings: t.settings, dialogue: d.Clone(), input: in,
		brain: func(ctx context.Context) (bot.Brain, error) { return w.bots.brain(ctx, known, settings) },
	}
}
