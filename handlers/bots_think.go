package handlers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"holdfast/bot"
)

// talks are the conversations that this process has in hand: what a brain thinks of the caller's words, often before he has said all of them. It is
// bounded, and forgets those that were not used for longest.
type talks struct {
	mu        sync.Mutex
	bySession map[string]*talk
	early     int // brains at work on what is not said to the end
	atMost    int // such brains
	ctx       context.Context
	stop      context.CancelFunc
	working   sync.WaitGroup
}

const (
	talksAtMost   = 4096
	talkIdleAfter = 2 * time.Minute // longer than a caller may be silent, or speak
)

func newTalks(atMost int) talks {
	ctx, stop := context.WithCancel(context.Background())
	return talks{bySession: map[string]*talk{}, atMost: atMost, ctx: ctx, stop: stop}
}

func (t *talks) close() {
	t.mu.Lock()
	t.stop() // under the lock: nothing begins after it
	t.mu.Unlock()
	t.working.Wait()
}

// talk is a session in hand. Its fields are the table's, under its lock.
type talk struct {
	used    time.Time
	base    *talkBase
	thought *thought

	heardTurn int       // that the next two are of
	heardAt   time.Time // the first partial result came
	sequence  int       // of the last partial result
}

// talkBase is where a turn begins: how the session stands, and what was said until now. It is not changed.
type talkBase struct {
	*botTurn
	dialogue bot.Dialogue
}

// A thought is a brain at work on one turn.
type thought struct {
	turn   int
	words  string // that it is about
	keys   string // or these
	other  bool   // the other brain thinks
	early  bool   // they may go on
	begun  time.Time
	cancel context.CancelFunc
	done   chan struct{}
	reply  bot.Reply // when done is closed
}

// of is the talk of a session, made if need be.
func (t *talks) of(session string, now time.Time) *talk {
	k := t.bySession[session]
	if k == nil {
		if len(t.bySession) >= talksAtMost {
			t.forget(now)
		}
		k = &talk{}
		t.bySession[session] = k
	}
	k.used = now
	return k
}

// forget makes room: all that are idle go, and one in any case.
func (t *talks) forget(now time.Time) {
	oldest := ""
	for session, k := range t.bySession {
		if now.Sub(k.used) > talkIdleAfter {
			t.drop(session)
		} else if oldest == "" || k.used.Before(t.bySession[oldest].used) {
			oldest = session
		}
	}
	if len(t.bySession) >= talksAtMost {
		t.drop(oldest)
	}
}

func (t *talks) drop(session string) {
	if k := t.bySession[session]; k != nil && k.thought != nil {
		k.thought.cancel()
	}
	delete(t.bySession, session)
}

// end forgets a session whose conversation is over, and stops what is thought for it.
func (t *talks) end(session string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(session)
}

// keepBase notes where a session's next turn begins.
func (t *talks) keepBase(session string, base *talkBase, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.of(session, now)
	if k.base == nil || k.base.number <= base.number {
		k.base = base
	}
}

// baseOf is where a turn begins, nil if this process does not know.
func (t *talks) baseOf(session string, turn int, now time.Time) *talkBase {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.bySession[session]
	if k == nil || k.base == nil || k.base.number != turn {
		return nil
	}
	k.used = now
	return k.base
}

// hears notes a partial result, and says whether it is the latest of its turn.
func (t *talks) hears(session string, turn, sequence int, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.of(session, now)
	switch {
	case turn < k.heardTurn:
		return false
	case turn > k.heardTurn || k.heardAt.IsZero():
		k.heardTurn, k.heardAt, k.sequence = turn, now, sequence
		return true
	case sequence < k.sequence:
		return false
	}
	k.sequence = sequence
	return true
}

// heardAt is when the caller began to speak in a turn, as far as partial results told; zero if they did not.
func (t *talks) heardAt(session string, turn int) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.bySession[session]; k != nil && k.heardTurn == turn {
		return k.heardAt
	}
	return time.Time{}
}

// thinking is what to think of.
type thinking struct {
	session  string
	turn     int
	early    bool
	other    bool
	within   time.Duration
	brain    func(ctx context.Context) (bot.Brain, error)
	settings bot.Settings
	dialogue bot.Dialogue // for the brain alone
	input    bot.Input
}

// think has a brain work on a turn. What is thought of the same words already is taken; what is thought of other words is given up. nil if so many
// brains work on what is not said to the end that this one must wait until it is, or if the process ends.
func (t *talks) think(work thinking, now time.Time) *thought {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return nil
	}
	k := t.of(work.session, now)
	if before := k.thought; before != nil {
		if work.early && (before.turn > work.turn || before.turn == work.turn && !before.early) {
			return nil // the caller was answered, or has ended: this came late
		}
		if before.turn == work.turn && before.about(work) && (!before.early || !before.failed()) {
			before.early = before.early && work.early
			return before
		}
		before.cancel()
		k.thought = nil
	}
	if work.early && t.early >= t.atMost {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.ctx, work.within)
	th := &thought{turn: work.turn, words: work.input.Speech, keys: work.input.Digits, other: work.other, early: work.early, begun: now, cancel: cancel, done: make(chan struct{})}
	k.thought = th
	if work.early {
		t.early++
	}
	t.working.Go(func() {
		defer cancel()
		th.reply = replyOf(ctx, work)
		close(th.done)
		if work.early {
			t.mu.Lock()
			t.early--
			t.mu.Unlock()
		}
	})
	return th
}

// about says whether a thought is about the same, by the same brain.
func (th *thought) about(work thinking) bool {
	return th.other == work.other && th.keys == work.input.Digits && bot.SameWords(th.words, work.input.Speech)
}

// failed says whether the brain is done, and failed: what it could not answer before the caller had ended it may answer now.
func (th *thought) failed() bool {
	select {
	case <-th.done:
		return th.reply.Err != nil
	default:
		return false
	}
}

// thoughtOf is the thought of a turn, nil if there is none: another process began it, or this one forgot it.
func (t *talks) thoughtOf(session string, turn int) *thought {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.bySession[session]; k != nil && k.thought != nil && k.thought.turn == turn {
		return k.thought
	}
	return nil
}

// errTooSlow is of a brain that did not answer within its time.
var errTooSlow = errors.New("the brain did not answer in time")

// carry lets a thought be asked for by a later turn.
func (t *talks) carry(session string, turn int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.bySession[session]; k != nil && k.thought != nil {
		k.thought.turn = turn
	}
}

// left is how long a brain may still think that has so long in all.
func (th *thought) left(within time.Duration, now time.Time) time.Duration {
	return within - now.Sub(th.begun)
}

// wait waits for a thought, for so long at most. done is false if it is still thought then.
func (th *thought) wait(ctx context.Context, most time.Duration) (reply bot.Reply, done bool) {
	select {
	case <-th.done:
		return th.reply, true
	default:
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-th.done:
		return th.reply, true
	case <-timer.C:
	case <-ctx.Done(): // whoever asked has gone; his question comes again
	}
	return bot.Reply{}, false
}

// replyOf asks a brain. One that panics has failed.
func replyOf(ctx context.Context, work thinking) (reply bot.Reply) {
	defer func() {
		if v := recover(); v != nil {
			reply.Err = fmt.Errorf("the brain panicked: %v", v)
		}
	}()
	brain, err := work.brain(ctx)
	if err != nil {
		return bot.Reply{Err: err}
	}
	return bot.Think(ctx, brain, work.settings, work.dialogue, work.input)
}
