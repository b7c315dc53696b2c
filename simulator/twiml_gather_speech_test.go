package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heard waits for the end of a Say, and answers it.
func (p *person) heard(text string) LineEvent {
	p.t.Helper()
	deadline := time.After(patienceInTests)
	for {
		select {
		case e, open := <-p.Events():
			require.True(p.t, open, "the line ended before the end of %q", text)
			if e.Kind == LineHeard && strings.HasPrefix(text, e.Detail) {
				return e
			}
		case <-deadline:
			require.Fail(p.t, "did not end", text)
		}
	}
}

const (
	long     = "I have been trying to reach somebody about my order for the whole of this morning."
	listens  = "<Gather input='speech dtmf' action='/done' timeout='20' speechTimeout='6' numDigits='1'"
	question = "<Say>What can I do for you?</Say></Gather><Say>Nothing</Say>"
)

// askedBy calls a number whose voice URL answers verbs, and lets the caller hear the question.
func askedBy(t *testing.T, verbs string) (*voiceBench, *person) {
	t.Helper()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", verbs)
	b.twiml("/done", "<Say>Thanks</Say>")
	caller := b.ring()
	caller.notices(LineHears, "What can I do for you?")
	return b, caller
}

func TestASentenceTakesTimeAndIsWaitedForToItsEnd(t *testing.T) {
	t.Parallel()
	b, caller := askedBy(t, listens+">"+question)
	begun := time.Now()
	said := caller.Speak(long)
	<-said
	require.GreaterOrEqual(t, time.Since(begun), b.sim.seconds(float64(len(strings.Fields(long)))/wordsASecond))
	caller.notices(LineHears, "Thanks")
	form := b.hit("/done").form
	require.Equal(t, long, form.Get("SpeechResult"))
	require.False(t, form.Has("Digits"))
}

func TestPartialResultsComeWhileTheCallerSpeaks(t *testing.T) {
	t.Parallel()
	b, caller := askedBy(t, listens+" partialResultCallback='/partial?x=1'>"+question)
	b.twiml("/partial", "<Hangup/>") // not obeyed
	caller.Speak(long)
	caller.notices(LineHears, "Thanks")
	words := strings.Fields(long)
	last := strconv.Itoa((len(words) - 1) / wordsAPartial)
	b.hit("/partial", "SequenceNumber="+last)
	partials := b.hitsTo("/partial")
	require.Len(t, b.events("/partial", "SequenceNumber"), (len(words)+1)/wordsAPartial)
	plain := strings.ToLower(strings.TrimSuffix(long, "."))
	for _, h := range partials {
		require.True(t, strings.HasPrefix(plain, h.form.Get("StableSpeechResult")), "what is stable stays: %v", h.form)
		require.Equal(t, signature(b.sim.AuthToken(), b.url("/partial?x=1"), withoutQuery(h.form)), h.signature)
		require.Equal(t, caller.CallSID(), h.form.Get("CallSid"))
		require.NotEmpty(t, h.form.Get("UnstableSpeechResult"))
		require.False(t, h.form.Has("SpeechResult"))
	}
}

func withoutQuery(form url.Values) url.Values {
	out := url.Values{}
	for name, values := range form {
		if name != "x" {
			out[name] = values
		}
	}
	return out
}

func TestAPartialResultMayEndInAWordThatTheFinalOneHasNot(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Gather input='speech' action='/voice' timeout='900' speechTimeout='1' partialResultCallback='/partial'><Say>Go</Say></Gather>")
	caller := b.ring()
	final := strings.ToLower(strings.TrimSuffix(long, "."))
	for range 50 {
		caller.notices(LineHears, "Go")
		<-caller.Speak(long)
		for _, h := range b.hitsTo("/partial") {
			so := strings.TrimSpace(h.form.Get("StableSpeechResult") + " " + h.form.Get("UnstableSpeechResult"))
			if rest, isPrefix := strings.CutPrefix(final, so); isPrefix && rest != "" && rest[0] != ' ' {
				return
			}
		}
	}
	require.Fail(t, "every partial result was right")
}

func TestSpeechInterruptsThePromptUnlessItMayNot(t *testing.T) {
	t.Parallel()
	prompt := strings.TrimSpace(strings.Repeat("Our office hours are from nine to five. ", 60))
	t.Run("and what was heard of it is known", func(t *testing.T) {
		t.Parallel()
		b, caller := askedBy(t, "<Gather input='speech' action='/done' speechTimeout='1'><Say>What can I do for you?</Say><Say>"+prompt+"</Say></Gather>")
		caller.notices(LineHears, prompt)
		caller.Speak("An agent please")
		end := caller.heard(prompt)
		require.True(t, end.Cut)
		require.Less(t, len(end.Detail), len(prompt))
		require.True(t, end.Detail == "" || strings.HasPrefix(prompt, end.Detail+" "), "whole words: %q", end.Detail)
		require.Equal(t, "An agent please", b.hit("/done").form.Get("SpeechResult"))
	})
	t.Run("and waits for its end with bargeIn false", func(t *testing.T) {
		t.Parallel()
		b, caller := askedBy(t, "<Gather input='speech' bargeIn='false' action='/done' speechTimeout='1'><Say>What can I do for you?</Say><Say>"+prompt+"</Say></Gather>")
		caller.notices(LineHears, prompt)
		caller.Speak("An agent please")
		require.Equal(t, LineEvent{Kind: LineHeard, Detail: prompt}, caller.heard(prompt))
		require.Equal(t, "An agent please", b.hit("/done").form.Get("SpeechResult"))
	})
}

func TestWordsThatAreSaidBeforeAGatherListensAreLost(t *testing.T) {
	t.Parallel()
	b := newVoiceBenchAt(t, 100*time.Millisecond) // he must begin before the first sentence is over, and end after it
	b.number()
	b.twiml("/voice", "<Say>One moment, please, while I look that up for you.</Say>"+listens+">"+question)
	b.twiml("/done", "<Say>Thanks</Say>")
	caller := b.ring()
	caller.notices(LineHears, "One moment, please, while I look that up for you.")
	caller.Speak(long)
	caller.notices(LineHears, "Thanks")
	result := b.hit("/done").form.Get("SpeechResult")
	require.NotEmpty(t, result)
	require.Less(t, len(result), len(long))
	require.True(t, strings.HasSuffix(long, result), result)
}

func TestOfKeysAndSpeechWhatComesFirstIsTaken(t *testing.T) {
	t.Parallel()
	t.Run("speech", func(t *testing.T) {
		t.Parallel()
		b, caller := askedBy(t, listens+">"+question)
		<-caller.Speak("Sales")
		caller.Press("1")
		form := b.hit("/done").form
		require.Equal(t, "Sales", form.Get("SpeechResult"))
		require.False(t, form.Has("Digits"))
	})
	t.Run("keys", func(t *testing.T) {
		t.Parallel()
		b, caller := askedBy(t, "<Gather input='speech dtmf' action='/done' timeout='300' numDigits='2'>"+question)
		caller.Press("1")
		<-caller.Speak("Sales")
		caller.Press("2")
		form := b.hit("/done").form
		require.Equal(t, "12", form.Get("Digits"))
		require.False(t, form.Has("SpeechResult"))
	})
}

func TestAnEmptyResultIsToldOfIfTheActionWantsToKnow(t *testing.T) {
	t.Parallel()
	b, _ := askedBy(t, "<Gather input='speech dtmf' action='/done' timeout='1' actionOnEmptyResult='true'>"+question)
	form := b.hit("/done").form
	require.Equal(t, []string{""}, form["SpeechResult"])
	require.Equal(t, []string{""}, form["Digits"])
	require.False(t, form.Has("Confidence"))
}

func TestSpeechEndsAtMaxSpeechTime(t *testing.T) {
	t.Parallel()
	b, caller := askedBy(t, "<Gather input='speech' action='/done' timeout='20' speechTimeout='20' maxSpeechTime='2'>"+question)
	caller.Speak(strings.Repeat("and on ", 400))
	result := b.hit("/done").form.Get("SpeechResult")
	require.NotEmpty(t, result)
	require.Less(t, len(strings.Fields(result)), 400)
}

func TestConfidenceIsNotAlwaysThere(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	with, without := 0, 0
	b.page("/voice", func(form url.Values) (int, string, string) {
		switch {
		case form.Has("Confidence"):
			with++
		case form.Has("SpeechResult"):
			without++
		}
		return http.StatusOK, "text/xml", fmt.Sprintf("<Response><Gather input='speech' timeout='900' speechTimeout='1'><Say>Go %d</Say></Gather></Response>", with+without)
	})
	caller := b.ring()
	for n := range 40 {
		caller.notices(LineHears, "Go "+strconv.Itoa(n))
		caller.Speak("Yes")
	}
	caller.notices(LineHears, "Go 40")
	caller.HangUp()
	caller.rest()
	require.Positive(t, with)
	require.Positive(t, without)
}

func TestTheDebuggerNamesWhatIsWrongWithAGatherOrASay(t *testing.T) {
	t.Parallel()
	gather := func(attrs string) string {
		return "<Gather input='speech dtmf' timeout='1' action='/done' " + attrs + "><Say>Speak</Say></Gather><Say>Over</Say>"
	}
	for name, tc := range map[string]struct {
		verbs string
		code  int // 0: nothing
		fails bool
	}{
		"all is well":                        {gather("speechModel='googlev2_telephony' speechTimeout='2' language='de-DE' hints='agent, order number' bargeIn='true'"), 0, false},
		"auto without a model is well":       {gather("speechTimeout='auto'"), 0, false},
		"auto with the default model":        {gather("speechTimeout='auto' speechModel='default'"), 13335, false},
		"auto with a named model":            {gather("speechTimeout='auto' speechModel='deepgram_nova-3'"), 13327, false},
		"half a second of silence":           {gather("speechTimeout='0.5'"), 13327, false},
		"a time of speech that is no number": {gather("maxSpeechTime='long'"), 13328, false},
		"a hint that is too long":            {gather("hints='agent, " + strings.Repeat("x", 101) + "'"), 13330, false},
		"a language without a region":        {gather("language='en'"), 13331, true},
		"a model that is none":               {gather("speechModel='googlev3_telephony'"), 13334, true},
		"a finishing key that is none":       {gather("finishOnKey='A'"), 13310, false},
		"a flag that is none":                {gather("bargeIn='yes'"), 12200, false},
		"an input that is none":              {gather("enhanced='perhaps'"), 12200, false},
		"a voice that is none":               {"<Say voice='Salli'>Speak</Say><Say>Over</Say>", 13511, false},
		"a voice of Polly's is well":         {"<Say voice='Polly.Salli-Neural' language='en-US'>Speak</Say><Say>Over</Say>", 0, false},
		"nothing to say":                     {"<Say> </Say><Say>Over</Say>", 13520, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.number()
			b.twiml("/voice", tc.verbs)
			heard := strings.Join(b.ring().rest(), ", ")
			require.Contains(t, heard, "hears Over")
			require.Equal(t, tc.fails, !strings.Contains(heard, "hears Speak"), heard)
			want := map[int]int{}
			if tc.code != 0 {
				want[tc.code] = 1
			}
			require.Equal(t, want, b.sim.Stats().Warnings)
		})
	}
}

func TestMarkupInASayIsNotSaid(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Say voice='Polly.Salli'>Your code is <say-as interpret-as='digits'>42</say-as>,\n <emphasis>dear</emphasis> caller.</Say>")
	b.ring().notices(LineHears, "Your code is 42, dear caller.")
}
