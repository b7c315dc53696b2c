package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

func TestACallerWhomTheBotCannotTakeGetsWhatIsSet(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		set   bot.AtCap
		names []string
		said  string
		told  int
	}{
		"the queue, by default":   {bot.AtCap{}, []string{"Enqueue"}, "", 1},
		"the queue, after a word": {bot.AtCap{Do: "queue", Message: "All bots talk."}, []string{"Say", "Enqueue"}, "All bots talk.", 1},
		"a message":               {bot.AtCap{Do: "message", Message: "Call again."}, []string{"Say", "Hangup"}, "Call again.", 0},
		"busy":                    {bot.AtCap{Do: "busy"}, []string{"Reject"}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(t *testing.T, c *caller) {
				t.Helper()
				answer := c.dials()
				require.Equal(t, row.names, answer.names(), c.body)
				require.Equal(t, row.said, answer.said())
				require.Len(t, c.told(), row.told)
				if enqueue := answer.find("Enqueue"); enqueue != nil {
					require.Equal(t, "WW7", enqueue.attr("workflowSid"))
					require.JSONEq(t, `{"holdfast_call_id":"`+c.sid+`"}`, answer.find("Task").Text, "without the six: nobody handed him over")
					require.IsType(t, call.CallReceived{}, c.told()[0])
				}
			}
			t.Run("where as many are open as may", func(t *testing.T) {
				t.Parallel()
				s := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) { s.MaxSessions, s.AtCap = 1, row.set })
				first := s.caller(t, testCall)
				require.NotNil(t, first.dials().find("Gather"))
				check(t, s.caller(t, "CA00000000000000000000000000000002"))
				require.Equal(t, http.StatusNoContent, first.answered(PathCallStatus, url.Values{"CallStatus": {"completed"}}).Code)
				require.NotNil(t, s.caller(t, "CA00000000000000000000000000000003").dials().find("Gather"), "the next one is answered")
			})
			t.Run("where it does not run", func(t *testing.T) {
				t.Parallel()
				s := setupBot(t, func(s *bot.Settings, _ *store.ConnectionRow, _ *WebhookConfig) { s.Offline = row.set })
				require.NoError(t, s.store.SetBotRunning(t.Context(), s.bot.ID, nil, 0))
				check(t, s.caller(t, testCall))
			})
		})
	}
}

func (s *botStage) botLog(t testing.TB) (lines []string) {
	t.Helper()
	log, err := s.store.BotLog(t.Context(), store.BotLogFilter{Bot: s.bot.ID})
	require.NoError(t, err)
	for _, line := range log {
		lines = append(lines, line.Level+": "+line.Message)
	}
	return lines
}

func TestWhatGoesWrongStandsInTheBotsLogOnceInAWhile(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.brain.answers(func(context.Context, bot.Dialogue, bot.Input) ([]bot.Piece, error) {
		return nil, errors.New("the model answered 401")
	})
	c.dials()
	c.says("One")
	c.says("Two")
	require.Equal(t, []string{"warn: The brain failed, and the caller was told so: the model answered 401."}, c.botLog(t))
	c.clock.passes(2 * time.Minute)
	second := c.caller(t, "CA00000000000000000000000000000002")
	second.dials()
	second.says("Three")
	require.Len(t, c.botLog(t), 2)
}

func TestACallThatTheBotCannotAnswerAtAllGoesToPeople(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	answer := c.asks(PathBotVoice+"?connection="+c.connection.ID+"&fallback=true", url.Values{"ErrorCode": {"11205"}})
	require.Equal(t, "WW7", answer.find("Enqueue").attr("workflowSid"))
	require.Contains(t, c.botLog(t)[0], "error 11205")
}

func TestAConversationOutlivesItsBot(t *testing.T) {
	t.Parallel()
	s := setupBot(t)
	c := s.caller(t, testCall)
	c.dials()
	require.NoError(t, s.store.SetBotRunning(t.Context(), s.bot.ID, nil, 0))
	require.Equal(t, "You said: Are you there?.", c.says("Are you there?").said())
	require.Equal(t, "Polly.Salli", c.last.find("Say").attr("voice"))
	require.NoError(t, s.store.DeleteBot(t.Context(), s.bot.ID))
	require.Equal(t, "You said: Still?.", c.says("Still?").said())
}

func TestACallToAConnectionThatNobodyKnowsGoesToPeople(t *testing.T) {
	t.Parallel()
	s := setupBot(t, func(_ *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) {
		cfg.DefaultRouting = &WebhookNumber{RoutingWorkflowSID: "WW9"}
	})
	c := s.caller(t, testCall)
	require.Equal(t, "WW9", c.asks(PathBotVoice+"?connection=con_gone", url.Values{}).find("Enqueue").attr("workflowSid"))
	require.Contains(t, s.log.String(), "con_gone")
	require.Contains(t, s.log.String(), "attach one")
	require.IsType(t, call.CallReceived{}, c.told()[0])
}

func TestWithoutTheStoreCallersGoToPeopleAndTurnsComeAgain(t *testing.T) {
	t.Parallel()
	s := setupBot(t, func(_ *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) {
		cfg.DefaultRouting = &WebhookNumber{RoutingWorkflowSID: "WW9"}
	})
	c := s.caller(t, testCall)
	c.dials()
	s.store.down.Store(true)
	require.NotNil(t, s.caller(t, "CA00000000000000000000000000000002").dials().find("Enqueue"))
	target := follow(t, c.gather().attr("action"))
	require.Equal(t, http.StatusServiceUnavailable, c.answered(target, url.Values{"SpeechResult": {"Hello"}}).Code)
	s.store.down.Store(false)
	require.Equal(t, "You said: Hello.", c.asks(target, url.Values{"SpeechResult": {"Hello"}}).said())
	require.Equal(t, []string{"Hello"}, c.brain.questions(), "what was thought of is not lost")
}

func TestAnotherAccountsWebhooksAreTakenByItsOwnToken(t *testing.T) {
	t.Parallel()
	other := func(_ *bot.Settings, c *store.ConnectionRow, _ *WebhookConfig) { c.AccountSID = otherAccount }
	t.Run("the bot answers", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, other).caller(t, testCall)
		require.NotNil(t, c.dials().find("Gather"))
		require.Equal(t, otherAccount, c.told()[0].(call.BotAnswered).Account)
		c.says("Hello")
	})
	t.Run("another token is refused", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t, other).caller(t, testCall)
		c.dials()
		r := c.signed(c.to, c.form)
		r.Header.Set(signatureHeader, signatureOf("wrong", "https://calls.example.com"+c.to, c.form))
		require.Equal(t, http.StatusForbidden, c.do(r).Code)
		r = c.signed(c.to, c.form)
		r.Header.Set(signatureHeader, signatureOf(testToken, "https://calls.example.com"+c.to, c.form))
		require.Equal(t, http.StatusForbidden, c.do(r).Code, "ours signs for no other account")
	})
	t.Run("and an account without a connection", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.connection.AccountSID = otherAccount
		require.Equal(t, http.StatusForbidden, c.answered(PathBotVoice+"?connection="+c.connection.ID, url.Values{}).Code)
	})
	t.Run("may not speak for another's session", func(t *testing.T) {
		t.Parallel()
		s := setupBot(t)
		c := s.caller(t, testCall)
		c.dials()
		_, err := s.store.CreateConnection(t.Context(), store.ConnectionRow{Kind: "voice", AccountSID: otherAccount, PhoneNumber: "+15550009999"}, otherToken)
		require.NoError(t, err)
		target := follow(t, c.gather().attr("action"))
		stranger := *c
		copied := *s
		stranger.botStage = &copied
		stranger.connection.AccountSID = otherAccount
		require.Equal(t, http.StatusForbidden, stranger.answered(target, url.Values{"SpeechResult": {"x"}}).Code)
		stranger = *c
		stranger.sid = "CA00000000000000000000000000000009"
		require.Equal(t, http.StatusForbidden, stranger.answered(target, url.Values{"SpeechResult": {"x"}}).Code, "nor may another call")
		require.Equal(t, 0, c.session().Turn)
	})
	t.Run("nor for its workspace, if no connection names that", func(t *testing.T) {
		t.Parallel()
		s := setupBot(t, other)
		event := func(workspace string) int {
			form := eventForm("task.created", "TaskSid", testTask, "AccountSid", otherAccount)
			form.Set("WorkspaceSid", workspace)
			return s.do((&caller{botStage: s, t: t}).signed(PathEvents, form)).Code
		}
		require.Equal(t, http.StatusForbidden, event(testWorkspace))
		_, err := s.store.CreateConnection(t.Context(), store.ConnectionRow{Kind: "workspace", AccountSID: otherAccount, WorkspaceSID: "WS2"}, otherToken)
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, event("WS2"))
	})
	t.Run("our own account's regional token signs, too", func(t *testing.T) {
		t.Parallel()
		s := setupBot(t)
		_, err := s.store.CreateConnection(t.Context(), store.ConnectionRow{Kind: "voice", AccountSID: testAccount, PhoneNumber: "+15550009999", Region: "ie1"}, "regional")
		require.NoError(t, err)
		c := s.caller(t, testCall)
		c.dials()
		r := c.signed(c.to, c.form)
		r.Header.Set(signatureHeader, signatureOf("regional", "https://calls.example.com"+c.to, c.form))
		require.Equal(t, http.StatusOK, c.do(r).Code)
	})
}

// places opens the session of a call that goes out, as the API does.
func (c *caller) places(machine, message string) {
	c.t.Helper()
	_, opened, err := c.store.OpenSession(c.t.Context(), store.NewSession{Session: store.SessionRow{
		ID: "ses_out", Bot: c.bot.ID, Connection: c.connection.ID, AccountSID: testAccount, Call: "out_1", Direction: "outbound", Caller: botNumber,
		Called: "+15550001111", Machine: machine, MachineMessage: message, Custom: json.RawMessage(`{"flex_order_id":"4711"}`),
	}})
	require.NoError(c.t, err)
	require.True(c.t, opened)
}

func (c *caller) picksUp(by string) *tag {
	c.t.Helper()
	form := url.Values{"From": {botNumber}, "To": {"+15550001111"}, "Direction": {"outbound-api"}}
	if by != "" {
		form.Set("AnsweredBy", by)
	}
	return c.asks(PathBotVoice+"?session=ses_out", form)
}

func TestACallThatTheBotPlacesIsAnsweredByWhoAnsweredIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		machine, message, by string
		names                []string
		said                 string
		outcome              string
	}{
		"by a person, unasked":                             {"", "", "", []string{"Gather"}, "Hello, this is Harbour. How can I help?", ""},
		"by a person":                                      {"hangup", "", "human", []string{"Gather"}, "Hello, this is Harbour. How can I help?", ""},
		"by nobody knows whom":                             {"hangup", "", "unknown", []string{"Gather"}, "Hello, this is Harbour. How can I help?", ""},
		"by a machine, to hang up":                         {"hangup", "", "machine_start", []string{"Hangup"}, "", store.OutcomeMachine},
		"by a machine, to talk to":                         {"continue", "", "machine_start", []string{"Gather"}, "Hello, this is Harbour. How can I help?", ""},
		"by a machine that beeped, to leave a message":     {"message", "Please call us back.", "machine_end_beep", []string{"Say", "Hangup"}, "Please call us back.", store.OutcomeMachine},
		"by a machine that fell silent, to leave one":      {"message", "Please call us back.", "machine_end_silence", []string{"Say", "Hangup"}, "Please call us back.", store.OutcomeMachine},
		"by a fax, which takes no message":                 {"message", "Please call us back.", "fax", []string{"Hangup"}, "", store.OutcomeMachine},
		"by a fax, which does not talk either":             {"continue", "", "fax", []string{"Hangup"}, "", store.OutcomeMachine},
		"by a person where a message is for machines only": {"message", "Please call us back.", "human", []string{"Gather"}, "Hello, this is Harbour. How can I help?", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setupBot(t).caller(t, testCall)
			c.places(row.machine, row.message)
			answer := c.picksUp(row.by)
			require.Equal(t, row.names, answer.names())
			require.Equal(t, row.said, answer.said())
			require.Equal(t, c.body, c.repeats())
			session := c.session()
			require.Equal(t, row.outcome, session.Outcome)
			require.Equal(t, row.by, session.AnsweredBy)
			told := c.inbox(t, "out_1")
			require.Equal(t, call.BotAnswered{
				Call: testCall, From: botNumber, To: "+15550001111", Direction: "outbound-api", Session: "ses_out", Bot: c.bot.ID, Name: "Harbour",
				Connection: c.connection.ID, AnsweredBy: row.by, People: true,
			}, told[0])
			if row.outcome != "" {
				require.Equal(t, call.BotEnded{Call: testCall, Session: "ses_out", Result: call.BotMachine}, told[1])
			}
			if row.said != "" {
				require.Equal(t, []string{"bot: " + row.said}, c.transcript())
			}
			if row.outcome == "" {
				c.handsOver(bot.HandOff{Reason: "a person"})
				c.says("a human")
				require.Equal(t, "out_1", c.attributes()["holdfast_call_id"])
				require.Equal(t, "4711", c.attributes()["flex_order_id"])
			}
		})
	}
	t.Run("and another call may not take its place", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.places("", "")
		c.picksUp("")
		c.sid = "CA00000000000000000000000000000002"
		require.Equal(t, http.StatusForbidden, c.answered(PathBotVoice+"?session=ses_out", url.Values{}).Code)
		require.Equal(t, http.StatusNotFound, c.answered(PathBotVoice+"?session=ses_none", url.Values{}).Code)
	})
}

func TestACallThatIsOverClosesItsSession(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"busy", "no-answer", "failed", "canceled", "completed"} {
		t.Run("outbound, "+status, func(t *testing.T) {
			t.Parallel()
			c := setupBot(t).caller(t, testCall)
			c.places("", "")
			for range 2 {
				require.Equal(t, http.StatusNoContent, c.answered(PathCallStatus+"?call=out_1", url.Values{"CallStatus": {status}, "SequenceNumber": {"2"}}).Code)
			}
			row, err := c.store.Session(t.Context(), "ses_out")
			require.NoError(t, err)
			require.Equal(t, store.SessionClosed, row.State)
			require.Equal(t, status, row.Outcome)
			require.Len(t, c.inbox(t, "out_1"), 1)
		})
	}
	t.Run("inbound, and stops what is thought for it", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.brain.hangs()
		c.dials()
		c.begins("where is", "1")
		require.Equal(t, http.StatusNoContent, c.answered(PathCallStatus, url.Values{"CallStatus": {"completed"}}).Code)
		require.Equal(t, "where is", <-c.brain.left)
		require.Equal(t, store.OutcomeCompleted, c.session().Outcome)
		require.Equal(t, []string{"Hangup"}, c.says("Hello?").names(), "a turn that comes after it is hung up on")
	})
	t.Run("but not while it goes on, nor for an agent's leg", func(t *testing.T) {
		t.Parallel()
		c := setupBot(t).caller(t, testCall)
		c.dials()
		c.answered(PathCallStatus, url.Values{"CallStatus": {"in-progress"}})
		agent := *c
		agent.sid = "CA00000000000000000000000000000007"
		agent.answered(PathCallStatus+"?call="+testCall+"&invitation=agent-1", url.Values{"CallStatus": {"completed"}})
		require.Equal(t, store.SessionOpen, c.session().State)
	})
}

func TestABotSpeaksOtherLanguagesWithOtherVoices(t *testing.T) {
	t.Parallel()
	line := botLine{voice: "Polly.Salli", language: "en-US"}
	for language, voice := range map[string]string{
		"en-US": "Polly.Salli", "en-GB": "Polly.Salli", "de-DE": "Polly.Vicki", "es": "Polly.Lupe", "es-ES": "Polly.Lucia", "xx": "",
	} {
		require.Equal(t, voice, line.voiceFor(language), language)
	}
}

func TestWhatIsTooLongForOneVerbIsSaidByMore(t *testing.T) {
	t.Parallel()
	text := strings.TrimSpace(strings.Repeat("word ", 2000))
	parts := spokenParts(text)
	require.Greater(t, len(parts), 1)
	require.Equal(t, text, strings.Join(parts, " "))
	for _, part := range parts {
		require.LessOrEqual(t, len(part), sayAtMost)
	}
	require.Equal(t, strings.Repeat("語", 5000), strings.Join(spokenParts(strings.Repeat("語", 5000)), ""))
	require.Empty(t, spokenParts("  "))
}
