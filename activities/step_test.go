package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
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

func TestAStepTellsWhatBecameOfTheBotsPart(t *testing.T) {
	t.Parallel()
	over := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	accepted := []call.Reservation{
		{Assignment: call.Assignment{Reservation: "WR1", Task: "WT1"}, Status: call.ReservationIsRejected},
		{Assignment: call.Assignment{Reservation: "WR9", Task: "WT9"}, Status: call.ReservationIsAccepted}, // of a transfer
		{Assignment: call.Assignment{Reservation: "WR2", Task: "WT1"}, Status: call.ReservationIsAccepted},
	}
	for name, row := range map[string]struct {
		bot  call.BotPhase
		task call.TaskSID
		want *store.BotStep
	}{
		"no bot":        {},
		"another's bot": {bot: call.BotPhase{Foreign: true, Result: "handed-off", OverAt: over}, task: "WT1"},
		"it talks":      {bot: call.BotPhase{Session: "ses_a"}, want: &store.BotStep{Session: "ses_a"}},
		"it ended the call": {
			bot:  call.BotPhase{Session: "ses_a", OverAt: over, Result: "ended"},
			want: &store.BotStep{Session: "ses_a", Outcome: "completed"},
		},
		"nobody answered": {
			bot:  call.BotPhase{Session: "ses_a", OverAt: over, Result: "busy"},
			want: &store.BotStep{Session: "ses_a", Outcome: "busy"},
		},
		"handed off, and no task yet": {
			bot:  call.BotPhase{Session: "ses_a", OverAt: over, Result: "handed-off"},
			want: &store.BotStep{Session: "ses_a"},
		},
		"handed off": {
			bot: call.BotPhase{Session: "ses_a", OverAt: over, Result: "handed-off"}, task: "WT1",
			want: &store.BotStep{Session: "ses_a", Outcome: "handed-off", FlexTask: "WT1", FlexReservation: "WR2", FlexConversation: "WT1"},
		},
		"handed off with a conversation of its own": {
			bot: call.BotPhase{
				Session: "ses_a", OverAt: over, Result: "handed-off",
				Handoff: call.Handoff{Attributes: map[string]any{"conversations": map[string]any{"conversation_id": "CH1"}}},
			}, task: "WT1",
			want: &store.BotStep{Session: "ses_a", Outcome: "handed-off", FlexTask: "WT1", FlexReservation: "WR2", FlexConversation: "CH1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := call.New("CA1", call.DefaultSettings())
			s.Bot, s.Task.SID = row.bot, row.task
			if row.task != "" {
				s.Reservations = accepted
			}
			require.Equal(t, row.want, NewStep(&s, nil, 1, over).Bot)
		})
	}
}
