package people

import (
	"slices"
	"sync"
	"time"

	"holdfast/simulator"
)

// A conversation is one call as its people live it: the plan, and what each of them has done. Whoever tells the story sees
// both ends of it; that is how a claim of Holdfast is held against the world.
type conversation struct {
	plan
	mayMeetNobody bool // see RunConfig.Dies

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
	voicemails       int       // rings that a voicemail is still to answer
	rangAt           time.Time // an agent's phone rang first
	answered         bool      // an agent picked up
	agents           int       // agents' lines in the room
	goneAt           time.Time // the last of them left
	doneAt           time.Time // the agent has done what he wanted (hold, mute), and the talk may end
	ender            ender

	turns   []turn                 // still to be played
	guest   guest                  // who was asked to come, last
	awaited time.Time              // since then the caller is alone, and somebody is on the way; zero: not so
	leaveAt time.Time              // the caller hangs up then; zero: as planned
	checks  []func(apiCall) string // of the call as Holdfast shows it in the end
	refused bool                   // who was asked to come rejected it
	rangOut bool                   // his phone rang for the last time before he was heard
	atEnd   []func()               // when the call is over

	// With a bot.
	spoken  []move               // what the caller said and keyed
	botDone time.Time            // he has made all his moves
	lost    string               // why the call counts as lost
	tasks   []simulator.TaskSeen // when he met an agent
	callID  string               // of a call that goes out: the application's
}

func newConversation(p plan) *conversation {
	return &conversation{
		plan: p, over: make(chan struct{}), changed: make(chan struct{}),
		s: shared{rejects: p.rejects, ignores: p.ignores, declines: p.declinesFirst, voicemails: p.voicemails, turns: p.turns},
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

// id is the call's ID as far as the people's own knowledge goes: the caller's CallSid, or, of a call that a bot places, what the API said. Empty
// for a stranger.
func (c *conversation) id() string {
	if s, _ := c.now(); s.callID != "" {
		return s.callID
	}
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
	records // a voicemail answers, listens, and presses nothing
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
		case s.voicemails > 0:
			s.voicemails--
			r = records
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

// said notes that nothing is left to be talked about.
func (c *conversation) said() {
	c.update(func(s *shared) { s.doneAt = time.Now() })
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
	case s.lost != "":
		return resultLost, s.lost
	case c.bot != nil && c.bot.ends != handsOff && !talked:
		return c.verdictOfBot(s, v)
	case talked && s.ender != nobody:
		return resultCompleted, ""
	case talked && !s.awaited.IsZero() && len(v.heard) > 0: // nobody could be found, and he was told
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
	case !v.answered && v.status == "failed" && c.mayMeetNobody:
		return resultRejected, ""
	default:
		return resultLost, "dropped before anybody talked to him (" + v.status + ")"
	}
}

// soon is the time within which two ends of a line may disagree about what came first.
const soon = 500 * time.Millisecond

// outcomes are those that Holdfast may give the call after what its people saw. None: any will do.
func (c *conversation) outcomes(r result) []string {
	if c.bot != nil && c.bot.outcomes != nil {
		return c.bot.outcomes
	}
	s, _ := c.now()
	v, _ := s.caller.now()
	switch r {
	case resultCompleted:
		allowed := []string{"completed"}
		if s.ender == agentDies || s.ender == nobody {
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
	shared, _ := c.now()
	for _, check := range shared.checks {
		if wrong := check(call); wrong != "" {
			return wrong
		}
	}
	if c.bot != nil && c.bot.outbound != nil {
		return ""
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
