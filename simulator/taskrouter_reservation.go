package simulator

import (
	"net/http"
	"slices"
)

// Codes for an instruction on a reservation that does not wait for one.
const (
	codeNotPending       = 40136
	codeAlreadyAccepting = 40144
)

// reservationsOf lists the reservations of a route, be it below a task or below an agent.
func (s *Simulator) reservationsOf(q *request) ([]*reservation, bool) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return nil, false
	}
	if sid := q.path("TaskSid"); sid != "" {
		t, ok := ws.tasks.get(sid)
		if !ok {
			return nil, false
		}
		return t.reservations, true
	}
	a, ok := ws.agents.get(q.path("WorkerSid"))
	if !ok {
		return nil, false
	}
	var out []*reservation
	for _, t := range ws.tasks.items {
		out = append(out, t.having(func(r *reservation) bool { return r.agent == a })...)
	}
	return out, true
}

func (s *Simulator) reservationAt(q *request) (*reservation, bool) {
	r := s.tr.reservations[q.path("Sid")]
	if r == nil || r.task.workspace.sid != q.path("WorkspaceSid") {
		return nil, false
	}
	return r, r.task.sid == q.path("TaskSid") || r.agent.sid == q.path("WorkerSid")
}

func (s *Simulator) listReservations(q *request) (int, any) {
	all, ok := s.reservationsOf(q)
	if !ok {
		return q.gone()
	}
	found := newestFirst(all, func(r *reservation) bool {
		return q.matches("ReservationStatus", r.status) && q.matches("WorkerSid", r.agent.sid)
	})
	return listV1(q, "reservations", found, (*reservation).id, func(r *reservation) any { return s.renderReservation(q, r) })
}

func (s *Simulator) fetchReservation(q *request) (int, any) {
	r, ok := s.reservationAt(q)
	if !ok {
		return q.gone()
	}
	q.setETag(r.version)
	return http.StatusOK, s.renderReservation(q, r)
}

func (s *Simulator) updateReservation(q *request) (int, any) {
	r, ok := s.reservationAt(q)
	if !ok {
		return q.gone()
	}
	if bad := q.ifMatch(r.version); bad != nil {
		return fail(bad)
	}
	status, instruction := q.str("ReservationStatus"), q.str("Instruction")
	var bad *apiError
	switch {
	case status != "" && instruction != "":
		bad = errInvalid("ReservationStatus and Instruction exclude each other")
	case status != "":
		bad = s.setReservationLocked(q, r, status)
	case instruction == "":
		bad = errInvalid("ReservationStatus or Instruction is needed")
	case instruction == "supervise" && r.status == statusAccepted && q.path("TaskSid") != "":
		bad = s.superviseLocked(q, r)
	case r.status != statusPending:
		bad = errCode(codeNotPending, "Reservation %s is %s, not pending", r.sid, r.status)
	case r.accepting:
		bad = errCode(codeAlreadyAccepting, "Reservation %s is being accepted already", r.sid)
	default:
		bad = s.instructLocked(r, instruction, q.formParameters().below(instruction), "worker_activity_sid")
	}
	if bad != nil {
		return fail(bad)
	}
	q.setETag(r.version)
	return http.StatusOK, s.renderReservation(q, r)
}

// setReservationLocked changes a reservation's status where that is possible: pending -> accepted, rejected, canceled or timeout;
// accepted -> wrapping; accepted or wrapping -> completed. Only a sibling's accept rescinds.
func (s *Simulator) setReservationLocked(q *request, r *reservation, status string) *apiError {
	from := map[string][]string{
		statusAccepted: {statusPending}, statusRejected: {statusPending}, statusCanceled: {statusPending}, statusTimeout: {statusPending},
		statusWrapping: {statusAccepted}, statusCompleted: {statusAccepted, statusWrapping},
	}[status]
	if !slices.Contains(from, r.status) || (status == statusAccepted && r.accepting) {
		return errInvalid("Cannot change reservation %s from %s to %s", r.sid, r.status, status)
	}
	switch status {
	case statusAccepted:
		s.acceptLocked(r)
	case statusRejected:
		to, bad := r.task.workspace.availabilityFor(q.formParameters(), "worker_activity_sid")
		if bad != nil {
			return bad
		}
		s.rejectLocked(r, to)
	case statusCanceled:
		s.loseLocked(r, "canceled")
	case statusTimeout:
		s.timeOutLocked(r)
	case statusWrapping:
		s.wrapLocked(r, "")
	case statusCompleted:
		s.finishLocked(r, "")
	}
	return nil
}

func (s *Simulator) renderReservation(q *request, r *reservation) any {
	workspace := q.url("/v1/Workspaces/%s", r.task.workspace.sid)
	task, worker := workspace+"/Tasks/"+r.task.sid, workspace+"/Workers/"+r.agent.sid
	self := task + "/Reservations/" + r.sid
	if q.path("WorkerSid") != "" {
		self = worker + "/Reservations/" + r.sid
	}
	return map[string]any{
		"sid": r.sid, "account_sid": r.task.workspace.account.sid, "workspace_sid": r.task.workspace.sid, "reservation_status": r.status,
		"task_sid": r.task.sid, "worker_sid": r.agent.sid, "worker_name": r.agent.name,
		"date_created": isoDate(r.created), "date_updated": isoDate(r.updated), "url": self,
		"links": map[string]any{"task": task, "worker": worker, "workspace": workspace},
	}
}
