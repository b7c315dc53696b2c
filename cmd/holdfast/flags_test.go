package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/simulator/people"
)

// somebodyElse has the account's token and uses it behind Holdfast's back.
type somebodyElse struct {
	stage *stage
	path  string // of a participant
}

func (o *somebodyElse) do(t *testing.T, method string, form url.Values) (endsConference bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.stage.twilioURL+o.path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Host = "api.twilio.com" // the simulator knows its products by it
	r.SetBasicAuth(o.stage.sim.AccountSID(), o.stage.sim.AuthToken())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode, "%s %s", method, o.path)
	var participant struct {
		EndConferenceOnExit bool `json:"end_conference_on_exit"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&participant))
	return participant.EndConferenceOnExit
}

func (o *somebodyElse) flips(t *testing.T) {
	t.Helper()
	require.True(t, o.do(t, http.MethodPost, url.Values{"EndConferenceOnExit": {"true"}}))
}

func (o *somebodyElse) flag(t *testing.T) bool { return o.do(t, http.MethodGet, nil) }

func TestAFlagThatSomebodyElseFlipsAgainAndAgainIsSetBackTwiceAndThenAnAlert(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	// In a process of its own: /metrics and the log are what an operator sees.
	s, err := startStage(t.Context(), stageConfig{
		script: script, seed: 7, second: fast, dataDir: t.TempDir(), uiPort: -1, log: newLogger(t.Output(), "error", "text"), apart: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) })
	metric := func() float64 {
		p := process{url: s.publicURL(t)}
		return p.metric(t, `holdfast_call_alerts_total`)
	}

	caller, agent := placeCall(t, s)
	requireTogether(t, agent)
	id := caller.CallSID()
	s.untilTold(t, id, "talking")
	conference := ""
	for _, e := range s.timeline(t, id) {
		if data, ok := e["data"].(map[string]any); ok && e["kind"] == "ConferenceStarted" {
			conference, _ = data["conference_sid"].(string)
		}
	}
	require.NotEmpty(t, conference)
	other := &somebodyElse{stage: s, path: "/2010-04-01/Accounts/" + s.sim.AccountSID() + "/Conferences/" + conference + "/Participants/" + agent.CallSID() + ".json"}
	require.False(t, other.flag(t), "no agent ends the conference by leaving")
	require.Zero(t, metric())

	for n := 1; n <= 2; n++ {
		other.flips(t)
		require.Eventually(t, func() bool { return !other.flag(t) }, time.Minute, 10*time.Millisecond, "flip %d is set back", n)
		require.Eventually(t, func() bool { // and Holdfast knows that it is: else the next flip is this one still
			kinds := s.kinds(t, id)
			return kinds["FlagParticipant"] == n && kinds["ParticipantModified"] >= 2*n
		}, time.Minute, 20*time.Millisecond)
	}
	require.Zero(t, s.kinds(t, id)["AlertRaised"])
	other.flips(t)
	require.Eventually(t, func() bool { return s.kinds(t, id)["AlertRaised"] == 1 }, time.Minute, 20*time.Millisecond, "the third time somebody is told")
	for _, e := range s.timeline(t, id) {
		if e["kind"] == "AlertRaised" {
			data, ok := e["data"].(map[string]any)
			require.True(t, ok)
			require.Equal(t, "alert", e["source"])
			require.Equal(t, call.AlertFlagFlipped, data["code"])
			require.Equal(t, agent.CallSID(), data["subject"])
		}
	}
	require.InDelta(t, 1, metric(), 0)
	log, err := os.ReadFile(filepath.Join(s.dataDir, "serve.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), `msg="an alert"`)
	require.Contains(t, string(log), "code="+call.AlertFlagFlipped)

	// It is left as it is, and the call goes on.
	for _, action := range []string{"hold", "unhold"} {
		status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/"+action)
		require.Equal(t, http.StatusOK, status, "%v", body)
	}
	require.True(t, other.flag(t))
	require.Equal(t, 2, s.kinds(t, id)["FlagParticipant"])
	require.Equal(t, 1, s.kinds(t, id)["AlertRaised"], "once")
	caller.HangUp()
	s.untilTold(t, id, "wrapping")
	status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status, "%v", body)
	s.untilTold(t, id, "ended")
}

func (s *stage) publicURL(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(s.public)
	require.NoError(t, err)
	return u
}
