package store

import "context"

// Timeline reads a call's timeline in the order of commits, from after the entry whose Seq is after (0: from the start).
func (s *Store) Timeline(ctx context.Context, callID string, after int64, limit int) ([]Entry, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		SELECT `+entryColumns+` FROM timeline WHERE call_id = ? AND seq > ? ORDER BY seq LIMIT ?`), callID, after, limit)
	return collect("timeline", rows, err, scanEntry)
}

// Stream reads the timeline of all calls, from after the entry whose Seq is afterSeq. An entry never appears behind one that was read.
func (s *Store) Stream(ctx context.Context, afterSeq int64, limit int) ([]Entry, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		SELECT `+entryColumns+` FROM timeline WHERE seq > ? ORDER BY seq LIMIT ?`), afterSeq, limit)
	return collect("stream", rows, err, scanEntry)
}

// LastSeq is the newest entry's Seq; 0 when there was none yet.
func (s *Store) LastSeq(ctx context.Context) (seq int64, err error) {
	err = s.read.GetContext(ctx, &seq, `SELECT value FROM counters WHERE name = 'timeline'`)
	return seq, wrap("last seq", err)
}
