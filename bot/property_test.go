package bot

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anything is what a caller may say or a model may write.
func anything() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "yes", "no", "agent", "I don't want an agent", "1", "12345", "cancel", "where is my order 12345", "book a table", "bye", "call me Ann", "lawsuit",
			"this is ridiculous", "4111 1111 1111 1111", "I'm transferring you to an agent now.", "español", "\x00\xff", "你好", "🙂", "a.b.c. Dr. X? !",
		}),
		rapid.StringN(0, 60, 300),
	)
}

func anyPiece() *rapid.Generator[Piece] {
	return rapid.Custom(func(t *rapid.T) Piece {
		text := anything().Draw(t, "text")
		switch rapid.IntRange(0, 11).Draw(t, "piece") {
		case 0:
			return Piece{Remember: map[string]string{text: anything().Draw(t, "value")}}
		case 1:
			return Piece{Intent: text}
		case 2:
			return Piece{Language: rapid.SampledFrom([]string{"es", "en-GB", "xx", text}).Draw(t, "language")}
		case 3:
			return Piece{Selected: text}
		case 4:
			return Piece{Expect: &Expect{Name: text, Digits: rapid.IntRange(-1, 9).Draw(t, "digits")}}
		case 5:
			return Piece{Failed: true}
		case 6:
			return Piece{HandOff: &HandOff{Reason: text, Sentiment: text, Language: text}}
		case 7:
			return Piece{End: true}
		case 8:
			return Piece{Transfer: rapid.SampledFrom([]string{"desk", text}).Draw(t, "target")}
		default:
			return Piece{Say: text}
		}
	})
}

func anyInput(at time.Time) *rapid.Generator[Input] {
	return rapid.Custom(func(t *rapid.T) Input {
		in := Input{At: at}
		switch rapid.IntRange(0, 5).Draw(t, "input") {
		case 0:
		case 1:
			in.Digits = rapid.StringMatching(`[0-9*#]{1,20}`).Draw(t, "digits")
		default:
			in.Speech = anything().Draw(t, "speech")
		}
		return in
	})
}

// sound is what every answer must be.
func sound(t *rapid.T, s Settings, d Dialogue, a Answer, again bool) {
	for _, speech := range a.Say {
		require.NotEmpty(t, strings.TrimSpace(speech.Text))
		require.NotEmpty(t, speech.Language)
		require.LessOrEqual(t, len([]rune(speech.Text)), spokenMost+1)
		require.Equal(t, speech.Text, Mask(speech.Text), "no card number is spoken")
		if promises(speech.Text) {
			require.Contains(t, []Next{NextHandOff, NextTransfer}, a.Next, "the bot says that it transfers only when it does: %s", speech.Text)
		}
	}
	switch a.Next {
	case NextListen:
		require.NotEmpty(t, a.Say)
		require.GreaterOrEqual(t, a.Listen.After, time.Second)
	case NextLater:
	case NextHandOff:
		require.False(t, s.Handoff.Off)
		require.NotNil(t, a.HandOff)
		require.NotEmpty(t, a.HandOff.Reason)
		require.NotEmpty(t, a.HandOff.Summary)
		require.False(t, a.HandOff.At.IsZero())
		require.Contains(t, []string{Positive, Neutral, Negative}, a.HandOff.Sentiment)
		require.True(t, isLanguage(a.HandOff.Language))
		if !again {
			require.NotEmpty(t, a.Say)
		}
		_, err := Attributes(*a.HandOff, nil)
		require.NoError(t, err)
	case NextTransfer:
		require.Equal(t, "+14155550100", a.Transfer)
		require.NotEmpty(t, a.Say)
	case NextEnd:
		require.True(t, d.Over)
	default:
		t.Fatalf("no next: %q", a.Next)
	}
}

func TestWhateverHappensABotAnswers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{
			Languages: []string{"en-US", "es-ES"}, Transfers: []Target{{Name: "desk", To: "+14155550100"}},
			Handoff: Handoff{
				Off: rapid.Bool().Draw(t, "off"), Sentiment: rapid.Bool().Draw(t, "sentiment"), FailedTurns: rapid.IntRange(0, 3).Draw(t, "failed turns"),
				Topics: []string{"cancel"}, After: Seconds(rapid.IntRange(0, 2).Draw(t, "minutes")) * Seconds(time.Minute),
			},
		}
		phrase := anything().Filter(func(text string) bool { return !promises(text) && Mask(text) == text }) // what settings say is their author's
		s.Greeting, s.Phrases.Filler, s.Phrases.Error = phrase.Draw(t, "greeting"), phrase.Draw(t, "filler"), phrase.Draw(t, "error")
		s.Phrases.Transfer, s.Silence.Prompts = phrase.Draw(t, "transfer"), rapid.SliceOfN(phrase, 0, 3).Draw(t, "prompts")
		if rapid.Bool().Draw(t, "fallback") {
			s.Fallback = &BrainSettings{}
		}
		script, err := New(BrainSettings{Script: shop}, Options{})
		require.NoError(t, err)
		now := noon
		d, a := Open(s, script, now)
		sound(t, s, d, a, false)
		numbers := map[int]bool{}
		keyed := map[string]bool{}
		for range rapid.IntRange(1, 25).Draw(t, "turns") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
			again := d.HandOff != nil || d.Over
			in := anyInput(now).Draw(t, "in")
			keyed[onlyDigits(in.Digits)] = true
			if rapid.Bool().Draw(t, "interrupted") {
				d.Interrupted(time.Duration(rapid.IntRange(-1000, 10_000).Draw(t, "after")) * time.Millisecond)
			}
			switch rapid.IntRange(0, 9).Draw(t, "who") {
			case 0:
				a = d.Return(s, now)
				again = false
			case 1:
				if !s.Handoff.Off {
					a = d.HandOver(s, HandOff{Reason: anything().Draw(t, "reason")}, now)
				}
			case 2, 3, 4, 5:
				a = d.Step(t.Context(), script, s, in)
			default:
				b := thought{pieces: rapid.SliceOfN(anyPiece(), 0, 6).Draw(t, "pieces")}
				if rapid.Bool().Draw(t, "fails") {
					b.err = errBrain
				}
				a = d.Step(t.Context(), b, s, in)
			}
			sound(t, s, d, a, again)
			for _, m := range a.Messages {
				numbers[m.Number] = true
			}
			for i := range len(d.Messages) {
				require.Equal(t, d.Said-len(d.Messages)+i+1, d.Messages[i].Number, "numbers have no gaps")
			}
			b, err := json.Marshal(d)
			require.NoError(t, err)
			for k := range keyed {
				if len(k) > 8 { // shorter ones the caller may have said as well
					require.NotContains(t, string(b), k)
				}
			}
			d = Dialogue{}
			require.NoError(t, json.Unmarshal(b, &d))
		}
	})
}

func TestNoScriptMakesTheReaderPanic(t *testing.T) {
	t.Parallel()
	lines := strings.Split(shop, "\n")
	rapid.Check(t, func(t *rapid.T) {
		kept := append([]string(nil), lines...)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			n := rapid.IntRange(0, len(kept)-1).Draw(t, "line")
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				kept[n] = rapid.StringN(0, 30, 100).Draw(t, "text")
			case 1:
				kept = append(kept[:n:n], kept[n+1:]...)
			case 2:
				kept[n] = strings.Repeat(" ", rapid.IntRange(0, 8).Draw(t, "indent")) + strings.TrimSpace(kept[n])
			default:
				kept[n] += rapid.SampledFrom([]string{"[", "}", ": x", " *a", " &a", " {{.x", " null", " 1e9", "\t", "#"}).Draw(t, "end")
			}
			if len(kept) == 0 {
				return
			}
		}
		script, err := readScript(strings.Join(kept, "\n"))
		if err != nil {
			require.ErrorIs(t, err, ErrScript)
			require.NotEmpty(t, err.Error())
			return
		}
		_ = script.unknown(Settings{})
		b, err := New(BrainSettings{Script: strings.Join(kept, "\n")}, Options{})
		require.NoError(t, err)
		d, a := Open(Settings{}, b, noon)
		sound(t, Settings{}, d, a, false)
		for range 5 {
			again := d.HandOff != nil || d.Over
			a = d.Step(t.Context(), b, Settings{}, anyInput(noon).Draw(t, "in"))
			sound(t, Settings{}, d, a, again)
		}
	})
}
