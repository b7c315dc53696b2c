package simulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newTroubled(t *testing.T, faults Faults) (*Simulator, *sink) {
	t.Helper()
	k := newSink(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s := New(Config{Second: time.Millisecond, Faults: faults})
	t.Cleanup(s.Close)
	return s, k
}

func (s *Simulator) send(h hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendLocked(h)
}

func TestADoubledWebhookComesTwiceUnderOneToken(t *testing.T) {
	t.Parallel()
	s, k := newTroubled(t, Faults{Doubled: 1})
	require.NoError(t, s.fetch(hook{Kind: "voice", URL: k.URL, Params: url.Values{"CallSid": {"CA1"}}}).Err)
	hits := k.all()
	require.Len(t, hits, 2)
	const token = "I-Twilio-Idempotency-Token"
	require.NotEmpty(t, hits[0].Header.Get(token))
	require.Equal(t, hits[0].Header.Get(token), hits[1].Header.Get(token))
	require.Equal(t, map[string]int{FaultDoubled: 1}, s.Stats().Faults)
}

func TestOnlyWebhooksThatNobodyWaitsForAreDropped(t *testing.T) {
	t.Parallel()
	s, k := newTroubled(t, Faults{Dropped: 1})
	s.send(hook{Kind: "event", Subject: "WT1", URL: k.URL})
	s.send(hook{Kind: "conference", Subject: "CF1", URL: k.URL})
	s.send(hook{Kind: kindAction, Subject: "CA1", URL: k.URL})
	require.NoError(t, s.fetch(hook{Kind: "assignment", URL: k.URL}).Err)
	require.NoError(t, s.fetch(hook{Kind: "voice", URL: k.URL}).Err)
	require.Eventually(t, func() bool {
		st := s.Stats()
		return len(k.all()) == 3 && st.Webhooks["event"].Failed == 1 && st.Webhooks["conference"].Failed == 1
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, 2, s.Stats().Faults[FaultDropped])
}

func TestAReorderedWebhookIsOvertakenAndADelayedOneIsNot(t *testing.T) {
	t.Parallel()
	const many = 40
	for name, c := range map[string]struct {
		faults  Faults
		inOrder bool
	}{
		"reordered": {Faults{Reordered: 0.5}, false},
		"delayed":   {Faults{Delayed: 0.5}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newTroubled(t, c.faults)
			var left []int
			done := make(chan int, many)
			s.mu.Lock()
			for n := range many {
				turn := s.hooks.queue("CF1")
				s.goroutine(func() {
					defer turn.pass()
					turn.wait(s.ctx)
					s.hooks.hold(hook{Kind: "conference"}, turn)
					done <- n // what is sent leaves here
				})
			}
			s.mu.Unlock()
			for range many {
				left = append(left, <-done)
			}
			require.NotZero(t, s.Stats().Faults[name])
			sorted := true
			for i, n := range left {
				sorted = sorted && i == n
			}
			require.Equal(t, c.inOrder, sorted, "%v", left)
		})
	}
}

func TestRequestsSufferOnlyOverTheNetwork(t *testing.T) {
	t.Parallel()
	const path = "/v1/Workspaces"
	create := func(t *testing.T, s *Simulator, server *httptest.Server, name string) (*http.Response, error) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path+"?FriendlyName="+name, nil)
		require.NoError(t, err)
		r.Host = "taskrouter.twilio.com"
		r.SetBasicAuth(s.AccountSID(), s.AuthToken())
		res, err := server.Client().Do(r)
		if err == nil {
			t.Cleanup(func() { require.NoError(t, res.Body.Close()) })
		}
		return res, err
	}
	workspaces := func(s *Simulator) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.tr.workspaces.items)
	}
	start := func(t *testing.T, faults Faults) (*Simulator, *httptest.Server) {
		t.Helper()
		s, _ := newTroubled(t, faults)
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		return s, server
	}
	t.Run("429 comes with and without Retry-After, and nothing happens", func(t *testing.T) {
		t.Parallel()
		s, server := start(t, Faults{TooMany: 1})
		given := map[string]bool{}
		for _, name := range []string{"a", "b"} {
			res, err := create(t, s, server, name)
			require.NoError(t, err)
			require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
			given[res.Header.Get("Retry-After")] = true
		}
		require.Equal(t, map[string]bool{"": true, "1": true}, given)
		require.Zero(t, workspaces(s))
	})
	t.Run("500 comes before the effect and after it", func(t *testing.T) {
		t.Parallel()
		s, server := start(t, Faults{Broken: 1})
		for _, name := range []string{"a", "b"} {
			res, err := create(t, s, server, name)
			require.NoError(t, err)
			require.Equal(t, http.StatusInternalServerError, res.StatusCode)
			require.InDelta(t, 20500, decode(t, res)["code"], 0)
		}
		require.Equal(t, 1, workspaces(s))
	})
	t.Run("a time-out has no answer, before the effect and after it", func(t *testing.T) {
		t.Parallel()
		s, server := start(t, Faults{Timeout: 1})
		for _, name := range []string{"a", "b"} {
			_, err := create(t, s, server, name)
			require.Error(t, err)
		}
		require.Equal(t, 1, workspaces(s))
	})
	t.Run("in-process nothing goes wrong", func(t *testing.T) {
		t.Parallel()
		s, _ := newTroubled(t, Faults{TooMany: 1, Broken: 1, Timeout: 1})
		r := httptest.NewRequest(http.MethodPost, "http://taskrouter.twilio.com"+path+"?FriendlyName=a", nil)
		r.SetBasicAuth(s.AccountSID(), s.AuthToken())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, http.StatusCreated, w.Code)
		require.Empty(t, s.Stats().Faults)
	})
}
