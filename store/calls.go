package store

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
)

// Sizes of a list's page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Call reads a call and its legs, the customer's first, as of one moment. ErrNotFound if it is unknown.
func (s *Store) Call(ctx context.Context, id string) (c CallRow, legs []LegRow, err error) {
	err = s.consistently(ctx, func(tx *sqlx.Tx) error {
		row := tx.QueryRowContext(ctx, tx.Rebind(`SELECT `+callColumns+`, snapshot, last_number FROM calls WHERE id = ?`), id)
		if c, err = scanWholeCall(row); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, tx.Rebind(`SELECT `+legColumns+` FROM legs WHERE call_id = ? ORDER BY ordinal`), id)
		legs, err = gather(rows, err, scanLeg)
		return err
	})
	return c, legs, wrap("call", err)
}

// Filter chooses calls. What is empty chooses all.
type Filter struct {
	States []string // call.Status, any of them
	Queue  string   // SID or name
	Agent  string   // SID; calls that he has, or had a leg in, and live ones that concern him
	Limit  int      // default [DefaultLimit], at most [MaxLimit]
	Cursor string   // where the page before ended; "" for the first page
}

// Calls lists calls, newest first. next is the cursor of the following page; "" when there is none. ErrCursor if
// the filter's cursor is not one of ours.
func (s *Store) Calls(ctx context.Context, f Filter) (calls []CallWithLegs, next string, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	query, args, err := f.query(limit + 1) // one more says whether there is a next page
	if err != nil {
		return nil, "", wrap("calls", err)
	}
	type listed struct {
		CallRow
		created int64
	}
	var found []listed
	err = s.consistently(ctx, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryContext(ctx, tx.Rebind(query), args...)
		found, err = gather(rows, err, func(row scanner) (l listed, err error) {
			err = row.Scan(append(l.columns(), (*text)(&l.Snapshot), &l.created)...)
			return l, err
		})
		if err != nil {
			return err
		}
		if len(found) > limit {
			found = found[:limit]
			next = cursor{found[limit-1].created, found[limit-1].ID}.String()
		}
		calls = make([]CallWithLegs, len(found))
		for i, l := range found {
			calls[i].Call = l.CallRow
		}
		return addLegs(ctx, tx, calls)
	})
	if err != nil {
		return nil, "", wrap("calls", err)
	}
	return calls, next, nil
}

// literally keeps LIKE from reading more into a text than it says.
var literally = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (f Filter) query(limit int) (string, []any, error) {
	where := []string{"1 = 1"}
	var args []any
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if len(f.States) > 0 {
		and(`state IN (?)`, f.States)
	}
	if f.Queue != "" {
		and(`(queue_sid = ? OR queue_name = ?)`, f.Queue, f.Queue)
	}
	if f.Agent != "" {
		and(`(agent_sid = ? OR id IN (SELECT call_id FROM legs WHERE agent_sid = ? AND agent_sid <> '')
			OR id IN (SELECT id FROM calls WHERE state <> 'ended' AND concerned LIKE ? ESCAPE '\'))`, f.Agent, f.Agent, `%"`+literally.Replace(f.Agent)+`"%`)
	}
	if f.Cursor != "" {
		c, err := parseCursor(f.Cursor)
		if err != nil {
			return "", nil, err
		}
		and(`(created_at < ? OR (created_at = ? AND id < ?))`, c.created, c.created, c.id)
	}
	return sqlx.In(`SELECT `+callColumns+`, snapshot, created_at FROM calls WHERE `+strings.Join(where, " AND ")+`
		ORDER BY created_at DESC, id DESC LIMIT ?`, plainArgs(append(args, limit)...)...)
}

func addLegs(ctx context.Context, tx *sqlx.Tx, calls []CallWithLegs) error {
	if len(calls) == 0 {
		return nil
	}
	at := make(map[string]int, len(calls))
	ids := make([]string, len(calls))
	for i, c := range calls {
		at[c.Call.ID], ids[i] = i, c.Call.ID
	}
	query, args, err := sqlx.In(`SELECT `+legColumns+` FROM legs WHERE call_id IN (?) ORDER BY call_id, ordinal`, ids)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, tx.Rebind(query), args...)
	legs, err := gather(rows, err, scanLeg)
	for _, l := range legs {
		i := at[l.CallID]
		calls[i].Legs = append(calls[i].Legs, l)
	}
	return err
}

// LiveCalls are the IDs of the calls that have not ended, oldest first.
func (s *Store) LiveCalls(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM calls WHERE state <> 'ended' ORDER BY created_at, id`)
	return collect("live calls", rows, err, func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
}

// cursor is a place in a list that is ordered by time of creation and ID.
type cursor struct {
	created int64
	id      string
}

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.created, 36) + "." + c.id))
}

func parseCursor(s string) (cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, ErrCursor
	}
	created, id, ok := strings.Cut(string(raw), ".")
	n, err := strconv.ParseInt(created, 36, 64)
	if err != nil || !ok || id == "" {
		return cursor{}, ErrCursor
	}
	return cursor{n, id}, nil
}
