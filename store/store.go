package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"holdfast/schema"
)

// Store is the database. It is safe for concurrent use, by any number of goroutines and processes.
type Store struct {
	write  *sqlx.DB // on SQLite one connection: it has one writer
	read   *sqlx.DB
	clock  func() time.Time
	sealer Sealer // nil: no secret can be kept

	patience   time.Duration // with another process's lock on the file
	queue      sqliteQueue   // before SQLite's writer
	checkpoint *checkpointer // SQLite's
	neighbours *neighbours   // PostgreSQL's; nil says that this is SQLite

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

// Open opens the database that dsn names: PostgreSQL by a URL ("postgres://…"), where the database must exist, or SQLite by a path or a
// "file:" DSN, where the file is made if it is missing and its folder must exist. The DSN's parameters win over the store's own. Call
// [Store.Migrate] before anything else.
func Open(ctx context.Context, dsn string, options ...Option) (*Store, error) {
	s := &Store{clock: time.Now, onStep: map[int]func(int64){}, onReceive: map[int]func(Subject){}}
	for _, option := range options {
		option(s)
	}
	open := s.openSQLite
	if IsPostgres(dsn) {
		open = s.openPostgres
	}
	if err := open(ctx, dsn); err != nil {
		return nil, wrap("open", errors.Join(err, s.Close()))
	}
	return s, nil
}

// Close closes the database. What was committed stays.
func (s *Store) Close() error {
	var errs []error
	if s.checkpoint != nil {
		errs = append(errs, s.checkpoint.close())
	}
	if s.neighbours != nil {
		s.neighbours.close()
	}
	for _, db := range []*sqlx.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return wrap("close", errors.Join(errs...))
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
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.neighbours == nil {
		return goose.NewProvider(goose.DialectSQLite3, s.write.DB, schema.Migrations(), options...)
	}
	one, err := migrateAlone()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.write.DB, schema.Migrations(), append(options, one)...)
}

// OnStep calls f after each commit that gave the timeline new entries, with the newest one's seq. Of other processes' commits it is told
// on PostgreSQL alone, and only as a rule: look for them by [Store.Stream] now and then. f must neither block nor take itself off. The result takes f off
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

// OnReceive calls f after each commit that gave a subject something to deliver. On PostgreSQL the process that has the lease is told,
// whichever received it; as a rule, so look for what was missed by [Store.Claim] now and then. On SQLite only this process's commits are
// told. f must neither block nor take itself off. The result takes f off again.
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

// collisions is how often a transaction is tried that PostgreSQL gave up for the sake of another one.
const collisions = 5

// inTx runs f in one write transaction; more than once if it collides with another, so f must begin from the start each time. It waits
// for its turn as long as ctx allows.
func (s *Store) inTx(ctx context.Context, f func(ctx context.Context, tx *sqlx.Tx) error) (err error) {
	if s.neighbours == nil {
		return s.inSQLiteTx(ctx, f)
	}
	for range collisions {
		if err = s.inPostgresTx(ctx, f); !collided(err) {
			break
		}
	}
	return err
}

// finish runs f and commits.
func (s *Store) finish(ctx context.Context, tx *sqlx.Tx, f func(ctx context.Context, tx *sqlx.Tx) error) error {
	if err := f(ctx, tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		if errors.Is(err, errRollback) {
			return nil
		}
		return err
	}
	return tx.Commit()
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
