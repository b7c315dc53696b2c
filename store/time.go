package store

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// micros stores a time as microseconds since 1970; the zero time is NULL. What is read back is UTC.
type micros struct{ *time.Time }

var _ interface {
	sql.Scanner
	driver.Valuer
} = micros{}

func (m micros) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m.Time = time.Time{}
	case int64:
		*m.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

func (m micros) Value() (driver.Value, error) {
	if m.IsZero() {
		return nil, nil //nolint:nilnil // NULL is a value
	}
	return m.UnixMicro(), nil
}

// stamp is a time that must not be NULL: now, where t is zero.
func (s *Store) stamp(t time.Time) int64 {
	if t.IsZero() {
		t = s.clock()
	}
	return t.UnixMicro()
}
