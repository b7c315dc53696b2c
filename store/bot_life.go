package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/jmoiron/sqlx"
)

// changedOne is ErrNotFound for a statement that found nothing.
func changedOne(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// SetBotState writes down where a bot's life is, and what is wrong, in words that lead to the fix. ErrNotFound if there is no such bot.
func (s *Store) SetBotState(ctx context.Context, id string, state BotState, problem string) error {
	return wrap("bot state", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		return changedOne(tx.ExecContext(ctx, tx.Rebind(`UPDATE bots SET state = ?, error = ? WHERE id = ?`), plainArgs(string(state), problem, id)...))
	}))
}

// SetBotRunning writes down what a bot runs with from now on, and of which of its revisions that is; nil: it does not run. ErrNotFound if there is no
// such bot.
func (s *Store) SetBotRunning(ctx context.Context, id string, running *RunningBot, revision int64) error {
	var raw, since any
	if running == nil {
		revision = 0
	} else {
		with := *running
		with.Revision = revision
		encoded, err := json.Marshal(with)
		if err != nil {
			return wrap("bot running", err)
		}
		raw, since = string(encoded), s.now().UnixMicro()
	}
	return wrap("bot running", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		return changedOne(tx.ExecContext(ctx, tx.Rebind(`UPDATE bots SET running = ?, runs_since = ?, started_at = ? WHERE id = ?`),
			plainArgs(raw, revision, since, id)...))
	}))
}

// LogBot adds lines to the log of bots and their lines. At is now where it is zero.
func (s *Store) LogBot(ctx context.Context, lines ...BotLogLine) error {
	if len(lines) == 0 {
		return nil
	}
	return wrap("bot log", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var last int64
		err := tx.GetContext(ctx, &last, tx.Rebind(`UPDATE counters SET value = value + ? WHERE name = 'bot_log' RETURNING value`), len(lines))
		if err != nil {
			return err
		}
		next := last - int64(len(lines)) + 1
		args := make([]any, 0, 6*len(lines))
		for i, l := range lines {
			args = append(args, next+int64(i), s.stamp(l.At), l.Bot, l.Connection, l.Level, l.Message)
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`INSERT INTO bot_log (number, happened_at, bot_id, connection_id, level, message) VALUES `+
			tuples(6, len(lines))), plainArgs(args...)...)
		return err
	}))
}

// BotLogFilter chooses lines of the log. What is empty chooses all.
type BotLogFilter struct {
	Bot        string
	Connection string
	Before     int64 // a line's number: older ones alone; 0: from the newest
	Limit      int   // default [DefaultLimit], at most [MaxLimit]
}

// BotLog reads the log of bots and their lines, newest first.
func (s *Store) BotLog(ctx context.Context, f BotLogFilter) ([]BotLogLine, error) {
	where, args := []string{"1 = 1"}, []any{}
	if f.Bot != "" {
		where, args = append(where, "bot_id = ?"), append(args, f.Bot)
	}
	if f.Connection != "" {
		where, args = append(where, "connection_id = ?"), append(args, f.Connection)
	}
	if f.Before > 0 {
		where, args = append(where, "number < ?"), append(args, f.Before)
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`SELECT number, happened_at, bot_id, connection_id, level, message FROM bot_log
		WHERE `+strings.Join(where, " AND ")+` ORDER BY number DESC LIMIT ?`), plainArgs(append(args, Page{Limit: f.Limit}.limit())...)...)
	return collect("bot log", rows, err, func(row scanner) (l BotLogLine, err error) {
		err = row.Scan(&l.Number, micros{&l.At}, &l.Bot, &l.Connection, &l.Level, &l.Message)
		return l, err
	})
}
