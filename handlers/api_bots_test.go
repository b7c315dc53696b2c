package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// bornBots stands for the workflows of bots: it moves them in the store as they would.
type bornBots struct {
	store   *store.Store
	err     error
	slow    bool // nothing is done before ctx is
	changed []string
}

func (l *bornBots) StartBot(ctx context.Context, id string) (workflows.BotResult, error) {
	if l.slow {
		<-ctx.Done()
		return workflows.BotResult{}, fmt.Errorf("%w: %w", workflows.ErrUnverified, ctx.Err())
	}
	if l.err != nil {
		return workflows.BotResult{}, l.err
	}
	return workflows.BotResult{}, l.run(ctx, id)
}

func (l *bornBots) run(ctx context.Context, id string) error {
	row, err := l.store.Bot(ctx, id)
	if err != nil {
		return err
	}
	running := &store.RunningBot{Name: row.Name, Settings: row.Settings}
	for _, c := range row.Connections {
		line, err := l.store.Connection(ctx, c.Connection)
		if err != nil {
			return err
		}
		running.Connections = append(running.Connections, store.RunningLine{BotConnection: c, AccountSID: line.AccountSID, PhoneNumber: line.PhoneNumber})
	}
	return errors.Join(l.store.SetBotRunning(ctx, id, running, row.Revision), l.store.SetBotState(ctx, id, store.BotRunning, ""))
}

func (l *bornBots) StopBot(ctx context.Context, id string) (workflows.BotResult, error) {
	if l.err != nil {
		return workflows.BotResult{}, l.err
	}
	return workflows.BotResult{}, errors.Join(l.store.SetBotRunning(ctx, id, nil, 0), l.store.SetBotState(ctx, id, store.BotStopped, ""))
}

func (l *bornBots) RestartBot(ctx context.Context, id string) (workflows.BotResult, error) {
	return l.StartBot(ctx, id)
}

func (l *bornBots) BotChanged(_ context.Context, id string) error {
	l.changed = append(l.changed, id)
	return l.err
}

func setupBots(t *testing.T) (*apiBundle, *bornBots) {
	t.Helper()
	life := &bornBots{}
	b := setupAPI(t, func(c *Config) {
		c.Bots, c.ActionWait = life, 2*time.Second
	})
	life.store = b.store
	return b, life
}

// asked sends a request that must do, and decodes the bot that is answered.
func (b *apiBundle) asked(method, path, body string, status int) Bot {
	b.t.Helper()
	w := b.send(method, path, admKey, body)
	require.Equal(b.t, status, w.Code, w.Body.String())
	return decoded[Bot](b.t, w.Body.Bytes())
}

func settingsOf(t *testing.T, b Bot) map[string]any {
	t.Helper()
	var settings map[string]any
	require.NoError(t, json.Unmarshal(b.Settings, &settings))
	return settings
}

func TestABotIsMadeChangedAndForgotten(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	made := made[Bot](b, "/v1/bots", `{"name":" Ada ","settings":{"greeting":"Hello","silence":{"after":7,"goodbye":"Bye"}}}`)
	require.Equal(t, "Ada", made.Name)
	require.Equal(t, BotIsStopped, made.State)
	require.Equal(t, "Hello", settingsOf(t, made)["greeting"])
	path := "/v1/bots/" + made.ID
	require.Equal(t, made, got[Bot](b, path, sueKey))

	changed := b.asked(http.MethodPatch, path, `{"settings":{"greeting":null,"silence":{"after":9},"max_sessions":3}}`, http.StatusOK)
	settings := settingsOf(t, changed)
	require.Empty(t, settings["greeting"], "null takes it back to its default")
	require.Equal(t, map[string]any{"after": 9.0, "goodbye": "Bye"}, settings["silence"], "what is not told stays")
	require.EqualValues(t, 2, changed.Revision)
	require.Len(t, got[BotPage](b, "/v1/bots", sueKey).Bots, 1)

	require.Equal(t, http.StatusOK, b.send(http.MethodDelete, path, admKey, "").Code)
	for _, path := range []string{path, path + "/log"} {
		requireProblem(t, b.send(http.MethodGet, path, admKey, ""), http.StatusNotFound, "bot_not_found")
	}
	for _, verb := range []string{"start", "stop", "restart"} {
		requireProblem(t, b.send(http.MethodPost, path+"/"+verb, admKey, ""), http.StatusNotFound, "bot_not_found")
	}
	requireProblem(t, b.send(http.MethodPatch, path, admKey, `{}`), http.StatusNotFound, "bot_not_found")
	requireProblem(t, b.send(http.MethodDelete, path, admKey, ""), http.StatusNotFound, "bot_not_found")
	requireProblem(t, b.send(http.MethodPost, path+"/calls", admKey, `{"to":"+15551230001"}`), http.StatusNotFound, "bot_not_found")
}

func TestWhatABotCannotBeSetToIsToldFieldByField(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	for name, test := range map[string]struct{ body, field string }{
		"no name":                  {`{"name":" "}`, "name"},
		"a long name":              {`{"name":"` + strings.Repeat("n", 65) + `"}`, "name"},
		"half a second of silence": {`{"name":"n","settings":{"silence":{"after":1.5}}}`, "settings.silence.after"},
		"an unknown interrupt":     {`{"name":"n","settings":{"interrupt":"shouting"}}`, "settings.interrupt"},
		"settings that are none":   {`{"name":"n","settings":"loud"}`, "settings"},
		"an unknown setting":       {`{"name":"n","settings":{"gretting":"Hello"}}`, "settings"},
		"a model without a name":   {`{"name":"n","settings":{"brain":{"kind":"openai"}}}`, "settings.brain.model"},
		"a secret of ours":         {`{"name":"n","secrets":{"HOLDFAST_SECRET_KEYS":"x"}}`, "secrets.HOLDFAST_SECRET_KEYS"},
		"an empty secret":          {`{"name":"n","secrets":{"CRM_API_KEY":""}}`, "secrets.CRM_API_KEY"},
		"a masked secret":          {`{"name":"n","secrets":{"CRM_API_KEY":"********"}}`, "secrets.CRM_API_KEY"},
	} {
		p := requireProblem(t, b.send(http.MethodPost, "/v1/bots", admKey, test.body), http.StatusBadRequest, "invalid")
		require.Equal(t, test.field, (*p.Errors)[0].Field, name)
	}
	require.Empty(t, got[BotPage](b, "/v1/bots", admKey).Bots)
}

func TestABotsSecretsAreMasked(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	bot := made[Bot](b, "/v1/bots", `{"name":"n","secrets":{"OPENAI_API_KEY":"sk-very-secret","HOLDFAST_BOT_CRM":"crm-secret"}}`)
	hidden := masked
	require.Equal(t, BotSecrets{"OPENAI_API_KEY": &hidden, "HOLDFAST_BOT_CRM": &hidden}, bot.Secrets)
	bot = b.asked(http.MethodPatch, "/v1/bots/"+bot.ID, `{"secrets":{"OPENAI_API_KEY":"********","HOLDFAST_BOT_CRM":null}}`, http.StatusOK)
	require.Equal(t, BotSecrets{"OPENAI_API_KEY": &hidden}, bot.Secrets)
	secrets, err := b.store.BotSecrets(t.Context(), bot.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"OPENAI_API_KEY": "sk-very-secret"}, secrets)
	require.NotContains(t, b.log.String(), "sk-very-secret")
}

func TestAConnectionHasOneBotThatAnswers(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	line := made[Connection](b, "/v1/connections", lineBody)
	ada, bob := made[Bot](b, "/v1/bots", `{"name":"Ada"}`), made[Bot](b, "/v1/bots", `{"name":"Bob"}`)
	attached := func(bot Bot) string { return "/v1/bots/" + bot.ID + "/connections/" + line.ID }
	ada = b.asked(http.MethodPut, attached(ada), "", http.StatusOK)
	require.Equal(t, []BotConnection{{Connection: line.ID, Name: "Front desk", PhoneNumber: line.PhoneNumber, Inbound: true}}, ada.Connections)
	p := requireProblem(t, b.send(http.MethodPut, attached(bob), admKey, `{"inbound":true}`), http.StatusConflict, "inbound_taken")
	require.Contains(t, p.Detail, "Ada ("+ada.ID+")")
	bob = b.asked(http.MethodPut, attached(bob), `{"inbound":false}`, http.StatusOK)
	require.False(t, bob.Connections[0].Inbound)
	shown := got[Connection](b, "/v1/connections/"+line.ID, sueKey)
	require.Equal(t, []AttachedBot{
		{ID: ada.ID, Name: "Ada", Inbound: true, State: BotIsStopped}, {ID: bob.ID, Name: "Bob", State: BotIsStopped},
	}, shown.Bots)
	b.asked(http.MethodDelete, attached(ada), "", http.StatusOK)
	requireProblem(t, b.send(http.MethodDelete, attached(ada), admKey, ""), http.StatusNotFound, "connection_not_found")
	requireProblem(t, b.send(http.MethodPut, "/v1/bots/"+ada.ID+"/connections/con_none", admKey, ""), http.StatusNotFound, "connection_not_found")
	requireProblem(t, b.send(http.MethodPut, "/v1/bots/bot_none/connections/"+line.ID, admKey, ""), http.StatusNotFound, "bot_not_found")
	b.asked(http.MethodPut, attached(bob), `{"inbound":true}`, http.StatusOK)

	workspace := made[Connection](b, "/v1/connections", `{"kind":"workspace","name":"Flex","account_sid":"`+lineAccount+`","auth_token":"t","workspace_sid":"WS000000000000000000000000000000c1"}`)
	path := "/v1/bots/" + ada.ID + "/connections/" + workspace.ID
	requireProblem(t, b.send(http.MethodPut, path, admKey, `{"inbound":true}`), http.StatusBadRequest, "invalid")
	require.False(t, b.asked(http.MethodPut, path, "", http.StatusOK).Connections[0].Inbound)
}

func TestABotStartsStopsAndSaysWhenARestartIsDue(t *testing.T) {
	t.Parallel()
	b, life := setupBots(t)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	path := "/v1/bots/" + bot.ID
	bot = b.asked(http.MethodPost, path+"/start", "", http.StatusOK)
	require.Equal(t, BotIsRunning, bot.State)
	require.NotNil(t, bot.StartedAt)
	require.False(t, bot.RestartDue)
	bot = b.asked(http.MethodPatch, path, `{"settings":{"greeting":"Good morning"}}`, http.StatusOK)
	require.True(t, bot.RestartDue)
	require.EqualValues(t, 1, bot.RunningRevision)
	require.False(t, b.asked(http.MethodPost, path+"/restart", "", http.StatusOK).RestartDue)
	require.Equal(t, BotIsStopped, b.asked(http.MethodPost, path+"/stop", "", http.StatusOK).State)

	life.err = workflows.ErrUnavailable
	requireProblem(t, b.send(http.MethodPost, path+"/start", admKey, ""), http.StatusServiceUnavailable, "engine_away")
	life.err, life.slow = nil, true
	require.Equal(t, BotIsStopped, b.asked(http.MethodPost, path+"/start", "", http.StatusAccepted).State)
}

func TestWithoutAnEngineForThemBotsAreNotStarted(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	requireProblem(t, b.send(http.MethodPost, "/v1/bots/"+bot.ID+"/start", admKey, ""), http.StatusServiceUnavailable, "engine_away")
}

func TestWhatGoesOfflineIsSaidBefore(t *testing.T) {
	t.Parallel()
	b, life := setupBots(t)
	line := made[Connection](b, "/v1/connections", lineBody)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	path := "/v1/bots/" + bot.ID
	b.asked(http.MethodPut, path+"/connections/"+line.ID, "", http.StatusOK)
	b.asked(http.MethodPost, path+"/start", "", http.StatusOK)
	for _, path := range []string{path, "/v1/connections/" + line.ID} {
		p := requireProblem(t, b.send(http.MethodDelete, path, admKey, ""), http.StatusConflict, "goes_offline")
		require.Contains(t, p.Detail, lineNumber)
		require.Contains(t, p.Detail, "Ada")
	}
	w := b.send(http.MethodPatch, "/v1/connections/"+line.ID, admKey, `{"auth_token":"another"}`)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, []string{bot.ID}, life.changed, "a bot that runs looks at a new token at once")
	gone := WentOffline{Bots: []string{"Ada"}, Lines: []string{lineNumber}}
	w = b.send(http.MethodDelete, "/v1/connections/"+line.ID+"?confirm=true", admKey, "")
	require.Equal(t, gone, decoded[WentOffline](t, w.Body.Bytes()))
	require.Equal(t, []string{bot.ID, bot.ID}, life.changed)
	w = b.send(http.MethodDelete, path+"?confirm=true", admKey, "")
	require.Equal(t, gone, decoded[WentOffline](t, w.Body.Bytes()))
	_, err := b.store.Bot(t.Context(), bot.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestTheLogIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	line := made[Connection](b, "/v1/connections", lineBody)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	for i := range 3 {
		require.NoError(t, b.store.LogBot(t.Context(), store.BotLogLine{At: moment(i), Bot: bot.ID, Connection: line.ID, Level: "info", Message: fmt.Sprint(i)}))
	}
	for _, path := range []string{"/v1/bots/" + bot.ID + "/log", "/v1/connections/" + line.ID + "/log"} {
		log := got[BotLog](b, path+"?limit=2", sueKey)
		require.Equal(t, []string{"2", "1"}, []string{log.Lines[0].Message, log.Lines[1].Message})
		log = got[BotLog](b, fmt.Sprintf("%s?limit=2&before=%d", path, log.NextBefore), sueKey)
		require.Len(t, log.Lines, 1)
		require.Zero(t, log.NextBefore)
	}
	requireProblem(t, b.send(http.MethodGet, "/v1/bots/"+bot.ID+"/log?limit=0", sueKey, ""), http.StatusBadRequest, "bad_request")
}

func TestAnOutboundCallIsKeptWithItsSession(t *testing.T) {
	t.Parallel()
	b, _ := setupBots(t)
	line := made[Connection](b, "/v1/connections", lineBody)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada","settings":{"max_sessions":2}}`)
	path := "/v1/bots/" + bot.ID
	calls := path + "/calls"
	requireProblem(t, b.send(http.MethodPost, calls, admKey, `{"to":"+15551230001"}`), http.StatusConflict, "bot_not_running")
	b.asked(http.MethodPost, path+"/start", "", http.StatusOK)
	p := requireProblem(t, b.send(http.MethodPost, calls, admKey, `{"to":"+15551230001"}`), http.StatusBadRequest, "invalid")
	require.Equal(t, "connection", (*p.Errors)[0].Field, "it has no line yet")
	b.asked(http.MethodPut, path+"/connections/"+line.ID, `{"inbound":false}`, http.StatusOK)
	b.asked(http.MethodPost, path+"/restart", "", http.StatusOK)

	for name, test := range map[string]struct{ body, field string }{
		"nobody":                     {`{"to":""}`, "to"},
		"a number with no country":   {`{"to":"5551230001"}`, "to"},
		"another line":               {`{"to":"+15551230001","connection":"con_none"}`, "connection"},
		"an unknown machine":         {`{"to":"+15551230001","machine":"beep"}`, "machine"},
		"a message without words":    {`{"to":"+15551230001","machine":"message"}`, "message"},
		"words for nobody":           {`{"to":"+15551230001","message":"Hello"}`, "message"},
		"too short a ring":           {`{"to":"+15551230001","ring":4}`, "ring"},
		"attributes of ours":         {`{"to":"+15551230001","attributes":{"holdfast_call_id":"x"}}`, "attributes.holdfast_call_id"},
		"attributes of the handoff":  {`{"to":"+15551230001","attributes":{"handedOff":true}}`, "attributes.handedOff"},
		"attributes that are a book": {`{"to":"+15551230001","attributes":{"a":"` + strings.Repeat("a", 2000) + `"}}`, "attributes"},
	} {
		p := requireProblem(t, b.send(http.MethodPost, calls, admKey, test.body), http.StatusBadRequest, "invalid")
		require.Equal(t, test.field, (*p.Errors)[0].Field, name)
	}

	place := func(idempotency string) BotCall {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, calls,
			strings.NewReader(`{"to":"+15551230001","machine":"message","message":"Your car is ready","attributes":{"order":"7"},"ring":30}`))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+admKey)
		r.Header.Set("Content-Type", "application/json")
		if idempotency != "" {
			r.Header.Set("Idempotency-Key", idempotency)
		}
		w := b.serve(r)
		require.Equal(t, http.StatusAccepted, w.Code, w.Body.String())
		return decoded[BotCall](t, w.Body.Bytes())
	}
	placed := place("once")
	require.Equal(t, placed, place("once"), "the same request again never dials twice")
	require.Equal(t, []string{lineNumber, "+15551230001", "outbound"}, []string{placed.Session.From, placed.Session.To, placed.Session.Direction})
	require.JSONEq(t, `{"order":"7"}`, string(*placed.Session.Attributes))
	row, err := b.store.Session(t.Context(), placed.Session.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"message", "Your car is ready"}, []string{row.Machine, row.MachineMessage})
	waiting, err := b.store.Waiting(t.Context(), store.Subject{Kind: store.SubjectCall, ID: placed.Call}, 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	var envelope call.Envelope
	require.NoError(t, json.Unmarshal(waiting[0].Event, &envelope))
	require.Equal(t, call.CallRequested{
		To: "+15551230001", From: lineNumber, Account: lineAccount, Session: placed.Session.ID, Bot: bot.ID, Name: "Ada", Connection: line.ID, Machine: "message",
		Ring: 30 * time.Second, By: "adm",
	}, envelope.Event)

	require.NotEqual(t, placed.Call, place("").Call)
	p = requireProblem(t, b.send(http.MethodPost, calls, admKey, `{"to":"+15551230001"}`), http.StatusTooManyRequests, "capped")
	require.Contains(t, p.Detail, "2 open sessions")
	require.Equal(t, 2, got[Bot](b, path, sueKey).OpenSessions)
}
