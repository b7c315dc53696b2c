package simulator

// startDequeueLocked is Voice's part of seam.go.
func (s *Simulator) startDequeueLocked(in callInstruction) (callSID string) {
	leg := s.instructedLegLocked(in)
	c := leg.agent
	s.voice.reserved[in.ReservationSID] = leg
	b := &bridge{s: s, legs: []*voiceCall{c}, winner: c, done: make(chan struct{})}
	c.onAnswerLocked = func() {
		customer := s.voice.calls[in.CustomerCallSID]
		if customer == nil || customer.waiting == nil {
			s.failLocked(leg, callCanceled)
			s.hangUpLocked(c, leftByAPI)
			return
		}
		leg.made = true
		delete(s.voice.reserved, in.ReservationSID)
		s.bridgeQueuedLocked(b, customer)
		c.next = &program{bridge: b}
		c.bridge = b
		s.agentAnsweredLocked(in.ReservationSID)
	}
	c.onEndLocked = func() {
		switch {
		case !leg.made:
			s.failLocked(leg, c.status)
		case !s.closing():
			s.conversationOverLocked(in.ReservationSID)
		}
	}
	s.goroutine(func() { s.ring(c, in.Timeout, program{bridge: b}) })
	return c.sid
}

// bridgeQueuedLocked takes a call out of its queue into a conversation. What its <Enqueue> is to do next it does when that is over.
func (s *Simulator) bridgeQueuedLocked(b *bridge, customer *voiceCall) {
	e := customer.waiting
	then := program{bridge: b}
	if e.action != nil {
		after := *e.action
		after.params = s.queueOutcome(e, "bridged")
		then.after = &after
	}
	s.leaveQueueLocked(e, "bridged")
	b.parent = customer
	customer.bridge = b
	s.interruptLocked(customer, then)
}
