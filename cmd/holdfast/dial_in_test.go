package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// keyedCodes is a network that notes which codes supervisors key.
type keyedCodes struct {
	next  http.RoundTripper
	mu    sync.Mutex
	codes []string
}

func (k *keyedCodes) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/twilio/supervise/code") {
		return k.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.codes = append(k.codes, form.Get("Digits"))
	k.mu.Unlock()
	return k.next.RoundTrip(withBody(r, body))
}

func (k *keyedCodes) keyed() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.codes
}

func TestSupervisorsDialInAndTheirCodesAreKeptNowhere(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "holdfast.log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	network := &keyedCodes{next: transport}
	s, err := startStage(t.Context(), stageConfig{
		script: script, seed: 11, second: fast, dataDir: dir, listen: "127.0.0.1:0", uiPort: -1, log: newLogger(log, "debug", "text"), webhooks: network,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) }()
	r, err := s.run(t.Context(), people.RunConfig{Calls: 8, Seed: 11, Second: fast, Scenario: "supervise-dial-in"})
	require.NoError(t, err)
	requireOK(t, r)
	require.Equal(t, 8, verified(r, "supervise-dial-in"))

	codes := network.keyed()
	require.Greater(t, len(codes), 8, "some keyed a wrong code first")
	// Not as a part of a longer number, which would be chance.
	kept := regexp.MustCompile(`(^|[^0-9])(` + strings.Join(codes, "|") + `)([^0-9]|$)`)
	root, looked := os.DirFS(dir), map[string]bool{}
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		looked[name] = bytes.Contains(data, []byte("supervise-code")) || bytes.Contains(data, []byte("/twilio/supervise/code"))
		require.False(t, kept.Match(data), "a code is in %s", name)
		return nil
	}))
	require.True(t, looked["holdfast.log"], "the log tells of requests with a code")
	require.True(t, looked["holdfast.db"] || looked["holdfast.db-wal"], "the inbox, too")
}
