package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/url"

	"github.com/jackc/pgx/v5/pgconn"
)

// PostgreSQL's codes that are told apart: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	pgSerializationFailure = "40001"
	pgDeadlockDetected     = "40P01"
	pgDiskFull             = "53100"
	pgLockNotAvailable     = "55P03"
	pgQueryCanceled        = "57014" // by a statement_timeout of the operator's
	pgReadOnly             = "25006" // this server is a standby by now
	pgIdleInTransaction    = "25P03"
)

// collided says that PostgreSQL gave a transaction up for the sake of another one, and that it is to be tried again.
func collided(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == pgDeadlockDetected || pg.Code == pgSerializationFailure)
}

func kindOfPostgres(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return kindOfConnection(err)
	}
	switch pg.Code {
	case pgLockNotAvailable, pgDeadlockDetected, pgSerializationFailure:
		return ErrBusy
	case pgDiskFull:
		return ErrFull
	case pgQueryCanceled, pgReadOnly, pgIdleInTransaction:
		return ErrUnavailable
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	// Of connections, authorization, a database that is missing, resources, the operator's intervention, the system, a broken file.
	case "08", "28", "3D", "53", "57", "58", "XX":
		return ErrUnavailable
	}
	return nil
}

// kindOfConnection knows the errors of a connection that broke, was refused, or was found broken before anything was sent.
func kindOfConnection(err error) error {
	var refused *pgconn.ConnectError
	var broken net.Error
	switch {
	case errors.Is(err, context.Canceled): // the caller is gone, and the connection with him
		return nil
	case errors.As(err, &refused), errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return ErrUnavailable
	}
	return nil
}

// whatIsWrong says what is wrong with a URL without repeating any of its user, password and host: a password whose special characters are
// not escaped makes any part of it look like something else.
func whatIsWrong(err error) string {
	if urlError := (*url.Error)(nil); errors.As(err, &urlError) {
		return "a special character in the user or the password must be percent-encoded"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	if config := (*pgconn.ParseConfigError)(nil); errors.As(err, &config) {
		return "its parts do not fit together"
	}
	return err.Error()
}
