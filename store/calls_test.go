package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func testCalls(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	put := func(id, state, queue, agent string, received int, legs ...LegRow) {
		c := CallRow{ID: id, State: state, QueueSID: queue, AgentSID: agent, UpdatedAt: at(received)}
		if queue != "" {
			c.QueueName = "name of " + queue
		}
		if state != "queued" { // a call that was never seen by our voice webhook is in its place all the same
			c.ReceivedAt = at(received)
		}
		if state == "ended" {
			c.EndedAt = at(received + 1)
		}
		legs = append([]LegRow{{CallSID: id, Role: "customer"}}, legs...)
		require.NoError(t, s.Project(ctx, Step{
			Call: c, Legs: legs, Entries: []Entry{{Number: 1, Kind: "CallReceived", Source: "twilio"}},
		}))
	}
	put("CA1", "ended", "WQ1", "WK1", 1)
	put("CA2", "talking", "WQ1", "WK2", 2, LegRow{CallSID: "CA-leg", Role: "agent", AgentSID: "WK1"})
	put("CA3", "queued", "WQ2", "", 3)
	put("CA4", "talking", "WQ2", "WK2", 4)
	put("CA5", "held", "", "WK1", 4)

	for _, test := range []struct {
		name   string
		filter Filter
		want   []string
	}{
		{"all, newest first, then by ID", Filter{}, []string{"CA5", "CA4", "CA3", "CA2", "CA1"}},
		{"one state", Filter{States: []string{"talking"}}, []string{"CA4", "CA2"}},
		{"several states", Filter{States: []string{"held", "queued"}}, []string{"CA5", "CA3"}},
		{"a queue by SID", Filter{Queue: "WQ1"}, []string{"CA2", "CA1"}},
		{"a queue by name", Filter{Queue: "name of WQ2"}, []string{"CA4", "CA3"}},
		{"an agent, by the call or by a leg", Filter{Agent: "WK1"}, []string{"CA5", "CA2", "CA1"}},
		{"all at once", Filter{Agent: "WK1", Queue: "WQ1", States: []string{"talking"}}, []string{"CA2"}},
		{"none", Filter{Agent: "WK9"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, limit := range []int{0, 1, 2, 5} { // the same by pages of any size
				var got []string
				filter := test.filter
				filter.Limit = limit
				for {
					page, next, err := s.Calls(ctx, filter)
					require.NoError(t, err)
					for _, c := range page {
						got = append(got, c.Call.ID)
						require.Equal(t, c.Call.ID, c.Legs[0].CallSID)
					}
					if next == "" {
						break
					}
					require.Len(t, page, limit)
					filter.Cursor = next
				}
				require.Equal(t, test.want, got, "pages of %d", limit)
			}
		})
	}

	page, _, err := s.Calls(ctx, Filter{Agent: "WK1", Queue: "WQ1", States: []string{"talking"}})
	require.NoError(t, err)
	require.Len(t, page[0].Legs, 2)
	require.Equal(t, "CA-leg", page[0].Legs[1].CallSID)
	require.Equal(t, at(2), page[0].Call.ReceivedAt)

	first, cursor, err := s.Calls(ctx, Filter{Limit: 2})
	require.NoError(t, err)
	require.Len(t, first, 2)
	put("CA6", "talking", "", "", 9)
	second, _, err := s.Calls(ctx, Filter{Limit: 2, Cursor: cursor})
	require.NoError(t, err)
	require.Equal(t, "CA3", second[0].Call.ID, "a call that comes between pages moves nothing")

	for _, cursor := range []string{"x", "!", "Zm9v", "LkNBMQ"} {
		_, _, err := s.Calls(ctx, Filter{Cursor: cursor})
		require.ErrorIs(t, err, ErrCursor, cursor)
	}

	live, err := s.LiveCalls(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"CA2", "CA3", "CA4", "CA5", "CA6"}, live, "oldest first")
	_, next, err := s.Calls(ctx, Filter{Limit: MaxLimit + 1})
	require.NoError(t, err)
	require.Empty(t, next)
}

// What is asked for all the time must not read the whole table.
func TestListsUseTheirIndexes(t *testing.T) {
	t.Parallel()
	s := openSQLite(t)
	plan := func(query string, args ...any) (details string) {
		rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		steps, err := gather(rows, err, func(row scanner) (detail string, err error) {
			var id, parent, unused int
			err = row.Scan(&id, &parent, &unused, &detail)
			return detail, err
		})
		require.NoError(t, err)
		return fmt.Sprint(steps)
	}
	for _, test := range []struct {
		filter Filter
		index  string
	}{
		{Filter{}, "calls_created"},
		{Filter{States: []string{"talking"}}, "calls_state"},
		{Filter{States: []string{"talking", "held"}}, "calls_state"},
	} {
		query, args, err := test.filter.query(50)
		require.NoError(t, err)
		require.Contains(t, plan(query, args...), test.index)
	}
	require.Contains(t, plan(`SELECT id FROM calls WHERE state <> 'ended' ORDER BY created_at, id`), "calls_live")
	require.Contains(t, plan(`SELECT kind, id FROM subjects WHERE acked < last ORDER BY lease_until LIMIT 5`), "subjects_waiting")
	require.Contains(t, plan(`SELECT id FROM calls WHERE ended_at < 1 ORDER BY ended_at LIMIT 5`), "calls_ended")
	require.Contains(t, plan(leftovers[2].find, 1, 2), "timeline_late")
}
