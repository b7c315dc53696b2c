package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"
)

// SubjectWorkspace is the kind of the subject that is the workspace; its ID is the workspace's SID.
const SubjectWorkspace = "workspace"

// FloorStep is what one step of the workspace's workflow did: what became of agents who missed, what is told of it, and the inbox position up to
// which its events are applied.
type FloorStep struct {
	Workspace string      `json:"workspace"`
	Agents    []AgentMiss `json:"agents,omitempty"`
	Entries   []Entry     `json:"entries,omitempty"` // numbered from 1; never again with the same number
	Acked     int64       `json:"acked"`
}

// ProjectFloor writes a step, in one transaction. A step that was written before changes nothing.
func (s *Store) ProjectFloor(ctx context.Context, step FloorStep) error {
	var seq int64
	err := s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if step.Acked > 0 {
			if err := acknowledge(ctx, tx, Subject{Kind: SubjectWorkspace, ID: step.Workspace}, step.Acked); err != nil {
				return err
			}
		}
		for _, a := range step.Agents {
			if err := putMiss(ctx, tx, a); err != nil {
				return err
			}
		}
		entries, err := missing(ctx, tx, "", step.Entries)
		if err != nil {
			return err
		}
		seq, err = s.tellOfAgent(ctx, tx, entries...)
		return err
	})
	s.tellSeq(seq, err)
	return wrap("project floor", err)
}

func putMiss(ctx context.Context, tx *sqlx.Tx, a AgentMiss) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		INSERT INTO agents (sid, name, address, availability_sid, availability_name, seen_at,
			misses, missed_at, missed_call, missed_queue_sid, missed_queue_name, missed_why, off_since, back_at, backed_at, backs, stays_off)
		VALUES (?, ?, '', '', '', 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (sid) DO UPDATE SET misses = excluded.misses, missed_at = excluded.missed_at, missed_call = excluded.missed_call,
			missed_queue_sid = excluded.missed_queue_sid, missed_queue_name = excluded.missed_queue_name, missed_why = excluded.missed_why,
			off_since = excluded.off_since, back_at = excluded.back_at, backed_at = excluded.backed_at, backs = excluded.backs,
			stays_off = excluded.stays_off`),
		plainArgs(a.SID, a.Name, a.Misses, micros{&a.MissedAt}, a.Call, a.QueueSID, a.QueueName, a.Why, micros{&a.OffSince}, micros{&a.BackAt},
			micros{&a.BackedAt}, a.Backs, a.StaysOff)...)
	return err
}

// Tell writes something for the workspace down that came by no webhook. event is a floor.Envelope. The same key twice is one.
func (s *Store) Tell(ctx context.Context, workspace, key, kind string, event json.RawMessage) error {
	_, _, err := s.Receive(ctx, Webhook{
		Key: key, Kind: kind, Subject: Subject{Kind: SubjectWorkspace, ID: workspace}, Params: map[string]string{}, Event: event,
	})
	return err
}

// AnsweredAt is when agents last answered a call; those who never did are not in it.
func (s *Store) AnsweredAt(ctx context.Context, agents ...string) (map[string]time.Time, error) {
	at := map[string]time.Time{}
	if len(agents) == 0 {
		return at, nil
	}
	query, args, err := sqlx.In(`SELECT agent_sid, MAX(joined_at) FROM legs WHERE agent_sid IN (?) AND agent_sid <> '' GROUP BY agent_sid`, agents)
	if err != nil {
		return nil, wrap("answered at", err)
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(query), args...)
	_, err = collect("answered at", rows, err, func(row scanner) (none struct{}, err error) {
		var sid string
		var joined time.Time
		if err = row.Scan(&sid, micros{&joined}); err == nil && !joined.IsZero() {
			at[sid] = joined
		}
		return none, err
	})
	return at, err
}

// AgentCall is a call that an agent has now: he is reserved for it, talks, or works after it.
type AgentCall struct {
	Agent     string
	Call      string
	State     string // call.Status
	QueueSID  string
	QueueName string
	From      string
	LegState  string // his leg's, "" where he has none yet
}

// AgentCalls are the calls that agents have now, of those agents.
func (s *Store) AgentCalls(ctx context.Context, agents ...string) ([]AgentCall, error) {
	if len(agents) == 0 {
		return nil, nil
	}
	query, args, err := sqlx.In(`
		SELECT c.agent_sid, c.id, c.state, c.queue_sid, c.queue_name, c.from_address, '' FROM calls c
		WHERE c.state <> 'ended' AND c.agent_sid IN (?)
			AND NOT EXISTS (SELECT 1 FROM legs l WHERE l.call_id = c.id AND l.agent_sid = c.agent_sid AND l.state <> 'left')
		UNION ALL
		SELECT l.agent_sid, c.id, c.state, c.queue_sid, c.queue_name, c.from_address, l.state FROM calls c JOIN legs l ON l.call_id = c.id
		WHERE c.state <> 'ended' AND l.agent_sid IN (?) AND l.agent_sid <> '' AND l.state <> 'left'
		ORDER BY 2`, agents, agents)
	if err != nil {
		return nil, wrap("agents' calls", err)
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(query), args...)
	return collect("agents' calls", rows, err, func(row scanner) (c AgentCall, err error) {
		err = row.Scan(&c.Agent, &c.Call, &c.State, &c.QueueSID, &c.QueueName, &c.From, &c.LegState)
		return c, err
	})
}
