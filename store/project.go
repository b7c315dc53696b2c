package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// Step is what one step of a call's workflow did: the call as it is now, the timeline entries that brought it there, and the inbox
// position up to which its events are applied.
type Step struct {
	Call    CallRow  `json:"call"`
	Legs    []LegRow `json:"legs"` // all of them, the customer's first
	Entries []Entry  `json:"entries"`
	Acked   int64    `json:"acked"`
	Bot     *BotStep `json:"bot,omitempty"` // nil: no bot of ours has or had the call
}

// Project writes a step, in one transaction. A step that was written before changes nothing, and one that is older than what is there
// adds its missing entries and no more: neither the call's row nor what was acknowledged ever goes back. Steps are ordered by their
// UpdatedAt, and by their last entry's number where that is equal.
//
// A workflow's task writes its step before the engine takes the task's result. Is that thrown away (an event came in meanwhile, the
// process died), the task runs again, sees more than before, and numbers anew: what the newer step contradicts is taken back then.
func (s *Store) Project(ctx context.Context, step Step) error {
	if step.Call.ID == "" {
		return errors.New("store: project: a step without a call's ID")
	}
	for _, e := range step.Entries {
		if e.Number < 1 || e.Call != "" && e.Call != step.Call.ID {
			return fmt.Errorf("store: project: entry %d of call %q in a step of call %q", e.Number, e.Call, step.Call.ID)
		}
	}
	var seq int64
	err := s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		// The call's row comes first: it is the lock under which the rest is written.
		newer, err := s.putCall(ctx, tx, step)
		if err != nil {
			return err
		}
		if newer {
			if err := putLegs(ctx, tx, step); err != nil {
				return err
			}
			if err := retract(ctx, tx, step.Call.ID, step.Entries); err != nil {
				return err
			}
			if err := noteTask(ctx, tx, step.Call.TaskSID, step.Call.ID, s.stamp(step.Call.UpdatedAt)); err != nil {
				return err
			}
			if err := s.putSession(ctx, tx, step); err != nil {
				return err
			}
		}
		// Every transaction takes its locks in this order: call, session, subject, counter. The counter is everybody's, and held the shortest.
		if step.Acked > 0 {
			if err := acknowledge(ctx, tx, Subject{Kind: SubjectCall, ID: step.Call.ID}, step.Acked); err != nil {
				return err
			}
		}
		seq, err = s.append(ctx, tx, step.Call.ID, step.Call.Private, step.Entries)
		return err
	})
	if err != nil {
		return wrap("project", err)
	}
	if seq > 0 {
		s.tellStep(seq)
		s.neighbours.tellStep(seq)
	}
	return nil
}

// putCall writes the call's row unless a newer step did.
func (s *Store) putCall(ctx context.Context, tx *sqlx.Tx, step Step) (newer bool, err error) {
	c := step.Call
	var number int64
	for _, e := range step.Entries {
		number = max(number, e.Number)
	}
	updated := s.stamp(c.UpdatedAt)
	created := updated
	if !c.ReceivedAt.IsZero() {
		created = c.ReceivedAt.UnixMicro()
	}
	rows, err := tx.QueryContext(ctx, tx.Rebind(`
		INSERT INTO calls (`+callColumns+`, created_at, last_number, snapshot)
		VALUES `+tuples(24, 1)+`
		ON CONFLICT (id) DO UPDATE SET
			state = excluded.state, outcome = excluded.outcome, ended_by = excluded.ended_by, direction = excluded.direction,
			from_address = excluded.from_address, to_address = excluded.to_address,
			queue_sid = excluded.queue_sid, queue_name = excluded.queue_name,
			agent_sid = excluded.agent_sid, agent_name = excluded.agent_name,
			task_sid = excluded.task_sid, conference_sid = excluded.conference_sid,
			received_at = excluded.received_at, answered_at = excluded.answered_at,
			wrapping_at = excluded.wrapping_at, ended_at = excluded.ended_at,
			revision = excluded.revision, updated_at = excluded.updated_at, concerned = excluded.concerned, private = excluded.private,
			snapshot = excluded.snapshot,
			last_number = CASE WHEN excluded.last_number = 0 THEN calls.last_number ELSE excluded.last_number END
		WHERE excluded.updated_at > calls.updated_at
			OR (excluded.updated_at = calls.updated_at AND excluded.last_number >= calls.last_number)
		RETURNING last_number`),
		plainArgs(c.ID, c.State, c.Outcome, c.EndedBy, c.Direction, c.From, c.To, c.QueueSID, c.QueueName, c.AgentSID, c.AgentName,
			c.TaskSID, c.ConferenceSID, micros{&c.ReceivedAt}, micros{&c.AnsweredAt}, micros{&c.WrappingAt}, micros{&c.EndedAt},
			c.Revision, updated, list{&c.Concerned}, list{&c.Private}, created, number, nullable(c.Snapshot))...)
	written, err := gather(rows, err, func(row scanner) (n int64, err error) {
		err = row.Scan(&n)
		return n, err
	})
	return len(written) > 0, err
}

func putLegs(ctx context.Context, tx *sqlx.Tx, step Step) error {
	if len(step.Legs) == 0 {
		return nil
	}
	args := make([]any, 0, 13*len(step.Legs))
	for i, l := range step.Legs {
		args = append(args, step.Call.ID, l.CallSID, l.Role, l.Address, l.AgentSID, l.AgentName, l.State, l.Hold, l.Muted,
			micros{&l.JoinedAt}, micros{&l.LeftAt}, l.Reason, i)
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		INSERT INTO legs (`+legColumns+`, ordinal) VALUES `+tuples(13, len(step.Legs))+`
		ON CONFLICT (call_id, call_sid) DO UPDATE SET
			role = excluded.role, address = excluded.address, agent_sid = excluded.agent_sid, agent_name = excluded.agent_name,
			state = excluded.state, hold = excluded.hold, muted = excluded.muted, joined_at = excluded.joined_at,
			left_at = excluded.left_at, reason = excluded.reason, ordinal = excluded.ordinal`), plainArgs(args...)...)
	return err
}

// append adds those entries to the timeline that it has not, and returns the last one's seq; 0 when it has them all. The counter's row
// is locked until the commit: so whoever has seen a seq has seen all before it.
func (s *Store) append(ctx context.Context, tx *sqlx.Tx, id string, private []string, entries []Entry) (seq int64, err error) {
	entries, err = missing(ctx, tx, id, entries)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	if err := hide(ctx, tx, id, private, entries); err != nil {
		return 0, err
	}
	err = tx.GetContext(ctx, &seq, tx.Rebind(`UPDATE counters SET value = value + ? WHERE name = 'timeline' RETURNING value`),
		len(entries))
	if err != nil {
		return 0, err
	}
	next := seq - int64(len(entries)) + 1
	for chunk := range slices.Chunk(entries, 64) {
		args := make([]any, 0, 12*len(chunk))
		for _, e := range chunk {
			agents, err := json.Marshal(append([]string{}, e.Agents...))
			if err != nil {
				return 0, err
			}
			args = append(args, next, id, e.Number, s.stamp(e.At), e.Kind, e.Source, e.State, e.Outcome, e.Late, string(agents),
				nullable(e.Data), e.Private)
			next++
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO timeline (`+entryColumns+`) VALUES `+tuples(12, len(chunk))+`
			ON CONFLICT (call_id, number) DO NOTHING`), plainArgs(args...)...)
		if err != nil {
			return 0, err
		}
	}
	return seq, nil
}

// retract takes entries of the call back from the first one on that is not as the step has it. Whoever read them from the stream gets the
// true ones under new places in it.
func retract(ctx context.Context, tx *sqlx.Tx, id string, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	known, first := map[int64]Entry{}, entries[0].Number
	for _, e := range entries {
		known[e.Number], first = e, min(first, e.Number)
	}
	rows, err := tx.QueryContext(ctx, tx.Rebind(`
		SELECT number, kind, source, COALESCE(data, '') FROM timeline WHERE call_id = ? AND number >= ? ORDER BY number`), id, first)
	wrong, err := gather(rows, err, func(row scanner) (n int64, err error) {
		var kind, source, data string
		if err := row.Scan(&n, &kind, &source, &data); err != nil {
			return 0, err
		}
		if e, ok := known[n]; ok && e.Kind == kind && e.Source == source && string(e.Data) == data {
			return 0, nil
		}
		return n, nil
	})
	if err != nil {
		return err
	}
	wrong = slices.DeleteFunc(wrong, func(n int64) bool { return n == 0 })
	if len(wrong) == 0 {
		return nil
	}
	_, err = tx.ExecContext(ctx, tx.Rebind(`DELETE FROM timeline WHERE call_id = ? AND number >= ?`), id, wrong[0])
	return err
}

// missing are the entries that the timeline has not, in order of their numbers.
func missing(ctx context.Context, tx *sqlx.Tx, id string, entries []Entry) ([]Entry, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return int(a.Number - b.Number) })
	rows, err := tx.QueryContext(ctx, tx.Rebind(`SELECT number FROM timeline WHERE call_id = ? AND number BETWEEN ? AND ?`),
		id, entries[0].Number, entries[len(entries)-1].Number)
	known, err := gather(rows, err, func(row scanner) (n int64, err error) {
		err = row.Scan(&n)
		return n, err
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e Entry) bool {
		if slices.Contains(known, e.Number) {
			return true
		}
		known = append(known, e.Number) // the same number twice in one step counts once
		return false
	}), nil
}

// Late writes events that came after their call had ended into its timeline, and acknowledges them. They change nothing else. One that is
// acknowledged already is passed over: the call took it before it ended, and said so only after it was sent again, or it is told again.
func (s *Store) Late(ctx context.Context, callID string, late []Delivery) error {
	if len(late) == 0 {
		return nil
	}
	entries := make([]Entry, 0, len(late))
	acked := int64(0)
	for _, d := range late {
		var envelope struct {
			Kind string          `json:"kind"`
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(d.Event, &envelope); err != nil {
			return wrap("late", err)
		}
		entries = append(entries, Entry{
			Number: -d.Position, At: d.At, Kind: envelope.Kind, Source: "twilio", Late: true, Data: envelope.Data,
		})
		acked = max(acked, d.Position)
	}
	var seq int64
	err := s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		// The subject's row is the lock here, for the call may have no row of its own.
		taken, err := acknowledged(ctx, tx, Subject{Kind: SubjectCall, ID: callID})
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return -e.Number <= taken })
		if err := acknowledge(ctx, tx, Subject{Kind: SubjectCall, ID: callID}, acked); err != nil {
			return err
		}
		private, err := asOf(ctx, tx, callID, fresh)
		if err != nil {
			return err
		}
		seq, err = s.append(ctx, tx, callID, private, fresh)
		return err
	})
	if err != nil {
		return wrap("late", err)
	}
	if seq > 0 {
		s.tellStep(seq)
		s.neighbours.tellStep(seq)
	}
	return nil
}

// asOf gives entries the state, outcome and agents that the call has in the read model, and says who is private in it.
func asOf(ctx context.Context, tx *sqlx.Tx, callID string, entries []Entry) (private []string, err error) {
	rows, err := tx.QueryContext(ctx, tx.Rebind(`
		SELECT c.state, c.outcome, c.agent_sid, COALESCE(l.agent_sid, ''), c.private FROM calls c
		LEFT JOIN legs l ON l.call_id = c.id AND l.agent_sid <> ''
		WHERE c.id = ? ORDER BY l.ordinal`), callID)
	var state, outcome string
	var agents []string
	_, err = gather(rows, err, func(row scanner) (none struct{}, err error) {
		var last, leg string
		err = row.Scan(&state, &outcome, &last, &leg, list{&private})
		for _, agent := range []string{leg, last} {
			if agent != "" && !slices.Contains(agents, agent) {
				agents = append(agents, agent)
			}
		}
		return none, err
	})
	for i := range entries {
		entries[i].State, entries[i].Outcome, entries[i].Agents = state, outcome, agents
	}
	return private, err
}

// tuples are n groups of place holders for an INSERT: "(?, ?), (?, ?)".
func tuples(columns, n int) string {
	tuple := "(" + strings.Repeat("?, ", columns-1) + "?)"
	return strings.Repeat(tuple+", ", n-1) + tuple
}
