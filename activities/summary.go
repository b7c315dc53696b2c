package activities

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"
	"go.temporal.io/sdk/activity"

	"holdfast/bot"
	"holdfast/call"
)

// summaryWithin is how long a bot's brain may take to say what was talked about.
const summaryWithin = 15 * time.Second

// SummariseHandoff says what a bot and its caller talked about, by the bot's brain or, failing that in time, by rule, and merges the six attributes of the
// handoff into the caller's task: those of others stay as they are. It keeps the summary with the session.
// https://www.twilio.com/docs/taskrouter/api/task
func (a *Activities) SummariseHandoff(ctx context.Context, c call.SummariseHandoff) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	h, dialogue := handOff(c.Handoff), bot.Dialogue{}
	switch {
	case c.Session == "":
		h = told(h)
	case !c.Handoff.Final:
		t, err := a.talk(ctx, c.Session)
		if err != nil {
			return sessionError(err)
		}
		dialogue = t.dialogue
		h = a.summarised(ctx, t, h)
	}
	h = dialogue.Fill(h, c.Handoff.At)
	if err := a.mergeHandoff(ctx, c.Task, h, c.Handoff.Attributes); err != nil {
		return err
	}
	if c.Session == "" {
		return nil
	}
	return sessionError(a.Bots.NoteSummary(ctx, c.Session, h.Summary))
}

// summarised is a handoff with what the brain says of the dialogue. Where it fails, what is not known is filled in by rule.
func (a *Activities) summarised(ctx context.Context, t talk, h bot.HandOff) bot.HandOff {
	h.Summary = "" // what it says was a rule's, of the dialogue so far
	if a.Lines.Summarise == nil {
		return h
	}
	within := a.Lines.SummaryWithin
	if within <= 0 {
		within = summaryWithin
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	said, err := a.Lines.Summarise(bounded, t.row.Bot, t.settings, t.dialogue)
	if err != nil {
		if activity.IsActivity(ctx) {
			activity.GetLogger(ctx).Warn("the bot's brain does not summarise; a rule does", "session", t.row.ID)
		}
		return h
	}
	h.Summary = said.Summary
	if said.Sentiment != "" {
		h.Sentiment = said.Sentiment
	}
	if h.Reason == "" {
		h.Reason = said.Reason
	}
	return h
}

// errChanged says that somebody else changed the task meanwhile.
var errChanged = errors.New("the task's attributes were changed meanwhile")

// mergeTries is how often a merge is tried at once; the engine tries it again later.
const mergeTries = 3

// mergeHandoff adds the handoff's attributes to a task's. Whoever else changes them meanwhile is not overwritten: TaskRouter takes the change of exactly what
// was read.
func (a *Activities) mergeHandoff(ctx context.Context, task call.TaskSID, h bot.HandOff, more map[string]any) error {
	for range mergeTries {
		if err := a.mergeOnce(ctx, task, h, more); !errors.Is(err, errChanged) {
			return err
		}
	}
	return errChanged
}

func (a *Activities) mergeOnce(ctx context.Context, task call.TaskSID, h bot.HandOff, more map[string]any) error {
	var before, tag string
	err := a.Twilio.do(ctx, routeTask, func(x *exchange) error {
		found, err := x.taskRouter().FetchTask(a.Twilio.config.WorkspaceSID, string(task))
		if err == nil {
			before, tag = value(found.Attributes), x.answer.Header.Get("ETag")
		}
		return err
	})
	if err != nil {
		return err
	}
	existing := map[string]any{}
	exact := json.NewDecoder(strings.NewReader(before))
	exact.UseNumber() // what is somebody else's stays digit for digit
	if exact.Decode(&existing) != nil || existing == nil {
		existing = map[string]any{}
	}
	addMissing(existing, more)
	attributes, err := bot.Attributes(h, existing)
	if err != nil {
		return refused(0, err.Error())
	}
	raw := map[string]json.RawMessage{}
	for name, v := range attributes {
		if raw[name], err = json.Marshal(v); err != nil {
			return err
		}
	}
	after, err := compact(raw)
	if err != nil {
		return err
	}
	if string(after) == before {
		return nil
	}
	params := (&taskrouter.UpdateTaskParams{}).SetAttributes(string(after))
	if tag != "" {
		params.SetIfMatch(tag)
	}
	err = a.Twilio.do(ctx, routeTask, func(x *exchange) error {
		_, err := x.taskRouter().UpdateTask(a.Twilio.config.WorkspaceSID, string(task), params)
		return err
	})
	if f := failureOf(err); f != nil && f.Status == http.StatusPreconditionFailed {
		return errChanged
	}
	return err
}
