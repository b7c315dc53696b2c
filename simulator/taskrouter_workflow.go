package simulator

import (
	"net/http"
	"slices"
)

const (
	defaultReservationTimeout = 120 // seconds
	maxReservationTimeout     = 86400
)

func workflows(ws *workspace) *shelf[*routingWorkflow] { return &ws.workflows }

func (s *Simulator) listWorkflows(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	found := newestFirst(ws.workflows.items, func(w *routingWorkflow) bool { return q.matches("FriendlyName", w.name) })
	return listV1(q, "workflows", found, (*routingWorkflow).id, func(w *routingWorkflow) any { return s.renderWorkflow(q, ws, w) })
}

func (s *Simulator) createWorkflow(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.workflows, "", "")
	if bad != nil {
		return fail(bad)
	}
	if q.str("Configuration") == "" {
		return fail(errMissing("Configuration"))
	}
	w := &routingWorkflow{resource: s.newResourceLocked("WW", name), reservationTimeout: defaultReservationTimeout}
	if bad := changeWorkflow(q, ws, w); bad != nil {
		return fail(bad)
	}
	ws.workflows.add(w)
	s.emitLocked(ws, "workflow.created", w.sid, "Workflow "+w.name+" created", workflowFields(w))
	return http.StatusCreated, s.renderWorkflow(q, ws, w)
}

// changeWorkflow takes over the parameters that creation and update share: all or, with an error, none.
func changeWorkflow(q *request, ws *workspace, w *routingWorkflow) *apiError {
	changed := *w
	var bad *apiError
	if text := q.str("Configuration"); text != "" {
		changed.configuration = text
		if changed.config, bad = ws.parseConfiguration(text); bad != nil {
			return bad
		}
	}
	if changed.reservationTimeout, bad = q.integer("TaskReservationTimeout", w.reservationTimeout, 1, maxReservationTimeout); bad != nil {
		return bad
	}
	for param, into := range map[string]*string{
		"AssignmentCallbackUrl": &changed.assignmentURL, "FallbackAssignmentCallbackUrl": &changed.fallbackURL,
	} {
		if !q.has(param) {
			continue
		}
		if bad := checkURL(param, q.str(param)); bad != nil {
			return bad
		}
		*into = q.str(param)
	}
	*w = changed
	return nil
}

func (s *Simulator) fetchWorkflow(q *request) (int, any) {
	ws, w, ok := find(s, q, workflows)
	if !ok {
		return q.gone()
	}
	return http.StatusOK, s.renderWorkflow(q, ws, w)
}

func (s *Simulator) updateWorkflow(q *request) (int, any) {
	ws, w, ok := find(s, q, workflows)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.workflows, w.sid, w.name)
	if bad != nil {
		return fail(bad)
	}
	again, bad := q.boolean("ReEvaluateTasks", false)
	if bad != nil {
		return fail(bad)
	}
	if bad := changeWorkflow(q, ws, w); bad != nil {
		return fail(bad)
	}
	w.name = name
	w.touch()
	s.emitLocked(ws, "workflow.updated", w.sid, "Workflow "+w.name+" updated", workflowFields(w))
	if again {
		for _, t := range slices.Clone(ws.tasks.items) {
			if t.workflow == w && t.status == statusPending && t.routingTarget == "" {
				s.enterWorkflowLocked(t)
			}
		}
	}
	s.routeLocked(ws)
	return http.StatusOK, s.renderWorkflow(q, ws, w)
}

func (s *Simulator) deleteWorkflow(q *request) (int, any) {
	ws, w, ok := find(s, q, workflows)
	if !ok {
		return q.gone()
	}
	for _, t := range ws.tasks.items {
		if t.workflow == w && !t.over() {
			return fail(errInvalid("Workflow %s has open tasks", w.sid))
		}
	}
	ws.workflows.remove(w.sid)
	s.emitLocked(ws, "workflow.deleted", w.sid, "Workflow "+w.name+" deleted", workflowFields(w))
	return http.StatusNoContent, nil
}

func (s *Simulator) renderWorkflow(q *request, ws *workspace, w *routingWorkflow) any {
	workspace := q.url("/v1/Workspaces/%s", ws.sid)
	self := workspace + "/Workflows/" + w.sid
	return map[string]any{
		"sid": w.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid, "friendly_name": w.name,
		"configuration": w.configuration, "document_content_type": "application/json",
		"assignment_callback_url": orNil(w.assignmentURL), "fallback_assignment_callback_url": orNil(w.fallbackURL),
		"task_reservation_timeout": w.reservationTimeout,
		"date_created":             isoDate(w.created), "date_updated": isoDate(w.updated), "url": self,
		"links": map[string]any{
			"statistics": self + "/Statistics", "real_time_statistics": self + "/RealTimeStatistics",
			"cumulative_statistics": self + "/CumulativeStatistics",
		},
	}
}
