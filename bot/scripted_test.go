package bot

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const shop = `
fallback: {en: "Sorry?", es: "¿Perdón?"}
start: main
menus:
  main:
    prompt: {en: "Press one for orders.", es: "Pulse uno para pedidos."}
    retry: {en: "One for orders, please."}
    choices:
      - {key: 1, name: Orders, phrases: [orders], then: order}
      - {key: 2, name: Español, phrases: [español], then: spanish}
slots:
  order: {type: digits, length: 5, prompt: {en: "Which order?", es: "¿Qué pedido?"}, retry: "Five digits, please."}
  sure: {type: yes-no, prompt: "Are you sure?"}
  people: {type: number, least: 1, most: 8, prompt: "How many people?"}
  colour:
    type: choice
    prompt: "Red or blue?"
    choices: [{key: 1, name: red, phrases: [red, crimson]}, {key: 2, name: blue, phrases: [blue]}]
  name: {type: text, keep: true, prompt: "Your name?"}
intents:
  - name: order
    phrases: {en: [where is my order, order status], es: [mi pedido]}
    slots: [order]
    lookup: orders
    otherwise: "I cannot find that."
    reply: {en: "Order {{spell .order}} is {{.orders_state}}.", es: "Está {{.orders_state}}."}
  - name: cancel
    phrases: [cancel my order, cancel]
    slots: [sure]
    reply: '{{if eq .sure "yes"}}It is cancelled.{{else}}I leave it.{{end}}'
  - name: table
    phrases: [a table, book a table]
    slots: [name, people, colour]
    reply: "A {{.colour}} table for {{.people}}, {{.name}}."
  - name: spanish
    language: es
    menu: main
  - name: call
    patterns: ['call me (?P<who>\w+)']
    reply: "Hello {{.who}}."
  - name: desk
    phrases: [front desk]
    reply: "Gladly."
    transfer: desk
  - name: bye
    phrases: [no thanks, bye]
    reply: "Bye!"
    end: true
handoff:
  - {words: {en: [lawsuit]}, reason: "a legal matter"}
  - {failed: 3, reason: "not understood"}
`

func shopSettings(t *testing.T) Settings {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/orders/12345":
			_, _ = w.Write([]byte(`{"state": "shipped", "number": "12345"}`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return Settings{
		Brain: BrainSettings{Script: shop}, Languages: []string{"en-US", "es-ES"},
		Lookups:   []Lookup{{Name: "orders", URL: server.URL + "/orders/{order}", Parameters: []string{"order"}}},
		Transfers: []Target{{Name: "desk", To: "+14155550100"}},
	}
}

func newBrain(t *testing.T, s BrainSettings, getenv func(string) string) Brain {
	t.Helper()
	b, err := New(s, Options{Getenv: getenv})
	require.NoError(t, err)
	return b
}

// play is a scene: what the caller does, and what the bot answers.
type play struct {
	caller string // words; digits behind a # are keyed; "" is silence
	bot    string
	next   Next
}

func TestAScriptedBotTalks(t *testing.T) {
	t.Parallel()
	for name, scene := range map[string][]play{
		"it asks for what it needs and looks it up": {
			{"where is my order", "Which order?", NextListen},
			{"um", "Five digits, please.", NextListen},
			{"it is 1 2 3 4 5", "Order 1 2 3 4 5 is shipped.", NextListen},
		},
		"it hears what it needs in the first sentence": {{"where is my order 12345", "Order 1 2 3 4 5 is shipped.", NextListen}},
		"it says so when nothing is found":             {{"order status 54321", "I cannot find that.", NextListen}},
		"it looks up what is keyed and does not repeat it": {
			{"#1", "Which order?", NextListen},
			{"#12345", "Order the number that you keyed is shipped.", NextListen},
		},
		"it takes a yes for a yes": {{"cancel my order please", "Are you sure?", NextListen}, {"yes I am", "It is cancelled.", NextListen}},
		"it takes a no for a no, not for another intent": {
			{"cancel", "Are you sure?", NextListen}, {"no thanks", "I leave it.", NextListen},
		},
		"it takes a key for a no":                  {{"cancel", "Are you sure?", NextListen}, {"#2", "I leave it.", NextListen}},
		"it does not do what the caller denies":    {{"I don't want to cancel", "One for orders, please.", NextListen}},
		"it asks one after the other":              {{"book a table", "Your name?", NextListen}, {"Ann", "How many people?", NextListen}, {"for twenty 20", "Sorry? How many people?", NextListen}, {"4", "Red or blue?", NextListen}, {"crimson I think", "A red table for 4, Ann.", NextListen}, {"another table, a table", "How many people?", NextListen}},
		"the caller changes the subject":           {{"book a table", "Your name?", NextListen}, {"cancel", "Are you sure?", NextListen}},
		"it speaks another language when asked":    {{"#2", "Pulse uno para pedidos.", NextListen}, {"quiero saber de mi pedido", "¿Qué pedido?", NextListen}, {"12345", "Está shipped.", NextListen}},
		"a pattern takes words out":                {{"please call me Ishmael", "Hello Ishmael.", NextListen}},
		"it sends the caller elsewhere":            {{"the front desk", "Gladly. I am transferring you to a colleague now.", NextTransfer}},
		"it ends":                                  {{"bye", "Bye!", NextEnd}},
		"its rules hand over":                      {{"I will start a lawsuit", "I am transferring you to a colleague now.", NextHandOff}},
		"it gives up after three times":            {{"blah", "One for orders, please.", NextListen}, {"blah", "One for orders, please.", NextListen}, {"blah", "I am transferring you to a colleague now.", NextHandOff}},
		"a key that nobody offered is asked again": {{"#9", "One for orders, please.", NextListen}, {"#1", "Which order?", NextListen}},
		"one is as good as the key 1":              {{"one", "Which order?", NextListen}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shopSettings(t)
			require.Empty(t, s.Check())
			brain := newBrain(t, s.Brain, nil)
			c, _ := converse(t, s)
			for i, p := range scene {
				words, keys, _ := strings.Cut(p.caller, "#")
				a := c.step(brain, Input{Speech: words, Digits: keys})
				require.Equal(t, p.bot, spokenText(a), "line %d", i)
				require.Equal(t, p.next, a.Next, "line %d", i)
			}
		})
	}
}

func TestAScriptOpensWithItsMenu(t *testing.T) {
	t.Parallel()
	s := shopSettings(t)
	brain := newBrain(t, s.Brain, nil)
	d, a := Open(s, brain, noon)
	require.Equal(t, "Hello! How can I help you? Press one for orders.", spokenText(a))
	require.Equal(t, 1, a.Listen.Digits)
	require.Contains(t, a.Listen.Hints, "orders")
	a = d.Step(t.Context(), brain, s, Input{Digits: "1", At: noon})
	require.Equal(t, "Which order?", spokenText(a))
	require.Equal(t, 5, a.Listen.Digits)
	require.Equal(t, []string{"Orders"}, d.Selections)
	require.Equal(t, "(keyed: Orders)", a.Messages[0].Text)
}

func TestAScriptKnowsWhatTheCallIsAbout(t *testing.T) {
	t.Parallel()
	s := shopSettings(t)
	c, _ := converse(t, s)
	c.d.Custom = map[string]any{"flex_order": "12345", "name": "Ann"}
	brain := newBrain(t, s.Brain, nil)
	require.Equal(t, "Order 1 2 3 4 5 is shipped.", spokenText(c.caller(brain, "where is my order")))
	require.Equal(t, "How many people?", spokenText(c.caller(brain, "book a table")))
	require.Equal(t, "I cannot find that.", spokenText(c.caller(brain, "order status 54321")), "what the caller says comes first")
}

func TestKeyedDigitsAreInNothingThatIsKept(t *testing.T) {
	t.Parallel()
	s := shopSettings(t)
	brain := newBrain(t, s.Brain, nil)
	d, _ := Open(s, brain, noon)
	for _, keyed := range []string{"1", "12345", "1", "77777", "4111111111111111"} {
		a := d.Step(t.Context(), brain, s, Input{Digits: keyed, At: noon})
		kept, err := json.Marshal([]any{d, a, a.Messages})
		require.NoError(t, err)
		if len(keyed) > 1 {
			require.NotContains(t, string(kept), keyed)
			require.NotContains(t, string(kept), strings.Join(strings.Split(keyed, ""), " "))
		}
	}
	h := d.Fill(HandOff{}, noon)
	require.NotContains(t, h.Summary, "12345")
}

func TestTheReceptionHandsCallersOn(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckScript(Reception()))
	for language, lines := range map[string][2]string{
		"en-US": {"I have a question about my invoice", "It is too high"},
		"es-ES": {"tengo una pregunta sobre mi factura", "es demasiado alta"},
		"fr-FR": {"une question sur ma facture", "elle est trop chère"},
		"de-DE": {"eine Frage zu meine Rechnung", "sie ist zu hoch"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			s := Settings{Languages: []string{language}}
			brain := newBrain(t, s.Brain, nil)
			d, a := Open(s, brain, noon)
			require.Equal(t, language, a.Say[0].Language)
			a = d.Step(t.Context(), brain, s, Input{Speech: lines[0], At: noon})
			require.Equal(t, NextListen, a.Next)
			a = d.Step(t.Context(), brain, s, Input{Speech: lines[1], At: noon.Add(time.Minute)})
			require.Equal(t, NextHandOff, a.Next)
			require.Equal(t, "the caller has a question about billing: "+lines[1], a.HandOff.Reason)
			require.Equal(t, language, a.HandOff.Language)
		})
	}
}

func TestWhatIsWrongWithAScriptIsToldByItsLine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ script, want string }{
		"no YAML":              {"intents: [", "line 1: did not find expected node content"},
		"an open brace":        {"intents: []\nfallback: {en: Sorry?, es: x}\n", "line 2: did not find expected ',' or '}'"},
		"a tab":                {"intents:\n\t- a", "line 2: found character that cannot start any token"},
		"not a mapping":        {"- a", "line 1: script: want names with values (name: …)"},
		"an unknown name":      {"intents: []\nintent: []", `line 2: script: there is no "intent"; known are start, fallback, intents, slots, menus, handoff`},
		"no intents":           {"fallback: hm", "line 1: script: intents are missing"},
		"a bad name":           {"intents:\n  - name: Big One\n    reply: x", `line 2: intent: "Big One" is no name: want up to 40 small letters, digits, hyphens and underscores, a letter first`},
		"a name twice":         {"intents:\n  - {name: a, reply: x}\n  - {name: a, reply: x}", `line 3: intent "a" is there twice`},
		"an idle intent":       {"intents:\n  - {name: a}", "line 2: intent a: does nothing: give it a reply, menu, handoff, transfer or end"},
		"two ways on":          {"intents:\n  - {name: a, end: true, handoff: x}", "line 2: intent a: only one of handoff, transfer, end and menu can follow"},
		"an unknown slot":      {"intents:\n  - name: a\n    slots: [b]\n    reply: x", `line 2: intent a: there is no slot "b"`},
		"an unknown menu":      {"start: m\nintents:\n  - {name: a, reply: x}", `line 1: start: there is no menu "m"`},
		"an unknown intent":    {"intents:\n  - {name: a, reply: x}\nmenus:\n  m:\n    prompt: p\n    choices:\n      - {name: X, then: b}", `line 7: choice X: there is no intent "b"`},
		"an unknown type":      {"intents: []\nslots:\n  a: {type: date, prompt: x}", `line 3: slot a: type "date" is none of text, number, digits, yes-no and choice`},
		"no prompt":            {"intents: []\nslots:\n  a: {type: text}", "line 3: slot a: prompt is missing"},
		"a bad template":       {"intents:\n  - name: a\n    reply: 'x {{.b'", "line 3: intent a: reply: "},
		"an unknown value":     {"intents:\n  - name: a\n    reply: 'x {{.b}}'", "line 3: {{.b}}: there is no such slot, lookup or group of a pattern"},
		"a loop":               {"intents:\n  - name: a\n    reply: '{{range 1000000000}}{{end}}'", "line 3: intent a: reply: only texts, slots, functions and if and with are understood"},
		"a bad pattern":        {"intents:\n  - name: a\n    reply: x\n    patterns:\n      - '('", "line 5: intent a: "},
		"a silent phrase":      {"intents:\n  - name: a\n    reply: x\n    phrases:\n      - '?!'", "line 5: intent a: phrases: a phrase without a letter or digit can never be heard"},
		"a bad language":       {"intents:\n  - name: a\n    reply: {e_n: x}", `line 3: intent a: reply: "e_n" is no language tag`},
		"a bad key":            {"intents:\n  - {name: a, reply: x}\nmenus:\n  m:\n    prompt: p\n    choices:\n      - {key: 12, name: X, then: a}", `line 7: menu m: key "12" is none of 0 to 9 and *`},
		"an idle rule":         {"intents: []\nhandoff:\n  - {reason: x}", "line 3: handoff: a rule needs words or failed"},
		"an alias":             {"intents: []\nslots: {a: &x {prompt: y}, b: *x}", "line 2: slot b: want names with values (name: …)"},
		"least more than most": {"intents: []\nslots:\n  a: {type: digits, least: 5, most: 2, prompt: x}", "line 3: slot a: least is more than most"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckScript(tc.script)
			require.ErrorIs(t, err, ErrScript)
			require.Contains(t, err.Error(), tc.want)
		})
	}
}

func TestAScriptIsHeldAgainstItsSettings(t *testing.T) {
	t.Parallel()
	s := Settings{Brain: BrainSettings{Script: shop}}
	var details []string
	for _, e := range s.Check() {
		require.Equal(t, "brain.script", e.Field)
		details = append(details, e.Detail)
	}
	require.Equal(t, []string{
		`line 21: there is no lookup "orders" among the bot's lookups`,
		"line 35: es is none of the bot's languages",
		`line 41: there is no transfer "desk" among the bot's transfers`,
	}, details)

	s = shopSettings(t)
	s.Brain.Script = strings.Replace(shop, "slots: [order]", "slots: [order, sure]", 1)
	require.Len(t, s.Check(), 1)
	require.Contains(t, s.Check()[0].Detail, "line 12: slot order: what is keyed is forgotten after its turn")
}
