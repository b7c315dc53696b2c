package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	voice "github.com/twilio/twilio-go/rest/api/v2010"
	"go.temporal.io/sdk/activity"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
	"holdfast/twiml"
)

// attributeSelections names what the caller selected of menus, in order.
const attributeSelections = "selections"

// EnqueueCaller puts a caller whom a bot has into the queue, told so before. It begins the session's handoff, once: a session that somebody else handed
// over meanwhile is left alone. If it was tried before, and the caller's task may be there, it is looked for first: to send him again would make a second.
// https://www.twilio.com/docs/voice/twiml/enqueue
func (a *Activities) EnqueueCaller(ctx context.Context, c call.EnqueueCaller) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	t := talk{settings: bot.Settings{}.WithDefaults()}
	look := true // another platform's bot: we cannot know whether we were here before
	if c.Session != "" {
		var ours bool
		if ours, look, err = a.beginHandoff(ctx, c); err != nil || !ours {
			return err
		}
		if t, err = a.talk(ctx, c.Session); err != nil {
			return err
		}
	}
	until := t.row.SpeakingUntil
	if c.NotBefore.After(until) {
		until = c.NotBefore
	}
	if err := letSpeak(ctx, until); err != nil {
		return err
	}
	err = a.enqueueCaller(ctx, c, t, look)
	if err == nil && c.Session != "" {
		return a.tellHandoff(ctx, c, t)
	}
	if f := failureOf(err); f != nil && f.Kind != call.FailureUnavailable && c.Session != "" {
		if _, undo := a.Bots.CancelHandoff(ctx, c.Session); undo != nil && !errors.Is(undo, store.ErrTurnTaken) {
			return undo // nobody else could hand him over
		}
	}
	return err
}

// beginHandoff says whether the session's handoff is this one, and whether it may have been begun before.
func (a *Activities) beginHandoff(ctx context.Context, c call.EnqueueCaller) (ours, before bool, err error) {
	row, err := a.Bots.Session(ctx, c.Session)
	if err != nil {
		return false, false, sessionError(err)
	}
	raw, err := json.Marshal(c.Handoff)
	if err != nil {
		return false, false, err
	}
	before = row.State != store.SessionOpen
	row, err = a.Bots.BeginHandoff(ctx, c.Session, handoffBy(c), raw)
	switch {
	case err == nil:
		return true, before, nil
	case !errors.Is(err, store.ErrTurnTaken):
		return false, false, sessionError(err)
	}
	var theirs call.Handoff
	if len(row.Handoff) > 0 && json.Unmarshal(row.Handoff, &theirs) == nil && theirs.At.Equal(c.Handoff.At) {
		return true, true, nil // the dialogue's own, of which no task came
	}
	if row.State == store.SessionClosed && len(row.Handoff) == 0 {
		return false, false, gonely("the conversation is over")
	}
	return false, false, nil
}

// handoffBy names a handoff of ours in its session.
func handoffBy(c call.EnqueueCaller) string {
	return "call:" + c.Handoff.At.UTC().Format(time.RFC3339Nano)
}

// longestSentence is how long a caller is left to what the bot says. It began before the handoff did, so no other follows it.
const longestSentence = 15 * time.Second

// letSpeak waits until the bot's sentence is over: the handoff was asked for while it was not, or it was on its way just then.
func letSpeak(ctx context.Context, until time.Time) error {
	left := min(time.Until(until), longestSentence)
	if left <= 0 {
		return nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tellHandoff notes in the transcript what the caller was told.
func (a *Activities) tellHandoff(ctx context.Context, c call.EnqueueCaller, t talk) error {
	d := t.dialogue.Clone()
	answer := d.HandOver(t.settings, handOff(c.Handoff), time.Now())
	dialogue, err := json.Marshal(d)
	if err != nil {
		return err
	}
	messages := make([]store.SessionMessage, 0, len(answer.Messages))
	for _, m := range answer.Messages {
		messages = append(messages, store.SessionMessage{Number: m.Number, At: m.At, Speaker: string(m.Speaker), Text: m.Text, Language: m.Language})
	}
	return a.Bots.TellHandoff(ctx, c.Session, handoffBy(c), dialogue, messages)
}

// sessionError: what is not there will not come.
func sessionError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return gonely("there is no such conversation")
	}
	return err
}

// gonely is the error of a command for what is no more.
func gonely(message string) error {
	return (&exchange{}).typed(&call.Failure{Kind: call.FailureGone, Message: message})
}

func (a *Activities) enqueueCaller(ctx context.Context, c call.EnqueueCaller, t talk, look bool) error {
	if look {
		if task, err := a.taskOfCaller(ctx, c.Leg); err != nil || task != "" {
			return err
		}
	}
	answer, err := a.queueing(ctx, c, t)
	if err != nil {
		return err
	}
	err = a.Twilio.send(ctx, prompt, routeCall, func(x *exchange) error {
		_, err := x.voice().UpdateCall(string(c.Leg), (&voice.UpdateCallParams{}).SetTwiml(string(answer)))
		return err
	})
	if f := failureOf(err); f != nil && f.Code == codeCallNotInProgress {
		return gonely(f.Message)
	}
	return err
}

// taskOfCaller is the task that an <Enqueue> made of a call; "" if there is none, or there is no workspace to look in.
func (a *Activities) taskOfCaller(ctx context.Context, leg call.SID) (call.TaskSID, error) {
	if a.Twilio.config.WorkspaceSID == "" {
		return "", nil
	}
	found, err := a.findTask(ctx, prompt, "call_sid == "+quoted(string(leg)))
	if err != nil || found == nil {
		return "", err
	}
	return call.TaskSID(value(found.Sid)), nil
}

// queueing is the TwiML that tells the caller that he is transferred, and puts him into the queue.
func (a *Activities) queueing(ctx context.Context, c call.EnqueueCaller, t talk) ([]byte, error) {
	var queue LineQueue
	if a.Lines.Queue != nil {
		queue, _ = a.Lines.Queue(c.To)
	}
	routing := cmp.Or(c.Handoff.RoutingWorkflow, t.settings.Handoff.RoutingWorkflow, queue.RoutingWorkflow)
	if a.Accounts != nil && a.Twilio != a.Accounts.own {
		routing = cmp.Or(c.Handoff.RoutingWorkflow, t.settings.Handoff.RoutingWorkflow, a.Twilio.config.RoutingWorkflow)
	}
	if routing == "" {
		return nil, refused(0, "no routing workflow is set for callers who are handed over on this line")
	}
	h := handOff(c.Handoff)
	if c.Session == "" {
		h = told(h)
	}
	h = t.dialogue.Fill(h, c.Handoff.At)
	task, err := a.handoffTask(ctx, c, t, queue, h)
	if err != nil {
		return nil, err
	}
	speech := t.settings.Transferring(cmp.Or(t.dialogue.Language, c.Handoff.Language))
	say := twiml.Say{Language: speech.Language, Text: speech.Text}
	if len(t.settings.Languages) > 0 && base(speech.Language) == base(t.settings.Languages[0]) {
		say.Voice = t.voice
	}
	enqueue := twiml.Enqueue{WorkflowSID: routing, Task: &twiml.Task{TimeoutSeconds: queue.TimeoutSeconds, Attributes: task}}
	if priority := cmp.Or(c.Handoff.Priority, t.settings.Handoff.Priority, queue.Priority); priority > 0 {
		enqueue.Task.Priority = &priority
	}
	if a.Lines.QueuedURL != nil {
		enqueue.Action, enqueue.Method = a.Lines.QueuedURL(c.Call, c.Session, t.row.Turn, c.Handoff), http.MethodPost
	}
	if a.Lines.WaitURL != nil {
		if wait := a.Lines.WaitURL(c.Call); wait != "" {
			enqueue.WaitURL, enqueue.WaitURLMethod = &wait, http.MethodPost
		}
	}
	return twiml.Response{say, enqueue}.Bytes()
}

// told is a handoff of a caller who talked with no bot of ours: all that is known of it is what was told.
func told(h bot.HandOff) bot.HandOff {
	h.Reason = cmp.Or(h.Reason, "the caller was handed over")
	if h.Summary == "" {
		h.Summary = h.Reason
	}
	return h
}

// base is a language without its country.
func base(language string) string {
	language, _, _ = strings.Cut(language, "-")
	return strings.ToLower(language)
}

// handoffTask is the JSON of the attributes of the caller's task: those that are set for the line and the bot, what is known of the call, and the six. What
// leaves no room for the six is left out: the task must be made.
func (a *Activities) handoffTask(ctx context.Context, c call.EnqueueCaller, t talk, queue LineQueue, h bot.HandOff) (string, error) {
	needed := map[string]any{attributeCallID: string(c.Call)}
	custom := map[string]any{}
	if len(t.row.Custom) > 0 && json.Unmarshal(t.row.Custom, &custom) != nil {
		custom = nil
	}
	all := map[string]any{}
	for _, more := range []map[string]any{queue.Attributes, t.settings.Attributes, custom} {
		maps.Copy(all, more)
	}
	if len(t.dialogue.Selections) > 0 {
		all[attributeSelections] = t.dialogue.Selections
	}
	addMissing(all, c.Handoff.Attributes)
	maps.Copy(all, needed)
	for _, existing := range []map[string]any{all, merged(queue.Attributes, needed), needed} {
		attributes, err := bot.Attributes(h, existing)
		if errors.Is(err, bot.ErrAttributes) {
			if activity.IsActivity(ctx) {
				activity.GetLogger(ctx).Warn("a task's attributes leave no room for the handoff's; some are left out", "call", c.Call)
			}
			continue
		}
		if err != nil {
			return "", err
		}
		b, err := json.Marshal(attributes)
		return string(b), err
	}
	return "", refused(0, bot.ErrAttributes.Error())
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

// addMissing adds what is not there yet.
func addMissing(all, more map[string]any) {
	for name, v := range more {
		if _, there := all[name]; !there {
			all[name] = v
		}
	}
}
