package simulator

import (
	"slices"
	"strconv"
	"time"
)

// realTime are the counts that real-time statistics of queues and workspaces share, over open tasks and agents.
func (s *Simulator) realTime(ws *workspace, tasks []*task, agents []*agent) map[string]any {
	byStatus := map[string]int{statusPending: 0, statusReserved: 0, statusAssigned: 0, statusWrapping: 0}
	byPriority := map[string]int{}
	var longest, relative *task
	for _, t := range tasks {
		byStatus[t.status]++
		byPriority[strconv.Itoa(t.priority)]++
		if t.status != statusPending && t.status != statusReserved {
			continue
		}
		if longest == nil || t.entered.Before(longest.entered) {
			longest = t
		}
		if relative == nil || t.virtualStart.Before(relative.virtualStart) {
			relative = t
		}
	}
	age := func(t *task, since func(*task) time.Time) (int, any) {
		if t == nil {
			return 0, nil
		}
		return s.age(since(t)), t.sid
	}
	waiting, waitingSID := age(longest, func(t *task) time.Time { return t.entered })
	relativeAge, relativeSID := age(relative, func(t *task) time.Time { return t.virtualStart })
	var activities []any
	available := 0
	for _, status := range ws.availabilities.items {
		n := 0
		for _, a := range agents {
			if a.status == status {
				n++
			}
		}
		if status.available {
			available += n
		}
		activities = append(activities, map[string]any{"sid": status.sid, "friendly_name": status.name, "workers": n})
	}
	return map[string]any{
		"account_sid": ws.account.sid, "workspace_sid": ws.sid, "activity_statistics": activities,
		"longest_task_waiting_age": waiting, "longest_task_waiting_sid": waitingSID,
		"longest_relative_task_age_in_queue": relativeAge, "longest_relative_task_sid_in_queue": relativeSID,
		"tasks_by_status": byStatus, "tasks_by_priority": byPriority, "total_tasks": len(tasks),
		"total_available_workers": available, "total_eligible_workers": len(agents),
	}
}

// openTasks are those of the channel that the request asks for, and that keep lets through.
func openTasks(q *request, ws *workspace, keep func(*task) bool) (out []*task) {
	for _, t := range ws.open.items {
		if c := q.str("TaskChannel"); (c == "" || c == t.channel.uniqueName || c == t.channel.sid) && keep(t) {
			out = append(out, t)
		}
	}
	return out
}

func (s *Simulator) queueNow(q *request, ws *workspace, w *taskQueue) map[string]any {
	var eligible []*agent
	for _, a := range ws.agents.items {
		if w.serves(a) {
			eligible = append(eligible, a)
		}
	}
	return s.realTime(ws, openTasks(q, ws, func(t *task) bool { return t.queue == w }), eligible)
}

// ofQueues is what only the statistics of queues have.
var ofQueues = []string{
	"total_available_workers", "total_eligible_workers", "longest_relative_task_age_in_queue", "longest_relative_task_sid_in_queue",
}

func (s *Simulator) workspaceNow(q *request, ws *workspace) map[string]any {
	out := s.realTime(ws, openTasks(q, ws, func(*task) bool { return true }), ws.agents.items)
	for _, name := range ofQueues {
		delete(out, name)
	}
	out["total_workers"] = len(ws.agents.items)
	return out
}

func (s *Simulator) workflowNow(q *request, ws *workspace, w *routingWorkflow) map[string]any {
	out := s.realTime(ws, openTasks(q, ws, func(t *task) bool { return t.workflow == w }), nil)
	for _, name := range slices.Concat(ofQueues, []string{"activity_statistics"}) {
		delete(out, name)
	}
	return out
}
