package simulator

import (
	"slices"
	"time"
)

// offerLocked reserves an agent for a task: the reservation's time begins to run, and the assignment callback is asked.
func (s *Simulator) offerLocked(t *task, a *agent) {
	r := &reservation{resource: s.newResourceLocked("WR", ""), task: t, agent: a, status: statusPending, stopTimer: func() {}}
	s.tr.reservations[r.sid] = r
	t.reservations = append(t.reservations, r)
	ac := a.channel(t.channel)
	before := 0
	if ac != nil {
		before = a.free(ac)
	}
	a.held = append(a.held, r)
	if ac != nil && !t.ignoreCapacity && a.load(t.channel) > ac.capacity {
		s.violationLocked("agent %s has %d tasks of channel %s and capacity for %d", a.sid, a.load(t.channel), t.channel.uniqueName, ac.capacity)
	}
	s.reservationEventLocked(r, "created")
	if ac != nil {
		s.capacityChangedLocked(t.workspace, a, ac, before)
	}
	seconds := defaultReservationTimeout
	if t.workflow != nil {
		seconds = t.workflow.reservationTimeout
	}
	r.stopTimer = s.after(float64(seconds), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// The application's answer takes real time. Where a second is shortened, that must not cost it the reservation.
		if r.expired = r.asking && s.cfg.Second < time.Second; !r.expired && r.status == statusPending && !r.accepting {
			s.timeOutLocked(r)
		}
	})
	s.askLocked(r)
}

func (s *Simulator) reservationEventLocked(r *reservation, kind string) {
	parts := []fields{s.taskFields(r.task), with("ReservationSid", r.sid)}
	if kind != "failed" {
		parts = append(parts, agentFields(r.agent))
	}
	s.emitLocked(r.task.workspace, "reservation."+kind, r.sid, "Reservation "+r.sid+" "+kind, parts...)
}

// closeReservationLocked gives a reservation its last status and the agent his capacity back. An agent's leg that was being dialled for it
// is dropped.
func (s *Simulator) closeReservationLocked(r *reservation, status, kind string) {
	if r.over() {
		return
	}
	r.stopTimer()
	if r.accepting {
		r.accepting = false
		s.dropReservationLegLocked(r.sid)
	}
	if c := s.voice.calls[r.callSID]; c != nil && r.status == statusPending && s.cfg.Silences.EndedHangsUp && !c.over() {
		s.hangUpLocked(c, leftByAPI)
	}
	a, ac := r.agent, r.agent.channel(r.task.channel)
	before := 0
	if ac != nil {
		before = a.free(ac)
	}
	r.status = status
	r.touch()
	a.held = slices.DeleteFunc(a.held, func(other *reservation) bool { return other == r })
	a.idleSince = time.Now()
	s.reservationEventLocked(r, kind)
	if ac != nil {
		s.capacityChangedLocked(r.task.workspace, a, ac, before)
	}
}

// timeOutLocked ends a reservation that nobody answered: the agent goes to the workspace's time-out activity.
func (s *Simulator) timeOutLocked(r *reservation) {
	ws := r.task.workspace
	s.closeReservationLocked(r, statusTimeout, "timeout")
	s.moveAgentLocked(ws, r.agent, ws.timeoutAvailability)
	s.releaseTaskLocked(r.task)
	s.routeLocked(ws)
}

// rejectLocked refuses a reservation; the agent goes to the availability given, nil leaves him where he is.
func (s *Simulator) rejectLocked(r *reservation, to *availability) {
	ws := r.task.workspace
	s.closeReservationLocked(r, statusRejected, "rejected")
	if to != nil {
		s.moveAgentLocked(ws, r.agent, to)
	}
	s.releaseTaskLocked(r.task)
	s.routeLocked(ws)
}

// loseLocked cancels a reservation whose callbacks or instruction came to nothing. The agent stays where he is, and may be rung again for
// the same task.
func (s *Simulator) loseLocked(r *reservation, kind string) {
	s.closeReservationLocked(r, statusCanceled, kind)
	s.releaseTaskLocked(r.task)
	s.routeLocked(r.task.workspace)
}

// acceptLocked gives the agent the task, and takes it from the others who rang for it.
func (s *Simulator) acceptLocked(r *reservation) {
	r.stopTimer()
	r.accepting = false
	r.status = statusAccepted
	r.touch()
	s.assignLocked(r.task)
	s.reservationEventLocked(r, "accepted")
	for _, other := range r.task.pending() {
		s.closeReservationLocked(other, statusRescinded, "rescinded")
	}
	s.routeLocked(r.task.workspace)
}

// wrapLocked ends the conversation: the agent has work left to do. Nothing but a request ends that.
func (s *Simulator) wrapLocked(r *reservation, reason string) {
	r.status = statusWrapping
	r.touch()
	s.reservationEventLocked(r, "wrapup")
	if len(r.task.having(func(o *reservation) bool { return o.status == statusAccepted })) == 0 {
		s.wrapTaskLocked(r.task, reason)
	}
}

// finishLocked completes a reservation, and its task when it was the last one that held it.
func (s *Simulator) finishLocked(r *reservation, reason string) {
	s.closeReservationLocked(r, statusCompleted, "completed")
	if len(r.task.having((*reservation).holds)) == 0 && !r.task.over() {
		s.completeTaskLocked(r.task, reason)
	}
	s.routeLocked(r.task.workspace)
}
