package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// SubjectCall is the kind of the subjects that are calls; their ID is the call's.
const SubjectCall = "call"

// Subject is what a webhook is about. Events are in order within a subject, and only there.
type Subject struct {
	Kind string `json:"kind"` // "call", "agent", "queue"
	ID   string `json:"id"`
}

// Webhook is one request of Twilio's, as received.
type Webhook struct {
	// Key tells this webhook from all others: Twilio's idempotency token, the kind and the subject.
	Key string
	// Kind is Twilio's name for it, such as "participant-join".
	Kind    string
	Subject Subject
	// Params are the form's fields, without what must not be kept.
	Params map[string]string
	// Event is the JSON of a call.Envelope, or, for the workspace, of a floor.Envelope. nil: the webhook decides nothing and is only recorded, never
	// delivered.
	Event json.RawMessage
	// Agent is what it says of an agent, nil for nothing: the read model learns it in the same transaction.
	Agent      *AgentChange
	ReceivedAt time.Time // default: now
	// Position within the subject, set by the store; 0 for one without an event.
	Position int64
}

// Receive writes a webhook down. One with an event takes the next position of its subject, from 1 without gaps. One whose key is known
// changes nothing: duplicate is true and position is the first one's.
func (s *Store) Receive(ctx context.Context, w Webhook) (position int64, duplicate bool, err error) {
	params, err := w.check()
	if err != nil {
		return 0, false, wrap("receive", err)
	}
	var r receipt
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if r, err = s.receive(ctx, tx, w, string(params)); err == nil && r.duplicate {
			return errRollback // the position that it took goes back
		}
		return err
	})
	if err != nil {
		return 0, false, wrap("receive", err)
	}
	s.tellReceived(w, r)
	return r.position, r.duplicate, nil
}

// check says what keeps a webhook from being written down, and gives its fields as they are kept.
func (w *Webhook) check() (params []byte, err error) {
	if w.Key == "" || w.Subject.Kind == "" || w.Subject.ID == "" {
		return nil, fmt.Errorf("a %q webhook without a key or a subject", w.Kind)
	}
	if w.Event != nil && !json.Valid(w.Event) {
		return nil, fmt.Errorf("the event of a %q webhook is not JSON", w.Kind)
	}
	return json.Marshal(w.Params)
}

// receipt is what became of a webhook.
type receipt struct {
	position  int64
	duplicate bool
	held      lease // of its subject
	seq       int64 // of the entry that tells of an agent
}

// receive writes a webhook down. One that is known leaves a gap in its subject's positions, unless the transaction is rolled back.
func (s *Store) receive(ctx context.Context, tx *sqlx.Tx, w Webhook, params string) (r receipt, err error) {
	at := s.stamp(w.ReceivedAt)
	w.Key, w.Subject = plain(w.Key), Subject{Kind: plain(w.Subject.Kind), ID: plain(w.Subject.ID)}
	var event any // NULL
	if w.Event != nil {
		event = string(w.Event)
		if r.position, r.held, err = nextPosition(ctx, tx, w.Subject, at); err != nil {
			return r, err
		}
	}
	result, err := tx.ExecContext(ctx, tx.Rebind(`
		INSERT INTO inbox (inbox_key, kind, subject_kind, subject_id, position, received_at, params, event)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (inbox_key) DO NOTHING`),
		w.Key, plain(w.Kind), w.Subject.Kind, w.Subject.ID, r.position, at, params, event)
	if err != nil {
		return r, err
	}
	inserted, err := result.RowsAffected()
	if err != nil {
		return r, err
	}
	if inserted == 1 {
		if w.Agent != nil {
			r.seq, err = s.applyAgent(ctx, tx, *w.Agent)
		}
		return r, err
	}
	r.duplicate = true
	return r, tx.GetContext(ctx, &r.position, tx.Rebind(`SELECT position FROM inbox WHERE inbox_key = ?`), w.Key)
}

// tellReceived tells of a webhook that was committed.
func (s *Store) tellReceived(w Webhook, r receipt) {
	if r.duplicate {
		return
	}
	s.tellSeq(r.seq, nil)
	if w.Event != nil {
		s.announce(Subject{Kind: plain(w.Subject.Kind), ID: plain(w.Subject.ID)}, r.held)
	}
}

// nextPosition takes a position, and with it the subject's row lock until the transaction ends.
func nextPosition(ctx context.Context, tx *sqlx.Tx, subject Subject, at int64) (position int64, held lease, err error) {
	err = tx.QueryRowContext(ctx, tx.Rebind(`
		INSERT INTO subjects (kind, id, last, updated_at) VALUES (?, ?, 1, ?)
		ON CONFLICT (kind, id) DO UPDATE SET last = subjects.last + 1, updated_at = excluded.updated_at
		RETURNING last, lease_owner, lease_until`), subject.Kind, subject.ID, at).Scan(&position, &held.owner, &held.until)
	return position, held, err
}

// Delivery is an event on its way to the workflow of its subject.
type Delivery struct {
	Position int64           `json:"position"`
	At       time.Time       `json:"at"`
	Event    json.RawMessage `json:"event"` // a call.Envelope
}

// Waiting reads the events of a subject after a position, in order.
func (s *Store) Waiting(ctx context.Context, subject Subject, after int64, limit int) ([]Delivery, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		SELECT position, received_at, event FROM inbox
		WHERE subject_kind = ? AND subject_id = ? AND position > ?
		ORDER BY position LIMIT ?`), subject.Kind, subject.ID, max(after, 0), limit)
	return collect("waiting", rows, err, func(row scanner) (d Delivery, err error) {
		err = row.Scan(&d.Position, micros{&d.At}, (*text)(&d.Event))
		return d, err
	})
}

// Webhooks reads what was received about a subject, newest first, for whoever wonders what Twilio said.
func (s *Store) Webhooks(ctx context.Context, subject Subject, limit int) ([]Webhook, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		SELECT inbox_key, kind, position, received_at, params, event FROM inbox
		WHERE subject_kind = ? AND subject_id = ?
		ORDER BY received_at DESC, position DESC LIMIT ?`), subject.Kind, subject.ID, limit)
	return collect("webhooks", rows, err, func(row scanner) (Webhook, error) {
		w := Webhook{Subject: subject}
		var params []byte
		err := row.Scan(&w.Key, &w.Kind, &w.Position, micros{&w.ReceivedAt}, &params, (*text)(&w.Event))
		if err != nil {
			return w, err
		}
		err = json.Unmarshal(params, &w.Params)
		return w, err
	})
}

// Refusal is a request that claimed to be Twilio's and was turned away.
type Refusal struct {
	At        time.Time `json:"at"`     // default: now
	Reason    string    `json:"reason"` // one word, as in the metric
	Path      string    `json:"path"`
	Account   string    `json:"account_sid"`
	Workspace string    `json:"workspace_sid"`
	Detail    string    `json:"detail"`
}

// Refuse records a refusal.
func (s *Store) Refuse(ctx context.Context, r Refusal) error {
	return wrap("refuse", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			INSERT INTO refusals (refused_at, reason, path, account, workspace, detail) VALUES (?, ?, ?, ?, ?, ?)`),
			s.stamp(r.At), plain(r.Reason), plain(r.Path), plain(r.Account), plain(r.Workspace), plain(r.Detail))
		return err
	}))
}

// Refusals reads the newest refusals, newest first.
func (s *Store) Refusals(ctx context.Context, limit int) ([]Refusal, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		SELECT refused_at, reason, path, account, workspace, detail FROM refusals ORDER BY refused_at DESC LIMIT ?`), limit)
	return collect("refusals", rows, err, func(row scanner) (r Refusal, err error) {
		err = row.Scan(micros{&r.At}, &r.Reason, &r.Path, &r.Account, &r.Workspace, &r.Detail)
		return r, err
	})
}
