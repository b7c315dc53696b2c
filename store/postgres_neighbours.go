package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"
)

const (
	// newsChannel is what PostgreSQL's NOTIFY calls it: https://www.postgresql.org/docs/current/sql-notify.html
	newsChannel = "holdfast"
	// newsWaiting bounds what is to be told. Beyond it news are dropped: who is told nothing looks by himself.
	newsWaiting = 1000
	// newsPause is the shortest time between two attempts to listen again, and also bounds telling.
	newsPause = 500 * time.Millisecond
	// newsSilence is how long the listening connection may be silent before it is asked whether it is still there.
	newsSilence = 30 * time.Second
)

// neighbours are the other processes on the same PostgreSQL. They tell one another about the timeline, and tell the one that has the
// lease on a subject that something came in for it: without that, an event that a load balancer gave to the wrong process would wait for
// the right one's next look. What is told may get lost, and then that look finds it.
type neighbours struct {
	config *pgx.ConnConfig
	db     *sqlx.DB
	self   string

	onStep    func(seq int64)
	onReceive func(Subject)

	mu     sync.Mutex
	owners map[string]bool // of leases, in this process
	seq    int64           // the newest to tell; 0 for none
	calls  []news
	some   chan struct{} // there is something to tell

	stop context.CancelFunc
	done sync.WaitGroup
}

// news is what is told: a step, or something for the owner of a lease.
type news struct {
	From  string   `json:"from"`
	Seq   int64    `json:"seq,omitempty"`
	Owner string   `json:"owner,omitempty"`
	About *Subject `json:"about,omitempty"`
}

func newNeighbours(ctx context.Context, config *pgx.ConnConfig, db *sqlx.DB, onStep func(int64), onReceive func(Subject)) *neighbours {
	n := &neighbours{
		config: config.Copy(), db: db, self: rand.Text(), onStep: onStep, onReceive: onReceive,
		owners: map[string]bool{}, some: make(chan struct{}, 1),
	}
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	n.done.Go(func() { n.listen(ctx) })
	n.done.Go(func() { n.tell(ctx) })
	return n
}

func (n *neighbours) close() {
	n.stop()
	n.done.Wait()
}

// serves notes that this process takes leases by a name.
func (s *Store) serves(owner string) {
	if n := s.neighbours; n != nil {
		n.mu.Lock()
		n.owners[owner] = true
		n.mu.Unlock()
	}
}

// announce tells who is to deliver that something came in: the process that has the lease, or this one.
func (s *Store) announce(subject Subject, held lease) {
	n := s.neighbours
	if n == nil || held.owner == "" || held.until <= s.clock().UnixMicro() || n.ours(held.owner) {
		s.tellReceive(subject)
		return
	}
	n.add(func() {
		if len(n.calls) < newsWaiting {
			n.calls = append(n.calls, news{From: n.self, Owner: held.owner, About: &subject})
		}
	})
}

func (n *neighbours) ours(owner string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owners[owner]
}

// tellStep tells the others how far the timeline is. On SQLite there are none.
func (n *neighbours) tellStep(seq int64) {
	if n != nil {
		n.add(func() { n.seq = max(n.seq, seq) })
	}
}

func (n *neighbours) add(what func()) {
	n.mu.Lock()
	what()
	n.mu.Unlock()
	select {
	case n.some <- struct{}{}:
	default:
	}
}

// tell tells what has gathered while the last was being told, so a busy process does not tell more often than PostgreSQL can.
func (n *neighbours) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.some:
		}
		payloads := n.take()
		bounded, cancel := context.WithTimeout(ctx, newsPause)
		// An error drops the news: the database has more to worry about then.
		_, _ = n.db.ExecContext(bounded, `SELECT pg_notify('`+newsChannel+`', payload) FROM unnest($1::text[]) AS payload`, payloads)
		cancel()
	}
}

func (n *neighbours) take() (payloads []string) {
	n.mu.Lock()
	all := n.calls
	if n.seq > 0 {
		all = append(all, news{From: n.self, Seq: n.seq})
	}
	n.calls, n.seq = nil, 0
	n.mu.Unlock()
	for _, one := range all {
		if payload, err := json.Marshal(one); err == nil && len(payload) < 8000 { // PostgreSQL takes no longer one
			payloads = append(payloads, string(payload))
		}
	}
	return payloads
}

// listen listens until ctx ends, and listens again when the connection is lost.
func (n *neighbours) listen(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		_ = n.hear(ctx) // why it ended does not matter: the pools have the same troubles, and say so
		pause.Reset(newsPause)
	}
}

// hear hands on what the others tell over one connection, until it breaks.
func (n *neighbours) hear(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, n.config)
	if err != nil {
		return err
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), newsPause)
		defer cancel()
		_ = conn.Close(bye)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+newsChannel); err != nil {
		return err
	}
	for {
		silence, cancel := context.WithTimeout(ctx, newsSilence)
		heard, err := conn.WaitForNotification(silence)
		cancel()
		switch {
		case err == nil:
			n.hand(heard.Payload)
		case ctx.Err() != nil || conn.IsClosed():
			return err
		default:
			asked, cancel := context.WithTimeout(ctx, newsSilence)
			err := conn.Ping(asked)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// hand hands on what was told, unless it comes from here or is for another process.
func (n *neighbours) hand(payload string) {
	var one news
	if err := json.Unmarshal([]byte(payload), &one); err != nil || one.From == n.self {
		return
	}
	switch {
	case one.Seq > 0:
		n.onStep(one.Seq)
	case one.About != nil && n.ours(one.Owner):
		n.onReceive(*one.About)
	}
}
