package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// postgresConnections is the size of each of a process's two pools, for writing and for reading; one connection more listens.
	postgresConnections = 8
	// postgresConnectWithin bounds a connect, unless the URL's connect_timeout does.
	postgresConnectWithin = 5 * time.Second
	// postgresTxWithin bounds a transaction, for a server that fell silent is not noticed otherwise.
	postgresTxWithin = 30 * time.Second
	// postgresConnectionLives is after how long a connection is made anew, so that a failover behind one name is followed.
	postgresConnectionLives = 30 * time.Minute
)

// What each session is told, unless the URL says otherwise. A process that dies without a word, or is stopped in the middle of a
// transaction, must not keep its row locks: everybody else's live events wait behind the timeline's counter.
var postgresSession = map[string]string{
	"application_name":                    "holdfast",
	"lock_timeout":                        "5s",
	"idle_in_transaction_session_timeout": "10s",
	"tcp_keepalives_idle":                 "10",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
}

// IsPostgres says whether a data source is a PostgreSQL URL.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// parsePostgres reads a URL. Its errors do not repeat it, for it may hold a password.
func parsePostgres(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL URL cannot be read (%s)", whatIsWrong(err))
	}
	for name, value := range postgresSession {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = postgresConnectWithin
	}
	return config, nil
}

func (s *Store) openPostgres(ctx context.Context, dsn string) error {
	config, err := parsePostgres(dsn)
	if err != nil {
		return err
	}
	pool := func() *sqlx.DB {
		db := sqlx.NewDb(stdlib.OpenDB(*config), "pgx")
		db.SetMaxOpenConns(postgresConnections)
		db.SetMaxIdleConns(postgresConnections)
		db.SetConnMaxLifetime(postgresConnectionLives)
		return db
	}
	s.write, s.read = pool(), pool()
	if err := s.Ping(ctx); err != nil {
		return err
	}
	s.neighbours = newNeighbours(ctx, config, s.write, s.tellStep, s.tellReceive)
	return nil
}

func (s *Store) inPostgresTx(ctx context.Context, f func(ctx context.Context, tx *sqlx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, postgresTxWithin)
	defer cancel()
	tx, err := s.write.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	return s.finish(ctx, tx, f)
}

// skipLocked ends a SELECT of rows that are to be changed: on PostgreSQL it locks them, and leaves out what others have locked.
func (s *Store) skipLocked() string {
	if s.neighbours == nil {
		return ""
	}
	return " FOR UPDATE SKIP LOCKED"
}

// migrateAlone has processes that start at once migrate one after the other.
func migrateAlone() (goose.ProviderOption, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asked every second, for five minutes
	if err != nil {
		return nil, err
	}
	return goose.WithSessionLocker(locker), nil
}
