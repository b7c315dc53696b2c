package simulator

import "slices"

const (
	defaultTTL = 86400   // seconds that a task may wait
	maxTTL     = 1209600 // two weeks
	// maxAttempts is how often a task is offered, a round of several reservations counted once, before it is canceled.
	maxAttempts = 1000
	// keptAfterEnd is how many seconds a task that ended can still be fetched.
	keptAfterEnd = 300
	// maxAssigned is how many seconds a task may stay open once it is assigned.
	maxAssigned = 86400
	// restAfterLoss is how many seconds a task waits after a reservation came to nothing. Twilio documents none; without any, a phone that
	// cannot be reached would use up the thousand attempts in a moment.
	restAfterLoss = 0.5
)

// Reasons of canceled tasks. The first is Twilio's wording.
const (
	reasonTTL       = "Task TTL Exceeded"
	reasonExhausted = "Task canceled on Workflow timeout"
	reasonAttempts  = "Task canceled: too many assignment attempts"
)

// queueResultCanceled is what an <Enqueue>'s action hears when the task was canceled under a waiting caller. Twilio does not document which
// QueueResult that is.
const queueResultCanceled = "leave"

// addTaskLocked puts a task that is otherwise complete into the world and begins to route it.
func (s *Simulator) addTaskLocked(t *task) {
	ws := t.workspace
	t.status = statusPending
	t.stopTTL, t.stopStep, t.stopLife = func() {}, func() {}, func() {}
	ws.tasks.add(t)
	ws.open.add(t)
	s.tr.tasks[t.sid] = t
	s.taskEventLocked(t, "created", "Task "+t.sid+" created")
	t.stopTTL = s.after(float64(t.ttl), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.status == statusPending || t.status == statusReserved {
			s.cancelTaskLocked(t, reasonTTL, true)
		}
	})
	if t.queue != nil { // routed to a queue or an agent
		s.enterQueueLocked(t, nil)
		s.reserveLocked(t)
		return
	}
	s.enterWorkflowLocked(t)
}

func (s *Simulator) taskEventLocked(t *task, kind, description string) {
	s.emitLocked(t.workspace, "task."+kind, t.sid, description, s.taskFields(t))
}

// endTaskLocked is what completed and canceled tasks have in common.
func (s *Simulator) endTaskLocked(t *task, status, reason string) {
	t.stopTTL()
	t.stopStep()
	t.stopLife()
	t.status, t.reason = status, reason
	t.touch()
	t.workspace.open.remove(t.sid)
	t.stopLife = s.after(keptAfterEnd, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forgetTaskLocked(t)
	})
}

// forgetTaskLocked deletes a task that has ended: it is found no more.
func (s *Simulator) forgetTaskLocked(t *task) {
	if _, ok := s.tr.tasks[t.sid]; !ok {
		return
	}
	t.stopLife()
	delete(s.tr.tasks, t.sid)
	for _, r := range t.reservations {
		delete(s.tr.reservations, r.sid)
	}
	t.workspace.tasks.remove(t.sid)
	s.taskEventLocked(t, "deleted", "Task "+t.sid+" deleted")
}

// cancelTaskLocked cancels a pending or reserved task with its reservations. callerWaits: the call behind it, if any, is still in the queue
// and must be let out.
func (s *Simulator) cancelTaskLocked(t *task, reason string, callerWaits bool) {
	pending := t.pending()
	s.endTaskLocked(t, statusCanceled, reason)
	for _, r := range pending {
		s.closeReservationLocked(r, statusCanceled, "canceled")
	}
	s.taskEventLocked(t, "canceled", reason)
	if callerWaits && t.caller != "" {
		s.releaseCallerLocked(t.caller, t.sid, queueResultCanceled)
	}
	s.routeLocked(t.workspace)
}

// completeTaskLocked completes an assigned or wrapping task with its reservations.
func (s *Simulator) completeTaskLocked(t *task, reason string) {
	for _, r := range t.having((*reservation).holds) {
		s.closeReservationLocked(r, statusCompleted, "completed")
	}
	s.endTaskLocked(t, statusCompleted, reason)
	s.taskEventLocked(t, "completed", "Task "+t.sid+" completed")
	s.routeLocked(t.workspace)
}

// assignLocked makes the task its agent's.
func (s *Simulator) assignLocked(t *task) {
	t.stopTTL()
	t.stopStep()
	t.status = statusAssigned
	t.touch()
	t.stopLife = s.after(maxAssigned, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.over() {
			return
		}
		for _, r := range t.having((*reservation).holds) {
			s.closeReservationLocked(r, statusCompleted, "completed")
		}
		s.endTaskLocked(t, statusCompleted, "Task deleted by the system")
		s.taskEventLocked(t, "system-deleted", "Task "+t.sid+" deleted by the system")
		s.forgetTaskLocked(t)
	})
}

// wrapTaskLocked moves an assigned task to wrap-up.
func (s *Simulator) wrapTaskLocked(t *task, reason string) {
	if t.status != statusAssigned {
		return
	}
	t.status, t.reason = statusWrapping, reason
	t.touch()
	s.taskEventLocked(t, "wrapup", "Task "+t.sid+" wrapping up")
}

// releaseTaskLocked lets a task whose reservations all came to nothing wait again, and be routed after a moment's rest.
func (s *Simulator) releaseTaskLocked(t *task) {
	if t.status != statusReserved || len(t.pending()) > 0 {
		return
	}
	t.status = statusPending
	t.resting = true
	t.touch()
	s.after(restAfterLoss, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.resting = false
		if t.status != statusPending {
			return
		}
		s.reevaluateLocked(t)
		s.routeLocked(t.workspace)
	})
}

// reevaluateLocked looks at a waiting task's filters again. While the same one matches, the task stays at its step.
func (s *Simulator) reevaluateLocked(t *task) {
	if t.filter == nil || t.status != statusPending {
		return
	}
	config := t.workflow.config
	onDefault := t.filter == config.defaultFilter
	switch f := config.match(t.attrs); {
	case f != nil && f != t.filter && (!onDefault || f != config.defaultFilter) && slices.Contains(config.filters, t.filter):
		s.enterFilterLocked(t, f)
	case t.stepOver:
		s.stepTimeoutLocked(t)
	}
}

// setTaskAttributesLocked replaces a task's attributes by what TaskRouter itself made of them.
func (s *Simulator) setTaskAttributesLocked(t *task, attrs map[string]any) {
	text, attrs, bad := parseAttributes(formatAttributes(attrs))
	if bad != nil {
		s.log.Warn("attributes not added", "task", t.sid, "error", bad.Message)
		return
	}
	t.attributes, t.attrs = text, attrs
	t.touch()
	s.taskEventLocked(t, "updated", "Task "+t.sid+" attributes updated")
}
