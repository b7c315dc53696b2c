package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ledger carries the simulated Twilio's webhooks and remembers which of them Holdfast has acknowledged, to hold its books against.
type ledger struct {
	next *http.Transport

	mu    sync.Mutex
	acked map[string]string // path, by idempotency token
	total int               // acknowledgements, repeated ones counted
}

func newLedger() *ledger {
	return &ledger{
		next: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second}, acked: map[string]string{},
	}
}

// kept are the webhooks that Holdfast promises to write down before it answers. The rest (music, questions) tells nothing.
func kept(path string) bool {
	switch path {
	case "/twilio/voice", "/twilio/call-status", "/twilio/assignment", "/twilio/events", "/twilio/conference":
		return true
	default:
		return false
	}
}

// RoundTrip implements [http.RoundTripper].
func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err == nil && response.StatusCode < 300 && kept(r.URL.Path) {
		l.mu.Lock()
		l.acked[r.Header.Get("I-Twilio-Idempotency-Token")] = r.URL.Path
		l.total++
		l.mu.Unlock()
	}
	return response, err
}

// counts are how many different webhooks were acknowledged, and how many acknowledgements there were.
func (l *ledger) counts() (webhooks, acknowledgements int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked), l.total
}

func (l *ledger) close() { l.next.CloseIdleConnections() }

// settle compares until nothing is missing, or for so long. What is missing then is lost, or will come too late for anybody.
func (l *ledger) settle(ctx context.Context, dataDir string, patience time.Duration) (missing []string, err error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		missing, err = l.compare(ctx, dataDir)
		if err != nil || len(missing) == 0 {
			return missing, err
		}
		select {
		case <-again.C:
		case <-late.C:
			return missing, nil
		case <-ctx.Done():
			return missing, ctx.Err()
		}
	}
}

// compare says what was acknowledged and is not in Holdfast's books: every webhook stands in the inbox, everything in the inbox was
// taken by its call, and every event that a call took stands in its timeline, once. It reads the files, not Holdfast's own word.
func (l *ledger) compare(ctx context.Context, dataDir string) (missing []string, err error) {
	db, err := sql.Open("sqlite3", "file:"+url.PathEscape(filepath.Join(dataDir, "holdfast.db"))+"?_query_only=1&_busy_timeout=5000")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	say := func(format string, args ...any) { missing = append(missing, fmt.Sprintf(format, args...)) }

	inbox := map[string]bool{}
	if err := each(ctx, db, `SELECT inbox_key FROM inbox`, func(row scan) error {
		var key string
		if err := row(&key); err != nil {
			return err
		}
		token, _, _ := strings.Cut(strings.TrimPrefix(key, "token:"), "|")
		inbox[token] = true
		return nil
	}); err != nil {
		return nil, err
	}
	spool, err := os.ReadFile(filepath.Join(dataDir, "webhook-spool.jsonl")) //nolint:gosec // in the data directory
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(spool) > 0 {
		say("the spool still has %d bytes", len(spool))
	}
	l.mu.Lock()
	for token, path := range l.acked {
		if !inbox[token] {
			say("a webhook to %s was acknowledged and is not in the inbox", path)
		}
	}
	l.mu.Unlock()
	return missing, each(ctx, db, `
		SELECT s.id, s.last, s.acked,
			(SELECT COUNT(*) FROM inbox i WHERE i.subject_kind = 'call' AND i.subject_id = s.id AND i.position > 0),
			(SELECT COUNT(*) FROM timeline t WHERE t.call_id = s.id AND t.source = 'twilio')
		FROM subjects s JOIN calls c ON c.id = s.id WHERE s.kind = 'call'`, func(row scan) error {
		var id string
		var last, acked, received, applied int
		if err := row(&id, &last, &acked, &received, &applied); err != nil {
			return err
		}
		if acked != last || received != last || applied != last {
			say("call %s: %d events were given places, %d are in the inbox, %d acknowledged, %d in the timeline", id, last, received, acked, applied)
		}
		return nil
	})
}

type scan func(into ...any) error

// each runs a query and hands over its rows.
func each(ctx context.Context, db *sql.DB, query string, f func(scan) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
