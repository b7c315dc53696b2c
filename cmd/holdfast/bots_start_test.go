package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/store"
	"holdfast/workflows"
)

func TestABotThatTheEngineLostLivesOnAfterAStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	ctx := t.Context()
	row, err := s.app.store.CreateBot(ctx, store.BotRow{Name: "Robin", Settings: json.RawMessage(`{"greeting":"Hello"}`)}, nil)
	require.NoError(t, err)
	const number = "+15550007771"
	s.buys(t, number)
	line, err := s.app.store.CreateConnection(ctx, store.ConnectionRow{
		Kind: store.ConnectionVoice, Name: "Sales", AccountSID: s.sim.AccountSID(), PhoneNumber: number,
	}, s.sim.AuthToken())
	require.NoError(t, err)
	_, err = s.app.store.Attach(ctx, row.ID, store.BotConnection{Connection: line.ID, Inbound: true})
	require.NoError(t, err)
	result, err := s.app.calls.StartBot(ctx, row.ID)
	require.NoError(t, err)
	require.Equal(t, workflows.BotResult{State: store.BotRunning}, result)

	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(ctx))
	s.app = nil
	files, err := filepath.Glob(filepath.Join(cfg.DataDir, "engine", "engine.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	again, err := startApp(ctx, cfg, log, nil)
	require.NoError(t, err)
	s.app = again
	require.Eventually(t, func() bool {
		value, err := s.app.engine.Client().QueryWorkflow(ctx, workflows.BotWorkflowID(row.ID), "", workflows.QueryBot)
		var progress workflows.BotProgress
		return err == nil && value.Get(&progress) == nil && progress.State == store.BotRunning
	}, time.Minute, 20*time.Millisecond, "nobody asked for it but the start")
}

// buys has the simulated account get a number.
func (s *stage) buys(t *testing.T, number string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.twilioURL+"/2010-04-01/Accounts/"+s.sim.AccountSID()+"/IncomingPhoneNumbers.json",
		strings.NewReader(url.Values{"PhoneNumber": {number}}.Encode()))
	require.NoError(t, err)
	r.Host = "api.twilio.com"
	r.SetBasicAuth(s.sim.AccountSID(), s.sim.AuthToken())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusCreated, response.StatusCode)
}
