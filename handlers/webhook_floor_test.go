package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/floor"
	"holdfast/store"
	"holdfast/workflows"
)

const silentSID = "WA00000000000000000000000000000009"

func withFloor(c *WebhookConfig) {
	c.Floor = func() (floor.Settings, bool) {
		return floor.Settings{NotAnswering: silentSID, Rule: floor.DefaultRule()}, true
	}
}

var floorSubject = store.Subject{Kind: store.SubjectWorkspace, ID: testWorkspace}

// floorEvents is what waits for the breaker.
func (b *webhookBundle) floorEvents(t *testing.T) []floor.Event {
	t.Helper()
	rows, err := b.store.Waiting(t.Context(), floorSubject, 0, 100)
	require.NoError(t, err)
	events := make([]floor.Event, len(rows))
	for i, row := range rows {
		var e floor.Envelope
		require.NoError(t, json.Unmarshal(row.Event, &e))
		events[i] = e.Event
	}
	return events
}

func TestTheReadModelLearnsOfAgentsFromTheirEvents(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, withFloor)
	event := func(kind, token string, more ...string) {
		t.Helper()
		form := eventForm(kind, append([]string{
			"WorkerSid", annSID, "WorkerName", "ann", "WorkerAttributes", `{"contact_uri":"client:ann"}`, "WorkerActivitySid", readyToSID, "WorkerActivityName", "Available",
		}, more...)...)
		require.Equal(t, http.StatusNoContent, b.post("/twilio/events", token, form).Code)
	}
	event("worker.created", "1")
	event("worker.capacity.update", "2", "TaskChannelUniqueName", "voice", "WorkerChannelTaskCount", "1", "WorkerChannelAvailableCapacity", "50", "WorkerChannelAvailable", "true")
	event("worker.activity.update", "3", "WorkerActivitySid", restSID, "WorkerActivityName", "Break", "WorkerPreviousActivitySid", readyToSID)
	ann, err := b.store.Agent(t.Context(), annSID)
	require.NoError(t, err)
	require.Equal(t, "client:ann", ann.Address)
	require.Equal(t, restSID, ann.Availability.SID)
	require.Equal(t, "Break", ann.Availability.Name)
	require.True(t, time.UnixMilli(1700000000123).Equal(ann.AvailabilityAt))
	require.Equal(t, []store.ChannelRow{{Channel: "voice", Capacity: -1, Tasks: 1, Free: 50, Available: true}}, ann.Channels)
	require.Empty(t, b.floorEvents(t), "a break is no miss")

	event("worker.activity.update", "4", "WorkerActivitySid", silentSID, "WorkerPreviousActivitySid", readyToSID)
	event("worker.activity.update", "4", "WorkerActivitySid", silentSID, "WorkerPreviousActivitySid", readyToSID)
	require.Equal(t, []floor.Event{
		floor.AgentAvailabilityChanged{Agent: annSID, AgentName: "ann", From: readyToSID, To: silentSID, At: time.UnixMilli(1700000000123).UTC()},
	}, b.floorEvents(t))
	event("worker.deleted", "5")
	_, err = b.store.Agent(t.Context(), annSID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestTheFloorHearsOfOffersThatLapse(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, withFloor)
	lapse := func(token, task string) {
		t.Helper()
		form := eventForm("reservation.timeout", "TaskSid", task, "TaskAttributes", `{"call_sid":"`+testCall+`"}`, "ReservationSid", "WR1", "WorkerSid", annSID,
			"WorkerName", "ann", "TaskQueueSid", "WQ1", "TaskQueueName", "Support")
		if task != testTask {
			form.Set("TaskAttributes", `{}`)
		}
		require.Equal(t, http.StatusNoContent, b.post("/twilio/events", token, form).Code)
	}
	lapse("1", testTask)
	lapse("2", testTask) // told again under another token: the reservation counts once
	lapse("3", "WT00000000000000000000000000000009")
	require.Equal(t, []floor.Event{floor.AgentMissed{
		Agent: annSID, AgentName: "ann", Reservation: "WR1", Queue: "WQ1", QueueName: "Support", Call: testCall, Why: "timeout", At: time.UnixMilli(1700000000123).UTC(),
	}}, b.floorEvents(t))

	without := setupWebhooks(t)
	form := eventForm("reservation.timeout", "TaskSid", testTask, "TaskAttributes", `{"call_sid":"`+testCall+`"}`, "ReservationSid", "WR1", "WorkerSid", annSID)
	require.Equal(t, http.StatusNoContent, without.post("/twilio/events", "1", form).Code)
	require.Empty(t, without.floorEvents(t))
}

// floorEngine takes batches, or is away.
type floorEngine struct {
	mu      sync.Mutex
	batches []workflows.FloorBatch
	away    int // so many times
	taken   chan workflows.FloorBatch
}

func (f *floorEngine) TellFloor(_ context.Context, _ string, batch workflows.FloorBatch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away > 0 {
		f.away--
		return errors.New("away")
	}
	f.taken <- batch
	return nil
}

func TestWhatHappensOnTheFloorIsDelivered(t *testing.T) {
	t.Parallel()
	s := openTestStore(t)
	engine := &floorEngine{away: 2, taken: make(chan workflows.FloorBatch, 100)}
	d, err := NewFloorDeliverer(s, engine, "me", FloorDelivererConfig{
		WorkspaceSID: testWorkspace, Settings: floor.Settings{NotAnswering: silentSID}, ResendAfter: 200 * time.Millisecond, ScanEvery: 20 * time.Millisecond, MaxBatch: 2, Logger: quiet(),
	})
	require.NoError(t, err)
	tell := func(key string, event string) {
		t.Helper()
		require.NoError(t, s.Tell(t.Context(), testWorkspace, key, "test", json.RawMessage(event)))
	}
	tell("1", `{"kind":"AgentMissed","data":{"agent_sid":"WK1","at":"2026-03-02T09:00:00Z"}}`)
	tell("2", `{"kind":"Unheard","data":{}}`)
	tell("3", `{"kind":"AgentMissed","data":{"agent_sid":"WK3","at":"2026-03-02T09:00:00Z"}}`)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	take := func() workflows.FloorBatch {
		t.Helper()
		select {
		case b := <-engine.taken:
			return b
		case <-time.After(30 * time.Second):
			require.Fail(t, "nothing was delivered")
			return workflows.FloorBatch{}
		}
	}
	first := take()
	require.EqualValues(t, 0, first.After)
	require.Equal(t, floor.AvailabilitySID(silentSID), first.Settings.NotAnswering)
	require.Len(t, first.Deliveries, 2)
	require.EqualValues(t, 1, first.Deliveries[0].Position)
	require.Equal(t, floor.ClockTicked{}, first.Deliveries[1].Event.Event, "what cannot be read keeps its place")
	second := take()
	require.EqualValues(t, 2, second.After)
	again := take()
	require.EqualValues(t, 0, again.After, "what is not acknowledged goes again")

	require.NoError(t, s.Acknowledge(t.Context(), floorSubject, 3))
	tell("4", `{"kind":"ClockTicked","data":{}}`)
	for b := again; b.Deliveries[len(b.Deliveries)-1].Position < 4; {
		b = take()
	}
	require.NoError(t, s.Acknowledge(t.Context(), floorSubject, 4))
	cancel()
	require.NoError(t, <-done)
	_, ours, err := s.ClaimOne(t.Context(), "somebody else", time.Second, floorSubject)
	require.NoError(t, err)
	require.True(t, ours, "the lease is given back")
	_, err = NewFloorDeliverer(s, engine, "me", FloorDelivererConfig{})
	require.Error(t, err)
}
