package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

func channels(ws *workspace) *shelf[*taskChannel] { return &ws.channels }

// channelLocked finds a task channel by SID or unique name.
func (ws *workspace) channelLocked(name string) (*taskChannel, bool) {
	i := slices.IndexFunc(ws.channels.items, func(c *taskChannel) bool { return c.sid == name || c.uniqueName == name })
	if i < 0 {
		return nil, false
	}
	return ws.channels.items[i], true
}

// channelAt is the channel of a route, named by SID or unique name.
func (s *Simulator) channelAt(q *request) (*workspace, *taskChannel, bool) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return nil, nil, false
	}
	c, ok := ws.channelLocked(q.path("Sid"))
	return ws, c, ok
}

func (s *Simulator) listChannels(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	return listV1(q, "channels", ws.channels.items, (*taskChannel).id, func(c *taskChannel) any { return s.renderChannel(q, ws, c) })
}

func (s *Simulator) createChannel(q *request) (int, any) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return q.gone()
	}
	name, bad := q.friendlyName("")
	if bad != nil {
		return fail(bad)
	}
	unique := q.str("UniqueName")
	if unique == "" {
		return fail(errMissing("UniqueName"))
	}
	if _, taken := ws.channelLocked(unique); taken {
		return fail(errInvalid("UniqueName %q is taken", unique))
	}
	optimized, bad := q.boolean("ChannelOptimizedRouting", false)
	if bad != nil {
		return fail(bad)
	}
	c := &taskChannel{resource: s.newResourceLocked("TC", name), uniqueName: unique, optimized: optimized}
	ws.channels.add(c)
	for _, a := range ws.agents.items {
		s.addAgentChannelLocked(a, c)
	}
	s.emitLocked(ws, "task-channel.created", c.sid, "TaskChannel "+c.name+" created", channelFields(c))
	return http.StatusCreated, s.renderChannel(q, ws, c)
}

func (s *Simulator) fetchChannel(q *request) (int, any) {
	ws, c, ok := s.channelAt(q)
	if !ok {
		return q.gone()
	}
	return http.StatusOK, s.renderChannel(q, ws, c)
}

func (s *Simulator) updateChannel(q *request) (int, any) {
	ws, c, ok := s.channelAt(q)
	if !ok {
		return q.gone()
	}
	name, bad := q.friendlyName(c.name)
	if bad != nil {
		return fail(bad)
	}
	optimized, bad := q.boolean("ChannelOptimizedRouting", c.optimized)
	if bad != nil {
		return fail(bad)
	}
	c.name, c.optimized = name, optimized
	c.touch()
	s.emitLocked(ws, "task-channel.updated", c.sid, "TaskChannel "+c.name+" updated", channelFields(c))
	return http.StatusOK, s.renderChannel(q, ws, c)
}

func (s *Simulator) deleteChannel(q *request) (int, any) {
	ws, c, ok := s.channelAt(q)
	if !ok {
		return q.gone()
	}
	if slices.ContainsFunc(ws.tasks.items, func(t *task) bool { return t.channel == c && !t.over() }) {
		return fail(errInvalid("TaskChannel %s is in use", c.sid))
	}
	ws.channels.remove(c.sid)
	for _, a := range ws.agents.items {
		a.channels = slices.DeleteFunc(a.channels, func(ac *agentChannel) bool { return ac.channel == c })
	}
	s.emitLocked(ws, "task-channel.deleted", c.sid, "TaskChannel "+c.name+" deleted", channelFields(c))
	return http.StatusNoContent, nil
}

func (s *Simulator) renderChannel(q *request, ws *workspace, c *taskChannel) any {
	self := q.url("/v1/Workspaces/%s", ws.sid)
	return map[string]any{
		"sid": c.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid, "friendly_name": c.name, "unique_name": c.uniqueName,
		"channel_optimized_routing": c.optimized, "date_created": isoDate(c.created), "date_updated": isoDate(c.updated),
		"url": self + "/TaskChannels/" + c.sid, "links": map[string]any{"workspace": self},
	}
}

// addAgentChannelLocked gives an agent a channel with capacity for one task.
func (s *Simulator) addAgentChannelLocked(a *agent, c *taskChannel) {
	a.channels = append(a.channels, &agentChannel{resource: s.newResourceLocked("WC", ""), channel: c, capacity: 1, available: true})
}

func (s *Simulator) agentOf(q *request) (*workspace, *agent, bool) {
	ws, ok := s.workspaceOf(q)
	if !ok {
		return nil, nil, false
	}
	a, ok := ws.agents.get(q.path("WorkerSid"))
	return ws, a, ok
}

// agentChannelAt finds a worker channel by its own SID, the channel's SID or its unique name.
func (s *Simulator) agentChannelAt(q *request) (ws *workspace, a *agent, ac *agentChannel, ok bool) {
	if ws, a, ok = s.agentOf(q); !ok {
		return nil, nil, nil, false
	}
	sid := q.path("Sid")
	for _, ac := range a.channels {
		if ac.sid == sid || ac.channel.sid == sid || ac.channel.uniqueName == sid {
			return ws, a, ac, true
		}
	}
	return nil, nil, nil, false
}

func (s *Simulator) listAgentChannels(q *request) (int, any) {
	ws, a, ok := s.agentOf(q)
	if !ok {
		return q.gone()
	}
	return listV1(q, "channels", a.channels, (*agentChannel).id, func(ac *agentChannel) any { return s.renderAgentChannel(q, ws, a, ac) })
}

func (s *Simulator) fetchAgentChannel(q *request) (int, any) {
	ws, a, ac, ok := s.agentChannelAt(q)
	if !ok {
		return q.gone()
	}
	return http.StatusOK, s.renderAgentChannel(q, ws, a, ac)
}

func (s *Simulator) updateAgentChannel(q *request) (int, any) {
	ws, a, ac, ok := s.agentChannelAt(q)
	if !ok {
		return q.gone()
	}
	capacity, bad := q.integer("Capacity", ac.capacity, 0, 1000)
	if bad != nil {
		return fail(bad)
	}
	available, bad := q.boolean("Available", ac.available)
	if bad != nil {
		return fail(bad)
	}
	before, wasAvailable := ac.capacity, ac.available
	free := a.free(ac)
	ac.capacity, ac.available = capacity, available
	ac.touch()
	if capacity != before {
		s.capacityChangedLocked(ws, a, ac, free)
	}
	if available != wasAvailable {
		s.emitLocked(ws, "worker.channel.availability.update", a.sid, "Worker "+a.name+" channel "+ac.channel.uniqueName+" availability updated",
			agentFields(a), ac.fields(a, free))
	}
	s.routeLocked(ws)
	return http.StatusOK, s.renderAgentChannel(q, ws, a, ac)
}

// fields are a worker channel's in events; before is the free capacity that there was, in percent.
func (ac *agentChannel) fields(a *agent, before int) fields {
	return func(v url.Values) {
		v.Set("WorkerChannelAvailable", strconv.FormatBool(ac.available))
		v.Set("WorkerChannelAvailableCapacity", strconv.Itoa(a.free(ac)))
		v.Set("WorkerChannelPreviousCapacity", strconv.Itoa(before))
		v.Set("WorkerChannelTaskCount", strconv.Itoa(a.load(ac.channel)))
		v.Set("TaskChannelSid", ac.channel.sid)
		v.Set("TaskChannelUniqueName", ac.channel.uniqueName)
	}
}

func (s *Simulator) capacityChangedLocked(ws *workspace, a *agent, ac *agentChannel, before int) {
	s.emitLocked(ws, "worker.capacity.update", a.sid, "Worker "+a.name+" channel "+ac.channel.uniqueName+" capacity updated",
		agentFields(a), ac.fields(a, before))
}

func (s *Simulator) renderAgentChannel(q *request, ws *workspace, a *agent, ac *agentChannel) any {
	return map[string]any{
		"sid": ac.sid, "account_sid": ws.account.sid, "workspace_sid": ws.sid, "worker_sid": a.sid,
		"task_channel_sid": ac.channel.sid, "task_channel_unique_name": ac.channel.uniqueName,
		"configured_capacity": ac.capacity, "assigned_tasks": a.load(ac.channel), "available": ac.available,
		"available_capacity_percentage": a.free(ac), "date_created": isoDate(ac.created), "date_updated": isoDate(ac.updated),
		"url": q.url("/v1/Workspaces/%s/Workers/%s/Channels/%s", ws.sid, a.sid, ac.sid),
	}
}
