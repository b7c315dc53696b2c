package simulator

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAnswerThatTakesRealTimeDoesNotCostTheReservationWhenSecondsAreShort(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{`{"instruction":"accept"}`: "reservation.accepted", `{}`: "reservation.timeout"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			passed := make(chan struct{})
			f.page("/assign", func(url.Values) (int, string, string) {
				<-passed
				return http.StatusOK, "application/json", answer
			})
			_, workflow := f.simple("TaskReservationTimeout=1")
			f.agent("Ann", `{}`)
			f.task(workflow, `{}`)
			f.sim.after(20, func() { close(passed) })
			f.event(want)
			require.Len(t, f.hitsTo("/events", "EventType=reservation.created"), 1)
		})
	}
}

func TestAnswersToTheAssignmentCallback(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json; charset=utf-8"
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		fallback          string // "" is answered 500
		event             string // that must come, "" for none: the reservation stays pending
	}{
		"accept":                        {200, jsonType, `{"instruction":"accept"}`, "", "reservation.accepted"},
		"reject":                        {200, jsonType, `{"instruction":"reject"}`, "", "reservation.rejected"},
		"nothing now":                   {200, jsonType, `{}`, "", ""},
		"no instruction (40005)":        {200, jsonType, `{"a":1}`, `{"instruction":"accept"}`, ""},
		"no JSON (40001)":               {200, jsonType, `accept`, "", ""},
		"JSON twice over (40001)":       {200, jsonType, `"{\"instruction\":\"accept\"}"`, "", ""},
		"an unknown instruction":        {200, jsonType, `{"instruction":"dance"}`, "", ""},
		"a bad timeout (14233)":         {200, jsonType, `{"instruction":"conference","from":"+1","to":"client:a","timeout":1000}`, "", ""},
		"status 500 asks the fallback":  {500, jsonType, `{}`, `{"instruction":"accept"}`, "reservation.accepted"},
		"204 asks the fallback":         {204, jsonType, ``, `{"instruction":"accept"}`, "reservation.accepted"},
		"text asks the fallback":        {200, "text/plain", `{}`, `{"instruction":"accept"}`, "reservation.accepted"},
		"both failing lose the agent":   {500, jsonType, `{}`, "", "reservation.canceled"},
		"an activity that is not there": {200, jsonType, `{"instruction":"reject","activity_sid":"WA0"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFloor(t)
			f.page("/assign", func(url.Values) (int, string, string) { return c.status, c.contentType, c.body })
			f.page("/fallback", func(url.Values) (int, string, string) {
				if c.fallback == "" {
					return http.StatusInternalServerError, "text/plain", "no"
				}
				return http.StatusOK, jsonType, c.fallback
			})
			_, workflow := f.simple("FallbackAssignmentCallbackUrl=" + f.url("/fallback"))
			f.agent("Ann", `{}`)
			task := f.task(workflow, `{}`)
			if c.event != "" {
				f.event(c.event, "TaskSid="+task)
				return
			}
			f.hit("/assign")
			require.Eventually(t, func() bool { return len(f.sim.Stats().Webhooks["assignment"].Latencies) == 1 }, patienceInTests, time.Millisecond)
			require.Equal(t, "reserved", f.status(task))
			require.Empty(t, f.hitsTo("/fallback"))
		})
	}
}

func TestARejectionMayMoveTheAgent(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	_, workflow := f.simple()
	ann := f.agent("Ann", `{}`)
	f.answer(`{"instruction":"reject","activity_sid":"` + f.unavailable + `"}`)
	task := f.task(workflow, `{}`)
	f.event("worker.activity.update", "WorkerSid="+ann, "WorkerActivityName=Unavailable")
	require.Equal(t, "pending", f.status(task))
	f.answer(`{}`)
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann, "ActivitySid="+f.available)
	f.nth(2, "/assign")
	// By REST, and by an agent who goes away.
	require.Equal(t, "rejected", f.reserve(http.StatusOK, f.reservation(task), "ReservationStatus=rejected")["reservation_status"])
	f.nth(3, "/assign")
	f.tr(http.StatusOK, "POST", f.ws+"/Workers/"+ann, "ActivitySid="+f.unavailable, "RejectPendingReservations=true")
	require.Equal(t, "rejected", f.reservation(task)["reservation_status"])
}

func TestReservationsRefuseWhatTheirStatusDoesNotAllow(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	_, workflow := f.simple()
	ann := f.agent("Ann", `{}`)
	task := f.task(workflow, `{}`)
	r := f.reservation(task)
	path := f.ws + "/Workers/" + ann + "/Reservations/" + r["sid"].(string)
	for _, form := range [][]string{
		{},
		{"ReservationStatus=completed"},
		{"ReservationStatus=wrapping"},
		{"ReservationStatus=rescinded"},
		{"ReservationStatus=nonsense"},
		{"ReservationStatus=accepted", "Instruction=accept"},
		{"Instruction=dequeue"},
		{"Instruction=conference"},
	} {
		f.refused(http.StatusBadRequest, 20001, "POST", path, form...)
	}
	f.refused(http.StatusBadRequest, codeBadTimeout, "POST", path, "Instruction=conference", "To=client:a", "From=+1", "Timeout=soon")
	f.refused(http.StatusNotFound, 20404, "GET", f.ws+"/Workers/"+ann+"/Reservations/WR0")
	require.Equal(t, "accepted", f.tr(http.StatusOK, "POST", path, "Instruction=accept")["reservation_status"])
	f.refused(http.StatusBadRequest, codeNotPending, "POST", path, "Instruction=conference")
	f.refused(http.StatusBadRequest, 20001, "POST", path, "ReservationStatus=rejected")
	f.tr(http.StatusOK, "POST", path, "ReservationStatus=completed")
	require.Equal(t, "completed", f.status(task))
}

func TestTheFirstOfSeveralToAcceptHasTheTask(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.answer(`{}`)
	queue := f.create("TaskQueues", "FriendlyName=All", "MaxReservedWorkers=2")
	workflow := f.workflow(`{"task_routing":{"default_filter":{"queue":"` + queue + `"}}}`)
	for _, name := range []string{"Ann", "Bob", "Cleo"} {
		f.agent(name, `{}`)
	}
	task := f.task(workflow, `{}`)
	both := f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task+"/Reservations", "ReservationStatus=pending")["reservations"].([]any)
	require.Len(t, both, 2)
	first, second := both[0].(object), both[1].(object)
	f.reserve(http.StatusOK, first, "ReservationStatus=rejected")
	require.Equal(t, "reserved", f.status(task), "one still rings")
	f.reserve(http.StatusOK, second, "ReservationStatus=rejected")
	f.nth(4, "/assign") // a second round
	again := f.tr(http.StatusOK, "GET", f.ws+"/Tasks/"+task+"/Reservations", "ReservationStatus=pending")["reservations"].([]any)
	require.Len(t, again, 2)
	f.reserve(http.StatusOK, again[0].(object), "ReservationStatus=accepted")
	f.event("reservation.rescinded", "ReservationSid="+again[1].(object)["sid"].(string))
	require.Equal(t, "assigned", f.status(task))
}
