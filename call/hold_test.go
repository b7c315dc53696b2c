package call_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// annTalks is a call whose customer and agent are together.
var annTalks = []string{
	`0s CallReceived call_sid=CAcustomer from=+15550001 to=+15559999`,
	`0s TaskCreated task_sid=WT1 call_sid=CAcustomer`,
	`1s AssignmentRequested reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 agent_name=Ann address=client:ann`,
	`2s ParticipantJoined conference_sid=CF1 call_sid=CAann sequence=1`,
	`2s ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=2 end_conference_on_exit=true`,
	`2s ReservationAccepted reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 agent_call_sid=CAann`,
}

func TestTheTimesOfHoldsAreCountedByWhenTheyHappened(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, annTalks...)
	held := func(at time.Duration, total, longest time.Duration) {
		t.Helper()
		gotTotal, gotLongest := s.Customer().Held(start.Add(at))
		require.Equal(t, total, gotTotal, "in all")
		require.Equal(t, longest, gotLongest, "the longest")
	}
	held(5*time.Second, 0, 0)

	hear(t, &s, `10s HoldRequested action=a1 leg=CAcustomer`,
		`10.1s CommandSucceeded command=1`,
		`11s ParticipantHeld conference_sid=CF1 call_sid=CAcustomer sequence=3 hold=true end_conference_on_exit=true`)
	held(14*time.Second, 3*time.Second, 3*time.Second)
	hear(t, &s, `15s ParticipantMuted conference_sid=CF1 call_sid=CAcustomer sequence=4 hold=true muted=true end_conference_on_exit=true`)
	require.Equal(t, start.Add(11*time.Second), s.Customer().HeldSince, "another word of the same hold does not begin it anew")

	hear(t, &s, `20s UnholdRequested action=a2 leg=CAcustomer`,
		`21s ParticipantUnheld conference_sid=CF1 call_sid=CAcustomer sequence=5 end_conference_on_exit=true`)
	held(30*time.Second, 10*time.Second, 10*time.Second)
	require.True(t, s.Customer().HeldSince.IsZero())

	// The second hold is told by a look alone, and ends by the customer's leaving.
	hear(t, &s, `30s ReadBackDue`)
	look := s.Flights[len(s.Flights)-1]
	require.Equal(t, "ReadBack", look.Kind)
	_, e := parseLine(t, `32s CallReadBack command=`+strconv.Itoa(look.Number)+
		` snapshot={"conference":{"conference_sid":"CF1","status":"in-progress","participants":[{"call_sid":"CAcustomer","hold":true},{"call_sid":"CAann"}]}}`)
	s.Apply(start.Add(32*time.Second), e)
	held(33*time.Second, 11*time.Second, 10*time.Second)
	hear(t, &s, `36s ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=9 reason=participant_hung_up`)
	held(time.Hour, 14*time.Second, 10*time.Second)
}
