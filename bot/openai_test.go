package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endpoint speaks the protocol of chat completions: each request is answered by the next of some answers, the last one again and again.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	keys     []string
}

type answer func(w http.ResponseWriter, r *http.Request)

func newEndpoint(t *testing.T, answers ...answer) *endpoint {
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		n := min(len(e.requests), len(answers)-1)
		e.requests = append(e.requests, string(body))
		e.keys = append(e.keys, r.Header.Get("Authorization"))
		e.mu.Unlock()
		answers[n](w, r)
	}))
	t.Cleanup(func() {
		e.CloseClientConnections() // of answers that hang
		e.Close()
	})
	return e
}

func (e *endpoint) request(t *testing.T, n int) string {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	require.Greater(t, len(e.requests), n)
	return e.requests[n]
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.requests)
}

// event is a line of a stream.
func event(w http.ResponseWriter, delta, finish string) {
	_, _ = fmt.Fprintf(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n", delta, finish)
	_ = http.NewResponseController(w).Flush()
}

func words(w http.ResponseWriter, parts ...string) {
	for _, p := range parts {
		b, _ := json.Marshal(map[string]string{"content": p})
		event(w, string(b), "null")
	}
}

func stop(w http.ResponseWriter, why string) {
	event(w, "{}", `"`+why+`"`)
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

func begin(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/event-stream") }

func tells(parts ...string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		begin(w)
		words(w, parts...)
		stop(w, "stop")
	}
}

// call is a tool call, in two parts as they come.
func call(w http.ResponseWriter, index int, name, arguments string) {
	half := len(arguments) / 2
	b, _ := json.Marshal(arguments[:half])
	event(w, fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":"call_%d","type":"function","function":{"name":%q,"arguments":%s}}]}`, index, index, name, b), "null")
	b, _ = json.Marshal(arguments[half:])
	event(w, fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, index, b), "null")
}

func calls(name, arguments string, before ...string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		begin(w)
		words(w, before...)
		call(w, 0, name, arguments)
		stop(w, "tool_calls")
	}
}

// hangs answers some words and then nothing, until the other side has enough.
func hangs(parts ...string) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		begin(w)
		words(w, parts...)
		<-r.Context().Done()
	}
}

func status(code int) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"error":{"message":"no, sk-secret","type":"x","code":"y"}}`)
	}
}

func raw(body string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		begin(w)
		_, _ = io.WriteString(w, body)
	}
}

func modelSettings(e *endpoint) Settings {
	return Settings{
		Instructions: "You are Acme's receptionist.",
		Brain:        BrainSettings{Kind: KindOpenAI, BaseURL: e.URL + "/v1", Model: "small", APIKeyEnv: "TEST_API_KEY", Within: Seconds(30 * time.Second)},
		Handoff:      Handoff{Words: []string{}},
		Transfers:    []Target{{Name: "desk", To: "+14155550100"}},
	}
}

func testKey(name string) string {
	return map[string]string{"TEST_API_KEY": "sk-secret", "HOLDFAST_BOT_CRM": "crm-token"}[name]
}

func TestAModelAnswers(t *testing.T) {
	t.Parallel()
	const unclear = "I am sorry, something went wrong. Could you say that again?"
	const transfers = "I am transferring you to a colleague now."
	for name, tc := range map[string]struct {
		answers []answer
		within  time.Duration
		change  func(*Settings)
		says    string
		next    Next
		reason  string
		failed  bool // the brain
		asked   int
	}{
		"in sentences":             {answers: []answer{tells("We open ", "at 9", ". See", " you then")}, says: "We open at 9. See you then", next: NextListen, asked: 1},
		"without what is for eyes": {answers: []answer{tells("**Hours**:\n- nine to _five_\n- `closed` on Sunday")}, says: "Hours: nine to _five_ closed on Sunday", next: NextListen, asked: 1},
		"and hands off":            {answers: []answer{calls("hand_off", `{"reason":"a refund","sentiment":"negative"}`, "I see.")}, says: "I see. " + transfers, next: NextHandOff, reason: "a refund", asked: 1},
		"and hands off once, however often it calls": {answers: []answer{func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			call(w, 0, "hand_off", `{"reason":"first"}`)
			call(w, 1, "hand_off", `{"reason":"second"}`)
			stop(w, "tool_calls")
		}}, says: transfers, next: NextHandOff, reason: "first", asked: 1},
		"and hands off with garbage for a reason": {answers: []answer{calls("hand_off", `{"reason": oops`)}, says: transfers, next: NextHandOff, reason: "the bot could not help the caller", asked: 1},
		"and hands off before it hangs": {within: 5 * time.Second, answers: []answer{func(w http.ResponseWriter, r *http.Request) {
			begin(w)
			call(w, 0, "hand_off", `{"reason":"late"}`)
			<-r.Context().Done()
		}}, says: transfers, next: NextHandOff, reason: "late", asked: 1},
		"and is held to what it promises": {answers: []answer{tells("Sure, I'll connect you to an agent now.")}, says: "Sure, I'll connect you to an agent now.", next: NextHandOff, reason: reasonPromise, asked: 1},
		"and hands nobody over where nobody is": {
			change: func(s *Settings) { s.Handoff.Off = true }, answers: []answer{calls("hand_off", "{}"), tells("Nobody is here, I can help.")},
			says: "Nobody is here, I can help.", next: NextListen, asked: 2,
		},
		"and ends the call":          {answers: []answer{calls("end_call", "{}", "Bye!")}, says: "Bye!", next: NextEnd, asked: 1},
		"and ends without a word":    {answers: []answer{calls("end_call", "{}")}, says: "Goodbye.", next: NextEnd, asked: 1},
		"and transfers":              {answers: []answer{calls("transfer", `{"to":"desk"}`)}, says: transfers, next: NextTransfer, asked: 1},
		"and transfers nowhere else": {answers: []answer{calls("transfer", `{"to":"+19005550199"}`), tells("I cannot do that.")}, says: "I cannot do that.", next: NextListen, asked: 2},
		"after an unknown tool":      {answers: []answer{calls("launch", "{}"), tells("Fine.")}, says: "Fine.", next: NextListen, asked: 2},
		"never, with unknown tools":  {answers: []answer{calls("launch", "][")}, says: unclear, next: NextListen, failed: true, asked: 4},
		"after a 500":                {answers: []answer{status(500), tells("Here I am.")}, says: "Here I am.", next: NextListen, asked: 2},
		"500 twice":                  {answers: []answer{status(500)}, says: unclear, next: NextListen, failed: true, asked: 2},
		"429":                        {answers: []answer{status(429)}, says: unclear, next: NextListen, failed: true, asked: 1},
		"401":                        {answers: []answer{status(401)}, says: unclear, next: NextListen, failed: true, asked: 1},
		"with a redirect elsewhere": {answers: []answer{func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://localhost:1/", http.StatusTemporaryRedirect)
		}}, says: unclear, next: NextListen, failed: true, asked: 1},
		"nothing in time":        {within: 500 * time.Millisecond, answers: []answer{hangs()}, says: unclear, next: NextListen, failed: true, asked: 1},
		"half, and hangs":        {within: 5 * time.Second, answers: []answer{hangs("Your order is on its way. It will")}, says: "Your order is on its way. " + unclear, next: NextListen, failed: true, asked: 1},
		"half, and breaks off":   {answers: []answer{raw("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"One. Two\"}}]}\n\n")}, says: "One. " + unclear, next: NextListen, failed: true, asked: 1},
		"garbage":                {answers: []answer{raw("data: {\"choices\": [[[\n\n")}, says: unclear, next: NextListen, failed: true, asked: 1},
		"a web page":             {answers: []answer{raw("<html><body>Welcome</body></html>")}, says: unclear, next: NextListen, failed: true, asked: 1},
		"an error in the stream": {answers: []answer{raw("data: {\"error\":{\"message\":\"sk-secret\"}}\n\n")}, says: unclear, next: NextListen, failed: true, asked: 2},
		"nothing at all":         {answers: []answer{tells()}, says: unclear, next: NextListen, asked: 1},
		"too long": {answers: []answer{func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			words(w, "Short. half a sen")
			stop(w, "length")
		}}, says: "Short.", next: NextListen, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, tc.answers...)
			s := modelSettings(e)
			if tc.within > 0 {
				s.Brain.Within = Seconds(tc.within)
			}
			if tc.change != nil {
				tc.change(&s)
			}
			require.Empty(t, s.Check())
			c, _ := converse(t, s)
			in := Input{Speech: "hello", At: noon}
			clean, _, ask := c.d.Listen(s, in)
			require.True(t, ask)
			r := Think(t.Context(), newBrain(t, s.Brain, testKey), s, c.d.Clone(), clean)
			if tc.failed {
				require.Error(t, r.Err)
				require.NotContains(t, r.Err.Error(), "secret")
				require.NotContains(t, r.Err.Error(), "hello")
			} else {
				require.NoError(t, r.Err)
			}
			a := c.d.Answer(s, clean, r, noon)
			require.Equal(t, tc.says, spokenText(a))
			require.Equal(t, tc.next, a.Next)
			require.Equal(t, tc.asked, e.count())
			if tc.reason != "" {
				require.Equal(t, tc.reason, a.HandOff.Reason)
			}
			require.Equal(t, "Bearer sk-secret", e.keys[0])
		})
	}
}

func TestAModelThatDoesNotUnderstandCounts(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, calls("not_understood", "{}", "Pardon?"), calls("not_understood", "{}"), tells("Once more?"))
	s := modelSettings(e)
	s.Handoff.FailedTurns = 3
	c, _ := converse(t, s)
	brain := newBrain(t, s.Brain, testKey)
	require.Equal(t, "Pardon?", spokenText(c.caller(brain, "blah")))
	require.Equal(t, 1, e.count(), "it said what it has to say")
	require.Equal(t, "Once more?", spokenText(c.caller(brain, "blah")))
	require.Equal(t, 2, c.d.Failed)
	require.Equal(t, "Once more?", spokenText(c.caller(brain, "hello")))
	require.Zero(t, c.d.Failed)
}

func TestAModelKnowsWhatTheCallIsAbout(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, tells("Hello Ann."))
	s := modelSettings(e)
	c, _ := converse(t, s)
	c.d.Custom = map[string]any{"flex_order": 7.0, "customer": "Ann", "task_sid": "WT1", "nested": map[string]any{}, "card": "4111111111111111"}
	c.caller(newBrain(t, s.Brain, testKey), "hello")
	require.Contains(t, e.request(t, 0), "About this call: card [card number]; customer Ann; order 7;")
	require.Contains(t, e.request(t, 0), "It is Sunday, 1 March 2026, 12:00 UTC.")
}

func TestAModelThatNeverStopsIsStopped(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		begin(w)
		for r.Context().Err() == nil {
			words(w, strings.Repeat("blah ", 100))
		}
	})
	s := modelSettings(e)
	c, _ := converse(t, s)
	a := c.caller(newBrain(t, s.Brain, testKey), "hello")
	require.Equal(t, NextListen, a.Next)
	require.LessOrEqual(t, len(spokenText(a)), spokenMost)
}

func TestSentencesComeWhileTheModelStillThinks(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, hangs("First of all. Sec"))
	s := modelSettings(e)
	d, _ := Open(s, nil, noon)
	for piece, err := range newBrain(t, s.Brain, testKey).Reply(t.Context(), s, d, Input{Speech: "hello"}) {
		require.NoError(t, err)
		require.Equal(t, "First of all. ", piece.Say)
		break // and nobody waits for the rest
	}
}

func TestAThoughtEndsWithItsContext(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, hangs("One. "))
	s := modelSettings(e)
	s.Brain.Within = Seconds(30 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d, _ := Open(s, nil, noon)
	var last error
	for _, err := range newBrain(t, s.Brain, testKey).Reply(ctx, s, d, Input{Speech: "hello"}) {
		if last = err; err == nil {
			cancel()
		}
	}
	require.ErrorIs(t, last, context.Canceled)
}

func TestAModelIsToldTheDialogueAndNoCardNumber(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, tells("Thank you."))
	s := modelSettings(e)
	s.Languages, s.Handoff.Topics = []string{"en-US", "es-ES"}, []string{"cancellations"}
	brain := newBrain(t, s.Brain, testKey)
	c, _ := converse(t, s)
	c.caller(brain, "my card is 4111 1111 1111 1111 12 25")
	c.d.Interrupted(500 * time.Millisecond)
	c.step(brain, Input{Digits: "24680"})
	c.caller(brain, "go on")

	var asked struct {
		Model    string
		Stream   bool
		Messages []struct{ Role, Content string }
		Tools    []struct{ Function struct{ Name string } }
	}
	for n := range 3 {
		require.NotContains(t, e.request(t, n), "1111")
	}
	require.NoError(t, json.Unmarshal([]byte(e.request(t, 1)), &asked))
	require.True(t, asked.Stream)
	require.Equal(t, "small", asked.Model)
	require.Contains(t, asked.Messages[0].Content, "You are Acme's receptionist.")
	require.Contains(t, asked.Messages[0].Content, "cancellations")
	var lines []string
	for _, m := range asked.Messages[1:] {
		lines = append(lines, m.Role+": "+m.Content)
	}
	require.Equal(t, []string{
		"assistant: Hello! How can I help you?", "user: my card is [card number]", "assistant: … (interrupted)", "user: (keyed 24680)",
	}, lines)
	require.NotContains(t, e.request(t, 2), "24680", "keys are for one turn")
	var names []string
	for _, tool := range asked.Tools {
		names = append(names, tool.Function.Name)
	}
	require.Equal(t, []string{"end_call", "hand_off", "transfer", "speak_language"}, names)
}

func TestAModelLooksThingsUp(t *testing.T) {
	t.Parallel()
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer crm-token" || r.URL.Path != "/orders/A 1" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"state":"shipped","card":"4111111111111111"}`)
	}))
	t.Cleanup(crm.Close)
	e := newEndpoint(t, calls("lookup_order", `{"number":"A 1"}`, "Let me see."), tells("It is shipped."))
	s := modelSettings(e)
	s.Lookups = []Lookup{{Name: "order", Description: "an order's state", URL: crm.URL + "/orders/{number}", Parameters: []string{"number"}, Headers: map[string]string{"Authorization": "Bearer ${HOLDFAST_BOT_CRM}"}}}
	require.Empty(t, s.Check())
	c, _ := converse(t, s)
	a := c.caller(newBrain(t, s.Brain, testKey), "where is order A 1")
	require.Equal(t, "Let me see. It is shipped.", spokenText(a))
	require.Equal(t, "shipped", c.d.Slots["order_state"])
	require.Equal(t, cardMark, c.d.Slots["order_card"])
	require.Contains(t, e.request(t, 1), `\"state\":\"shipped\"`)
	require.NotContains(t, e.request(t, 1), "4111111111111111")
}

func TestAModelSpeaksAnotherLanguage(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, calls("speak_language", `{"language":"es"}`), tells("Claro que sí."))
	s := modelSettings(e)
	s.Languages = []string{"en-US", "es-ES"}
	c, _ := converse(t, s)
	a := c.caller(newBrain(t, s.Brain, testKey), "hablas español")
	require.Equal(t, []Speech{{"Claro que sí.", "es-ES"}}, a.Say)
	require.Equal(t, "es-ES", a.Listen.Language)
	require.Equal(t, "¿Sigue usted ahí?", spokenText(c.silence()))
}

func TestAModelSummarises(t *testing.T) {
	t.Parallel()
	message := func(content string) answer {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": content}}}})
		}
	}
	for name, tc := range map[string]struct {
		answer answer
		want   HandOff
		fails  bool
	}{
		"as it should": {
			answer: message("```json\n{\"reason\":\"a refund\",\"summary\":\"Wants money.\",\"sentiment\":\"Negative\",\"language\":\"en\"}\n```"),
			want:   HandOff{Reason: "a refund", Summary: "Wants money.", Sentiment: Negative, Language: "en", By: byModel},
		},
		"an invented sentiment": {answer: message(`{"summary":"Wants money.","sentiment":"livid"}`), want: HandOff{Summary: "Wants money.", Sentiment: Neutral, By: byModel}},
		"prose":                 {answer: message("The caller wants money."), fails: true},
		"nothing":               {answer: message(`{"summary":" "}`), fails: true},
		"a refusal":             {answer: status(503), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, tc.answer)
			s := modelSettings(e)
			c, _ := converse(t, s)
			h, err := newBrain(t, s.Brain, testKey).Summarise(t.Context(), s, c.d)
			require.Equal(t, tc.fails, err != nil)
			require.Equal(t, tc.want, h)
		})
	}
}

func TestAModelsKeyComesFromAVariableThatABotMayUse(t *testing.T) {
	t.Parallel()
	_, err := New(BrainSettings{Kind: KindOpenAI, Model: "m", APIKeyEnv: "OTHER_API_KEY"}, Options{Getenv: testKey})
	require.ErrorIs(t, err, ErrModelKey)
	for name, allowed := range map[string]bool{
		"OPENAI_API_KEY": true, "HOLDFAST_BOT_CRM": true, "HOLDFAST_API_KEY": false, "HOLDFAST_SECRET_KEYS": false, "TWILIO_AUTH_TOKEN": false,
		"TWILIO_API_KEY": false, "TEMPORAL_API_KEY": false, "DATABASE_URL": false, "PATH": false, "": false, "x_API_KEY": false,
	} {
		require.Equal(t, allowed, KeyVariable(name), name)
	}
	_, err = New(BrainSettings{Kind: "oracle"}, Options{})
	require.ErrorIs(t, err, ErrNoBrain)
}
