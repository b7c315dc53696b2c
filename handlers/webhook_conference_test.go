package handlers

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

func joinForm() url.Values {
	return url.Values{
		"StatusCallbackEvent": {"participant-join"}, "ConferenceSid": {"CF1"}, "FriendlyName": {testTask}, "SequenceNumber": {"1"},
		"CallSid": {"CA2"}, "Muted": {"false"}, "Hold": {"false"}, "Coaching": {"false"}, "EndConferenceOnExit": {"false"},
		"StartConferenceOnEnter": {"true"}, "Timestamp": {"Tue, 07 Apr 2026 10:00:00 +0000"},
	}
}

func TestConferenceCallbacks(t *testing.T) {
	t.Parallel()
	joined := call.ParticipantJoined{Participant: call.Participant{Conference: "CF1", Call: "CA2", StartConferenceOnEnter: true, Sequence: 1}}

	t.Run("go to the call in the URL", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		require.Equal(t, http.StatusNoContent, b.post(PathConference+"?call="+testCall+"&reservation=WR1", "tok", joinForm()).Code)
		instructed := joined
		instructed.Instruction = "WR1"
		require.Equal(t, []call.Event{instructed}, b.inbox(t, testCall))
	})
	t.Run("go to the call of the task that the conference is named after, where the URL has none", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		require.NoError(t, b.store.NoteTask(t.Context(), testTask, testCall))
		require.Equal(t, http.StatusNoContent, b.post(PathConference, "tok", joinForm()).Code)
		require.Equal(t, []call.Event{joined}, b.inbox(t, testCall))
	})
	t.Run("of no known call are recorded", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		require.Equal(t, http.StatusNoContent, b.post(PathConference, "tok", joinForm()).Code)
		rows, err := b.store.Webhooks(t.Context(), store.Subject{Kind: subjectWorkspace, ID: testWorkspace}, 10)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Nil(t, rows[0].Event)
	})
	t.Run("of people who speak are recorded and decide nothing", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		form := joinForm()
		form.Set("StatusCallbackEvent", "participant-speech-start")
		require.Equal(t, http.StatusNoContent, b.post(PathConference+"?call="+testCall, "tok", form).Code)
		require.Empty(t, b.inbox(t, testCall))
		require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_received", "kind", "participant-speech-start", "outcome", "undecided"))
	})
	t.Run("without a conference are refused", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		form := joinForm()
		form.Del("ConferenceSid")
		require.Equal(t, http.StatusBadRequest, b.post(PathConference+"?call="+testCall, "tok", form).Code)
	})
}
