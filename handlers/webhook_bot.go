package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
	"holdfast/twiml"
)

// mountBots adds the routes of the bots.
func (w *Webhooks) mountBots(e *echo.Echo) {
	e.POST(PathBotVoice, w.webhook(w.botVoice))
	e.POST(PathBotTurn, w.webhook(w.botTurn))
	e.POST(PathBotReply, w.webhook(w.botReply))
	e.POST(PathBotPartial, w.webhook(w.botPartial))
	e.POST(PathBotDial, w.webhook(w.botDial))
}

// BotVoice is where Twilio tells of calls to a connection's number, for whoever points the number there.
func BotVoice(public *url.URL, connection string) string {
	return addressOf(public, PathBotVoice, "connection", connection)
}

// BotFallback is where Twilio asks should BotVoice or a turn after it fail: the caller goes to people.
func BotFallback(public *url.URL, connection string) string {
	return addressOf(public, PathBotVoice, "connection", connection, "fallback", "true")
}

// BotCalled is where Twilio asks what a call that a bot placed is to hear, for whoever places it.
func BotCalled(public *url.URL, session string) string {
	return addressOf(public, PathBotVoice, "session", session)
}

// BotEnqueued is where Twilio tells how the wait of a caller ended whom a session handed over, for whoever puts him into the queue: he comes back to the bot if
// he cannot be put there. turn is the session's last, of which the store tells when the handoff begins.
func BotEnqueued(public *url.URL, id call.ID, session string, turn int, h call.Handoff) string {
	at := ""
	if !h.At.IsZero() {
		at = strconv.FormatInt(h.At.UnixMicro(), 10)
	}
	return addressOf(public, PathEnqueueAction, "call", string(id), "session", session, "turn", strconv.Itoa(turn+1), "handoff", at)
}

// handoffIn is when the caller was handed over whose wait ended, as BotEnqueued wrote it.
func handoffIn(query url.Values) time.Time {
	micros, err := strconv.ParseInt(query.Get("handoff"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// botVoice answers a call to a connection's number, or one that a bot placed.
func (w *Webhooks) botVoice(c echo.Context, in *webhookRequest) error {
	if session := in.query.Get("session"); session != "" {
		return w.botCalled(c, in, session)
	}
	ctx := c.Request().Context()
	sid, ok := callSIDOf(in)
	if !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing."})
	}
	connection := in.query.Get("connection")
	known, line, err := w.inbound(ctx, in, connection)
	switch {
	case errors.Is(err, store.ErrNotFound):
		w.log.LogAttrs(ctx, slog.LevelError, "a call to a number whose connection is gone, or has no bot: attach one, or point the number elsewhere",
			slog.String("connection", clipped(connection)), slog.String("number", clipped(in.params.Get("To"))), slog.String("call", string(sid)))
		return w.voice(c, in)
	case err != nil:
		w.log.LogAttrs(ctx, slog.LevelError, "the bot of a call cannot be read; the caller goes to people", slog.String("call", string(sid)), slog.Any("error", err))
		return w.voice(c, in)
	case line == nil:
		return w.untaken(c, in, known, known.settings.Offline, "stopped")
	case in.query.Get("fallback") != "":
		w.tellBotLog(ctx, known.row.ID, connection, "error", "fallback", fmt.Sprintf(
			"Twilio could not get an answer for a caller (error %s), who goes to people: see the log of Holdfast, and Twilio's debugger for call %s.",
			clipped(in.params.Get("ErrorCode")), sid))
		return w.untaken(c, in, known, bot.AtCap{Do: "queue"}, "fallback")
	}
	return w.botOpens(c, in, sid, known, *line)
}

// inbound is the bot that answers a connection's calls, and the line as the bot runs with it; nil while it does not.
func (w *Webhooks) inbound(ctx context.Context, in *webhookRequest, connection string) (*knownBot, *store.RunningLine, error) {
	if !plausibleID.MatchString(connection) {
		return nil, nil, store.ErrNotFound
	}
	ctx, cancel := w.storeContext(ctx)
	defer cancel()
	row, err := w.cfg.Bots.Store.InboundBot(ctx, connection)
	if err != nil {
		return nil, nil, err
	}
	known, err := w.bots.ready(row, in.at)
	if err != nil {
		return nil, nil, err
	}
	line, runs := known.lines[connection]
	if !runs || !line.Inbound {
		return known, nil, nil
	}
	if line.AccountSID != in.params.Get("AccountSid") {
		return nil, nil, store.ErrNotFound
	}
	return known, &line, nil
}

// botOpens begins a session with the greeting.
func (w *Webhooks) botOpens(c echo.Context, in *webhookRequest, sid call.SID, known *knownBot, line store.RunningLine) error {
	ctx := c.Request().Context()
	t := w.turnOf(in, known, line, store.SessionRow{
		ID: store.NewID("ses"), Bot: known.row.ID, Connection: line.Connection, AccountSID: line.AccountSID, Call: string(sid), CallSID: string(sid),
		Direction: directionInbound, Caller: in.params.Get("From"), Called: in.params.Get("To"), Custom: customIn(in.query), OpenedAt: in.at,
	})
	d, a := bot.Open(t.settings, w.openingBrain(ctx, t), in.at)
	d.Custom = t.custom()
	kept, err := w.render(t, d, a, false)
	if err != nil {
		return err
	}
	event, err := t.in.row(webhookRow{kind: "bot-voice", subject: t.subject(), identity: "voice", event: w.answeredEvent(t, "")})
	if err != nil {
		return err
	}
	t.row.Answer, t.row.Dialogue, t.row.SpeakingUntil = kept.answer, kept.dialogue, kept.until
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	row, opened, err := w.cfg.Bots.Store.OpenSession(bounded, store.NewSession{
		Session: t.row, Max: t.settings.MaxSessions, Messages: messagesOf(a.Messages), Webhook: &event,
	})
	switch {
	case errors.Is(err, store.ErrCapped):
		return w.untaken(c, in, known, t.settings.AtCap, "capped")
	case err != nil:
		w.log.LogAttrs(ctx, slog.LevelError, "a session cannot be kept; the caller goes to people", slog.String("call", string(sid)), slog.Any("error", err))
		return w.voice(c, in)
	case !opened:
		w.count(ctx, "bot-voice", "duplicate")
		return w.repeat(c, in, row, 0)
	}
	w.count(ctx, "bot-voice", "kept")
	t.row = row
	w.remember(t, d)
	return answerKept(c, kept.body)
}

// directionInbound and directionOutbound are a session's, as the store has them.
const (
	directionInbound  = "inbound"
	directionOutbound = "outbound"
)

// openingBrain is the bot's brain, for what it adds to the greeting; nil if it cannot be made, which the first turn tells.
func (w *Webhooks) openingBrain(ctx context.Context, t *botTurn) bot.Brain {
	brain, err := w.bots.brain(ctx, t.known, t.settings.Brain)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "a bot's brain cannot be made", slog.String("bot", t.known.row.ID), slog.Any("error", err))
		return nil
	}
	return brain
}

// untaken answers a caller whom the bot cannot take: the queue, a message, or busy, as it is set.
func (w *Webhooks) untaken(c echo.Context, in *webhookRequest, known *knownBot, set bot.AtCap, why string) error {
	ctx := c.Request().Context()
	sid, _ := callSIDOf(in)
	if why == "capped" {
		w.tellBotLog(ctx, known.row.ID, in.query.Get("connection"), "info", why,
			fmt.Sprintf("As many sessions were open as may be (%d): a caller got what is set for that.", known.settings.MaxSessions))
	}
	w.log.LogAttrs(ctx, slog.LevelInfo, "a bot does not take a call", slog.String("bot", known.row.ID), slog.String("why", why), slog.String("call", string(sid)))
	d := webhookRow{kind: "bot-voice", subject: callSubject(call.ID(sid)), identity: "voice"}
	message := known.settings.Message(set)
	say := botLine{language: message.Language}.says([]bot.Speech{message})
	answer := append(verbsOf(say), twiml.Hangup{})
	switch set.Do {
	case "message":
	case "busy":
		answer = twiml.Response{twiml.Reject{Reason: "busy"}}
	default:
		number, ok := w.peopleFor(in.params.Get("AccountSid"), in.params.Get("To"), known.settings)
		if !ok {
			w.tellBotLog(ctx, known.row.ID, in.query.Get("connection"), "error", "people",
				"A caller could not go to people, for nobody is set to take him: name a routing workflow for the bot's handoffs, or a default one.")
			w.log.LogAttrs(ctx, slog.LevelError, "nobody is set to take the calls that a bot does not: name a routing workflow for its handoffs, or a default",
				slog.String("bot", known.row.ID), slog.String("call", string(sid)))
			break
		}
		task, err := number.task(call.ID(sid))
		if err != nil {
			return err
		}
		answer = enqueued(number, task, w.url(PathEnqueueAction, "call", string(sid)), w.url(PathQueueWait, "call", string(sid)))
		if set.Message != "" {
			answer = append(verbsOf(say), answer...)
		}
		d.event = call.CallReceived{
			Call: sid, From: in.params.Get("From"), To: in.params.Get("To"), Direction: in.params.Get("Direction"), Account: w.elsewhere(in.params.Get("AccountSid")),
		}
	}
	w.keep(ctx, in, d)
	return answerTwiML(c, answer)
}

// peopleFor is where a bot's callers go who are to have a person; false if there is nowhere. What routes our own numbers is of our own account.
func (w *Webhooks) peopleFor(account, line string, settings bot.Settings) (WebhookNumber, bool) {
	var number WebhookNumber
	ok := false
	if account == w.cfg.AccountSID {
		number, ok = w.routing(line)
	}
	if settings.Handoff.RoutingWorkflow != "" {
		number.RoutingWorkflowSID, ok = settings.Handoff.RoutingWorkflow, true
	}
	if settings.Handoff.Priority != 0 {
		number.Priority = settings.Handoff.Priority
	}
	return number, ok
}

// Custom data comes with a call in the query of its address, as flows write it that send a call to a bot.
const (
	customPrefix  = "flex_"
	customsAtMost = 32
	customAtMost  = 256 // bytes of each value
)

// customIn is a call's custom data, as JSON; nil if it has none.
func customIn(query url.Values) json.RawMessage {
	custom := map[string]string{}
	for name, values := range cleaned(query) {
		if strings.HasPrefix(name, customPrefix) && len(name) <= 64 && len(values) > 0 && len(values[0]) <= customAtMost && len(custom) < customsAtMost {
			custom[name] = values[0]
		}
	}
	if len(custom) == 0 {
		return nil
	}
	b, err := json.Marshal(custom)
	if err != nil {
		return nil // strings are JSON
	}
	return b
}

func answerKept(c echo.Context, body []byte) error {
	return c.Blob(http.StatusOK, "text/xml; charset=utf-8", body)
}
