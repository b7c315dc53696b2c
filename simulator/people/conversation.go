package people

import (
	"slices"
	"sync"
	"time"
)

// A conversation is one call as its people live it: the plan, and what each of them has done. Whoever tells the story sees
// both ends of it; that is how a claim of Holdfast is held against the world.
type conversation struct {
	plan

	over     chan struct{} // closed when the live events say that the call has ended
	overOnce sync.Once

	mu      sync.Mutex
	changed chan struct{}
	s       shared
}

// shared is what both ends of a conversation know together.
type shared struct {
	caller *watch // nil for a caller who is not of this run
	placed time.Time

	declines         int       // offers that are still to be rejected on the desktop
	rejects, ignores int       // rings that are still to come to nothing
	rangAt           time.Time // an agent's phone rang first
	answered         bool      // an agent picked up
	agents           int       // agents' lines in the room
	goneAt           time.Time // the last of them left
	doneAt           time.Time // the agent has done what he wanted (hold, mute), and the talk may end
	ender            ender
}

func newConversation(p plan) *conversation {
	return &conversation{
		plan: p, over: make(chan struct{}), changed: make(chan struct{}),
		s: shared{rejects: p.rejects, ignores: p.ignores, declines: p.declinesFirst},
	}
}

// update changes what is shared, and wakes whoever waits for it.
func (c *conversation) update(f func(s *shared)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.s)
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *conversation) now() (shared, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s, c.changed
}

// callerWatch is the caller's end; nil for a stranger.
func (c *conversation) callerWatch() *watch {
	s, _ := c.now()
	return s.caller
}

// id is the call's ID as far as the people's own knowledge goes: the caller's CallSid. Empty for a stranger.
func (c *conversation) id() string {
	if w := c.callerWatch(); w != nil {
		return w.line.CallSID()
	}
	return ""
}

// end notes by whose will the call ends, before it is done; the first will counts, and is returned.
func (c *conversation) end(by ender) ender {
	c.update(func(s *shared) {
		if s.ender == nobody {
			s.ender = by
		}
		by = s.ender
	})
	return by
}

// A reaction is what an agent does when his phone rings.
type reaction int

const (
	answers reaction = iota
	rejects
	ignores
)

// ring notes that an agent's phone rings, and says what he does.
func (c *conversation) ring() (r reaction) {
	c.update(func(s *shared) {
		if s.rangAt.IsZero() {
			s.rangAt = time.Now()
		}
		switch {
		case c.neverAnswers:
			r = ignores
		case s.rejects > 0:
			s.rejects--
			r = rejects
		case s.ignores > 0:
			s.ignores--
			r = ignores
		default:
			r = answers
		}
	})
	return r
}

// declines says whether the agent at his desktop wants no more of it than to reject.
func (c *conversation) declines() (yes bool) {
	c.update(func(s *shared) {
		if yes = s.declines > 0; yes {
			s.declines--
		}
	})
	return yes
}

// enter and leave count the agents' lines in the room.
func (c *conversation) enter() {
	c.update(func(s *shared) { s.agents++ })
}

func (c *conversation) leave() {
	c.update(func(s *shared) {
		if s.agents--; s.agents == 0 {
			s.goneAt = time.Now()
		}
	})
}

// What became of a call, as its people saw it.
type result string

const (
	resultCompleted result = "completed" // caller and agent talked
	resultAbandoned result = "abandoned" // the caller left before anybody talked to him
	resultRejected  result = "rejected"  // the call was refused before it was answered, or its caller told that nobody will come
	resultLost      result = "lost"
	resultStopped   result = "stopped" // the run was
)

// verdict says what became of the call now that the caller's line has ended, and why when it was lost.
func (c *conversation) verdict() (result, string) {
	s, _ := c.now()
	v, _ := s.caller.now()
	talked := !v.togetherAt.IsZero()
	switch {
	case s.ender == runEnds:
		return resultStopped, ""
	case talked && s.ender != nobody:
		return resultCompleted, ""
	case talked:
		return resultLost, "dropped in the middle of a talk (" + v.status + ")"
	case s.ender == callerEnds, s.ender == callerLost:
		return resultAbandoned, ""
	case s.ender != nobody:
		// An agent did something to a call whose caller never heard him: the room was half empty.
		return resultLost, "ended before anybody was heard: " + string(s.ender)
	case c.cancelAfter > 0: // told that nobody will come
		return resultRejected, ""
	case !v.answered && (v.status == "busy" || v.status == "no-answer"):
		return resultRejected, ""
	default:
		return resultLost, "dropped before anybody talked to him (" + v.status + ")"
	}
}

// soon is the time within which two ends of a line may disagree about what came first.
const soon = 500 * time.Millisecond

// outcomes are those that Holdfast may give the call after what its people saw. None: any will do.
func (c *conversation) outcomes(r result) []string {
	s, _ := c.now()
	v, _ := s.caller.now()
	switch r {
	case resultCompleted:
		allowed := []string{"completed"}
		if s.ender == agentDies {
			allowed = append(allowed, "failed")
		}
		if v.endedAt.Sub(v.togetherAt) < soon { // gone almost before he came: webhooks keep no order
			allowed = append(allowed, "abandoned")
		}
		return allowed
	case resultAbandoned:
		allowed := []string{"abandoned"}
		if s.answered { // gone while the agent picked up
			allowed = append(allowed, "completed")
		}
		return allowed
	case resultRejected, resultLost, resultStopped:
		return nil
	}
	return nil
}

// disagrees says how Holdfast's account of the ended call differs from the people's; empty when it does not.
func (c *conversation) disagrees(r result, call apiCall) string {
	if allowed := c.outcomes(r); allowed != nil && !slices.Contains(allowed, call.Outcome) {
		return "its people saw it " + string(r) + ", Holdfast says " + quoteOr(call.Outcome, "no outcome")
	}
	if l, ok := call.leg(func(l apiLeg) bool { return l.State != "left" }); ok {
		return "it ended, and Holdfast says that the " + l.Role + "'s leg is " + quoteOr(l.State, "stateless")
	}
	if call.From != c.from {
		return "it came from " + c.from + ", Holdfast says " + quoteOr(call.From, "nobody")
	}
	return ""
}

func quoteOr(s, none string) string {
	if s == "" {
		return none
	}
	return `"` + s + `"`
}
