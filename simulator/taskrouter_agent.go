package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func agents(ws *workspace) *shelf[*agent] { return &ws.agents }

func (s *Simulator) listAgents(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	available, bad := q.boolean("Available", true)
	if bad != nil {
		return fail(bad)
	}
	target, bad := s.conditionLocked(q, "TargetWorkersExpression")
	if bad != nil {
		return fail(bad)
	}
	inQueue := func(*agent) bool { return true }
	if q.has("TaskQueueSid") || q.has("TaskQueueName") {
		i := slices.IndexFunc(ws.queues.items, func(w *taskQueue) bool {
			return q.matches("TaskQueueSid", w.sid) && q.matches("TaskQueueName", w.name)
		})
		inQueue = func(a *agent) bool { return i >= 0 && ws.queues.items[i].serves(a) }
	}
	found := newestFirst(ws.agents.items, func(a *agent) bool {
		return q.matches("ActivityName", a.status.name) && q.matches("ActivitySid", a.status.sid) && q.matches("FriendlyName", a.name) &&
			(!q.has("Available") || a.status.available == available) && (target == nil || target.Match(a.builtIns())) && inQueue(a)
	})
	switch ordering := q.str("Ordering"); ordering {
	case "":
	case "DateStatusChanged:asc", "DateStatusChanged:desc":
		slices.SortStableFunc(found, func(a, b *agent) int {
			if strings.HasSuffix(ordering, ":desc") {
				a, b = b, a
			}
			return a.statusAt.Compare(b.statusAt)
		})
	default:
		return fail(errInvalid("Ordering %q is not known", ordering))
	}
	return listV1(q, "workers", found, (*agent).id, func(a *agent) any { return s.renderAgent(q, ws, a) })
}

func (s *Simulator) createAgent(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	name, bad := uniqueName(q, &ws.agents, "", "")
	if bad != nil {
		return fail(bad)
	}
	attributes, attrs, bad := parseAttributes(q.str("Attributes"))
	if bad != nil {
		return fail(bad)
	}
	status := ws.defaultAvailability
	if sid := q.str("ActivitySid"); sid != "" {
		if status, ok = ws.availabilities.get(sid); !ok {
			return fail(errInvalid("ActivitySid %s does not exist", sid))
		}
	}
	a := &agent{
		resource: s.newResourceLocked("WK", name), attributes: attributes, attrs: attrs,
		status: status, statusAt: time.Now(), idleSince: time.Now(),
	}
	for _, c := range ws.channels.items {
		s.addAgentChannelLocked(a, c)
	}
	ws.agents.add(a)
	s.emitLocked(ws, "worker.created", a.sid, "Worker "+a.name+" created", agentFields(a))
	s.routeLocked(ws)
	return http.StatusCreated, s.renderAgent(q, ws, a)
}

func (s *Simulator) fetchAgent(q *request) (int, any) {
	ws, a, ok := find(s, q, agents)
	if !ok {
		return q.gone()
	}
	q.setETag(a.version)
	return http.StatusOK, s.renderAgent(q, ws, a)
}

func (s *Simulator) updateAgent(q *request) (int, any) {
	ws, a, ok := find(s, q, agents)
	if !ok {
		return q.gone()
	}
	if bad := q.ifMatch(a.version); bad != nil {
		return fail(bad)
	}
	name, bad := uniqueName(q, &ws.agents, a.sid, a.name)
	if bad != nil {
		return fail(bad)
	}
	reject, bad := q.boolean("RejectPendingReservations", false)
	if bad != nil {
		return fail(bad)
	}
	attributes, attrs := a.attributes, a.attrs
	if q.has("Attributes") {
		if attributes, attrs, bad = parseAttributes(q.str("Attributes")); bad != nil {
			return fail(bad)
		}
	}
	status := a.status
	if sid := q.str("ActivitySid"); sid != "" {
		if status, ok = ws.availabilities.get(sid); !ok {
			return fail(errInvalid("ActivitySid %s does not exist", sid))
		}
	}
	a.name = name
	if attributes != a.attributes {
		a.attributes, a.attrs = attributes, attrs
		a.touch()
		s.emitLocked(ws, "worker.attributes.update", a.sid, "Worker "+a.name+" attributes updated", agentFields(a))
	}
	s.moveAgentLocked(ws, a, status)
	if reject && !status.available {
		for _, r := range slices.Clone(a.held) {
			if r.status == statusPending {
				s.rejectLocked(r, nil)
			}
		}
	}
	s.routeLocked(ws)
	q.setETag(a.version)
	return http.StatusOK, s.renderAgent(q, ws, a)
}

func (s *Simulator) deleteAgent(q *request) (int, any) {
	ws, a, ok := find(s, q, agents)
	if !ok {
		return q.gone()
	}
	if bad := q.ifMatch(a.version); bad != nil {
		return fail(bad)
	}
	if a.status.available || len(a.held) > 0 {
		return fail(errInvalid("Worker %s is available or has reservations", a.sid))
	}
	ws.agents.remove(a.sid)
	s.emitLocked(ws, "worker.deleted", a.sid, "Worker "+a.name+" deleted", agentFields(a))
	return http.StatusNoContent, nil
}

// moveAgentLocked changes an agent's availability; to the same one it does nothing. In a multi-tasking workspace his reservations
// stay as they are.
func (s *Simulator) moveAgentLocked(ws *workspace, a *agent, to *availability) {
	if a.status == to {
		return
	}
	from, spent := a.status, time.Since(a.statusAt)
	if !from.available && to.available {
		a.idleSince = time.Now()
	}
	a.status, a.statusAt = to, time.Now()
	a.touch()
	s.emitLocked(ws, "worker.activity.update", a.sid, "Worker "+a.name+" updated to "+to.name+" Activity", agentFields(a),
		with("WorkerPreviousActivitySid", from.sid), with("WorkerPreviousActivityName", from.name),
		with("WorkerTimeInPreviousActivity", strconv.Itoa(int(spent/s.cfg.Second))),
		with("WorkerTimeInPreviousActivityMs", strconv.Itoa(int(spent*1000/s.cfg.Second))))
}

// agentLocked finds an agent in whichever workspace.
func (s *Simulator) agentLocked(sid string) (*workspace, *agent, error) {
	for _, ws := range s.tr.workspaces.items {
		if a, ok := ws.agents.get(sid); ok {
			return ws, a, nil
		}
	}
	return nil, nil, fmt.Errorf("agent %s does not exist", sid)
}

// SetAvailability moves an agent to the availability of that name, as his desktop's SDK would. It fails if there is no such agent or
// no such availability in his workspace.
func (s *Simulator) SetAvailability(agentSID, availabilityName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ws, a, err := s.agentLocked(agentSID)
	if err != nil {
		return err
	}
	to, ok := ws.availabilities.named(availabilityName)
	if !ok {
		return fmt.Errorf("availability %q does not exist", availabilityName)
	}
	s.moveAgentLocked(ws, a, to)
	s.routeLocked(ws)
	return nil
}

// Availability tells what an agent's desktop shows: the availability that he is in, and whether it counts as available.
func (s *Simulator) Availability(agentSID string) (name string, available bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a, err := s.agentLocked(agentSID)
	if err != nil {
		return "", false, err
	}
	return a.status.name, a.status.available, nil
}

func (s *Simulator) renderAgent(q *request, ws *workspace, a *agent) any {
	workspace := q.url("/v1/Workspaces/%s", ws.sid)
	all := workspace + "/Workers"
	self := all + "/" + a.sid
	return map[string]any{
		"sid": a.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid, "friendly_name": a.name,
		"activity_sid": a.status.sid, "activity_name": a.status.name, "available": a.status.available, "attributes": a.attributes,
		"date_created": isoDate(a.created), "date_updated": isoDate(a.updated), "date_status_changed": isoDate(a.statusAt),
		"url": self,
		"links": map[string]any{
			"channels": self + "/Channels", "worker_channels": self + "/Channels", "reservations": self + "/Reservations",
			"activity": workspace + "/Activities/" + a.status.sid, "workspace": workspace,
			"statistics": all + "/Statistics", "real_time_statistics": all + "/RealTimeStatistics",
			"cumulative_statistics": all + "/CumulativeStatistics", "worker_statistics": self + "/Statistics",
		},
	}
}

// byIdleness orders agents: longest idle first.
func byIdleness(a, b *agent) int {
	return cmp.Or(a.idleSince.Compare(b.idleSince), strings.Compare(a.sid, b.sid))
}
