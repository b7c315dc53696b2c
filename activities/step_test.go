package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

func TestAStepTellsWhomACallConcernsAndWhoIsPrivateInIt(t *testing.T) {
	t.Parallel()
	s := call.New("CA1", call.DefaultSettings())
	s.Reservations = []call.Reservation{
		{Assignment: call.Assignment{Agent: "WK1"}, Status: call.ReservationIsAccepted},
		{Assignment: call.Assignment{Agent: "WK2"}, Status: call.ReservationIsRejected},
	}
	s.Invitations = []call.Invitation{
		{Label: "agent-1", Role: call.RoleAgent, Target: call.Target{Agent: "WK3"}, Status: call.InvitationOffered},
		{Label: "agent-2", Role: call.RoleAgent, Target: call.Target{Agent: "WK4"}, Status: call.InvitationFailed},
		{Label: "supervisor-3", Role: call.RoleSupervisor, Leg: "CA3", Supervision: call.Supervision{Private: true}},
		{Label: "supervisor-4", Role: call.RoleSupervisor, Leg: "CA4"},
	}
	s.Legs = []call.Leg{
		{Call: "CA1", Role: call.RoleCustomer},
		{Call: "CA2", Role: call.RoleAgent, Agent: "WK1"},
		{Call: "CA3", Role: call.RoleSupervisor, Agent: "WK9", Label: "supervisor-3", Supervision: call.Supervision{Private: true}},
	}
	step := NewStep(&s, []Entry{{Number: 1, Private: true}, {Number: 2}}, 1, time.Now())
	require.Equal(t, []string{"WK1", "WK3"}, step.Call.Concerned)
	require.Equal(t, []string{"supervisor-3", "CA3"}, step.Call.Private)
	require.True(t, step.Entries[0].Private)
	require.False(t, step.Entries[1].Private)

	require.True(t, IsPrivate(call.SuperviseRequested{Private: true}))
	require.False(t, IsPrivate(call.SuperviseRequested{}))
	require.True(t, IsPrivate(call.DialInRequested{Private: true}))
	require.False(t, IsPrivate(call.DialInRequested{}))
	require.False(t, IsPrivate(call.EndRequested{}))
}
