package handlers

import (
	"bytes"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

// spoken is what the tests read of TwiML, apart from the package that writes it.
type spoken struct {
	Enqueue *struct {
		Action      string `xml:"action,attr"`
		Method      string `xml:"method,attr"`
		WaitURL     string `xml:"waitUrl,attr"`
		WorkflowSID string `xml:"workflowSid,attr"`
		Task        struct {
			Text     string `xml:",chardata"`
			Priority string `xml:"priority,attr"`
			Timeout  string `xml:"timeout,attr"`
		}
	}
	Say    string
	Play   string
	Hangup *struct{}
}

func spokenIn(t *testing.T, body []byte) (s spoken) {
	t.Helper()
	require.NoError(t, xml.Unmarshal(body, &s), string(body))
	return s
}

func TestVoiceEnqueuesTheCaller(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]string{
		"a number": "+15550001111", "nobody, withheld": "+266696687", "anonymous": "anonymous", "a client": "client:änn & co",
		"a SIP phone": "sip:ann@example.com;transport=tls", "nothing at all": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t)
			form := voiceForm()
			form.Set("From", from)
			answer := b.post(PathVoice, "tok", form)
			require.Equal(t, http.StatusOK, answer.Code, answer.Body)
			require.Equal(t, "text/xml; charset=utf-8", answer.Header().Get("Content-Type"))
			e := spokenIn(t, answer.Body.Bytes()).Enqueue
			require.NotNil(t, e, answer.Body)
			require.Equal(t, "WW1", e.WorkflowSID)
			require.Equal(t, "https://calls.example.com/twilio/enqueue-action?call="+testCall+"#rc=5&rp=all", e.Action)
			require.Equal(t, "https://calls.example.com/twilio/queue-wait?call="+testCall+"#rc=5&rp=all", e.WaitURL)
			require.JSONEq(t, `{"type":"support","holdfast_call_id":"`+testCall+`"}`, e.Task.Text)
			require.Equal(t, "5", e.Task.Priority)
			require.Equal(t, "600", e.Task.Timeout)
			require.Equal(t, []call.Event{call.CallReceived{Call: testCall, From: from, To: testNumber, Direction: "inbound"}}, b.inbox(t, testCall))
		})
	}
}

func TestVoiceKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	require.Equal(t, http.StatusOK, b.post(PathVoice, "tok", voiceForm()).Code)
	rows, err := b.store.Webhooks(t.Context(), callSubject(testCall), 1)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NotContains(t, rows[0].Params, "CallToken")
	require.Equal(t, testNumber, rows[0].Params["To"])
}

func TestVoiceOfANumberThatNobodySetUp(t *testing.T) {
	t.Parallel()
	t.Run("goes where the default says", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t, func(cfg *WebhookConfig) { cfg.DefaultRouting = &WebhookNumber{RoutingWorkflowSID: "WW9"} })
		form := voiceForm()
		form.Set("To", "+15557770000")
		e := spokenIn(t, b.post(PathVoice, "tok", form).Body.Bytes()).Enqueue
		require.NotNil(t, e)
		require.Equal(t, "WW9", e.WorkflowSID)
		require.Empty(t, e.Task.Priority)
		require.Empty(t, e.Task.Timeout)
		require.Len(t, b.inbox(t, testCall), 1)
	})
	t.Run("is apologised to, and the log says what to set", func(t *testing.T) {
		t.Parallel()
		var log bytes.Buffer
		b := setupWebhooks(t, func(cfg *WebhookConfig) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		form := voiceForm()
		form.Set("To", "+15557770000")
		s := spokenIn(t, b.post(PathVoice, "tok", form).Body.Bytes())
		require.Nil(t, s.Enqueue)
		require.Equal(t, DefaultApology, s.Say)
		require.NotNil(t, s.Hangup)
		require.Empty(t, b.inbox(t, testCall), "a call that goes nowhere begins nothing")
		require.Contains(t, log.String(), "name a routing workflow")
		require.Contains(t, log.String(), "+15557770000")
	})
}

func TestQueueWaitPlaysMusic(t *testing.T) {
	t.Parallel()
	form := func() url.Values {
		form := voiceForm()
		form.Set("QueuePosition", "1")
		form.Set("QueueTime", "12")
		return form
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t, func(cfg *WebhookConfig) { cfg.QueueMusicURL = "https://music.example.com/a.mp3?x=1&y=2" })
			answer := b.do(b.request(method, PathQueueWait+"?call="+testCall, form()))
			require.Equal(t, http.StatusOK, answer.Code)
			require.Equal(t, "https://music.example.com/a.mp3?x=1&y=2", spokenIn(t, answer.Body.Bytes()).Play)
			require.Zero(t, b.store.calls.Load(), "wait music is not worth a row")
		})
	}
}

func TestEnqueueAction(t *testing.T) {
	t.Parallel()
	for result, apologised := range map[string]bool{
		"bridged": false, "bridging-in-process": false, "hangup": false, "redirected": false, "redirected-from-bridged": false, "": false,
		"queue-full": true, "error": true, "system-error": true, "leave": true,
	} {
		t.Run("after "+result, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t)
			form := voiceForm()
			form.Set("QueueResult", result)
			form.Set("QueueTime", "30")
			answer := b.post(PathEnqueueAction+"?call="+testCall, "tok", form)
			require.Equal(t, http.StatusOK, answer.Code)
			s := spokenIn(t, answer.Body.Bytes())
			require.Equal(t, apologised, s.Say != "")
			require.Equal(t, apologised, s.Hangup != nil)
			require.Equal(t, []call.Event{call.EnqueueEnded{Call: testCall, Result: result}}, b.inbox(t, testCall))
		})
	}
}

func TestCallStatus(t *testing.T) {
	t.Parallel()
	form := func() url.Values {
		return url.Values{
			"CallSid": {"CA2"}, "CallStatus": {"no-answer"}, "SequenceNumber": {"3"}, "CallbackSource": {"call-progress-events"},
			"CallDuration": {"0"}, "SipResponseCode": {"487"}, "Timestamp": {"Tue, 07 Apr 2026 10:00:00 +0000"},
		}
	}
	want := []call.Event{call.CallStatusChanged{Call: "CA2", Status: "no-answer", Sequence: 3}}
	t.Run("of a leg goes to the call in the URL", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		require.Equal(t, http.StatusNoContent, b.post(PathCallStatus+"?call="+testCall, "tok", form()).Code)
		require.Equal(t, want, b.inbox(t, testCall))
	})
	t.Run("of a number's call goes to that call", func(t *testing.T) {
		t.Parallel()
		b := setupWebhooks(t)
		require.Equal(t, http.StatusNoContent, b.post(PathCallStatus, "tok", form()).Code)
		require.Equal(t, want, b.inbox(t, "CA2"))
	})
}
