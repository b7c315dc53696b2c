package simulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Quirks of TaskRouter that no other test is about; QUIRKS.md has them all.

func TestAnAssignmentAnswerThatTakesLongerThanFiveSecondsIsIgnoredAndTheFallbackIsAsked(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	f.page("/assign", func(url.Values) (int, string, string) {
		<-release
		return http.StatusOK, "application/json", `{"instruction":"reject"}`
	})
	f.page("/fallback", func(url.Values) (int, string, string) {
		return http.StatusOK, "application/json", `{"instruction":"accept"}`
	})
	_, workflow := f.simple("FallbackAssignmentCallbackUrl=" + f.url("/fallback"))
	f.agent("Ann", `{}`)
	begun := time.Now()
	task := f.task(workflow, `{}`)
	require.Equal(t, task, f.hit("/fallback").form.Get("TaskSid"), "the same request")
	require.GreaterOrEqual(t, time.Since(begun), assignmentTimeout)
	f.event("reservation.accepted", "TaskSid="+task)
}

func TestTheDebuggerNamesWhatIsWrongWithAnAssignmentAnswer(t *testing.T) {
	t.Parallel()
	for answer, code := range map[string]string{
		`{"a":1}`:                               "code=40005",
		`accept`:                                "code=40001",
		`"{\"instruction\":\"accept\"}"`:        "code=40001",
		`{"instruction":"conference","to":"x"}`: "code=20001",
		`{"instruction":"conference","from":"+1","to":"client:a","timeout":"soon"}`: "code=14233",
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			f.answer(answer)
			_, workflow := f.simple()
			f.agent("Ann", `{}`)
			task := f.task(workflow, `{}`)
			require.Eventually(t, func() bool { return f.log.shows(code) }, patienceInTests, time.Millisecond)
			require.Equal(t, "reserved", f.status(task), "and the reservation waits on")
		})
	}
}

func TestAConferenceRecordThatIsNoStringIsDroppedWithoutAWord(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]string{"record-from-start": "record-from-start", true: "false"} {
		f := newFloor(t)
		_, workflow := f.simple()
		f.agent("Ann", `{"contact_uri":"client:ann"}`)
		task := f.task(workflow, `{"to":"+1"}`)
		f.sim.mu.Lock()
		in, bad := conferenceFrom(f.sim.tr.tasks[task].reservations[0], jsonParameters(object{"conference_record": value}))
		f.sim.mu.Unlock()
		require.Nil(t, bad)
		require.Equal(t, want, in.ConferenceRecord)
	}
}

func TestTheAnswerToAConferenceInstructionByRESTStillSaysPending(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.number()
	f.answer(`{}`)
	_, workflow := f.simple()
	f.agent("Ann", `{"contact_uri":"client:ann"}`)
	phone := f.attach("client:ann")
	f.twiml("/voice", `<Enqueue workflowSid="`+workflow+`"/>`)
	f.ring()
	r := f.reservation(f.event("reservation.created").Get("TaskSid"))
	instruction := []string{"Instruction=conference", "From=" + ourNumber, "Timeout=600"}
	require.Equal(t, "pending", f.reserve(http.StatusOK, r, instruction...)["reservation_status"])
	path, _ := strings.CutPrefix(r["url"].(string), "https://taskrouter.twilio.com")
	f.refused(http.StatusBadRequest, codeAlreadyAccepting, "POST", path, instruction...)
	pickUp(t, phone).Answer()
	f.event("reservation.accepted", "ReservationSid="+r["sid"].(string))
	require.Equal(t, "accepted", f.tr(http.StatusOK, "GET", path)["reservation_status"])
}

func TestATaskIsOfferedAThousandTimesAndARoundOfSeveralCountsOnce(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	queue := f.create("TaskQueues", "FriendlyName=All", "MaxReservedWorkers=2")
	workflow := f.workflow(`{"task_routing":{"default_filter":{"queue":"` + queue + `"}}}`)
	f.agent("Ann", `{}`)
	f.agent("Bob", `{}`)
	task := f.task(workflow, `{}`)
	attempts := func(set int) int {
		f.sim.mu.Lock()
		defer f.sim.mu.Unlock()
		if set > 0 {
			f.sim.tr.tasks[task].attempts = set
		}
		return f.sim.tr.tasks[task].attempts
	}
	reject := func() {
		for _, r := range f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task+"/Reservations", "ReservationStatus=pending")["reservations"].([]any) {
			f.reserve(http.StatusOK, r.(object), "ReservationStatus=rejected")
		}
	}
	require.Equal(t, 1, attempts(0), "two rang")
	attempts(maxAttempts - 1)
	reject()
	f.nth(4, "/assign") // the last round
	require.Equal(t, maxAttempts, attempts(0))
	reject()
	require.Equal(t, reasonAttempts, f.event("task.canceled", "TaskSid="+task).Get("TaskCanceledReason"))
}

func TestATaskThatIsOpenADayAfterItWasAssignedIsRemovedByTheSystem(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	_, workflow := f.simple()
	f.agent("Ann", `{}`)
	task := f.task(workflow, `{}`)
	r := f.reservation(task)
	f.sim.mu.Lock()
	f.sim.cfg.Second = time.Microsecond // a day in a moment
	f.sim.mu.Unlock()
	f.reserve(http.StatusOK, r, "ReservationStatus=accepted")
	f.event("task.system-deleted", "TaskSid="+task)
	f.refused(http.StatusNotFound, 20404, "GET", f.ws+"/Tasks/"+task)
}

func TestWhenAnAgentGoesAwayPendingReservationsAreRejectedOnlyIfAsked(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	_, workflow := f.simple()
	ann := f.agent("Ann", `{}`)
	elsewhere := f.create("Activities", "FriendlyName=Elsewhere", "Available=true")
	task := f.task(workflow, `{}`)
	status := func() any { return f.reservation(task)["reservation_status"] }
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann, "ActivitySid="+f.unavailable)
	require.Equal(t, "pending", status(), "not asked for")
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann, "ActivitySid="+elsewhere, "RejectPendingReservations=true")
	require.Equal(t, "pending", status(), "the new activity is an available one")
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann, "ActivitySid="+f.unavailable, "RejectPendingReservations=true")
	require.Equal(t, "rejected", status())
}

func TestEventsSayWrapupWhereTheStatusIsWrapping(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{"instruction":"accept"}`)
	_, workflow := f.simple()
	f.agent("Ann", `{}`)
	task := f.task(workflow, `{}`)
	f.event("reservation.accepted", "TaskSid="+task)
	require.Equal(t, "wrapping", f.reserve(http.StatusOK, f.reservation(task), "ReservationStatus=wrapping")["reservation_status"])
	f.event("reservation.wrapup", "TaskSid="+task)
	require.Equal(t, "wrapping", f.event("task.wrapup", "TaskSid="+task).Get("TaskAssignmentStatus"))
}

func TestEachProductWritesDatesAndLinksInItsOwnWay(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	number := f.number()
	ws := f.tr(http.StatusOK, "GET", f.ws)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, ws["date_created"])
	require.Regexp(t, `^https://taskrouter\.twilio\.com/v1/Workspaces/WS`, ws["url"])
	n := f.must(http.StatusOK, "GET", "/IncomingPhoneNumbers/"+number+".json")
	_, err := time.Parse(time.RFC1123Z, n["date_created"].(string))
	require.NoError(t, err)
	require.Regexp(t, `^/2010-04-01/Accounts/AC`, n["uri"])
}

func TestListsFilteredByAnExpressionAreLimitedToThreeASecond(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	ask := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "https://taskrouter.twilio.com"+f.ws+"/Tasks?EvaluateTaskAttributes=a+%3D%3D+1", http.NoBody)
		r.SetBasicAuth(f.sim.AccountSID(), f.sim.AuthToken())
		w := httptest.NewRecorder()
		f.sim.ServeHTTP(w, r)
		return w
	}
	answered := 0
	refused := ask()
	for ; refused.Code == http.StatusOK; refused = ask() {
		answered++
		require.Less(t, answered, 1000, "never refused")
		require.Equal(t, "3", refused.Header().Get("X-Rate-Limit-Limit"))
	}
	require.GreaterOrEqual(t, answered, evaluatedPerSecond)
	require.Equal(t, http.StatusTooManyRequests, refused.Code)
	require.Contains(t, refused.Body.String(), `"code":20429`)
	require.Equal(t, "0", refused.Header().Get("X-Rate-Limit-Remaining"))
	require.Empty(t, refused.Header().Get("Retry-After"), "Twilio documents none")
	f.tr(http.StatusOK, "GET", f.ws+"/Tasks") // without an expression there is no such limit
	require.Eventually(t, func() bool { return ask().Code == http.StatusOK }, patienceInTests, 50*time.Millisecond)
}
