package handlers

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

func TestABotAnswersWithItsGreeting(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	answer := c.dials()
	require.Equal(t, []string{"Gather"}, answer.names())
	require.Equal(t, "Hello, this is Harbour. How can I help?", answer.said())
	gather, session := c.gather(), c.session()
	base := "https://calls.example.com/twilio/bots/"
	for name, value := range map[string]string{
		"input": "speech dtmf", "action": base + "turn?session=" + session.ID + "&turn=1#rc=5&rp=all", "method": "POST", "timeout": "5", "speechTimeout": "1",
		"partialResultCallback": base + "partial?session=" + session.ID + "&turn=1", "language": "en-US", "hints": "invoice, harbour  the", "bargeIn": "true",
		"actionOnEmptyResult": "true", "speechModel": "googlev2_telephony", "numDigits": "",
	} {
		require.Equal(t, value, gather.attr(name), name)
	}
	say := answer.find("Say")
	require.Equal(t, "Polly.Salli", say.attr("voice"))
	require.Equal(t, "en-US", say.attr("language"))

	require.Equal(t, store.SessionOpen, session.State)
	require.Equal(t, "inbound", session.Direction)
	require.Equal(t, []string{"+15550001111", botNumber, testAccount, testCall}, []string{session.Caller, session.Called, session.AccountSID, session.Call})
	require.True(t, session.SpeakingUntil.After(c.clock.now()))
	require.Equal(t, []string{"bot: Hello, this is Harbour. How can I help?"}, c.transcript())
	require.Equal(t, []call.Event{call.BotAnswered{
		Call: testCall, From: "+15550001111", To: botNumber, Direction: "inbound", Session: session.ID, Bot: c.bot.ID, Name: "Harbour",
		Connection: c.connection.ID, People: true,
	}}, c.told())
	require.Equal(t, c.body, c.repeats(), "the same webhook again gets the same answer")
	require.Len(t, c.told(), 1)
	require.Len(t, c.transcript(), 1)
}

func TestATurnIsAnsweredOnceHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	c := setupBot(t).caller(t, testCall)
	c.dials()
	require.Equal(t, "You said: Where is my parcel?.", c.says("Where is my parcel?").said())
	first := c.body
	require.Equal(t, first, c.repeats())
	second := c.again(t)
	answer := second.do(c.signed(c.to, c.form))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, first, answer.Body.String(), "another process answers the same")
	require.Equal(t, []string{"Where is my parcel?"}, c.brain.questions())
	require.Equal(t, []string{
		"bot: Hello, this is Harbour. How can I help?", "caller: Where is my parcel?", "bot: You said: Where is my parcel?.",
	}, c.transcript())
	require.Len(t, c.told(), 1, "turns are none of the workflow's business")
	c.says("Thank you")
	require.Equal(t, 2, c.session().Turn)
}
