package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/worker"

	"holdfast/call"
	"holdfast/simulator/people"
	"holdfast/store"
	"holdfast/workflows"
)

// record is where `make record` has the histories of real calls written.
var record = flag.String("record", "", "folder into which TestHistoriesOfRealCallsReplay writes its histories")

// deaf is a network that loses what Twilio tells of holds, for as long as it is told to.
type deaf struct {
	next http.RoundTripper
	on   atomic.Bool
}

func (d *deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil { // what is fetched is told nothing
		return d.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if d.on.Load() && bytes.Contains(body, []byte("StatusCallbackEvent=participant-hold")) {
		return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
	}
	return d.next.RoundTrip(withBody(r, body))
}

// TestHistoriesOfRealCallsReplay has calls of each kind happen on the real engine, and replays what it wrote down of them. With -record the
// histories are kept: they are what later builds must still replay.
func TestHistoriesOfRealCallsReplay(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	network := &deaf{next: transport}
	s := newStage(t, network)

	scenarios := []string{"standard", "no-answer"} // the others are in the histories that are kept
	if *record != "" {
		scenarios = append(scenarios, "mute", "abandon-queue", "abandon-ringing", "abandon-hold", "reject",
			"agent-leaves-by-api", "agent-ends-by-api", "agent-hangs-up", "agent-crash", "hold-music", "join-number", "cold-agent", "cold-number",
			"warm-queue", "warm-supervisor", "transfer-rejected", "transfer-chain", "supervise", "take-over", "help", "crash-rejoin", "crash-queue", "supervise-dial-in",
			"announced", "voicemail", "bot-ends", "bot-wish", "bot-api", "bot-hangs-up", "bot-hangs-up-in-handoff", "bot-outbound", "bot-outbound-busy",
			"bot-outbound-no-answer", "bot-outbound-machine")
	}
	for i, scenario := range scenarios {
		r, err := s.run(t.Context(), people.RunConfig{Calls: 1, Seed: uint64(i) + 1, Second: fast, Scenario: scenario})
		require.NoError(t, err)
		requireOK(t, r)
		s.keep(t, scenario, s.newest(t))
	}

	t.Log("hold-unconfirmed")
	network.on.Store(true)
	id := s.talk(t)
	status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/hold")
	require.Equal(t, http.StatusOK, status, "read back, and so verified: %v", body)
	network.on.Store(false)
	s.finish(t, id)
	s.keep(t, "hold-unconfirmed", id)

	t.Log("restart")
	id = s.talk(t)
	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	require.NoError(t, s.app.stop(t.Context()))
	s.app = nil
	again, err := startApp(t.Context(), cfg, log, nil)
	require.NoError(t, err)
	s.app = again
	s.finish(t, id)
	s.keep(t, "restart", id)
}

// talk has a call happen up to where both talk.
func (s *stage) talk(t *testing.T) string {
	t.Helper()
	caller, _ := placeCall(t, s)
	s.until(t, caller.CallSID(), "talking")
	return caller.CallSID()
}

// finish ends a call and its wrap-up by the API.
func (s *stage) finish(t *testing.T, id string) {
	t.Helper()
	status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/end")
	require.Equal(t, http.StatusOK, status, "%v", body)
	s.until(t, id, "wrapping")
	status, body = s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status, "%v", body)
	s.until(t, id, "ended")
}

func (s *stage) newest(t *testing.T) string {
	t.Helper()
	calls, _, err := s.app.store.Calls(t.Context(), store.Filter{Limit: 1})
	require.NoError(t, err)
	require.Len(t, calls, 1)
	return calls[0].Call.ID
}

// keep replays a call that has ended, and writes its history down if that is wanted.
func (s *stage) keep(t *testing.T, scenario, id string) {
	t.Helper()
	engine, workflow := s.app.engine.Client(), workflows.CallWorkflowID(call.ID(id))
	require.NoError(t, engine.GetWorkflow(t.Context(), workflow, "").Get(t.Context(), nil), "the workflow ends in order")
	var past history.History
	for events := engine.GetWorkflowHistory(t.Context(), workflow, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(t, err)
		past.Events = append(past.Events, event)
	}
	require.NoError(t, proxy.VisitPayloads(t.Context(), &past, proxy.VisitPayloadsOptions{ // kept as they are told, for any key is forgotten some day
		Visitor: func(_ *proxy.VisitPayloadsContext, p []*common.Payload) ([]*common.Payload, error) {
			return s.app.codec.Decode(p)
		},
	}))
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(workflows.Call)
	require.NoError(t, replayer.ReplayWorkflowHistory(nil, &past), scenario)
	if *record == "" {
		return
	}

	data, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(&past)
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(data, &tree))
	secrets := []string{s.sim.AuthToken(), s.keys.supervisor, s.keys.admin}
	for _, key := range s.keys.agents {
		secrets = append(secrets, key)
	}
	scrub(t, tree, secrets)
	data, err = json.Marshal(tree)
	require.NoError(t, err)
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(*record, fmt.Sprintf("r%d-%s.json.gz", call.Revision, scenario))
	require.NoError(t, os.WriteFile(path, packed.Bytes(), 0o600))
	t.Logf("%s: %d events, %d bytes", path, len(past.Events), packed.Len())
}

// scrub takes out of a history what tells of the machine that it was recorded on, and makes sure that no secret is in it.
func scrub(t *testing.T, tree any, secrets []string) {
	t.Helper()
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			text, ok := value.(string)
			switch {
			case key == "identity":
				node[key] = "recorded"
			case key == "binaryChecksum", key == "buildId":
				delete(node, key)
			case ok && key == "data":
				plain, err := base64.StdEncoding.DecodeString(text)
				require.NoError(t, err)
				for _, secret := range secrets {
					require.NotContains(t, string(plain), secret)
				}
			default:
				scrub(t, value, secrets)
			}
		}
	case []any:
		for _, value := range node {
			scrub(t, value, secrets)
		}
	case string:
		for _, secret := range secrets {
			require.NotContains(t, node, secret)
		}
	}
}
