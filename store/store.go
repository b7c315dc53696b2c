package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
	"github.com/pressly/goose/v3"

	"holdfast/schema"
)

// readers is how many reads run at once. They never wait for the writer.
const readers = 8

// Store is the database. It is safe for concurrent use, by any number of goroutines and processes.
type Store struct {
	write *sqlx.DB // one connection: SQLite has one writer, and a queue in front of it is fairer than its lock
	read  *sqlx.DB
	clock func() time.Time
	// detached makes a transaction that has begun run to its end, whatever becomes of the caller's context. SQLite needs
	// milliseconds, and its driver pays a goroutine for each statement that could be cancelled.
	detached   bool
	patience   time.Duration // with another process's lock
	checkpoint *checkpointer

	mu        sync.Mutex
	hook      int
	onStep    map[int]func(lastSeq int64)
	onReceive map[int]func(Subject)
}

// Option changes how a store is opened.
type Option func(*Store)

// WithClock sets the clock that leases are measured by. Default [time.Now].
func WithClock(now func() time.Time) Option {
	return func(s *Store) { s.clock = now }
}

// Open opens the SQLite file that dsn names, and makes it if it is missing; its folder must exist. dsn is a path or a "file:" DSN, whose
// parameters win over the store's own. Call [Store.Migrate] before anything else.
func Open(ctx context.Context, dsn string, options ...Option) (*Store, error) {
	lite, err := parseSQLite(dsn)
	if err != nil {
		return nil, wrap("open", err)
	}
	if err := lite.create(); err != nil {
		return nil, wrap("open", err)
	}
	s := &Store{
		clock:     time.Now,
		detached:  true,
		patience:  lite.patience,
		onStep:    map[int]func(int64){},
		onReceive: map[int]func(Subject){},
	}
	for _, option := range options {
		option(s)
	}
	writer, reader := lite.writer(), lite.with(sqliteReader)
	if s.write, err = open(writer, 1); err != nil {
		return nil, wrap("open", err)
	}
	if s.read, err = open(reader, readers); err != nil {
		return nil, wrap("open", errors.Join(err, s.write.Close()))
	}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if _, err := s.write.ExecContext(ctx, sqliteAutoCheckpoint); err != nil {
		return nil, wrap("open", errors.Join(err, s.Close()))
	}
	if s.checkpoint, err = newCheckpointer(ctx, writer); err != nil {
		return nil, wrap("open", errors.Join(err, s.Close()))
	}
	return s, nil
}

func open(dsn string, connections int) (*sqlx.DB, error) {
	db, err := sqlx.Open("sqlite3", dsn)
	if err != nil {
		return nil, err
	}
	// A connection is kept for good: it holds prepared statements and a page cache.
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Close closes the database. What was committed is in the file.
func (s *Store) Close() error {
	var err error
	if s.checkpoint != nil {
		err = s.checkpoint.close()
	}
	return wrap("close", errors.Join(err, s.read.Close(), s.write.Close()))
}

// Ping says whether the database can be read and written.
func (s *Store) Ping(ctx context.Context) error {
	return wrap("ping", errors.Join(s.write.PingContext(ctx), s.read.PingContext(ctx)))
}

// Migrate brings the database to the newest schema. It does nothing where that is done.
func (s *Store) Migrate(ctx context.Context) error {
	provider, err := s.migrations()
	if err != nil {
		return wrap("migrate", err)
	}
	_, err = provider.Up(ctx)
	return wrap("migrate", err)
}

// Version is the number of the newest migration that the database has; 0 when it is empty.
func (s *Store) Version(ctx context.Context) (int64, error) {
	provider, err := s.migrations()
	if err != nil {
		return 0, wrap("version", err)
	}
	version, err := provider.GetDBVersion(ctx)
	return version, wrap("version", err)
}

func (s *Store) migrations() (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectSQLite3, s.write.DB, schema.Migrations(), goose.WithDisableGlobalRegistry(true))
}

// OnStep calls f after each commit that gave the timeline new entries, with the newest one's seq. Only this process's commits are
// told: others must be looked for by [Store.Stream]. f must neither block nor take itself off. The result takes f off
// again.
func (s *Store) OnStep(f func(lastSeq int64)) (off func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook++
	id := s.hook
	s.onStep[id] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.onStep, id)
	}
}

// OnReceive calls f after each commit that gave a subject something to deliver. Only this process's commits are told: others must be
// looked for by [Store.Claim]. f must neither block nor take itself off. The result takes f off
// again.
func (s *Store) OnReceive(f func(Subject)) (off func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook++
	id := s.hook
	s.onReceive[id] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.onReceive, id)
	}
}

func (s *Store) tellStep(lastSeq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.onStep {
		f(lastSeq)
	}
}

func (s *Store) tellReceive(subject Subject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.onReceive {
		f(subject)
	}
}

// errRollback ends a transaction without a trace and without an error.
var errRollback = errors.New("roll back")

// inTx runs f in one write transaction. It waits for its turn as long as ctx allows.
func (s *Store) inTx(ctx context.Context, f func(ctx context.Context, tx *sqlx.Tx) error) error {
	conn, err := s.write.Connx(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives the connection back; it can only fail when it was given back before
	tx, err := s.begin(ctx, conn)
	if err != nil {
		return err
	}
	if s.detached {
		ctx = context.WithoutCancel(ctx)
	}
	if err := f(ctx, tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		if errors.Is(err, errRollback) {
			return nil
		}
		return err
	}
	if s.checkpoint != nil {
		defer s.checkpoint.wrote()
	}
	return tx.Commit()
}

// begin begins a transaction, and waits for another process to end its own.
func (s *Store) begin(ctx context.Context, conn *sqlx.Conn) (*sqlx.Tx, error) {
	if !s.detached {
		return conn.BeginTxx(ctx, nil)
	}
	for start := time.Now(); ; {
		tx, err := conn.BeginTxx(context.WithoutCancel(ctx), nil)
		if err == nil || !errors.Is(kindOf(err), ErrBusy) || ctx.Err() != nil || time.Since(start) >= s.patience {
			return tx, err
		}
	}
}

// consistently runs f in one read transaction: all that f reads is of one moment.
func (s *Store) consistently(ctx context.Context, f func(tx *sqlx.Tx) error) error {
	tx, err := s.read.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to lose
	return f(tx)
}
