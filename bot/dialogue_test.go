package bot

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// thought is a brain that thinks what it is told to.
type thought struct {
	pieces  []Piece
	err     error
	opening []Piece
}

func (b thought) Opening(Settings, Dialogue) []Piece { return b.opening }

func (b thought) Reply(context.Context, Settings, Dialogue, Input) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		for _, p := range b.pieces {
			if !yield(p, nil) {
				return
			}
		}
		if b.err != nil {
			yield(Piece{}, b.err)
		}
	}
}

func (b thought) Summarise(context.Context, Settings, Dialogue) (HandOff, error) {
	return HandOff{}, errors.New("none")
}

func says(text string) thought { return thought{pieces: []Piece{{Say: text}}} }

// conversation is a dialogue with what it takes to go on with it.
type conversation struct {
	t        *testing.T
	settings Settings
	d        Dialogue
	now      time.Time
	messages map[int]Message
}

func converse(t *testing.T, s Settings) (*conversation, Answer) {
	d, a := Open(s, nil, noon)
	c := &conversation{t: t, settings: s, d: d, now: noon, messages: map[int]Message{}}
	c.note(a)
	return c, a
}

// note keeps the transcript as the store does, and sends the dialogue through JSON as the store does.
func (c *conversation) note(a Answer) {
	for _, m := range a.Messages {
		c.messages[m.Number] = m
	}
	b, err := json.Marshal(c.d)
	require.NoError(c.t, err)
	c.d = Dialogue{}
	require.NoError(c.t, json.Unmarshal(b, &c.d))
}

func (c *conversation) step(b Brain, in Input) Answer {
	c.now = c.now.Add(10 * time.Second)
	in.At = c.now
	a := c.d.Step(c.t.Context(), b, c.settings, in)
	c.note(a)
	return a
}

func (c *conversation) caller(b Brain, speech string) Answer { return c.step(b, Input{Speech: speech}) }
func (c *conversation) silence() Answer                      { return c.step(nil, Input{}) }

func spokenText(a Answer) string {
	text := ""
	for i, s := range a.Say {
		if i > 0 {
			text += " "
		}
		text += s.Text
	}
	return text
}

func TestABotGreetsAndListens(t *testing.T) {
	t.Parallel()
	c, a := converse(t, Settings{Greeting: "Welcome to Acme."})
	require.Equal(t, NextListen, a.Next)
	require.Equal(t, []Speech{{"Welcome to Acme.", "en-US"}}, a.Say)
	require.Equal(t, InterruptAny, a.Interrupt)
	require.Equal(t, 5*time.Second, a.Listen.After)
	require.Equal(t, "Welcome to Acme.", c.messages[1].Text)

	a = c.caller(says("We are open from nine to five."), "when are you open")
	require.Equal(t, "We are open from nine to five.", spokenText(a))
	require.Equal(t, NextListen, a.Next)
	require.Equal(t, []Speaker{SpeakerBot, SpeakerCaller, SpeakerBot}, []Speaker{c.messages[1].Speaker, c.messages[2].Speaker, c.messages[3].Speaker})
}

func TestASilentCallerIsAskedTwiceAndThenLeft(t *testing.T) {
	t.Parallel()
	c, _ := converse(t, Settings{})
	require.Equal(t, "Are you still there?", spokenText(c.silence()))
	require.Contains(t, spokenText(c.silence()), "I cannot hear you.")
	a := c.silence()
	require.Contains(t, spokenText(a), "Goodbye")
	require.Equal(t, NextListen, a.Next, "who speaks during the goodbye is heard")
	require.Equal(t, InterruptAny, a.Interrupt)
	require.Equal(t, NextEnd, c.silence().Next)
	require.True(t, c.d.Over)
}

func TestACallerWhoSpeaksDuringTheGoodbyeIsTakenBack(t *testing.T) {
	t.Parallel()
	c, _ := converse(t, Settings{Silence: Silence{Prompts: []string{}}})
	require.Contains(t, spokenText(c.silence()), "Goodbye")
	require.True(t, c.d.Leaving)
	a := c.caller(says("Of course."), "no wait I am here")
	require.Equal(t, "Of course.", spokenText(a))
	require.False(t, c.d.Leaving)
	require.Zero(t, c.d.Silences)
	require.Contains(t, spokenText(c.silence()), "Goodbye", "silence is counted from the start")
}

func TestTheBotSaysThatItTransfersOnlyWhenItDoes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings Settings
		brain    thought
		speech   string
		next     Next
		says     string
		reason   string
	}{
		"a wish goes to a person without the brain": {speech: "I'd like to talk to an agent", next: NextHandOff, says: "I am transferring you to a colleague now.", reason: reasonWish},
		"a wish that is denied does not":            {speech: "I don't want to talk to an agent", brain: says("All right."), next: NextListen, says: "All right."},
		"no before a wish denies nothing":           {speech: "No, an agent please", next: NextHandOff, says: "I am transferring you to a colleague now.", reason: reasonWish},
		"a promise of the brain is kept": {
			speech: "hello", brain: says("Sure. I'm transferring you to an agent now."), next: NextHandOff,
			says: "Sure. I'm transferring you to an agent now.", reason: reasonPromise,
		},
		"a promise that nobody can keep is not spoken": {
			settings: Settings{Handoff: Handoff{Off: true}}, speech: "hello", brain: says("Sure. I'm transferring you to an agent now."),
			next: NextListen, says: "Sure. I am sorry, nobody can take your call right now.",
		},
		"an offer is no promise": {speech: "hello", brain: says("Shall I connect you to an agent?"), next: NextListen, says: "Shall I connect you to an agent?"},
		"what people are not there for is not done": {
			settings: Settings{Handoff: Handoff{Off: true}}, speech: "hello", brain: thought{pieces: []Piece{{HandOff: &HandOff{Reason: "x"}}}},
			next: NextListen, says: "I am sorry, nobody can take your call right now.",
		},
		"the brain's own words come first, and its first wish counts": {
			speech: "hello", brain: thought{pieces: []Piece{{Say: "I see. "}, {HandOff: &HandOff{Reason: "a refund", By: byModel}}, {HandOff: &HandOff{Reason: "again"}}}},
			next: NextHandOff, says: "I see. I am transferring you to a colleague now.", reason: "a refund",
		},
		"anger goes to a person": {
			settings: Settings{Handoff: Handoff{Sentiment: true}}, speech: "no, this is ridiculous", next: NextHandOff,
			says: "I am transferring you to a colleague now.", reason: reasonAngry,
		},
		"anger alone is no rule": {speech: "this is ridiculous", brain: says("I am sorry."), next: NextListen, says: "I am sorry."},
		"a topic goes to a person, and the question with it does not": {
			settings: Settings{Handoff: Handoff{Topics: []string{"cancel-contract"}}}, speech: "cancel it",
			brain: thought{pieces: []Piece{{Intent: "cancel-contract"}, {Say: "I am sorry to hear that. Why do you want to leave?"}}},
			next:  NextHandOff, says: "I am sorry to hear that. I am transferring you to a colleague now.", reason: "the caller asked about cancel contract",
		},
		"a long dialogue goes to a person": {
			settings: Settings{Handoff: Handoff{After: Seconds(5 * time.Second)}}, speech: "hello", next: NextHandOff,
			says: "I am transferring you to a colleague now.", reason: reasonLong,
		},
		"words of one's own replace ours": {
			settings: Settings{Handoff: Handoff{Words: []string{"Störung"}}}, speech: "eine storung bitte", next: NextHandOff,
			says: "I am transferring you to a colleague now.", reason: reasonWish,
		},
		"an empty list of words asks for nobody": {
			settings: Settings{Handoff: Handoff{Words: []string{}}}, speech: "agent", brain: says("Hm."), next: NextListen, says: "Hm.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := converse(t, tc.settings)
			a := c.caller(tc.brain, tc.speech)
			require.Equal(t, tc.next, a.Next)
			require.Equal(t, tc.says, spokenText(a))
			if tc.reason == "" {
				require.Nil(t, a.HandOff)
				return
			}
			require.Equal(t, tc.reason, a.HandOff.Reason)
			require.Equal(t, c.now, a.HandOff.At)
			require.NotEmpty(t, a.HandOff.Summary)
			again := c.caller(tc.brain, "hello?")
			require.Equal(t, NextHandOff, again.Next)
			require.Equal(t, a.HandOff, again.HandOff, "once only")
			require.Empty(t, again.Say)
		})
	}
}
