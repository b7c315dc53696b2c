package simulator

import (
	"net/http"
	"strings"

	"holdfast/simulator/expression"
)

const maxMaxReserved = 50

// everybody is the default of TargetWorkers.
var everybody, _ = expression.Parse("1==1")

func (s *Simulator) newQueueLocked(name string) *taskQueue {
	return &taskQueue{resource: s.newResourceLocked("WQ", name), maxReserved: 1, targetWorkers: everybody.String(), target: everybody}
}

func queues(ws *workspace) *shelf[*taskQueue] { return &ws.queues }

// setTarget takes a TargetWorkers expression; the empty one means nobody.
func (w *taskQueue) setTarget(text string) *apiError {
	if strings.TrimSpace(text) == "" {
		w.targetWorkers, w.target = text, nil
		return nil
	}
	target, err := expression.Parse(text)
	if err != nil {
		return errInvalid("TargetWorkers: %v", err)
	}
	w.targetWorkers, w.target = text, target
	return nil
}

func (s *Simulator) listQueues(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	serves := func(*taskQueue) bool { return true }
	if sid := q.str("WorkerSid"); sid != "" {
		a, ok := ws.agents.get(sid)
		serves = func(w *taskQueue) bool { return ok && w.serves(a) }
	}
	found := newestFirst(ws.queues.items, func(w *taskQueue) bool { return q.matches("FriendlyName", w.name) && serves(w) })
	return listV1(q, "task_queues", found, (*taskQueue).id, func(w *taskQueue) any { return s.renderQueue(q, ws, w) })
}

func (s *Simulator) createQueue(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.queues, "", "")
	if bad != nil {
		return fail(bad)
	}
	w := s.newQueueLocked(name)
	if bad := changeQueue(q, ws, w); bad != nil {
		return fail(bad)
	}
	ws.queues.add(w)
	s.emitLocked(ws, "task-queue.created", w.sid, "TaskQueue "+w.name+" created", queueFields(w))
	return http.StatusCreated, s.renderQueue(q, ws, w)
}

// changeQueue takes over the parameters that creation and update share: all or, with an error, none.
func changeQueue(q *request, ws *workspace, w *taskQueue) *apiError {
	changed := *w
	if q.has("TargetWorkers") {
		if bad := changed.setTarget(q.str("TargetWorkers")); bad != nil {
			return bad
		}
	}
	var bad *apiError
	if changed.maxReserved, bad = q.integer("MaxReservedWorkers", w.maxReserved, 1, maxMaxReserved); bad != nil {
		return bad
	}
	order, bad := q.oneOf("TaskOrder", taskOrder(w.lifo), "FIFO", "LIFO")
	if bad != nil {
		return bad
	}
	changed.lifo = order == "LIFO"
	for param, into := range map[string]**availability{
		"ReservationActivitySid": &changed.reservationAvailability, "AssignmentActivitySid": &changed.assignmentAvailability,
	} {
		if sid := q.str(param); sid != "" {
			a, ok := ws.availabilities.get(sid)
			if !ok {
				return errInvalid("%s %s does not exist", param, sid)
			}
			*into = a
		}
	}
	*w = changed
	return nil
}

func taskOrder(lifo bool) string {
	if lifo {
		return "LIFO"
	}
	return "FIFO"
}

func (s *Simulator) fetchQueue(q *request) (int, any) {
	ws, w, ok := find(s, q, queues)
	if !ok {
		return q.gone()
	}
	return http.StatusOK, s.renderQueue(q, ws, w)
}

func (s *Simulator) updateQueue(q *request) (int, any) {
	ws, w, ok := find(s, q, queues)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.queues, w.sid, w.name)
	if bad != nil {
		return fail(bad)
	}
	before := w.targetWorkers
	if bad := changeQueue(q, ws, w); bad != nil {
		return fail(bad)
	}
	w.name = name
	w.touch()
	if w.targetWorkers != before {
		s.emitLocked(ws, "task-queue.expression.updated", w.sid, "TaskQueue "+w.name+" expression updated", queueFields(w))
	}
	s.routeLocked(ws)
	return http.StatusOK, s.renderQueue(q, ws, w)
}

func (s *Simulator) deleteQueue(q *request) (int, any) {
	ws, w, ok := find(s, q, queues)
	if !ok {
		return q.gone()
	}
	for _, workflow := range ws.workflows.items {
		if workflow.config.uses(w) {
			return fail(errInvalid("TaskQueue %s is in use by workflow %s", w.sid, workflow.sid))
		}
	}
	for _, t := range ws.tasks.items {
		if t.queue == w && !t.over() {
			return fail(errInvalid("TaskQueue %s has open tasks", w.sid))
		}
	}
	ws.queues.remove(w.sid)
	s.emitLocked(ws, "task-queue.deleted", w.sid, "TaskQueue "+w.name+" deleted", queueFields(w))
	return http.StatusNoContent, nil
}

func (s *Simulator) renderQueue(q *request, ws *workspace, w *taskQueue) any {
	workspace := q.url("/v1/Workspaces/%s", ws.sid)
	self := workspace + "/TaskQueues/" + w.sid
	links := map[string]any{
		"workspace": workspace, "statistics": self + "/Statistics", "real_time_statistics": self + "/RealTimeStatistics",
		"cumulative_statistics": self + "/CumulativeStatistics", "list_statistics": workspace + "/TaskQueues/Statistics",
		"bulk_real_time_statistics": workspace + "/TaskQueues/RealTimeStatistics",
	}
	out := map[string]any{
		"sid": w.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid, "friendly_name": w.name,
		"target_workers": w.targetWorkers, "max_reserved_workers": w.maxReserved, "task_order": taskOrder(w.lifo),
		"date_created": isoDate(w.created), "date_updated": isoDate(w.updated), "url": self, "links": links,
	}
	for name, a := range map[string]*availability{"reservation_activity": w.reservationAvailability, "assignment_activity": w.assignmentAvailability} {
		out[name+"_sid"], out[name+"_name"] = nil, nil
		if a != nil {
			out[name+"_sid"], out[name+"_name"] = a.sid, a.name
			links[name] = workspace + "/Activities/" + a.sid
		}
	}
	return out
}
