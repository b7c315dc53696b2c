package simulator

import (
	"maps"
	"strconv"
	"time"
)

// TaskRouter's part of seam.go.

func (s *Simulator) enqueueLocked(c *voiceCall, workflowSID, taskJSON, priority, timeout string) (*task, error) {
	ws, workflow, ok := s.workflowLocked(workflowSID)
	if !ok || ws.account.sid != c.account.sid {
		return nil, errNotFound("/Workflows/" + workflowSID)
	}
	t := &task{
		resource: s.newResourceLocked("WT", ""), workspace: ws, workflow: workflow, caller: c.sid, ttl: defaultTTL, virtualStart: time.Now(),
	}
	params := s.callParams(c)
	// The task's attributes tell that the call waits, not which leg's request made it.
	params.Set("CallStatus", callInProgress)
	var bad *apiError
	if t.attributes, t.attrs, bad = enqueueAttributes(params, taskJSON); bad != nil {
		return nil, bad
	}
	for _, number := range []struct {
		name, text string
		into       *int
		low, high  int
	}{{"priority", priority, &t.priority, 0, 1<<31 - 1}, {"timeout", timeout, &t.ttl, 1, maxTTL}} {
		if number.text == "" {
			continue
		}
		n, err := strconv.Atoi(number.text)
		if err != nil || n < number.low || n > number.high {
			return nil, errInvalid("<Task> %s must be a whole number from %d to %d", number.name, number.low, number.high)
		}
		*number.into = n
	}
	if t.channel, ok = ws.channelLocked("voice"); !ok {
		return nil, errInvalid("the workspace has no task channel voice")
	}
	s.addTaskLocked(t)
	return t, nil
}

// workflowLocked finds a routing workflow in whichever workspace.
func (s *Simulator) workflowLocked(sid string) (*workspace, *routingWorkflow, bool) {
	for _, ws := range s.tr.workspaces.items {
		if w, ok := ws.workflows.get(sid); ok {
			return ws, w, true
		}
	}
	return nil, nil, false
}

// accountOfTaskLocked is the account in whose workspace a task is.
func (s *Simulator) accountOfTaskLocked(sid string) *account {
	if t := s.tr.tasks[sid]; t != nil {
		return t.workspace.account
	}
	return s.accounts[0]
}

func (s *Simulator) callerLeftLocked(taskSID, reason string) {
	t := s.tr.tasks[taskSID]
	if t == nil || (t.status != statusPending && t.status != statusReserved) {
		return
	}
	s.cancelTaskLocked(t, reason, false)
}

func (s *Simulator) conferenceFailedLocked(reservationSID, legStatus string) {
	r := s.tr.reservations[reservationSID]
	if r == nil || r.status != statusPending {
		return
	}
	s.log.Info("conference instruction came to nothing", "reservation", r.sid, "leg", legStatus)
	r.accepting = false // Voice has dropped the leg
	kind := "canceled"
	if legStatus == callFailed {
		kind = "failed"
	}
	s.loseLocked(r, kind)
}

func (s *Simulator) conferenceMadeLocked(reservationSID, conferenceSID, agentCallSID, customerCallSID string) {
	r := s.tr.reservations[reservationSID]
	if r == nil || r.status != statusPending {
		s.violationLocked("conference %s was made for reservation %s, which does not wait for one", conferenceSID, reservationSID)
		return
	}
	s.acceptLocked(r)
	participants := map[string]any{"worker": agentCallSID}
	if customerCallSID != "" {
		participants["customer"] = customerCallSID
	}
	attrs := maps.Clone(r.task.attrs)
	conference := map[string]any{"room_name": r.task.sid, "sid": conferenceSID, "participants": participants}
	if before, ok := attrs["conference"].(map[string]any); ok {
		merged := maps.Clone(before)
		maps.Copy(merged, conference)
		conference = merged
	}
	attrs["conference"] = conference
	s.setTaskAttributesLocked(r.task, attrs)
	s.auditAgentLocked(r)
}

func (s *Simulator) conversationOverLocked(reservationSID string) {
	r := s.tr.reservations[reservationSID]
	if r == nil || r.status != statusAccepted {
		return
	}
	const reason = "conference completed"
	if r.task.workspace.multitasking {
		s.wrapLocked(r, reason)
		return
	}
	s.finishLocked(r, reason)
}
