package simulator

import (
	"net/http"
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
		"account_sid": s.cfg.AccountSID, "workspace_sid": ws.sid, "activity_statistics": activities,
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

func (s *Simulator) queueRealTime(q *request) (int, any) {
	ws, w, ok := find(s, q, queues)
	if !ok {
		return q.gone()
	}
	var eligible []*agent
	for _, a := range ws.agents.items {
		if w.serves(a) {
			eligible = append(eligible, a)
		}
	}
	out := s.realTime(ws, openTasks(q, ws, func(t *task) bool { return t.queue == w }), eligible)
	out["task_queue_sid"] = w.sid
	out["url"] = q.url("/v1/Workspaces/%s/TaskQueues/%s/RealTimeStatistics", ws.sid, w.sid)
	return http.StatusOK, out
}

func (s *Simulator) workspaceRealTime(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	out := s.realTime(ws, openTasks(q, ws, func(*task) bool { return true }), ws.agents.items)
	for _, ofQueues := range []string{
		"total_available_workers", "total_eligible_workers", "longest_relative_task_age_in_queue", "longest_relative_task_sid_in_queue",
	} {
		delete(out, ofQueues)
	}
	out["total_workers"] = len(ws.agents.items)
	out["url"] = q.url("/v1/Workspaces/%s/RealTimeStatistics", ws.sid)
	return http.StatusOK, out
}
