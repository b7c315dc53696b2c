package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testAgents(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	availabilities := []AvailabilityRow{{SID: "WA1", Name: "Available", Available: true}, {SID: "WA2", Name: "Break"}}
	address := "client:ann"
	ann := func(second int, availability string) AgentChange {
		return AgentChange{SID: "WK1", Kind: KindAgentChanged, At: at(second), Name: "ann", Address: &address, AvailabilitySID: availability, AvailabilityName: "old name"}
	}
	require.NoError(t, s.ReplaceFloor(ctx, Floor{At: at(1), Availabilities: availabilities, Agents: []AgentChange{
		ann(1, "WA2"), {SID: "WK2", At: at(1), Name: "bob", AvailabilitySID: "WA1"},
	}}))
	found, err := s.Availabilities(ctx)
	require.NoError(t, err)
	require.Equal(t, availabilities, found)

	require.NoError(t, s.ApplyAgent(ctx, ann(10, "WA1")))
	require.NoError(t, s.ApplyAgent(ctx, ann(5, "WA2")), "older than what is known")
	one, err := s.Agent(ctx, "WK1")
	require.NoError(t, err)
	require.Equal(t, availabilities[0], one.Availability, "its name is that of the list")
	require.True(t, at(10).Equal(one.AvailabilityAt))
	_, err = s.Agent(ctx, "WK9")
	require.ErrorIs(t, err, ErrNotFound)

	busy := ann(11, "WA1")
	busy.Channel = &ChannelRow{Channel: "voice", Capacity: 2, Tasks: 1, Free: 50, Available: true}
	require.NoError(t, s.ApplyAgent(ctx, busy))
	busy.At, busy.Channel = at(12), &ChannelRow{Channel: "voice", Capacity: -1, Tasks: 2, Available: true}
	require.NoError(t, s.ApplyAgent(ctx, busy))
	one, err = s.Agent(ctx, "WK1")
	require.NoError(t, err)
	require.Equal(t, []ChannelRow{{Channel: "voice", Capacity: 2, Tasks: 2, Available: true}}, one.Channels, "a capacity that is not told stays")

	require.Equal(t, "client:ann", one.Address)
	busy.Address = nil
	before, err := s.LastSeq(ctx)
	require.NoError(t, err)
	require.NoError(t, s.ApplyAgent(ctx, busy))
	after, err := s.LastSeq(ctx)
	require.NoError(t, err)
	require.Equal(t, before, after, "what changes nothing is not told")

	page, next, err := s.Agents(ctx, AgentFilter{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "ann", page[0].Name)
	page, next, err = s.Agents(ctx, AgentFilter{Limit: 1, Cursor: next})
	require.NoError(t, err)
	require.Equal(t, "bob", page[0].Name)
	require.Empty(t, next)
	yes := true
	page, _, err = s.Agents(ctx, AgentFilter{Available: &yes, SID: "WK2"})
	require.NoError(t, err)
	require.Len(t, page, 1)
	_, _, err = s.Agents(ctx, AgentFilter{Cursor: "?"})
	require.ErrorIs(t, err, ErrCursor)

	require.NoError(t, s.ReplaceFloor(ctx, Floor{At: at(20), Availabilities: availabilities[:1], Agents: []AgentChange{ann(20, "WA1")}}))
	page, _, err = s.Agents(ctx, AgentFilter{})
	require.NoError(t, err)
	require.Len(t, page, 1, "bob is gone")
	found, err = s.Availabilities(ctx)
	require.NoError(t, err)
	require.Len(t, found, 1)

	entries, err := s.Stream(ctx, 0, 100)
	require.NoError(t, err)
	var kinds []string
	for _, e := range entries {
		require.Empty(t, e.Call)
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []string{
		KindAgentAvailability, KindAgentAvailability, KindAgentAvailability, KindAgentChanged, KindAgentChanged, KindAgentRemoved,
	}, kinds)
	require.Equal(t, []string{"WK1"}, entries[0].Agents)
}

func testFloor(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	workspace := Subject{Kind: SubjectWorkspace, ID: "WS1"}
	for range 2 {
		require.NoError(t, s.Tell(ctx, "WS1", "missed:WR1", "agent-missed", json.RawMessage(`{"kind":"AgentMissed","data":{}}`)))
	}
	waiting, err := s.Waiting(ctx, workspace, 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1, "the same key twice is one")

	change := AgentChange{SID: "WK1", At: at(3), Name: "ann", AvailabilitySID: "WA1"}
	w := webhook(workspace, 2)
	w.Agent = &change
	for i := range 2 {
		_, duplicate, err := s.Receive(ctx, w)
		require.NoError(t, err)
		require.Equal(t, i == 1, duplicate)
		change.AvailabilitySID = "WA2" // the second one is not looked at
	}
	one, err := s.Agent(ctx, "WK1")
	require.NoError(t, err)
	require.Equal(t, "WA1", one.Availability.SID)

	miss := AgentMiss{
		SID: "WK1", Name: "ann", Misses: 2, MissedAt: at(4), Call: "CA1", QueueSID: "WQ1", QueueName: "Support", Why: "no-answer", OffSince: at(5), BackAt: at(9),
		BackedAt: at(2), Backs: 1, StaysOff: true,
	}
	step := FloorStep{Workspace: "WS1", Agents: []AgentMiss{miss}, Entries: []Entry{{Number: 7, At: at(5), Kind: "AgentMovedOff", Source: "command", Agents: []string{"WK1"}}}, Acked: 2}
	for range 2 {
		require.NoError(t, s.ProjectFloor(ctx, step))
	}
	one, err = s.Agent(ctx, "WK1")
	require.NoError(t, err)
	require.Equal(t, miss, one.Miss)
	require.Equal(t, "WA1", one.Availability.SID)
	entries, err := s.Stream(ctx, 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, "AgentMovedOff", entries[1].Kind)
	claimed, err := s.Claim(ctx, "me", time.Second, 10, SubjectWorkspace)
	require.NoError(t, err)
	require.Empty(t, claimed, "all is acknowledged")

	_, err = s.Forget(ctx, at(100))
	require.NoError(t, err)
	entries, err = s.Stream(ctx, 0, 10)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func testAgentsCalls(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	leg := func(call, agent, state string, joined int) LegRow {
		return LegRow{CallID: call, CallSID: call + agent, Role: "agent", AgentSID: agent, State: state, JoinedAt: at(joined)}
	}
	for _, step := range []Step{
		{Call: CallRow{ID: "CA1", State: "talking", AgentSID: "WK1", QueueName: "Support", UpdatedAt: at(1)}, Legs: []LegRow{leg("CA1", "WK1", "joined", 3), leg("CA1", "WK2", "left", 9)}},
		{Call: CallRow{ID: "CA2", State: "reserved", AgentSID: "WK2", UpdatedAt: at(1)}},
		{Call: CallRow{ID: "CA3", State: "ended", AgentSID: "WK1", UpdatedAt: at(1), EndedAt: at(1)}, Legs: []LegRow{leg("CA3", "WK1", "left", 2)}},
	} {
		require.NoError(t, s.Project(ctx, step))
	}
	calls, err := s.AgentCalls(ctx, "WK1", "WK2")
	require.NoError(t, err)
	require.Equal(t, []AgentCall{
		{Agent: "WK1", Call: "CA1", State: "talking", QueueName: "Support", LegState: "joined"}, {Agent: "WK2", Call: "CA2", State: "reserved"},
	}, calls)
	answered, err := s.AnsweredAt(ctx, "WK1", "WK2", "WK3")
	require.NoError(t, err)
	require.Len(t, answered, 2)
	require.True(t, at(3).Equal(answered["WK1"]))
	require.True(t, at(9).Equal(answered["WK2"]))
}
