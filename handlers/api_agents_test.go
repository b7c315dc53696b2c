package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"holdfast/floor"
	"holdfast/schema"
	"holdfast/store"
)

const (
	testWorkspaceSID = "WS00000000000000000000000000000001"
	readyToSID       = "WA00000000000000000000000000000001"
	restSID          = "WA00000000000000000000000000000002"
)

// movingAgents is a Twilio that moves agents, or fails.
type movingAgents struct {
	fails error
	asked []string
	ends  string // where the agent is afterwards, if it is not where he was sent
}

func (m *movingAgents) SetAvailability(_ context.Context, agent, availability string) (store.AgentChange, error) {
	m.asked = append(m.asked, agent+" "+availability)
	if m.ends != "" {
		availability = m.ends
	}
	return store.AgentChange{SID: agent, Kind: store.KindAgentChanged, At: moment(30), Name: "ann", AvailabilitySID: availability}, m.fails
}

func setupAgents(t *testing.T) (*apiBundle, *movingAgents) {
	t.Helper()
	twilio := &movingAgents{}
	b := setupAPI(t, func(c *Config) { c.Agents, c.WorkspaceSID = twilio, testWorkspaceSID })
	address := "client:ann"
	require.NoError(t, b.store.ReplaceFloor(t.Context(), store.Floor{
		At:             moment(1),
		Availabilities: []store.AvailabilityRow{{SID: readyToSID, Name: "Available", Available: true}, {SID: restSID, Name: "Break"}},
		Agents: []store.AgentChange{
			{SID: annSID, At: moment(1), Name: "ann", Address: &address, AvailabilitySID: readyToSID, Channel: &store.ChannelRow{Channel: "voice", Capacity: 1, Tasks: 1, Available: true}},
			{SID: bobSID, At: moment(1), Name: "bob", AvailabilitySID: restSID, Channel: &store.ChannelRow{Channel: "voice", Capacity: -1, Free: 100}},
		},
	}))
	require.NoError(t, b.store.ProjectFloor(t.Context(), store.FloorStep{Workspace: testWorkspaceSID, Agents: []store.AgentMiss{{
		SID: bobSID, Name: "bob", Misses: 1, MissedAt: moment(2), Call: queuedCall, QueueSID: "WQ00000000000000000000000000000001", QueueName: "Support", Why: "timeout",
		OffSince: moment(3), BackAt: moment(40),
	}}}))
	return b, twilio
}

func (b *apiBundle) postTo(path, key, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	return b.serve(r)
}

func TestAgentsAreListed(t *testing.T) {
	t.Parallel()
	b, _ := setupAgents(t)
	w := b.do(http.MethodGet, "/v1/agents", sueKey)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	page := decoded[AgentPage](t, w.Body.Bytes())
	require.Len(t, page.Agents, 2)
	ann, bob := page.Agents[0], page.Agents[1]
	require.Equal(t, Availability{SID: readyToSID, Name: "Available", Available: true}, ann.Availability)
	require.Equal(t, "client:ann", ann.Address)
	require.Nil(t, ann.Missed)
	require.Len(t, ann.Calls, 1, "of the two that she had a part in she has one")
	require.Equal(t, talkingCall, ann.Calls[0].Call)
	require.Equal(t, "Support", ann.Calls[0].Queue.Name)
	require.Equal(t, "joined", ann.Calls[0].LegState)
	require.Equal(t, 1, *ann.Channels[0].Capacity)
	require.Nil(t, bob.Channels[0].Capacity)
	require.Equal(t, movedCall, bob.Calls[0].Call)
	require.Equal(t, "timeout", bob.Missed.Why)
	require.True(t, moment(40).Equal(*bob.Missed.BackAt))
	require.Nil(t, bob.Missed.BackSince)

	w = b.do(http.MethodGet, "/v1/agents?available=true&limit=1", sueKey)
	require.Equal(t, []AgentDetail{ann}, decoded[AgentPage](t, w.Body.Bytes()).Agents)
	w = b.do(http.MethodGet, "/v1/agents?limit=1", sueKey)
	first := decoded[AgentPage](t, w.Body.Bytes())
	w = b.do(http.MethodGet, "/v1/agents?limit=1&cursor="+first.NextCursor, sueKey)
	require.Equal(t, []AgentDetail{bob}, decoded[AgentPage](t, w.Body.Bytes()).Agents)
	w = b.do(http.MethodGet, "/v1/availabilities", annKey)
	require.Len(t, decoded[AvailabilityList](t, w.Body.Bytes()).Availabilities, 2)
}

func TestAgentsSeeThemselvesAlone(t *testing.T) {
	t.Parallel()
	b, twilio := setupAgents(t)
	require.Equal(t, "ann", decoded[AgentPage](t, b.do(http.MethodGet, "/v1/agents", annKey).Body.Bytes()).Agents[0].Name)
	require.Len(t, decoded[AgentPage](t, b.do(http.MethodGet, "/v1/agents", annKey).Body.Bytes()).Agents, 1)
	for _, path := range []string{"me", annSID} {
		require.Equal(t, "ann", decoded[AgentDetail](t, b.do(http.MethodGet, "/v1/agents/"+path, annKey).Body.Bytes()).Name)
	}
	requireProblem(t, b.do(http.MethodGet, "/v1/agents/"+bobSID, annKey), http.StatusForbidden, codeForbidden)
	requireProblem(t, b.postTo("/v1/agents/"+bobSID+"/availability", annKey, `{"name":"Break"}`), http.StatusForbidden, codeForbidden)
	requireProblem(t, b.do(http.MethodGet, "/v1/agents/me", sueKey), http.StatusNotFound, codeAgentNotFound)
	requireProblem(t, b.do(http.MethodGet, "/v1/agents/WK00000000000000000000000000000009", sueKey), http.StatusNotFound, codeAgentNotFound)
	requireProblem(t, b.do(http.MethodGet, "/v1/agents/bob", sueKey), http.StatusBadRequest, codeBadRequest)
	require.Empty(t, twilio.asked)
}

func TestAnAgentIsPutSomewhere(t *testing.T) {
	t.Parallel()
	b, twilio := setupAgents(t)
	w := b.postTo("/v1/agents/me/availability", annKey, `{"name":"break"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(t, "Break", decoded[AgentDetail](t, w.Body.Bytes()).Availability.Name)
	require.Equal(t, []string{annSID + " " + restSID}, twilio.asked)
	again := decoded[AgentDetail](t, b.do(http.MethodGet, "/v1/agents/me", annKey).Body.Bytes())
	require.Equal(t, restSID, again.Availability.SID, "whoever asks after the answer sees it")
	require.Equal(t, "client:ann", again.Address)

	waiting, err := b.store.Waiting(t.Context(), store.Subject{Kind: store.SubjectWorkspace, ID: testWorkspaceSID}, 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	var e floor.Envelope
	require.NoError(t, json.Unmarshal(waiting[0].Event, &e))
	require.Equal(t, floor.AvailabilityChosen{Agent: annSID, To: restSID, By: "ann", At: moment(30)}, e.Event)

	require.Equal(t, http.StatusOK, b.postTo("/v1/agents/"+annSID+"/availability", sueKey, `{"availability_sid":"`+readyToSID+`"}`).Code)
}

func TestAnAgentCannotBePutJustAnywhere(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{}`: {http.StatusBadRequest, codeBadRequest},
		`{"name":"Break","availability_sid":"` + restSID + `"}`: {http.StatusBadRequest, codeBadRequest},
		`{"availability_sid":"WA1"}`:                            {http.StatusBadRequest, codeBadRequest},
		`{`:                                                     {http.StatusBadRequest, codeBadRequest},
		`{"name":"Moon"}`:                                       {http.StatusNotFound, codeAvailabilityNotFound},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			b, twilio := setupAgents(t)
			requireProblem(t, b.postTo("/v1/agents/me/availability", annKey, body), want.status, want.code)
			require.Empty(t, twilio.asked)
		})
	}
}

func TestWhatTwilioSaysOfMovingAnAgentIsTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		says   error
		ends   string
		status int
		code   string
	}{
		{ErrTwilioAway, "", http.StatusServiceUnavailable, codeTwilioAway},
		{ErrTwilioRefused, "", http.StatusConflict, codeFailed},
		{ErrNoAgent, "", http.StatusNotFound, codeAgentNotFound},
		{nil, readyToSID, http.StatusConflict, codeFailed},
	} {
		t.Run(fmt.Sprint(test.says), func(t *testing.T) {
			t.Parallel()
			b, twilio := setupAgents(t)
			twilio.fails, twilio.ends = test.says, test.ends
			requireProblem(t, b.postTo("/v1/agents/me/availability", annKey, `{"name":"Break"}`), test.status, test.code)
			waiting, err := b.store.Waiting(t.Context(), store.Subject{Kind: store.SubjectWorkspace, ID: testWorkspaceSID}, 0, 10)
			require.NoError(t, err)
			require.Empty(t, waiting, "nobody is told of what did not happen")
		})
	}
}

// TestAgentEventsAreAsTheContractSays holds the live stream's events of agents against the schema that the generator leaves out.
func TestAgentEventsAreAsTheContractSays(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(schema.OpenAPI)
	require.NoError(t, err)
	f, err := newFrame(store.Entry{Seq: 7, Number: -7, At: moment(1), Kind: "AgentMovedOff", Source: "command", Agents: []string{annSID}, Data: json.RawMessage(`{"why":"timeout"}`)})
	require.NoError(t, err)
	lines := bytes.Split(f.wire, []byte("\n"))
	require.Equal(t, "id: 7", string(lines[0]))
	require.Equal(t, "event: agent", string(lines[1]))
	var v any
	require.NoError(t, json.Unmarshal(bytes.TrimPrefix(lines[2], []byte("data: ")), &v))
	require.NoError(t, doc.Components.Schemas["AgentEvent"].Value.VisitJSON(v))

	r := streamReader{key: Key{Role: RoleAgent, Agent: annSID}}
	require.True(t, r.wants(f))
	r.key.Agent = bobSID
	require.False(t, r.wants(f), "another agent's")
	r.key.Role = RoleSupervisor
	require.True(t, r.wants(f))
	r.call = talkingCall
	require.False(t, r.wants(f), "about no call")
	alert, err := newFrame(store.Entry{Seq: 8, At: time.Now(), Kind: "AlertRaised", Source: "alert"})
	require.NoError(t, err)
	require.False(t, (&streamReader{key: Key{Role: RoleAgent, Agent: annSID}}).wants(alert), "alerts are for supervisors")
}
