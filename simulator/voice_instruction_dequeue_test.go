package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheInstructionDequeueBridgesTheAgentAndTheCallThatWaits(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	c.answer(object{
		"instruction": "dequeue", "from": ourNumber, "timeout": 900, "status_callback_url": c.url("/leg"), "status_callback_events": "answered,completed",
	})
	caller, ann := c.talk()
	c.hit("/events", "EventType=reservation.accepted")
	require.Equal(t, caller.CallSID(), c.hit("/leg", "CallStatus=in-progress").form.Get("taskCallSid"))
	require.Contains(t, c.hit("/events", "EventType=task.updated").form.Get("TaskAttributes"), ann.CallSID())
	require.Empty(t, c.must(http.StatusOK, http.MethodGet, "/Conferences.json")["conferences"])
	heard := c.sim.Heard(caller.CallSID())
	require.Equal(t, ann.CallSID(), heard[len(heard)-1].Of)
	ann.HangUp()
	c.hit("/events", "EventType=task.wrapup")
	caller.notices(LineHears, "Out of the queue")
	c.hit("/after", "QueueResult=bridged")
}

func TestACallerWhoHangsUpEndsTheConversationThatDequeueMade(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	c.answer(object{"instruction": "dequeue", "timeout": 900})
	caller, ann := c.talk()
	caller.HangUp()
	require.Equal(t, []string{"alone", "ended completed"}, ann.rest())
	c.hit("/events", "EventType=reservation.wrapup")
}

func TestACallerWhoHangsUpWhileDequeueRingsCancelsTheTask(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	c.answer(object{"instruction": "dequeue", "timeout": 900})
	caller := c.ring()
	ann := pickUp(t, c.ann)
	caller.HangUp()
	require.Equal(t, []string{"ended canceled"}, ann.rest())
	c.hit("/events", "EventType=task.canceled")
}

func TestASupervisorIsBroughtInByREST(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string][]any{"monitor": {true, false}, "whisper": {false, true}, "barge": {false, false}} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := newCentre(t, nil)
			caller, ann := c.talk()
			c.hit("/events", "EventType=task.updated")
			form := c.hit("/assign").form
			reservations := "/Tasks/" + form.Get("TaskSid") + "/Reservations/" + form.Get("ReservationSid")
			phone := c.attach("client:sue")
			c.taskrouter(http.StatusBadRequest, http.MethodPost, "/Workers/"+form.Get("WorkerSid")+"/Reservations/"+form.Get("ReservationSid"),
				"Instruction=supervise")
			c.taskrouter(http.StatusBadRequest, http.MethodPost, reservations, "Instruction=supervise", "Supervisor=client:sue", "SupervisorMode=shout")
			c.taskrouter(http.StatusOK, http.MethodPost, reservations, "Instruction=supervise", "Supervisor=client:sue", "SupervisorMode="+mode)
			sue := pickUp(t, phone)
			sue.Answer()
			sue.notices(LineTogether, "")
			p := c.must(http.StatusOK, http.MethodGet, "/Conferences/"+c.liveRoom()+"/Participants/"+sue.CallSID()+".json")
			require.Equal(t, want, []any{p["muted"], p["coaching"]})
			if mode == "whisper" {
				require.Equal(t, ann.CallSID(), p["call_sid_to_coach"])
			}
			hears := func(who *person) (found bool) {
				for _, h := range c.sim.Heard(who.CallSID()) {
					found = found || h.Of == sue.CallSID()
				}
				return found
			}
			require.Equal(t, mode == "barge", hears(caller))
			require.Equal(t, mode != "monitor", hears(ann))
			caller.HangUp()
		})
	}
}
