package store

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/jmoiron/sqlx"
)

// together is how many waiting transactions are written as one: some ten milliseconds of them.
const together = 64

// sqliteQueue is the queue before SQLite's only writer, in order of coming; that of [database/sql] serves whom it likes. The first in it writes for those
// behind him too, all in one transaction of the database's: under load that takes half the time, and alone nobody waits for company.
type sqliteQueue struct {
	mu      sync.Mutex
	waiting []*sqliteWrite
	led     bool // somebody writes
}

// sqliteWrite is a transaction in the queue.
type sqliteWrite struct {
	ctx  context.Context
	f    func(ctx context.Context, tx *sqlx.Tx) error
	lead chan struct{} // has room for the word that it is its turn to write for all
	done chan outcome  // has room for what became of it
}

type outcome struct {
	err    error
	defect any // a panic of f's: it is for the goroutine that brought f
}

// enter puts a write at the end of the queue. It leads if nobody else does.
func (q *sqliteQueue) enter(w *sqliteWrite) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, w)
	if !q.led {
		q.led = true
		w.lead <- struct{}{}
	}
}

// leave takes a write out of the queue again; false if it is being written.
func (q *sqliteQueue) leave(w *sqliteWrite) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	select {
	case <-w.lead:
		q.next()
	default:
	}
	return true
}

// take takes the first writes of the queue out of it; the leader's is the first of all.
func (q *sqliteQueue) take() []*sqliteWrite {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), together)
	taken := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return taken
}

// pass has the next one lead.
func (q *sqliteQueue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next()
}

func (q *sqliteQueue) next() {
	if q.led = len(q.waiting) > 0; q.led {
		q.waiting[0].lead <- struct{}{}
	}
}

// inSQLiteTx runs f in a write transaction. One that has begun runs to its end, whatever becomes of the caller's context: SQLite needs
// milliseconds, and its driver pays a goroutine for each statement that could be cancelled.
func (s *Store) inSQLiteTx(ctx context.Context, f func(ctx context.Context, tx *sqlx.Tx) error) error {
	w := &sqliteWrite{ctx: ctx, f: f, lead: make(chan struct{}, 1), done: make(chan outcome, 1)}
	s.queue.enter(w)
	select {
	case <-w.lead:
		s.leadSQLite(ctx, w)
	case o := <-w.done:
		return o.result()
	case <-ctx.Done():
		if s.queue.leave(w) {
			return ctx.Err()
		}
	}
	return (<-w.done).result()
}

func (o outcome) result() error {
	if o.defect != nil {
		panic(o.defect)
	}
	return o.err
}

// leadSQLite begins a transaction for the first in the queue, and writes all that wait by then.
func (s *Store) leadSQLite(ctx context.Context, first *sqliteWrite) {
	defer s.queue.pass()
	if ctx.Err() != nil && s.queue.leave(first) {
		first.done <- outcome{err: ctx.Err()}
		return
	}
	conn, err := s.write.Connx(ctx)
	if err == nil {
		defer func() { _ = conn.Close() }() // gives the connection back; it can only fail when it was given back before
		var tx *sqlx.Tx
		if tx, err = s.beginSQLite(ctx, conn); err == nil {
			defer s.checkpoint.wrote()
			s.writeSQLite(context.WithoutCancel(ctx), conn, tx, s.queue.take())
			return
		}
	}
	s.queue.leave(first)
	first.done <- outcome{err: err}
}

// writeSQLite writes some transactions as one, each with a savepoint before it, so that one that fails takes nobody with it. Whether a begun one's context
// ends makes no difference any more; one that ended before is not begun.
func (s *Store) writeSQLite(ctx context.Context, conn *sqlx.Conn, tx *sqlx.Tx, writes []*sqliteWrite) {
	if len(writes) == 1 {
		writes[0].done <- s.writeOne(ctx, tx, writes[0])
		return
	}
	outcomes := make([]outcome, len(writes))
	var broken error
	for i, w := range writes {
		if outcomes[i].err = w.ctx.Err(); outcomes[i].err != nil {
			continue
		}
		if _, broken = tx.ExecContext(ctx, "SAVEPOINT one"); broken != nil {
			break
		}
		if outcomes[i] = w.run(ctx, tx); outcomes[i].err != nil {
			_, broken = tx.ExecContext(ctx, "ROLLBACK TO one")
		}
		if broken == nil {
			_, broken = tx.ExecContext(ctx, "RELEASE one")
		}
		if broken != nil {
			break
		}
	}
	if broken == nil {
		broken = tx.Commit()
	}
	if broken != nil { // a full disk, perhaps: each learns for himself what it means for him
		_ = tx.Rollback()
		s.writeApart(ctx, conn, writes)
		return
	}
	for i, w := range writes {
		if errors.Is(outcomes[i].err, errRollback) {
			outcomes[i].err = nil
		}
		w.done <- outcomes[i]
	}
}

// writeApart writes transactions one after another.
func (s *Store) writeApart(ctx context.Context, conn *sqlx.Conn, writes []*sqliteWrite) {
	for _, w := range writes {
		tx, err := s.beginSQLite(w.ctx, conn) //nolint:contextcheck // each waits as long as whoever brought it
		if err != nil {
			w.done <- outcome{err: err}
			continue
		}
		w.done <- s.writeOne(ctx, tx, w)
	}
}

func (s *Store) writeOne(ctx context.Context, tx *sqlx.Tx, w *sqliteWrite) (o outcome) {
	o.err = s.finish(ctx, tx, func(ctx context.Context, tx *sqlx.Tx) error {
		run := w.run(ctx, tx)
		o.defect = run.defect
		return run.err
	})
	return o
}

// run runs the transaction's own part.
func (w *sqliteWrite) run(ctx context.Context, tx *sqlx.Tx) (o outcome) {
	defer func() {
		if o.defect = recover(); o.defect != nil {
			o.err = errDefect
		}
	}()
	o.err = w.f(ctx, tx)
	return o
}

// errDefect undoes what a transaction wrote that panicked.
var errDefect = errors.New("a defect")
