package call_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

func TestWhereTheFloorDecidesTheCallOnlyTellsOfWhoDidNotCome(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	settings := call.DefaultSettings()
	settings.NotAnswering, settings.Floor = "WA1", true
	s := call.New("CA1", settings)
	offer := call.Assignment{Reservation: "WR1", Task: "WT1", Agent: "WK1", AgentName: "ann", Queue: "WQ1", QueueName: "Support"}
	for _, e := range []call.Event{
		call.CallReceived{Call: "CA1", From: "+15550000001", To: "+15550000002", Direction: "inbound"},
		call.TaskCreated{Task: "WT1", Call: "CA1"},
		call.ReservationCreated{Assignment: offer},
		call.AssignmentRequested{Assignment: offer},
	} {
		s.Apply(now, e)
	}
	now = now.Add(20 * time.Second)
	s.Apply(now, call.ReservationCanceled{Assignment: offer, TaskStatus: "pending"})
	require.Equal(t, []call.Command{call.ReportMissed{
		Call: "CA1", Agent: "WK1", AgentName: "ann", Reservation: "WR1", Queue: "WQ1", QueueName: "Support", At: now,
	}}, s.Plan())
	order := s.Begin(now, s.Plan()[0])
	require.Empty(t, s.Plan())
	s.Apply(now, call.CommandSucceeded{Command: order.Number})
	require.Empty(t, s.Plan(), "it is told once")
	require.Empty(t, s.Flights)
}
