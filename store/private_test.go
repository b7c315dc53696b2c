package store

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func testPrivate(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	entry := func(number int64, source, kind, data string) Entry {
		return Entry{Number: number, At: at(int(number)), Kind: kind, Source: source, State: "talking", Data: json.RawMessage(data)}
	}
	step := func(private []string, entries ...Entry) Step {
		return Step{Call: CallRow{ID: "CA1", State: "talking", UpdatedAt: at(int(entries[len(entries)-1].Number)), Private: private}, Entries: entries}
	}
	require.NoError(t, s.Project(ctx, step(nil, entry(1, "command", "HoldParticipant", `{"command":1,"leg":"CA1"}`))))
	asked := entry(2, "api", "SuperviseRequested", `{"private":true}`)
	asked.Private = true
	require.NoError(t, s.Project(ctx, step([]string{"supervisor-1"}, asked,
		entry(3, "command", "AddParticipant", `{"command":2,"label":"supervisor-1"}`),
		entry(4, "command", "AddParticipant", `{"command":3,"label":"supervisor-10"}`),
	)))
	require.NoError(t, s.Project(ctx, step([]string{"supervisor-1", "CA9"},
		entry(5, "result", "CommandSucceeded", `{"command":1}`),
		entry(6, "result", "CommandFailed", `{"command":2,"failure":{}}`),
		entry(7, "twilio", "ParticipantJoined", `{"call_sid":"CA9"}`),
		entry(8, "twilio", "ParticipantHeld", `{"call_sid":"CA1"}`),
		entry(9, "command", "MuteParticipant", `{"command":4,"leg":"CA9"}`),
		entry(10, "result", "CommandSucceeded", `{"command":4}`),
		entry(11, "result", "CommandSucceeded", `{"command":3}`),
	)))
	received(t, s, ofCall("CA1"), 1)
	require.NoError(t, s.Late(ctx, "CA1", []Delivery{
		{Position: 1, At: at(12), Event: json.RawMessage(`{"kind":"ParticipantLeft","data":{"call_sid":"CA9"}}`)},
	}))

	entries, err := s.Timeline(ctx, "CA1", 0, 20)
	require.NoError(t, err)
	var hidden []int64
	for _, e := range entries {
		if e.Private {
			hidden = append(hidden, e.Number)
		}
	}
	require.Equal(t, []int64{2, 3, 6, 7, 9, 10, -1}, hidden)
	streamed, err := s.Stream(ctx, 0, 20)
	require.NoError(t, err)
	require.Equal(t, entries, streamed)
}

func testConcerned(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	for _, c := range []CallRow{
		{ID: "CA1", State: "talking", UpdatedAt: at(1), Concerned: []string{"WK1", "WK_2"}},
		{ID: "CA2", State: "ended", EndedAt: at(2), UpdatedAt: at(2), Concerned: []string{"WK1"}},
		{ID: "CA3", State: "talking", UpdatedAt: at(3), Concerned: []string{"WK12"}},
	} {
		require.NoError(t, s.Project(ctx, Step{Call: c}))
	}
	for agent, want := range map[string][]string{"WK1": {"CA1"}, "WK_2": {"CA1"}, "WKx2": nil, "WK%": nil, "WK12": {"CA3"}} {
		calls, _, err := s.Calls(ctx, Filter{Agent: agent})
		require.NoError(t, err)
		var got []string
		for _, c := range calls {
			got = append(got, c.Call.ID)
		}
		require.Equal(t, want, got, agent)
	}
}
