package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// talking is a step that fills every column.
func talking(id string) Step {
	return Step{
		Call: CallRow{
			ID: id, State: "talking", Outcome: "completed", EndedBy: "customer", Direction: "inbound", From: "+15551230001",
			To: "+15559990000", QueueSID: "WQ1", QueueName: "Sales", AgentSID: "WK1", AgentName: "ann", TaskSID: "WT-" + id,
			ConferenceSID: "CF1", ReceivedAt: at(1), AnsweredAt: at(2), WrappingAt: at(3), EndedAt: at(4), Revision: 1,
			UpdatedAt: at(5), Concerned: []string{"WK1", "WK2"}, Private: []string{"supervisor-9"}, Snapshot: json.RawMessage(`{"id":"CA1"}`),
		},
		Legs: []LegRow{
			{CallID: id, CallSID: id, Role: "customer", Address: "+15551230001", State: "joined", Hold: true, JoinedAt: at(2)},
			{
				CallID: id, CallSID: "CA-agent", Role: "agent", Address: "client:ann", AgentSID: "WK1", AgentName: "ann", State: "left",
				Muted: true, JoinedAt: at(2), LeftAt: at(3), Reason: "participant_hung_up",
			},
		},
		Entries: []Entry{
			{Number: 1, At: at(1), Kind: "CallReceived", Source: "twilio", State: "queued"},
			{
				Number: 2, At: at(2), Kind: "ParticipantJoined", Source: "twilio", State: "talking", Outcome: "completed",
				Agents: []string{"WK1", "WK2"}, Data: json.RawMessage(`{"call_sid":"CA1","hold":false}`),
			},
		},
		Acked: 2,
	}
}

// placed are entries as they are read back.
func placed(id string, seq int64, entries ...Entry) []Entry {
	out := make([]Entry, len(entries))
	for i, e := range entries {
		e.Call, e.Seq = id, seq+int64(i)
		if e.Agents == nil {
			e.Agents = []string{}
		}
		out[i] = e
	}
	return out
}

func testProject(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	var told []int64
	off := s.OnStep(func(seq int64) { told = append(told, seq) })
	defer off()
	received(t, s, ofCall("CA1"), 3)
	step := talking("CA1")

	require.NoError(t, s.Project(ctx, step))
	c, legs, err := s.Call(ctx, "CA1")
	require.NoError(t, err)
	want := step.Call
	want.Entries = 2 // so a call that begins again knows where its timeline is
	require.Equal(t, want, c, "everything is read as it was written")
	require.Equal(t, step.Legs, legs)
	entries, err := s.Timeline(ctx, "CA1", 0, 10)
	require.NoError(t, err)
	require.Equal(t, placed("CA1", 1, step.Entries...), entries)
	task, ok, err := s.CallOfTask(ctx, "WT-CA1")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "CA1", task)
	waiting, err := s.Claim(ctx, "me", time.Minute, 10)
	require.NoError(t, err)
	require.Equal(t, []Claimed{{Subject: ofCall("CA1"), Acked: 2, Last: 3}}, waiting)
	require.Equal(t, []int64{2}, told)

	require.NoError(t, s.Project(ctx, step), "again")
	seq, err := s.LastSeq(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, seq, "nothing is counted twice")
	require.Equal(t, []int64{2}, told, "nor told")

	minimal := Step{Call: CallRow{ID: "CA2", State: "queued"}, Entries: []Entry{{Number: 1, Kind: "TaskCreated", Source: "twilio"}}}
	before := time.Now().Add(-time.Second)
	require.NoError(t, s.Project(ctx, minimal))
	c, legs, err = s.Call(ctx, "CA2")
	require.NoError(t, err)
	require.Empty(t, legs)
	require.True(t, c.ReceivedAt.IsZero(), "what has not happened has no time")
	require.True(t, c.EndedAt.IsZero())
	require.True(t, c.UpdatedAt.After(before), "what has no time was written now")
	require.Nil(t, c.Snapshot)
	entries, err = s.Timeline(ctx, "CA2", 0, 10)
	require.NoError(t, err)
	require.EqualValues(t, 3, entries[0].Seq, "over all calls")
	require.Nil(t, entries[0].Data)

	_, _, err = s.Call(ctx, "CA9")
	require.ErrorIs(t, err, ErrNotFound)
	require.Error(t, s.Project(ctx, Step{}), "without an ID")
	require.Error(t, s.Project(ctx, Step{Call: CallRow{ID: "CA1"}, Entries: []Entry{{Number: 0}}}))
	require.Error(t, s.Project(ctx, Step{Call: CallRow{ID: "CA1"}, Entries: []Entry{{Call: "CA2", Number: 9}}}))
	seq, err = s.LastSeq(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 3, seq)
}

func testProjectStale(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	received(t, s, ofCall("CA1"), 5)
	project := func(state string, hold bool, acked int64, updated int, numbers ...int64) {
		step := Step{
			Call: CallRow{ID: "CA1", State: state, UpdatedAt: at(updated)}, Legs: []LegRow{{CallSID: "CA1", Hold: hold}}, Acked: acked,
		}
		for _, n := range numbers {
			step.Entries = append(step.Entries, Entry{Number: n, At: at(int(n)), Kind: "ParticipantHeld", Source: "twilio"})
		}
		require.NoError(t, s.Project(ctx, step))
	}
	check := func(state string, hold bool, acked int64, numbers ...int64) {
		t.Helper()
		c, legs, err := s.Call(ctx, "CA1")
		require.NoError(t, err)
		require.Equal(t, state, c.State)
		require.Len(t, legs, 1)
		require.Equal(t, hold, legs[0].Hold)
		claimed, _, err := s.ClaimOne(ctx, "me", time.Minute, ofCall("CA1"))
		require.NoError(t, err)
		require.Equal(t, acked, claimed.Acked)
		entries, err := s.Timeline(ctx, "CA1", 0, 100)
		require.NoError(t, err)
		var got []int64
		for i, e := range entries {
			require.EqualValues(t, i+1, e.Seq, "no seq is lost")
			got = append(got, e.Number)
		}
		require.Equal(t, numbers, got)
	}
	project("held", true, 3, 10, 4, 3)
	check("held", true, 3, 3, 4)
	project("queued", false, 1, 2, 1, 2)
	check("held", true, 3, 3, 4, 1, 2)
	project("queued", false, 1, 3, 2, 3, 3)
	check("held", true, 3, 3, 4, 1, 2)
	project("talking", false, 4, 15, 4, 5)
	check("talking", false, 4, 3, 4, 1, 2, 5)
	project("queued", true, 0, 5)
	check("talking", false, 4, 3, 4, 1, 2, 5)
	project("held", true, 0, 16)
	check("held", true, 4, 3, 4, 1, 2, 5)
	project("queued", false, 5, 15, 5)
	check("held", true, 5, 3, 4, 1, 2, 5)
}

func testLate(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	received(t, s, ofCall("CA1"), 4)
	step := talking("CA1")
	step.Call.State = "ended"
	require.NoError(t, s.Project(ctx, step))
	var told []int64
	off := s.OnStep(func(seq int64) { told = append(told, seq) })
	defer off()

	waiting, err := s.Waiting(ctx, ofCall("CA1"), 2, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 2)
	all, err := s.Waiting(ctx, ofCall("CA1"), 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.NoError(t, s.Late(ctx, "CA1", all), "of which the call took two before it ended")
	require.NoError(t, s.Late(ctx, "CA1", waiting[:1]), "told again")
	require.NoError(t, s.Late(ctx, "CA1", nil))

	entries, err := s.Timeline(ctx, "CA1", 2, 10)
	require.NoError(t, err)
	late := Entry{Kind: "ParticipantHeld", Source: "twilio", State: "ended", Outcome: "completed", Late: true, Agents: []string{"WK1"}}
	third, fourth := late, late
	third.Number, third.At, third.Data = -3, at(3), json.RawMessage(`{"sequence":3}`)
	fourth.Number, fourth.At, fourth.Data = -4, at(4), json.RawMessage(`{"sequence":4}`)
	require.ElementsMatch(t, placed("CA1", 3, fourth, third), entries)
	require.Equal(t, []int64{4}, told)

	c, _, err := s.Call(ctx, "CA1")
	require.NoError(t, err)
	want := step.Call
	want.Entries = 2
	require.Equal(t, want, c, "the call is as it was")
	claimed, err := s.Claim(ctx, "me", time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, claimed, "all is acknowledged")

	received(t, s, ofCall("CA2"), 1)
	require.NoError(t, s.Late(ctx, "CA2", []Delivery{{Position: 1, At: at(1), Event: event(1)}}), "of a call that never began")
	_, _, err = s.Call(ctx, "CA2")
	require.ErrorIs(t, err, ErrNotFound, "none begins")
	entries, err = s.Timeline(ctx, "CA2", 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Error(t, s.Late(ctx, "CA1", []Delivery{{Position: 9, Event: json.RawMessage(`[`)}}))
}

func testStream(t *testing.T, open opener) {
	const calls, steps = 8, 25
	s := open(t)
	var all errgroup.Group
	for i := range calls {
		id := "CA" + string(rune('0'+i))
		all.Go(func() error {
			for n := range int64(steps) {
				err := s.Project(t.Context(), Step{
					Call:    CallRow{ID: id, State: "queued", UpdatedAt: at(1)},
					Entries: []Entry{{Number: 2*n + 1, Kind: "a", Source: "twilio"}, {Number: 2*n + 2, Kind: "b", Source: "command"}},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	// A reader beside the writers sees each entry once, in order, with no gap.
	var seen int64
	numbers := map[string]int64{}
	for seen < calls*steps*2 {
		entries, err := s.Stream(t.Context(), seen, 7)
		require.NoError(t, err)
		for _, e := range entries {
			require.Equal(t, seen+1, e.Seq)
			require.Equal(t, numbers[e.Call]+1, e.Number)
			seen, numbers[e.Call] = e.Seq, e.Number
		}
		if len(entries) == 0 && t.Context().Err() != nil {
			break
		}
	}
	require.NoError(t, all.Wait())
	last, err := s.LastSeq(t.Context())
	require.NoError(t, err)
	require.Equal(t, seen, last)
}

// A task that was thrown away has written that the call ended; run again, it saw one event more.
func testAStepTakesBackWhatAThrownAwayTaskWrote(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	entry := func(number int64, kind, source, data string) Entry {
		return Entry{Number: number, At: at(int(number)), Kind: kind, Source: source, State: "wrapping", Data: json.RawMessage(data)}
	}
	step := func(updated int, entries ...Entry) Step {
		return Step{Call: CallRow{ID: "CA1", State: "wrapping", UpdatedAt: at(updated)}, Entries: entries}
	}
	first := entry(1, "TaskCompleted", "twilio", `{"task_sid":"WT1"}`)
	event := entry(2, "ReservationCompleted", "twilio", `{}`)
	result := func(number int64) Entry { return entry(number, "CommandSucceeded", "result", `{"command":1}`) }
	tick := entry(3, "ClockTicked", "clock", `{}`)

	thrownAway := step(2, first, result(2), tick)
	require.NoError(t, s.Project(ctx, thrownAway))
	truth := step(3, first, event, result(3))
	truth.Call.State = "ended"
	require.NoError(t, s.Project(ctx, truth))
	kinds := func() (out []string) {
		entries, err := s.Timeline(ctx, "CA1", 0, 100)
		require.NoError(t, err)
		for _, e := range entries {
			out = append(out, e.Kind)
		}
		return out
	}
	want := []string{"TaskCompleted", "ReservationCompleted", "CommandSucceeded"}
	require.Equal(t, want, kinds())

	seen, err := s.Stream(ctx, 3, 100)
	require.NoError(t, err)
	require.Len(t, seen, 2, "whoever has read the wrong ones gets the true ones")

	require.NoError(t, s.Project(ctx, thrownAway), "a write that comes late")
	require.Equal(t, want, kinds())
	row, _, err := s.Call(ctx, "CA1")
	require.NoError(t, err)
	require.Equal(t, "ended", row.State)

	shorter := step(4, entry(4, "CallReadBack", "result", `{}`))
	require.NoError(t, s.Project(ctx, step(3, result(3), entry(4, "ClockTicked", "clock", `{}`), entry(5, "ReadBack", "command", `{}`))))
	require.NoError(t, s.Project(ctx, shorter), "what was seen anew can be less, too")
	require.Equal(t, append(want, "CallReadBack"), kinds())
}
