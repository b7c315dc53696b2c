package simulator

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twilio/twilio-go/client"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	params := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"},
	}
	const address, want = "https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="
	require.Equal(t, want, signature("12345", address, params))
	require.Equal(t, want, signature("12345", address+"#rc=5&rp=all", params), "the fragment is not signed")
	require.NotEqual(t, want, signature("12346", address, params))
	params.Set("Empty", "")
	require.NotEqual(t, want, signature("12345", address, params), "a parameter's name counts, be its value empty")
}

// A sink is a server that records webhooks and answers them by a function.
type sink struct {
	*httptest.Server
	mu   sync.Mutex
	hits []*http.Request
}

func newSink(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *sink {
	t.Helper()
	k := &sink{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		k.mu.Lock()
		k.hits = append(k.hits, r)
		n := len(k.hits)
		k.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *sink) all() []*http.Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.hits)
}

func newQuiet(t *testing.T) *Simulator {
	t.Helper()
	s := New(Config{Second: time.Millisecond})
	t.Cleanup(s.Close)
	return s
}

func TestWebhooksAreSignedSoThatTwiliosOwnValidatorTakesThem(t *testing.T) {
	t.Parallel()
	k := newSink(t, func(int, http.ResponseWriter, *http.Request) {})
	s := newQuiet(t)
	validator := client.NewRequestValidator(s.AuthToken())
	params := url.Values{"CallSid": {"CA1"}, "Word": {"a b&c=ü"}, "Empty": {""}}

	require.NoError(t, s.fetch(hook{URL: k.URL + "/x?q=a%20b#rc=2", Params: params}).Err)
	post := k.all()[0]
	require.Equal(t, http.MethodPost, post.Method)
	require.Equal(t, "application/x-www-form-urlencoded; charset=UTF-8", post.Header.Get("Content-Type"))
	flat := map[string]string{"CallSid": "CA1", "Word": "a b&c=ü", "Empty": ""}
	require.True(t, validator.Validate(k.URL+"/x?q=a%20b", flat, post.Header.Get("X-Twilio-Signature")))

	require.NoError(t, s.fetch(hook{Method: http.MethodGet, URL: k.URL + "/x?q=1", Params: params}).Err)
	get := k.all()[1]
	require.Equal(t, http.MethodGet, get.Method)
	require.Equal(t, "CA1", get.URL.Query().Get("CallSid"))
	require.True(t, validator.Validate(k.URL+get.URL.RequestURI(), nil, get.Header.Get("X-Twilio-Signature")))
	require.NotEqual(t, post.Header.Get("I-Twilio-Idempotency-Token"), get.Header.Get("I-Twilio-Idempotency-Token"))
}

func TestRetriesFollowTheOverridesAndShareOneToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fragment string
		status   int
		attempts int
	}{
		"by default an answer is never retried": {"", 500, 1},
		"5xx as asked":                          {"#rc=3&rp=5xx", 503, 4},
		"all means 4xx too":                     {"#rc=2&rp=all", 404, 3},
		"4xx is not 5xx":                        {"#rc=5&rp=5xx", 404, 1},
		"a policy may have many words":          {"#rc=1&rp=4xx,rt", 429, 2},
		"out of range keeps the default":        {"#rc=9&rp=5xx", 500, 2},
		"rc=0":                                  {"#rc=0&rp=all", 500, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newSink(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) })
			s := newQuiet(t)
			answer := s.fetch(hook{URL: k.URL + "/" + c.fragment, Kind: "event"})
			var failure *hookError
			require.ErrorAs(t, answer.Err, &failure)
			require.Equal(t, codeRetrieval, failure.Code)
			require.Equal(t, c.status, answer.Status)
			hits := k.all()
			require.Len(t, hits, c.attempts)
			for _, h := range hits {
				require.Equal(t, hits[0].Header.Get("I-Twilio-Idempotency-Token"), h.Header.Get("I-Twilio-Idempotency-Token"))
				require.Empty(t, h.URL.Fragment)
			}
			stats := s.Stats().Webhooks["event"]
			require.Equal(t, HookStats{Sent: 1, Failed: 1, Retried: c.attempts - 1}, stats)
		})
	}
}

func TestASlowAnswerIsRetriedWhenTheReadTimeoutIsShort(t *testing.T) {
	t.Parallel()
	k := newSink(t, func(n int, _ http.ResponseWriter, r *http.Request) {
		if n == 1 {
			<-r.Context().Done()
		}
	})
	s := newQuiet(t)
	require.NoError(t, s.fetch(hook{URL: k.URL + "/#rt=100&rc=1&rp=rt", Kind: "assignment"}).Err)
	require.Len(t, k.all(), 2)
	stats := s.Stats().Webhooks["assignment"]
	require.Equal(t, 1, stats.Retried)
	require.GreaterOrEqual(t, stats.Percentile(0.99), 100*time.Millisecond)
}

func TestAConnectionThatIsRefusedIsRetriedOnceAndThenTheFallbackIsAsked(t *testing.T) {
	t.Parallel()
	k := newSink(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fallback") })
	closed, err := net.Listen("tcp", "127.0.0.1:0") // a port that nobody listens on
	require.NoError(t, err)
	dead := "http://" + closed.Addr().String() + "/voice"
	require.NoError(t, closed.Close())
	s := newQuiet(t)
	answer := s.fetch(hook{URL: dead, Fallback: k.URL + "/f", Params: url.Values{"CallSid": {"CA1"}}, Kind: "voice"})
	require.NoError(t, answer.Err)
	require.Equal(t, "fallback", string(answer.Body))
	require.Equal(t, k.URL+"/f", answer.URL)
	got := k.all()[0].Form
	require.Equal(t, url.Values{"CallSid": {"CA1"}, "ErrorCode": {strconv.Itoa(codeConnection)}, "ErrorUrl": {dead}}, got)
	stats := s.Stats().Webhooks["voice"]
	require.Equal(t, 2, stats.Sent)
	require.Equal(t, 1, stats.Failed)
	require.Equal(t, 1, stats.Retried)
}

func TestAnAnswerMayBeRefusedByWhoReadsIt(t *testing.T) {
	t.Parallel()
	k := newSink(t, func(n int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strconv.Itoa(n)) })
	s := newQuiet(t)
	check := func(a hookAnswer) error {
		if string(a.Body) == "1" {
			return &hookError{Code: 12100, Reason: "not one"}
		}
		return nil
	}
	answer := s.fetch(hook{URL: k.URL, Fallback: k.URL, Check: check})
	require.NoError(t, answer.Err)
	require.Equal(t, "12100", k.all()[1].Form.Get("ErrorCode"))
	require.Error(t, s.fetch(hook{URL: k.URL, Check: func(hookAnswer) error { return errors.New("never") }}).Err)
}

func TestAWebhookThatCannotWork(t *testing.T) {
	t.Parallel()
	var loop *sink
	loop = newSink(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, loop.URL+"/loop", http.StatusFound)
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", maxAnswer+1))
		}
	})
	for name, c := range map[string]struct {
		url  string
		code int
	}{
		"bad scheme":         {"ftp://example.com/", codeRetrieval},
		"no host":            {"http:///x", codeRetrieval},
		"not a URL":          {"http://a b", codeRetrieval},
		"too many redirects": {loop.URL + "/loop", codeRedirects},
		"too large":          {loop.URL + "/large", codeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failure *hookError
			require.ErrorAs(t, newQuiet(t).fetch(hook{URL: c.url}).Err, &failure)
			require.Equal(t, c.code, failure.Code, failure.Reason)
		})
	}
}

func TestARedirectMakesAGetOfAPostAndLosesTheParameters(t *testing.T) {
	t.Parallel()
	var k *sink
	k = newSink(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, k.URL+"/new", http.StatusFound)
		}
	})
	s := newQuiet(t)
	require.NoError(t, s.fetch(hook{URL: k.URL + "/old", Params: url.Values{"A": {"1"}}}).Err)
	last := k.all()[1]
	require.Equal(t, http.MethodGet, last.Method)
	require.Empty(t, last.Form)
	require.Equal(t, signature(s.AuthToken(), k.URL+"/new", nil), last.Header.Get("X-Twilio-Signature"))
}

func TestQueuedWebhooksDoNotWaitForEachOthersAnswers(t *testing.T) {
	t.Parallel()
	second := make(chan struct{})
	k := newSink(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2" {
			close(second)
			return
		}
		<-second // the first is answered only once the second has come
	})
	s := newQuiet(t)
	s.mu.Lock()
	s.sendLocked(hook{URL: k.URL + "/1", Subject: "CA1", Kind: "one"})
	s.sendLocked(hook{URL: k.URL + "/2", Subject: "CA1", Kind: "two"})
	s.sendLocked(hook{Subject: "CA1"}) // no URL: nothing
	s.mu.Unlock()
	require.Eventually(t, func() bool { return len(s.Stats().Webhooks["one"].Latencies) == 1 }, 10*time.Second, time.Millisecond)
	require.Len(t, k.all(), 2)
	require.Eventually(t, func() bool {
		s.hooks.mu.Lock()
		defer s.hooks.mu.Unlock()
		return len(s.hooks.last) == 0
	}, 10*time.Second, time.Millisecond, "nothing is remembered of a subject once its hooks have started")
}

func TestCloseDropsWebhooksAndCountsNoneOfThemAsFailed(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	k := newSink(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	s := New(Config{})
	s.mu.Lock()
	s.sendLocked(hook{URL: k.URL})
	s.mu.Unlock()
	<-arrived
	s.Close()
	s.Close() // twice is once
	require.Empty(t, s.Stats().Webhooks)
	s.goroutine(func() { panic("nothing starts after Close") })
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	require.Zero(t, HookStats{}.Percentile(0.5))
	var h HookStats
	for i := range 100 {
		h.Latencies = append(h.Latencies, time.Duration(100-i))
	}
	for p, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.95: 95, 0.99: 99, 1: 100} {
		require.Equal(t, want, h.Percentile(p), p)
	}
}
