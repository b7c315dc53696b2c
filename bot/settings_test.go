package bot

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSettingsThatCannotBeUsedAreToldByTheirFields(t *testing.T) {
	t.Parallel()
	hot := 2.5
	order := Lookup{Name: "order", URL: "https://crm.example.com/{id}", Parameters: []string{"id"}}
	with := func(change func(*Lookup)) Settings {
		l := order
		change(&l)
		return Settings{Lookups: []Lookup{l}}
	}
	for name, tc := range map[string]struct {
		settings Settings
		field    string
		detail   string
	}{
		"a long greeting":            {Settings{Greeting: strings.Repeat("x", 1001)}, "greeting", "is 1001 characters long; at most 1000 are allowed"},
		"an unknown brain":           {Settings{Brain: BrainSettings{Kind: "oracle"}}, "brain.kind", `"oracle" is none of scripted and openai`},
		"a model without its name":   {Settings{Brain: BrainSettings{Kind: KindOpenAI}}, "brain.model", "is needed: the model's name at the endpoint"},
		"a model by http":            {Settings{Brain: BrainSettings{Kind: KindOpenAI, Model: "m", BaseURL: "http://example.com"}}, "brain.base_url", "must begin with https://; http:// is for localhost, private addresses and names without a dot"},
		"a model's address":          {Settings{Brain: BrainSettings{Kind: KindOpenAI, Model: "m", BaseURL: "there"}}, "brain.base_url", "is no URL: want https://host/path"},
		"somebody else's secret":     {Settings{Brain: BrainSettings{Kind: KindOpenAI, Model: "m", APIKeyEnv: "TWILIO_AUTH_TOKEN"}}, "brain.api_key_env", `"TWILIO_AUTH_TOKEN" is no environment variable that a bot may use: its name must end in _API_KEY or begin with HOLDFAST_BOT_, and be none of Holdfast's, Twilio's or Temporal's`},
		"a hot model":                {Settings{Brain: BrainSettings{Kind: KindOpenAI, Model: "m", Temperature: &hot}}, "brain.temperature", "must be from 0 to 2"},
		"a slow brain":               {Settings{Fallback: &BrainSettings{Within: Seconds(time.Minute)}}, "fallback.within", "must be from 0.5 to 30 seconds"},
		"a script":                   {Settings{Fallback: &BrainSettings{Script: "intents: 1"}}, "fallback.script", "line 1: intents: want a list"},
		"a language":                 {Settings{Languages: []string{"en-US", "english!"}}, "languages[1]", `"english!" is no language tag: want one like en-US or es`},
		"an empty hint":              {Settings{Hints: []string{" "}}, "hints[0]", "is empty"},
		"half a second of silence":   {Settings{Silence: Silence{After: Seconds(1500 * time.Millisecond)}}, "silence.after", "must be whole seconds"},
		"a long silence":             {Settings{Silence: Silence{After: Seconds(61 * time.Second)}}, "silence.after", "must be from 1 to 60 seconds"},
		"too many prompts":           {Settings{Silence: Silence{Prompts: slices.Repeat([]string{"x"}, 11)}}, "silence.prompts", "has 11 entries; at most 10 are allowed"},
		"an unknown interruption":    {Settings{Interrupt: "shout"}, "interrupt", `"shout" is none of any, speech, dtmf and none`},
		"a negative cap":             {Settings{MaxSessions: -1}, "max_sessions", "must be from 0 (no cap) to 10000"},
		"an unknown way at the cap":  {Settings{AtCap: AtCap{Do: "wait"}}, "at_cap.do", `"wait" is none of queue, message and busy`},
		"an unknown way offline":     {Settings{Offline: AtCap{Do: "wait"}}, "offline.do", `"wait" is none of queue, message and busy`},
		"a routing workflow":         {Settings{Handoff: Handoff{RoutingWorkflow: "WW1"}}, "handoff.routing_workflow", `"WW1" is no SID of a routing workflow: want WW and 32 hexadecimal digits`},
		"a priority":                 {Settings{Handoff: Handoff{Priority: -1}}, "handoff.priority", "must be from 0 to 2147483647"},
		"a word that nobody can say": {Settings{Handoff: Handoff{Words: []string{"?!"}}}, "handoff.words[0]", "has no letter or digit that anybody could say"},
		"failed turns":               {Settings{Handoff: Handoff{FailedTurns: 21}}, "handoff.failed_turns", "must be from 0 (never) to 20"},
		"a time":                     {Settings{Handoff: Handoff{After: Seconds(time.Millisecond)}}, "handoff.after", "must be from 1 to 3600 seconds"},
		"a long phrase":              {Settings{Phrases: Phrases{Filler: strings.Repeat("x", 1001)}}, "phrases.filler", "is 1001 characters long; at most 1000 are allowed"},
		"a lookup's name":            {with(func(l *Lookup) { l.Name = "Order!" }), "lookups[0].name", `"Order!" is no name: want up to 40 small letters, digits and underscores, a letter first`},
		"a lookup twice":             {Settings{Lookups: []Lookup{order, order}}, "lookups[1].name", `"order" is there twice`},
		"a lookup's method":          {with(func(l *Lookup) { l.Method = "DELETE" }), "lookups[0].method", `"DELETE" is neither GET nor POST`},
		"a lookup by http":           {with(func(l *Lookup) { l.URL = "http://crm/{id}" }), "lookups[0].url", "must begin with https://; http:// is for localhost and private addresses"},
		"a lookup by file":           {with(func(l *Lookup) { l.URL = "file:///etc/passwd" }), "lookups[0].url", "is no URL: want https://host/path"},
		"a lookup with a password":   {with(func(l *Lookup) { l.URL = "https://u:p@crm.example.com/" }), "lookups[0].url", "must not hold a password: use a header"},
		"a lookup to anywhere":       {with(func(l *Lookup) { l.URL = "https://{id}.example.com/" }), "lookups[0].url", "may have parameters in its path and query, not in its host"},
		"a lookup of something else": {with(func(l *Lookup) { l.URL = "https://crm.example.com/{other}" }), "lookups[0].url", "{other} is none of the parameters"},
		"a lookup's header":          {with(func(l *Lookup) { l.Headers = map[string]string{"X": "a\r\nb"} }), "lookups[0].headers", `"X" is no header that can be sent`},
		"a lookup's secret":          {with(func(l *Lookup) { l.Headers = map[string]string{"X": "${HOLDFAST_API_KEY}"} }), "lookups[0].headers", "HOLDFAST_API_KEY is no environment variable that a bot may use: its name must end in _API_KEY or begin with HOLDFAST_BOT_"},
		"a transfer's number":        {Settings{Transfers: []Target{{Name: "desk", To: "555"}}}, "transfers[0].to", "is neither a telephone number like +14155550100 nor a SIP address like sip:desk@example.com"},
		"an attribute of ours":       {Settings{Attributes: map[string]any{"handedOff": false}}, "attributes", "handedOff belongs to the handoff"},
		"many attributes":            {Settings{Attributes: map[string]any{"a": strings.Repeat("x", 3000)}}, "attributes", "are 3008 bytes of JSON; at most 2000 leave room for a handoff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []FieldError{{Field: tc.field, Detail: tc.detail}}, tc.settings.Check())
		})
	}
}

func TestSettingsThatCanBeUsedAreNotRefused(t *testing.T) {
	t.Parallel()
	cool := 0.2
	require.Empty(t, Settings{}.Check())
	require.Empty(t, Settings{
		Greeting: "Hi", Brain: BrainSettings{Kind: KindOpenAI, Model: "m", BaseURL: "http://vllm:8000/v1", Temperature: &cool, APIKeyEnv: "OPENAI_API_KEY"},
		Fallback: &BrainSettings{Kind: KindScripted}, Languages: []string{"en", "es-419", "cmn-Hans-CN"}, Silence: Silence{After: Seconds(3 * time.Second)},
		Handoff:   Handoff{RoutingWorkflow: "WW" + strings.Repeat("0a", 16), After: Seconds(10 * time.Minute), Words: []string{"人"}},
		Transfers: []Target{{Name: "desk", To: "sip:desk@example.com"}}, Lookups: []Lookup{{Name: "a", URL: "http://10.0.0.1/x"}},
	}.Check())
}

func TestDurationsAreSecondsInJSON(t *testing.T) {
	t.Parallel()
	var s Silence
	require.NoError(t, json.Unmarshal([]byte(`{"after": 1.5}`), &s))
	require.Equal(t, 1500*time.Millisecond, s.After.Duration())
	b, err := json.Marshal(Silence{After: Seconds(5 * time.Second), Prompts: []string{}})
	require.NoError(t, err)
	require.JSONEq(t, `{"after": 5, "prompts": []}`, string(b))
	for _, bad := range []string{`"5s"`, `1e300`, `true`, `[]`} {
		require.ErrorContains(t, json.Unmarshal([]byte(bad), new(Seconds)), "want a number of seconds", bad)
	}
}

func TestDefaultsStayWhenTheyAreFilledInAgain(t *testing.T) {
	t.Parallel()
	s := Settings{Languages: []string{"es-MX"}, Fallback: &BrainSettings{Kind: KindOpenAI}}.WithDefaults()
	require.Equal(t, "¡Hola! ¿En qué puedo ayudarle?", s.Greeting)
	require.Equal(t, BrainSettings{Kind: KindScripted, Within: brainWithin}, s.Brain)
	require.Equal(t, openAIBaseURL, s.Fallback.BaseURL)
	require.Equal(t, DoQueue, s.AtCap.Do)
	require.Equal(t, s, s.WithDefaults())
}
