package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"holdfast/cmd/holdfast/engine"
	"holdfast/simulator"
	"holdfast/simulator/people"
	"holdfast/store"
)

// These tests run everything at once: real Temporal, real webhooks with real signatures, a simulated Twilio with people in it.

// fast is how long a simulated second takes here.
const fast = 50 * time.Millisecond

func newStage(t *testing.T, webhooks http.RoundTripper) *stage {
	t.Helper()
	return newStageWith(t, func(c *stageConfig) { c.webhooks = webhooks })
}

// newStageWith is a stage with something else in its configuration.
func newStageWith(t *testing.T, change func(*stageConfig)) *stage {
	t.Helper()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	log := io.Writer(io.Discard)
	if testing.Verbose() {
		log = t.Output()
	}
	cfg := stageConfig{
		script: script, seed: 7, second: fast, dataDir: t.TempDir(), listen: "127.0.0.1:0", uiPort: -1, log: newLogger(log, "warn", "text"),
	}
	change(&cfg)
	s, err := startStage(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) })
	return s
}

// requireEngine skips where Temporal's command is missing, unless that is demanded.
func requireEngine(t *testing.T) {
	t.Helper()
	e, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir(), UIPort: -1, Logger: slog.New(slog.DiscardHandler)})
	if errors.Is(err, engine.ErrNoBinary) && os.Getenv("HOLDFAST_REQUIRE_ENGINE") == "" {
		t.Skip("no temporal command: run 'make tools' first")
	}
	require.NoError(t, err)
	require.NoError(t, e.Stop(t.Context()))
}

func requireOK(t *testing.T, r people.Report) {
	t.Helper()
	require.Zero(t, r.Lost, r.Text())
	require.Empty(t, r.Violations)
	require.True(t, r.OK(), r.Text())
}

func TestPeopleCallAndEveryCallEndsWell(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	r, err := s.run(t.Context(), people.RunConfig{Calls: 60, Seed: 7, Second: fast})
	require.NoError(t, err)
	requireOK(t, r)
	require.Equal(t, 60, r.Started)
	require.Equal(t, 60, r.Completed+r.Abandoned+r.Rejected)

	figures, err := s.app.figures(r.Started)
	require.NoError(t, err)
	require.Positive(t, figures.WebhooksReceived)
	require.Less(t, figures.EngineMessagesPerCall, 16.0, "the engine is what limits the number of calls")
}

func TestCallsComeByEveryEntrance(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for i, scenario := range []string{"studio", "flex", "flex-own", "two-ring", "anonymous", "task-canceled"} {
		r, err := s.run(t.Context(), people.RunConfig{Calls: 4, Seed: uint64(i) + 1, Second: fast, Scenario: scenario})
		require.NoError(t, err)
		requireOK(t, r)
		require.Equal(t, 4, r.Completed+r.Abandoned+r.Rejected, scenario)
	}
}

// shaky is a network that doubles requests, and holds them back so that they overtake one another.
type shaky struct {
	next http.RoundTripper
	mu   sync.Mutex
	rng  *rand.Rand
}

func (s *shaky) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

func (s *shaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil { // what is fetched tells nothing
		return s.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	decides := !strings.HasSuffix(r.URL.Path, "/voice") && !strings.HasSuffix(r.URL.Path, "/assignment") // their answers are waited for
	if decides {
		held := time.NewTimer(time.Duration(s.draw(150)) * time.Millisecond)
		select {
		case <-held.C:
		case <-r.Context().Done():
			held.Stop()
			return nil, r.Context().Err()
		}
	}
	if s.draw(100) < 30 {
		first, err := s.next.RoundTrip(withBody(r, body))
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, first.Body)
		_ = first.Body.Close()
	}
	return s.next.RoundTrip(withBody(r, body))
}

func withBody(r *http.Request, body []byte) *http.Request {
	c := r.Clone(r.Context())
	c.Body = io.NopCloser(bytes.NewReader(body))
	return c
}

func TestWebhooksLateDoubledAndOutOfOrderChangeNothing(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	s := newStage(t, &shaky{next: transport, rng: rand.New(rand.NewPCG(1, 2))})
	r, err := s.run(t.Context(), people.RunConfig{Calls: 40, Seed: 8, Second: fast})
	require.NoError(t, err)
	requireOK(t, r)
	figures, err := s.app.figures(r.Started)
	require.NoError(t, err)
	require.Positive(t, figures.DuplicatesDropped)
}

// placeCall lets a caller be answered by an agent who is no script but this test, and returns both ends.
func placeCall(t *testing.T, s *stage) (caller, agent simulator.Line) {
	t.Helper()
	entry := s.script.Centre.Agents[0]
	answered := make(chan simulator.Line, 1)
	s.sim.Attach(entry.Address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		line.Answer()
		answered <- line
	}))
	require.NoError(t, s.sim.SetAvailability(s.centre.Agents[entry.Name], "Available"))
	caller, err := s.sim.Dial("+15550001111", s.script.Centre.Numbers[0].Number)
	require.NoError(t, err)
	select {
	case agent = <-answered:
	case <-time.After(30 * time.Second):
		require.Fail(t, "no agent was rung")
	}
	return caller, agent
}

// requireTogether waits until an agent hears his caller.
func requireTogether(t *testing.T, agent simulator.Line) {
	t.Helper()
	together := make(chan struct{})
	go func() {
		for e := range agent.Events() {
			if e.Kind == simulator.LineTogether {
				close(together)
				return
			}
		}
	}()
	select {
	case <-together:
	case <-time.After(time.Minute):
		require.Fail(t, "caller and agent were not brought together")
	}
}

func (s *stage) state(t *testing.T, id string) string {
	t.Helper()
	c, _, err := s.app.store.Call(t.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	require.NoError(t, err)
	return c.State
}

func (s *stage) until(t *testing.T, id, state string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.state(t, id) == state }, 30*time.Second, 10*time.Millisecond, "the call is %q", s.state(t, id))
}

// do asks the API as the supervisor.
func (s *stage) do(t *testing.T, method, path string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.public+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.keys.supervisor)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	var body map[string]any
	require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
	return response.StatusCode, body
}

// webhook sends what Twilio would, signed with the account's token.
func (s *stage) webhook(t *testing.T, path string, params map[string]string) int {
	t.Helper()
	target := s.public + path
	signed, form := target, url.Values{}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		signed += name + params[name]
		form.Set(name, params[name])
	}
	mac := hmac.New(sha1.New, []byte(s.sim.AuthToken()))
	_, _ = mac.Write([]byte(signed))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestALateWebhookNeverWakesAnEndedCall(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	caller, agent := placeCall(t, s)
	id := caller.CallSID()
	s.until(t, id, "talking")
	caller.HangUp()
	s.until(t, id, "wrapping")
	status, _ := s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status)
	s.until(t, id, "ended")
	engineClient := s.app.engine.Client()
	closed := func() string {
		d, err := engineClient.DescribeWorkflowExecution(t.Context(), "call:"+id, "")
		require.NoError(t, err)
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, d.GetWorkflowExecutionInfo().GetStatus())
		return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	var run string
	require.Eventually(t, func() bool {
		d, err := engineClient.DescribeWorkflowExecution(t.Context(), "call:"+id, "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	}, 10*time.Second, 10*time.Millisecond)
	run = closed()

	account := s.sim.AccountSID()
	require.Equal(t, http.StatusNoContent, s.webhook(t, "/twilio/conference?call="+id, map[string]string{
		"AccountSid": account, "ConferenceSid": "CF00000000000000000000000000000001", "StatusCallbackEvent": "participant-join",
		"CallSid": agent.CallSID(), "SequenceNumber": "99", "FriendlyName": "x", "Muted": "false", "Hold": "false",
	}))
	require.Equal(t, http.StatusOK, s.webhook(t, "/twilio/voice", map[string]string{
		"AccountSid": account, "CallSid": id, "From": "+15550001111", "To": "+18005550100", "CallStatus": "ringing", "Direction": "inbound",
	}), "a repeated request for TwiML is answered")
	require.Eventually(t, func() bool {
		entries, err := s.app.store.Timeline(t.Context(), id, 0, 500)
		require.NoError(t, err)
		return slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Late && e.Kind == "ParticipantJoined" })
	}, 10*time.Second, 10*time.Millisecond, "it stands in the timeline")
	require.Equal(t, run, closed())
	require.Equal(t, "ended", s.state(t, id))
	status, problem := s.do(t, http.MethodPost, "/v1/calls/"+id+"/end")
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "call_ended", problem["code"])
}

// enginePID is the process of the stage's engine.
func (s *stage) enginePID(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.app.cfg.DataDir, "engine", "engine.json"))
	require.NoError(t, err)
	var record struct {
		PID int `json:"pid"`
	}
	require.NoError(t, json.Unmarshal(data, &record))
	require.Positive(t, record.PID)
	return record.PID
}

func TestCallsAreAnsweredWhileTheEngineIsAwayAndCatchUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	pid := s.enginePID(t)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	back := sync.OnceFunc(func() { require.NoError(t, syscall.Kill(pid, syscall.SIGCONT)) })
	t.Cleanup(back)

	caller, agent := placeCall(t, s) // the engine has no part in it
	id := caller.CallSID()
	requireTogether(t, agent)
	require.Empty(t, s.state(t, id), "nobody has heard of the call yet")
	back()
	s.until(t, id, "talking")
	status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/hold")
	require.Equal(t, http.StatusOK, status, "%v", body)
	require.Equal(t, "held", body["state"])
	status, body = s.do(t, http.MethodPost, "/v1/calls/"+id+"/end")
	require.Equal(t, http.StatusOK, status, "%v", body)
	s.until(t, id, "wrapping")
	status, _ = s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status)
	s.until(t, id, "ended")
}

func TestCallsGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	caller, _ := placeCall(t, s)
	id := caller.CallSID()
	s.until(t, id, "talking")

	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(t.Context()))
	s.app = nil
	caller.HangUp() // nobody listens; the wrap-up must begin all the same
	again, err := startApp(t.Context(), cfg, log, nil)
	require.NoError(t, err)
	s.app = again
	s.until(t, id, "wrapping")
	status, _ := s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status)
	s.until(t, id, "ended")
}
