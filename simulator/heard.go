package simulator

import (
	"slices"
	"time"
)

// Heard is a stretch of time in which one leg heard another, or something that was played to it.
type Heard struct {
	CallSID string // who heard
	Of      string // the leg that was heard, be it silent or speaking; "" for what was played
	Sound   string // the text of a <Say> or the address of a <Play>; "" for a person
	// Coaching tells that Of was set to coach while it was heard: by the leg it coached, or by all because that leg was not there.
	Coaching bool
	From     time.Time
	Until    time.Time // zero while it goes on
}

// maxHeard is how many stretches are kept for each leg; older ones are forgotten.
const maxHeard = 512

// Heard tells, oldest first, what a leg has heard: whom, and what was played to it. Legs in one conference hear each other unless one of
// them is on hold, or muted, or coaches a third. A call that is not known any more has heard nothing.
func (s *Simulator) Heard(callSID string) []Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.voice.calls[callSID]
	if c == nil {
		return nil
	}
	out := make([]Heard, len(c.heard))
	for i, h := range c.heard {
		out[i] = *h
	}
	return out
}

// hearsLocked begins a stretch.
func (c *voiceCall) hearsLocked(h Heard) *Heard {
	h.CallSID, h.From = c.sid, time.Now()
	if len(c.heard) >= maxHeard {
		c.heard = slices.Delete(c.heard, 0, maxHeard/2)
	}
	c.heard = append(c.heard, &h)
	return &h
}

func (h *Heard) endLocked() {
	if h.Until.IsZero() {
		h.Until = time.Now()
	}
}

// soundsLocked lets legs hear something until the answer is called, with the lock.
func soundsLocked(legs []*voiceCall, what string) (stop func()) {
	var begun []*Heard
	for _, c := range legs {
		c.line.emitLocked(LineHears, what)
		begun = append(begun, c.hearsLocked(Heard{Sound: what}))
	}
	return func() {
		for _, h := range begun {
			h.endLocked()
		}
	}
}

// listenLocked brings up to date whom a participant hears, and tells him when he begins or ceases to have company. What a customer must
// never hear is noted at once.
func (s *Simulator) listenLocked(p *participant) {
	now := p.hearing
	for q, h := range now {
		if !p.conf.audible(p, q) || h.Coaching != q.coaching {
			h.endLocked()
			delete(now, q)
		}
	}
	for _, q := range p.conf.participants {
		if now[q] != nil || !p.conf.audible(p, q) {
			continue
		}
		if now == nil {
			now = map[*participant]*Heard{}
			p.hearing = now
		}
		now[q] = p.call.hearsLocked(Heard{Of: q.call.sid, Coaching: q.coaching})
		if q.coaching && p.call.customer {
			s.violationLocked("customer %s hears %s, who coaches %s, in conference %s", p.call.sid, q.call.sid, q.coach, p.conf.sid)
		}
	}
	switch hears := len(now) > 0; {
	case hears == p.hears:
	case hears:
		p.hears = true
		p.call.line.emitLocked(LineTogether, "")
	default:
		p.hears = false
		p.call.line.emitLocked(LineAlone, "")
	}
}

// deafenLocked ends all that a participant hears, because it leaves.
func (p *participant) deafenLocked() {
	for _, h := range p.hearing {
		h.endLocked()
	}
	p.hearing = nil
	if p.hears {
		p.hears = false
		p.call.line.emitLocked(LineAlone, "")
	}
}
