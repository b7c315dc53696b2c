package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/contract"
	"holdfast/simulator/people"
)

// A contractBook is what Twilio's OpenAPI documents find in a run.
type contractBook struct {
	mu       sync.Mutex
	findings []string
	asked    map[string]int // exchanges, by method and host
}

func (b *contractBook) found(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text := err.Error(); !slices.Contains(b.findings, text) {
		b.findings = append(b.findings, text)
	}
}

func (b *contractBook) times(kind string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[kind]
}

func (b *contractBook) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.asked[r.Method+" "+r.Host]++
		b.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// A whole run, from the first request that builds the centre on: whatever Holdfast asks of Twilio is asked as Twilio's documents say, and
// whatever the simulator answers is an answer of Twilio's.
func TestEveryExchangeWithTwilioIsAsItsDocumentsSay(t *testing.T) {
	t.Parallel()
	documents, err := contract.Load(filepath.Join("..", "..", "..", "shared", "twilio-openapi"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("HOLDFAST_REQUIRE_OPENAPI") == "" {
		t.Skip("Twilio's OpenAPI documents are not beside the module:", err)
	}
	require.NoError(t, err)
	requireEngine(t)
	book := &contractBook{asked: map[string]int{}}
	script, err := people.Load("floor")
	require.NoError(t, err)
	s, err := startStage(t.Context(), stageConfig{
		script: script, seed: 11, second: fast, dataDir: t.TempDir(), listen: "127.0.0.1:0", uiPort: -1, log: slog.New(slog.DiscardHandler),
		twilio: func(next http.Handler) http.Handler {
			return book.count(documents.Handler(next, contract.All, book.found))
		},
	})
	require.NoError(t, err)
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			require.NoError(t, s.stop(t.Context()))
		}
	}
	defer stop()

	// By hand what people in a run do by chance, and a restart, after which the call is read back.
	caller, _ := placeCall(t, s)
	id := caller.CallSID()
	s.until(t, id, "talking")
	for _, action := range []string{"legs/customer/hold", "legs/customer/unhold", "legs/agent/mute", "legs/agent/unmute"} {
		status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/"+action)
		require.Equal(t, http.StatusOK, status, "%s: %v", action, body)
	}
	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(t.Context()))
	s.app, err = startApp(t.Context(), cfg, log, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return book.times("GET api.twilio.com") > 0 }, 30*time.Second, 10*time.Millisecond, "the call is read back")
	for _, action := range []string{"end", "wrap-up/complete"} {
		status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/"+action)
		require.Equal(t, http.StatusOK, status, "%s: %v", action, body)
	}
	s.until(t, id, "ended")

	r, err := s.run(t.Context(), people.RunConfig{Calls: 40, Seed: 11, Second: fast})
	require.NoError(t, err)
	requireOK(t, r)
	stop() // what the end asks of Twilio counts too

	for _, kind := range []string{"GET api.twilio.com", "POST api.twilio.com", "GET taskrouter.twilio.com", "POST taskrouter.twilio.com"} {
		require.Positive(t, book.times(kind), "%s was never asked, so nothing was checked", kind)
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	require.Empty(t, book.findings)
}
