package bot

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errBrain = errors.New("no thought")

func TestABrainThatFailsTwiceIsReplaced(t *testing.T) {
	t.Parallel()
	broken := thought{err: errBrain}
	t.Run("by the other brain, which answers the same", func(t *testing.T) {
		t.Parallel()
		s := Settings{Brain: BrainSettings{Kind: KindOpenAI, Model: "m"}, Fallback: &BrainSettings{Kind: KindScripted}}
		c, _ := converse(t, s)
		require.Contains(t, spokenText(c.caller(broken, "one")), "something went wrong")
		a := c.caller(broken, "two")
		require.Equal(t, NextLater, a.Next)
		require.Equal(t, "One moment, please.", spokenText(a))
		require.Equal(t, KindScripted, c.d.Thinks(s).Kind)
		in, pending := c.d.PendingInput()
		require.True(t, pending)
		require.Equal(t, "two", in.Speech)
		a = c.d.Answer(s, in, Think(t.Context(), says("Fine."), s, c.d.Clone(), in), c.now)
		require.Equal(t, "Fine.", spokenText(a))
		require.Equal(t, KindScripted, c.d.Thinks(s).Kind, "it stays")
	})
	t.Run("by a person", func(t *testing.T) {
		t.Parallel()
		c, _ := converse(t, Settings{})
		c.caller(broken, "one")
		a := c.caller(thought{pieces: []Piece{{Say: "Well. "}}, err: errBrain}, "two")
		require.Equal(t, NextHandOff, a.Next)
		require.Equal(t, "Well. I am transferring you to a colleague now.", spokenText(a))
		require.Equal(t, reasonBroken, a.HandOff.Reason)
	})
	t.Run("by a goodbye where nobody is", func(t *testing.T) {
		t.Parallel()
		c, _ := converse(t, Settings{Handoff: Handoff{Off: true}})
		c.caller(thought{}, "one")
		a := c.caller(broken, "two")
		require.Equal(t, NextEnd, a.Next)
		require.Contains(t, spokenText(a), "Goodbye")
	})
	t.Run("and not if it recovers in between", func(t *testing.T) {
		t.Parallel()
		c, _ := converse(t, Settings{})
		for range 3 {
			require.Equal(t, NextListen, c.caller(broken, "one").Next)
			require.Equal(t, NextListen, c.caller(says("Yes."), "two").Next)
		}
	})
}

func TestACallerWhoIsNotUnderstoodGoesToAPerson(t *testing.T) {
	t.Parallel()
	lost := thought{pieces: []Piece{{Failed: true}, {Say: "Pardon?"}}}
	c, _ := converse(t, Settings{Handoff: Handoff{FailedTurns: 2}})
	require.Equal(t, "Pardon?", spokenText(c.caller(lost, "a")))
	require.Equal(t, "Yes.", spokenText(c.caller(says("Yes."), "b")))
	require.Equal(t, "Pardon?", spokenText(c.caller(lost, "c")))
	a := c.caller(lost, "d")
	require.Equal(t, "I am transferring you to a colleague now.", spokenText(a))
	require.Equal(t, "the bot did not understand the caller twice", a.HandOff.Reason)
}

func TestACallerComesBackWhenNobodyCanTakeHim(t *testing.T) {
	t.Parallel()
	c, _ := converse(t, Settings{Handoff: Handoff{After: Seconds(15 * time.Second)}})
	require.Equal(t, NextHandOff, c.caller(nil, "an agent").Next)
	a := c.d.Return(c.settings, c.now)
	c.note(a)
	require.Equal(t, "I am sorry, nobody can take your call right now.", spokenText(a))
	require.Equal(t, NextListen, a.Next)
	require.Equal(t, "Fine.", spokenText(c.caller(says("Fine."), "then tell me")), "no rule sends him off again")
	require.Equal(t, NextHandOff, c.caller(nil, "an agent please").Next, "his wish does")
}

func TestASlowBrainIsFilledInForOnce(t *testing.T) {
	t.Parallel()
	s := Settings{Phrases: Phrases{Filler: "Let me think."}}
	c, _ := converse(t, s)
	clean, _, ask := c.d.Listen(s, Input{Speech: "hello", At: noon})
	require.True(t, ask)
	a := c.d.Wait(s, noon)
	c.note(a)
	require.Equal(t, NextLater, a.Next)
	require.Equal(t, InterruptNone, a.Interrupt)
	require.Equal(t, "Let me think.", spokenText(a))
	require.Len(t, a.Messages, 2)
	require.Empty(t, c.d.Wait(s, noon).Say)
	a = c.d.Answer(s, clean, Reply{Pieces: []Piece{{Say: "Hi."}}}, noon)
	require.Equal(t, "Hi.", spokenText(a))
	require.Len(t, a.Messages, 1)
	_, pending := c.d.PendingInput()
	require.False(t, pending)
}

func TestAnybodyElseMayHandACallerOverOnce(t *testing.T) {
	t.Parallel()
	c, _ := converse(t, Settings{})
	c.caller(says("Yes."), "my card is 4111 1111 1111 1111")
	a := c.d.HandOver(c.settings, HandOff{Reason: "supervisor", By: "api", Sentiment: "livid"}, c.now)
	require.Equal(t, NextHandOff, a.Next)
	require.Equal(t, "supervisor", a.HandOff.Reason)
	require.Equal(t, Neutral, a.HandOff.Sentiment)
	require.Equal(t, "en-US", a.HandOff.Language)
	require.NotContains(t, a.HandOff.Summary, "1111")
	again := c.d.HandOver(c.settings, HandOff{Reason: "other"}, c.now.Add(time.Hour))
	require.Equal(t, a.HandOff, again.HandOff)
	require.Empty(t, again.Say)
}

func TestWishesAreHeardInManyLanguages(t *testing.T) {
	t.Parallel()
	for language, lines := range map[string]map[string]bool{
		"en": {"agent": true, "Representative!": true, "can I speak to a person": true, "reagent": false, "I don't need an agent": false, "not a human": false, "no agent so far helped me": true},
		"es": {"quiero hablar con una persona": true, "un agente por favor": true, "no quiero hablar con un agente": false},
		"fr": {"passez-moi un conseiller": true, "je ne veux pas d'agent": false},
		"de": {"einen Mitarbeiter bitte": true, "ich möchte mit jemandem sprechen": true, "keinen Mitarbeiter": false},
		"it": {"un operatore": true}, "pt": {"quero um atendente": true}, "nl": {"een medewerker graag": true}, "ar": {"أريد موظف": true},
	} {
		s := Settings{Languages: []string{language}}.WithDefaults()
		for line, want := range lines {
			require.Equal(t, want, s.wished(fold(line), language), line)
		}
	}
}

func TestMoods(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"this is unacceptable": -3, "no, this is ridiculous": -3, "I am not angry": 1, "not good": 0, "thank you, great": 3, "where are you": 0, "": 0,
	} {
		require.Equal(t, want, score(fold(line), "en-US"), line)
	}
	require.Equal(t, -3, score(fold("¡Es ridículo!"), "es-ES"))
	require.Equal(t, -3, score(fold("Das ist eine Unverschämtheit"), "de-DE"))
	var d Dialogue
	d.Language = "en"
	d.feel("terrible")
	d.feel("awful")
	require.Equal(t, Negative, d.Sentiment)
	require.LessOrEqual(t, d.Mood, angry, "it adds up")
	for range 3 {
		d.feel("thanks great")
	}
	require.Equal(t, Positive, d.Sentiment, "and fades")
}

func TestCardNumbersAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"my card is 4111111111111111 ok":               "my card is [card number] ok",
		"4111 1111-1111.1111":                          "[card number]",
		"it is 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 thanks": "it is [card number] thanks",
		"four one one one 1111 1111 one one one one":   "[card number]",
		"cuatro uno uno uno 1111 1111 1111":            "[card number]",
		"4111 1111 1111 1111 12 25 123":                "[card number]",
		"378282246310005":                              "[card number]",
		"4111111111111112":                             "4111111111111112",
		"call +14111111111111111":                      "call +14111111111111111",
		"order 12345 of 2026":                          "order 12345 of 2026",
		"4111 1111 and 1111 1111":                      "4111 1111 and 1111 1111",
		"":                                             "",
		"AC4111111111111111":                           "AC4111111111111111",
		"one more thing":                               "one more thing",
	} {
		require.Equal(t, want, Mask(text), text)
	}
	require.Equal(t, "order X is on 12", hideKeys("order 1-2-3 4 5 is on 12", "12345", "X"))
	require.Equal(t, "X", hideKeys("one two three", "123#", "X"))
	require.Equal(t, "open until 10", hideKeys("open until 10", "10", "X"))
}

func TestWhatWasHeardOfAnInterruptedSentence(t *testing.T) {
	t.Parallel()
	const text = "We are open from nine to five, from Monday to Friday."
	for ms, want := range map[int]string{0: "", 300: "", 800: "We are", 2300: "We are open from nine to", 60_000: text} {
		heard, cut := Heard(text, time.Duration(ms)*time.Millisecond, "en-US")
		require.Equal(t, want, heard)
		require.Equal(t, heard != text, cut)
	}
	heard, _ := Heard("我们从九点到五点营业", 1300*time.Millisecond, "zh-CN")
	require.Equal(t, "我们从九", heard)

	c, _ := converse(t, Settings{Greeting: text})
	c.d.Interrupted(800 * time.Millisecond)
	c.d.Interrupted(time.Second) // a late partial changes nothing
	a := c.caller(says("Yes."), "wait")
	require.Len(t, a.Messages, 3)
	require.Equal(t, Message{Number: 1, At: noon, Speaker: SpeakerBot, Text: text, Heard: "We are", Cut: true, Language: "en-US"}, a.Messages[0])
	c.d.Interrupted(time.Minute)
	require.Len(t, c.caller(says("Yes."), "all heard").Messages, 2)
}

func TestTheSixAttributesAreAddedAndNoOtherIsTouched(t *testing.T) {
	t.Parallel()
	h := HandOff{Reason: "a refund", Summary: "Wants money.", Sentiment: "Negative", Language: "en", At: time.Date(2026, 3, 1, 13, 0, 0, 5, time.FixedZone("", 3600))}
	existing := map[string]any{"flex_order_id": json.Number("12345678901234567890"), "nested": map[string]any{"a": []any{"b"}}, "handoffSummary": "an earlier one"}
	before, _ := json.Marshal(existing)
	all, err := Attributes(h, existing)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"flex_order_id": json.Number("12345678901234567890"), "nested": map[string]any{"a": []any{"b"}},
		"handedOff": true, "handoffReason": "a refund", "handoffSummary": "Wants money.", "handoffSentiment": "negative", "handoffLanguage": "en",
		"handoffTimestamp": "2026-03-01T12:00:00Z",
	}, all)
	after, _ := json.Marshal(existing)
	require.Equal(t, string(before), string(after))
}

func TestAttributesFitIntoATask(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		foreign int
		summary string
		reason  string
		fails   bool
	}{
		"a long summary":               {foreign: 100, summary: strings.Repeat("word ", 2000), reason: "why"},
		"a long summary of other kind": {foreign: 100, summary: strings.Repeat("كلمة <", 2000), reason: "why"},
		"and a long reason":            {foreign: 3600, summary: strings.Repeat("word ", 2000), reason: strings.Repeat("why ", 200)},
		"no room at all":               {foreign: 4050, summary: "x", reason: "y", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			foreign := strings.Repeat("f", tc.foreign)
			all, err := Attributes(HandOff{Reason: tc.reason, Summary: tc.summary, Language: "en", At: noon}, map[string]any{"foreign": foreign})
			if tc.fails {
				require.ErrorIs(t, err, ErrAttributes)
				return
			}
			require.NoError(t, err)
			b, err := json.Marshal(all)
			require.NoError(t, err)
			require.LessOrEqual(t, len(b), AttributesMost)
			require.Equal(t, foreign, all["foreign"])
			if tc.foreign < 1000 {
				require.Greater(t, len(b), AttributesMost/2, "no more than needed is left out")
				require.Equal(t, tc.reason, all["handoffReason"])
			}
		})
	}
}

func TestASummaryByRuleTellsWhatIsKnown(t *testing.T) {
	t.Parallel()
	c, _ := converse(t, Settings{})
	require.Contains(t, SummaryByRule(Dialogue{}), "said nothing")
	for _, line := range []string{"first", "second", "third", "fourth", "fifth"} {
		c.caller(thought{pieces: []Piece{{Intent: "refund"}, {Remember: map[string]string{"order_id": "77", "pin": keyedMark}}, {Selected: "Billing"}, {Say: "Yes."}}}, line)
	}
	got := SummaryByRule(c.d)
	require.Equal(t, "The caller spoke with the bot for 50s (turns: 5). Topic: refund. Selected: Billing. Known: order id 77. Caller: “first” … “third” “fourth” “fifth”", got)
}

func TestALongDialogueStaysSmall(t *testing.T) {
	t.Parallel()
	c, _ := converse(t, Settings{})
	slots := map[string]string{}
	for i := range 100 {
		slots[strings.Repeat("s", i+1)] = strings.Repeat("v", 1000)
	}
	for range 80 {
		c.caller(thought{pieces: []Piece{{Say: strings.Repeat("A sentence. ", 300)}, {Remember: slots}}}, strings.Repeat("blah ", 500))
	}
	b, err := json.Marshal(c.d)
	require.NoError(t, err)
	require.Less(t, len(b), 200<<10)
	require.Len(t, c.messages, 161, "the store has all")
	require.Equal(t, 161, c.d.Said)
}
