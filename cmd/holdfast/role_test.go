package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/cmd/holdfast/engine"
	"holdfast/simulator/people"
)

// withRole starts one more process, with one role.
func (f *sharedFloor) withRole(t *testing.T, role string) *process {
	t.Helper()
	cfg := f.cfg
	cfg.Role = []string{role}
	p := startProcess(t, cfg)
	if role == roleAPI {
		f.balancer.add(p)
	}
	return p
}

// answer is the status of a process's answer to a GET.
func (p *process) answer(t *testing.T, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url.String()+path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestProcessesWithOneRoleEachServeCallsTogether(t *testing.T) {
	t.Parallel()
	f := newFloor(t, 0)
	api, worker := f.withRole(t, roleAPI), f.withRole(t, roleWorker)
	r := f.live(t, people.RunConfig{Calls: 16, Seed: 7})
	requireOK(t, r)
	require.Equal(t, 16, r.Completed+r.Abandoned+r.Rejected)
	f.requireAllEnded(t)

	require.Positive(t, api.metric(t, "holdfast_webhooks_received_total"))
	require.Positive(t, api.metric(t, "holdfast_delivery_lag_seconds_count"))
	require.Positive(t, worker.metric(t, "holdfast_twilio_wait_seconds_count"), "the worker asks Twilio")
	require.Positive(t, worker.metricWhere(t, "holdfast_twilio_requests_total", `route="/Conferences`))
	require.Zero(t, api.metricWhere(t, "holdfast_twilio_requests_total", `route="/Conferences`), "the other one reads the workspace and its agents, and leaves calls alone")

	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusOK,
		"/v1/calls": http.StatusNotFound, "/twilio/voice": http.StatusNotFound, "/codec/decode": http.StatusNotFound,
	} {
		require.Equal(t, want, worker.answer(t, path), path)
	}
	require.Equal(t, http.StatusUnauthorized, api.answer(t, "/v1/calls"))
}

func TestCallsWaitForAWorkerAndCatchUp(t *testing.T) {
	t.Parallel()
	f := newFloor(t, 0)
	f.withRole(t, roleAPI)
	caller, agent := placeCall(t, f.stage) // nobody decides anything yet
	requireTogether(t, agent)
	id := caller.CallSID()
	f.withRole(t, roleWorker)
	state := func() string {
		c, _, err := f.store.Call(t.Context(), id)
		if err != nil {
			return err.Error()
		}
		return c.State
	}
	require.Eventually(t, func() bool { return state() == "talking" }, time.Minute, 20*time.Millisecond)
	caller.HangUp()
	require.Eventually(t, func() bool { return state() == "ended" }, time.Minute, 20*time.Millisecond, "the wrap-up's deadline is the worker's")
}

func TestARoleThatCannotWorkAloneIsRefused(t *testing.T) {
	t.Parallel()
	good := config{
		AccountSID: "AC00000000000000000000000000000001", AuthToken: "t", WorkspaceSID: "WS00000000000000000000000000000001", PublicURL: "https://calls.example.com",
		RoutingWorkflow: "WW00000000000000000000000000000001", Ring: 20 * time.Second,
		TransferWithin: time.Minute, RejoinWithin: 20 * time.Second, QueueAgainWithin: 5 * time.Minute, DialInWithin: time.Minute,
	}
	shared := func(c *config) {
		c.DatabaseURL, c.TemporalAddress = "postgres://h/d", "temporal:7233"
		c.PayloadKeys = []engine.PayloadKey{engine.NewPayloadKey("shared")}
	}
	for name, test := range map[string]struct {
		change func(c *config)
		want   []string // none: it can work
	}{
		"both roles need nothing":         {func(c *config) { c.Role = []string{roleAPI, roleWorker} }, nil},
		"the API with all that is shared": {func(c *config) { c.Role = []string{roleAPI}; shared(c) }, nil},
		"a worker with all that is shared, and no numbers": {func(c *config) {
			c.Role, c.RoutingWorkflow = []string{roleWorker}, ""
			shared(c)
		}, nil},
		"the API alone":           {func(c *config) { c.Role = []string{roleAPI} }, []string{"--role api: the worker is another process, and SQLite", "DATABASE_URL", "dev server", "TEMPORAL_ADDRESS"}},
		"a worker on SQLite":      {func(c *config) { c.Role = []string{roleWorker}; shared(c); c.DatabaseURL = "" }, []string{"--role worker: the api is another process, and SQLite"}},
		"a worker without engine": {func(c *config) { c.Role = []string{roleWorker}; shared(c); c.TemporalAddress = "" }, []string{"--role worker: the api is another process, and the dev server"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			test.change(&c)
			err := c.problems()
			if len(test.want) == 0 {
				require.NoError(t, err)
				return
			}
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestARoleIsReadFromWhereverItIsSet(t *testing.T) {
	t.Parallel()
	cfg, err := parseServe(t, "")
	require.NoError(t, err)
	require.Equal(t, []string{roleAPI, roleWorker}, cfg.Role)
	cfg, err = parseServe(t, "role: worker\n")
	require.NoError(t, err)
	require.Equal(t, []string{roleWorker}, cfg.Role)
	cfg, err = parseServe(t, "", "--role", "worker,api")
	require.NoError(t, err)
	require.True(t, cfg.has(roleAPI) && cfg.has(roleWorker))
	_, err = parseServe(t, "", "--role", "boss")
	require.ErrorContains(t, err, `but got "boss"`)
}
