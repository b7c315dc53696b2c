package handlers

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWebhooksThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request func(b *webhookBundle) *http.Request
		status  int
		reason  string
	}{
		"no signature": {
			func(b *webhookBundle) *http.Request {
				r := b.request(http.MethodPost, PathVoice, voiceForm())
				r.Header.Del(signatureHeader)
				return r
			}, http.StatusForbidden, refusedSignature,
		},
		"a signature for another URL": {
			func(b *webhookBundle) *http.Request {
				r := b.request(http.MethodPost, PathVoice, voiceForm())
				r.Header.Set(signatureHeader, b.request(http.MethodPost, PathEvents, voiceForm()).Header.Get(signatureHeader))
				return r
			}, http.StatusForbidden, refusedSignature,
		},
		"a parameter added after signing": {
			func(b *webhookBundle) *http.Request {
				r := b.request(http.MethodPost, PathVoice, voiceForm())
				signature := r.Header.Get(signatureHeader)
				form := voiceForm()
				form.Set("Extra", "1")
				r = b.request(http.MethodPost, PathVoice, form)
				r.Header.Set(signatureHeader, signature)
				return r
			}, http.StatusForbidden, refusedSignature,
		},
		"a GET whose query was changed": {
			func(b *webhookBundle) *http.Request {
				r := b.request(http.MethodGet, PathQueueWait+"?call=CA1", voiceForm())
				r.RequestURI = strings.Replace(r.RequestURI, "call=CA1", "call=CA2", 1)
				return r
			}, http.StatusForbidden, refusedSignature,
		},
		"another account": {
			func(b *webhookBundle) *http.Request {
				form := voiceForm()
				form.Set("AccountSid", "AC2")
				return b.request(http.MethodPost, PathVoice, form)
			}, http.StatusForbidden, refusedAccount,
		},
		"another workspace": {
			func(b *webhookBundle) *http.Request {
				return b.request(http.MethodPost, PathEvents, eventForm("task.created", "WorkspaceSid", "WS2"))
			}, http.StatusForbidden, refusedWorkspace,
		},
		"an assignment of no workspace": {
			func(b *webhookBundle) *http.Request {
				form := assignmentForm(wholeAttributes())
				form.Del("WorkspaceSid")
				return b.request(http.MethodPost, PathAssignment, form)
			}, http.StatusForbidden, refusedWorkspace,
		},
		"a body too large": {
			func(b *webhookBundle) *http.Request {
				form := voiceForm()
				form.Set("Extra", strings.Repeat("x", 64<<10))
				return b.request(http.MethodPost, PathVoice, form)
			}, http.StatusRequestEntityTooLarge, refusedTooLarge,
		},
		"JSON": {
			func(b *webhookBundle) *http.Request {
				r := b.request(http.MethodPost, PathVoice, voiceForm())
				r.Header.Set("Content-Type", "application/json")
				return r
			}, http.StatusUnsupportedMediaType, refusedContentType,
		},
		"no content type": {
			func(b *webhookBundle) *http.Request {
				r := b.request(http.MethodPost, PathVoice, voiceForm())
				r.Header.Del("Content-Type")
				return r
			}, http.StatusUnsupportedMediaType, refusedContentType,
		},
		"a call of no name": {
			func(b *webhookBundle) *http.Request {
				form := voiceForm()
				form.Del("CallSid")
				return b.request(http.MethodPost, PathVoice, form)
			}, http.StatusBadRequest, refusedMalformed,
		},
		"an event of no name": {
			func(b *webhookBundle) *http.Request { return b.request(http.MethodPost, PathEvents, eventForm("")) },
			http.StatusBadRequest, refusedMalformed,
		},
		"an assignment of no reservation": {
			func(b *webhookBundle) *http.Request {
				form := assignmentForm(wholeAttributes())
				form.Del("ReservationSid")
				return b.request(http.MethodPost, PathAssignment, form)
			}, http.StatusBadRequest, refusedMalformed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t)
			answer := b.do(c.request(b))
			require.Equal(t, c.status, answer.Code, answer.Body)
			require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
			var problem struct {
				Title, Detail, Code string
				Status              int
			}
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &problem))
			require.Equal(t, c.status, problem.Status)
			require.Equal(t, c.reason, problem.Code)
			require.NotEmpty(t, problem.Detail)
			require.NotContains(t, answer.Body.String(), testToken)

			require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_refused", "reason", c.reason))
			require.Zero(t, b.counted(t, "holdfast_webhooks_received"))
			refusals, err := b.store.Refusals(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, refusals, 1)
			require.Equal(t, c.reason, refusals[0].Reason)
			require.True(t, strings.HasPrefix(refusals[0].Path, "/twilio/"))
			require.Empty(t, b.inbox(t, testCall))
		})
	}
}

func TestRefusalsAreCountedBeyondThePaceTheyAreRecordedAt(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	const many = refusalsAtOnce + 50
	for range many {
		r := b.request(http.MethodPost, PathVoice, voiceForm())
		r.Header.Set(signatureHeader, "AAAA")
		require.Equal(t, http.StatusForbidden, b.do(r).Code)
	}
	require.Equal(t, int64(many), b.counted(t, "holdfast_webhooks_refused", "reason", refusedSignature))
	refusals, err := b.store.Refusals(t.Context(), 2*many)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(refusals), refusalsAtOnce)
	require.Less(t, len(refusals), many)
}
