package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a stage whose Holdfast is another process knows of a call: what the API tells.

func (s *stage) told(t *testing.T, id string) string {
	t.Helper()
	status, body := s.do(t, http.MethodGet, "/v1/calls/"+id)
	if status != http.StatusOK {
		return ""
	}
	state, _ := body["state"].(string)
	return state
}

func (s *stage) untilTold(t *testing.T, id, state string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.told(t, id) == state }, time.Minute, 20*time.Millisecond, "the call is %q", s.told(t, id))
}

// timeline is a call's, as the API tells it.
func (s *stage) timeline(t *testing.T, id string) []map[string]any {
	t.Helper()
	status, body := s.do(t, http.MethodGet, "/v1/calls/"+id+"/timeline?limit=500")
	require.Equal(t, http.StatusOK, status, "%v", body)
	var entries []map[string]any
	list, ok := body["entries"].([]any)
	require.True(t, ok, "%v", body)
	for _, e := range list {
		entry, ok := e.(map[string]any)
		require.True(t, ok)
		entries = append(entries, entry)
	}
	return entries
}

// kinds counts the entries of a call's timeline by kind.
func (s *stage) kinds(t *testing.T, id string) map[string]int {
	t.Helper()
	kinds := map[string]int{}
	for _, e := range s.timeline(t, id) {
		kind, _ := e["kind"].(string)
		kinds[kind]++
	}
	return kinds
}
