package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"

	"holdfast/handlers"
	"holdfast/schema"
)

const cliCall = "CA000000000000000000000000000000e1"

// askedOf is what the command line asked an API that takes nothing that the contract does not know.
type askedOf struct{ method, path, body, idempotency string }

// cli runs `holdfast call …` in a process of its own against an API that answers so.
func cli(t *testing.T, status int, answer any, args ...string) (stdout, stderr string, asked []askedOf, err error) {
	t.Helper()
	return commandLine(t, status, answer, "", append([]string{"call"}, args...)...)
}

// commandLine runs `holdfast …` likewise, with an input.
func commandLine(t *testing.T, status int, answer any, input string, args ...string) (stdout, stderr string, asked []askedOf, err error) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(schema.OpenAPI)
	require.NoError(t, err)
	router, err := legacy.NewRouter(doc)
	require.NoError(t, err)
	refused := make(chan error, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		route, params, err := router.FindRoute(r)
		if err == nil {
			err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
				Request: r, PathParams: params, Route: route,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
			})
		}
		if err != nil {
			refused <- err
		}
		asked = append(asked, askedOf{r.Method, r.URL.Path, string(body), r.Header.Get("Idempotency-Key")})
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), self, args...)
	command.Stdin = strings.NewReader(input)
	command.Env = append(command.Environ(), actAsHoldfast+"=1", "HOLDFAST_URL="+server.URL, "HOLDFAST_API_KEY=hf_x", "TZ=UTC")
	var out, problem strings.Builder
	command.Stdout, command.Stderr = &out, &problem
	err = command.Run()
	close(refused)
	for why := range refused {
		require.NoError(t, why, "the contract does not know this request")
	}
	return out.String(), problem.String(), asked, err
}

func TestEveryActionOfTheCommandLineIsOneOfTheContracts(t *testing.T) {
	t.Parallel()
	const agent, queue = "WK0123456789abcdef0123456789abcdef", "WQ0123456789abcdef0123456789abcdef"
	for args, want := range map[string]askedOf{
		"hold C":                         {path: "legs/customer/hold"},
		"hold C --music https://x.org/m": {path: "legs/customer/hold", body: `{"music_url":"https://x.org/m"}`},
		"hold C external-2":              {path: "legs/external-2/hold"},
		"unhold C":                       {path: "legs/customer/unhold"},
		"mute C":                         {path: "legs/me/mute"},
		"unmute C agent":                 {path: "legs/agent/unmute"},
		"leave C external-2":             {path: "legs/external-2/leave"},
		"end C":                          {path: "end"},
		"wrap-up C":                      {path: "wrap-up/complete"},
		"join C --number +15551230009 --name bank":               {path: "participants", body: `{"target":{"kind":"number","address":"+15551230009","name":"bank"}}`},
		"join C --agent " + agent:                                {path: "participants", body: `{"target":{"kind":"agent","agent_sid":"` + agent + `"}}`},
		"withdraw C agent-1":                                     {path: "invitations/agent-1/withdraw"},
		"transfer C --queue " + queue:                            {path: "transfers", body: `{"mode":"cold","target":{"kind":"queue","queue_sid":"` + queue + `"}}`},
		"transfer C --warm --supervisor client:sue --from agent": {path: "transfers", body: `{"mode":"warm","from":"agent","target":{"kind":"supervisor","address":"client:sue"}}`},
		"swap C":                           {path: "transfers/current/swap"},
		"merge C":                          {path: "transfers/current/merge"},
		"complete C":                       {path: "transfers/current/complete"},
		"cancel C":                         {path: "transfers/current/cancel"},
		"rejoin C":                         {path: "rejoin"},
		"rejoin C --address client:ann":    {path: "rejoin", body: `{"address":"client:ann"}`},
		"supervise C --address client:sue": {path: "supervision", body: `{"mode":"monitor","address":"client:sue","private":false}`},
		"mode C whisper --coach agent":     {path: "supervision/mode", body: `{"mode":"whisper","coach":"agent"}`},
		"take-over C --leg supervisor-3":   {path: "supervision/take-over", body: `{"leg":"supervisor-3"}`},
		"help C --reason refund":           {path: "help", body: `{"reason":"refund"}`},
		"helped C --agent " + agent:        {path: "help/dismiss", body: `{"agent_sid":"` + agent + `"}`},
		"end C --idempotency-key mine":     {path: "end", idempotency: "mine"},
		"handoff C --reason wish":          {path: "handoff", body: `{"reason":"wish"}`},
		"handoff C --reason wish --summary s --sentiment negative --language en --priority 3 --routing-workflow WW1 --account-sid AC1 --attribute order=7": {
			path: "handoff",
			body: `{"reason":"wish","summary":"s","sentiment":"negative","language":"en","priority":3,"routing_workflow":"WW1","account_sid":"AC1","attributes":{"order":"7"}}`,
		},
		"supervise C --address client:sue --private --mode barge": {path: "supervision", body: `{"mode":"barge","address":"client:sue","private":true}`},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(strings.Replace(args, " C", " "+cliCall, 1))
			out, problem, asked, err := cli(t, http.StatusOK, exampleCall(), words...)
			require.NoError(t, err, problem)
			require.Equal(t, "done: the call is held\n", out)
			require.Len(t, asked, 1)
			require.Equal(t, "POST", asked[0].method)
			require.Equal(t, "/v1/calls/"+cliCall+"/"+want.path, asked[0].path)
			if want.body == "" {
				require.Empty(t, asked[0].body)
			} else {
				require.JSONEq(t, want.body, asked[0].body)
			}
			require.NotEmpty(t, asked[0].idempotency)
			if want.idempotency != "" {
				require.Equal(t, want.idempotency, asked[0].idempotency)
			}
		})
	}
}

func TestTheCommandLineSaysWhatCameOfAnAction(t *testing.T) {
	t.Parallel()
	out, _, _, err := cli(t, http.StatusAccepted, exampleCall(), "end", cliCall)
	require.NoError(t, err)
	require.Contains(t, out, "accepted, and not verified yet")

	out, problem, _, err := cli(t, http.StatusConflict, handlers.Problem{Type: "about:blank", Title: "Conflict", Status: 409, Code: "transfer_open", Detail: "a transfer is under way"},
		"transfer", cliCall, "--number", "+15551230009")
	require.Error(t, err, "it exits with 1")
	require.Empty(t, out)
	require.Contains(t, problem, "409 Conflict (transfer_open): a transfer is under way")

	_, problem, asked, err := cli(t, http.StatusOK, exampleCall(), "join", cliCall)
	require.Error(t, err)
	require.Contains(t, problem, "say whom")
	require.Empty(t, asked)

	_, problem, asked, err = cli(t, http.StatusOK, exampleCall(), "mode", cliCall, "shout")
	require.Error(t, err)
	require.Contains(t, problem, "monitor")
	require.Empty(t, asked)
}

func TestACallIsShownWithEverybodyInIt(t *testing.T) {
	t.Parallel()
	out, problem, _, err := cli(t, http.StatusOK, exampleCall(), "show", cliCall)
	require.NoError(t, err, problem)
	words := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"state held",
		"CAc - customer joined +15551230001 true false 41.3s 30.1s - -",
		"CAs supervisor-3 supervisor joined client:sue false false - - whisper to ann (to barge), private -",
		"agent-2 transfer agent bob WK2 ann failed busy: engaged 2026-03-02 09:00:00",
		"agent-2 warm ann failed busy 2026-03-02 09:00:00 2026-03-02 09:00:00",
		"ann refund 2026-03-02 09:00:00",
		"ann WT1 wrapping 2026-03-02 09:00:00 - 1m30s",
	} {
		require.Contains(t, words, want)
	}

	out, _, _, err = cli(t, http.StatusOK, exampleCall(), "show", cliCall, "-o", "json")
	require.NoError(t, err)
	var shown handlers.Call
	require.NoError(t, json.Unmarshal([]byte(out), &shown))
	require.Equal(t, exampleCall(), shown)
}

func exampleCall() handlers.Call {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	busy, whisper, barge, yes := handlers.FailureBusy, handlers.Whisper, handlers.Barge, true
	text := func(s string) *string { return &s }
	return handlers.Call{
		ID: cliCall, State: handlers.Held, From: "+15551230001", To: "+15559870002",
		Legs: []handlers.Leg{
			{CallSID: "CAc", Role: handlers.LegRoleCustomer, Address: "+15551230001", State: handlers.Joined, Hold: true, HeldTotalMS: 41250, HeldLongestMS: 30100},
			{CallSID: "CAa", Role: handlers.LegRoleAgent, Address: "client:ann", AgentName: text("ann"), State: handlers.Joined},
			{
				CallSID: "CAs", Role: handlers.LegRoleSupervisor, Address: "client:sue", Label: text("supervisor-3"), State: handlers.Joined, Mode: &whisper,
				WantedMode: &barge, Coach: text("CAa"), Private: &yes,
			},
		},
		Invitations: []handlers.Invitation{{
			Label: "agent-2", Purpose: "transfer", Role: handlers.LegRoleAgent, Target: handlers.Target{Kind: "agent", AgentSID: text("WK2"), Name: text("bob")}, By: "ann",
			Status: "failed", Failure: &busy, Detail: text("engaged"), At: at,
		}},
		Transfers: []handlers.Transfer{{Invitation: "agent-2", Mode: handlers.TransferWarm, From: "CAa", FromAgentSID: text("WK1"), Status: "failed", Failure: &busy, At: at, EndedAt: &at}},
		Helps:     []handlers.Help{{AgentSID: "WK1", AgentName: "ann", Reason: text("refund"), At: at}},
		Parts:     []handlers.Part{{AgentSID: "WK1", AgentName: "ann", TaskSID: "WT1", Status: "wrapping", JoinedAt: &at, ConnectedMS: 90000}},
	}
}
