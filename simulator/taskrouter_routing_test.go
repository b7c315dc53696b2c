package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFiltersAndTargetsChooseTheAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		filters    string // %[1]s is everybody's queue, %[2]s the queue of those with skill billing
		attributes string
		want       string
	}{
		"the first filter that matches": {
			`{"expression":"type=='x'","targets":[{"queue":"%[1]s"}]},{"expression":"type=='billing'","targets":[{"queue":"%[2]s"}]}`,
			`{"type":"billing"}`, "Bea",
		},
		"the default filter when none matches": {`{"expression":"1==2","targets":[{"queue":"%[1]s"}]}`, `{}`, "Bea"},
		"longest idle first":                   {`{"expression":"1==1","targets":[{"queue":"%[1]s"}]}`, `{}`, "Ann"},
		"order_by":                             {`{"expression":"1==1","targets":[{"queue":"%[1]s","order_by":"worker.level DESC"}]}`, `{}`, "Cal"},
		"a target's expression": {
			`{"expression":"1==1","targets":[{"queue":"%[1]s","expression":"task.lang IN worker.languages"}]}`, `{"lang":"fr"}`, "Bea",
		},
		"an agent known by name": {`{"expression":"1==1","targets":[{"queue":"%[1]s","known_worker_friendly_name":"task.last"}]}`, `{"last":"Cal"}`, "Cal"},
		"skip_if takes the next target at once": {
			`{"expression":"1==1","targets":[{"queue":"%[1]s","expression":"worker.level > 99","skip_if":"1==1"},{"queue":"%[2]s"}]}`, `{}`, "Bea",
		},
		"skip_if counts the available": {
			`{"expression":"1==1","targets":[{"queue":"%[1]s","expression":"worker.level > 99","skip_if":"workers.available == 3"},{"queue":"%[2]s"}]}`,
			`{}`, "Bea",
		},
		"skip_if is not asked while somebody is free": {
			`{"expression":"1==1","targets":[{"queue":"%[1]s","skip_if":"1==1"},{"queue":"%[2]s"}]}`, `{}`, "Ann",
		},
		"all targets skipped: the default filter": {
			`{"expression":"1==1","targets":[{"queue":"%[1]s","expression":"1==2","skip_if":"1==1"}]}`, `{}`, "Bea",
		},
		"the next target after the time is up": {
			`{"expression":"1==1","targets":[{"queue":"%[1]s","expression":"1==2","timeout":"1"},{"expression":"worker.level == 9"}]}`, `{}`, "Cal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			f.answer(`{}`)
			f.agent("Ann", `{"level":1,"languages":["en"]}`)
			f.agent("Bea", `{"level":5,"skills":["billing"],"languages":["fr"]}`)
			f.agent("Cal", `{"level":9}`)
			all := f.create("TaskQueues", "FriendlyName=All")
			billing := f.create("TaskQueues", "FriendlyName=Billing", "TargetWorkers=skills HAS 'billing'")
			filters := fmt.Sprintf(c.filters+"%.0[1]s%.0[2]s", all, billing)
			workflow := f.workflow(`{"task_routing":{"filters":[` + filters + `],"default_filter":{"queue":"` + billing + `"}}}`)
			task := f.task(workflow, c.attributes)
			require.Equal(t, c.want, f.event("reservation.created", "TaskSid="+task).Get("WorkerName"))
		})
	}
}

func TestATaskThatRunsOutOfTargetsIsCanceledAndItsCallerLetOut(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.number()
	queue := f.create("TaskQueues", "FriendlyName=Nobody", "TargetWorkers=")
	workflow := f.workflow(`{"task_routing":{"filters":[{"expression":"1==1","targets":[{"queue":"` + queue + `","timeout":1,"priority":4}]}]}}`)
	f.twiml("/voice", `<Enqueue workflowSid="`+workflow+`" action="/after"/>`)
	f.twiml("/after", "<Say>Goodbye</Say>")
	f.agent("Ann", `{}`)
	caller := f.ring()
	e := f.event("workflow.timeout")
	require.Equal(t, "4", e.Get("TaskPriority"))
	f.event("task-queue.timeout")
	require.Equal(t, reasonExhausted, f.event("task.canceled").Get("TaskCanceledReason"))
	caller.notices(LineHears, "Goodbye")
}

func TestWaitingTasksGoByPriorityThenAge(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]string{"FIFO": "urgent first second", "LIFO": "urgent second first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			f.answer(`{"instruction":"accept"}`)
			queue := f.create("TaskQueues", "FriendlyName=All", "TaskOrder="+order)
			workflow := f.workflow(`{"task_routing":{"default_filter":{"queue":"` + queue + `"}}}`)
			names := map[string]string{}
			for _, n := range []string{"first", "second"} {
				names[f.task(workflow, `{}`)] = n
			}
			names[f.task(workflow, `{}`, "Priority=9")] = "urgent"
			stats := f.tr(http.StatusOK, "GET", f.ws+"/TaskQueues/"+queue+"/RealTimeStatistics")
			require.InDelta(t, 3, stats["tasks_by_status"].(object)["pending"], 0)
			require.InDelta(t, 3, stats["total_tasks"], 0)
			require.InDelta(t, 0, stats["total_available_workers"], 0)
			require.Equal(t, "first", names[stats["longest_task_waiting_sid"].(string)])
			f.agent("Ann", `{}`)
			var got []string
			for n := range 3 {
				task := f.nth(n+1, "/assign").form.Get("TaskSid")
				f.event("reservation.accepted", "TaskSid="+task)
				f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=x")
				got = append(got, names[task])
			}
			require.Equal(t, want, strings.Join(got, " "))
		})
	}
}

func TestCapacityAndAvailabilityLimitWhoRings(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	_, workflow := f.simple()
	ann := f.agent("Ann", `{}`)
	f.task(workflow, `{}`)
	second := f.task(workflow, `{}`)
	require.Equal(t, "reserved", f.status(f.create("Tasks", "WorkflowSid="+workflow, "TaskChannel=chat")), "another channel has capacity of its own")
	require.Equal(t, "pending", f.status(second))
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann+"/Channels/voice", "Capacity=2")
	require.Equal(t, "reserved", f.status(second), "at once")
	require.Equal(t, "50", f.event("worker.capacity.update", "WorkerChannelTaskCount=1", "WorkerChannelAvailableCapacity=50", "TaskChannelUniqueName=voice").
		Get("WorkerChannelAvailableCapacity"))
	third := f.task(workflow, `{}`)
	require.Equal(t, "pending", f.status(third))
	bob := f.create("Workers", "FriendlyName=Bob", "Attributes={}")
	require.Equal(t, "pending", f.status(third), "new agents are offline")
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+bob+"/Channels/voice", "Available=false")
	require.NoError(t, f.sim.SetAvailability(bob, "Available"))
	require.Equal(t, "pending", f.status(third))
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+bob+"/Channels/voice", "Available=true")
	require.Equal(t, "reserved", f.status(third))
}

func TestATaskForOneAgentIgnoresCapacityUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	queue, workflow := f.simple()
	ann := f.create("Workers", "FriendlyName=Ann", "Attributes={}") // offline
	busy := f.task(workflow, `{}`, "RoutingTarget="+ann, "IgnoreCapacity=false")
	require.Equal(t, "pending", f.status(busy))
	byDefault := f.task(workflow, `{}`, "RoutingTarget="+ann)
	require.Equal(t, "reserved", f.status(byDefault), "the default rings busy and offline agents")
	out := f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+byDefault)
	require.Equal(t, ann, out["routing_target"])
	require.Equal(t, true, out["ignore_capacity"])
	require.Equal(t, queue, out["task_queue_sid"])
	require.Equal(t, "reserved", f.status(f.task(workflow, `{}`, "RoutingTarget="+ann)), "even twice")
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks", "WorkflowSid="+workflow, "IgnoreCapacity=true")
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks", "WorkflowSid="+workflow, "RoutingTarget=WK0")
	direct := f.task(workflow, `{}`, "RoutingTarget="+queue)
	require.Equal(t, []string{"task.created", "task-queue.entered"}, f.kinds(direct))
}

func TestReEvaluationMovesWaitingTasksToTheNewConfiguration(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	nobody := f.create("TaskQueues", "FriendlyName=Nobody", "TargetWorkers=")
	all := f.create("TaskQueues", "FriendlyName=All")
	workflow := f.workflow(`{"task_routing":{"filters":[{"expression":"vip==true","targets":[{"queue":"` + all + `"}]}],"default_filter":{"queue":"` + nobody + `"}}}`)
	f.agent("Ann", `{}`)
	task := f.task(workflow, `{}`)
	require.Equal(t, "pending", f.status(task))
	f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, `Attributes={"vip":true}`)
	require.Equal(t, "pending", f.status(task), "the default filter is not left by itself")
	f.tr(http.StatusOK, "POST", f.ws+"/Workflows/"+workflow, "ReEvaluateTasks=true")
	require.Equal(t, "reserved", f.status(task))
}

func TestAConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	queue := f.create("TaskQueues", "FriendlyName=All")
	for configuration, reason := range map[string]string{
		``:                                       "Configuration",
		`x`:                                      "not valid",
		`{}`:                                     "task_routing",
		`{"task_routing":{}}`:                    "neither filters nor default_filter",
		`{"task_routing":{"default_filter":{}}}`: "no queue",
		`{"task_routing":{"default_filter":{"queue":"WQ0"}}}`:                                          "does not exist",
		`{"task_routing":{"filters":[{"expression":"1==1","targets":[]}]}}`:                            "no targets",
		`{"task_routing":{"filters":[{"expression":"a-b==1","targets":[{"queue":"` + queue + `"}]}]}}`: "hyphens",
		`{"task_routing":{"filters":[{"expression":"1==1","targets":[{"timeout":3}]}]}}`:               "no queue",
		`{"task_routing":{"default_filter":{"queue":"` + queue + `","timeout":"soon"}}}`:               "timeout",
		`{"task_routing":{"default_filter":{"queue":"` + queue + `","priority":-1}}}`:                  "priority",
		`{"task_routing":{"default_filter":{"queue":"` + queue + `","order_by":"1"}}}`:                 "order_by",
		`{"task_routing":{"default_filter":{"queue":"` + queue + `","skip_if":"=="}}}`:                 "skip_if",
		`{"task_routing":{"default_filter":{"queue":"` + queue + `","expression":"("}}}`:               "invalid expression",
	} {
		message := f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Workflows", "FriendlyName=W", "Configuration="+configuration)
		require.Contains(t, message, reason, configuration)
	}
}

func TestTasksAreListedByFilters(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	queue, workflow := f.simple()
	names := map[string]string{}
	for i, attributes := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		names[f.task(workflow, attributes, fmt.Sprintf("Priority=%d", i%2))] = attributes[5:6]
	}
	f.agent("Ann", `{}`)
	for query, want := range map[string]string{
		"":                                       "123",
		"Ordering=DateCreated:desc":              "321",
		"Ordering=Priority:desc,DateCreated:asc": "213",
		"AssignmentStatus=reserved":              "2",
		"AssignmentStatus=pending,reserved":      "123",
		"AssignmentStatus=canceled":              "",
		"Priority=0":                             "13",
		"EvaluateTaskAttributes=n >= 2":          "23",
		"WorkflowSid=" + workflow:                "123",
		"TaskQueueSid=" + queue:                  "123",
		"TaskQueueName=Everybody":                "123",
		"TaskQueueName=Nobody":                   "",
		"HasAddons=true":                         "",
	} {
		var form []string
		if query != "" {
			form = []string{query}
		}
		var got string
		for _, task := range f.tr(http.StatusOK, "GET", f.ws+"/Tasks", form...)["tasks"].([]any) {
			got += names[task.(object)["sid"].(string)]
		}
		require.Equal(t, want, got, query)
	}
	for _, bad := range []string{"Ordering=Age:asc", "Ordering=DateCreated:asc,VirtualStartTime:asc", "EvaluateTaskAttributes=(", "Priority=x", "PageSize=x"} {
		f.refused(http.StatusBadRequest, 20001, "GET", f.ws+"/Tasks", bad)
	}
}

func TestOnlyTheEventsAskedForAreSentAndAllAreStored(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.tr(http.StatusOK, "POST", f.ws, "EventsFilter=task.created, task.canceled")
	_, workflow := f.simple()
	task := f.task(workflow, `{}`)
	f.tr(http.StatusNoContent, "DELETE", f.ws+"/Tasks/"+task)
	f.event("task.created", "TaskSid="+task)
	sid := f.event("task.canceled", "TaskSid="+task).Get("Sid")
	for _, h := range f.hitsTo("/events", "TaskSid="+task) {
		require.Contains(t, []string{"task.created", "task.canceled"}, h.form.Get("EventType"))
	}
	require.Equal(t, []string{"task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered", "task.canceled", "task.deleted"}, f.kinds(task))
	e := f.tr(http.StatusOK, "GET", f.ws+"/Events/"+sid)
	require.Equal(t, "task.canceled", e["event_type"])
	require.Equal(t, "Task deleted", e["event_data"].(object)["task_canceled_reason"])
	for query, want := range map[string]int{"Sid=" + sid: 1, "EventType=workflow.created": 1, "WorkflowSid=" + workflow: 7, "StartDate=2999-01-01T00:00:00Z": 0, "TaskChannel=voice": 6} {
		require.Len(t, f.tr(http.StatusOK, "GET", f.ws+"/Events", query)["events"], want, query)
	}
	f.refused(http.StatusBadRequest, 20001, "GET", f.ws+"/Events", "EndDate=yesterday")
}

// Whatever is asked of agents and tasks, in whatever order, nobody rings beyond capacity, no task waits while somebody who may take it is
// free, and what was counted as held is held.
func TestRoutingKeepsItsPromisesUnderAnyOrderOfRequests(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	_, workflow := f.simple()
	var agents, tasks []string
	for i := range 4 {
		agents = append(agents, f.agent(fmt.Sprintf("A%d", i), `{}`))
	}
	for step := range 150 {
		f.sim.mu.Lock()
		dice, pick := f.sim.rng.IntN(6), f.sim.rng.IntN(1000)
		f.sim.mu.Unlock()
		switch {
		case dice < 2 || len(tasks) == 0:
			tasks = append(tasks, f.task(workflow, `{}`))
		case dice == 2:
			name := []string{"Available", "Unavailable"}[pick%2]
			require.NoError(t, f.sim.SetAvailability(agents[pick%len(agents)], name))
		default:
			i := pick % len(tasks)
			status := map[int]string{3: "accepted", 4: "rejected", 5: "completed"}[dice]
			_, list := f.product("taskrouter", "GET", f.ws+"/Tasks/"+tasks[i]+"/Reservations")
			if reservations, ok := list["reservations"].([]any); ok && len(reservations) > 0 {
				path, _ := strings.CutPrefix(reservations[0].(object)["url"].(string), "https://taskrouter.twilio.com")
				got, out := f.product("taskrouter", "POST", path, "ReservationStatus="+status)
				require.Contains(t, []int{http.StatusOK, http.StatusBadRequest, http.StatusNotFound}, got, "%v", out)
			}
		}
		f.promises(step)
	}
}

// promises checks the workspace's books by counting everything anew.
func (f *floor) promises(step int) {
	f.t.Helper()
	f.sim.mu.Lock()
	defer f.sim.mu.Unlock()
	ws := f.sim.tr.workspaces.items[0]
	held := map[*agent]int{}
	for _, task := range ws.tasks.items {
		pending, taken := 0, 0
		for _, r := range task.reservations {
			switch r.status {
			case statusPending:
				pending++
			case statusAccepted, statusWrapping:
				taken++
			}
			if r.holds() {
				held[r.agent]++
				require.Contains(f.t, r.agent.held, r)
			}
		}
		want := map[string][2]int{statusPending: {0, 0}, statusReserved: {1, 0}, statusAssigned: {0, 1}, statusWrapping: {0, 1}, statusCompleted: {0, 0}}
		got := [2]int{pending, taken}
		require.Equal(f.t, want[task.status], got, "step %d: task is %s", step, task.status)
		require.Equal(f.t, !task.over(), slices.Contains(ws.open.items, task))
		if task.waits() {
			require.Empty(f.t, task.candidates(), "step %d: a task waits and somebody is free", step)
		}
	}
	for _, a := range ws.agents.items {
		require.Len(f.t, a.held, held[a])
		require.LessOrEqual(f.t, len(a.held), 1, "beyond capacity")
	}
}
