package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"holdfast/store"
)

// looks counts how often a call was read back.
func (s *stage) looks(t *testing.T, id string) (n int) {
	t.Helper()
	entries, err := s.app.store.Timeline(t.Context(), id, 0, 1000)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Kind == "ReadBackDue" {
			n++
		}
	}
	return n
}

// ear is a log that tells when it has heard something.
type ear struct {
	words string
	heard chan struct{}
	once  sync.Once
}

func newEar(words string) *ear { return &ear{words: words, heard: make(chan struct{})} }

func (e *ear) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(e.words)) {
		e.once.Do(func() { close(e.heard) })
	}
	return len(line), nil
}

func TestACallThatTheEngineLostBeginsAgainFromTheInbox(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	caller, _ := placeCall(t, s)
	id := caller.CallSID()
	s.until(t, id, "talking")
	status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/hold")
	require.Equal(t, http.StatusOK, status, "%v", body)
	status, body = s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/unhold")
	require.Equal(t, http.StatusOK, status, "%v", body)

	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(t.Context()))
	s.app = nil
	files, err := filepath.Glob(filepath.Join(cfg.DataDir, "engine", "engine.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	again, err := startApp(t.Context(), cfg, log, nil)
	require.NoError(t, err)
	s.app = again

	// Twilio has nothing to say: only the look after the start can have the call begin again.
	require.Eventually(t, func() bool { return s.looks(t, id) == 1 }, time.Minute, 20*time.Millisecond, "it is read back, in its turn")
	require.Equal(t, "talking", s.state(t, id))
	status, body = s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/hold")
	require.Equal(t, http.StatusOK, status, "%v", body)
	status, body = s.do(t, http.MethodPost, "/v1/calls/"+id+"/end")
	require.Equal(t, http.StatusOK, status, "%v", body)
	s.until(t, id, "wrapping")
	status, _ = s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status)
	s.until(t, id, "ended")

	// The positions go on where they were: everything that was given one has been taken, once.
	subject := store.Subject{Kind: store.SubjectCall, ID: id}
	waiting, err := s.app.store.Waiting(t.Context(), subject, 0, 1000)
	require.NoError(t, err)
	for i, d := range waiting {
		require.EqualValues(t, i+1, d.Position)
	}
	require.Eventually(t, func() bool {
		claimed, ours, err := s.app.store.ClaimOne(t.Context(), s.app.owner, time.Minute, subject)
		return err == nil && ours && claimed.Acked == int64(len(waiting)) && claimed.Last == claimed.Acked
	}, time.Minute, 20*time.Millisecond)
}

func TestACallIsReadBackWhenTheEngineComesBackAfterTheStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	caller, _ := placeCall(t, s)
	id := caller.CallSID()
	s.until(t, id, "talking")

	// The look of a process that came up just before its engine went.
	pid := s.enginePID(t)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	back := sync.OnceFunc(func() { require.NoError(t, syscall.Kill(pid, syscall.SIGCONT)) })
	t.Cleanup(back)
	require.Eventually(t, func() bool { // a process does not stop at once
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.app.engine.Client().CheckHealth(ctx, &client.CheckHealthRequest{})
		return err != nil
	}, time.Minute, 10*time.Millisecond)
	before := s.looks(t, id)
	log := newEar("live calls cannot be read back; it is tried again")
	looker := &app{store: s.app.store, calls: s.app.calls, owner: s.app.owner, log: newLogger(log, "warn", "text")}
	over := make(chan error, 1)
	go func() { over <- looker.lookAtLiveCalls(t.Context()) }()
	select {
	case <-log.heard:
	case <-time.After(time.Minute):
		require.Fail(t, "the engine's absence is not noticed")
	}
	back()
	select {
	case err := <-over:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "it is not tried again")
	}
	require.Eventually(t, func() bool { return s.looks(t, id) == before+1 }, time.Minute, 20*time.Millisecond)
}
