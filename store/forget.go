package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// forgetAtOnce bounds a transaction of [Store.Forget], so that webhooks never wait long behind it.
const forgetAtOnce = 100

// Forget deletes the calls that ended before a time, with their legs, tasks, timeline, inbox and conversations with bots, and everything else that was only
// received before it and has been delivered: webhooks of other subjects, refusals. It returns how many calls it deleted. What is deleted
// stays deleted if it fails half-way; call it again.
func (s *Store) Forget(ctx context.Context, before time.Time) (calls int64, err error) {
	at := before.UnixMicro()
	for {
		n, err := s.forgetCalls(ctx, at)
		calls += n
		if err != nil {
			return calls, wrap("forget", err)
		}
		if n < forgetAtOnce {
			break
		}
	}
	for _, l := range leftovers {
		if err := s.forgetLeftovers(ctx, l.find, l.forget, at); err != nil {
			return calls, wrap("forget", err)
		}
	}
	return calls, wrap("forget", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM refusals WHERE refused_at < ?`), at)
		return err
	}))
}

// forgetCalls deletes a handful of calls that ended before at, and all that is theirs. Their legs go with the row.
func (s *Store) forgetCalls(ctx context.Context, at int64) (n int64, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		n = 0
		var ids []string
		err := tx.SelectContext(ctx, &ids, tx.Rebind(`
			SELECT id FROM calls WHERE ended_at < ? ORDER BY ended_at LIMIT ?`+s.skipLocked()), at, forgetAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		// The subject goes before its inbox: so does whoever receives, and each would wait for the other's row.
		for _, statement := range []string{
			`DELETE FROM subjects WHERE kind = '` + SubjectCall + `' AND id IN (?)`,
			`DELETE FROM inbox WHERE subject_kind = '` + SubjectCall + `' AND subject_id IN (?)`,
			`DELETE FROM timeline WHERE call_id IN (?)`,
			`DELETE FROM tasks WHERE call_id IN (?)`,
			`DELETE FROM bot_sessions WHERE call_id IN (?)`,
			`DELETE FROM calls WHERE id IN (?)`,
		} {
			query, args, err := sqlx.In(statement, ids)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, tx.Rebind(query), args...); err != nil {
				return err
			}
		}
		n = int64(len(ids))
		return nil
	})
	return n, err
}

// leftovers are what no call that ended takes with it. They are looked for beside the writer, and deleted by their keys.
var leftovers = []struct{ find, forget string }{
	{ // webhooks that were delivered, or never had to be
		`SELECT i.inbox_key FROM inbox i WHERE i.received_at < ? AND NOT EXISTS (
			SELECT 1 FROM subjects s WHERE s.kind = i.subject_kind AND s.id = i.subject_id AND s.acked < i.position) LIMIT ?`,
		`DELETE FROM inbox WHERE inbox_key IN (?)`,
	},
	{ // calls that never began; other subjects live on, and so do their positions
		`SELECT s.id FROM subjects s WHERE s.kind = '` + SubjectCall + `' AND s.updated_at < ? AND s.acked >= s.last
			AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = s.id) LIMIT ?`,
		`DELETE FROM subjects WHERE kind = '` + SubjectCall + `' AND id IN (?) AND acked >= last`,
	},
	{ // late events of calls that never began
		`SELECT t.seq FROM timeline t WHERE t.late AND t.happened_at < ?
			AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = t.call_id) LIMIT ?`,
		`DELETE FROM timeline WHERE seq IN (?)`,
	},
	{ // what happened to agents
		`SELECT t.seq FROM timeline t WHERE t.call_id = '' AND t.happened_at < ? LIMIT ?`,
		`DELETE FROM timeline WHERE seq IN (?)`,
	},
	{ // codes to dial in by
		`SELECT d.code_hash FROM dial_ins d WHERE d.expires_at < ? LIMIT ?`,
		`DELETE FROM dial_ins WHERE code_hash IN (?)`,
	},
	{ // and those that were none
		`SELECT m.attempt FROM dial_in_misses m WHERE m.missed_at < ? LIMIT ?`,
		`DELETE FROM dial_in_misses WHERE attempt IN (?)`,
	},
	{ // tasks of calls that never began
		`SELECT t.task_sid FROM tasks t WHERE t.noted_at < ? AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = t.call_id)
			AND NOT EXISTS (SELECT 1 FROM subjects s WHERE s.kind = '` + SubjectCall + `' AND s.id = t.call_id) LIMIT ?`,
		`DELETE FROM tasks WHERE task_sid IN (?)`,
	},
	{ // conversations of calls that never began; what is open so long has lost its end on the way
		`SELECT b.id FROM bot_sessions b WHERE b.opened_at < ? AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = b.call_id) LIMIT ?`,
		`DELETE FROM bot_sessions WHERE id IN (?)`,
	},
	{ // what happened to bots
		`SELECT l.number FROM bot_log l WHERE l.happened_at < ? LIMIT ?`,
		`DELETE FROM bot_log WHERE number IN (?)`,
	},
}

// forgetLeftovers deletes by the handful what find finds, until it finds nothing more.
func (s *Store) forgetLeftovers(ctx context.Context, find, forget string, at int64) error {
	for {
		rows, err := s.read.QueryContext(ctx, s.read.Rebind(find), at, forgetAtOnce)
		keys, err := gather(rows, err, func(row scanner) (key any, err error) {
			err = row.Scan(&key)
			return key, err
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		query, args, err := sqlx.In(forget, keys)
		if err != nil {
			return err
		}
		err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
			return err
		})
		if err != nil || len(keys) < forgetAtOnce {
			return err
		}
	}
}
