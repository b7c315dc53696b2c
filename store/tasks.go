package store

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"
)

// NoteTask remembers which call a TaskRouter task belongs to. The first word counts: attributes that somebody overwrote later do not
// lead the task to another call.
func (s *Store) NoteTask(ctx context.Context, taskSID, callID string) error {
	if taskSID == "" || callID == "" {
		return errors.New("store: note task: a task or a call without an ID")
	}
	if _, known, err := s.CallOfTask(ctx, taskSID); err != nil || known {
		return err
	}
	return wrap("note task", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		return noteTask(ctx, tx, taskSID, callID, s.clock().UnixMicro())
	}))
}

func noteTask(ctx context.Context, tx *sqlx.Tx, taskSID, callID string, at int64) error {
	if taskSID == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		INSERT INTO tasks (task_sid, call_id, noted_at) VALUES (?, ?, ?) ON CONFLICT (task_sid) DO NOTHING`), taskSID, callID, at)
	return err
}

// CallOfTask is the call that a task belongs to; false if nobody ever said.
func (s *Store) CallOfTask(ctx context.Context, taskSID string) (callID string, ok bool, err error) {
	err = s.read.GetContext(ctx, &callID, s.read.Rebind(`SELECT call_id FROM tasks WHERE task_sid = ?`), taskSID)
	switch err = wrap("call of task", err); {
	case errors.Is(err, ErrNotFound):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return callID, true, nil
}
