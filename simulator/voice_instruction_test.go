package simulator

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A centre is a bench with one agent, ann, and one routing workflow whose assignments are answered by a conference instruction.
type centre struct {
	*voiceBench
	workspace, workflow string
	ann                 <-chan *person
}

func newCentre(t *testing.T, instruction object) *centre {
	t.Helper()
	b := newVoiceBench(t)
	b.number()
	c := &centre{voiceBench: b, ann: b.attach("client:ann")}
	create := func(path string, form ...string) string {
		t.Helper()
		status, out := b.product("taskrouter", http.MethodPost, "/v1/Workspaces"+path, form...)
		require.Equal(t, http.StatusCreated, status, "%s: %v", path, out)
		return out["sid"].(string)
	}
	c.workspace = create("", "FriendlyName=Centre", "MultiTaskEnabled=true", "EventCallbackUrl="+b.url("/events"))
	ready := create("/"+c.workspace+"/Activities", "FriendlyName=Ready", "Available=true")
	create("/"+c.workspace+"/Workers", "FriendlyName=ann", `Attributes={"contact_uri":"client:ann"}`, "ActivitySid="+ready)
	queue := create("/"+c.workspace+"/TaskQueues", "FriendlyName=All", "TargetWorkers=1==1")
	c.workflow = create("/"+c.workspace+"/Workflows", "FriendlyName=Inbound", "AssignmentCallbackUrl="+b.url("/assign"),
		"TaskReservationTimeout=86400",
		`Configuration={"task_routing":{"default_filter":{"queue":"`+queue+`"}}}`)
	b.twiml("/voice", "<Enqueue workflowSid='"+c.workflow+"' action='/after' waitUrl='/wait'><Task priority='5'>{\"skill\":\"x\"}</Task></Enqueue>")
	b.twiml("/wait", "<Play>/music.mp3</Play>")
	b.twiml("/after", "<Say>Out of the queue</Say>")
	answer := object{
		"instruction": "conference", "from": ourNumber, "conference_status_callback": b.url("/conf"),
		"conference_status_callback_event": "start, end, join, leave, hold", "end_conference_on_exit": false,
		"end_conference_on_customer_exit": true, "timeout": 900,
	}
	maps.Copy(answer, instruction)
	c.answer(answer)
	return c
}

// answer is what assignments are answered from now on.
func (c *centre) answer(answer object) {
	c.page("/assign", func(url.Values) (int, string, string) {
		body, err := json.Marshal(answer)
		if err != nil {
			return http.StatusInternalServerError, "text/plain", err.Error()
		}
		return http.StatusOK, "application/json", string(body)
	})
}

// talk brings a caller and ann together.
func (c *centre) talk() (caller, ann *person) {
	c.t.Helper()
	caller = c.ring()
	caller.notices(LineQueued, c.workflow)
	caller.notices(LineHears, c.url("/music.mp3"))
	ann = pickUp(c.t, c.ann)
	ann.Answer()
	ann.notices(LineTogether, "")
	caller.notices(LineTogether, "")
	return caller, ann
}

func TestAConferenceInstructionBringsAgentAndCustomerTogether(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller, ann := c.talk()
	task := c.hit("/assign").form.Get("TaskSid")
	list := c.must(http.StatusOK, http.MethodGet, "/Conferences.json", "FriendlyName="+task, "Status=in-progress")["conferences"].([]any)
	require.Len(t, list, 1, "the room's name is the task's SID")
	sid := list[0].(object)["sid"].(string)
	c.hit("/events", "EventType=reservation.accepted")
	c.hit("/conf", "StatusCallbackEvent=participant-join", "CallSid="+ann.CallSID(), "EndConferenceOnExit=false", "StartConferenceOnEnter=true")
	c.hit("/conf", "StatusCallbackEvent=participant-join", "CallSid="+caller.CallSID(), "EndConferenceOnExit=true")
	c.hit("/conf", "StatusCallbackEvent=conference-start")
	require.Equal(t, "1", c.hit("/wait").form.Get("QueuePosition"))
	p := c.must(http.StatusOK, http.MethodPost, "/Conferences/"+sid+"/Participants/"+caller.CallSID()+".json", "Hold=true")
	require.Nil(t, p["label"], "the instruction makes no labels")
	caller.notices(LineHeld, "")
	ann.notices(LineAlone, "")

	caller.HangUp()
	require.Equal(t, []string{"ended completed"}, ann.rest())
	end := c.hit("/conf", "StatusCallbackEvent=conference-end").form
	require.Equal(t, "participant-with-end-conference-on-exit-left", end.Get("ReasonConferenceEnded"))
	c.hit("/events", "EventType=reservation.wrapup")
	c.hit("/events", "EventType=task.wrapup")
}

func TestACustomerStaysWhenTheAgentGoes(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller, ann := c.talk()
	ann.HangUp()
	caller.notices(LineAlone, "")
	c.hit("/events", "EventType=reservation.wrapup")
	f := c.must(http.StatusOK, http.MethodGet, "/Conferences/"+c.liveRoom()+".json")
	require.Equal(t, "in-progress", f["status"])
	c.must(http.StatusOK, http.MethodPost, "/Calls/"+caller.CallSID()+".json", "Twiml=<Response><Say>Sorry</Say></Response>")
	require.Equal(t, []string{"left", "hears Sorry", "ended completed"}, caller.rest())
}

func TestACallerWhoHangsUpWhileAnAgentRingsLeavesNobodyInAnEmptyRoom(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller := c.ring()
	ann := pickUp(t, c.ann)
	caller.HangUp()
	require.Equal(t, []string{"ended canceled"}, ann.rest())
	ann.Answer() // too late
	c.hit("/after", "QueueResult=hangup")
	c.hit("/events", "EventType=task.canceled")
	c.hit("/events", "EventType=reservation.canceled")
	require.Empty(t, c.must(http.StatusOK, http.MethodGet, "/Conferences.json")["conferences"])
}

func TestAnAgentWhoRefusesIsRungAgainAndTheCallerWaitsOn(t *testing.T) {
	t.Parallel()
	c := newCentre(t, object{"timeout": 5})
	ends := make(chan string, 16)
	var rings atomic.Int32
	c.sim.Attach("client:ann", PhoneFunc(func(_ context.Context, line Line) {
		switch rings.Add(1) {
		case 1:
			line.Reject()
		case 2: // she does not hear it
		default:
			line.Answer()
			return
		}
		ends <- (&person{c.t, line}).rest()[0]
	}))
	caller := c.ring()
	caller.notices(LineTogether, "")
	require.Equal(t, []string{"ended busy", "ended no-answer"}, []string{<-ends, <-ends})
	require.Len(t, c.must(http.StatusOK, http.MethodGet, "/Conferences.json")["conferences"], 1)
	c.hit("/events", "EventType=reservation.canceled")
}

func TestACallerWhoseTaskIsCanceledLeavesTheQueue(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller := c.ring()
	task := c.hit("/events", "EventType=task.created").form.Get("TaskSid")
	status, out := c.product("taskrouter", http.MethodPost, "/v1/Workspaces/"+c.workspace+"/Tasks/"+task, "AssignmentStatus=canceled", "Reason=closed")
	require.Equal(t, http.StatusOK, status, out)
	caller.notices(LineHears, "Out of the queue")
	require.NotEmpty(t, c.hit("/after").form.Get("QueueResult"))
	require.Equal(t, []string{"ended completed"}, caller.rest())
}

func TestACustomerWhoIsRedirectedWhileWaitingCancelsTheTask(t *testing.T) {
	t.Parallel()
	c := newCentre(t, nil)
	caller := c.ring()
	ann := pickUp(t, c.ann)
	c.must(http.StatusOK, http.MethodPost, "/Calls/"+caller.CallSID()+".json", "Twiml=<Response><Say>Voicemail</Say></Response>")
	caller.notices(LineHears, "Voicemail")
	require.Equal(t, []string{"ended canceled"}, ann.rest())
	c.hit("/events", "EventType=task.canceled")
}

func TestAnEnqueueWithoutSuchAWorkflowTellsTheAction(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Enqueue workflowSid='WW00000000000000000000000000000000' action='/after'/>")
	b.twiml("/after", "<Say>Sorry</Say>")
	caller := b.ring()
	caller.notices(LineHears, "Sorry")
	b.hit("/after", "QueueResult=error")
}
