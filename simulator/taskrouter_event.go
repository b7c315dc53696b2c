package simulator

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keptEvents bounds the stored events of one workspace.
const keptEvents = 20000

// An event is something that happened in a workspace: told to the event callback, and stored for the Events list
// (https://www.twilio.com/docs/taskrouter/api/event/reference).
type event struct {
	sid          string
	at           time.Time
	kind         string
	description  string
	resourceType string
	resourceSID  string
	data         url.Values // the fields beyond the common ones
}

// fields are parts of an event, each made by a function named for Twilio's field group.
type fields func(v url.Values)

func (s *Simulator) taskFields(t *task) fields {
	return func(v url.Values) {
		v.Set("TaskSid", t.sid)
		v.Set("TaskAttributes", t.attributes)
		v.Set("TaskAge", strconv.Itoa(s.age(t.created)))
		v.Set("TaskPriority", strconv.Itoa(t.priority))
		v.Set("TaskAssignmentStatus", t.status)
		v.Set("TaskVersion", strconv.Itoa(t.version))
		switch t.status {
		case statusCanceled:
			v.Set("TaskCanceledReason", t.reason)
		case statusCompleted, statusWrapping:
			v.Set("TaskCompletedReason", t.reason)
		}
		if t.channel != nil {
			v.Set("TaskChannelSid", t.channel.sid)
			v.Set("TaskChannelUniqueName", t.channel.uniqueName)
		}
		if t.queue != nil {
			queueFields(t.queue)(v)
		}
		if t.workflow != nil {
			workflowFields(t.workflow)(v)
		}
	}
}

func agentFields(a *agent) fields {
	return func(v url.Values) {
		v.Set("WorkerSid", a.sid)
		v.Set("WorkerName", a.name)
		v.Set("WorkerAttributes", a.attributes)
		v.Set("WorkerActivitySid", a.status.sid)
		v.Set("WorkerActivityName", a.status.name)
		v.Set("WorkerVersion", strconv.Itoa(a.version))
	}
}

func queueFields(w *taskQueue) fields {
	return func(v url.Values) {
		v.Set("TaskQueueSid", w.sid)
		v.Set("TaskQueueName", w.name)
		v.Set("TaskQueueTargetExpression", w.targetWorkers)
	}
}

func workflowFields(w *routingWorkflow) fields {
	return func(v url.Values) {
		v.Set("WorkflowSid", w.sid)
		v.Set("WorkflowName", w.name)
	}
}

func availabilityFields(a *availability) fields {
	return func(v url.Values) {
		v.Set("ActivitySid", a.sid)
		v.Set("ActivityName", a.name)
		v.Set("ActivityAvailable", strconv.FormatBool(a.available))
	}
}

func channelFields(c *taskChannel) fields {
	return func(v url.Values) {
		v.Set("TaskChannelSid", c.sid)
		v.Set("TaskChannelName", c.name)
		v.Set("TaskChannelUniqueName", c.uniqueName)
		v.Set("TaskChannelOptimizedRouting", strconv.FormatBool(c.optimized))
	}
}

// with is one more field.
func with(name, value string) fields { return func(v url.Values) { v.Set(name, value) } }

// emitLocked makes an event: stored, and sent to the event callback if the filter lets it pass.
func (s *Simulator) emitLocked(ws *workspace, kind, resourceSID, description string, parts ...fields) {
	if s.ctx.Err() != nil {
		return
	}
	resourceType, _, _ := strings.Cut(kind, ".")
	if resourceType == "reservation" {
		resourceType = "task" // as Twilio's samples have it
	}
	e := &event{
		sid: s.newSIDLocked("EV"), at: time.Now(), kind: kind, description: description,
		resourceType: resourceType, resourceSID: resourceSID, data: url.Values{},
	}
	for _, add := range parts {
		add(e.data)
	}
	e.data.Set("WorkspaceSid", ws.sid)
	e.data.Set("WorkspaceName", ws.name)
	if ws.events = append(ws.events, e); len(ws.events) > keptEvents+keptEvents/4 {
		ws.events = slices.Clone(ws.events[len(ws.events)-keptEvents:])
	}
	if ws.eventURL == "" || !ws.wants(kind) {
		return
	}
	params := maps.Clone(e.data)
	params.Set("EventType", kind)
	params.Set("AccountSid", ws.account.sid)
	params.Set("EventDescription", description)
	params.Set("ResourceType", resourceType)
	params.Set("ResourceSid", resourceSID)
	params.Set("Timestamp", strconv.FormatInt(e.at.Unix(), 10))
	params.Set("TimestampMs", strconv.FormatInt(e.at.UnixMilli(), 10))
	params.Set("Sid", e.sid)
	subject := e.data.Get("TaskSid")
	if subject == "" {
		subject = resourceSID
	}
	s.sendLocked(hook{Kind: "event", Subject: subject, URL: ws.eventURL, Params: params, Account: ws.account})
}

// wants reports whether the workspace's EventsFilter lets an event pass; an empty filter lets all.
func (ws *workspace) wants(kind string) bool {
	filter := splitWords(ws.eventsFilter)
	return len(filter) == 0 || slices.Contains(filter, kind)
}

func (s *Simulator) listEvents(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	minutes, bad := q.integer("Minutes", 15, 1, 43200)
	if bad != nil {
		return fail(bad)
	}
	from, to := time.Now().Add(-time.Duration(minutes)*time.Minute), time.Time{}
	for name, into := range map[string]*time.Time{"StartDate": &from, "EndDate": &to} {
		if q.str(name) == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, q.str(name))
		if err != nil {
			return fail(errInvalid("%s is not an ISO 8601 date", name))
		}
		*into = t
	}
	var found []*event
	for _, e := range slices.Backward(ws.events) { // newest first
		if e.at.Before(from) || (!to.IsZero() && e.at.After(to)) || !q.matches("EventType", e.kind) || !q.matches("Sid", e.sid) {
			continue
		}
		same := true
		for _, name := range []string{"ReservationSid", "TaskQueueSid", "TaskSid", "WorkerSid", "WorkflowSid"} {
			same = same && q.matches(name, e.data.Get(name))
		}
		if c := q.str("TaskChannel"); c != "" && c != e.data.Get("TaskChannelSid") && c != e.data.Get("TaskChannelUniqueName") {
			same = false
		}
		if same {
			found = append(found, e)
		}
	}
	return listV1(q, "events", found, func(e *event) string { return e.sid }, func(e *event) any { return s.renderEvent(q, ws, e) })
}

func (s *Simulator) fetchEvent(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	i := slices.IndexFunc(ws.events, func(e *event) bool { return e.sid == q.path("Sid") })
	if i < 0 {
		return q.gone()
	}
	return http.StatusOK, s.renderEvent(q, ws, ws.events[i])
}

// resourcePaths are where an event's resource is found below its workspace.
var resourcePaths = map[string]string{
	"WA": "Activities", "WK": "Workers", "WQ": "TaskQueues", "WW": "Workflows", "TC": "TaskChannels", "WT": "Tasks",
}

func (s *Simulator) renderEvent(q *request, ws *workspace, e *event) any {
	self := q.url("/v1/Workspaces/%s", ws.sid)
	data := make(map[string]any, len(e.data))
	for name := range e.data {
		data[snakeCase(name)] = e.data.Get(name)
	}
	var resourceURL any
	switch kind := resourcePaths[e.resourceSID[:2]]; {
	case kind != "":
		resourceURL = self + "/" + kind + "/" + e.resourceSID
	case e.resourceSID == ws.sid:
		resourceURL = self
	case e.data.Has("TaskSid"):
		resourceURL = self + "/Tasks/" + e.data.Get("TaskSid") + "/Reservations/" + e.resourceSID
	}
	return map[string]any{
		"sid": e.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid,
		"actor_sid": ws.sid, "actor_type": "workspace", "actor_url": self,
		"event_type": e.kind, "event_date": isoDate(e.at), "event_date_ms": e.at.UnixMilli(), "event_data": data,
		"description": e.description, "resource_type": e.resourceType, "resource_sid": e.resourceSID, "resource_url": resourceURL,
		"source": "twilio", "source_ip_address": nil, "url": self + "/Events/" + e.sid,
	}
}
