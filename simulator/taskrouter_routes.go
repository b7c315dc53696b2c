package simulator

func (s *Simulator) taskRouterRoutes(tr *router) {
	const all = "/v1/Workspaces"
	const one = all + "/{WorkspaceSid}"
	crud := func(path string, list, create, fetch, update, remove handlerFunc) {
		tr.handle("GET", path, list)
		tr.handle("POST", path, create)
		tr.handle("GET", path+"/{Sid}", fetch)
		tr.handle("POST", path+"/{Sid}", update)
		tr.handle("DELETE", path+"/{Sid}", remove)
	}
	crud(all, s.listWorkspaces, s.createWorkspace, s.fetchWorkspace, s.updateWorkspace, s.deleteWorkspace)
	crud(one+"/Activities", s.listAvailabilities, s.createAvailability, s.fetchAvailability, s.updateAvailability, s.deleteAvailability)
	crud(one+"/Workers", s.listAgents, s.createAgent, s.fetchAgent, s.updateAgent, s.deleteAgent)
	crud(one+"/TaskQueues", s.listQueues, s.createQueue, s.fetchQueue, s.updateQueue, s.deleteQueue)
	crud(one+"/Workflows", s.listWorkflows, s.createWorkflow, s.fetchWorkflow, s.updateWorkflow, s.deleteWorkflow)
	crud(one+"/TaskChannels", s.listChannels, s.createChannel, s.fetchChannel, s.updateChannel, s.deleteChannel)
	crud(one+"/Tasks", s.listTasks, s.createTask, s.fetchTask, s.updateTask, s.deleteTask)

	for _, path := range []string{one + "/Tasks/{TaskSid}/Reservations", one + "/Workers/{WorkerSid}/Reservations"} {
		tr.handle("GET", path, s.listReservations)
		tr.handle("GET", path+"/{Sid}", s.fetchReservation)
		tr.handle("POST", path+"/{Sid}", s.updateReservation)
	}
	tr.handle("GET", one+"/Workers/{WorkerSid}/Channels", s.listAgentChannels)
	tr.handle("GET", one+"/Workers/{WorkerSid}/Channels/{Sid}", s.fetchAgentChannel)
	tr.handle("POST", one+"/Workers/{WorkerSid}/Channels/{Sid}", s.updateAgentChannel)

	tr.handle("GET", one+"/Events", s.listEvents)
	tr.handle("GET", one+"/Events/{Sid}", s.fetchEvent)

	for _, what := range []string{"Statistics", "RealTimeStatistics", "CumulativeStatistics"} {
		tr.handle("GET", one+"/"+what, s.statistics(s.workspaceSubject, what))
		tr.handle("GET", one+"/Workflows/{Sid}/"+what, s.statistics(s.workflowSubject, what))
		tr.handle("GET", one+"/TaskQueues/{Sid}/"+what, s.statistics(s.queueSubject, what))
		tr.handle("GET", one+"/Workers/"+what, s.agentStatistics(what))
	}
	tr.handle("GET", one+"/Workers/{WorkerSid}/Statistics", s.agentStatistics("Statistics"))
	tr.handle("GET", one+"/TaskQueues/Statistics", s.listQueueStatistics)
	tr.handle("POST", one+"/TaskQueues/RealTimeStatistics", s.bulkQueueRealTime)
}

// workspaceOf is the workspace of a route below one.
func (s *Simulator) workspaceOf(q *request) (*workspace, bool) {
	return s.workspace(q, q.path("WorkspaceSid"))
}

// workspace is the account's workspace of a SID.
func (s *Simulator) workspace(q *request, sid string) (*workspace, bool) {
	ws, ok := s.tr.workspaces.get(sid)
	return ws, ok && ws.account == q.account
}

// find finds the resource that a route below a workspace names as {Sid}.
func find[T interface {
	id() string
	title() string
}](s *Simulator, q *request, of func(*workspace) *shelf[T]) (ws *workspace, item T, ok bool) {
	if ws, ok = s.workspaceOf(q); !ok {
		return nil, item, false
	}
	item, ok = of(ws).get(q.path("Sid"))
	return ws, item, ok
}

// maxName is Twilio's limit for the names of workspaces, queues, activities, workers and channels.
const maxName = 64

// friendlyName reads a FriendlyName; required for creations, kept as it was otherwise.
func (q *request) friendlyName(current string) (string, *apiError) {
	name := q.strOr("FriendlyName", current)
	if name == "" {
		return "", errMissing("FriendlyName")
	}
	if len([]rune(name)) > maxName {
		return "", errInvalid("FriendlyName is longer than %d characters", maxName)
	}
	return name, nil
}

// uniqueName is friendlyName for what must not share its name with another; self is the SID of the renamed one.
func uniqueName[T interface {
	id() string
	title() string
}](q *request, sh *shelf[T], self, current string) (string, *apiError) {
	name, bad := q.friendlyName(current)
	if bad != nil {
		return "", bad
	}
	if other, ok := sh.named(name); ok && other.id() != self {
		return "", errInvalid("FriendlyName %q is taken", name)
	}
	return name, nil
}
