package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
	"holdfast/twiml"
)

// botTurn is a turn of a session that is being answered.
type botTurn struct {
	in       *webhookRequest
	row      store.SessionRow // before it
	number   int              // of the turn: the answer's
	known    *knownBot
	settings bot.Settings // with no handoff where there is nobody to hand over to
	line     botLine
	people   WebhookNumber
}

func (w *Webhooks) turnOf(in *webhookRequest, known *knownBot, line store.RunningLine, row store.SessionRow) *botTurn {
	t := &botTurn{in: in, row: row, number: row.Turn, known: known, settings: known.settings, line: lineOf(known, line)}
	ours := row.Called
	if row.Direction == directionOutbound {
		ours = row.Caller
	}
	var ok bool
	if t.people, ok = w.peopleFor(row.AccountSID, ours, t.settings); !ok {
		t.settings.Handoff.Off = true
	}
	return t
}

func (t *botTurn) subject() store.Subject { return callSubject(call.ID(t.row.Call)) }

// answeredEvent says that the bot has the call.
func (w *Webhooks) answeredEvent(t *botTurn, by string) call.BotAnswered {
	return call.BotAnswered{
		Call: call.SID(t.row.CallSID), From: t.row.Caller, To: t.row.Called, Direction: t.in.params.Get("Direction"), Session: t.row.ID, Bot: t.row.Bot,
		Name: t.known.name, Connection: t.row.Connection, AnsweredBy: by, People: !t.settings.Handoff.Off, Account: w.elsewhere(t.row.AccountSID),
	}
}

// elsewhere is an account that is not our own; "" for that.
func (w *Webhooks) elsewhere(account string) string {
	if account == w.cfg.AccountSID {
		return ""
	}
	return account
}

// custom is the session's custom data.
func (t *botTurn) custom() map[string]any {
	var custom map[string]any
	if json.Unmarshal(t.row.Custom, &custom) != nil {
		return nil
	}
	return custom
}

// dialogueOf is what a session's conversation remembers.
func dialogueOf(row store.SessionRow) (d bot.Dialogue, err error) {
	if err := json.Unmarshal(row.Dialogue, &d); err != nil {
		return d, fmt.Errorf("handlers: dialogue of session %s: %w", row.ID, err)
	}
	return d, nil
}

// keptAnswer is an answer as the store keeps it: what the turn's webhook gets, however often it comes.
type keptAnswer struct {
	At        time.Time     `json:"at"`
	TwiML     string        `json:"twiml"`
	Next      bot.Next      `json:"next"`
	Interrupt bot.Interrupt `json:"interrupt,omitempty"`
}

// onTheWay is what passes at most between an answer that is ready and one that Twilio has: nobody is cut off for it who waits until the bot has spoken.
const onTheWay = 300 * time.Millisecond

// rendered is an answer that is ready to be kept, and then given.
type rendered struct {
	body     []byte
	answer   json.RawMessage
	dialogue json.RawMessage
	until    time.Time // about when it has been spoken
	handoff  json.RawMessage
	outcome  string
	event    call.Event // nil: the call's workflow need not know
	kind     string     // the event's webhook
}

// render writes an answer as TwiML, with all that is kept of it. summarised says that the brain itself wrote the handoff's summary.
func (w *Webhooks) render(t *botTurn, d bot.Dialogue, a bot.Answer, summarised bool) (r rendered, err error) {
	now := w.now()
	if len(a.Say) > 0 {
		r.until = now.Add(w.bots.cfg.spoken(a.Speaking()) + onTheWay)
	}
	sid, next := call.SID(t.row.CallSID), strconv.Itoa(t.number+1)
	response := verbsOf(t.line.says(a.Say))
	switch a.Next {
	case bot.NextListen:
		response = t.line.listens(a, w.url(PathBotTurn, "session", t.row.ID, "turn", next), w.partialURL(t.row.ID, next))
	case bot.NextLater:
		response = append(response, twiml.Redirect{Method: http.MethodPost, URL: w.url(PathBotReply, "session", t.row.ID, "turn", next)})
	case bot.NextHandOff:
		h := w.handoffOf(t, a, summarised)
		task, err := w.handoffTask(t, d, *a.HandOff)
		if err != nil {
			return r, err
		}
		r.kind, r.event = "bot-handoff", call.HandedOff{Call: sid, Session: t.row.ID, Handoff: h}
		if r.handoff, err = json.Marshal(h); err != nil {
			return r, err
		}
		action := BotEnqueued(w.cfg.PublicURL, call.ID(t.row.Call), t.row.ID, t.number, h)
		response = append(response, enqueued(t.people, task, action, w.url(PathQueueWait, "call", t.row.Call))...)
	case bot.NextTransfer:
		r.kind, r.event = "bot-end", call.BotEnded{Call: sid, Session: t.row.ID, Result: call.BotTransferred}
		response = append(response, transferred(a.Transfer, w.url(PathBotDial, "session", t.row.ID, "turn", next)))
	default:
		r.kind, r.event = "bot-end", call.BotEnded{Call: sid, Session: t.row.ID, Result: call.BotOver}
		r.outcome = store.OutcomeCompleted
		response = append(response, twiml.Hangup{})
	}
	if r.body, err = response.Bytes(); err != nil {
		return r, err
	}
	if r.answer, err = json.Marshal(keptAnswer{At: now, TwiML: string(r.body), Next: a.Next, Interrupt: a.Interrupt}); err != nil {
		return r, err
	}
	r.dialogue, err = json.Marshal(d)
	return r, err
}

// partialURL is without overrides: a partial result that comes late is worth nothing.
func (w *Webhooks) partialURL(session, turn string) string {
	address := w.url(PathBotPartial, "session", session, "turn", turn)
	return address[:len(address)-len(connectionOverrides)]
}

// transferred sends the caller to a number or a SIP address; action is asked when that is over.
func transferred(to, action string) twiml.Dial {
	dial := twiml.Dial{Action: action, Method: http.MethodPost}
	if e164.MatchString(to) {
		dial.Nouns = twiml.Nouns{twiml.Number{Number: to}}
	} else {
		dial.Nouns = twiml.Nouns{twiml.Sip{URI: to}}
	}
	return dial
}

// handoffOf is what the call's workflow is told of a handoff.
func (w *Webhooks) handoffOf(t *botTurn, a bot.Answer, summarised bool) call.Handoff {
	h := *a.HandOff
	return call.Handoff{
		Reason: h.Reason, Summary: h.Summary, Sentiment: h.Sentiment, Language: h.Language, At: h.At, By: h.By, Final: summarised,
		Priority: t.people.Priority, RoutingWorkflow: t.people.RoutingWorkflowSID,
	}
}

// attributeSelections names what the caller selected of menus, in order.
const attributeSelections = "selections"

// handoffTask is the JSON of the attributes of a handed-over caller's task: those that are set for the number and the bot, what is known of the call,
// and the six. What leaves no room for the six is left out: the task must be made.
func (w *Webhooks) handoffTask(t *botTurn, d bot.Dialogue, h bot.HandOff) (string, error) {
	needed := map[string]any{attributeCallID: t.row.Call}
	all := maps.Clone(t.people.TaskAttributes)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, t.settings.Attributes)
	maps.Copy(all, t.custom())
	if len(d.Selections) > 0 {
		all[attributeSelections] = d.Selections
	}
	maps.Copy(all, needed)
	routed := maps.Clone(t.people.TaskAttributes)
	if routed == nil {
		routed = map[string]any{}
	}
	maps.Copy(routed, needed)
	for _, existing := range []map[string]any{all, routed, needed} {
		attributes, err := bot.Attributes(h, existing)
		if errors.Is(err, bot.ErrAttributes) {
			w.log.Error("a task's attributes leave no room for the handoff's; those of the bot and of the call are left out", slog.String("call", t.row.Call))
			continue
		}
		if err != nil {
			return "", err
		}
		b, err := json.Marshal(attributes)
		return string(b), err
	}
	return "", fmt.Errorf("handlers: handoff of call %s: %w", t.row.Call, bot.ErrAttributes)
}

// commit keeps a turn's answer. taken says that somebody else was first: the row is the session as it is then.
func (w *Webhooks) commit(ctx context.Context, t *botTurn, a bot.Answer, r rendered) (row store.SessionRow, taken bool, err error) {
	turn := store.TurnAnswer{
		Session: t.row.ID, Turn: t.number, Dialogue: r.dialogue, Answer: r.answer, SpeakingUntil: r.until, Handoff: r.handoff, Outcome: r.outcome,
	}
	for _, m := range messagesOf(a.Messages) {
		if m.Number > t.row.Messages {
			turn.Messages = append(turn.Messages, m)
		} else {
			turn.Changed = append(turn.Changed, m)
		}
	}
	if r.event != nil {
		untold := *t.in
		untold.token = "" // the event is the turn's, whichever request brings it about
		webhook, err := untold.row(webhookRow{kind: r.kind, subject: t.subject(), event: r.event, identity: t.row.ID + ":" + strconv.Itoa(t.number)})
		if err != nil {
			return row, false, err
		}
		turn.Webhook = &webhook
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	row, err = w.cfg.Bots.Store.AnswerTurn(bounded, turn)
	if errors.Is(err, store.ErrTurnTaken) {
		return row, true, nil
	}
	if err == nil {
		w.count(ctx, cmp.Or(r.kind, "bot-turn"), "kept")
	}
	return row, false, err
}

// messagesOf are messages as the store keeps them.
func messagesOf(said []bot.Message) []store.SessionMessage {
	messages := make([]store.SessionMessage, len(said))
	for i, m := range said {
		messages[i] = store.SessionMessage{
			Number: m.Number, At: m.At, Speaker: string(m.Speaker), Text: m.Text, Heard: m.Heard, Cut: m.Cut, Language: m.Language,
		}
	}
	return messages
}

// remember notes where the next turn begins, for what is thought before the caller has ended.
func (w *Webhooks) remember(t *botTurn, d bot.Dialogue) {
	if t.row.State != store.SessionOpen {
		w.bots.talks.end(t.row.ID)
		return
	}
	w.bots.talks.keepBase(t.row.ID, baseOf(t, d), t.in.at)
}
