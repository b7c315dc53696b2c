package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// handsOver has the brain hand the caller over.
func (c *caller) handsOver(h bot.HandOff, before ...bot.Piece) {
	c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) {
		return append(before, bot.Piece{HandOff: &h}), nil
	})
}

func (c *caller) attributes() map[string]any {
	c.t.Helper()
	task := c.last.find("Task")
	require.NotNil(c.t, task, c.body)
	require.LessOrEqual(c.t, len(task.Text), 4096)
	var attributes map[string]any
	require.NoError(c.t, json.Unmarshal([]byte(task.Text), &attributes), task.Text)
	return attributes
}

func TestAHandoffTellsThePersonTheSixAttributesOnce(t *testing.T) {
	t.Parallel()
	c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) {
		s.Attributes = map[string]any{"team": "parcels", "order_id": "0"}
	}).caller(t, testCall)
	c.asks(PathBotVoice+"?connection="+c.connection.ID+"&flex_order_id=4711&other=x&flex_pin=1234", url.Values{})
	c.handsOver(bot.HandOff{Reason: "wants a refund", Summary: "The parcel is late.", Sentiment: "negative", By: "model"},
		bot.Piece{Say: "I am sorry."}, bot.Piece{Selected: "parcels"})
	answer := c.says("I want my money back")
	require.Equal(t, "Say", answer.names()[0])
	require.Equal(t, "Enqueue", answer.names()[len(answer.names())-1])
	require.True(t, strings.HasPrefix(answer.said(), "I am sorry."), answer.said())

	session := c.session()
	enqueue := answer.find("Enqueue")
	require.Equal(t, "WW7", enqueue.attr("workflowSid"))
	require.Equal(t, "3", answer.find("Task").attr("priority"))
	require.Equal(t, "https://calls.example.com/twilio/queue-wait?call="+testCall+"#rc=5&rp=all", enqueue.attr("waitUrl"))
	require.True(t, strings.HasPrefix(enqueue.attr("action"),
		"https://calls.example.com/twilio/enqueue-action?call="+testCall+"&session="+session.ID+"&turn=2&handoff="), enqueue.attr("action"))
	at := c.clock.now().Format("2006-01-02T15:04:05Z07:00")
	require.Equal(t, map[string]any{
		"handedOff": true, "handoffReason": "wants a refund", "handoffSummary": "The parcel is late.", "handoffSentiment": "negative", "handoffLanguage": "en-US",
		"handoffTimestamp": at, "holdfast_call_id": testCall, "team": "parcels", "order_id": "0", "flex_order_id": "4711", "selections": []any{"parcels"},
	}, c.attributes())

	first := c.body
	require.Equal(t, first, c.repeats())
	second := c.again(t)
	require.Equal(t, first, second.do(c.signed(c.to, c.form)).Body.String())
	require.Equal(t, store.SessionHandingOff, c.session().State)
	told := c.told()
	require.Len(t, told, 2, "the workflow is told once")
	handed, ok := told[1].(call.HandedOff)
	require.True(t, ok)
	require.Equal(t, call.HandedOff{Call: testCall, Session: session.ID, Handoff: call.Handoff{
		Reason: "wants a refund", Summary: "The parcel is late.", Sentiment: "negative", Language: "en-US", At: c.clock.now(), By: "model", Final: true,
		Priority: 3, RoutingWorkflow: "WW7",
	}}, handed)
	require.NotContains(t, c.log.String(), "refund")
}

func TestAttributesOfAHandoffFitWhateverIsSet(t *testing.T) {
	t.Parallel()
	for name, filler := range map[string]string{
		"a long attribute, beside which the summary is shortened": strings.Repeat("x", 3000),
		"one that leaves no room, and is left out":                strings.Repeat("ü", 3000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) {
				s.Attributes = map[string]any{"note": filler}
			}).caller(t, testCall)
			c.dials()
			c.handsOver(bot.HandOff{Reason: "a reason", Summary: strings.Repeat("A long story, told at length. ", 200)})
			c.says("A person, please: it is a long story")
			attributes := c.attributes()
			require.Equal(t, true, attributes["handedOff"])
			require.Equal(t, testCall, attributes["holdfast_call_id"])
			require.Equal(t, len(filler) == 3000, attributes["note"] != nil)
		})
	}
}

func TestACallerHandedOverBySomebodyElseWaitsForIt(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	id := c.session().ID
	_, err := c.store.BeginHandoff(t.Context(), id, "api", json.RawMessage(`{"reason":"x"}`))
	require.NoError(t, err)
	answer := c.says("Hello?")
	require.Equal(t, []string{"Pause", "Redirect"}, answer.names())
	require.Equal(t, "5", answer.find("Pause").attr("length"))
	require.Equal(t, []string{"Pause", "Redirect"}, c.goesOn().names(), "for as long as that takes")
	require.Empty(t, c.brain.questions())
	_, err = c.store.CancelHandoff(t.Context(), id)
	require.NoError(t, err)
	require.NotNil(t, c.goesOn().find("Gather"), "and goes on if nothing comes of it: %s", c.body)
	require.Len(t, c.told(), 1)
}

func TestOfTwoWhoHandOverOneDoes(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	c.handsOver(bot.HandOff{Reason: "a person"})
	id, target, form := c.session().ID, follow(t, c.gather().attr("action")), c.form
	form.Set("SpeechResult", "a human")
	var all sync.WaitGroup
	var body string
	var err error
	all.Go(func() { body = c.do(c.signed(target, form)).Body.String() })
	all.Go(func() {
		_, err = c.store.BeginHandoff(context.WithoutCancel(t.Context()), id, "api", json.RawMessage(`{"reason":"x"}`))
	})
	all.Wait()
	require.NotEqual(t, err == nil, strings.Contains(body, "<Enqueue"), "one of them: %v, %s", err, body)
}

func TestWhomNobodyCanTakeComesBackToTheBot(t *testing.T) {
	t.Parallel()
	for _, result := range []string{"queue-full", "error", "system-error"} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			c := setupBot(t).caller(t, testCall)
			c.dials()
			c.handsOver(bot.HandOff{Reason: "a person"})
			c.says("a human")
			action := follow(t, c.last.find("Enqueue").attr("action"))
			handed := c.told()[1].(call.HandedOff)
			answer := c.asks(action, url.Values{"QueueResult": {result}, "QueueTime": {"0"}})
			require.NotNil(t, answer.find("Gather"), c.body)
			require.NotEmpty(t, answer.said())
			require.Equal(t, c.body, c.repeats(), "told once")
			require.Equal(t, store.SessionOpen, c.session().State)
			require.Equal(t, call.EnqueueEnded{Call: testCall, Result: result, Handoff: handed.Handoff.At}, c.told()[2])
			require.Len(t, c.told(), 3)

			c.clock.passes(1)
			require.NotNil(t, c.says("A human, I said").find("Enqueue"), "he may ask again: %s", c.body)
			require.Len(t, c.told(), 4)
		})
	}
	t.Run("and whom somebody took does not", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.dials()
		c.handsOver(bot.HandOff{Reason: "a person"})
		c.says("a human")
		answer := c.asks(follow(t, c.last.find("Enqueue").attr("action")), url.Values{"QueueResult": {"bridged"}, "QueueTime": {"4"}})
		require.Empty(t, answer.Tags)
		require.Equal(t, store.SessionHandingOff, c.session().State)
	})
}

func TestWhereThereAreNoPeopleTheBotDoesNotSayThatItTransfers(t *testing.T) {
	t.Parallel()
	c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) { s.Handoff.RoutingWorkflow = "" }).caller(t, testCall)
	c.dials()
	require.False(t, c.told()[0].(call.BotAnswered).People)
	c.handsOver(bot.HandOff{Reason: "a person"})
	require.NotNil(t, c.says("a human").find("Gather"), c.body)
	require.Nil(t, c.last.find("Enqueue"))
}

func TestATransferEndsTheBotsPartUnlessNobodyAnswers(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T) *caller {
		t.Helper()
		c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) {
			s.Transfers = []bot.Target{{Name: "shop", To: "+15557776666"}}
		}).caller(t, testCall)
		c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) {
			return []bot.Piece{{Transfer: "shop"}}, nil
		})
		c.dials()
		answer := c.says("The shop, please")
		require.Equal(t, []string{"Say", "Dial"}, answer.names())
		require.Equal(t, "+15557776666", answer.find("Number").Text)
		require.Equal(t, call.BotEnded{Call: testCall, Session: c.session().ID, Result: call.BotTransferred}, c.told()[1])
		require.Equal(t, store.SessionOpen, c.session().State)
		return c
	}
	for _, status := range []string{"busy", "no-answer", "failed"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			c := setup(t)
			require.NotNil(t, c.asks(follow(t, c.last.find("Dial").attr("action")), url.Values{"DialCallStatus": {status}}).find("Gather"), c.body)
			require.Equal(t, c.body, c.repeats())
			require.Equal(t, store.SessionOpen, c.session().State)
			require.True(t, c.told()[2].(call.BotAnswered).Again, "the workflow is told that the bot has him again")
			require.Len(t, c.told(), 3)
		})
	}
	t.Run("completed", func(t *testing.T) {
		t.Parallel()
		c := setup(t)
		require.Equal(t, []string{"Hangup"}, c.asks(follow(t, c.last.find("Dial").attr("action")), url.Values{"DialCallStatus": {"completed"}}).names())
		require.Equal(t, store.OutcomeTransferred, c.session().Outcome)
		require.Len(t, c.told(), 2)
	})
	t.Run("the caller hangs up meanwhile", func(t *testing.T) {
		t.Parallel()
		c := setup(t)
		require.Equal(t, http.StatusNoContent, c.answered(PathCallStatus, url.Values{"CallStatus": {"completed"}}).Code)
		require.Equal(t, store.OutcomeTransferred, c.session().Outcome)
	})
}
