package simulator

import (
	"context"
	"time"
)

// A program is what a call in progress does: TwiML, sitting in a conference that somebody else put it in, or both in a row.
type program struct {
	source *source      // TwiML, run first
	room   *participant // then: in its conference until it leaves
	bridge *bridge      // then: in conversation with the call that dialled it
	after  *source      // then: TwiML
	failed bool         // nothing can be run at all
	detect *detection   // before all: who answered
}

// follow runs a call's program, and each one that interrupts it, until the call is over. It is the call's one goroutine.
func (s *Simulator) follow(c *voiceCall, p program) {
	for {
		s.mu.Lock()
		if c.over() {
			s.mu.Unlock()
			return
		}
		if c.next != nil {
			p, c.next = *c.next, nil
		}
		ctx, cancel := context.WithCancel(c.ctx)
		c.stop = cancel
		s.mu.Unlock()

		status := s.perform(ctx, c, p)

		s.mu.Lock()
		cancel()
		if c.next == nil && !c.over() {
			if status == "" || s.closing() {
				status = callCompleted
			}
			if status == callCompleted && c.direction == directionInbound && !s.closing() {
				// TwiML that only says nothing answers the call all the same.
				s.answerCallLocked(c)
			}
			s.endCallLocked(c, status, 0, leftHungUp)
		}
		s.mu.Unlock()
	}
}

// perform runs one program and answers the status with which the call ends by it. When ctx ended before, the answer does not count.
func (s *Simulator) perform(ctx context.Context, c *voiceCall, p program) (status string) {
	if p.failed {
		return callFailed
	}
	if p.detect != nil {
		s.whoAnswered(ctx, c, p.detect)
	}
	if p.source != nil {
		pl := &player{s: s, c: c, ctx: ctx, place: onCall}
		t := pl.play(p.source)
		if t.kind == hangUp || ctx.Err() != nil {
			return t.status
		}
	}
	var over <-chan struct{}
	switch {
	case p.room != nil:
		over = p.room.left
	case p.bridge != nil:
		s.mu.Lock()
		if ctx.Err() == nil {
			p.bridge.connectLocked(c)
		}
		s.mu.Unlock()
		over = p.bridge.done
	default:
		return callCompleted
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
	if p.after != nil && ctx.Err() == nil {
		pl := &player{s: s, c: c, ctx: ctx, place: onCall}
		return pl.play(p.after).status
	}
	return callCompleted
}

// wait lets n of Twilio's seconds pass; false when ctx ended before.
func (s *Simulator) wait(ctx context.Context, n float64) bool {
	t := time.NewTimer(s.seconds(n))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ringGrace is what Twilio adds to every ring time, in seconds.
const ringGrace = 5

// ring dials the person of an outbound leg and, once answered, follows the call. It is the call's one goroutine.
func (s *Simulator) ring(c *voiceCall, timeout int, p program) {
	if s.startRinging(c) {
		t := time.NewTimer(s.seconds(float64(timeout + ringGrace)))
		defer t.Stop()
		select {
		case <-c.picked:
		case <-t.C:
		case <-c.ctx.Done():
		}
	}
	s.mu.Lock()
	if !c.over() && c.status != callInProgress {
		if s.closing() {
			s.endCallLocked(c, callCanceled, 487, leftAddFailed)
		} else {
			s.endCallLocked(c, callNoAnswer, 487, leftAddFailed)
		}
	}
	s.mu.Unlock()
	s.follow(c, p)
}

// startRinging reports whether somebody's phone rings. An address that nobody is attached to cannot be reached, unless it is one of
// the account's own numbers: then that number's voice URL takes the call.
func (s *Simulator) startRinging(c *voiceCall) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.over() || s.closing() {
		return false
	}
	s.callEventLocked(c, "initiated")
	phone := s.voice.phones[addressKey(c.to)]
	if phone == nil && s.voice.numberByPhone(c.to) != nil {
		phone = PhoneFunc(s.relay)
	}
	if phone == nil {
		s.endCallLocked(c, callFailed, 404, leftAddFailed)
		return false
	}
	c.status, c.updated, c.dialed = callRinging, time.Now(), time.Now()
	if c.participant != nil {
		c.participant.status = "ringing"
	}
	s.callEventLocked(c, "ringing")
	s.goroutine(func() { phone.Ring(c.ctx, c.line) })
	return true
}

// relay is the phone of the account's own numbers: what is dialled comes in as a call of its own.
func (s *Simulator) relay(_ context.Context, outside Line) {
	inside, err := s.dial(outside.From(), outside.To())
	if err != nil {
		outside.Reject()
		return
	}
	for {
		select {
		case e, ok := <-inside.Events():
			switch {
			case !ok:
				outside.HangUp()
				return
			case e.Kind == LineAnswered:
				outside.Answer()
			}
		case <-outside.Done():
			inside.HangUp()
			return
		}
	}
}
