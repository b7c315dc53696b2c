package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// talked opens a session of a call, in which something is said.
func (b *apiBundle) talked(bot, id string) store.SessionRow {
	b.t.Helper()
	session, _, err := b.store.OpenSession(b.t.Context(), store.NewSession{
		Session: store.SessionRow{
			Bot: bot, Connection: "con_a", AccountSID: lineAccount, Call: id, CallSID: id, Direction: "inbound", Caller: "+15551230001", Called: lineNumber,
			SpeakingUntil: moment(9), OpenedAt: moment(1),
		},
		Messages: []store.SessionMessage{{At: moment(1), Speaker: "bot", Text: "Hello, how can I help you?"}},
	})
	require.NoError(b.t, err)
	heard := "Hello, how"
	session, err = b.store.AnswerTurn(b.t.Context(), store.TurnAnswer{
		Session: session.ID, Turn: 1, Heard: &heard, SpeakingUntil: moment(9), Dialogue: json.RawMessage(`{"slots":{"pin":"kept inside"}}`), Answer: json.RawMessage(`{}`),
		Messages: []store.SessionMessage{{At: moment(2), Speaker: "caller", Text: "My car"}, {At: moment(3), Speaker: "bot", Text: "It is ready.", Language: "en-US"}},
	})
	require.NoError(b.t, err)
	return session
}

func TestASessionIsReadWithItsTranscript(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	session := b.talked(bot.ID, talkingCall)
	path := "/v1/sessions/" + session.ID
	detail := got[SessionDetail](b, path, sueKey)
	require.Equal(t, SessionIsOpen, detail.Session.State)
	require.Equal(t, 1, detail.Session.Turns)
	require.Len(t, detail.Transcript, 3)
	require.True(t, detail.Transcript[0].Cut)
	require.Equal(t, "Hello, how", *detail.Transcript[0].Heard)
	require.NotContains(t, b.send(http.MethodGet, path, sueKey, "").Body.String(), "kept inside", "what the dialogue remembers is its own")

	require.Equal(t, detail, got[SessionDetail](b, path, annKey), "it is a call of hers")
	requireProblem(t, b.send(http.MethodGet, path, bobKey, ""), http.StatusForbidden, "not_your_call")
	unbegun := b.talked(bot.ID, unknownCall)
	requireProblem(t, b.send(http.MethodGet, "/v1/sessions/"+unbegun.ID, annKey, ""), http.StatusForbidden, "not_your_call")
	requireProblem(t, b.send(http.MethodGet, "/v1/sessions/ses_none", sueKey, ""), http.StatusNotFound, "session_not_found")
}

func TestSessionsAreFoundByWhatFlexCallsThem(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	one, two := b.talked(bot.ID, talkingCall), b.talked(bot.ID, queuedCall)
	row, legs, err := b.store.Call(t.Context(), talkingCall)
	require.NoError(t, err)
	row.UpdatedAt = moment(30)
	require.NoError(t, b.store.Project(t.Context(), store.Step{
		Call: row, Legs: legs, Bot: &store.BotStep{Session: one.ID, FlexTask: "WT1", FlexReservation: "WR1", FlexConversation: "CH1"},
	}))
	find := func(key, query string) (found []string) {
		t.Helper()
		for _, s := range got[SessionPage](b, "/v1/sessions?"+query, key).Sessions {
			found = append(found, s.ID)
		}
		return found
	}
	for _, query := range []string{"flex_task_sid=WT1", "flex_reservation_sid=WR1", "flex_conversation_sid=CH1", "call=" + talkingCall} {
		require.Equal(t, []string{one.ID}, find(sueKey, query), query)
	}
	require.ElementsMatch(t, []string{one.ID, two.ID}, find(sueKey, "number=%2B15551230001&state=open&bot="+bot.ID))
	require.Empty(t, find(sueKey, "outcome=busy"))
	require.Equal(t, []string{one.ID}, find(annKey, ""), "agents find those of their own calls")
	first := got[SessionPage](b, "/v1/sessions?limit=1", sueKey)
	require.NotEmpty(t, first.NextCursor)
	require.Len(t, got[SessionPage](b, "/v1/sessions?limit=1&cursor="+first.NextCursor, sueKey).Sessions, 1)
	requireProblem(t, b.send(http.MethodGet, "/v1/sessions?state=lost", sueKey, ""), http.StatusBadRequest, "bad_request")
	requireProblem(t, b.send(http.MethodGet, "/v1/sessions?cursor=x", sueKey, ""), http.StatusBadRequest, "bad_request")
}

const handoffBody = `{"reason":"wants to cancel","summary":"He said 4111 1111 1111 1111.","sentiment":"negative","language":"en","priority":5,
	"routing_workflow":"WW000000000000000000000000000000c1","attributes":{"order":"7","card":["4111111111111111"]}}`

func TestAHandoffIsAskedOfTheCall(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	b.talked(bot.ID, queuedCall)
	w := b.send(http.MethodPost, "/v1/calls/"+queuedCall+"/handoff", sueKey, handoffBody)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	asked := b.engine.requests()
	require.Len(t, asked, 1)
	event := asked[0].event.(call.HandoffRequested)
	require.Equal(t, moment(9), event.NotBefore, "the bot's sentence is not cut")
	require.Equal(t, call.Handoff{
		Reason: "wants to cancel", Summary: "He said [card number].", Sentiment: "negative", Language: "en", By: "sue", Final: true, Priority: 5,
		RoutingWorkflow: "WW000000000000000000000000000000c1", Attributes: map[string]any{"order": "7", "card": []any{"[card number]"}},
	}, event.Handoff)
	requireProblem(t, b.send(http.MethodPost, "/v1/calls/"+talkingCall+"/handoff", annKey, handoffBody), http.StatusForbidden, "forbidden")
	for name, test := range map[string]struct{ body, field string }{
		"no reason":            {`{"reason":""}`, "reason"},
		"a long reason":        {`{"reason":"` + strings.Repeat("r", 301) + `"}`, "reason"},
		"a long summary":       {`{"reason":"r","summary":"` + strings.Repeat("r", 3001) + `"}`, "summary"},
		"an unknown sentiment": {`{"reason":"r","sentiment":"angry"}`, "sentiment"},
		"no language":          {`{"reason":"r","language":"English, please"}`, "language"},
		"a queue":              {`{"reason":"r","routing_workflow":"WQ1"}`, "routing_workflow"},
		"below all":            {`{"reason":"r","priority":-1}`, "priority"},
		"its own attributes":   {`{"reason":"r","attributes":{"handoffReason":"x"}}`, "attributes.handoffReason"},
		"an account of none":   {`{"reason":"r","account_sid":"x"}`, "account_sid"},
	} {
		p := requireProblem(t, b.send(http.MethodPost, "/v1/calls/"+queuedCall+"/handoff", admKey, test.body), http.StatusBadRequest, "invalid")
		require.Equal(t, test.field, (*p.Errors)[0].Field, name)
	}
}

func TestACallOfAnotherPlatformIsMadeKnownBeforeItIsHandedOff(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	subject := store.Subject{Kind: store.SubjectCall, ID: unknownCall}
	begun := make(chan error, 2)
	defer b.store.OnReceive(func(got store.Subject) {
		if got != subject {
			return
		}
		go func() { // as delivery and the workflow would
			begun <- b.store.Project(t.Context(), store.Step{
				Call:    store.CallRow{ID: unknownCall, State: "bot", UpdatedAt: moment(1)},
				Entries: []store.Entry{{Number: 1, Kind: "BotAnswered", Source: "twilio", At: moment(1)}},
				Legs:    []store.LegRow{customerLeg(unknownCall, "waiting")},
			})
		}()
	})()
	w := b.send(http.MethodPost, "/v1/calls/"+unknownCall+"/handoff", admKey, `{"reason":"asked for a person","account_sid":"`+lineAccount+`"}`)
	require.NoError(t, <-begun)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Len(t, b.engine.requests(), 1)
	waiting, err := b.store.Waiting(t.Context(), subject, 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	var envelope call.Envelope
	require.NoError(t, json.Unmarshal(waiting[0].Event, &envelope))
	require.Equal(t, call.BotAnswered{Call: unknownCall, Account: lineAccount, Foreign: true}, envelope.Event)

	w = b.send(http.MethodPost, "/v1/calls/"+unknownCall+"/handoff", admKey, `{"reason":"asked for a person"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	waiting, err = b.store.Waiting(t.Context(), subject, 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1, "it is known by now")
	requireProblem(t, b.send(http.MethodPost, "/v1/calls/no-sid/handoff", admKey, `{"reason":"r"}`), http.StatusNotFound, "call_not_found")
}

func TestAHandoffThatIsImpossibleSaysWhy(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	b.engine.answer = func(askedAction) (workflows.Result, error) {
		return workflows.Result{}, errors.Join(&call.NotAllowed{Code: call.CodeHandedOff, Message: "a person has the call already"})
	}
	requireProblem(t, b.send(http.MethodPost, "/v1/calls/"+talkingCall+"/handoff", admKey, `{"reason":"r"}`), http.StatusConflict, "handed_off")
}
