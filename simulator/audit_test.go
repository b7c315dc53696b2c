package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// bound sets when the simulator complains.
func (b *voiceBench) bound(bounds Bounds) {
	b.sim.mu.Lock()
	defer b.sim.mu.Unlock()
	bounds.AtLeast = -1
	b.sim.cfg.Bounds = bounds
}

// pass lets so many seconds pass.
func (b *voiceBench) pass(seconds float64) {
	b.t.Helper()
	passed := make(chan struct{})
	b.sim.after(seconds, func() { close(passed) })
	<-passed
}

// complains waits until there is a violation, and answers the only one.
func (b *voiceBench) complains() string {
	b.t.Helper()
	b.forgiven = true
	for range 1000 {
		if v := b.sim.Violations(); len(v) > 0 {
			require.Len(b.t, v, 1)
			return v[0]
		}
		b.pass(1)
	}
	require.Fail(b.t, "no violation")
	return ""
}

func TestACustomerOnHoldWithNobodyComingIsAViolation(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller, ann := c.talk()
	c.bound(Bounds{Forsaken: 30, Orphaned: -1, Open: -1, Wrapping: -1})
	task := c.hit("/assign").form.Get("TaskSid")
	customer := "/Conferences/" + c.liveRoom() + "/Participants/" + caller.CallSID() + ".json"
	c.must(http.StatusOK, http.MethodPost, customer, "Hold=true")
	c.pass(100)
	require.Empty(t, c.sim.Violations(), "the agent is there")

	phone := c.attach("+15557770001")
	c.must(http.StatusCreated, http.MethodPost, "/Conferences/"+task+"/Participants.json", "To=+15557770001", "From="+ourNumber, "Timeout=600")
	outside := pickUp(t, phone)
	ann.HangUp()
	ann.rest()
	c.pass(100)
	require.Empty(t, c.sim.Violations(), "somebody's phone rings")

	outside.Reject()
	outside.rest()
	require.Contains(t, c.complains(), "customer "+caller.CallSID()+" is on hold in conference "+c.liveRoom())
	require.Len(t, c.sim.Leftovers(), 1)
	caller.HangUp()
}

func TestATaskThatWantsAnAgentIsSomebodyComing(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller, ann := c.talk()
	c.answer(object{})
	c.bound(Bounds{Forsaken: 30, Orphaned: -1, Open: -1, Wrapping: -1})
	c.must(http.StatusOK, http.MethodPost, "/Conferences/"+c.liveRoom()+"/Participants/"+caller.CallSID()+".json", "Hold=true")
	again := c.taskrouter(http.StatusCreated, http.MethodPost, "/Tasks", "WorkflowSid="+c.workflow, "TaskChannel=voice",
		`Attributes={"call_sid":"`+caller.CallSID()+`"}`)["sid"].(string)
	ann.HangUp()
	ann.rest()
	c.pass(100)
	require.Empty(t, c.sim.Violations())
	c.taskrouter(http.StatusOK, http.MethodPost, "/Tasks/"+again, "AssignmentStatus=canceled", "Reason=enough")
	require.Contains(t, c.complains(), "nobody is coming")
	caller.HangUp()
}

func TestALegThatOutlivesItsCustomerIsAViolation(t *testing.T) {
	t.Parallel()
	c := newCentre(t, object{"end_conference_on_customer_exit": false})
	caller, ann := c.talk()
	caller.HangUp()
	caller.rest()
	c.bound(Bounds{Forsaken: -1, Orphaned: 30, Open: -1, Wrapping: -1})
	task := c.hit("/assign").form.Get("TaskSid")
	left := c.sim.Leftovers()
	require.Len(t, left, 3, "%v", left)
	require.Contains(t, left[0], "conference "+c.liveRoom())
	require.Contains(t, left[1], "leg "+ann.CallSID())
	require.Contains(t, left[2], "task "+task+" is still assigned")
	require.Contains(t, c.complains(), "leg "+ann.CallSID()+" to client:ann lives on, more than 30 seconds after its customer "+caller.CallSID())
	ann.HangUp()
}

func TestALegThatWasDialledForNobodyIsLeftOver(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	phone := c.attach("+15557770002")
	c.must(http.StatusCreated, http.MethodPost, "/Conferences/a-room-of-its-own/Participants.json", "To=+15557770002", "From="+ourNumber, "Timeout=600")
	outside := pickUp(t, phone)
	left := c.sim.Leftovers()
	require.Len(t, left, 2, "%v", left)
	require.Contains(t, left[0], "has no customer")
	require.Contains(t, left[1], "was dialled for no customer")
	outside.HangUp()
	outside.rest()
	require.Empty(t, c.sim.Leftovers())
}

func TestALegOfTheInstructionCallThatOutlivesItsCustomerIsAViolation(t *testing.T) {
	t.Parallel()
	c := newAnnounced(t, nil)
	caller := c.ring()
	ann := pickUp(t, c.ann)
	ann.Answer()
	ann.notices(LineHears, "A caller waits")
	caller.HangUp()
	c.hit("/events", "EventType=task.canceled")
	c.bound(Bounds{Forsaken: -1, Orphaned: 30, Open: -1, Wrapping: -1})
	require.Contains(t, c.complains(), "leg "+ann.CallSID())
	ann.HangUp()
}

func TestATaskThatOutlivesItsCallIsAViolation(t *testing.T) {
	t.Parallel()
	for status, bounds := range map[string]Bounds{
		"wrapping": {Forsaken: -1, Orphaned: -1, Open: -1, Wrapping: 30},
		"reserved": {Forsaken: -1, Orphaned: -1, Open: 30, Wrapping: -1}, // one that names the call, as an invitation's does
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			c := newCentre(t, nil)
			caller, ann := c.talk()
			task := c.hit("/assign").form.Get("TaskSid")
			if status == "reserved" {
				c.answer(object{})
				worker := c.hit("/assign").form.Get("WorkerSid")
				task = c.taskrouter(http.StatusCreated, http.MethodPost, "/Tasks", "WorkflowSid="+c.workflow, "TaskChannel=voice",
					"RoutingTarget="+worker, `Attributes={"call_sid":"`+caller.CallSID()+`"}`)["sid"].(string)
			}
			caller.HangUp()
			ann.rest()
			c.hit("/events", "EventType=task.wrapup")
			c.bound(bounds)
			require.Contains(t, c.complains(), "task "+task+" is still "+status)
		})
	}
}

func TestAnAgentInTwoConversationsAtOnceIsAViolation(t *testing.T) {
	t.Parallel()
	for name, capacity := range map[string]string{"capacity for one": "1", "capacity for two": "2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCentre(t, nil)
			_, ann := c.talk()
			worker := c.hit("/assign").form.Get("WorkerSid")
			c.taskrouter(http.StatusOK, http.MethodPost, "/Workers/"+worker+"/Channels/voice", "Capacity="+capacity)
			second := c.dial("client:ann", "<Dial><Conference>elsewhere</Conference></Dial>")
			second.notices(LineJoined, "elsewhere")
			if capacity == "1" {
				require.Contains(t, c.complains(), "client:ann is in the conferences ")
			} else {
				require.Empty(t, c.sim.Violations())
			}
			second.HangUp()
			ann.HangUp()
		})
	}
}

func TestAnAgentWhoLeavesAConferenceThatGoesOn(t *testing.T) {
	t.Parallel()
	for name, stays := range map[string]bool{"goes to wrapping at once": false, "goes to wrapping at its end, as Twilio's silence allows": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCentre(t, nil)
			c.sim.mu.Lock()
			c.sim.cfg.Silences.StaysAccepted = stays
			c.sim.mu.Unlock()
			caller, ann := c.talk()
			ann.HangUp()
			ann.rest()
			caller.notices(LineAlone, "")
			form := c.hit("/assign").form
			r := c.taskrouter(http.StatusOK, http.MethodGet, "/Tasks/"+form.Get("TaskSid")+"/Reservations/"+form.Get("ReservationSid"))
			if stays {
				require.Equal(t, "accepted", r["reservation_status"])
				caller.HangUp()
			} else {
				require.Equal(t, "wrapping", r["reservation_status"])
			}
			c.hit("/events", "EventType=reservation.wrapup")
			caller.HangUp()
		})
	}
}
