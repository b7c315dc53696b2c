package simulator

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A span is the time that cumulative statistics are about, and the events within it.
type span struct {
	from, to time.Time
	events   []*event
	splits   []int // SplitByWaitTime, seconds
}

// defaultSpan is how many minutes back cumulative statistics look unless told otherwise.
const defaultSpan = 15

// spanOf reads StartDate, EndDate and Minutes, and takes those of the stored events that keep lets through. Minutes are Twilio's, dates real.
func (s *Simulator) spanOf(q *request, ws *workspace, keep func(*event) bool) (out span, bad *apiError) {
	minutes, bad := q.integer("Minutes", defaultSpan, 1, 30*24*60)
	if bad != nil {
		return out, bad
	}
	out.to = time.Now()
	out.from = out.to.Add(-s.seconds(float64(minutes) * 60))
	for name, at := range map[string]*time.Time{"StartDate": &out.from, "EndDate": &out.to} {
		if v := q.str(name); v != "" {
			t, err := time.Parse(time.RFC3339, v)
			if err != nil {
				return out, errInvalid("%s must be an ISO 8601 date and time", name)
			}
			*at = t
		}
	}
	for _, word := range q.words("SplitByWaitTime") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return out, errInvalid("SplitByWaitTime must be seconds")
		}
		out.splits = append(out.splits, n)
	}
	channel := q.str("TaskChannel")
	for _, e := range ws.events {
		if e.at.Before(out.from) || e.at.After(out.to) || !keep(e) ||
			(channel != "" && channel != e.data.Get("TaskChannelSid") && channel != e.data.Get("TaskChannelUniqueName")) {
			continue
		}
		out.events = append(out.events, e)
	}
	return out, nil
}

func (sp *span) count(kind string) (n int) {
	for _, e := range sp.events {
		if e.kind == kind {
			n++
		}
	}
	return n
}

// waits are how old, in seconds, the tasks were at events of a kind.
func (sp *span) waits(kind string) (out []int) {
	for _, e := range sp.events {
		if e.kind == kind {
			n, _ := strconv.Atoi(e.data.Get("TaskAge"))
			out = append(out, n)
		}
	}
	return out
}

// summary is how Twilio sums up durations.
func summary(seconds []int) map[string]any {
	total := 0
	for _, n := range seconds {
		total += n
	}
	out := map[string]any{"total": total, "avg": 0, "min": 0, "max": 0}
	if len(seconds) > 0 {
		out["avg"], out["min"], out["max"] = total/len(seconds), slices.Min(seconds), slices.Max(seconds)
	}
	return out
}

// reservations counts what became of reservations.
func (sp *span) reservations() map[string]any {
	return map[string]any{
		"start_time": isoDate(sp.from), "end_time": isoDate(sp.to),
		"reservations_created": sp.count("reservation.created"), "reservations_accepted": sp.count("reservation.accepted"),
		"reservations_rejected": sp.count("reservation.rejected"), "reservations_timed_out": sp.count("reservation.timeout"),
		"reservations_canceled": sp.count("reservation.canceled"), "reservations_rescinded": sp.count("reservation.rescinded"),
	}
}

// tasks counts, beside reservations, what became of tasks.
func (sp *span) tasks() map[string]any {
	accepted, canceled := sp.waits("reservation.accepted"), sp.waits("task.canceled")
	out := sp.reservations()
	out["avg_task_acceptance_time"] = summary(accepted)["avg"]
	out["wait_duration_until_accepted"], out["wait_duration_until_canceled"] = summary(accepted), summary(canceled)
	out["tasks_canceled"], out["tasks_completed"] = len(canceled), sp.count("task.completed")
	out["tasks_deleted"], out["tasks_moved"] = sp.count("task.deleted"), sp.count("task-queue.moved")
	split := map[string]any{}
	for _, limit := range sp.splits {
		below := func(seconds []int) int {
			return len(slices.DeleteFunc(slices.Clone(seconds), func(n int) bool { return n > limit }))
		}
		a, c := below(accepted), below(canceled)
		split[strconv.Itoa(limit)] = map[string]any{
			"below": map[string]any{"reservations_accepted": a, "tasks_canceled": c},
			"above": map[string]any{"reservations_accepted": len(accepted) - a, "tasks_canceled": len(canceled) - c},
		}
	}
	out["split_by_wait_time"] = split
	return out
}

// activities is how long agents were in each availability: spells that ended within the span.
func (sp *span) activities(ws *workspace) (out []any) {
	for _, a := range ws.availabilities.items {
		var spells []int
		for _, e := range sp.events {
			if e.kind == "worker.activity.update" && e.data.Get("WorkerPreviousActivitySid") == a.sid {
				n, _ := strconv.Atoi(e.data.Get("WorkerTimeInPreviousActivity"))
				spells = append(spells, n)
			}
		}
		one := summary(spells)
		one["sid"], one["friendly_name"] = a.sid, a.name
		out = append(out, one)
	}
	return out
}

// cumulative makes the statistics of a span.
func (s *Simulator) cumulative(sp *span, kind string) map[string]any {
	out := sp.tasks()
	switch kind {
	case "workspace":
		out["tasks_created"], out["tasks_timed_out_in_workflow"] = sp.count("task.created"), sp.count("workflow.timeout")
	case "workflow":
		out["tasks_entered"], out["tasks_timed_out_in_workflow"] = sp.count("workflow.entered"), sp.count("workflow.timeout")
	case "queue":
		out["tasks_entered"] = sp.count("task-queue.entered")
		out["wait_duration_in_queue_until_accepted"] = out["wait_duration_until_accepted"]
	}
	return out
}

func everyEvent(*event) bool { return true }

// about keeps the events whose field names sid.
func about(field, sid string) func(*event) bool {
	return func(e *event) bool { return e.data.Get(field) == sid }
}

// A subject is what statistics are about.
type subject struct {
	kind     string // "workspace", "workflow" or "queue"
	ws       *workspace
	field    string // of SIDs, "" for the workspace's own
	sid      string
	path     string
	realTime func() map[string]any
}

func (b *subject) keep() func(*event) bool {
	if b.field == "" {
		return everyEvent
	}
	return about(b.field, b.sid)
}

func (s *Simulator) workspaceSubject(q *request) (*subject, bool) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return nil, false
	}
	return &subject{kind: "workspace", ws: ws, realTime: func() map[string]any { return s.workspaceNow(q, ws) }}, true
}

func (s *Simulator) workflowSubject(q *request) (*subject, bool) {
	ws, w, ok := find(s, q, workflows)
	if !ok {
		return nil, false
	}
	return &subject{
		kind: "workflow", ws: ws, field: "WorkflowSid", sid: w.sid, path: "/Workflows/" + w.sid,
		realTime: func() map[string]any { return s.workflowNow(q, ws, w) },
	}, true
}

func (s *Simulator) queueSubject(q *request) (*subject, bool) {
	ws, w, ok := find(s, q, queues)
	if !ok {
		return nil, false
	}
	return &subject{
		kind: "queue", ws: ws, field: "TaskQueueSid", sid: w.sid, path: "/TaskQueues/" + w.sid,
		realTime: func() map[string]any { return s.queueNow(q, ws, w) },
	}, true
}

// sids are what every answer bears.
func (b *subject) sids(out map[string]any) map[string]any {
	out["account_sid"], out["workspace_sid"] = b.ws.account.sid, b.ws.sid
	switch b.kind {
	case "workflow":
		out["workflow_sid"] = b.sid
	case "queue":
		out["task_queue_sid"] = b.sid
	}
	return out
}

// statistics answers one kind of statistics of what of finds: what is "RealTimeStatistics", "CumulativeStatistics" or, for both,
// "Statistics".
func (s *Simulator) statistics(of func(*request) (*subject, bool), what string) handlerFunc {
	return func(q *request) (int, any) {
		b, ok := of(q)
		if !ok {
			return q.gone()
		}
		out, bad := s.statisticsOf(q, b, what)
		if bad != nil {
			return fail(bad)
		}
		out["url"] = q.url("/v1/Workspaces/%s%s/%s", b.ws.sid, b.path, what)
		return http.StatusOK, out
	}
}

func (s *Simulator) statisticsOf(q *request, b *subject, what string) (map[string]any, *apiError) {
	if what == "RealTimeStatistics" {
		return b.sids(b.realTime()), nil
	}
	sp, bad := s.spanOf(q, b.ws, b.keep())
	if bad != nil {
		return nil, bad
	}
	past := s.cumulative(&sp, b.kind)
	if what == "CumulativeStatistics" {
		return b.sids(past), nil
	}
	return b.sids(map[string]any{"cumulative": past, "realtime": b.realTime()}), nil
}

// listQueueStatistics answers the statistics of all queues, in pages.
func (s *Simulator) listQueueStatistics(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	var bad *apiError
	status, out := listV1(q, "task_queues_statistics", newestFirst(ws.queues.items, func(w *taskQueue) bool { return q.matches("FriendlyName", w.name) }),
		(*taskQueue).id, func(w *taskQueue) any {
			b := &subject{
				kind: "queue", ws: ws, field: "TaskQueueSid", sid: w.sid, realTime: func() map[string]any { return s.queueNow(q, ws, w) },
			}
			one, wrong := s.statisticsOf(q, b, "Statistics")
			bad = cmp.Or(bad, wrong)
			return one
		})
	if bad != nil {
		return fail(bad)
	}
	return status, out
}

// maxBulk is how many queues one answer tells of.
const maxBulk = 50

// bulkQueueRealTime answers the real-time statistics of all queues, as far as one answer may go: how the request's JSON names those that
// it wants is not documented.
func (s *Simulator) bulkQueueRealTime(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	data := []any{}
	for _, w := range ws.queues.items[:min(len(ws.queues.items), maxBulk)] {
		one := s.queueNow(q, ws, w)
		one["task_queue_sid"] = w.sid
		data = append(data, one)
	}
	return http.StatusOK, map[string]any{
		"account_sid": ws.account.sid, "workspace_sid": ws.sid, "task_queue_data": data, "task_queue_response_count": len(data),
		"url": q.url("/v1/Workspaces/%s/TaskQueues/RealTimeStatistics", ws.sid),
	}
}

// agentStatistics answers what agents do and did, all of them or the one that the route names.
func (s *Simulator) agentStatistics(what string) handlerFunc {
	return func(q *request) (int, any) {
		ws, ok := s.workspaceOf(q)
		if !ok {
			return q.gone()
		}
		keep := func(e *event) bool { return e.data.Has("WorkerSid") }
		base := map[string]any{"account_sid": ws.account.sid, "workspace_sid": ws.sid, "url": q.url("/v1/Workspaces/%s/Workers/%s", ws.sid, what)}
		one := q.path("WorkerSid")
		if one != "" {
			if _, ok := ws.agents.get(one); !ok {
				return q.gone()
			}
			keep = about("WorkerSid", one)
			base["worker_sid"], base["url"] = one, q.url("/v1/Workspaces/%s/Workers/%s/%s", ws.sid, one, what)
		}
		counts := s.realTime(ws, nil, ws.agents.items)
		now := map[string]any{"activity_statistics": counts["activity_statistics"], "total_workers": len(ws.agents.items)}
		sp, bad := s.spanOf(q, ws, keep)
		if bad != nil {
			return fail(bad)
		}
		past := sp.reservations()
		past["activity_durations"] = sp.activities(ws)
		switch what {
		case "RealTimeStatistics":
			maps.Copy(base, now)
		case "CumulativeStatistics":
			maps.Copy(base, past)
		default:
			base["cumulative"] = past
			if one == "" {
				base["realtime"] = now
			}
		}
		return http.StatusOK, base
	}
}
