package activities_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/floor"
	"holdfast/store"
)

const (
	fetchAgent = "GET " + taskRouterAPI + "/Workers/" + agent
	moveAgent  = "POST " + taskRouterAPI + "/Workers/" + agent
	listAgents = "GET " + taskRouterAPI + "/Workers"
)

// at is an agent as TaskRouter shows him, in his n-th version.
func at(availability, available, version string) reply {
	return reply{
		status: http.StatusOK, header: http.Header{"Etag": {version}},
		body: `{"sid":"` + agent + `","friendly_name":"ann","activity_sid":"` + availability + `","activity_name":"x","available":` + available +
			`,"attributes":"{\"contact_uri\":\"client:ann\"}","date_status_changed":"2026-03-02T09:00:00Z"}`,
	}
}

// moves counts the requests that moved the agent.
func (b *testBundle) moves() (n int) {
	for _, line := range b.requests {
		if strings.HasPrefix(line, moveAgent) {
			n++
		}
	}
	return n
}

func TestOnlyWhoIsAvailableIsMovedOff(t *testing.T) {
	t.Parallel()
	off := floor.MoveOff{Agent: agent, To: "WAsilent"}
	t.Run("available", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.when(fetchAgent, at("WAready", "true", `"1"`))
		b.when(moveAgent, at("WAsilent", "false", `"2"`))
		moved, err := b.MoveOff(t.Context(), off)
		require.NoError(t, err)
		require.Equal(t, activities.MovedAgent{Was: "WAready", Moved: true}, moved)
	})
	t.Run("on a break", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.when(fetchAgent, at("WArest", "false", `"1"`))
		moved, err := b.MoveOff(t.Context(), off)
		require.NoError(t, err)
		require.Equal(t, activities.MovedAgent{Was: "WArest"}, moved)
		require.Zero(t, b.moves())
	})
	t.Run("who goes on a break in that very moment", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.when(fetchAgent, at("WAready", "true", `"1"`), at("WArest", "false", `"2"`))
		b.when(moveAgent, refusal(http.StatusPreconditionFailed, 20412, "changed"))
		moved, err := b.MoveOff(t.Context(), off)
		require.NoError(t, err)
		require.Equal(t, activities.MovedAgent{Was: "WArest"}, moved)
		require.Equal(t, 1, b.moves())
	})
	t.Run("whom Twilio does not know", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.when(fetchAgent, notFound)
		_, err := b.MoveOff(t.Context(), off)
		requireFailure(t, err, call.Failure{Kind: call.FailureGone, Status: 404, Code: 20404})
	})
}

func TestOnlyWhoIsStillOffIsBroughtBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		is    string
		moved bool
		moves int
	}{
		"still off":                    {"WAsilent", true, 1},
		"on a break by now":            {"WArest", false, 0},
		"back, by a try before it was": {"WAready", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.when(fetchAgent, at(test.is, "false", `"1"`))
			b.when(moveAgent, at("WAready", "true", `"2"`))
			moved, err := b.BringBack(t.Context(), floor.BringBack{Agent: agent, From: []floor.AvailabilitySID{"WAsilent", "WAtimeout"}, To: "WAready"})
			require.NoError(t, err)
			require.Equal(t, activities.MovedAgent{Was: floor.AvailabilitySID(test.is), Moved: test.moved}, moved)
			require.Equal(t, test.moves, b.moves())
		})
	}
}

// model is a read model that remembers what it was told.
type model struct {
	told     map[string]json.RawMessage
	answered map[string]time.Time
}

func (m *model) ProjectFloor(context.Context, store.FloorStep) error { return nil }

func (m *model) Tell(_ context.Context, workspaceSID, key, _ string, event json.RawMessage) error {
	m.told[workspaceSID+" "+key] = event
	return nil
}

func (m *model) AnsweredAt(context.Context, ...string) (map[string]time.Time, error) {
	return m.answered, nil
}

func TestAQueueIsLookedAtPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answered := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	b.Floor = &model{answered: map[string]time.Time{"WK2": answered}}
	b.when(listAgents,
		ok(`{"workers":[{"sid":"WK1","activity_sid":"WA1","available":true}],"meta":{"next_page_url":"https://`+taskRouterAPI+`/Workers?PageSize=1000&Page=1&PageToken=PT1"}}`),
		ok(`{"workers":[{"sid":"WK2","activity_sid":"WA2","available":false}],"meta":{}}`))
	agents, err := b.LookAt(t.Context(), floor.LookAt{Queue: "WQ1"})
	require.NoError(t, err)
	require.Equal(t, []floor.OnQueue{
		{Agent: "WK1", Availability: "WA1", Available: true}, {Agent: "WK2", Availability: "WA2", AnsweredAt: answered},
	}, agents)
	require.Contains(t, b.requests[0], "TaskQueueSid=WQ1")
	require.Contains(t, b.requests[1], "PageToken=PT1")
}

func TestAMissIsWrittenDownForTheFloor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	missed := call.ReportMissed{Call: customer, Agent: agent, AgentName: "ann", Reservation: reservation, Queue: "WQ1", QueueName: "Support", At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	require.Error(t, b.ReportMissed(t.Context(), missed), "there is nobody to tell")
	m := &model{told: map[string]json.RawMessage{}, answered: map[string]time.Time{agent: missed.At.Add(-time.Hour)}}
	b.Floor = m
	require.NoError(t, b.ReportMissed(t.Context(), missed))
	var e floor.Envelope
	require.NoError(t, json.Unmarshal(m.told[workspace+" missed:"+reservation], &e))
	require.Equal(t, floor.AgentMissed{
		Agent: agent, AgentName: "ann", Reservation: reservation, Queue: "WQ1", QueueName: "Support", Call: customer, Why: "no-answer", At: missed.At,
		AnsweredAt: missed.At.Add(-time.Hour),
	}, e.Event)
}

func TestTheWorkspaceIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("GET "+taskRouterAPI+"/Activities", ok(`{"activities":[{"sid":"WA1","friendly_name":"Available","available":true}],"meta":{}}`))
	b.when(listAgents, ok(`{"workers":[{"sid":"WK1","friendly_name":"ann","activity_sid":"WA1","activity_name":"Available","available":true}],"meta":{}}`))
	b.when(fetchAgent, at("WA1", "true", ""))
	b.when(moveAgent, at("WA2", "false", ""), refusal(http.StatusBadRequest, 20001, "no"), refusal(http.StatusServiceUnavailable, 20503, "later"), notFound)
	b.when(fetchAgent+"/Channels", ok(`{"channels":[{"task_channel_unique_name":"voice","configured_capacity":2,"assigned_tasks":1,"available_capacity_percentage":50,"available":true}],"meta":{}}`))
	f, err := b.Twilio.Floor(t.Context())
	require.NoError(t, err)
	require.Equal(t, []store.AvailabilityRow{{SID: "WA1", Name: "Available", Available: true}}, f.Availabilities)
	require.Len(t, f.Agents, 1)
	require.Nil(t, f.Agents[0].Address, "lists tell no attributes")

	one, err := b.Twilio.Agent(t.Context(), agent)
	require.NoError(t, err)
	require.Equal(t, "client:ann", *one.Address)
	channels, err := b.Twilio.AgentChannels(t.Context(), agent)
	require.NoError(t, err)
	require.Equal(t, []store.ChannelRow{{Channel: "voice", Capacity: 2, Tasks: 1, Free: 50, Available: true}}, channels)

	moved, err := b.Twilio.SetAvailability(t.Context(), agent, "WA2")
	require.NoError(t, err)
	require.Equal(t, "WA2", moved.AvailabilitySID)
	for _, want := range []error{activities.ErrRefused, activities.ErrUnavailable, activities.ErrNoAgent} {
		_, err = b.Twilio.SetAvailability(t.Context(), agent, "WA2")
		require.ErrorIs(t, err, want)
	}
}
