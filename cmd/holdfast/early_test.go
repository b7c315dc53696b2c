package main

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// muteTwilio is a Twilio whose API does not answer while it is shut, but to the people of the script, who are in the same house.
type muteTwilio struct {
	next http.Handler
	mu   sync.Mutex
	shut chan struct{} // closed when it is open again; nil: it is open
}

func (m *muteTwilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	shut := m.shut
	m.mu.Unlock()
	if shut != nil && r.RemoteAddr != "" {
		select {
		case <-shut:
		case <-r.Context().Done():
			return
		}
	}
	m.next.ServeHTTP(w, r)
}

func (m *muteTwilio) close() (open func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	shut := make(chan struct{})
	m.shut = shut
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.shut = nil
		close(shut)
	})
}

func TestCallsAreAnsweredBeforeTheStartIsOver(t *testing.T) {
	t.Parallel()
	m := &muteTwilio{}
	s := newStageWith(t, func(c *stageConfig) {
		c.twilio = func(next http.Handler) http.Handler {
			m.next = next
			return m
		}
	})
	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(t.Context()))
	s.app = nil

	open := m.close()
	t.Cleanup(open)
	type outcome struct {
		app *app
		err error
	}
	started := make(chan outcome, 1)
	go func() {
		a, err := startApp(context.WithoutCancel(t.Context()), cfg, log, nil)
		started <- outcome{a, err}
	}()
	status := func(path string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.public+path, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Eventually(t, func() bool { return status("/healthz") == http.StatusOK }, time.Minute, 10*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, status("/readyz"))
	code, problem := s.do(t, http.MethodGet, "/v1/calls")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "engine_away", problem["code"])
	caller, agent := placeCall(t, s) // by an API that answers nothing yet
	requireTogether(t, agent)
	select {
	case o := <-started:
		require.Fail(t, "the start is over", "%v", o.err)
	default:
	}

	open()
	o := <-started
	require.NoError(t, o.err)
	s.app = o.app
	s.until(t, caller.CallSID(), "talking")
	require.Equal(t, http.StatusOK, status("/readyz"))
}
