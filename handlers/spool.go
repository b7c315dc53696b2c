package handlers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"holdfast/store"
)

// spoolFile is where the spool lives in the data directory, one JSON object a line.
const spoolFile = "webhook-spool.jsonl"

// spoolLimit is how many rows wait in memory at most; at 20 calls a second that is about three minutes without a store.
const spoolLimit = 10_000

var errSpoolFull = errors.New("the spool is full")

// spool keeps the rows of webhooks that had to be answered while the inbox could not be written: in memory, and in an append-only
// file that outlives the process. Rows leave in the order they came. One that leaves twice (the process died between) does no harm:
// the inbox knows its key.
type spool struct {
	log *slog.Logger

	mu   sync.Mutex
	rows []store.Webhook
	file *os.File // nil: memory only
}

// openSpool takes up what an earlier process left behind. An empty directory name keeps the spool in memory.
func openSpool(dir string, log *slog.Logger) (*spool, error) {
	s := &spool{log: log}
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("handlers: spool: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("handlers: spool: %w", err)
	}
	defer func() { _ = root.Close() }()
	if s.file, err = root.OpenFile(spoolFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("handlers: spool %s: %w", filepath.Join(dir, spoolFile), err)
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("handlers: spool %s: %w", filepath.Join(dir, spoolFile), err), s.file.Close())
	}
	return s, nil
}

func (s *spool) load() error {
	reader := bufio.NewReader(s.file)
	for {
		line, err := reader.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var row store.Webhook
			if bad := json.Unmarshal(line, &row); bad != nil {
				s.log.Warn("a line of the webhook spool cannot be read", "error", bad) // the write that a crash cut short
			} else {
				if string(row.Event) == "null" { // as no event is written in JSON
					row.Event = nil
				}
				s.rows = append(s.rows, row)
			}
			if line[len(line)-1] != '\n' {
				if _, err := s.file.Write([]byte{'\n'}); err != nil {
					return err
				}
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// waiting says whether rows wait. While they do, what must keep its order behind them joins the queue.
func (s *spool) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows) > 0
}

// add keeps a row. A file that cannot be written (the disk that is full for the store is full for us) leaves it in memory alone.
func (s *spool) add(row store.Webhook) error {
	line, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("handlers: spool: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rows) >= spoolLimit {
		return errSpoolFull
	}
	s.rows = append(s.rows, row)
	if s.file == nil {
		return nil
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		s.log.Error("the webhook spool's file cannot be written; its rows are in memory alone", "error", err)
	}
	return nil
}

// drain hands rows over in order until none is left or take refuses one. Rows may be added meanwhile.
func (s *spool) drain(ctx context.Context, take func(context.Context, store.Webhook) error) (taken int, err error) {
	for ctx.Err() == nil {
		s.mu.Lock()
		if len(s.rows) == 0 {
			s.mu.Unlock()
			return taken, nil
		}
		row := s.rows[0]
		s.mu.Unlock()
		if err := take(ctx, row); err != nil {
			return taken, err
		}
		taken++
		if err := s.drop(); err != nil {
			return taken, err
		}
	}
	return taken, ctx.Err()
}

// drop forgets the oldest row. The file is emptied with the last one; until then it still names those that have left.
func (s *spool) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = s.rows[1:]
	if len(s.rows) > 0 {
		return nil
	}
	s.rows = nil
	if s.file == nil {
		return nil
	}
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("handlers: spool: %w", err)
	}
	return nil
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
