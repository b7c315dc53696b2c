package handlers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

func TestACallShowsTheBotThatHasOrHadIt(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live(func(s *call.State) {
		s.Bot = call.BotPhase{
			Session: "ses_a", Bot: "bot_a", Name: "Ada", Connection: "con_a", Since: moment(1), OverAt: moment(5), Result: call.BotHandedOff,
			Handoff: call.Handoff{Reason: "asked", Summary: "He asked.", Sentiment: "neutral", Language: "en", At: moment(4), By: "caller"},
		}
	})
	over, result := moment(5).UTC(), "handed-off"
	require.Equal(t, &BotPart{
		Bot: "bot_a", Name: "Ada", Session: "ses_a", Connection: "con_a", Since: moment(1), OverAt: &over, Result: &result,
		Handoff: &HandoffNote{Reason: "asked", Summary: "He asked.", Sentiment: "neutral", Language: "en", At: moment(4), By: "caller"},
	}, got[Call](b, "/v1/calls/"+liveCall, sueKey).Bot)
	require.Nil(t, got[Call](b, "/v1/calls/"+queuedCall, sueKey).Bot)
	require.Nil(t, renderBotPart(&call.BotPhase{}))
	require.Nil(t, renderBotPart(&call.BotPhase{Since: time.Now()}).Handoff)
}
