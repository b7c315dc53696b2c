package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"holdfast/store"
)

// pulse wakes everybody who waits for the next step of any call. It never blocks who rings it.
type pulse struct {
	mu sync.Mutex
	ch chan struct{}
}

func newPulse() *pulse { return &pulse{ch: make(chan struct{})} }

// next is closed when the pulse rings next. Take it before you look, so that nothing comes unnoticed in between.
func (p *pulse) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ch
}

func (p *pulse) ring() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.ch)
	p.ch = make(chan struct{})
}

// A frame is an entry as a stream carries it, with what readers are filtered by.
type frame struct {
	seq    int64
	call   string
	agents []string
	// private is not for agents, whomever it concerns.
	private bool
	wire    []byte
}

func newFrame(e store.Entry) (frame, error) {
	name, render := "timeline", func() any { return renderEntry(e) }
	if e.Call == "" {
		name, render = "agent", func() any { return renderAgentEvent(e) }
	}
	data, err := json.Marshal(render())
	if err != nil { // its data is no JSON: one entry must not stop the stream
		e.Data = nil
		if data, err = json.Marshal(render()); err != nil {
			return frame{}, err
		}
	}
	var b bytes.Buffer
	b.Grow(len(data) + 48)
	b.WriteString("id: ")
	b.WriteString(strconv.FormatInt(e.Seq, 10))
	b.WriteString("\nevent: ")
	b.WriteString(name)
	b.WriteString("\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	return frame{seq: e.Seq, call: e.Call, agents: e.Agents, private: e.Private, wire: b.Bytes()}, nil
}

// Sizes of the feed, in timeline entries. A call makes about 60.
const (
	feedKeeps = 2048 // for readers who are nearly there
	feedPage  = 500  // read at once
)

// feedRest is the shortest time between two looks for what is new. A look wakes every reader, whomever the news concern: where many calls go on, several
// steps are told at once.
const feedRest = 20 * time.Millisecond

// feed reads the timeline once for all streams. A reader keeps his own place and takes what follows at his own pace, from the newest
// entries in memory or, further back, from the store; so nobody waits for anybody, and nobody's backlog takes memory.
type feed struct {
	store *store.Store
	steps *pulse
	poll  time.Duration
	log   *slog.Logger

	stop chan struct{}
	done chan struct{}
	off  sync.Once

	mu      sync.Mutex
	readers int
	valid   bool // ring holds every entry after floor, up to head
	floor   int64
	head    int64
	ring    []frame
	news    chan struct{} // closed when there is more
}

func newFeed(s *store.Store, steps *pulse, poll time.Duration, log *slog.Logger) *feed {
	f := &feed{
		store: s, steps: steps, poll: poll, log: log,
		stop: make(chan struct{}), done: make(chan struct{}), news: make(chan struct{}),
	}
	go f.run()
	return f
}

// close ends the feed and every stream on it.
func (f *feed) close() {
	f.off.Do(func() { close(f.stop) })
	<-f.done
}

func (f *feed) attach() (detach func()) {
	f.mu.Lock()
	f.readers++
	first := f.readers == 1
	f.mu.Unlock()
	if first {
		f.steps.ring()
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.readers--
	}
}

func (f *feed) run() {
	defer close(f.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // a read that is under way ends with the feed
		select {
		case <-f.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(f.poll) // for what other processes project
	defer tick.Stop()
	failing := false
	for {
		step, rest := f.steps.next(), time.After(feedRest)
		err := f.load(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			f.log.LogAttrs(ctx, slog.LevelWarn, "the live stream cannot read the store", slog.Any("error", err))
		}
		failing = err != nil
		if failing {
			step = nil // until the next tick
		}
		select {
		case <-f.stop:
			return
		case <-step:
		case <-tick.C:
		}
		select {
		case <-f.stop:
			return
		case <-rest:
		}
	}
}

// load takes what is new. Without readers it takes nothing, and forgets.
func (f *feed) load(ctx context.Context) error {
	f.mu.Lock()
	idle, valid, head := f.readers == 0, f.valid, f.head
	if idle {
		f.valid, f.ring = false, nil
	}
	f.mu.Unlock()
	if idle {
		return nil
	}
	if !valid {
		last, err := f.store.LastSeq(ctx)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.valid, f.floor, f.head, f.ring = true, last, last, nil
		f.tell() // whoever read the store before may have missed what came up to last
		f.mu.Unlock()
		head = last
	}
	for {
		entries, err := f.store.Stream(ctx, head, feedPage)
		if err != nil || len(entries) == 0 {
			return err
		}
		frames, err := framesOf(entries)
		if err != nil {
			return err
		}
		head = entries[len(entries)-1].Seq
		f.mu.Lock()
		f.keep(frames, head)
		f.tell()
		f.mu.Unlock()
		if len(entries) < feedPage {
			return nil
		}
	}
}

// keep appends to the ring. Readers hold parts of it, so what is in it never changes: to forget, it is copied.
func (f *feed) keep(frames []frame, head int64) {
	f.ring = append(f.ring, frames...)
	f.head = head
	if len(f.ring) > 2*feedKeeps {
		cut := len(f.ring) - feedKeeps
		f.floor = f.ring[cut-1].seq
		f.ring = slices.Clone(f.ring[cut:])
	}
}

func (f *feed) tell() {
	close(f.news)
	f.news = make(chan struct{})
}

// after gives some of what follows seq, in order, and a channel that is closed when there may be more than that.
func (f *feed) after(ctx context.Context, seq int64) ([]frame, <-chan struct{}, error) {
	f.mu.Lock()
	news := f.news
	if f.valid && seq >= f.floor {
		from, _ := slices.BinarySearchFunc(f.ring, seq+1, func(x frame, want int64) int { return int(x.seq - want) })
		frames := f.ring[from:min(from+feedPage, len(f.ring))]
		f.mu.Unlock()
		return frames, news, nil
	}
	f.mu.Unlock()
	entries, err := f.store.Stream(ctx, seq, feedPage)
	if err != nil {
		return nil, news, err
	}
	frames, err := framesOf(entries)
	return frames, news, err
}

func framesOf(entries []store.Entry) ([]frame, error) {
	frames := make([]frame, len(entries))
	for i, e := range entries {
		var err error
		if frames[i], err = newFrame(e); err != nil {
			return nil, err
		}
	}
	return frames, nil
}
