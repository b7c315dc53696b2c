package simulator

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"holdfast/simulator/expression"
)

// match finds the first filter whose expression holds for a task, else the default filter, else nil.
func (c *routingConfig) match(attrs map[string]any) *routingFilter {
	vars := make(map[string]any, len(attrs)+1)
	maps.Copy(vars, attrs)
	vars["task"] = attrs
	for _, f := range c.filters {
		if f.expression.Match(vars) {
			return f
		}
	}
	return c.defaultFilter
}

// enterWorkflowLocked begins to route a task by its routing workflow.
func (s *Simulator) enterWorkflowLocked(t *task) {
	s.workflowEventLocked(t, "entered", "Task "+t.sid+" entered workflow "+t.workflow.name)
	f := t.workflow.config.match(t.attrs)
	if f == nil {
		s.exhaustedLocked(t)
		return
	}
	s.enterFilterLocked(t, f)
}

func (s *Simulator) workflowEventLocked(t *task, kind, description string) {
	s.emitLocked(t.workspace, "workflow."+kind, t.workflow.sid, description, s.taskFields(t))
}

func (s *Simulator) enterFilterLocked(t *task, f *routingFilter) {
	t.filter = f
	s.workflowEventLocked(t, "target-matched", "Task "+t.sid+" matched "+f.name)
	s.enterStepLocked(t, 0)
}

// enterStepLocked takes a task to a step of its filter, and on past those that are to be skipped; after the last to the default filter.
func (s *Simulator) enterStepLocked(t *task, step int) {
	for ; ; step++ {
		t.stopStep()
		if step >= len(t.filter.targets) {
			last := t.workflow.config.defaultFilter
			if last == nil || t.filter == last {
				s.exhaustedLocked(t)
				return
			}
			s.enterFilterLocked(t, last)
			return
		}
		target := t.filter.targets[step]
		t.step, t.stepOver = step, false
		if target.priority != nil {
			t.priority = *target.priority
		}
		if previous := t.queue; target.queue != nil && target.queue != previous {
			t.queue = target.queue
			s.enterQueueLocked(t, previous)
		}
		if target.timeout != nil && t.filter != t.workflow.config.defaultFilter {
			s.limitStepLocked(t, *target.timeout)
		}
		if s.reserveLocked(t) || target.skipIf == nil || !target.skipIf.Match(map[string]any{"workers": t.workersCount()}) {
			return
		}
		s.workflowEventLocked(t, "skipped", "Task "+t.sid+" skipped a target")
	}
}

func (s *Simulator) limitStepLocked(t *task, seconds int) {
	filter, step := t.filter, t.step
	t.stopStep = s.after(float64(seconds), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.filter != filter || t.step != step {
			return
		}
		switch t.status {
		case statusPending:
			s.stepTimeoutLocked(t)
			s.routeLocked(t.workspace)
		case statusReserved: // who is being rung may still answer
			t.stepOver = true
		}
	})
}

func (s *Simulator) stepTimeoutLocked(t *task) {
	s.queueEventLocked(t, "timeout", "Task "+t.sid+" timed out in queue "+t.queue.name)
	s.enterStepLocked(t, t.step+1)
}

// enterQueueLocked tells that a task is in a queue now; previous is the one before, nil for none.
func (s *Simulator) enterQueueLocked(t *task, previous *taskQueue) {
	t.entered = time.Now()
	t.touch()
	if previous != nil {
		s.queueEventLocked(t, "moved", "Task "+t.sid+" moved to queue "+t.queue.name)
	}
	s.queueEventLocked(t, "entered", "Task "+t.sid+" entered queue "+t.queue.name)
}

func (s *Simulator) queueEventLocked(t *task, kind, description string) {
	s.emitLocked(t.workspace, "task-queue."+kind, t.queue.sid, description, s.taskFields(t))
}

// exhaustedLocked ends a task for which the routing workflow has nobody left.
func (s *Simulator) exhaustedLocked(t *task) {
	s.workflowEventLocked(t, "timeout", "Task "+t.sid+" timed out of workflow "+t.workflow.name)
	s.cancelTaskLocked(t, reasonExhausted, true)
}

// workersCount are the variables of skip_if: the queue's agents by availability.
func (t *task) workersCount() map[string]any {
	count := map[string]any{"available": 0.0, "unavailable": 0.0}
	for _, a := range t.workspace.availabilities.items {
		count[a.sid] = 0.0
	}
	add := func(name string) {
		if n, ok := count[name].(float64); ok {
			count[name] = n + 1
		}
	}
	for _, a := range t.workspace.agents.items {
		if !t.queue.serves(a) {
			continue
		}
		add(a.status.sid)
		if a.canTake(t.channel) {
			add("available")
		} else {
			add("unavailable")
		}
	}
	return count
}

// routeLocked offers the workspace's waiting tasks to whoever is free. It may be called in the middle of anything that changes who is.
func (s *Simulator) routeLocked(ws *workspace) {
	if ws.routing {
		ws.again = true
		return
	}
	ws.routing = true
	defer func() { ws.routing = false }()
	for ws.again = true; ws.again && s.ctx.Err() == nil; {
		ws.again = false
		for _, t := range ws.waiting() {
			s.reserveLocked(t)
		}
	}
}

// waiting lists the tasks that want an agent: higher priority first, then the oldest, or in a LIFO queue the newest.
func (ws *workspace) waiting() []*task {
	var out []*task
	for _, t := range ws.open.items {
		if t.waits() {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *task) int {
		return cmp.Or(b.priority-a.priority, a.virtualStart.Compare(b.virtualStart))
	})
	// Turn the tasks of each LIFO queue and priority around, in the places that they have.
	type group struct {
		queue    *taskQueue
		priority int
	}
	places := map[group][]int{}
	for i, t := range out {
		if t.queue.lifo {
			g := group{t.queue, t.priority}
			places[g] = append(places[g], i)
		}
	}
	for _, at := range places {
		for i, j := 0, len(at)-1; i < j; i, j = i+1, j-1 {
			out[at[i]], out[at[j]] = out[at[j]], out[at[i]]
		}
	}
	return out
}

// reserveLocked offers a waiting task to as many agents as its queue rings at once; false when there is nobody.
func (s *Simulator) reserveLocked(t *task) bool {
	if !t.waits() {
		return false
	}
	chosen := t.candidates()
	if len(chosen) == 0 {
		return false
	}
	if t.attempts++; t.attempts > maxAttempts {
		s.cancelTaskLocked(t, reasonAttempts, true)
		return true
	}
	t.status = statusReserved
	t.touch()
	for _, a := range chosen[:min(len(chosen), t.queue.maxReserved)] {
		s.offerLocked(t, a)
	}
	return true
}

// target is the step that the task is at; nil for a task that no routing workflow routes.
func (t *task) target() *routingTarget {
	if t.filter == nil {
		return nil
	}
	return t.filter.targets[t.step]
}

// candidates lists who may have the task now, best first.
func (t *task) candidates() []*agent {
	ws := t.workspace
	if a, ok := ws.agents.get(t.routingTarget); ok {
		if t.ignoreCapacity || a.canTake(t.channel) {
			return []*agent{a}
		}
		return nil
	}
	target := t.target()
	known, only := target.known(t)
	type candidate struct {
		agent *agent
		vars  map[string]any
	}
	var found []candidate
	for _, a := range ws.agents.items {
		if !a.canTake(t.channel) || (only && known != a.sid && known != a.name) || !t.queue.serves(a) {
			continue
		}
		vars := map[string]any{"task": t.attrs, "worker": a.builtIns()}
		if target == nil || target.expression == nil || target.expression.Match(vars) {
			found = append(found, candidate{a, vars})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		if target != nil {
			if c := target.orderBy.Compare(a.vars, b.vars); c != 0 {
				return c
			}
		}
		return byIdleness(a.agent, b.agent)
	})
	out := make([]*agent, len(found))
	for i, c := range found {
		out[i] = c.agent
	}
	return out
}

// known is the one agent that a target's known_worker asks for, by the task's attributes; only is false when it asks for nobody.
func (r *routingTarget) known(t *task) (agent string, only bool) {
	if r == nil || (r.knownSID == "" && r.knownName == "") {
		return "", false
	}
	path := r.knownSID
	if path == "" {
		path = r.knownName
	}
	vars := map[string]any{"task": t.attrs}
	agent, _ = expression.Lookup(path, vars).(string)
	return agent, true
}
