package main

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// moody is a Twilio that refuses some requests for their number, fails on some before they take effect, and on some after.
type moody struct {
	next http.Handler
	mu   sync.Mutex
	rng  *rand.Rand
	off  bool

	throttled, failed, lost int
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.RemoteAddr == "" { // the people of the script, who are in the same house
		m.next.ServeHTTP(w, r)
		return
	}
	m.mu.Lock()
	draw := m.rng.IntN(100)
	if m.off {
		draw = 100
	}
	switch {
	case draw < 8:
		m.throttled++
	case draw < 14:
		m.failed++
	case draw < 18:
		m.lost++
	}
	m.mu.Unlock()
	switch {
	case draw < 8:
		http.Error(w, `{"code":20429,"message":"Too Many Requests","status":429}`, http.StatusTooManyRequests)
	case draw < 14:
		http.Error(w, `{"code":20500,"message":"Internal Server Error","status":500}`, http.StatusInternalServerError)
	case draw < 18:
		m.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // the connection is cut: nobody learns that it took effect
	default:
		m.next.ServeHTTP(w, r)
	}
}

func TestATwilioThatRefusesAndFailsKeepsNoCallFromEndingWell(t *testing.T) {
	t.Parallel()
	m := &moody{rng: rand.New(rand.NewPCG(3, 4)), off: true}
	s := newStageBehind(t, nil, func(next http.Handler) http.Handler {
		m.next = next
		return m
	})
	m.mu.Lock()
	m.off = false // the start of a process is no call
	m.mu.Unlock()
	r, err := s.run(t.Context(), people.RunConfig{Calls: 30, Seed: 9, Second: fast, AloneLimit: time.Minute})
	require.NoError(t, err)
	require.Zero(t, r.Lost, r.Text())
	require.Equal(t, 30, r.Completed+r.Abandoned+r.Rejected, r.Text())
	require.Empty(t, r.Violations, r.Text())
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Positive(t, m.throttled)
	require.Positive(t, m.failed)
	require.Positive(t, m.lost)
	t.Logf("%d refused, %d failed, %d took effect unheard", m.throttled, m.failed, m.lost)
}
