package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, h http.HandlerFunc) *api {
	t.Helper()
	srv := httptest.NewServer(h)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		srv.Close()
	})
	return &api{http: client, base: srv.URL, key: "key-of-ann"}
}

func TestAnActionIsTriedWithOneKeyUntilSomebodyAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var keys []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		switch len(keys) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks in the middle
		default:
			if r.Header.Get("Authorization") != "Bearer key-of-ann" || r.Method != http.MethodPost {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, `{"id":"CA1","state":"held","legs":[{"role":"customer","hold":true}]}`)
		}
	})
	got := client.act(t.Context(), "/v1/calls/CA1/legs/customer/hold", "once")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "held", got.call.State)
	require.True(t, got.call.Legs[0].Hold)
	require.Equal(t, []string{"once", "once", "once"}, keys)
	require.Positive(t, got.took)
}

func TestARefusalIsFinalAndReadable(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"title":"Wrong state","detail":"the call has ended","code":"call_ended"}`)
	})
	got := client.act(t.Context(), "/v1/calls/CA1/end", "k")
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, "409 Wrong state the call has ended", got.String())
}

func TestAnActionThatNobodyAnswersEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	require.NotEqual(t, http.StatusOK, client.act(ctx, "/v1/calls/CA1/end", "k").status)
}

func TestAStreamGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var since []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		since = append(since, r.Header.Get("Last-Event-ID"))
		n := len(since)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		switch n {
		case 1:
			_, _ = io.WriteString(w, ": hello\n\nid: 1\nevent: timeline\ndata: {\"call\":\"CA1\",\"kind\":\"CallReceived\",\"state\":\"queued\"}\n\n"+
				"id: 2\nevent: timeline\r\ndata: {\"call\":\"CA1\",\r\ndata: \"kind\":\"ParticipantJoined\",\"data\":{\"call_sid\":\"CA2\"}}\r\n\r\n"+
				"id: 3\nevent: timeline\ndata: {\"call\":\"CA1\",\"ki") // cut in the middle: never happened
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = fmt.Fprintf(w, "id: 3\nevent: other\ndata: {}\n\nid: 4\nevent: timeline\ndata: {\"call\":\"CA1\",\"state\":\"ended\"}\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	got := make(chan entry, 10)
	s := newStream(client, func(e entry) { got <- e }, func(err error) { t.Error(err) })
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.run(ctx)
	}()
	require.Equal(t, "queued", (<-got).State)
	require.Equal(t, "CA2", (<-got).Data.CallSID)
	require.Equal(t, stateEnded, (<-got).State)
	<-s.connected
	cancel()
	<-over
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"", "2", "2"}, since)
}

func TestAStreamSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	var n int
	var mu sync.Mutex
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		first := n == 1
		mu.Unlock()
		if first {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, "id: 9\nevent: timeline\ndata: {nonsense\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	faults := make(chan error, 4)
	s := newStream(client, func(entry) { t.Error("nothing was sent that can be read") }, func(err error) { faults <- err })
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("too slow"))
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.run(ctx)
	}()
	require.ErrorContains(t, <-faults, "403")
	require.ErrorContains(t, <-faults, "live event 9 cannot be read")
	cancel()
	<-over
}
