package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// Errors that callers tell apart, by errors.Is.
var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrCursor says that a list's cursor is not one that this store gave out.
	ErrCursor = errors.New("invalid cursor")
	// ErrUnavailable says that the database cannot do it now, or not within the caller's deadline: try again later. ErrBusy and
	// ErrFull are kinds of it.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrBusy says that others kept the database, or what was asked for in it, locked for longer than we wait.
	ErrBusy = fmt.Errorf("%w: locked by another writer", ErrUnavailable)
	// ErrFull says that the disk or the file may not grow.
	ErrFull = fmt.Errorf("%w: no space left", ErrUnavailable)
)

// wrap names the operation and gives the driver's error one of the kinds above, where it has one.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("store: %s: %w: %w", op, kind, err)
	}
	return fmt.Errorf("store: %s: %w", op, err)
}

func kindOf(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if errors.Is(err, context.DeadlineExceeded) { // the caller would not wait longer
		return ErrUnavailable
	}
	if errors.Is(err, sql.ErrConnDone) || strings.Contains(err.Error(), "sql: database is closed") { // which has no name
		return ErrUnavailable
	}
	var lite sqlite3.Error
	if !errors.As(err, &lite) {
		return kindOfPostgres(err)
	}
	switch lite.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return ErrBusy
	case sqlite3.ErrFull:
		return ErrFull
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrReadonly, sqlite3.ErrNomem, sqlite3.ErrPerm, sqlite3.ErrAuth,
		sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return ErrUnavailable
	}
	return nil
}
