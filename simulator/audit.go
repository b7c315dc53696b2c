package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Bounds are how long, in Twilio's seconds, what must not last may last before it is a violation. Zero values are defaults, negative ones
// never complain.
type Bounds struct {
	// Forsaken: a customer is on hold in a conference with nobody else there who could talk, nobody's phone ringing and no task waiting
	// for an agent. Default 60.
	Forsaken int
	// Orphaned: a leg that somebody dialled for a customer lives on although that customer's call has ended. Default 60.
	Orphaned int
	// Open: a task is pending, reserved or assigned although its customer's call has ended. Default 60.
	Open int
	// Wrapping: a task is in wrap-up although its customer's call has ended. Default 900.
	Wrapping int
	// AtLeast is the real time that must have passed too: however short a second of Twilio's is, the application's work and its restarts
	// take real time. Default 10 seconds.
	AtLeast time.Duration
}

func (b Bounds) withDefaults() Bounds {
	b.Forsaken, b.Orphaned = cmp.Or(b.Forsaken, 60), cmp.Or(b.Orphaned, 60)
	b.Open, b.Wrapping = cmp.Or(b.Open, 60), cmp.Or(b.Wrapping, 900)
	b.AtLeast = cmp.Or(b.AtLeast, 10*time.Second)
	return b
}

// A tolerance decides what has lasted too long, and takes what is said of it.
type tolerance struct {
	bounds Bounds
	second time.Duration
	tell   func(format string, args ...any)
}

// out reports whether something lasts too long that began at since.
func (p tolerance) out(since time.Time, bound int) bool {
	return bound >= 0 && time.Since(since) >= max(time.Duration(bound)*p.second, p.bounds.AtLeast)
}

// auditEvery is how many seconds lie between two looks at what must not last.
const auditEvery = 5

// watchLocked begins to look, again and again, at what must not last; what must not be at all is noted when it happens.
func (s *Simulator) watchLocked() {
	if s.watched {
		return
	}
	s.watched = true
	s.goroutine(func() {
		for s.wait(s.ctx, auditEvery) {
			s.mu.Lock()
			s.auditLastingLocked(s.tolerance())
			s.mu.Unlock()
		}
	})
}

// auditLocked looks for what must not be, in both halves.
func (s *Simulator) auditLocked() {
	s.auditVoiceLocked()
	for _, ws := range s.tr.workspaces.items {
		for _, a := range ws.agents.items {
			for _, r := range a.held {
				if r.over() || r.task.over() {
					s.violationLocked("agent %s is held by reservation %s, which has ended", a.sid, r.sid)
				}
			}
		}
		for _, t := range ws.open.items {
			if t.status == statusReserved && len(t.pending()) == 0 {
				s.violationLocked("task %s is reserved, and nobody rings", t.sid)
			}
			if c := s.voice.calls[t.caller]; c != nil && c.over() && (t.status == statusPending || t.status == statusReserved) {
				s.violationLocked("task %s is %s, and its caller is gone", t.sid, t.status)
			}
		}
	}
	s.auditLastingLocked(s.tolerance())
}

// tolerance is that of a run that goes on.
func (s *Simulator) tolerance() tolerance {
	return tolerance{bounds: s.cfg.Bounds, second: s.cfg.Second, tell: s.violationLocked}
}

// Leftovers lists what is not as it should be once everything has come to rest, at the end of a run: customers on hold with nobody coming,
// legs and tasks that are there although their customer's call has ended, legs that are no customer's and were dialled for none, and conferences that
// are not over. It tolerates nothing, and is no violation by itself.
func (s *Simulator) Leftovers() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tell := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	s.auditLastingLocked(tolerance{tell: tell})
	for c := range s.voice.alive {
		if !c.customer && len(s.customersLocked(c)) == 0 {
			tell("leg %s to %s is %s, and was dialled for no customer", c.sid, addressKey(c.to), c.status)
		}
	}
	for name, f := range s.voice.rooms {
		if !slices.ContainsFunc(f.customers, func(c *voiceCall) bool { return !c.over() }) {
			tell("conference %s of the name %s is not over, and has no customer", f.sid, name)
		}
	}
	slices.Sort(out)
	return out
}

// auditLastingLocked looks for what has lasted too long.
func (s *Simulator) auditLastingLocked(p tolerance) {
	for _, f := range s.voice.rooms {
		for _, held := range f.participants {
			s.auditHoldLocked(p, held)
		}
	}
	for c := range s.voice.alive {
		s.auditOrphanLocked(p, c)
	}
	for _, ws := range s.tr.workspaces.items {
		for _, t := range ws.open.items {
			s.auditOpenLocked(p, t)
		}
	}
}

// auditHoldLocked is for a customer who is on hold with nobody coming.
func (s *Simulator) auditHoldLocked(p tolerance, held *participant) {
	if !held.joined || !held.hold || !held.call.customer || s.comingLocked(held) {
		held.forsaken = time.Time{}
		return
	}
	if held.forsaken.IsZero() {
		held.forsaken = time.Now()
	}
	if p.out(held.forsaken, p.bounds.Forsaken) {
		p.tell("customer %s is on hold in conference %s, and nobody is coming for longer than %d seconds",
			held.call.sid, held.conf.sid, p.bounds.Forsaken)
	}
}

// comingLocked reports whether anybody could yet talk to a customer on hold: a leg that is in the conference, a leg that is being dialled
// for the customer or hears an announcement, a task of the customer's that wants an agent.
func (s *Simulator) comingLocked(p *participant) bool {
	if slices.ContainsFunc(p.conf.participants, s.couldTalkLocked) {
		return true
	}
	for c := range s.voice.alive {
		if c != p.call && c.participant == nil && slices.Contains(s.customersLocked(c), p.call) {
			return true
		}
	}
	for _, ws := range s.tr.workspaces.items {
		for _, t := range ws.open.items {
			if (t.status == statusPending || t.status == statusReserved) && s.customerOfLocked(t) == p.call {
				return true
			}
		}
	}
	return false
}

// couldTalkLocked reports whether a leg is company for a customer: nobody who coaches, nor a listener who is no agent and muted.
func (s *Simulator) couldTalkLocked(p *participant) bool {
	return !p.call.customer && !p.coaching && (!p.muted || s.capacityLocked(p.call.address()) > 0)
}

// auditOrphanLocked is for a leg whose customers have all gone.
func (s *Simulator) auditOrphanLocked(p tolerance, c *voiceCall) {
	if c.customer {
		return
	}
	customers := s.customersLocked(c)
	if len(customers) == 0 {
		return
	}
	last := customers[0].ended
	for _, customer := range customers {
		if !customer.over() {
			return
		}
		if customer.ended.After(last) {
			last = customer.ended
		}
	}
	if last.Before(c.created) {
		last = c.created
	}
	if p.out(last, p.bounds.Orphaned) {
		p.tell("leg %s to %s lives on, more than %d seconds after its customer %s was gone",
			c.sid, addressKey(c.to), p.bounds.Orphaned, customers[0].sid)
	}
}

// auditOpenLocked is for a task whose customer's call has ended.
func (s *Simulator) auditOpenLocked(p tolerance, t *task) {
	c := s.customerOfLocked(t)
	if c == nil || !c.over() {
		return
	}
	since := c.ended
	if since.Before(t.created) {
		since = t.created
	}
	bound := p.bounds.Open
	if t.status == statusWrapping {
		bound = p.bounds.Wrapping
	}
	if p.out(since, bound) {
		p.tell("task %s is still %s, more than %d seconds after its customer %s was gone", t.sid, t.status, bound, c.sid)
	}
}

// customerOfLocked is the call that a task is about: the one that waits for it, or the one that its attributes name.
func (s *Simulator) customerOfLocked(t *task) *voiceCall {
	return s.voice.calls[cmp.Or(t.caller, stringAttribute(t.attrs, "call_sid"))]
}

// customersLocked are the calls that a leg is there for: the customers of its conference, and the one whose task's instruction dialled it.
func (s *Simulator) customersLocked(c *voiceCall) (out []*voiceCall) {
	if p := c.participant; p != nil {
		out = append(out, p.conf.customers...)
	}
	if t := s.tr.tasks[c.task]; t != nil {
		if customer := s.customerOfLocked(t); customer != nil {
			out = append(out, customer)
		}
	}
	return out
}

// auditCompanyLocked is for an agent who enters a conference: he must not be in more conversations than his capacity allows him.
func (s *Simulator) auditCompanyLocked(p *participant) {
	address := p.call.address()
	capacity := s.capacityLocked(address)
	if p.call.task != "" {
		capacity = max(capacity, 1)
	}
	if capacity == 0 || p.call.customer {
		return // no agent's
	}
	rooms := 0
	other := p.conf
	for _, f := range s.voice.rooms {
		if slices.ContainsFunc(f.participants, func(q *participant) bool { return q.joined && !q.call.customer && q.call.address() == address }) {
			rooms++
			if f != p.conf {
				other = f
			}
		}
	}
	if rooms > capacity {
		s.violationLocked("%s is in the conferences %s and %s at once", address, other.sid, p.conf.sid)
	}
}

// address is who is at the other end of a leg.
func (c *voiceCall) address() string {
	if c.direction == directionInbound {
		return addressKey(c.from)
	}
	return addressKey(c.to)
}

// capacityLocked is how many calls the agent at an address may have at once, 0 if no agent has it.
func (s *Simulator) capacityLocked(address string) int {
	capacity := 0
	for _, ws := range s.tr.workspaces.items {
		for _, a := range ws.agents.items {
			if addressKey(stringAttribute(a.attrs, "contact_uri")) != address {
				continue
			}
			capacity = max(capacity, 1)
			for _, ac := range a.channels {
				if ac.channel.uniqueName == "voice" {
					capacity = max(capacity, ac.capacity)
				}
			}
		}
	}
	return capacity
}

// auditAgentLocked checks, when an agent was put into a conversation, that the customer is there.
func (s *Simulator) auditAgentLocked(r *reservation) {
	if c := s.voice.calls[r.task.caller]; c != nil && c.over() {
		s.violationLocked("reservation %s was accepted, and its customer is gone", r.sid)
	}
}
