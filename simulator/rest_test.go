package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"
)

func TestRequestsThatReachNoHandler(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	account := "/2010-04-01/Accounts/" + b.sim.AccountSID()
	for name, c := range map[string]struct {
		method, host, path, user string
		status, code             int
	}{
		"no credentials":           {"GET", "taskrouter.twilio.com", "/v1/Workspaces", "", 401, 20003},
		"another account's":        {"GET", "taskrouter.twilio.com", "/v1/Workspaces", "AC00", 401, 20003},
		"an unknown product":       {"GET", "video.twilio.com", "/v1/Rooms", b.sim.AccountSID(), 404, 20404},
		"no host of Twilio's":      {"GET", "example.com", "/v1/Workspaces", b.sim.AccountSID(), 404, 20404},
		"a path of another's":      {"GET", "api.twilio.com", "/v1/Workspaces", b.sim.AccountSID(), 404, 20404},
		"an unknown path":          {"GET", "taskrouter.twilio.com", "/v1/Nothing", b.sim.AccountSID(), 404, 20404},
		"an unknown resource":      {"GET", "taskrouter.twilio.com", "/v1/Workspaces/WS0", b.sim.AccountSID(), 404, 20404},
		"a method that is not":     {"DELETE", "taskrouter.twilio.com", "/v1/Workspaces", b.sim.AccountSID(), 405, 20004},
		"an account in the path":   {"GET", "api.twilio.com", "/2010-04-01/Accounts/AC00/Calls.json", b.sim.AccountSID(), 404, 20404},
		"no .json":                 {"GET", "api.twilio.com", account + "/Calls", b.sim.AccountSID(), 404, 20404},
		"an empty variable":        {"GET", "api.twilio.com", account + "/Calls/.json", b.sim.AccountSID(), 404, 20404},
		"a parameter that is none": {"GET", "taskrouter.twilio.com", "/v1/Workspaces?a=%zz", b.sim.AccountSID(), 400, 20001},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), c.method, b.rpc.URL+c.path, nil)
			require.NoError(t, err)
			r.Host = c.host
			if c.user != "" {
				r.SetBasicAuth(c.user, b.sim.AuthToken())
			}
			res, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, res.Body.Close()) })
			require.Equal(t, c.status, res.StatusCode)
			require.Contains(t, res.Header.Get("Content-Type"), "application/json")
			out := decode(t, res)
			require.InDelta(t, c.code, out["code"], 0)
			require.InDelta(t, c.status, out["status"], 0)
			require.Equal(t, fmt.Sprintf("https://www.twilio.com/docs/errors/%d", c.code), out["more_info"])
			require.NotEmpty(t, out["message"])
		})
	}
}

func TestAVariableOfAPathIsUnescaped(t *testing.T) {
	t.Parallel()
	rt := &router{}
	rt.handle("GET", "/a/{Name}.json", nil)
	rt.handle("GET", "/a/fixed.json", nil)
	rt.handle("GET", "/a/{Name}/b", nil)
	r, vars, _ := rt.match("GET", "/a/x%2Fy%20z.json")
	require.Equal(t, "/a/{Name}.json", r.pattern)
	require.Equal(t, "x/y z", vars["Name"])
	r, _, _ = rt.match("GET", "/a/fixed.json")
	require.Equal(t, "/a/fixed.json", r.pattern, "the literal one wins")
	_, _, other := rt.match("POST", "/a/q/b")
	require.True(t, other)
	r, _, _ = rt.match("GET", "/a/%zz.json")
	require.Nil(t, r)
}

func TestADelayedAnswerWaits(t *testing.T) {
	t.Parallel()
	s := New(Config{Delay: 30 * time.Millisecond})
	t.Cleanup(s.Close)
	r := httptest.NewRequest(http.MethodGet, "http://taskrouter.twilio.com/v1/Workspaces", nil)
	r.SetBasicAuth(s.AccountSID(), s.AuthToken())
	w := httptest.NewRecorder()
	begun := time.Now()
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.GreaterOrEqual(t, time.Since(begun), 30*time.Millisecond)
}

// Every TaskRouter route that is simulated answers as Twilio's own document says.
func TestTaskRouterConformsToTwiliosDocument(t *testing.T) {
	t.Parallel()
	needDocuments(t)
	f := newFloor(t)
	f.answer(`{}`)
	ann := f.agent("Ann", `{"contact_uri":"client:ann"}`)
	queue, workflow := f.simple()
	task := f.task(workflow, `{}`)
	r := f.reservation(task)
	channel := f.create("TaskChannels", "FriendlyName=Fax", "UniqueName=fax")
	activity := f.create("Activities", "FriendlyName=Lunch", "Available=false")
	event := f.tr(http.StatusOK, "GET", f.ws+"/Events")["events"].([]any)[0].(object)["sid"].(string)

	for _, path := range []string{
		"", "/Activities", "/Activities/" + activity, "/Workers", "/Workers/" + ann, "/TaskQueues", "/TaskQueues/" + queue, "/Workflows",
		"/Workflows/" + workflow, "/TaskChannels", "/TaskChannels/" + channel, "/Tasks", "/Tasks/" + task, "/Tasks/" + task + "/Reservations",
		"/Tasks/" + task + "/Reservations/" + r["sid"].(string), "/Workers/" + ann + "/Reservations",
		"/Workers/" + ann + "/Reservations/" + r["sid"].(string), "/Workers/" + ann + "/Channels", "/Workers/" + ann + "/Channels/voice",
		"/Events", "/Events/" + event, "/Statistics", "/RealTimeStatistics", "/CumulativeStatistics",
		"/TaskQueues/" + queue + "/Statistics", "/TaskQueues/" + queue + "/RealTimeStatistics", "/TaskQueues/" + queue + "/CumulativeStatistics",
		"/Workflows/" + workflow + "/Statistics", "/Workflows/" + workflow + "/RealTimeStatistics",
		"/Workflows/" + workflow + "/CumulativeStatistics", "/TaskQueues/Statistics", "/Workers/Statistics", "/Workers/RealTimeStatistics",
		"/Workers/CumulativeStatistics", "/Workers/" + ann + "/Statistics",
	} {
		f.tr(http.StatusOK, "GET", f.ws+path)
	}
	f.tr(http.StatusOK, "GET", "/v1/Workspaces")
	for path, form := range map[string]string{
		"": "FriendlyName=Ground", "/Activities/" + activity: "FriendlyName=Dinner", "/Workers/" + ann: "Attributes={}",
		"/TaskQueues/" + queue: "MaxReservedWorkers=3", "/Workflows/" + workflow: "TaskReservationTimeout=9",
		"/TaskChannels/" + channel: "FriendlyName=Telefax", "/Workers/" + ann + "/Channels/voice": "Capacity=3",
		"/Tasks/" + task: "Priority=3", "/Tasks/" + task + "/Reservations/" + r["sid"].(string): "ReservationStatus=accepted",
	} {
		f.tr(http.StatusOK, "POST", f.ws+path, form)
	}
	f.refused(http.StatusBadRequest, 20001, "DELETE", f.ws+"/TaskQueues/"+queue) // in use, as are the next
	f.refused(http.StatusBadRequest, 20001, "DELETE", f.ws+"/Workflows/"+workflow)
	f.refused(http.StatusBadRequest, 20001, "DELETE", f.ws+"/Workers/"+ann)
	f.refused(http.StatusBadRequest, 20001, "DELETE", f.ws+"/Tasks/"+task)
	f.refused(http.StatusBadRequest, 20001, "DELETE", f.ws)
	f.tr(http.StatusOK, "POST", f.ws+"/Tasks/"+task, "AssignmentStatus=completed", "Reason=done")
	require.NoError(t, f.sim.SetAvailability(ann, "Offline"))
	for _, path := range []string{
		"/Activities/" + activity, "/TaskChannels/" + channel, "/Tasks/" + task, "/Workers/" + ann, "/Workflows/" + workflow, "/TaskQueues/" + queue, "",
	} {
		f.tr(http.StatusNoContent, "DELETE", f.ws+path)
		f.refused(http.StatusNotFound, 20404, "GET", f.ws+path)
	}
}

func TestTheResourcesOfAWorkspaceAreRefusedWhatTwilioRefuses(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.agent("Ann", `{}`)
	queue := f.create("TaskQueues", "FriendlyName=All")
	for _, c := range [][]string{
		{"Workers"},
		{"Workers", "FriendlyName=ANN"},
		{"Workers", "FriendlyName=B", "Attributes=[]"},
		{"Workers", "FriendlyName=B", "ActivitySid=WA0"},
		{"Workers", "FriendlyName=" + strings.Repeat("x", 65)},
		{"TaskQueues", "FriendlyName=Q", "TargetWorkers=a-b == 1"},
		{"TaskQueues", "FriendlyName=Q", "MaxReservedWorkers=51"},
		{"TaskQueues", "FriendlyName=Q", "TaskOrder=RANDOM"},
		{"TaskQueues", "FriendlyName=Q", "ReservationActivitySid=WA0"},
		{"TaskQueues", "FriendlyName=all"},
		{"Activities"},
		{"Activities", "FriendlyName=X", "Available=perhaps"},
		{"TaskChannels", "FriendlyName=X"},
		{"TaskChannels", "FriendlyName=X", "UniqueName=voice"},
		{"Workflows", "FriendlyName=W"},
		{"Tasks"},
		{"Tasks", "TaskChannel=none"},
		{"Tasks", "RoutingTarget=XX0"},
		{"Tasks", "WorkflowSid=WW0"},
		{"Workflows", "FriendlyName=W", `Configuration={"task_routing":{"default_filter":{"queue":"` + queue + `"}}}`, "TaskReservationTimeout=86401"},
	} {
		f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/"+c[0], c[1:]...)
	}
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws, "MultiTaskEnabled=false")
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws, "TimeoutActivitySid=WA0")
	f.refused(http.StatusBadRequest, 21205, "POST", f.ws, "EventCallbackUrl=nowhere")
	f.refused(http.StatusBadRequest, 20001, "DELETE", f.ws+"/Activities/"+f.available)
	single := f.tr(http.StatusCreated, "POST", "/v1/Workspaces", "FriendlyName=Old", "MultiTaskEnabled=false", "Template=FIFO")
	require.Equal(t, false, single["multi_task_enabled"])
	require.Len(t, f.tr(http.StatusOK, "GET", "/v1/Workspaces/"+single["sid"].(string)+"/Workflows")["workflows"], 1)
}

func TestAgentsAreListedByFilters(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.agent("Ann", `{"level":1}`)
	f.agent("Bob", `{"level":2}`)
	f.create("Workers", "FriendlyName=Cleo")
	high := f.create("TaskQueues", "FriendlyName=High", "TargetWorkers=level > 1")
	for query, want := range map[string]string{
		"FriendlyName=Ann": "Ann", "ActivityName=Offline": "Cleo", "ActivitySid=" + f.available: "Bob Ann", "Available=false": "Cleo",
		"TargetWorkersExpression=level < 2": "Ann", "TaskQueueSid=" + high: "Bob", "TaskQueueName=High": "Bob", "TaskQueueName=None": "",
		"Ordering=DateStatusChanged:asc": "Ann Bob Cleo",
	} {
		var got []string
		for _, a := range f.tr(http.StatusOK, "GET", f.ws+"/Workers", query)["workers"].([]any) {
			got = append(got, a.(object)["friendly_name"].(string))
		}
		require.Equal(t, want, strings.Join(got, " "), query)
	}
	f.refused(http.StatusBadRequest, 20001, "GET", f.ws+"/Workers", "TargetWorkersExpression=)")
	f.refused(http.StatusBadRequest, 20001, "GET", f.ws+"/Workers", "Ordering=Name:asc")
}

func TestListsArePagedInBothStyles(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	for i := range 5 {
		f.create("TaskQueues", fmt.Sprintf("FriendlyName=Q%d", i))
	}
	first := f.tr(http.StatusOK, "GET", f.ws+"/TaskQueues", "PageSize=2")
	meta := first["meta"].(object)
	require.Equal(t, "task_queues", meta["key"])
	require.InDelta(t, 2, meta["page_size"], 0)
	require.Nil(t, meta["previous_page_url"])
	f.create("TaskQueues", "FriendlyName=New") // in front: hides and repeats nothing
	var names []string
	for page := first; ; {
		for _, w := range page["task_queues"].([]any) {
			names = append(names, w.(object)["friendly_name"].(string))
		}
		next, more := page["meta"].(object)["next_page_url"].(string)
		if !more {
			require.InDelta(t, 2, page["meta"].(object)["page"], 0)
			require.NotNil(t, page["meta"].(object)["previous_page_url"])
			break
		}
		u, err := url.Parse(next)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.Equal(t, "taskrouter.twilio.com", u.Host)
		page = f.tr(http.StatusOK, "GET", u.RequestURI())
	}
	require.Equal(t, []string{"Q4", "Q3", "Q2", "Q1", "Q0"}, names)

	for i := range 3 {
		f.must(http.StatusCreated, "POST", "/IncomingPhoneNumbers.json", fmt.Sprintf("PhoneNumber=+1500555010%d", i))
	}
	page := f.must(http.StatusOK, "GET", "/IncomingPhoneNumbers.json", "PageSize=2")
	require.Len(t, page["incoming_phone_numbers"], 2)
	require.InDelta(t, 0, page["start"], 0)
	require.InDelta(t, 1, page["end"], 0)
	next := page["next_page_uri"].(string)
	require.True(t, strings.HasPrefix(next, "/2010-04-01/Accounts/"), next)
	_, last := f.product("api", "GET", next)
	require.Len(t, last["incoming_phone_numbers"], 1)
	require.Nil(t, last["next_page_uri"])
	require.NotNil(t, last["previous_page_uri"])
}

// toSimulator sends requests for Twilio's hosts to the simulator.
type toSimulator struct {
	base *url.URL
}

func (s toSimulator) RoundTrip(r *http.Request) (*http.Response, error) {
	c := r.Clone(r.Context())
	c.Host = r.URL.Host
	c.URL.Scheme, c.URL.Host = s.base.Scheme, s.base.Host
	return http.DefaultTransport.RoundTrip(c)
}

func TestTwiliosOwnClientWorks(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	f.agent("Ann", `{}`)
	_, workflow := f.simple()
	base, err := url.Parse(f.rpc.URL)
	require.NoError(t, err)
	c := &client.Client{
		Credentials: client.NewCredentials(f.sim.AccountSID(), f.sim.AuthToken()),
		HTTPClient:  &http.Client{Transport: toSimulator{base}},
	}
	c.SetAccountSid(f.sim.AccountSID())
	api := twilio.NewRestClientWithParams(twilio.ClientParams{Client: c}).TaskrouterV1
	ws := strings.TrimPrefix(f.ws, "/v1/Workspaces/")

	for range 5 {
		_, err := api.CreateTask(ws, (&taskrouter.CreateTaskParams{}).SetWorkflowSid(workflow).SetAttributes(`{}`).SetTaskChannel("voice"))
		require.NoError(t, err)
	}
	tasks, err := api.ListTask(ws, (&taskrouter.ListTaskParams{}).SetPageSize(2))
	require.NoError(t, err)
	require.Len(t, tasks, 5, "over three pages")
	withTag, err := api.FetchTaskWithMetadata(ws, *tasks[0].Sid)
	require.NoError(t, err)
	tag := withTag.GetHeaders().Get("ETag")
	_, err = api.UpdateTask(ws, *tasks[0].Sid, (&taskrouter.UpdateTaskParams{}).SetIfMatch(tag).SetAttributes(`{"a":1}`))
	require.NoError(t, err)
	_, err = api.UpdateTask(ws, *tasks[0].Sid, (&taskrouter.UpdateTaskParams{}).SetIfMatch(tag).SetAttributes(`{"a":2}`))
	var refused *client.TwilioRestError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusPreconditionFailed, refused.Status)
	_, err = api.UpdateTask(ws, *tasks[1].Sid, (&taskrouter.UpdateTaskParams{}).SetAssignmentStatus("completed").SetReason("x"))
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 20001, refused.Code)
	reservations, err := api.ListTaskReservation(ws, *tasks[0].Sid, nil)
	require.NoError(t, err)
	require.Len(t, reservations, 1)
	accepted, err := api.UpdateTaskReservation(ws, *tasks[0].Sid, *reservations[0].Sid,
		(&taskrouter.UpdateTaskReservationParams{}).SetReservationStatus("accepted"))
	require.NoError(t, err)
	require.Equal(t, "accepted", *accepted.ReservationStatus)
	require.NoError(t, api.DeleteTask(ws, *tasks[4].Sid, nil))
}

func TestViolationsAreToldOnceEach(t *testing.T) {
	t.Parallel()
	s := newQuiet(t)
	require.Empty(t, s.Violations())
	s.mu.Lock()
	for range 2 {
		s.violationLocked("agent %s sings", "WK1")
	}
	s.mu.Unlock()
	require.Equal(t, []string{"agent WK1 sings"}, s.Violations())
}

func TestATaskWhoseCallerIsGoneIsAViolation(t *testing.T) {
	t.Parallel()
	s := newQuiet(t)
	s.mu.Lock()
	ws := &workspace{resource: s.newResourceLocked("WS", "W")}
	s.tr.workspaces.add(ws)
	c := s.newCallLocked(s.accounts[0], directionInbound, "+1", "+2")
	c.ended = time.Now()
	lost := &task{resource: s.newResourceLocked("WT", ""), workspace: ws, status: statusPending, caller: c.sid}
	ws.open.add(lost)
	s.mu.Unlock()
	require.Equal(t, []string{"task " + lost.sid + " is pending, and its caller is gone"}, s.Violations())
}
