package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// DialIn is a code by which a supervisor dials in to a call. The code itself is known to him alone.
type DialIn struct {
	CodeHash   string // no two live codes have the same
	Call       string
	Invitation string // the call's word for the supervisor who is waited for
	ExpiresAt  time.Time
}

// DialInGuess is somebody's keying of a code.
type DialInGuess struct {
	CodeHash string
	By       string // the phone call that it was keyed in
	Attempt  string // names the attempt, so that one that is told twice is one
	// Most is how many wrong codes may have been keyed by anybody since Since: after that none is taken.
	Most  int
	Since time.Time
}

// ErrDialInsLocked says that too many wrong codes were keyed of late for any to be taken.
var ErrDialInsLocked = errors.New("too many wrong codes")

// PutDialIn remembers a code. It takes the place of one for the same invitation; codes that expired are forgotten. False: another live code has the same hash,
// and nothing was changed.
func (s *Store) PutDialIn(ctx context.Context, d DialIn) (ok bool, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		ok = false
		var other string
		err := tx.GetContext(ctx, &other, tx.Rebind(`
			SELECT call_id FROM dial_ins WHERE code_hash = ? AND expires_at >= ? AND NOT (call_id = ? AND invitation = ?)`),
			d.CodeHash, s.clock().UnixMicro(), d.Call, d.Invitation)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM dial_ins WHERE expires_at < ? OR (call_id = ? AND invitation = ?)`),
			s.clock().UnixMicro(), d.Call, d.Invitation); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`INSERT INTO dial_ins (code_hash, call_id, invitation, expires_at, used_by) VALUES (?, ?, ?, ?, '')`),
			d.CodeHash, d.Call, d.Invitation, micros{&d.ExpiresAt})
		ok = err == nil
		return err
	})
	return ok, wrap("put dial-in", err)
}

// UseDialIn takes a code, which is then used up: nobody but the same phone call can use it again, for Twilio may ask twice. A code that is none, or is not any
// more, is [ErrNotFound] and counts as a wrong one.
func (s *Store) UseDialIn(ctx context.Context, g DialInGuess) (d DialIn, err error) {
	var outcome error
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		outcome = nil
		if _, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM dial_in_misses WHERE missed_at < ?`), micros{&g.Since}); err != nil {
			return err
		}
		var misses int
		if err := tx.GetContext(ctx, &misses, `SELECT COUNT(*) FROM dial_in_misses`); err != nil {
			return err
		}
		if misses >= g.Most {
			outcome = ErrDialInsLocked
			return nil
		}
		used, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE dial_ins SET used_by = ? WHERE code_hash = ? AND expires_at >= ? AND used_by IN ('', ?)`),
			g.By, g.CodeHash, s.clock().UnixMicro(), g.By)
		if err != nil {
			return err
		}
		if n, err := used.RowsAffected(); err != nil || n == 0 {
			outcome = ErrNotFound
			_, missed := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO dial_in_misses (attempt, missed_at) VALUES (?, ?) ON CONFLICT (attempt) DO NOTHING`),
				g.Attempt, s.clock().UnixMicro())
			return errors.Join(err, missed)
		}
		d.CodeHash = g.CodeHash
		return tx.QueryRowContext(ctx, tx.Rebind(`SELECT call_id, invitation, expires_at FROM dial_ins WHERE code_hash = ?`), g.CodeHash).
			Scan(&d.Call, &d.Invitation, micros{&d.ExpiresAt})
	})
	return d, wrap("use dial-in", errors.Join(err, outcome))
}
