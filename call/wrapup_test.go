package call_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachAgentsWorkAfterTheCallHasABeginningAndAnEnd(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s,
		`0s CallReceived call_sid=CAcustomer from=+15550001 to=+15559999`,
		`1s AssignmentRequested reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 agent_name=Ann address=client:ann`,
		`3s ParticipantJoined conference_sid=CF1 call_sid=CAann sequence=1 instruction=WR1`,
		`3s ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=2 end_conference_on_exit=true`,
		`3s ReservationAccepted reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 agent_call_sid=CAann`,
		`10s TransferRequested action=a1 by={"name":"Ann","role":"agent","agent_sid":"WK1"} mode=cold from=CAann target={"kind":"agent","agent_sid":"WK2"}`,
		`10s CommandSucceeded command=2 task_sid=WT2`,
		`11s ParticipantHeld conference_sid=CF1 call_sid=CAcustomer sequence=3 hold=true end_conference_on_exit=true`,
		`12s ParticipantLeft conference_sid=CF1 call_sid=CAann sequence=4 reason=participant_updated_via_api`,
		`13s AssignmentRequested reservation_sid=WR2 task_sid=WT2 agent_sid=WK2 agent_name=Bob address=client:bob invitation=agent-1 announced=true`,
		`20s ParticipantJoined conference_sid=CF1 call_sid=CAbob sequence=5 label=agent-1`,
		`20s ReservationAccepted reservation_sid=WR2 task_sid=WT2 agent_sid=WK2 invitation=agent-1`,
	)
	require.Equal(t, start.Add(12*time.Second), s.Task.OverAt, "the first agent works after his part while the call goes on")
	require.Zero(t, s.Task.ClosedAt)
	bob := s.Invitation("agent-1")
	require.Zero(t, bob.Task.OverAt)

	hear(t, &s,
		`30s TaskCompleted task_sid=WT1`,
		`40s ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=6 reason=participant_hung_up`,
		`40s ConferenceEnded conference_sid=CF1 sequence=7`,
		`41s TaskCompleted task_sid=WT1`,
		`50s TaskCompleted task_sid=WT2`,
	)
	bob = s.Invitation("agent-1")
	require.Equal(t, start.Add(30*time.Second), s.Task.ClosedAt, "the first word of it counts")
	require.Equal(t, start.Add(40*time.Second), bob.Task.OverAt)
	require.Equal(t, start.Add(50*time.Second), bob.Task.ClosedAt)
}
