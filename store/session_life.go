package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// BeginHandoff gives the caller of an open session to whoever asks first, who alone may put him into the queue; by tells askers apart, and the same one
// asking again is no error. ErrTurnTaken, with the session as it is, if somebody else was first or the session is closed; ErrNotFound if there is no
// such session.
func (s *Store) BeginHandoff(ctx context.Context, id, by string, handoff json.RawMessage) (SessionRow, error) {
	return s.moveSession(ctx, "begin handoff", id, func(r SessionRow) (string, []any, error) {
		switch {
		case r.HandoffBy == by && len(r.Handoff) > 0 && (r.State == SessionHandingOff || r.Outcome == OutcomeHandedOff):
			return "", nil, nil
		case r.State != SessionOpen:
			return "", nil, ErrTurnTaken
		}
		return `state = 'handing-off', handoff_by = ?, handoff = ?`, []any{by, string(handoff)}, nil
	})
}

// TellHandoff adds to the transcript what a caller was told as he was handed over by whom, and keeps the dialogue as it is then. It changes nothing if it was
// told before, or if the session's handoff is not, or no longer, this one. The messages' numbers go on where the transcript ends.
func (s *Store) TellHandoff(ctx context.Context, id, by string, dialogue json.RawMessage, messages []SessionMessage) error {
	if len(messages) == 0 {
		return nil
	}
	return wrap("tell handoff", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		r, err := sessionWhere(ctx, tx, `id = ?`+s.forUpdate(), id)
		if err != nil {
			return err
		}
		if r.HandoffBy != by || r.State == SessionOpen || messages[0].Number != r.Messages+1 {
			return nil
		}
		if err := s.addMessages(ctx, tx, id, r.Messages, r.Turn, messages); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_sessions SET dialogue = ?, messages = ? WHERE id = ?`),
			plainArgs(nullable(dialogue), r.Messages+len(messages), id)...)
		return err
	}))
}

// CancelHandoff takes a handoff back that did not come about: the session is open again. ErrTurnTaken, with the session as it is, if none is under way.
// A handoff that was counted as done is taken back, too, for the queue may let a caller go again.
func (s *Store) CancelHandoff(ctx context.Context, id string) (SessionRow, error) {
	return s.moveSession(ctx, "cancel handoff", id, func(r SessionRow) (string, []any, error) {
		if r.State != SessionHandingOff && r.Outcome != OutcomeHandedOff {
			return "", nil, ErrTurnTaken
		}
		return `state = 'open', outcome = '', closed_at = NULL, handoff = NULL, handoff_by = ''`, nil, nil
	})
}

// Outcomes of sessions. Twilio's statuses of a call that was not answered are outcomes, too.
const (
	OutcomeCompleted   = "completed"
	OutcomeHandedOff   = "handed-off"
	OutcomeAbandoned   = "abandoned" // the caller hung up while he was handed over
	OutcomeTransferred = "transferred"
	OutcomeMachine     = "machine"
	OutcomeBusy        = "busy"
	OutcomeNoAnswer    = "no-answer"
	OutcomeFailed      = "failed"
	OutcomeCanceled    = "canceled"
)

// CloseSession closes a session; at is now where it is zero. One that is completed while it is handed over is abandoned. One that is closed stays as it is,
// and is no error. ErrNotFound if there is no such session.
func (s *Store) CloseSession(ctx context.Context, id, outcome string, at time.Time) (SessionRow, error) {
	return s.moveSession(ctx, "close session", id, func(r SessionRow) (string, []any, error) {
		if r.State == SessionClosed {
			return "", nil, nil
		}
		became := outcome
		if r.State == SessionHandingOff && outcome == OutcomeCompleted {
			became = OutcomeAbandoned
		}
		return `state = 'closed', outcome = ?, closed_at = ?`, []any{became, s.stamp(at)}, nil
	})
}

// CloseSessionsOf closes what is open of a call, by its CallSid, as [Store.CloseSession] does. None is no error.
func (s *Store) CloseSessionsOf(ctx context.Context, callSID, outcome string, at time.Time) error {
	if callSID == "" {
		return nil
	}
	return wrap("close sessions of", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_sessions SET state = 'closed', closed_at = ?,
			outcome = CASE WHEN state = 'handing-off' AND CAST(? AS TEXT) = 'completed' THEN 'abandoned' ELSE ? END
			WHERE call_sid = ? AND state <> 'closed'`), plainArgs(s.stamp(at), outcome, outcome, callSID)...)
		return err
	}))
}

// NoteSessionCall notes which call of Twilio's an outbound session became, and who or what answered it, where that is known. The first CallSid counts:
// ErrTurnTaken, with the session as it is, for another one. ErrNotFound if there is no such session.
func (s *Store) NoteSessionCall(ctx context.Context, id, callSID, answeredBy string) (SessionRow, error) {
	return s.moveSession(ctx, "note session call", id, func(r SessionRow) (string, []any, error) {
		if r.CallSID != "" && r.CallSID != callSID {
			return "", nil, ErrTurnTaken
		}
		if answeredBy == "" {
			answeredBy = r.AnsweredBy
		}
		if r.CallSID == callSID && r.AnsweredBy == answeredBy {
			return "", nil, nil
		}
		return `call_sid = ?, answered_by = ?`, []any{callSID, answeredBy}, nil
	})
}

// NoteSummary notes what was talked about. ErrNotFound if there is no such session.
func (s *Store) NoteSummary(ctx context.Context, id, summary string) error {
	_, err := s.moveSession(ctx, "note summary", id, func(SessionRow) (string, []any, error) { return `summary = ?`, []any{summary}, nil })
	return err
}

// NoteSpeaking notes about when what the bot says now is over, for answers that no turn is. ErrNotFound if there is no such session.
func (s *Store) NoteSpeaking(ctx context.Context, id string, until time.Time) error {
	_, err := s.moveSession(ctx, "note speaking", id, func(SessionRow) (string, []any, error) {
		return `speaking_until = ?`, []any{micros{&until}}, nil
	})
	return err
}

// moveSession changes a session as move says of the one that is there: by what of an UPDATE, with which arguments; "" changes nothing. An ErrTurnTaken of
// move comes with the session.
func (s *Store) moveSession(ctx context.Context, op, id string, move func(SessionRow) (set string, args []any, err error)) (r SessionRow, err error) {
	var taken bool
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		taken = false
		if r, err = sessionWhere(ctx, tx, `id = ?`+s.forUpdate(), id); err != nil {
			return err
		}
		set, args, err := move(r)
		if taken = errors.Is(err, ErrTurnTaken); taken {
			return nil
		}
		if err != nil || set == "" {
			return err
		}
		if _, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_sessions SET `+set+` WHERE id = ?`), plainArgs(append(args, id)...)...); err != nil {
			return err
		}
		r, err = sessionWhere(ctx, tx, `id = ?`, id)
		return err
	})
	if err == nil && taken {
		err = ErrTurnTaken
	}
	return r, wrap(op, err)
}

// BotStep is what a step of a call's workflow says of the bot's part in it.
type BotStep struct {
	Session string `json:"session"`
	// Outcome closes the session once the bot's part is over: one of the outcomes above. "" is not over yet.
	Outcome          string `json:"outcome,omitempty"`
	FlexTask         string `json:"flex_task_sid,omitempty"`
	FlexReservation  string `json:"flex_reservation_sid,omitempty"`
	FlexConversation string `json:"flex_conversation_sid,omitempty"`
}

// putSession writes what a step says of the bot's part in the call. A session that goes on although its handoff was counted as done, because the queue let
// the caller go again, is closed by the call's end alone.
func (s *Store) putSession(ctx context.Context, tx *sqlx.Tx, step Step) error {
	if b := step.Bot; b != nil && b.Session != "" {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			UPDATE bot_sessions SET
				flex_task_sid = CASE WHEN CAST(? AS TEXT) = '' THEN flex_task_sid ELSE ? END,
				flex_reservation_sid = CASE WHEN CAST(? AS TEXT) = '' THEN flex_reservation_sid ELSE ? END,
				flex_conversation_sid = CASE WHEN CAST(? AS TEXT) = '' THEN flex_conversation_sid ELSE ? END
			WHERE id = ?`),
			plainArgs(b.FlexTask, b.FlexTask, b.FlexReservation, b.FlexReservation, b.FlexConversation, b.FlexConversation, b.Session)...)
		if err != nil {
			return err
		}
		if b.Outcome != "" {
			_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_sessions SET state = 'closed', outcome = ?, closed_at = ?
				WHERE id = ? AND state <> 'closed' AND (state = 'handing-off' OR CAST(? AS TEXT) <> 'handed-off')`),
				plainArgs(b.Outcome, s.stamp(step.Call.UpdatedAt), b.Session, b.Outcome)...)
			if err != nil {
				return err
			}
		}
	}
	if step.Call.State != "ended" {
		return nil
	}
	at := step.Call.EndedAt
	if at.IsZero() {
		at = step.Call.UpdatedAt
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bot_sessions SET state = 'closed', closed_at = ?,
		outcome = CASE WHEN state = 'handing-off' THEN 'abandoned' ELSE 'completed' END
		WHERE call_id = ? AND state <> 'closed'`), s.stamp(at), step.Call.ID)
	return err
}
