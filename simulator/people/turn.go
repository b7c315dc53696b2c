package people

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A turn is something that the people of a call do in the middle of it besides talking. Whoever has the call plays the next one.
type turn interface {
	// play does it. stays says whether the agent still has the call afterwards.
	play(ctx context.Context, d *desk) (stays bool)
	// takes is how many agents it needs besides him.
	takes() int
}

// An origin is what a turn is drawn from besides the dice: who and what there is, and a place in the run that makes addresses unique.
type origin struct {
	n       int
	seed    uint64
	staffed []string // queues that somebody serves
	empty   []string // queues that nobody does
	offDuty []string // agents who never come to work
}

// of is the origin of call n's turns.
func (p *planner) of(n int) origin {
	o := origin{n: n, seed: p.seed}
	served, apart := map[string]bool{}, map[string]bool{}
	for _, a := range p.script.Centre.Agents {
		if a.OffDuty {
			o.offDuty = append(o.offDuty, a.Name)
			continue
		}
		for _, skill := range a.Skills {
			target := fmt.Sprintf("skills HAS '%s'", skill)
			served[target] = served[target] || !a.Apart
			apart[target] = apart[target] || a.Apart
		}
	}
	for _, q := range p.script.Centre.Queues {
		switch {
		case q.MaxReserved > 1: // who rings several at once is a story of its own
		case served[q.Target]:
			o.staffed = append(o.staffed, q.Name)
		case apart[q.Target]: // its one agent has the call
		default:
			o.empty = append(o.empty, q.Name)
		}
	}
	return o
}

// outside is a telephone number out in the world that no other call of the run knows.
func (o origin) outside(i int) string {
	return fmt.Sprintf("+1777%d%s", i%10, callerNumber(o.seed, o.n)[6:])
}

// comingWithin is how many simulated seconds somebody may take to come to a caller who is alone, all of Holdfast's own deadlines together.
const comingWithin = 20 + 60 + 20 + 300 + 30

// A guest is somebody who is asked to come into a conversation.
type guest struct {
	expected bool
	welcome  welcome
	address  string // of an agent who was asked for; "": whoever comes
	agent    string // his SID
	w        *watch // his line, once he is in the room
	has      bool   // the call is his
	takes    bool   // it is his as soon as he comes
}

// A welcome is what somebody does whose phone rings.
type welcome struct {
	does  reaction
	after float64
}

// next is the next turn to be played.
func (c *conversation) next() (t turn) {
	c.update(func(s *shared) {
		if len(s.turns) > 0 {
			t, s.turns = s.turns[0], s.turns[1:]
		}
	})
	return t
}

// expectGuest says who is asked to come now.
func (c *conversation) expectGuest(g guest) {
	g.expected = true
	c.update(func(s *shared) { s.guest = g })
}

// await waits until the shared knowledge satisfies ok; it gives up after limit (0: never), with ctx, or when over is closed.
func (c *conversation) await(ctx context.Context, limit time.Duration, over <-chan struct{}, ok func(shared) bool) bool {
	var late <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		late = t.C
	}
	for {
		s, changed := c.now()
		if ok(s) {
			return true
		}
		select {
		case <-changed:
		case <-over:
			s, _ := c.now()
			return ok(s)
		case <-late:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// whenOver has something done once the call is over for its people.
func (c *conversation) whenOver(f func()) {
	c.update(func(s *shared) { s.atEnd = append(s.atEnd, f) })
}

func (c *conversation) clean() {
	s, _ := c.now()
	for _, f := range slices.Backward(s.atEnd) {
		f()
	}
}

// callerGone says whether the caller's line has ended, or is about to.
func (c *conversation) callerGone() bool {
	s, _ := c.now()
	if s.ender != nobody || !s.leaveAt.IsZero() && time.Now().After(s.leaveAt) {
		return true
	}
	if s.caller == nil {
		return false
	}
	v, _ := s.caller.now()
	return v.ended
}

// hears waits until a line hears another, or no more hears it. A line that has ended proves nothing.
func (r *run) hears(ctx context.Context, call, what string, listener, speaker *watch, wanted bool) {
	if listener == nil || speaker == nil {
		return
	}
	late := time.Now().Add(verifiedGrace + r.cfg.Patience)
	for {
		if slices.Contains(r.sim.Hearing(listener.line.CallSID()), speaker.line.CallSID()) == wanted {
			return
		}
		for _, w := range []*watch{listener, speaker} {
			if v, _ := w.now(); v.ended || (!v.joined && !v.joinedAt.IsZero()) {
				return
			}
		}
		if time.Now().After(late) {
			break
		}
		if !sleep(ctx, 10*time.Millisecond) {
			return
		}
	}
	should := "does not hear"
	if !wanted {
		should = "still hears"
	}
	r.violation(call, "%s: %s %s %s", what, listener.line.To(), should, speaker.line.To())
}

// poll reads a call until it shows something.
func (r *run) poll(ctx context.Context, id string, limit time.Duration, ok func(apiCall) bool) (apiCall, bool) {
	last := apiCall{}
	for late := time.Now().Add(limit); ; {
		if got, err := r.reader.call(ctx, id); err == nil && got.status == 200 {
			if last = got.call; ok(last) {
				return last, true
			}
			if last.State == stateEnded {
				return last, false
			}
		}
		if time.Now().After(late) || !sleep(ctx, 60*time.Millisecond) {
			return last, false
		}
	}
}
