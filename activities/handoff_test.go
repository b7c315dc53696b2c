package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/activities"
	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

const customerPath = "POST " + voiceAPI + "/Calls/" + customer + ".json"

var asked = time.Date(2026, 3, 2, 9, 0, 20, 0, time.UTC)

// botBundle is a Twilio with answers given beforehand, and a bot that talks with a customer.
type botBundle struct {
	*testBundle
	store   *store.Store
	session string
}

func setupBot(t *testing.T) *botBundle {
	t.Helper()
	b := &botBundle{testBundle: setup(t)}
	var err error
	b.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	require.NoError(t, b.store.Migrate(t.Context()))
	settings, err := json.Marshal(bot.Settings{
		Greeting: "Hello", Languages: []string{"en-US"}, Attributes: map[string]any{"line": "sales"},
		Phrases: bot.Phrases{Transfer: "One moment, I transfer you."}, Handoff: bot.Handoff{RoutingWorkflow: routing},
	})
	require.NoError(t, err)
	row, err := b.store.CreateBot(t.Context(), store.BotRow{Name: "Robin", Settings: settings}, nil)
	require.NoError(t, err)
	dialogue, err := json.Marshal(bot.Dialogue{
		StartedAt: asked.Add(-time.Minute), Language: "en-US", Turn: 1, Selections: []string{"refunds"},
		Messages: []bot.Message{{At: asked, Speaker: bot.SpeakerCaller, Text: "I want my money back"}},
	})
	require.NoError(t, err)
	session, _, err := b.store.OpenSession(t.Context(), store.NewSession{Session: store.SessionRow{
		Bot: row.ID, Connection: "con_a", AccountSID: account, Call: customer, CallSID: customer, Direction: "inbound", Caller: "+15550001", Called: "+15559999",
		Dialogue: dialogue, Custom: json.RawMessage(`{"case":"7"}`),
	}})
	require.NoError(t, err)
	b.session = session.ID
	b.Bots = b.store
	b.Lines.QueuedURL = func(call.ID, string, int, call.Handoff) string { return "https://bots.example.com/queued" }
	return b
}

func (b *botBundle) enqueue() call.EnqueueCaller {
	return call.EnqueueCaller{
		Call: customer, Leg: customer, To: "+15559999", Session: b.session,
		Handoff: call.Handoff{Reason: "wants a person", At: asked, By: "Sue", Attributes: map[string]any{"vip": true, "case": "8"}},
	}
}

// attributesIn are the task's attributes of the TwiML that a customer got.
func attributesIn(t *testing.T, twiml string) map[string]any {
	t.Helper()
	_, rest, found := strings.Cut(twiml, "<Task")
	require.True(t, found, twiml)
	_, rest, _ = strings.Cut(rest, ">")
	text, _, _ := strings.Cut(rest, "</Task>")
	text = strings.NewReplacer("&#34;", `"`, "&quot;", `"`, "&amp;", "&").Replace(text)
	attributes := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(text), &attributes), text)
	return attributes
}

func TestACallerIsToldAndPutIntoTheQueueWithTheSixAttributes(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when(customerPath, ok(`{}`))
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue()))
	twiml := b.form(t, customerPath).Get("Twiml")
	require.Contains(t, twiml, `<Say language="en-US">One moment, I transfer you.</Say><Enqueue`)
	require.Contains(t, twiml, `workflowSid="`+routing+`"`)
	require.Contains(t, twiml, `action="https://bots.example.com/queued"`)
	attributes := attributesIn(t, twiml)
	summary, _ := attributes["handoffSummary"].(string)
	require.Contains(t, summary, "I want my money back", "what is known so far")
	delete(attributes, "handoffSummary")
	require.Equal(t, map[string]any{
		"handedOff": true, "handoffReason": "wants a person", "handoffSentiment": "neutral", "handoffLanguage": "en-US", "handoffTimestamp": "2026-03-02T09:00:20Z",
		"line": "sales", "case": "7", "vip": true, "selections": []any{"refunds"}, "holdfast_call_id": customer,
	}, attributes)
	row, err := b.store.Session(t.Context(), b.session)
	require.NoError(t, err)
	require.Equal(t, store.SessionHandingOff, row.State)
}

func TestACallerWhomTheDialogueHandedOverIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	raw, err := json.Marshal(call.Handoff{Reason: "a rule", At: asked.Add(time.Second)})
	require.NoError(t, err)
	_, err = b.store.BeginHandoff(t.Context(), b.session, store.HandoffByTurn, raw)
	require.NoError(t, err)
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue()))
	require.Empty(t, b.requests, "Twilio is asked for nothing")
}

func TestARepeatedHandoffLooksForTheTaskFirst(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when(customerPath, ok(`{}`))
	b.when("GET "+tasksPath, ok(`{"tasks":[{"sid":"`+task+`"}],"meta":{"key":"tasks"}}`))
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue()))
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue()))
	require.Len(t, b.requests, 2)
	require.Contains(t, b.requests[1], "EvaluateTaskAttributes="+url.QueryEscape(`call_sid == '`+customer+`'`))
}

func TestAHandoffOfWhichNoTaskCameIsGivenAgain(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	c := b.enqueue()
	raw, err := json.Marshal(c.Handoff)
	require.NoError(t, err)
	_, err = b.store.BeginHandoff(t.Context(), b.session, store.HandoffByTurn, raw) // the dialogue's own
	require.NoError(t, err)
	b.when("GET "+tasksPath, ok(`{"tasks":[],"meta":{"key":"tasks"}}`))
	b.when(customerPath, ok(`{}`))
	require.NoError(t, b.EnqueueCaller(t.Context(), c))
	require.Len(t, b.requests, 2)
}

func TestAHandoffThatTwilioRefusesGivesTheCallerBackToTheBot(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when(customerPath, refusal(http.StatusBadRequest, 21218, "Invalid Twiml"))
	err := b.EnqueueCaller(t.Context(), b.enqueue())
	requireFailure(t, err, call.Failure{Kind: call.FailureRefused, Status: 400, Code: 21218, Message: "Invalid Twiml"})
	row, err := b.store.Session(t.Context(), b.session)
	require.NoError(t, err)
	require.Equal(t, store.SessionOpen, row.State)
}

func TestACallerWhoHungUpMeanwhileIsGone(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when(customerPath, refusal(http.StatusBadRequest, 21220, "Call is not in-progress"))
	err := b.EnqueueCaller(t.Context(), b.enqueue())
	require.Equal(t, call.FailureGone, activities.FailureOf(err).Kind)
}

func TestAnotherPlatformsCallerIsQueuedWithWhatWasTold(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.Lines.Queue = func(line string) (activities.LineQueue, bool) {
		return activities.LineQueue{RoutingWorkflow: routing, Priority: 3, Attributes: map[string]any{"desk": line}}, true
	}
	b.when("GET "+tasksPath, ok(`{"tasks":[],"meta":{"key":"tasks"}}`))
	b.when(customerPath, ok(`{}`))
	c := b.enqueue()
	c.Session, c.Handoff = "", call.Handoff{Reason: "asked for a person", Language: "es", Sentiment: "negative", At: asked}
	require.NoError(t, b.EnqueueCaller(t.Context(), c))
	twiml := b.form(t, customerPath).Get("Twiml")
	require.Contains(t, twiml, `language="es">Ahora le paso con un compañero.`)
	require.Contains(t, twiml, `priority="3"`)
	require.Equal(t, map[string]any{
		"handedOff": true, "handoffReason": "asked for a person", "handoffSummary": "asked for a person", "handoffSentiment": "negative", "handoffLanguage": "es",
		"handoffTimestamp": "2026-03-02T09:00:20Z", "desk": "+15559999", "holdfast_call_id": customer,
	}, attributesIn(t, twiml))
}

func (b *botBundle) summarise() call.SummariseHandoff {
	return call.SummariseHandoff{Task: task, Session: b.session, Handoff: call.Handoff{Reason: "refund", At: asked, By: "caller"}}
}

// tagged is a task with attributes and what tells it from later ones.
func tagged(attributes, tag string) reply {
	r := firstTask(attributes)
	r.header = http.Header{"Etag": {tag}}
	return r
}

func TestASummaryIsMergedIntoWhatTheTaskHas(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.Lines.Summarise = func(_ context.Context, _ string, _ bot.Settings, d bot.Dialogue) (bot.HandOff, error) {
		return bot.HandOff{Summary: "Wants " + d.Selections[0], Sentiment: bot.Negative}, nil
	}
	b.when("GET "+taskPath, tagged(`{"big":12345678901234567890,"handoffSummary":"by rule","mine":"yours"}`, `"3"`),
		tagged(`{"big":12345678901234567890,"handoffSummary":"by rule","mine":"theirs"}`, `"4"`))
	b.when("POST "+taskPath, refusal(http.StatusPreconditionFailed, 20412, "changed"), ok(`{}`))
	require.NoError(t, b.SummariseHandoff(t.Context(), b.summarise()))
	_, body, _ := strings.Cut(b.requests[3], " Attributes=")
	attributes, err := url.QueryUnescape(body)
	require.NoError(t, err)
	require.Equal(t, `{"big":12345678901234567890,"handedOff":true,"handoffLanguage":"en-US","handoffReason":"refund","handoffSentiment":"negative",`+
		`"handoffSummary":"Wants refunds","handoffTimestamp":"2026-03-02T09:00:20Z","mine":"theirs"}`, attributes, "whoever changed the task meanwhile is not overwritten")
	require.Equal(t, []string{`"3"`, `"4"`}, b.ifMatch, "TaskRouter takes the change of what was read, and no other")
	row, err := b.store.Session(t.Context(), b.session)
	require.NoError(t, err)
	require.Equal(t, "Wants refunds", row.Summary)
}

func TestABrainThatFailsOrHangsIsReplacedByARule(t *testing.T) {
	t.Parallel()
	for name, brain := range map[string]func(context.Context, string, bot.Settings, bot.Dialogue) (bot.HandOff, error){
		"fails": func(context.Context, string, bot.Settings, bot.Dialogue) (bot.HandOff, error) {
			return bot.HandOff{}, errors.New("no")
		},
		"hangs": func(ctx context.Context, _ string, _ bot.Settings, _ bot.Dialogue) (bot.HandOff, error) {
			<-ctx.Done()
			return bot.HandOff{}, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupBot(t)
			b.Lines.Summarise, b.Lines.SummaryWithin = brain, 10*time.Millisecond
			b.when("GET "+taskPath, tagged(`{}`, `"1"`))
			b.when("POST "+taskPath, ok(`{}`))
			require.NoError(t, b.SummariseHandoff(t.Context(), b.summarise()))
			require.Contains(t, b.form(t, "POST "+taskPath).Get("Attributes"), "I want my money back")
		})
	}
}

func TestAHandoffOfACallerWhoWaitsOverwritesNothingOfOthers(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when("GET "+taskPath, tagged(`{"vip":false}`, `"1"`))
	b.when("POST "+taskPath, ok(`{}`))
	c := b.summarise()
	c.Session, c.Handoff.Attributes = "", map[string]any{"vip": true, "order": "9"}
	require.NoError(t, b.SummariseHandoff(t.Context(), c))
	var attributes map[string]any
	require.NoError(t, json.Unmarshal([]byte(b.form(t, "POST "+taskPath).Get("Attributes")), &attributes))
	require.Equal(t, false, attributes["vip"])
	require.Equal(t, "9", attributes["order"])
	require.Equal(t, "refund", attributes["handoffSummary"])
}

func (b *botBundle) place(at time.Time) call.PlaceCall {
	return call.PlaceCall{Call: "out_1", To: "+15550001", From: "+15559999", Session: b.session, Machine: "message", Ring: 20 * time.Second, At: at}
}

func setupOutbound(t *testing.T) *botBundle {
	t.Helper()
	b := setupBot(t)
	row, err := b.store.Session(t.Context(), b.session)
	require.NoError(t, err)
	session, _, err := b.store.OpenSession(t.Context(), store.NewSession{Session: store.SessionRow{
		Bot: row.Bot, Connection: "con_a", AccountSID: account, Call: "out_1", Direction: "outbound", Caller: "+15559999", Called: "+15550001",
	}})
	require.NoError(t, err)
	b.session = session.ID
	b.Lines.AnswerURL = func(session string) string { return "https://bots.example.com/voice?session=" + session }
	b.Lines.ProgressURL = func(id call.ID) string { return "https://bots.example.com/status?call=" + string(id) }
	return b
}

const callsPath = voiceAPI + "/Calls.json"

func TestACallIsPlaced(t *testing.T) {
	t.Parallel()
	b := setupOutbound(t)
	b.when("POST "+callsPath, reply{status: http.StatusCreated, body: `{"sid":"` + agentLeg + `"}`})
	sid, err := b.PlaceCall(t.Context(), b.place(time.Now()))
	require.NoError(t, err)
	require.EqualValues(t, agentLeg, sid)
	require.Equal(t, url.Values{
		"To": {"+15550001"}, "From": {"+15559999"}, "Timeout": {"20"}, "MachineDetection": {"DetectMessageEnd"},
		"Url": {"https://bots.example.com/voice?session=" + b.session}, "Method": {"POST"},
		"StatusCallback": {"https://bots.example.com/status?call=out_1"}, "StatusCallbackMethod": {"POST"},
		"StatusCallbackEvent": {"initiated", "ringing", "answered", "completed"},
	}, b.form(t, "POST "+callsPath))
	row, err := b.store.Session(t.Context(), b.session)
	require.NoError(t, err)
	require.Equal(t, agentLeg, row.CallSID)
}

func TestACallIsNotPlacedTwice(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-time.Minute)
	listed := func(sids ...string) reply {
		var calls []map[string]any
		for _, sid := range sids {
			calls = append(calls, map[string]any{"sid": sid, "date_created": time.Now().UTC().Format(time.RFC1123Z)})
		}
		calls = append(calls, map[string]any{"sid": "CAold", "date_created": before.Add(-time.Hour).UTC().Format(time.RFC1123Z)})
		body, _ := json.Marshal(map[string]any{"calls": calls}) //nolint:errchkjson // plain
		return ok(string(body))
	}
	t.Run("the only one since then is it", func(t *testing.T) {
		t.Parallel()
		b := setupOutbound(t)
		b.when("GET "+callsPath, listed(agentLeg, customer)) // the latter is another session's
		sid, err := b.PlaceCall(t.Context(), b.place(before))
		require.NoError(t, err)
		require.EqualValues(t, agentLeg, sid)
		require.Len(t, b.requests, 1)
	})
	t.Run("the one whose callback came is it", func(t *testing.T) {
		t.Parallel()
		b := setupOutbound(t)
		_, err := b.store.NoteSessionCall(t.Context(), b.session, agentLeg, "")
		require.NoError(t, err)
		sid, err := b.PlaceCall(t.Context(), b.place(before))
		require.NoError(t, err)
		require.EqualValues(t, agentLeg, sid)
		require.Empty(t, b.requests)
	})
	t.Run("of several nobody can tell", func(t *testing.T) {
		t.Parallel()
		b := setupOutbound(t)
		b.when("GET "+callsPath, listed(agentLeg, "CA00000000000000000000000000000077"))
		_, err := b.PlaceCall(t.Context(), b.place(before))
		require.Equal(t, call.FailureUnavailable, activities.FailureOf(err).Kind)
		require.Len(t, b.requests, 1)
	})
	t.Run("there is none", func(t *testing.T) {
		t.Parallel()
		b := setupOutbound(t)
		b.when("GET "+callsPath, listed())
		b.when("POST "+callsPath, reply{status: http.StatusCreated, body: `{"sid":"` + agentLeg + `"}`})
		sid, err := b.PlaceCall(t.Context(), b.place(before))
		require.NoError(t, err)
		require.EqualValues(t, agentLeg, sid)
	})
}

func TestWhatACallerIsToldAsHeIsHandedOverIsInTheTranscriptOnce(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when(customerPath, ok(`{}`))
	b.when("GET "+tasksPath, ok(`{"tasks":[{"sid":"`+task+`"}],"meta":{"key":"tasks"}}`))
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue()))
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue())) // tried again after a lost answer
	messages, err := b.store.SessionMessages(t.Context(), b.session, 0, 10)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Equal(t, "One moment, I transfer you.", messages[0].Text)
	require.Equal(t, "bot", messages[0].Speaker)
	row, err := b.store.Session(t.Context(), b.session)
	require.NoError(t, err)
	require.Equal(t, 1, row.Messages)
}

func TestASentenceThatTheBotHasBegunIsNotCutByTheHandoff(t *testing.T) {
	t.Parallel()
	b := setupBot(t)
	b.when(customerPath, ok(`{}`))
	over := time.Now().Add(300 * time.Millisecond)
	require.NoError(t, b.store.NoteSpeaking(t.Context(), b.session, over))
	require.NoError(t, b.EnqueueCaller(t.Context(), b.enqueue()))
	require.False(t, time.Now().Before(over), "he was sent away in the middle of a sentence")
}
