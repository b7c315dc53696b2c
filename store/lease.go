package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

var errNoOwner = errors.New("a lease without an owner")

// Claimed is a subject under lease. What waits lies after Acked, up to Last.
type Claimed struct {
	Subject
	Acked, Last int64
}

// lease is whose a subject is, until when.
type lease struct {
	owner string
	until int64 // microseconds
}

// Claim takes or renews the lease on subjects that have something to deliver: those whose lease is free, over, or owner's own; never
// more than limit, the longest unclaimed first. With kinds, only subjects of those kinds. Leases are measured by the process's clock:
// choose them longer than the clocks of two machines may differ.
func (s *Store) Claim(ctx context.Context, owner string, lease time.Duration, limit int, kinds ...string) ([]Claimed, error) {
	if owner == "" {
		return nil, wrap("claim", errNoOwner)
	}
	s.serves(owner)
	now := s.clock()
	// PostgreSQL passes over rows that another transaction has in hand: they are looked at again next time.
	query := `
		WITH free AS MATERIALIZED (
			SELECT kind, id FROM subjects
			WHERE acked < last AND (lease_owner IN ('', ?) OR lease_until <= ?)`
	args := []any{owner, now.UnixMicro()}
	if len(kinds) > 0 {
		query += ` AND kind IN (?)`
		args = append(args, kinds)
	}
	query += ` ORDER BY lease_until LIMIT ?` + s.skipLocked() + `)
		UPDATE subjects SET lease_owner = ?, lease_until = ?
		WHERE (kind, id) IN (SELECT kind, id FROM free)
		RETURNING kind, id, acked, last`
	args = append(args, limit, owner, now.Add(lease).UnixMicro())
	query, args, err := sqlx.In(query, args...)
	if err != nil {
		return nil, wrap("claim", err)
	}
	var claimed []Claimed
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		rows, err := tx.QueryContext(ctx, tx.Rebind(query), args...)
		claimed, err = gather(rows, err, func(row scanner) (c Claimed, err error) {
			err = row.Scan(&c.Kind, &c.ID, &c.Acked, &c.Last)
			return c, err
		})
		return err
	})
	return claimed, wrap("claim", err)
}

// ClaimOne takes or renews the lease on one subject, whether or not something waits. False: another owner has it, or the subject was
// never heard of.
func (s *Store) ClaimOne(ctx context.Context, owner string, lease time.Duration, subject Subject) (Claimed, bool, error) {
	if owner == "" {
		return Claimed{}, false, wrap("claim", errNoOwner)
	}
	s.serves(owner)
	now := s.clock()
	var claimed []Claimed
	err := s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		rows, err := tx.QueryContext(ctx, tx.Rebind(`
			UPDATE subjects SET lease_owner = ?, lease_until = ?
			WHERE kind = ? AND id = ? AND (lease_owner IN ('', ?) OR lease_until <= ?)
			RETURNING acked, last`),
			owner, now.Add(lease).UnixMicro(), subject.Kind, subject.ID, owner, now.UnixMicro())
		claimed, err = gather(rows, err, func(row scanner) (Claimed, error) {
			c := Claimed{Subject: subject}
			err := row.Scan(&c.Acked, &c.Last)
			return c, err
		})
		return err
	})
	if err != nil || len(claimed) == 0 {
		return Claimed{}, false, wrap("claim", err)
	}
	return claimed[0], true, nil
}

// Release gives owner's lease on a subject back. It does nothing if the lease is another's by now.
func (s *Store) Release(ctx context.Context, owner string, subject Subject) error {
	return wrap("release", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			UPDATE subjects SET lease_owner = '', lease_until = 0 WHERE kind = ? AND id = ? AND lease_owner = ?`),
			subject.Kind, subject.ID, owner)
		return err
	}))
}

// Acknowledge says that everything up to a position has been dealt with. It never goes back, and never beyond what was received.
func (s *Store) Acknowledge(ctx context.Context, subject Subject, position int64) error {
	return wrap("acknowledge", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		return acknowledge(ctx, tx, subject, position)
	}))
}

// acknowledged is the position up to which a subject is dealt with, and takes the subject's row lock; 0 for one that was never heard of.
func acknowledged(ctx context.Context, tx *sqlx.Tx, subject Subject) (position int64, err error) {
	rows, err := tx.QueryContext(ctx, tx.Rebind(`UPDATE subjects SET acked = acked WHERE kind = ? AND id = ? RETURNING acked`),
		subject.Kind, subject.ID)
	_, err = gather(rows, err, func(row scanner) (none struct{}, err error) { return none, row.Scan(&position) })
	return position, err
}

func acknowledge(ctx context.Context, tx *sqlx.Tx, subject Subject, position int64) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		UPDATE subjects SET acked = CASE WHEN last < ? THEN last ELSE ? END
		WHERE kind = ? AND id = ? AND acked < ? AND acked < last`),
		position, position, subject.Kind, subject.ID, position)
	return err
}
