package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// readers is how many reads run at once. They never wait for the writer.
const readers = 8

// SQLite's ways with the file. A value in the caller's DSN wins over the one here.
//
// synchronous=NORMAL under WAL never corrupts, and never loses a commit when the process dies; a power cut may lose the last ones.
// Transactions take the write lock at once, for one that reads first and writes later could not wait for it.
var (
	sqliteWriter = map[string]string{
		"_journal_mode":    "WAL",
		"_synchronous":     "NORMAL",
		"_foreign_keys":    "1",
		"_txlock":          "immediate",
		"_stmt_cache_size": "64",
		"_secure_delete":   "on", // what is forgotten is overwritten: SQLite would leave it in the file until the page is needed again
	}
	sqliteReader = map[string]string{
		"_foreign_keys":    "1",
		"_busy_timeout":    "5000",
		"_txlock":          "deferred",
		"_query_only":      "1",
		"_stmt_cache_size": "32",
	}
)

const (
	// sqlitePatience is how long a writer waits for another process's lock, unless the DSN's _busy_timeout says otherwise.
	sqlitePatience = 5 * time.Second
	// sqliteNap is how long the driver waits at once: between two naps the caller's context is looked at, and SQLite cannot be woken.
	sqliteNap = 50 * time.Millisecond
)

// sqliteDSN is a data source split into what names the file and what tunes it.
type sqliteDSN struct {
	path     string // of the file, unescaped
	query    url.Values
	patience time.Duration
}

// parseSQLite understands a plain path and a "file:" URI. Databases in memory are refused: the readers could not see them.
func parseSQLite(dsn string) (sqliteDSN, error) {
	name, rawQuery, _ := strings.Cut(dsn, "?")
	if rest, ok := strings.CutPrefix(name, "file:"); ok {
		unescaped, err := url.PathUnescape(rest)
		if err != nil {
			return sqliteDSN{}, fmt.Errorf("data source %q: %w", dsn, err)
		}
		name = unescaped
		if rest, ok := strings.CutPrefix(name, "//"); ok { // file:///path and file://localhost/path
			name = strings.TrimPrefix(rest, "localhost")
		}
	} else if scheme, _, ok := strings.Cut(name, "://"); ok {
		return sqliteDSN{}, fmt.Errorf("data source of kind %q is not supported: give the path of an SQLite file", scheme)
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return sqliteDSN{}, fmt.Errorf("data source %q: %w", dsn, err)
	}
	if name == "" {
		return sqliteDSN{}, errors.New("the data source is empty: give the path of an SQLite file")
	}
	if name == ":memory:" || query.Get("mode") == "memory" {
		return sqliteDSN{}, errors.New("a database in memory is lost with the process: give the path of an SQLite file")
	}
	patience := sqlitePatience
	if ms := query.Get("_busy_timeout"); ms != "" {
		n, err := strconv.Atoi(ms)
		if err != nil || n < 0 {
			return sqliteDSN{}, fmt.Errorf("data source %q: _busy_timeout is %q, and must be milliseconds", dsn, ms)
		}
		patience = time.Duration(n) * time.Millisecond
	}
	return sqliteDSN{path: name, query: query, patience: patience}, nil
}

// with is the DSN for the driver, with defaults where the caller said nothing.
func (d sqliteDSN) with(defaults map[string]string) string {
	query := url.Values{}
	for k, v := range defaults {
		query.Set(k, v)
	}
	maps.Copy(query, d.query)
	return "file:" + strings.ReplaceAll(url.PathEscape(d.path), "%2F", "/") + "?" + query.Encode()
}

// writer is the DSN of the connection that writes.
func (d sqliteDSN) writer() string {
	d.query = maps.Clone(d.query)
	d.query.Set("_busy_timeout", strconv.FormatInt(min(d.patience, sqliteNap).Milliseconds(), 10))
	return d.with(sqliteWriter)
}

// create makes the file if it is missing, readable by its owner alone: it holds people's numbers. SQLite gives the files beside it
// the same permissions.
func (d sqliteDSN) create() error {
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return f.Close()
}

func (s *Store) openSQLite(ctx context.Context, dsn string) error {
	lite, err := parseSQLite(dsn)
	if err != nil {
		return err
	}
	if err := lite.create(); err != nil {
		return err
	}
	s.patience = lite.patience
	writer := lite.writer()
	if s.write, err = open(writer, 1); err != nil {
		return err
	}
	if s.read, err = open(lite.with(sqliteReader), readers); err != nil {
		return err
	}
	if err := s.Ping(ctx); err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, sqliteAutoCheckpoint); err != nil {
		return err
	}
	s.checkpoint, err = newCheckpointer(ctx, writer)
	return err
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

// beginSQLite begins a transaction, and waits for another process to end its own.
func (s *Store) beginSQLite(ctx context.Context, conn *sqlx.Conn) (*sqlx.Tx, error) {
	for start := time.Now(); ; {
		tx, err := conn.BeginTxx(context.WithoutCancel(ctx), nil)
		if err == nil || !errors.Is(kindOf(err), ErrBusy) || ctx.Err() != nil || time.Since(start) >= s.patience {
			return tx, err
		}
	}
}
