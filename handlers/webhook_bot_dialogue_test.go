package handlers

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

func TestTwoProcessesThatAreAskedAtOnceAnswerTheSame(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	hanging := c.brain.hangs()
	second := c.again(t)
	target, form := follow(t, c.gather().attr("action")), c.form
	form.Set("SpeechResult", "Where is my parcel?")
	answers := make([]string, 6)
	var all sync.WaitGroup
	for i := range answers {
		bundle := c.webhookBundle
		if i%2 == 1 {
			bundle = second.webhookBundle
		}
		all.Go(func() { answers[i] = bundle.do(c.signed(target, form)).Body.String() })
	}
	hanging <- "It is on its way."
	hanging <- "It is on its way, too."
	all.Wait()
	for _, answer := range answers {
		require.Equal(t, answers[0], answer)
	}
	require.Contains(t, answers[0], "on its way")
	require.Len(t, c.transcript(), 3)
	require.Equal(t, 1, c.session().Turn)
}

func TestSilenceIsPromptedTwiceThenTheBotTakesLeave(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	first := c.isSilent().said()
	require.NotEmpty(t, first)
	require.NotEmpty(t, c.isSilent().said())
	goodbye := c.isSilent()
	require.NotNil(t, goodbye.find("Gather"), "the goodbye is said while it listens: %s", c.body)
	require.NotNil(t, goodbye.find("Gather").find("Say"))

	require.Contains(t, c.says("Wait, I am here").said(), "You said: Wait, I am here", "who speaks is taken back")
	require.Equal(t, first, c.isSilent().said(), "and prompted anew")
	c.isSilent()
	c.isSilent()
	last := c.isSilent()
	require.Equal(t, []string{"Hangup"}, last.names())
	require.Equal(t, c.body, c.repeats())
	session := c.session()
	require.Equal(t, store.SessionClosed, session.State)
	require.Equal(t, store.OutcomeCompleted, session.Outcome)
	require.Equal(t, call.BotEnded{Call: testCall, Session: session.ID, Result: call.BotOver}, c.told()[1])
	require.Len(t, c.told(), 2)
	require.Empty(t, c.brain.questions()[1:], "silence is no question to the brain")
}

func TestAnInterruptedBotIsQuotedAsFarAsItCanHaveBeenHeard(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		how       bot.Interrupt
		interrupt func(c *caller)
		cut       bool
	}{
		"by speech, as the first partial result tells": {bot.InterruptAny, func(c *caller) {
			c.begins("where", "0")
			c.clock.passes(3 * time.Second)
			c.asks(follow(c.t, c.gather().attr("action")), map[string][]string{"SpeechResult": {"Where is it?"}})
		}, true},
		"by a key": {bot.InterruptAny, func(c *caller) {
			c.asks(follow(c.t, c.gather().attr("action")), map[string][]string{"Digits": {"1"}})
		}, true},
		"by speech where keys alone may": {bot.InterruptKeys, func(c *caller) {
			c.asks(follow(c.t, c.gather().attr("action")), map[string][]string{"SpeechResult": {"Where is it?"}})
		}, false},
		"by nothing, for nothing may": {bot.InterruptNone, func(c *caller) {
			c.asks(follow(c.t, c.gather().attr("action")), map[string][]string{"SpeechResult": {"Where is it?"}})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) { s.Interrupt = row.how }).caller(t, testCall)
			c.dials()
			c.clock.passes(1300 * time.Millisecond) // a third of a second passes before speech: fourteen characters were said
			row.interrupt(c)
			first := c.transcript()[0]
			if row.cut {
				require.Equal(t, "bot: Hello, this is Harbour. How can I help? [heard: Hello, this is]", first)
			} else {
				require.Equal(t, "bot: Hello, this is Harbour. How can I help?", first)
			}
		})
	}
}

func TestWhatStopsTheBotIsAsItIsSet(t *testing.T) {
	t.Parallel()
	for how, want := range map[bot.Interrupt]struct {
		names          []string
		input, bargeIn string
	}{
		bot.InterruptAny:    {[]string{"Gather"}, "speech dtmf", "true"},
		bot.InterruptSpeech: {[]string{"Gather"}, "speech", "true"},
		bot.InterruptKeys:   {[]string{"Gather"}, "speech dtmf", "false"},
		bot.InterruptNone:   {[]string{"Say", "Gather"}, "speech dtmf", "true"},
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) { s.Interrupt = how }).caller(t, testCall)
			require.Equal(t, want.names, c.dials().names())
			require.Equal(t, want.input, c.gather().attr("input"))
			require.Equal(t, want.bargeIn, c.gather().attr("bargeIn"))
		})
	}
}

func TestWhatIsKeyedReachesTheBrainAndNothingElse(t *testing.T) {
	t.Parallel()
	const keyed = "73219046"
	var seen bot.Input
	c := setupBot(t).caller(t, testCall)
	c.brain.answers(func(_ context.Context, _ bot.Dialogue, in bot.Input) ([]bot.Piece, error) {
		seen = in
		return []bot.Piece{{Say: "You keyed " + in.Digits + ".", Remember: map[string]string{"number": in.Digits}}}, nil
	})
	c.dials()
	c.keys(keyed)
	require.Equal(t, keyed, seen.Digits)
	c.says("My card is 4111 1111 1111 1111")
	require.NotContains(t, seen.Speech, "4111")
	c.begins("4111111111111111", "0")

	dir := filepath.Dir(c.path)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(b), keyed, file)
		require.NotContains(t, string(b), "1111 1111", file)
		require.NotContains(t, string(b), "11111111", file)
	}
	require.NotContains(t, c.log.String(), keyed)
	require.NotContains(t, c.log.String(), "1111 1111")
	require.Contains(t, strings.Join(c.transcript(), "\n"), "caller: (keyed)")
}

func TestASlowBrainIsWaitedForBehindAFiller(t *testing.T) {
	t.Parallel()
	quick := func(_ *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) {
		cfg.Bots.FillerAfter = time.Millisecond
	}
	t.Run("and answers with the next webhook", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, quick).caller(t, testCall)
		hanging := c.brain.hangs()
		c.dials()
		answer := c.says("Where is my parcel?")
		require.Equal(t, []string{"Say", "Redirect"}, answer.names())
		require.Equal(t, c.body, c.repeats())
		require.Contains(t, answer.find("Redirect").Text, "/twilio/bots/reply?session="+c.session().ID+"&turn=2#")
		hanging <- "It comes tomorrow."
		require.Equal(t, "It comes tomorrow.", c.goesOn().said())
		require.Equal(t, c.body, c.repeats())
		require.Equal(t, []string{"Where is my parcel?"}, c.brain.questions(), "it is asked once")
		lines := c.transcript()
		require.Equal(t, "caller: Where is my parcel?", lines[1])
		require.Equal(t, "bot: It comes tomorrow.", lines[len(lines)-1])
	})
	t.Run("by another process, if this one dies", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, quick).caller(t, testCall)
		hanging := c.brain.hangs()
		c.dials()
		c.says("Where is my parcel?")
		second := *c
		second.botStage = c.again(t)
		hanging <- "It comes tomorrow."
		hanging <- "It comes tomorrow."
		require.Equal(t, "It comes tomorrow.", second.goesOn().said())
		require.Equal(t, []string{"Where is my parcel?", "Where is my parcel?"}, c.brain.questions())
	})
	t.Run("with what was keyed", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, quick).caller(t, testCall)
		release := make(chan struct{})
		c.brain.answers(func(_ context.Context, _ bot.Dialogue, in bot.Input) ([]bot.Piece, error) {
			<-release
			return []bot.Piece{{Say: "Account number " + in.Digits + " is noted."}}, nil
		})
		c.dials()
		c.keys("8642")
		close(release)
		require.NotContains(t, c.goesOn().said(), "8642", "keys are not spoken")
		require.NotContains(t, strings.Join(c.transcript(), "\n"), "8642")
	})
}

func TestABrainThatHangsOrFailsIsFollowedByASentenceNotBySilence(t *testing.T) {
	t.Parallel()
	soon := func(s *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) {
		s.Brain.Within, cfg.Bots.FillerAfter = bot.Seconds(30*time.Millisecond), 5*time.Millisecond
	}
	t.Run("once with an apology", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, soon).caller(t, testCall)
		c.brain.hangs()
		c.dials()
		c.says("Where is my parcel?")
		require.NotEmpty(t, c.goesOn().said())
		require.NotNil(t, c.last.find("Gather"), "and listens: %s", c.body)
		require.Contains(t, c.log.String(), "a bot's brain failed")
		require.NotContains(t, c.log.String(), "parcel", "what callers say is in no log")
	})
	t.Run("twice with a person", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) { return nil, errors.New("garbage") })
		c.dials()
		c.says("Where is my parcel?")
		require.NotNil(t, c.says("My parcel!").find("Enqueue"), c.body)
	})
	t.Run("twice with the other brain, which is asked the same", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) {
			s.Fallback = &bot.BrainSettings{Kind: "openai"}
		}).caller(t, testCall)
		c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) { panic("a defect") })
		c.dials()
		c.says("Where is my parcel?")
		c.says("My parcel!")
		require.NotNil(t, c.last.find("Redirect"), c.body)
		require.Equal(t, "You said: My parcel!.", c.goesOn().said())
		require.Equal(t, []string{"My parcel!"}, c.other.questions())
		require.Equal(t, "You said: Thanks.", c.says("Thanks").said())
		require.Equal(t, []string{"My parcel!", "Thanks"}, c.other.questions(), "which goes on from then")
		require.Len(t, c.brain.questions(), 2)
	})
}

func TestTheAnswerIsPreparedWhileTheCallerSpeaks(t *testing.T) {
	t.Parallel()
	t.Run("and taken if that is what he says", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		hanging := c.brain.hangs()
		c.dials()
		c.begins("where is my parcel", "4")
		hanging <- "It comes tomorrow."
		c.begins("where is my", "3") // overtaken
		require.Equal(t, "It comes tomorrow.", c.says("Where is my parcel?").said())
		require.Equal(t, []string{"where is my parcel"}, c.brain.questions())
		require.Equal(t, "caller: Where is my parcel?", c.transcript()[1])
	})
	t.Run("and thrown away if he says something else", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		hanging := c.brain.hangs()
		c.dials()
		c.begins("where is", "1")
		c.begins("where is my parcel", "2")
		require.Equal(t, "where is", <-c.brain.left, "what is overtaken is given up")
		go func() {
			<-c.brain.left
			hanging <- "I am sorry to hear that."
		}()
		require.Equal(t, "I am sorry to hear that.", c.says("Where is my parcel, you crooks?").said())
		require.Len(t, c.brain.questions(), 3)
		require.Len(t, c.transcript(), 3, "nothing is kept of it")
	})
	t.Run("and asked for again if it failed", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		failed := make(chan struct{})
		c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) {
			defer close(failed)
			return nil, errors.New("429")
		})
		c.dials()
		c.begins("where is my parcel", "1")
		<-failed
		c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) {
			return []bot.Piece{{Say: "Tomorrow."}}, nil
		})
		c.bots.talks.working.Wait()
		require.Equal(t, "Tomorrow.", c.says("Where is my parcel?").said())
	})
	t.Run("by a process that did not hear the turn before", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.dials()
		second := *c
		second.botStage = c.again(t)
		second.begins("where is my parcel", "1")
		second.bots.talks.working.Wait()
		require.Equal(t, []string{"where is my parcel"}, c.brain.questions())
	})
	t.Run("but not where a lookup may change something", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) {
			s.Lookups = []bot.Lookup{{Name: "order", URL: "https://example.com/orders", Method: "POST"}}
		}).caller(t, testCall)
		c.dials()
		c.begins("I order a parcel", "1")
		c.bots.talks.working.Wait()
		require.Empty(t, c.brain.questions())
		c.says("I order a parcel")
		require.Len(t, c.brain.questions(), 1)
	})
	t.Run("but not by more brains than may", func(t *testing.T) {
		t.Parallel()
		s := setupBot(t, func(_ *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) { cfg.Bots.AtOnce = 1 })
		s.brain.hangs()
		first, second := s.caller(t, testCall), s.caller(t, "CA00000000000000000000000000000002")
		first.dials()
		second.dials()
		first.begins("one", "1")
		second.begins("two", "1")
		require.NoError(t, s.Close())
		require.Equal(t, []string{"one"}, s.brain.questions())
	})
}

func TestAPartialResultOfATurnThatIsOverIsLetGo(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	late := follow(t, c.gather().attr("partialResultCallback"))
	c.says("Where is my parcel?")
	require.Equal(t, http.StatusNoContent, c.answered(late, map[string][]string{"UnstableSpeechResult": {"where"}}).Code)
	require.Equal(t, http.StatusNoContent, c.again(t).do(c.signed(c.to, c.form)).Code)
	require.Len(t, c.brain.questions(), 1)
}
