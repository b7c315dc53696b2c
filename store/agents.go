package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// AvailabilityRow is where agents can be: TaskRouter's Activity.
type AvailabilityRow struct {
	SID       string `json:"sid"`
	Name      string `json:"name"`
	Available bool   `json:"available"` // whether agents in it are offered calls
}

// ChannelRow is what an agent can take on one of TaskRouter's task channels.
type ChannelRow struct {
	Channel   string `json:"channel"`            // its unique name, such as "voice"
	Capacity  int    `json:"capacity,omitempty"` // tasks at once; -1 where it is not known
	Tasks     int    `json:"tasks"`              // that he has
	Free      int    `json:"free"`               // percent of the capacity
	Available bool   `json:"available"`
}

// AgentRow is an agent as the read model has him.
type AgentRow struct {
	SID            string
	Name           string
	Address        string // his contact_uri
	Availability   AvailabilityRow
	AvailabilityAt time.Time // since when
	Channels       []ChannelRow
	Miss           AgentMiss
}

// AgentMiss is what became of an agent who missed a call. Times are zero until they come.
type AgentMiss struct {
	SID       string    `json:"sid"`
	Name      string    `json:"name,omitempty"`
	Misses    int       `json:"misses"` // in a row
	MissedAt  time.Time `json:"missed_at,omitzero"`
	Call      string    `json:"call,omitempty"` // the last one that he missed
	QueueSID  string    `json:"queue_sid,omitempty"`
	QueueName string    `json:"queue_name,omitempty"`
	Why       string    `json:"why,omitempty"`
	OffSince  time.Time `json:"off_since,omitzero"` // while he is off for it
	BackAt    time.Time `json:"back_at,omitzero"`   // when he is to be brought back
	BackedAt  time.Time `json:"backed_at,omitzero"` // when he was brought back last
	Backs     int       `json:"backs,omitempty"`    // how often since he last answered
	StaysOff  bool      `json:"stays_off,omitempty"`
}

// AgentChange is what TaskRouter says of an agent.
type AgentChange struct {
	SID              string      `json:"sid"`
	Kind             string      `json:"kind"` // the entry's in the live stream
	At               time.Time   `json:"at"`   // by TaskRouter's clock; what is older than what is known does not count
	Removed          bool        `json:"removed,omitempty"`
	Name             string      `json:"name,omitempty"`
	Address          *string     `json:"address,omitempty"` // nil is not told: TaskRouter's lists leave attributes out
	AvailabilitySID  string      `json:"availability_sid,omitempty"`
	AvailabilityName string      `json:"availability_name,omitempty"`
	Since            time.Time   `json:"since,omitzero"` // default: At, if it is another one than before
	Channel          *ChannelRow `json:"channel,omitempty"`
}

// Kinds of entries about agents.
const (
	KindAgentAvailability = "AgentAvailabilityChanged"
	KindAgentCapacity     = "AgentCapacityChanged"
	KindAgentChanged      = "AgentChanged"
	KindAgentRemoved      = "AgentRemoved"
)

// ApplyAgent writes down what TaskRouter says of an agent.
func (s *Store) ApplyAgent(ctx context.Context, c AgentChange) error {
	var seq int64
	err := s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) (err error) {
		seq, err = s.applyAgent(ctx, tx, c)
		return err
	})
	s.tellSeq(seq, err)
	return wrap("agent", err)
}

func (s *Store) tellSeq(seq int64, err error) {
	if err == nil && seq > 0 {
		s.tellStep(seq)
		s.neighbours.tellStep(seq)
	}
}

// applyAgent returns the seq of the entry that tells of it; 0 if it changed nothing.
func (s *Store) applyAgent(ctx context.Context, tx *sqlx.Tx, c AgentChange) (seq int64, err error) {
	at := s.stamp(c.At)
	if c.Removed {
		return s.removeAgent(ctx, tx, c, at)
	}
	var was struct {
		name, address, availability string
		seen                        int64
	}
	known := true
	err = tx.QueryRowContext(ctx, tx.Rebind(`SELECT name, address, availability_sid, seen_at FROM agents WHERE sid = ?`), c.SID).
		Scan(&was.name, &was.address, &was.availability, &was.seen)
	if errors.Is(err, sql.ErrNoRows) {
		known, err = false, nil
	}
	if err != nil {
		return 0, err
	}
	address := was.address
	if c.Address != nil {
		address = *c.Address
	}
	changed, moved := false, false
	if !known || at >= was.seen {
		moved = was.availability != c.AvailabilitySID
		changed = !known || moved || was.name != c.Name || was.address != address
		since := c.Since
		if since.IsZero() {
			since = c.At
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`
			INSERT INTO agents (sid, name, address, availability_sid, availability_name, availability_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (sid) DO UPDATE SET name = excluded.name, address = excluded.address,
				availability_at = CASE WHEN agents.availability_sid = excluded.availability_sid THEN agents.availability_at ELSE excluded.availability_at END,
				availability_sid = excluded.availability_sid, availability_name = excluded.availability_name, seen_at = excluded.seen_at
			WHERE excluded.seen_at >= agents.seen_at`),
			plainArgs(c.SID, c.Name, address, c.AvailabilitySID, c.AvailabilityName, micros{&since}, at)...)
		if err != nil {
			return 0, err
		}
	}
	if c.Channel != nil {
		newer, err := putChannel(ctx, tx, c.SID, *c.Channel, at)
		if err != nil {
			return 0, err
		}
		changed = changed || newer
	}
	if !changed {
		return 0, nil
	}
	kind := c.Kind
	if moved {
		kind = KindAgentAvailability
	}
	data, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	return s.tellOfAgent(ctx, tx, Entry{At: c.At, Kind: kind, Source: "twilio", Agents: []string{c.SID}, Data: data})
}

func (s *Store) removeAgent(ctx context.Context, tx *sqlx.Tx, c AgentChange, at int64) (int64, error) {
	result, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM agents WHERE sid = ? AND seen_at <= ?`), c.SID, at)
	if err != nil {
		return 0, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM agent_channels WHERE agent_sid = ?`), c.SID); err != nil {
		return 0, err
	}
	return s.tellOfAgent(ctx, tx, Entry{At: c.At, Kind: KindAgentRemoved, Source: "twilio", Agents: []string{c.SID}, Data: json.RawMessage(`{}`)})
}

// putChannel writes what an agent can take on a channel, unless something newer is known, and says whether that changed anything. A capacity that is
// not told stays.
func putChannel(ctx context.Context, tx *sqlx.Tx, agent string, c ChannelRow, at int64) (changed bool, err error) {
	result, err := tx.ExecContext(ctx, tx.Rebind(`
		INSERT INTO agent_channels (agent_sid, channel, capacity, tasks, free, available, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (agent_sid, channel) DO UPDATE SET
			capacity = CASE WHEN excluded.capacity < 0 THEN agent_channels.capacity ELSE excluded.capacity END,
			tasks = excluded.tasks, free = excluded.free, available = excluded.available, seen_at = excluded.seen_at
		WHERE excluded.seen_at >= agent_channels.seen_at AND (excluded.tasks <> agent_channels.tasks OR excluded.free <> agent_channels.free
			OR excluded.available <> agent_channels.available OR (excluded.capacity >= 0 AND excluded.capacity <> agent_channels.capacity))`),
		plainArgs(agent, c.Channel, c.Capacity, c.Tasks, c.Free, c.Available, at)...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// tellOfAgent puts entries that are about no call into the live stream. Those without a number get one that nobody else has.
func (s *Store) tellOfAgent(ctx context.Context, tx *sqlx.Tx, entries ...Entry) (seq int64, err error) {
	for _, e := range entries {
		err = tx.GetContext(ctx, &seq, `UPDATE counters SET value = value + 1 WHERE name = 'timeline' RETURNING value`)
		if err != nil {
			return 0, err
		}
		if e.Number == 0 {
			e.Number = -seq
		}
		agents, err := json.Marshal(append([]string{}, e.Agents...))
		if err != nil {
			return 0, err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`INSERT INTO timeline (`+entryColumns+`) VALUES `+tuples(12, 1)+`
			ON CONFLICT (call_id, number) DO NOTHING`),
			plainArgs(seq, "", e.Number, s.stamp(e.At), e.Kind, e.Source, "", "", false, string(agents), nullable(e.Data), e.Private)...)
		if err != nil {
			return 0, err
		}
	}
	return seq, nil
}

// Floor is the workspace as it was read: every availability and every agent there is.
type Floor struct {
	At             time.Time // when the reading began
	Availabilities []AvailabilityRow
	Agents         []AgentChange
}

// ReplaceFloor writes a workspace down as it was read. Agents and availabilities that are not in it, and were not told of since, are gone.
func (s *Store) ReplaceFloor(ctx context.Context, f Floor) error {
	if err := s.replaceAvailabilities(ctx, f); err != nil {
		return wrap("floor", err)
	}
	read := make(map[string]bool, len(f.Agents))
	for _, a := range f.Agents {
		read[a.SID] = true
		if err := s.ApplyAgent(ctx, a); err != nil {
			return err
		}
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`SELECT sid FROM agents WHERE seen_at < ?`), f.At.UnixMicro())
	old, err := collect("floor", rows, err, func(row scanner) (sid string, err error) {
		err = row.Scan(&sid)
		return sid, err
	})
	if err != nil {
		return err
	}
	for _, sid := range old {
		if read[sid] {
			continue
		}
		if err := s.ApplyAgent(ctx, AgentChange{SID: sid, At: f.At, Removed: true}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) replaceAvailabilities(ctx context.Context, f Floor) error {
	return s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		at := f.At.UnixMicro()
		for _, a := range f.Availabilities {
			if err := putAvailability(ctx, tx, a, at); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM availabilities WHERE seen_at < ?`), at)
		return err
	})
}

func putAvailability(ctx context.Context, tx *sqlx.Tx, a AvailabilityRow, at int64) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		INSERT INTO availabilities (sid, name, available, seen_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (sid) DO UPDATE SET name = excluded.name, available = excluded.available, seen_at = excluded.seen_at
		WHERE excluded.seen_at >= availabilities.seen_at`), plainArgs(a.SID, a.Name, a.Available, at)...)
	return err
}

// Availabilities lists where agents can be, by name.
func (s *Store) Availabilities(ctx context.Context) ([]AvailabilityRow, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT sid, name, available FROM availabilities ORDER BY name, sid`)
	return collect("availabilities", rows, err, func(row scanner) (a AvailabilityRow, err error) {
		err = row.Scan(&a.SID, &a.Name, &a.Available)
		return a, err
	})
}

const agentColumns = `a.sid, a.name, a.address, a.availability_sid, COALESCE(v.name, a.availability_name), COALESCE(v.available, FALSE), a.availability_at,
	a.misses, a.missed_at, a.missed_call, a.missed_queue_sid, a.missed_queue_name, a.missed_why, a.off_since, a.back_at, a.backed_at, a.backs, a.stays_off`

const agentTables = ` FROM agents a LEFT JOIN availabilities v ON v.sid = a.availability_sid `

func scanAgent(row scanner) (a AgentRow, err error) {
	err = row.Scan(&a.SID, &a.Name, &a.Address, &a.Availability.SID, &a.Availability.Name, &a.Availability.Available, micros{&a.AvailabilityAt},
		&a.Miss.Misses, micros{&a.Miss.MissedAt}, &a.Miss.Call, &a.Miss.QueueSID, &a.Miss.QueueName, &a.Miss.Why, micros{&a.Miss.OffSince},
		micros{&a.Miss.BackAt}, micros{&a.Miss.BackedAt}, &a.Miss.Backs, &a.Miss.StaysOff)
	a.Miss.SID, a.Miss.Name = a.SID, a.Name
	return a, err
}

// Agent reads an agent. ErrNotFound if he is unknown.
func (s *Store) Agent(ctx context.Context, sid string) (a AgentRow, err error) {
	err = s.consistently(ctx, func(tx *sqlx.Tx) error {
		if a, err = scanAgent(tx.QueryRowContext(ctx, tx.Rebind(`SELECT `+agentColumns+agentTables+`WHERE a.sid = ?`), sid)); err != nil {
			return err
		}
		one := []AgentRow{a}
		err := addChannels(ctx, tx, one)
		a = one[0]
		return err
	})
	return a, wrap("agent", err)
}

// AgentFilter chooses agents. What is empty chooses all.
type AgentFilter struct {
	SID       string
	Available *bool
	Limit     int    // default [DefaultLimit], at most [MaxLimit]
	Cursor    string // where the page before ended; "" for the first page
}

// Agents lists agents by name. next is the cursor of the following page; "" when there is none. ErrCursor if the filter's cursor is not one of ours.
func (s *Store) Agents(ctx context.Context, f AgentFilter) (agents []AgentRow, next string, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	where, args := []string{"1 = 1"}, []any{}
	if f.SID != "" {
		where, args = append(where, "a.sid = ?"), append(args, f.SID)
	}
	if f.Available != nil {
		where, args = append(where, "COALESCE(v.available, FALSE) = ?"), append(args, *f.Available)
	}
	if f.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		sid, name, ok := strings.Cut(string(raw), " ")
		if err != nil || !ok {
			return nil, "", wrap("agents", ErrCursor)
		}
		where, args = append(where, "(a.name > ? OR (a.name = ? AND a.sid > ?))"), append(args, name, name, sid)
	}
	err = s.consistently(ctx, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryContext(ctx, tx.Rebind(`SELECT `+agentColumns+agentTables+`WHERE `+strings.Join(where, " AND ")+`
			ORDER BY a.name, a.sid LIMIT ?`), plainArgs(append(args, limit+1)...)...)
		if agents, err = gather(rows, err, scanAgent); err != nil {
			return err
		}
		if len(agents) > limit {
			agents = agents[:limit]
			last := agents[limit-1]
			next = base64.RawURLEncoding.EncodeToString([]byte(last.SID + " " + last.Name))
		}
		return addChannels(ctx, tx, agents)
	})
	if err != nil {
		return nil, "", wrap("agents", err)
	}
	return agents, next, nil
}

func addChannels(ctx context.Context, tx *sqlx.Tx, agents []AgentRow) error {
	if len(agents) == 0 {
		return nil
	}
	at, sids := map[string]int{}, make([]string, len(agents))
	for i, a := range agents {
		at[a.SID], sids[i] = i, a.SID
	}
	query, args, err := sqlx.In(`SELECT agent_sid, channel, capacity, tasks, free, available FROM agent_channels WHERE agent_sid IN (?) ORDER BY channel`, sids)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, tx.Rebind(query), args...)
	_, err = gather(rows, err, func(row scanner) (none struct{}, err error) {
		var sid string
		var c ChannelRow
		err = row.Scan(&sid, &c.Channel, &c.Capacity, &c.Tasks, &c.Free, &c.Available)
		if i, ok := at[sid]; ok && err == nil {
			agents[i].Channels = append(agents[i].Channels, c)
		}
		return none, err
	})
	return err
}
