package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// Bounds of a handoff's texts, in characters: all six attributes and the task's others are 4,096 at most.
const (
	handoffReasonMost  = 300
	handoffSummaryMost = 3000
)

var (
	callSID     = regexp.MustCompile(`^CA[0-9a-fA-F]{32}$`)
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	sentiments  = []string{"positive", "neutral", "negative"}
)

// HandOffCall answers POST /v1/calls/{call}/handoff.
func (a *api) HandOffCall(ctx context.Context, r HandOffCallRequestObject) (HandOffCallResponseObject, error) {
	key := keyIn(ctx)
	if key.isAgent() {
		return nil, problem(http.StatusForbidden, codeForbidden, "supervisors, administrators and AI platforms hand callers over; agents transfer them")
	}
	handoff, err := handoffOf(key, r.Body)
	if err != nil {
		return nil, err
	}
	if err := a.heardOf(ctx, r.Call, text(r.Body.AccountSID)); err != nil {
		return nil, err
	}
	var notBefore time.Time
	switch session, err := a.store.SessionByCall(ctx, r.Call); {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	case session.State == store.SessionOpen:
		notBefore = session.SpeakingUntil
	}
	return a.act(ctx, action{name: "handoff", event: func(_ *asking, q call.Request) (call.Event, error) {
		return call.HandoffRequested{Request: q, Handoff: handoff, NotBefore: notBefore}, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// handoffOf is what a body tells the person. Card numbers go no further.
func handoffOf(key Key, body *HandoffBody) (call.Handoff, error) {
	h := call.Handoff{
		Reason: bot.Mask(body.Reason), Summary: bot.Mask(text(body.Summary)), Sentiment: text(body.Sentiment), Language: text(body.Language), By: key.Name,
		RoutingWorkflow: text(body.RoutingWorkflow),
	}
	h.Final = h.Summary != ""
	var checks fieldChecks
	if checks.needs("reason", h.Reason, "why the caller goes to a person, in a short phrase") {
		checks.most("reason", h.Reason, handoffReasonMost)
	}
	checks.most("summary", h.Summary, handoffSummaryMost)
	if h.Sentiment != "" && !slices.Contains(sentiments, h.Sentiment) {
		checks.say("sentiment", "%q is none of positive, neutral, negative", h.Sentiment)
	}
	if h.Language != "" && (len(h.Language) > 35 || !languageTag.MatchString(h.Language)) {
		checks.say("language", "%q is no language tag, such as en or pt-BR", h.Language)
	}
	if h.RoutingWorkflow != "" && !workflowSID.MatchString(h.RoutingWorkflow) {
		checks.say("routing_workflow", "is no workflow SID: WW and 32 hexadecimal digits")
	}
	if body.Priority != nil {
		if h.Priority = *body.Priority; h.Priority < 0 || h.Priority > 1<<31-1 {
			checks.say("priority", "must be from 0 to %d", 1<<31-1)
		}
	}
	if body.Attributes != nil {
		h.Attributes = maskAll(*body.Attributes)
		checkAttributes(&checks, h.Attributes)
	}
	if account := text(body.AccountSID); account != "" && !accountSID.MatchString(account) {
		checks.say("account_sid", "is no account SID: AC and 32 hexadecimal digits")
	}
	return h, checks.problem()
}

// maskAll hides card numbers in the texts of custom data.
func maskAll(attributes map[string]any) map[string]any {
	clean := make(map[string]any, len(attributes))
	for name, value := range attributes {
		clean[name] = maskIn(value)
	}
	return clean
}

func maskIn(value any) any {
	switch value := value.(type) {
	case string:
		return bot.Mask(value)
	case map[string]any:
		return maskAll(value)
	case []any:
		clean := make([]any, len(value))
		for i, v := range value {
			clean[i] = maskIn(v)
		}
		return clean
	default:
		return value
	}
}

// heardOf makes a call known that another platform's bot has: its part begins with our hearing of it. It waits until the call can be asked for something.
func (a *api) heardOf(ctx context.Context, id, account string) error {
	switch _, _, err := a.store.Call(ctx, id); {
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	case !callSID.MatchString(id):
		return nil // whoever looks for it says so
	}
	event, err := json.Marshal(call.Envelope{Event: call.BotAnswered{Call: call.SID(id), Account: account, Foreign: true}})
	if err != nil {
		return err
	}
	_, _, err = a.store.Receive(ctx, store.Webhook{
		Key: "bot-answered:foreign:" + id, Kind: "bot-answered", Subject: store.Subject{Kind: store.SubjectCall, ID: id}, Event: event,
	})
	if err != nil {
		return err
	}
	look := time.NewTicker(settleLook)
	defer look.Stop()
	for {
		stepped := a.steps.next()
		if _, _, err := a.store.Call(ctx, id); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		select {
		case <-stepped:
		case <-look.C:
		case <-ctx.Done():
			return unavailable(codeEngineAway, "the call is kept, and not begun yet; send the same request again", ctx.Err())
		}
	}
}
