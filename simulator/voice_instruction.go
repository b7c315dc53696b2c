package simulator

// A reservedLeg is an agent's leg that a conference instruction dials, from the instruction until the agent's part is over.
type reservedLeg struct {
	in      conferenceInstruction
	agent   *voiceCall
	made    bool
	dropped bool // TaskRouter wants to hear no more of it
}

// defaultRing is how many seconds an agent's phone rings unless the instruction says otherwise.
const defaultRing = 60

// startConferenceLocked is Voice's part of seam.go.
func (s *Simulator) startConferenceLocked(in conferenceInstruction) {
	if s.closing() {
		return
	}
	c := s.newCallLocked(s.accountOfTaskLocked(in.TaskSID), directionAPI, in.From, in.To)
	c.task = in.TaskSID
	c.callback = newStatusCallback(in.StatusCallback, in.StatusCallbackMethod, in.StatusCallbackEvents)
	leg := &reservedLeg{in: in, agent: c}
	s.voice.reserved[in.ReservationSID] = leg
	c.onAnswerLocked = func() { s.meetLocked(leg) }
	c.onEndLocked = func() {
		if !leg.made {
			s.failLocked(leg, c.status)
		}
	}
	s.goroutine(func() { s.ring(c, in.Timeout, program{}) })
}

// failLocked tells TaskRouter, once, that the instruction came to nothing.
func (s *Simulator) failLocked(leg *reservedLeg, status string) {
	if leg.dropped {
		return
	}
	leg.dropped = true
	delete(s.voice.reserved, leg.in.ReservationSID)
	if !s.closing() {
		s.conferenceFailedLocked(leg.in.ReservationSID, status)
	}
}

// meetLocked brings the agent, who has answered, and the waiting customer together. When the customer is gone the agent's leg is
// dropped: nobody joins an empty room.
func (s *Simulator) meetLocked(leg *reservedLeg) {
	in, agent := leg.in, leg.agent
	var customer *voiceCall
	if in.CustomerCallSID != "" {
		customer = s.voice.calls[in.CustomerCallSID]
		// A call that was enqueued for the task and waits no more has gone elsewhere.
		if customer == nil || customer.status != callInProgress || (customer.waiting == nil && customer.lastTask == in.TaskSID) {
			s.failLocked(leg, callCanceled)
			s.hangUpLocked(agent, leftByAPI)
			return
		}
	}
	p, bad := s.participantLocked(agent, in.TaskSID, roomOptions{
		muted: in.Muted, startOnEnter: in.StartConferenceOnEnter, endOnExit: in.EndConferenceOnExit, beep: in.Beep,
		waitURL: in.WaitURL, waitMethod: in.WaitMethod,
		callback: newConferenceCallback(in.ConferenceStatusCallback, in.ConferenceStatusCallbackMethod, in.ConferenceStatusCallbackEvents),
	})
	if bad != nil {
		s.log.Warn("conference instruction failed", "code", bad.Code, "message", bad.Message, "reservation", in.ReservationSID)
		s.failLocked(leg, callFailed)
		s.hangUpLocked(agent, leftByAPI)
		return
	}
	leg.made = true
	agent.next = &program{room: p}
	s.joinLocked(p)
	customerSID := ""
	if customer != nil {
		customerSID = customer.sid
		s.pullLocked(customer, in)
	}
	over := func() {
		if !leg.dropped && !s.closing() {
			s.conversationOverLocked(in.ReservationSID)
		}
	}
	p.onLeaveLocked = func() {
		delete(s.voice.reserved, in.ReservationSID)
		if s.cfg.Silences.StaysAccepted && !p.conf.over() {
			p.conf.onEndLocked = append(p.conf.onEndLocked, over)
			return
		}
		over()
	}
	s.conferenceMadeLocked(in.ReservationSID, p.conf.sid, agent.sid, customerSID)
}

// pullLocked takes the customer's leg out of whatever it does, into the room of the task.
func (s *Simulator) pullLocked(c *voiceCall, in conferenceInstruction) {
	c.customer = true
	if c.waiting != nil {
		s.leaveQueueLocked(c.waiting, resultPulled)
	}
	s.detachLocked(c, leftByAPI)
	p, bad := s.participantLocked(c, in.TaskSID, roomOptions{startOnEnter: true, endOnExit: in.EndConferenceOnCustomerExit, beep: in.Beep})
	if bad != nil {
		s.log.Warn("customer could not enter the conference", "code", bad.Code, "message", bad.Message, "call", c.sid)
		return
	}
	s.interruptLocked(c, program{room: p})
	s.joinLocked(p)
}

// dropReservationLegLocked is Voice's part of seam.go.
func (s *Simulator) dropReservationLegLocked(reservationSID string) {
	leg := s.voice.reserved[reservationSID]
	if leg == nil || leg.made {
		return
	}
	leg.dropped = true
	delete(s.voice.reserved, reservationSID)
	s.hangUpLocked(leg.agent, leftByAPI)
}
