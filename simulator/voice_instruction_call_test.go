package simulator

import (
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// newAnnounced is a centre whose assignments are answered by the instruction "call".
func newAnnounced(t *testing.T, instruction object) *centre {
	t.Helper()
	answer := object{"instruction": "call", "from": ourNumber, "timeout": 900, "accept": false}
	maps.Copy(answer, instruction)
	c := newCentre(t, answer)
	answer["url"], answer["status_callback_url"] = c.url("/announce?call=1"), c.url("/leg?invitation=agent-1")
	c.answer(answer)
	c.twiml("/announce", "<Say>A caller waits</Say><Pause length='86400'/>")
	return c
}

func (c *centre) taskrouter(status int, method, path string, form ...string) object {
	c.t.Helper()
	got, out := c.product("taskrouter", method, "/v1/Workspaces/"+c.workspace+path, form...)
	require.Equal(c.t, status, got, "%s %s: %v", method, path, out)
	return out
}

func (c *centre) agentsLegIn(room string, leg *person, more string) {
	c.t.Helper()
	c.must(http.StatusOK, http.MethodPost, "/Calls/"+leg.CallSID()+".json",
		"Twiml=<Response><Dial><Conference "+more+">"+room+"</Conference></Dial></Response>")
	leg.notices(LineJoined, room)
}

func TestTheInstructionCallRunsTwiMLOnTheAgentsLegAndAcceptsNothing(t *testing.T) {
	t.Parallel()
	c := newAnnounced(t, nil)
	caller := c.ring()
	ann := pickUp(t, c.ann)
	task, reservation := c.hit("/assign").form.Get("TaskSid"), c.hit("/assign").form.Get("ReservationSid")
	attributes := c.hit("/events", "EventType=task.updated").form.Get("TaskAttributes")
	require.Contains(t, attributes, `"worker_call_sid":"`+ann.CallSID()+`"`)
	ann.Answer()
	ann.notices(LineHears, "A caller waits")
	announced := c.hit("/announce").form
	require.Equal(t, []string{ann.CallSID(), "in-progress", "1"},
		[]string{announced.Get("CallSid"), announced.Get("CallStatus"), announced.Get("call")})
	r := "/Tasks/" + task + "/Reservations/" + reservation
	require.Equal(t, "pending", c.taskrouter(http.StatusOK, http.MethodGet, r)["reservation_status"])
	require.Equal(t, "accepted", c.taskrouter(http.StatusOK, http.MethodPost, r, "ReservationStatus=accepted")["reservation_status"])
	c.hit("/events", "EventType=reservation.accepted")

	// The agent's leg waits in the room of the task, and the customer is brought there; the task does not mind.
	c.agentsLegIn(task, ann, "participantLabel='agent-1'")
	c.agentsLegIn(task, caller, "endConferenceOnExit='true'")
	ann.notices(LineTogether, "")
	require.Equal(t, "assigned", c.taskrouter(http.StatusOK, http.MethodGet, "/Tasks/"+task)["assignment_status"])
	require.Equal(t, "wrapping", c.taskrouter(http.StatusOK, http.MethodPost, r, "ReservationStatus=wrapping")["reservation_status"])
	c.hit("/events", "EventType=task.wrapup")
	c.taskrouter(http.StatusOK, http.MethodPost, "/Tasks/"+task, "AssignmentStatus=completed", "Reason=done")

	ann.HangUp()
	ended := c.hit("/leg")
	require.Equal(t, http.MethodGet, ended.method)
	require.Equal(t, []string{"completed", ann.CallSID(), "agent-1", caller.CallSID()}, []string{
		ended.form.Get("CallStatus"), ended.form.Get("CallSid"), ended.form.Get("invitation"), ended.form.Get("taskCallSid"),
	})
	require.Len(t, c.hitsTo("/leg"), 1, "only the end is told")
	caller.HangUp()
}

func TestTheInstructionCallWithAcceptIsAcceptedByTheAnswer(t *testing.T) {
	t.Parallel()
	c := newAnnounced(t, object{"accept": true})
	caller := c.ring()
	ann := pickUp(t, c.ann)
	task, reservation := c.hit("/assign").form.Get("TaskSid"), c.hit("/assign").form.Get("ReservationSid")
	c.hit("/events", "EventType=task.updated")
	out := c.taskrouter(http.StatusBadRequest, http.MethodPost, "/Tasks/"+task+"/Reservations/"+reservation, "Instruction=accept")
	require.InDelta(t, codeAlreadyAccepting, out["code"], 0)
	ann.Answer()
	c.hit("/events", "EventType=reservation.accepted")
	ann.notices(LineHears, "A caller waits")
	caller.HangUp()
	ann.HangUp()
	c.taskrouter(http.StatusOK, http.MethodPost, "/Tasks/"+task, "AssignmentStatus=completed", "Reason=left")
}

func TestAnInstructionCallThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		accept   bool
		silences Silences
		lost     bool
	}{
		"leaves the reservation pending":             {},
		"cancels it, as Twilio's silence allows":     {silences: Silences{UnansweredLoses: true}, lost: true},
		"cancels it, if its answer should accept it": {accept: true, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newAnnounced(t, object{"accept": test.accept})
			c.sim.mu.Lock()
			c.sim.cfg.Silences = test.silences
			c.sim.mu.Unlock()
			caller := c.ring()
			pickUp(t, c.ann).Reject()
			require.Equal(t, "busy", c.hit("/leg").form.Get("CallStatus"))
			task, reservation := c.hit("/assign").form.Get("TaskSid"), c.hit("/assign").form.Get("ReservationSid")
			if test.lost {
				c.hit("/events", "EventType=reservation.canceled")
				pickUp(t, c.ann) // she is rung again
			} else {
				r := "/Tasks/" + task + "/Reservations/" + reservation
				require.Equal(t, "rejected", c.taskrouter(http.StatusOK, http.MethodPost, r, "ReservationStatus=rejected")["reservation_status"])
			}
			caller.HangUp()
			c.hit("/events", "EventType=task.canceled")
		})
	}
}

func TestALegOfTheInstructionCallOutlivesItsReservationUnlessItIsDropped(t *testing.T) {
	t.Parallel()
	for _, drops := range []bool{false, true} {
		c := newAnnounced(t, nil)
		c.sim.mu.Lock()
		c.sim.cfg.Silences.EndedHangsUp = drops
		c.sim.mu.Unlock()
		caller := c.ring()
		ann := pickUp(t, c.ann)
		ann.Answer()
		ann.notices(LineHears, "A caller waits")
		caller.HangUp()
		c.hit("/events", "EventType=reservation.canceled")
		status := "in-progress"
		if drops {
			status = "completed"
		}
		require.Equal(t, status, c.must(http.StatusOK, http.MethodGet, "/Calls/"+ann.CallSID()+".json")["status"])
		ann.HangUp()
	}
}

func TestTheInstructionsCallAndRedirectByREST(t *testing.T) {
	t.Parallel()
	c := newAnnounced(t, nil)
	c.answer(object{})
	caller := c.ring()
	form := c.hit("/assign").form
	r := "/Workers/" + form.Get("WorkerSid") + "/Reservations/" + form.Get("ReservationSid")
	for _, bad := range [][]string{
		{"CallUrl=" + c.url("/announce")},
		{"CallFrom=" + ourNumber},
		{"CallFrom=" + ourNumber, "CallUrl=nowhere"},
		{"CallFrom=+15550009999", "CallUrl=" + c.url("/announce")},
		{"CallFrom=" + ourNumber, "CallUrl=" + c.url("/announce"), "CallTimeout=1000"},
	} {
		c.taskrouter(http.StatusBadRequest, http.MethodPost, r, append(bad, "Instruction=call")...)
	}
	given := c.taskrouter(http.StatusOK, http.MethodPost, r, "Instruction=call", "CallFrom="+ourNumber, "CallUrl="+c.url("/announce"),
		"CallTo=client:ann", "CallTimeout=900", "CallAccept=false", "CallStatusCallbackUrl="+c.url("/leg"))
	require.Equal(t, "pending", given["reservation_status"])
	ann := pickUp(t, c.ann)
	ann.Answer()
	ann.notices(LineHears, "A caller waits")

	c.twiml("/elsewhere", "<Say>Elsewhere</Say><Pause length='86400'/>")
	c.taskrouter(http.StatusBadRequest, http.MethodPost, r, "Instruction=redirect", "RedirectCallSid=CA00000000000000000000000000000000",
		"RedirectUrl="+c.url("/elsewhere"))
	c.taskrouter(http.StatusOK, http.MethodPost, r, "Instruction=redirect", "RedirectCallSid="+ann.CallSID(),
		"RedirectUrl="+c.url("/elsewhere"), "RedirectAccept=true")
	ann.notices(LineHears, "Elsewhere")
	c.hit("/events", "EventType=reservation.accepted")
	caller.HangUp()
	ann.HangUp()
	c.taskrouter(http.StatusOK, http.MethodPost, "/Tasks/"+form.Get("TaskSid"), "AssignmentStatus=completed", "Reason=left")
}
