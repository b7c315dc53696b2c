package store

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// CallRow is a call as the read model has it. Times are zero until they come.
type CallRow struct {
	ID            string    `json:"id"`
	State         string    `json:"state"` // call.Status
	Outcome       string    `json:"outcome,omitempty"`
	EndedBy       string    `json:"ended_by,omitempty"`
	Direction     string    `json:"direction,omitempty"`
	From          string    `json:"from,omitempty"`
	To            string    `json:"to,omitempty"`
	QueueSID      string    `json:"queue_sid,omitempty"`
	QueueName     string    `json:"queue_name,omitempty"`
	AgentSID      string    `json:"agent_sid,omitempty"`
	AgentName     string    `json:"agent_name,omitempty"`
	TaskSID       string    `json:"task_sid,omitempty"`
	ConferenceSID string    `json:"conference_sid,omitempty"`
	ReceivedAt    time.Time `json:"received_at,omitzero"`
	AnsweredAt    time.Time `json:"answered_at,omitzero"`
	WrappingAt    time.Time `json:"wrapping_at,omitzero"`
	EndedAt       time.Time `json:"ended_at,omitzero"`   // not before State is "ended": retention goes by it
	Revision      int       `json:"revision"`            // of the core that decides for this call
	UpdatedAt     time.Time `json:"updated_at,omitzero"` // default: now
	// Concerned are the agents whom the call concerns now; who has or had a leg in it is known besides.
	Concerned []string `json:"concerned,omitempty"`
	// Private are the labels and CallSids of those of whom agents are not shown that they are there. Entries that name one become
	// private; see [Entry].
	Private  []string        `json:"private,omitempty"`
	Snapshot json.RawMessage `json:"snapshot,omitempty"` // the call's whole state
	Entries  int64           `json:"entries,omitempty"`  // the number of the newest that this row tells; set by the store, absent in lists
}

// LegRow is one person's side of a call.
type LegRow struct {
	CallID    string    `json:"call_id"`
	CallSID   string    `json:"call_sid"`
	Role      string    `json:"role"` // call.Role
	Address   string    `json:"address,omitempty"`
	AgentSID  string    `json:"agent_sid,omitempty"`
	AgentName string    `json:"agent_name,omitempty"`
	State     string    `json:"state"` // call.LegState
	Hold      bool      `json:"hold"`
	Muted     bool      `json:"muted"`
	JoinedAt  time.Time `json:"joined_at,omitzero"`
	LeftAt    time.Time `json:"left_at,omitzero"`
	Reason    string    `json:"reason,omitempty"` // of leaving
}

// Entry is one line of the timeline: an event as applied, a command as given, a result as it came.
type Entry struct {
	Call string `json:"call"`
	// Number counts within the call from 1. What came too late has the negative of its position in the inbox.
	Number int64 `json:"number"`
	// Seq counts over all calls, in the order of commits; the store sets it.
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Source  string    `json:"source"` // "twilio", "api", "command", "result", "clock"
	State   string    `json:"state"`  // the call's, afterwards
	Outcome string    `json:"outcome,omitempty"`
	Late    bool      `json:"late,omitempty"` // the call was over
	// Private entries are not for agents. The store sets it of those that name somebody in [CallRow].Private, and of what came of their
	// commands.
	Private bool            `json:"private,omitempty"`
	Agents  []string        `json:"agents,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// CallWithLegs is a call and its legs, the customer's first.
type CallWithLegs struct {
	Call CallRow  `json:"call"`
	Legs []LegRow `json:"legs"`
}

const (
	callColumns = `id, state, outcome, ended_by, direction, from_address, to_address, queue_sid, queue_name, agent_sid, agent_name,
		task_sid, conference_sid, received_at, answered_at, wrapping_at, ended_at, revision, updated_at, concerned, private`
	legColumns   = `call_id, call_sid, role, address, agent_sid, agent_name, state, hold, muted, joined_at, left_at, reason`
	entryColumns = `seq, call_id, number, happened_at, kind, source, state, outcome, late, agents, data, private`
)

// scanner is a row: *sql.Row or *sql.Rows.
type scanner interface{ Scan(into ...any) error }

// scanWholeCall reads callColumns, the snapshot and the newest entry's number.
func scanWholeCall(row scanner) (CallRow, error) {
	var c CallRow
	err := row.Scan(append(c.columns(), (*text)(&c.Snapshot), &c.Entries)...)
	return c, err
}

func (c *CallRow) columns() []any {
	return []any{
		&c.ID, &c.State, &c.Outcome, &c.EndedBy, &c.Direction, &c.From, &c.To, &c.QueueSID, &c.QueueName, &c.AgentSID, &c.AgentName,
		&c.TaskSID, &c.ConferenceSID,
		micros{&c.ReceivedAt},
		micros{&c.AnsweredAt},
		micros{&c.WrappingAt},
		micros{&c.EndedAt},
		&c.Revision,
		micros{&c.UpdatedAt},
		list{&c.Concerned},
		list{&c.Private},
	}
}

func scanLeg(row scanner) (l LegRow, err error) {
	err = row.Scan(&l.CallID, &l.CallSID, &l.Role, &l.Address, &l.AgentSID, &l.AgentName, &l.State, &l.Hold, &l.Muted,
		micros{&l.JoinedAt}, micros{&l.LeftAt}, &l.Reason)
	return l, err
}

func scanEntry(row scanner) (e Entry, err error) {
	var agents []byte
	err = row.Scan(&e.Seq, &e.Call, &e.Number, micros{&e.At}, &e.Kind, &e.Source, &e.State, &e.Outcome, &e.Late, &agents,
		(*text)(&e.Data), &e.Private)
	if err != nil {
		return e, err
	}
	err = json.Unmarshal(agents, &e.Agents)
	return e, err
}

// text stores JSON as text; nil is NULL.
type text json.RawMessage

func (t *text) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = nil
	case string:
		*t = text(v)
	case []byte:
		*t = text(append([]byte(nil), v...))
	default:
		return fmt.Errorf("JSON is stored as %T", v)
	}
	return nil
}

// list is a JSON array of strings; the empty text is none.
type list struct{ v *[]string }

func (l list) Scan(v any) error {
	var raw text
	if err := raw.Scan(v); err != nil {
		return err
	}
	*l.v = nil
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, l.v)
}

// Value writes the list.
func (l list) Value() (driver.Value, error) {
	if len(*l.v) == 0 {
		return "", nil
	}
	raw, err := json.Marshal(*l.v)
	return string(raw), err
}

func nullable(j json.RawMessage) any {
	if j == nil {
		return nil
	}
	return string(j)
}

// gather reads all rows and closes them.
func gather[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) (all []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// collect is gather with the operation's name in its error.
func collect[T any](op string, rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	all, err := gather(rows, err, scan)
	return all, wrap(op, err)
}
