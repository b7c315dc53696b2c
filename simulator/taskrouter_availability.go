package simulator

import "net/http"

func availabilities(ws *workspace) *shelf[*availability] { return &ws.availabilities }

func (s *Simulator) listAvailabilities(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	available, bad := q.boolean("Available", true)
	if bad != nil {
		return fail(bad)
	}
	found := newestFirst(ws.availabilities.items, func(a *availability) bool {
		return q.matches("FriendlyName", a.name) && (!q.has("Available") || a.available == available)
	})
	return listV1(q, "activities", found, (*availability).id, func(a *availability) any { return s.renderAvailability(q, ws, a) })
}

func (s *Simulator) createAvailability(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.availabilities, "", "")
	if bad != nil {
		return fail(bad)
	}
	available, bad := q.boolean("Available", false)
	if bad != nil {
		return fail(bad)
	}
	a := &availability{resource: s.newResourceLocked("WA", name), available: available}
	ws.availabilities.add(a)
	s.emitLocked(ws, "activity.created", a.sid, "Activity "+a.name+" created", availabilityFields(a))
	return http.StatusCreated, s.renderAvailability(q, ws, a)
}

func (s *Simulator) fetchAvailability(q *request) (int, any) {
	ws, a, ok := find(s, q, availabilities)
	if !ok {
		return q.gone()
	}
	return http.StatusOK, s.renderAvailability(q, ws, a)
}

// updateAvailability takes a name only: Available cannot be changed after creation.
func (s *Simulator) updateAvailability(q *request) (int, any) {
	ws, a, ok := find(s, q, availabilities)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.availabilities, a.sid, a.name)
	if bad != nil {
		return fail(bad)
	}
	a.name = name
	a.touch()
	s.emitLocked(ws, "activity.updated", a.sid, "Activity "+a.name+" updated", availabilityFields(a))
	return http.StatusOK, s.renderAvailability(q, ws, a)
}

func (s *Simulator) deleteAvailability(q *request) (int, any) {
	ws, a, ok := find(s, q, availabilities)
	if !ok {
		return q.gone()
	}
	if a == ws.defaultAvailability || a == ws.timeoutAvailability {
		return fail(errInvalid("Activity %s is the workspace's default or timeout activity", a.sid))
	}
	for _, other := range ws.agents.items {
		if other.status == a {
			return fail(errInvalid("Activity %s is in use by worker %s", a.sid, other.sid))
		}
	}
	ws.availabilities.remove(a.sid)
	s.emitLocked(ws, "activity.deleted", a.sid, "Activity "+a.name+" deleted", availabilityFields(a))
	return http.StatusNoContent, nil
}

func (s *Simulator) renderAvailability(q *request, ws *workspace, a *availability) any {
	self := q.url("/v1/Workspaces/%s", ws.sid)
	return map[string]any{
		"sid": a.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid, "friendly_name": a.name, "available": a.available,
		"date_created": isoDate(a.created), "date_updated": isoDate(a.updated),
		"url": self + "/Activities/" + a.sid, "links": map[string]any{"workspace": self},
	}
}
