package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// How the checkpointer works.
const (
	checkpointEvery = time.Second
	// checkpointFrames is how long the log may grow, in pages of 4 kB, before the writer is stopped for a moment to start it anew.
	checkpointFrames = 4096
	// checkpointWait bounds that moment, in ms.
	checkpointWait = "100"
	// sqliteAutoCheckpoint is the net below: what the writer does by itself when the checkpointer could not for long.
	sqliteAutoCheckpoint = "PRAGMA wal_autocheckpoint = 16384"
)

// checkpointer moves what the write-ahead log gathered into the database file, from a connection of its own. Left to SQLite, an
// unlucky commit in every few hundred would do it, disk flushes included, while a webhook waits for its answer.
type checkpointer struct {
	db    *sqlx.DB
	dirty chan struct{}
	stop  context.CancelFunc
	done  sync.WaitGroup
}

func newCheckpointer(ctx context.Context, dsn string) (*checkpointer, error) {
	db, err := open(dsn, 1)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &checkpointer{db: db, dirty: make(chan struct{}, 1), stop: stop}
	if _, err := db.ExecContext(ctx, "PRAGMA busy_timeout = "+checkpointWait); err != nil {
		stop()
		return nil, errors.Join(err, db.Close())
	}
	c.done.Go(func() { c.run(ctx) })
	return c, nil
}

// wrote says that there is something to move.
func (c *checkpointer) wrote() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

func (c *checkpointer) run(ctx context.Context) {
	pause := time.NewTicker(checkpointEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-c.dirty:
			c.move(ctx)
		default:
		}
	}
}

// move does what it can beside the writer. Under a steady load the log never becomes empty that way, so once it is long the writer is
// held up for the few pages that remain. A checkpoint that fails is only late: nothing is lost, and the next one makes up for it.
func (c *checkpointer) move(ctx context.Context) {
	frames, err := c.pragma(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	if err == nil && frames > checkpointFrames {
		_, _ = c.pragma(ctx, "PRAGMA wal_checkpoint(RESTART)")
	}
}

func (c *checkpointer) pragma(ctx context.Context, pragma string) (frames int, err error) {
	var busy, moved int
	err = c.db.QueryRowxContext(ctx, pragma).Scan(&busy, &frames, &moved)
	return frames, err
}

func (c *checkpointer) close() error {
	c.stop()
	c.done.Wait()
	return c.db.Close()
}
