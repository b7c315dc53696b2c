package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

const sessionColumns = `id, bot_id, connection_id, account_sid, call_id, call_sid, direction, caller, called, state, outcome, turn, messages, dialogue, answer,
	speaking_until, handoff, handoff_by, machine, machine_message, answered_by, custom, summary, flex_task_sid, flex_reservation_sid, flex_conversation_sid,
	opened_at, closed_at`

func scanSession(row scanner) (r SessionRow, err error) {
	err = row.Scan(&r.ID, &r.Bot, &r.Connection, &r.AccountSID, &r.Call, &r.CallSID, &r.Direction, &r.Caller, &r.Called, &r.State, &r.Outcome, &r.Turn,
		&r.Messages, (*text)(&r.Dialogue), (*text)(&r.Answer), micros{&r.SpeakingUntil}, (*text)(&r.Handoff), &r.HandoffBy, &r.Machine, &r.MachineMessage,
		&r.AnsweredBy, (*text)(&r.Custom), &r.Summary, &r.FlexTask, &r.FlexReservation, &r.FlexConversation, micros{&r.OpenedAt}, micros{&r.ClosedAt})
	return r, err
}

// longestCall is Twilio's own limit: a session that is open for longer has lost its end, and does not count.
const longestCall = 24 * time.Hour

// NewSession is a conversation that begins.
type NewSession struct {
	Session SessionRow // without an ID it gets one; it is open
	// Max is how many sessions of the bot may be open, this one included; 0: any number.
	Max int
	// Messages are the first ones: the greeting. Their numbers are given by the store.
	Messages []SessionMessage
	// Webhook is written down with it, or not at all; nil: none.
	Webhook *Webhook
}

// OpenSession opens a conversation. ErrCapped if the bot has as many as it may have, in and out; ErrNotFound if there is no such bot. The same call of the
// same connection again, and the same session's ID again, is no error: opened is false, and the session is the one that is there.
func (s *Store) OpenSession(ctx context.Context, n NewSession) (session SessionRow, opened bool, err error) {
	r := n.Session
	if r.ID == "" {
		r.ID = NewID("ses")
	}
	r.State, r.Outcome, r.Messages = SessionOpen, "", len(n.Messages)
	if r.OpenedAt.IsZero() {
		r.OpenedAt = s.now()
	}
	var with withWebhook
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		opened, with = false, withWebhook{}
		var bot string // its row is the lock under which sessions are counted
		if err := tx.GetContext(ctx, &bot, tx.Rebind(`SELECT id FROM bots WHERE id = ?`+s.forUpdate()), r.Bot); err != nil {
			return err
		}
		session, err = scanSession(tx.QueryRowContext(ctx, tx.Rebind(`SELECT `+sessionColumns+` FROM bot_sessions
			WHERE id = ? OR (call_sid = ? AND call_sid <> '' AND connection_id = ?) ORDER BY opened_at DESC LIMIT 1`), r.ID, r.CallSID, r.Connection))
		if err == nil {
			return nil
		}
		if !errors.Is(wrap("", err), ErrNotFound) {
			return err
		}
		if n.Max > 0 {
			var live int
			err := tx.GetContext(ctx, &live, tx.Rebind(`SELECT COUNT(*) FROM bot_sessions WHERE bot_id = ? AND state <> 'closed' AND opened_at > ?`),
				r.Bot, s.now().Add(-longestCall).UnixMicro())
			if err != nil {
				return err
			}
			if live >= n.Max {
				return ErrCapped
			}
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO bot_sessions (`+sessionColumns+`) VALUES `+tuples(28, 1)),
			plainArgs(r.ID, r.Bot, r.Connection, r.AccountSID, r.Call, r.CallSID, r.Direction, r.Caller, r.Called, string(r.State), r.Outcome, r.Turn, r.Messages,
				nullable(r.Dialogue), nullable(r.Answer), micros{&r.SpeakingUntil}, nullable(r.Handoff), r.HandoffBy, r.Machine, r.MachineMessage, r.AnsweredBy,
				nullable(r.Custom), r.Summary, r.FlexTask, r.FlexReservation, r.FlexConversation, r.OpenedAt.UnixMicro(), micros{&r.ClosedAt})...)
		if err != nil {
			return err
		}
		if err := s.addMessages(ctx, tx, r.ID, 0, r.Turn, n.Messages); err != nil {
			return err
		}
		session, opened = r, true
		with, err = s.receiveWith(ctx, tx, n.Webhook)
		return err
	})
	if err != nil {
		return SessionRow{}, false, wrap("open session", err)
	}
	s.tellWith(with)
	return session, opened, nil
}

// withWebhook is a webhook that is written down together with something else.
type withWebhook struct {
	webhook *Webhook
	receipt receipt
}

// receiveWith writes a webhook down within another transaction. One that is known changes nothing.
func (s *Store) receiveWith(ctx context.Context, tx *sqlx.Tx, w *Webhook) (withWebhook, error) {
	if w == nil {
		return withWebhook{}, nil
	}
	params, err := w.check()
	if err != nil {
		return withWebhook{}, err
	}
	var known int
	err = tx.GetContext(ctx, &known, tx.Rebind(`SELECT COUNT(*) FROM inbox WHERE inbox_key = ?`), plain(w.Key))
	if err != nil || known > 0 {
		return withWebhook{}, err
	}
	r, err := s.receive(ctx, tx, *w, string(params))
	if err == nil && r.duplicate {
		err = fmt.Errorf("%w: the same webhook comes in elsewhere at this moment", ErrBusy)
	}
	return withWebhook{webhook: w, receipt: r}, err
}

func (s *Store) tellWith(w withWebhook) {
	if w.webhook != nil {
		s.tellReceived(*w.webhook, w.receipt)
	}
}

// addMessages adds to a transcript that has so many. A message without a turn is of the one that is given, one without a time is of now.
func (s *Store) addMessages(ctx context.Context, tx *sqlx.Tx, session string, have, turn int, messages []SessionMessage) error {
	if len(messages) == 0 {
		return nil
	}
	args := make([]any, 0, 9*len(messages))
	for i, m := range messages {
		if m.Turn == 0 {
			m.Turn = turn
		}
		args = append(args, session, have+i+1, m.Turn, s.stamp(m.At), m.Speaker, m.Text, m.Heard, m.Cut, m.Language)
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO bot_messages (session_id, number, turn, said_at, speaker, words, heard, cut, language) VALUES `+
		tuples(9, len(messages))), plainArgs(args...)...)
	return err
}

// TurnAnswer is what a turn of a conversation makes of it.
type TurnAnswer struct {
	Session string
	Turn    int // the one that is answered: the session's last one plus 1
	// Dialogue and Answer are kept as they are; SpeakingUntil is about when the answer has been spoken.
	Dialogue, Answer json.RawMessage
	SpeakingUntil    time.Time
	// Heard, unless nil, is what the caller can have heard of the bot's newest message before this turn, which he cut short.
	Heard *string
	// Messages are what was said in the turn: the caller, then the bot.
	Messages []SessionMessage
	// Changed are messages of earlier turns that come in place of those of their number, for more is known of them now.
	Changed []SessionMessage
	// Handoff, unless nil, says that the answer hands the caller over: the session is handing off then, by "turn".
	Handoff json.RawMessage
	// Outcome, unless "", closes the session.
	Outcome string
	// Webhook is written down with the turn, or not at all; nil: none.
	Webhook *Webhook
}

// HandoffByTurn is who began a handoff that an answer of the dialogue is.
const HandoffByTurn = "turn"

// AnswerTurn writes down a turn, once: what was said, what the dialogue remembers, what is answered. ErrTurnTaken, with the session as it is, if the
// turn was answered before, is not the next one, or the session is not open; Answer is then what was answered to the turn that is its Turn. ErrNotFound if there is
// no such session.
func (s *Store) AnswerTurn(ctx context.Context, a TurnAnswer) (session SessionRow, err error) {
	state := SessionOpen
	var by string
	var closed time.Time
	if a.Handoff != nil {
		state, by = SessionHandingOff, HandoffByTurn
	}
	if a.Outcome != "" {
		state, closed = SessionClosed, s.now()
	}
	var with withWebhook
	var taken bool
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		with, taken = withWebhook{}, false
		var have int
		rows, err := tx.QueryContext(ctx, tx.Rebind(`
			UPDATE bot_sessions SET turn = ?, dialogue = ?, answer = ?, speaking_until = ?, state = ?, outcome = ?, closed_at = ?, messages = messages + ?,
				handoff = COALESCE(CAST(? AS TEXT), handoff), handoff_by = CASE WHEN CAST(? AS TEXT) = '' THEN handoff_by ELSE ? END
			WHERE id = ? AND turn = ? AND state = 'open' RETURNING messages`),
			plainArgs(a.Turn, nullable(a.Dialogue), nullable(a.Answer), micros{&a.SpeakingUntil}, string(state), a.Outcome, micros{&closed}, len(a.Messages),
				nullable(a.Handoff), by, by, a.Session, a.Turn-1)...)
		found, err := gather(rows, err, func(row scanner) (n int, err error) {
			err = row.Scan(&n)
			return n, err
		})
		if err != nil {
			return err
		}
		if taken = len(found) == 0; taken {
			session, err = sessionWhere(ctx, tx, `id = ?`, a.Session)
			return err
		}
		have = found[0] - len(a.Messages)
		if a.Heard != nil {
			if err := cutNewest(ctx, tx, a.Session, *a.Heard); err != nil {
				return err
			}
		}
		for _, m := range a.Changed {
			_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_messages SET words = ?, heard = ?, cut = ? WHERE session_id = ? AND number = ?`),
				plainArgs(m.Text, m.Heard, m.Cut, a.Session, m.Number)...)
			if err != nil {
				return err
			}
		}
		if err := s.addMessages(ctx, tx, a.Session, have, a.Turn, a.Messages); err != nil {
			return err
		}
		if session, err = sessionWhere(ctx, tx, `id = ?`, a.Session); err != nil {
			return err
		}
		with, err = s.receiveWith(ctx, tx, a.Webhook)
		return err
	})
	if err == nil && taken {
		err = ErrTurnTaken
	}
	if err == nil {
		s.tellWith(with)
	}
	return session, wrap("answer turn", err)
}

// cutNewest notes what was heard of the bot's newest message.
func cutNewest(ctx context.Context, tx *sqlx.Tx, session, heard string) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_messages SET heard = ?, cut = TRUE WHERE session_id = ? AND number =
		(SELECT MAX(number) FROM bot_messages WHERE session_id = ? AND speaker = 'bot')`), plainArgs(heard, session, session)...)
	return err
}

func sessionWhere(ctx context.Context, tx *sqlx.Tx, where string, args ...any) (SessionRow, error) {
	return scanSession(tx.QueryRowContext(ctx, tx.Rebind(`SELECT `+sessionColumns+` FROM bot_sessions WHERE `+where), args...))
}
