package simulator

import (
	"net/http"
	"slices"
	"strings"
)

func workspaces(s *Simulator) *shelf[*workspace] { return &s.tr.workspaces }

func (s *Simulator) listWorkspaces(q *request) (int, any) {
	found := newestFirst(workspaces(s).items, func(ws *workspace) bool { return ws.account == q.account && q.matches("FriendlyName", ws.name) })
	return listV1(q, "workspaces", found, (*workspace).id, func(ws *workspace) any { return s.renderWorkspace(q, ws) })
}

func (s *Simulator) createWorkspace(q *request) (int, any) {
	name, bad := uniqueName(q, workspaces(s), "", "")
	if bad != nil {
		return fail(bad)
	}
	multitasking, bad := q.boolean("MultiTaskEnabled", true)
	if bad != nil {
		return fail(bad)
	}
	template, bad := q.oneOf("Template", "NONE", "FIFO")
	if bad != nil {
		return fail(bad)
	}
	ws := &workspace{account: q.account, resource: s.newResourceLocked("WS", name), multitasking: multitasking, queueOrder: "FIFO"}
	if bad := s.changeWorkspaceLocked(q, ws); bad != nil {
		return fail(bad)
	}
	for _, a := range []struct {
		name      string
		available bool
	}{{"Offline", false}, {"Available", true}, {"Unavailable", false}} {
		ws.availabilities.add(&availability{resource: s.newResourceLocked("WA", a.name), available: a.available})
	}
	ws.defaultAvailability = ws.availabilities.items[0]
	ws.timeoutAvailability = ws.availabilities.items[0]
	for _, unique := range []string{"default", "voice", "sms", "chat", "video"} {
		ws.channels.add(&taskChannel{resource: s.newResourceLocked("TC", strings.ToUpper(unique[:1])+unique[1:]), uniqueName: unique})
	}
	if template == "FIFO" {
		s.applyFIFOLocked(ws)
	}
	workspaces(s).add(ws)
	s.emitLocked(ws, "workspace.created", ws.sid, "Workspace "+ws.name+" created")
	return http.StatusCreated, s.renderWorkspace(q, ws)
}

// applyFIFOLocked is Twilio's template FIFO: one queue of everybody, one routing workflow to it.
func (s *Simulator) applyFIFOLocked(ws *workspace) {
	queue := s.newQueueLocked("Sample Queue")
	ws.queues.add(queue)
	text := `{"task_routing":{"default_filter":{"queue":"` + queue.sid + `"}}}`
	if config, bad := ws.parseConfiguration(text); bad == nil {
		ws.workflows.add(&routingWorkflow{
			resource: s.newResourceLocked("WW", "Default Fifo Workflow"), configuration: text, config: config,
			reservationTimeout: defaultReservationTimeout,
		})
	}
}

// changeWorkspaceLocked takes over the parameters that creation and update share.
func (s *Simulator) changeWorkspaceLocked(q *request, ws *workspace) *apiError {
	order, bad := q.oneOf("PrioritizeQueueOrder", ws.queueOrder, "FIFO", "LIFO")
	if bad != nil {
		return bad
	}
	if bad := checkURL("EventCallbackUrl", q.str("EventCallbackUrl")); bad != nil {
		return bad
	}
	ws.queueOrder = order
	if q.has("EventCallbackUrl") {
		ws.eventURL = q.str("EventCallbackUrl")
	}
	if q.has("EventsFilter") {
		ws.eventsFilter = q.str("EventsFilter")
	}
	return nil
}

func (s *Simulator) fetchWorkspace(q *request) (int, any) {
	ws, ok := s.workspace(q, q.path("Sid"))
	if !ok {
		return q.gone()
	}
	return http.StatusOK, s.renderWorkspace(q, ws)
}

func (s *Simulator) updateWorkspace(q *request) (int, any) {
	ws, ok := s.workspace(q, q.path("Sid"))
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, workspaces(s), ws.sid, ws.name)
	if bad != nil {
		return fail(bad)
	}
	multitasking, bad := q.boolean("MultiTaskEnabled", ws.multitasking)
	if bad != nil {
		return fail(bad)
	}
	if ws.multitasking && !multitasking {
		return fail(errInvalid("A multi-tasking Workspace cannot be updated to single-tasking"))
	}
	chosen := map[string]*availability{"DefaultActivitySid": ws.defaultAvailability, "TimeoutActivitySid": ws.timeoutAvailability}
	for param := range chosen {
		if sid := q.str(param); sid != "" {
			if chosen[param], ok = ws.availabilities.get(sid); !ok {
				return fail(errInvalid("%s %s does not exist", param, sid))
			}
		}
	}
	if bad := s.changeWorkspaceLocked(q, ws); bad != nil {
		return fail(bad)
	}
	ws.name, ws.multitasking = name, multitasking
	ws.defaultAvailability, ws.timeoutAvailability = chosen["DefaultActivitySid"], chosen["TimeoutActivitySid"]
	ws.touch()
	s.emitLocked(ws, "workspace.updated", ws.sid, "Workspace "+ws.name+" updated")
	return http.StatusOK, s.renderWorkspace(q, ws)
}

func (s *Simulator) deleteWorkspace(q *request) (int, any) {
	ws, ok := s.workspace(q, q.path("Sid"))
	if !ok {
		return q.gone()
	}
	for _, t := range ws.tasks.items {
		if !t.over() {
			return fail(errInvalid("Workspace %s has open tasks", ws.sid))
		}
	}
	for _, t := range slices.Clone(ws.tasks.items) {
		s.forgetTaskLocked(t)
	}
	workspaces(s).remove(ws.sid)
	s.emitLocked(ws, "workspace.deleted", ws.sid, "Workspace "+ws.name+" deleted")
	return http.StatusNoContent, nil
}

func (s *Simulator) renderWorkspace(q *request, ws *workspace) any {
	self := q.url("/v1/Workspaces/%s", ws.sid)
	return map[string]any{
		"sid": ws.sid, "account_sid": ws.account.sid, "friendly_name": ws.name,
		"date_created": isoDate(ws.created), "date_updated": isoDate(ws.updated),
		"default_activity_sid": ws.defaultAvailability.sid, "default_activity_name": ws.defaultAvailability.name,
		"timeout_activity_sid": ws.timeoutAvailability.sid, "timeout_activity_name": ws.timeoutAvailability.name,
		"event_callback_url": orNil(ws.eventURL), "events_filter": orNil(ws.eventsFilter),
		"multi_task_enabled": ws.multitasking, "prioritize_queue_order": ws.queueOrder,
		"url": self,
		"links": map[string]any{
			"activities": self + "/Activities", "statistics": self + "/Statistics", "real_time_statistics": self + "/RealTimeStatistics",
			"cumulative_statistics": self + "/CumulativeStatistics", "task_queues": self + "/TaskQueues", "tasks": self + "/Tasks",
			"workers": self + "/Workers", "workflows": self + "/Workflows", "task_channels": self + "/TaskChannels", "events": self + "/Events",
		},
	}
}
