package people

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
)

func TestATranscriptIsHeldAgainstWhatWasSaid(t *testing.T) {
	t.Parallel()
	said := func(texts ...string) (all []saying) {
		for _, text := range texts {
			all = append(all, saying{text: text, heard: text, until: time.Unix(1, 0)})
		}
		return all
	}
	cut := append(said("Welcome."), saying{text: "We are open from nine to five.", heard: "We are open", cut: true})
	for name, tc := range map[string]struct {
		messages []apiMessage
		spoken   []move
		said     []saying
		differs  string
	}{
		"the same":                        {[]apiMessage{{Speaker: "bot", Text: "Welcome. What is it?"}, {Speaker: "caller", Text: "Hours"}}, []move{{text: "Hours"}}, said("Welcome.", "What is it?"), ""},
		"a word of the caller is missing": {[]apiMessage{{Speaker: "bot", Text: "Welcome."}}, []move{{text: "Hours"}}, said("Welcome."), `lacks the caller's "Hours"`},
		"another word of the caller":      {[]apiMessage{{Speaker: "caller", Text: "Ours"}}, []move{{text: "Hours"}}, nil, `said "Hours", not "Ours"`},
		"a word nobody said":              {[]apiMessage{{Speaker: "caller", Text: "Ours"}}, nil, nil, `never said "Ours"`},
		"a sentence of the bot's missing": {nil, nil, said("Welcome."), `lacks the bot's "Welcome."`},
		"a sentence that nobody heard":    {[]apiMessage{{Speaker: "bot", Text: "Welcome. Hello."}}, nil, said("Welcome."), `the caller heard "Welcome."`},
		"keys, and not which":             {[]apiMessage{{Speaker: "caller", Text: "(keyed)"}}, []move{{do: keysIn, text: "481"}}, nil, ""},
		"keys, and which":                 {[]apiMessage{{Speaker: "caller", Text: "481"}}, []move{{do: keysIn, text: "481"}}, nil, "481"},
		"what was cut, marked so":         {[]apiMessage{{Speaker: "bot", Text: "Welcome. We are open from nine to five.", Cut: true, Heard: "Welcome. We are"}}, nil, cut, ""},
		"what was cut, not marked":        {[]apiMessage{{Speaker: "bot", Text: "Welcome. We are open from nine to five."}}, nil, cut, "not marked"},
		"what was cut, and heard wrong":   {[]apiMessage{{Speaker: "bot", Text: "Welcome. We are open from nine to five.", Cut: true, Heard: "We were"}}, nil, cut, "cannot have heard"},
		"what was cut before all of it":   {[]apiMessage{{Speaker: "bot", Text: "Welcome. We are open from nine to five. And now?", Cut: true, Heard: "Welcome."}}, nil, cut, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := transcriptDiffers(tc.messages, tc.spoken, tc.said)
			if tc.differs == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, tc.differs)
		})
	}
}

func TestAPersonNoticesWhatIsSaidAndWhatIsCut(t *testing.T) {
	t.Parallel()
	w := newWatch(newFakeLine("CA1"))
	at := time.Unix(100, 0)
	for i, e := range []simulator.LineEvent{
		{Kind: simulator.LineHears, Detail: "Welcome."},
		{Kind: simulator.LineHeard, Detail: "Welcome."},
		{Kind: simulator.LineHears, Detail: "http://music.example/one.mp3"},
		{Kind: simulator.LineHears, Detail: "We are open from nine."},
		{Kind: simulator.LineHeard, Detail: "We are", Cut: true},
		{Kind: simulator.LineQueued, Detail: "Sales"},
		{Kind: simulator.LineHears, Detail: "Please hold."},
		{Kind: simulator.LineHeard, Detail: "Please hold."},
	} {
		w.see(e, at.Add(time.Duration(i)*time.Second))
	}
	v, _ := w.now()
	require.Equal(t, []saying{
		{text: "Welcome.", from: at, until: at.Add(time.Second), heard: "Welcome."},
		{text: "We are open from nine.", from: at.Add(3 * time.Second), until: at.Add(4 * time.Second), heard: "We are", cut: true},
	}, v.said)
}

func TestATaskIsHeldAgainstTheSixAttributes(t *testing.T) {
	t.Parallel()
	w := newWatch(newFakeLine("CA1"))
	c := newConversation(plan{bot: &botPlan{ends: handsOff, reason: "a person", language: "en-US"}})
	s := shared{caller: w, placed: time.Now()}
	good := func() map[string]any {
		return map[string]any{
			"handedOff": true, "handoffReason": "asked for a person", "handoffSummary": "He asked.", "handoffSentiment": "neutral", "handoffLanguage": "en-US",
			"handoffTimestamp": time.Now().UTC().Format(time.RFC3339), "call_sid": "CA1", "desk": "proving",
		}
	}
	check := func(a map[string]any) (wrong []string) {
		c.checkTask(simulator.TaskSeen{SID: "WT1", Attributes: a}, s, apiCall{TaskSID: "WT1"}, func(format string, _ ...any) { wrong = append(wrong, format) })
		return wrong
	}
	require.Empty(t, check(good()))
	for name, change := range map[string]func(map[string]any){
		"one is missing":         func(a map[string]any) { delete(a, "handoffSummary") },
		"one too many":           func(a map[string]any) { a["handoffNote"] = "x" },
		"a string for a boolean": func(a map[string]any) { a["handedOff"] = "true" },
		"another reason":         func(a map[string]any) { a["handoffReason"] = "because" },
		"a sentiment of its own": func(a map[string]any) { a["handoffSentiment"] = "angry" },
		"another language":       func(a map[string]any) { a["handoffLanguage"] = "es-US" },
		"no time":                func(a map[string]any) { a["handoffTimestamp"] = "now" },
		"another call":           func(a map[string]any) { a["call_sid"] = "CA2" },
		"too much of it":         func(a map[string]any) { a["desk"] = string(make([]byte, 4096)) },
	} {
		a := good()
		change(a)
		require.NotEmpty(t, check(a), name)
	}
}

func TestBotsAreRefusedWithoutANumberOfTheirOwn(t *testing.T) {
	t.Parallel()
	s, err := Load("floor")
	require.NoError(t, err)
	s.Centre.Bots[0].Number = "Sales"
	s.Centre.Bots[1].Number = "Nobody's"
	s.Centre.Bots[2].Routing = "Nowhere"
	err = s.Validate()
	require.ErrorContains(t, err, `centre.bots[0]: number "Sales" has no entrance for a bot`)
	require.ErrorContains(t, err, `centre.bots[1]: "Nobody's" is no number's name`)
	require.ErrorContains(t, err, `centre.bots[2]: routing "Nowhere" is no routing workflow`)
	require.ErrorContains(t, err, `entrance "bot", and no bot answers`)
}
