package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

func tasks(ws *workspace) *shelf[*task] { return &ws.tasks }

func (s *Simulator) listTasks(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	priority, bad := q.integer("Priority", 0, 0, 1<<31-1)
	if bad != nil {
		return fail(bad)
	}
	condition, bad := s.conditionLocked(q, "EvaluateTaskAttributes")
	if bad != nil {
		return fail(bad)
	}
	less, bad := taskOrdering(q.strOr("Ordering", "DateCreated:asc"))
	if bad != nil {
		return fail(bad)
	}
	statuses := q.words("AssignmentStatus")
	var found []*task
	for _, t := range ws.tasks.items {
		var queueSID, queueName, workflowSID, workflowName string
		if t.queue != nil {
			queueSID, queueName = t.queue.sid, t.queue.name
		}
		if t.workflow != nil {
			workflowSID, workflowName = t.workflow.sid, t.workflow.name
		}
		if (q.has("Priority") && t.priority != priority) || (len(statuses) > 0 && !slices.Contains(statuses, t.status)) ||
			!q.matches("WorkflowSid", workflowSID) || !q.matches("WorkflowName", workflowName) ||
			!q.matches("TaskQueueSid", queueSID) || !q.matches("TaskQueueName", queueName) || !q.matches("RoutingTarget", t.routingTarget) ||
			(condition != nil && !condition.Match(t.attrs)) || strings.EqualFold(q.str("HasAddons"), "true") {
			continue
		}
		found = append(found, t)
	}
	slices.SortStableFunc(found, less)
	return listV1(q, "tasks", found, (*task).id, func(t *task) any { return s.renderTask(q, t) })
}

// taskOrdering reads "Priority:desc,DateCreated:asc". DateCreated and VirtualStartTime exclude each other.
func taskOrdering(text string) (func(a, b *task) int, *apiError) {
	by := map[string]func(a, b *task) int{
		"DateCreated":      func(a, b *task) int { return a.created.Compare(b.created) },
		"Priority":         func(a, b *task) int { return cmp.Compare(a.priority, b.priority) },
		"VirtualStartTime": func(a, b *task) int { return a.virtualStart.Compare(b.virtualStart) },
	}
	var terms []func(a, b *task) int
	var names []string
	for term := range strings.SplitSeq(text, ",") {
		name, direction, _ := strings.Cut(strings.TrimSpace(term), ":")
		compare := by[name]
		if compare == nil || (direction != "asc" && direction != "desc") {
			return nil, errInvalid("Ordering %q is not known", text)
		}
		if direction == "desc" {
			upward := compare
			compare = func(a, b *task) int { return upward(b, a) }
		}
		terms, names = append(terms, compare), append(names, name)
	}
	if slices.Contains(names, "DateCreated") && slices.Contains(names, "VirtualStartTime") {
		return nil, errInvalid("Ordering by both DateCreated and VirtualStartTime is not possible")
	}
	return func(a, b *task) int {
		for _, compare := range terms {
			if c := compare(a, b); c != 0 {
				return c
			}
		}
		return 0
	}, nil
}

func (s *Simulator) createTask(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	t := &task{resource: s.newResourceLocked("WT", ""), workspace: ws}
	if bad := readTask(q, t); bad != nil {
		return fail(bad)
	}
	if bad := readTarget(q, t); bad != nil {
		return fail(bad)
	}
	s.addTaskLocked(t)
	q.setETag(t.version)
	return http.StatusCreated, s.renderTask(q, t)
}

// readTask reads what a new task is, whoever it is for.
func readTask(q *request, t *task) (bad *apiError) {
	if t.attributes, t.attrs, bad = parseAttributes(q.str("Attributes")); bad != nil {
		return bad
	}
	if t.priority, bad = q.integer("Priority", 0, 0, 1<<31-1); bad != nil {
		return bad
	}
	if t.ttl, bad = q.integer("Timeout", defaultTTL, 1, maxTTL); bad != nil {
		return bad
	}
	if t.virtualStart, bad = q.virtualStart(t.created); bad != nil {
		return bad
	}
	var ok bool
	if t.channel, ok = t.workspace.channelLocked(q.strOr("TaskChannel", "default")); !ok {
		return errInvalid("TaskChannel %s does not exist", q.str("TaskChannel"))
	}
	return nil
}

func (q *request) virtualStart(def time.Time) (time.Time, *apiError) {
	text := q.str("VirtualStartTime")
	if text == "" {
		return def, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1900 || at.After(time.Now().Add(time.Second)) {
		return at, errInvalid("VirtualStartTime must be an ISO 8601 date that is not in the future")
	}
	return at, nil
}

// readTarget reads who a new task is for: a routing workflow, or by RoutingTarget an agent or a queue.
func readTarget(q *request, t *task) *apiError {
	ws, ok := t.workspace, false
	t.routingTarget = q.str("RoutingTarget")
	workflowSID := q.str("WorkflowSid")
	if strings.HasPrefix(t.routingTarget, "WW") {
		workflowSID = t.routingTarget
	}
	switch {
	case workflowSID != "":
		if t.workflow, ok = ws.workflows.get(workflowSID); !ok {
			return errInvalid("WorkflowSid %s does not exist", workflowSID)
		}
	case len(ws.workflows.items) == 1:
		t.workflow = ws.workflows.items[0]
	case t.routingTarget == "":
		return errMissing("WorkflowSid")
	}
	if sid := q.str("TaskQueueSid"); sid != "" {
		if t.queue, ok = ws.queues.get(sid); !ok {
			return errInvalid("TaskQueueSid %s does not exist", sid)
		}
	}
	toAgent := strings.HasPrefix(t.routingTarget, "WK")
	if q.has("IgnoreCapacity") && !toAgent {
		return errInvalid("IgnoreCapacity is possible only with a worker as RoutingTarget")
	}
	switch {
	case toAgent:
		return readAgentTarget(q, t)
	case strings.HasPrefix(t.routingTarget, "WQ"):
		if t.queue, ok = ws.queues.get(t.routingTarget); !ok {
			return errInvalid("RoutingTarget %s does not exist", t.routingTarget)
		}
	case t.routingTarget == "" || strings.HasPrefix(t.routingTarget, "WW"):
		t.queue = nil // the routing workflow chooses
	default:
		return errInvalid("RoutingTarget %s is no worker, task queue or workflow", t.routingTarget)
	}
	return nil
}

// readAgentTarget is for a task that is meant for one agent. Without a queue of its own it belongs to the first that he serves.
func readAgentTarget(q *request, t *task) *apiError {
	ws := t.workspace
	a, ok := ws.agents.get(t.routingTarget)
	if !ok {
		return errInvalid("RoutingTarget %s does not exist", t.routingTarget)
	}
	switch strings.ToLower(q.strOr("IgnoreCapacity", "true")) {
	case "true", "1", "yes":
		t.ignoreCapacity = true
	}
	for _, w := range ws.queues.items {
		if t.queue == nil && w.serves(a) {
			t.queue = w
		}
	}
	if t.queue == nil {
		return errInvalid("Worker %s belongs to no task queue: name one by TaskQueueSid", a.sid)
	}
	return nil
}

func (s *Simulator) fetchTask(q *request) (int, any) {
	_, t, ok := find(s, q, tasks)
	if !ok {
		return q.gone()
	}
	q.setETag(t.version)
	return http.StatusOK, s.renderTask(q, t)
}

func (s *Simulator) updateTask(q *request) (int, any) {
	ws, t, ok := find(s, q, tasks)
	if !ok {
		return q.gone()
	}
	if bad := q.ifMatch(t.version); bad != nil {
		return fail(bad)
	}
	status := q.strOr("AssignmentStatus", t.status)
	if status != t.status || (q.has("AssignmentStatus") && t.over()) {
		if bad := t.mayBecome(status, q.str("Reason")); bad != nil {
			return fail(bad)
		}
	}
	changed := *t
	if bad := changed.change(q); bad != nil {
		return fail(bad)
	}
	if t.over() {
		return fail(errInvalid("Task %s is %s and cannot be changed", t.sid, t.status))
	}
	t.attributes, t.attrs, t.priority, t.virtualStart, t.channel = changed.attributes, changed.attrs, changed.priority, changed.virtualStart, changed.channel
	t.touch()
	if q.has("Attributes") || q.has("Priority") || q.has("TaskChannel") || q.has("VirtualStartTime") {
		s.taskEventLocked(t, "updated", "Task "+t.sid+" updated")
	}
	if status != t.status {
		s.becomeLocked(t, status, q.str("Reason"))
	}
	s.reevaluateLocked(t)
	s.routeLocked(ws)
	q.setETag(t.version)
	return http.StatusOK, s.renderTask(q, t)
}

// change takes over the parameters of an update but the status.
func (t *task) change(q *request) (bad *apiError) {
	if q.has("Attributes") { // replaced as a whole
		if t.attributes, t.attrs, bad = parseAttributes(q.str("Attributes")); bad != nil {
			return bad
		}
	}
	if t.priority, bad = q.integer("Priority", t.priority, 0, 1<<31-1); bad != nil {
		return bad
	}
	if t.virtualStart, bad = q.virtualStart(t.virtualStart); bad != nil {
		return bad
	}
	if name := q.str("TaskChannel"); name != "" {
		c, ok := t.workspace.channelLocked(name)
		if !ok {
			return errInvalid("TaskChannel %s does not exist", name)
		}
		if c != t.channel && t.status != statusPending {
			return errInvalid("TaskChannel can be changed only while the task is pending")
		}
		t.channel = c
	}
	return nil
}

// mayBecome is which statuses a request may give a task: completed after assigned or wrapping, canceled before, wrapping after assigned.
// What pending, reserved and assigned would do is not documented: refused.
func (t *task) mayBecome(status, reason string) *apiError {
	allowed := false
	switch status {
	case statusCompleted:
		allowed = t.status == statusAssigned || t.status == statusWrapping
	case statusCanceled:
		allowed = t.status == statusPending || t.status == statusReserved
	case statusWrapping:
		allowed = t.status == statusAssigned
	case statusPending, statusReserved, statusAssigned:
	default:
		return errInvalid("AssignmentStatus %q is not known", status)
	}
	if !allowed {
		return errInvalid("Cannot change task %s from %s to %s", t.sid, t.status, status)
	}
	if reason == "" && status != statusWrapping {
		return errMissing("Reason")
	}
	return nil
}

func (s *Simulator) becomeLocked(t *task, status, reason string) {
	switch status {
	case statusCompleted:
		s.completeTaskLocked(t, reason)
	case statusCanceled:
		s.cancelTaskLocked(t, reason, true)
	case statusWrapping:
		for _, r := range t.having(func(r *reservation) bool { return r.status == statusAccepted }) {
			s.wrapLocked(r, reason)
		}
	}
}

// deleteTask deletes a task that nobody has taken, or that has ended.
func (s *Simulator) deleteTask(q *request) (int, any) {
	_, t, ok := find(s, q, tasks)
	if !ok {
		return q.gone()
	}
	if bad := q.ifMatch(t.version); bad != nil {
		return fail(bad)
	}
	switch t.status {
	case statusAssigned, statusWrapping:
		return fail(errInvalid("Task %s is %s and cannot be deleted", t.sid, t.status))
	case statusPending, statusReserved:
		s.cancelTaskLocked(t, "Task deleted", true)
	}
	s.forgetTaskLocked(t)
	return http.StatusNoContent, nil
}

func (s *Simulator) renderTask(q *request, t *task) any {
	workspace := q.url("/v1/Workspaces/%s", t.workspace.sid)
	self := workspace + "/Tasks/" + t.sid
	links := map[string]any{"workspace": workspace, "reservations": self + "/Reservations"}
	out := map[string]any{
		"sid": t.sid, "account_sid": t.workspace.account.sid, "workspace_sid": t.workspace.sid, "age": s.age(t.created),
		"assignment_status": t.status, "attributes": t.attributes, "addons": "{}", "reason": orNil(t.reason),
		"date_created": isoDate(t.created), "date_updated": isoDate(t.updated), "task_queue_entered_date": isoDate(t.entered),
		"virtual_start_time": isoDate(t.virtualStart), "priority": t.priority, "timeout": t.ttl,
		"task_channel_sid": t.channel.sid, "task_channel_unique_name": t.channel.uniqueName,
		"task_queue_sid": nil, "task_queue_friendly_name": nil, "workflow_sid": nil, "workflow_friendly_name": nil,
		"ignore_capacity": t.ignoreCapacity, "routing_target": orNil(t.routingTarget), "url": self, "links": links,
	}
	if t.queue != nil {
		out["task_queue_sid"], out["task_queue_friendly_name"] = t.queue.sid, t.queue.name
		links["task_queue"] = workspace + "/TaskQueues/" + t.queue.sid
	}
	if t.workflow != nil {
		out["workflow_sid"], out["workflow_friendly_name"] = t.workflow.sid, t.workflow.name
		links["workflow"] = workspace + "/Workflows/" + t.workflow.sid
	}
	return out
}
