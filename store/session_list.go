package store

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"
)

// Session reads a conversation. ErrNotFound if there is none.
func (s *Store) Session(ctx context.Context, id string) (SessionRow, error) {
	r, err := scanSession(s.read.QueryRowContext(ctx, s.read.Rebind(`SELECT `+sessionColumns+` FROM bot_sessions WHERE id = ?`), id))
	return r, wrap("session", err)
}

// SessionByCall reads the newest conversation of a call, by the call's ID or its CallSid. ErrNotFound if there is none.
func (s *Store) SessionByCall(ctx context.Context, call string) (SessionRow, error) {
	r, err := scanSession(s.read.QueryRowContext(ctx, s.read.Rebind(`SELECT `+sessionColumns+` FROM bot_sessions
		WHERE call_id = ? OR (call_sid = ? AND call_sid <> '') ORDER BY opened_at DESC, id DESC LIMIT 1`), call, call))
	return r, wrap("session by call", err)
}

// SessionMessages reads a transcript from after a message's number (0: from the start), in order; at most limit messages, or all if that is 0.
func (s *Store) SessionMessages(ctx context.Context, id string, after, limit int) ([]SessionMessage, error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`SELECT session_id, number, turn, said_at, speaker, words, heard, cut, language FROM bot_messages
		WHERE session_id = ? AND number > ? ORDER BY number LIMIT ?`), id, after, limit)
	return collect("session messages", rows, err, func(row scanner) (m SessionMessage, err error) {
		err = row.Scan(&m.Session, &m.Number, &m.Turn, micros{&m.At}, &m.Speaker, &m.Text, &m.Heard, &m.Cut, &m.Language)
		return m, err
	})
}

// OpenSessions is how many conversations of a bot are open, in and out.
func (s *Store) OpenSessions(ctx context.Context, bot string) (n int, err error) {
	err = s.read.GetContext(ctx, &n, s.read.Rebind(`SELECT COUNT(*) FROM bot_sessions WHERE bot_id = ? AND state <> 'closed'`), bot)
	return n, wrap("open sessions", err)
}

// SessionFilter chooses conversations. What is empty chooses all.
type SessionFilter struct {
	Bot              string
	Connection       string
	Call             string // the call's ID or CallSid
	Number           string // the caller's or the one that was called
	State            SessionState
	Outcome          string
	FlexTask         string
	FlexReservation  string
	FlexConversation string
	Agent            string // SID; conversations of calls that he has, or had a leg in, and of live ones that concern him
	Page
}

// Sessions lists conversations, newest first, without their dialogue and answer. next is the cursor of the following page; "" when there is none. ErrCursor
// if it is not ours.
func (s *Store) Sessions(ctx context.Context, f SessionFilter) (sessions []SessionRow, next string, err error) {
	query, args, err := f.query()
	if err != nil {
		return nil, "", wrap("sessions", err)
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(query), args...)
	sessions, err = collect("sessions", rows, err, scanSession)
	if len(sessions) > f.limit() {
		sessions = sessions[:f.limit()]
		last := sessions[f.limit()-1]
		next = cursor{last.OpenedAt.UnixMicro(), last.ID}.String()
	}
	return sessions, next, err
}

func (f SessionFilter) query() (string, []any, error) {
	where := []string{"1 = 1"}
	var args []any
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	for _, equal := range []struct{ column, value string }{
		{"bot_id", f.Bot},
		{"connection_id", f.Connection},
		{"state", string(f.State)},
		{"outcome", f.Outcome},
		{"flex_task_sid", f.FlexTask},
		{"flex_reservation_sid", f.FlexReservation},
		{"flex_conversation_sid", f.FlexConversation},
	} {
		if equal.value != "" {
			and(equal.column+` = ?`, equal.value)
		}
	}
	if f.Call != "" {
		and(`(call_id = ? OR call_sid = ?)`, f.Call, f.Call)
	}
	if f.Number != "" {
		and(`(caller = ? OR called = ?)`, f.Number, f.Number)
	}
	if f.Agent != "" {
		and(`call_id IN (SELECT id FROM calls WHERE agent_sid = ? UNION SELECT call_id FROM legs WHERE agent_sid = ? AND agent_sid <> ''
			UNION SELECT id FROM calls WHERE state <> 'ended' AND concerned LIKE ? ESCAPE '\')`, f.Agent, f.Agent, `%"`+literally.Replace(f.Agent)+`"%`)
	}
	if f.Cursor != "" {
		c, err := parseCursor(f.Cursor)
		if err != nil {
			return "", nil, err
		}
		and(`(opened_at < ? OR (opened_at = ? AND id < ?))`, c.created, c.created, c.id)
	}
	return sqlx.In(`SELECT `+sessionListColumns+` FROM bot_sessions WHERE `+strings.Join(where, " AND ")+`
		ORDER BY opened_at DESC, id DESC LIMIT ?`, plainArgs(append(args, f.limit()+1)...)...)
}

// sessionListColumns leaves out what is large and for the dialogue alone.
var sessionListColumns = strings.Replace(sessionColumns, "dialogue, answer,", "NULL, NULL,", 1)
