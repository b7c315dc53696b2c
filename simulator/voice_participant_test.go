package simulator

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// invite dials somebody into the room by REST and answers the leg.
func (r *room) invite(address string, form ...string) string {
	r.t.Helper()
	return r.must(http.StatusCreated, http.MethodPost, "/Conferences/room/Participants.json", append([]string{
		"To=" + address, "From=" + ourNumber,
	}, form...)...)["call_sid"].(string)
}

func TestAParticipantWhoIsNotReachedLeavesWithTheStatusOfItsLeg(t *testing.T) {
	t.Parallel()
	for status, c := range map[string]struct {
		habit  Habit
		absent bool
		remove bool
	}{
		"busy": {habit: Habit{Busy: true}}, "no-answer": {habit: Habit{Ignores: true}}, "failed": {absent: true},
		"canceled": {habit: Habit{Ignores: true}, remove: true},
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, nil, "ann")
			if !c.absent {
				r.sim.Attach(outsider, r.sim.Phone(c.habit))
			}
			timeout := "5"
			if c.remove {
				timeout = "600"
			}
			leg := r.invite(outsider, "Label=external-1", "Timeout="+timeout, "StatusCallback="+r.url("/leg?invitation=external-1"))
			if c.remove {
				r.must(http.StatusNoContent, http.MethodDelete, "/Conferences/"+r.sid+"/Participants/external-1.json")
			}
			leave := r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel=external-1").form
			require.Equal(t, []string{"participant_add_failed", status, leg},
				[]string{leave.Get("ReasonParticipantLeft"), leave.Get("ParticipantCallStatus"), leave.Get("CallSid")})
			require.Equal(t, status, r.hit("/leg", "invitation=external-1").form.Get("CallStatus"))
			require.Empty(t, r.hitsTo("/conf", "StatusCallbackEvent=participant-join", "CallSid="+leg))
			require.Len(t, r.participants(), 1)

			r.invite("client:nobody", "Label=external-1") // the label is free again
		})
	}
}

func TestAConferenceHasRoomForTwoHundredAndFiftyOrFewerIfSo(t *testing.T) {
	t.Parallel()
	r := newRoom(t, map[string]string{"ann": "maxParticipants='2'"}, "ann")
	r.sim.Attach(outsider, r.sim.Phone(Habit{}))
	r.invite(outsider)
	status, e := r.call(http.MethodPost, "/Conferences/room/Participants.json", "To="+outsider, "From="+ourNumber)
	require.Equal(t, http.StatusBadRequest, status)
	require.InEpsilon(t, 16020, e["code"], 0)

	many := newRoom(t, nil, "ann")
	many.sim.Attach(outsider, many.sim.Phone(Habit{}))
	for range maxParticipants - 1 {
		many.invite(outsider, "Timeout=600")
	}
	many.people["ann"].notices(LineTogether, "")
	require.Len(t, many.participants("PageSize=1000"), maxParticipants)
	status, _ = many.call(http.MethodPost, "/Conferences/room/Participants.json", "To="+outsider, "From="+ourNumber)
	require.Equal(t, http.StatusBadRequest, status)
	for _, limit := range []string{"1", "251"} {
		status, _ = many.call(http.MethodPost, "/Conferences/other/Participants.json", "To="+outsider, "From="+ourNumber, "MaxParticipants="+limit)
		require.Equal(t, http.StatusBadRequest, status, limit)
	}
}

func TestALabelIsAtMost128CharactersLong(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann")
	status, _ := r.call(http.MethodPost, "/Conferences/room/Participants.json", "To=client:nobody", "From="+ourNumber, "Label="+strings.Repeat("x", 129))
	require.Equal(t, http.StatusBadRequest, status)
	r.invite("client:nobody", "Label="+strings.Repeat("x", 128))
}

func TestCoachingIsKeptWhenOnlyMutedIsChanged(t *testing.T) {
	t.Parallel()
	r := newRoom(t, map[string]string{"sue": "muted='true'"}, "customer", "agent", "sue")
	agent := r.people["agent"].CallSID()
	silent := r.update("sue", "Coaching=true", "CallSidToCoach="+agent)
	require.Equal(t, []any{true, true, agent}, []any{silent["muted"], silent["coaching"], silent["call_sid_to_coach"]})
	heard := r.update("sue", "Muted=false")
	require.Equal(t, []any{false, true, agent}, []any{heard["muted"], heard["coaching"], heard["call_sid_to_coach"]})
	require.Contains(t, r.heard("agent"), "sue coaching still")
	require.NotContains(t, strings.Join(r.heard("customer"), ", "), "sue")
	muted := r.update("sue", "Muted=true")
	require.Equal(t, []any{true, true, agent}, []any{muted["muted"], muted["coaching"], muted["call_sid_to_coach"]})
	require.Equal(t, "sue coaching", r.heard("agent")[len(r.heard("agent"))-1])

	r.people["agent"].HangUp()
	r.people["agent"].rest()
	status, e := r.call(http.MethodPost, "/Conferences/"+r.sid+"/Participants/sue.json", "Coaching=true", "CallSidToCoach="+agent)
	require.Equal(t, http.StatusBadRequest, status)
	require.InEpsilon(t, 16028, e["code"], 0, "the coached leg is gone")
	kept := r.update("sue", "Muted=false")
	require.Equal(t, []any{true, agent}, []any{kept["coaching"], kept["call_sid_to_coach"]})
	require.Equal(t, "sue coaching still", r.heard("customer")[len(r.heard("customer"))-1], "all hear a coach whose target is gone")
}

func TestHoldTwiMLIsFetchedAndRun(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	r.twiml("/hold", "<Say>One moment</Say><Pause length='1'/><Dial>+15557770001</Dial><Redirect>/more</Redirect>")
	r.twiml("/more", "<Play>/tune.mp3</Play><Say>Nearly there</Say>")
	r.update("ann", "Hold=true", "HoldUrl="+r.url("/hold"), "HoldMethod=POST")
	for _, sound := range []string{"One moment", r.url("/tune.mp3"), "Nearly there"} {
		r.people["ann"].notices(LineHears, sound)
	}
	asked := r.hit("/hold")
	require.Equal(t, []string{http.MethodPost, r.people["ann"].CallSID(), r.sid},
		[]string{asked.method, asked.form.Get("CallSid"), asked.form.Get("ConferenceSid")})
	require.True(t, r.log.shows("<Dial> is not allowed here"))

	// Another music for who is on hold already.
	r.twiml("/rescue", "<Say>We are getting you back</Say><Pause length='86400'/>")
	r.update("ann", "Hold=true", "HoldUrl="+r.url("/rescue"))
	r.people["ann"].notices(LineHears, "We are getting you back")
	require.Equal(t, http.MethodGet, r.hit("/rescue").method)
	r.update("ann", "Hold=false")
	require.Equal(t, "bea still", r.heard("ann")[len(r.heard("ann"))-1])
}

func TestARedirectedLegsEndFlagEndsItsConference(t *testing.T) {
	t.Parallel()
	r := newRoom(t, map[string]string{"ann": "endConferenceOnExit='true'"}, "ann", "bea")
	r.must(http.StatusOK, http.MethodPost, "/Calls/"+r.people["ann"].CallSID()+".json", "Twiml=<Response><Say>Elsewhere</Say><Pause length='86400'/></Response>")
	end := r.hit("/conf", "StatusCallbackEvent=conference-end").form
	require.Equal(t, "participant-with-end-conference-on-exit-left", end.Get("ReasonConferenceEnded"))
	r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel=ann", "ReasonParticipantLeft=participant_updated_via_api")
	r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel=bea", "ReasonParticipantLeft=moderator_ended_conference")
	r.people["ann"].notices(LineHears, "Elsewhere")
	r.people["bea"].notices(LineHears, "after")
}

func TestATaskOfAnInvitationIsFoundByItsAttributesAndEndsByItsTimeToLive(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	queue, workflow := f.simple()
	for i := range 2 {
		f.task(workflow, `{"holdfast_call_id":"WT1","holdfast_invitation":"agent-`+strconv.Itoa(i)+`"}`, "RoutingTarget="+queue, "Priority=7", "Timeout=4000")
	}
	found := f.tr(http.StatusOK, "GET", f.ws+"/Tasks", "EvaluateTaskAttributes=holdfast_invitation == 'agent-1' AND holdfast_call_id == 'WT1'")["tasks"].([]any)
	require.Len(t, found, 1)
	task := found[0].(object)
	require.Equal(t, []any{queue, workflow, "voice", queue}, []any{task["routing_target"], task["workflow_sid"], task["task_channel_unique_name"], task["task_queue_sid"]})
	require.InDelta(t, 7, task["priority"], 0)
	require.InDelta(t, 4000, task["timeout"], 0)
	f.refused(http.StatusBadRequest, 20001, "POST", f.ws+"/Tasks", "WorkflowSid="+workflow, "RoutingTarget="+queue, "IgnoreCapacity=false")

	short := f.task(workflow, `{}`, "RoutingTarget="+queue, "Timeout=1")
	require.Equal(t, reasonTTL, f.event("task.canceled", "TaskSid="+short).Get("TaskCanceledReason"))
}
