package simulator

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Quirks of Voice that no other test is about; QUIRKS.md has them all.

func TestTheWaitMusicOfAConferenceIsNotRepeatedUnlikeAQueues(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/music", "<Play>/one.mp3</Play>")
	ann := b.dial("client:ann", "<Dial><Conference waitUrl='"+b.url("/music")+"'>room</Conference></Dial>")
	ann.notices(LineHears, b.url("/one.mp3"))
	passed := make(chan struct{})
	b.sim.after(200, func() { close(passed) })
	<-passed
	require.Len(t, b.hitsTo("/music"), 1)
}

func TestAnEmptyWaitUrlIsSilence(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	ann := b.dial("client:ann", "<Dial><Conference waitUrl=''>room</Conference></Dial>")
	ann.notices(LineJoined, "room")
	ann.HangUp()
	require.Equal(t, []string{"ended completed"}, ann.rest())
	b.twiml("/voice", "<Enqueue waitUrl=''>support</Enqueue>")
	caller := b.ring()
	caller.notices(LineQueued, "support")
	caller.HangUp()
	require.Equal(t, []string{"ended completed"}, caller.rest())
}

func TestAConferencesWebhooksAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	r.update("ann", "Hold=true")
	r.update("ann", "Hold=false")
	r.must(http.StatusOK, http.MethodPost, "/Conferences/"+r.sid+".json", "Status=completed")
	for _, name := range []string{"ann", "bea"} {
		r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel="+name)
	}
	r.hit("/conf", "StatusCallbackEvent=conference-end")
	r.hit("/conf", "StatusCallbackEvent=participant-unhold")
	numbers := r.events("/conf", "SequenceNumber")
	require.Len(t, numbers, 8)
	first, err := strconv.Atoi(numbers[0])
	require.NoError(t, err)
	for i, n := range numbers {
		require.Equal(t, strconv.Itoa(first+i), n)
	}
}

func TestBooleansInWebhooksAreStringsAndReasonsAreSpeltInTwoWays(t *testing.T) {
	t.Parallel()
	r := newRoom(t, map[string]string{"ann": "endConferenceOnExit='true' muted='true'"}, "ann", "bea")
	join := r.hit("/conf", "StatusCallbackEvent=participant-join", "ParticipantLabel=ann").form
	for name, want := range map[string]string{"Muted": "true", "Hold": "false", "Coaching": "false", "EndConferenceOnExit": "true", "StartConferenceOnEnter": "true"} {
		require.Equal(t, []string{want}, join[name], name)
	}
	r.people["ann"].HangUp()
	require.Equal(t, "participant-with-end-conference-on-exit-left", r.hit("/conf", "StatusCallbackEvent=conference-end").form.Get("ReasonConferenceEnded"))
	require.Equal(t, "moderator_ended_conference",
		r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel=bea").form.Get("ReasonParticipantLeft"))
}

func TestACallThatIsOverOrRingsCannotBeRedirected(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	phone := b.attach("client:ann")
	call := b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To=client:ann", "From="+ourNumber, "Timeout=600", "Twiml=<Response><Say>Hi</Say></Response>")
	redirect := func() any {
		status, e := b.call(http.MethodPost, "/Calls/"+call["sid"].(string)+".json", "Twiml=<Response/>")
		require.Equal(t, http.StatusBadRequest, status)
		return e["code"]
	}
	ann := pickUp(t, phone)
	require.InEpsilon(t, 21220, redirect(), 0)
	ann.Answer()
	ann.rest()
	require.InEpsilon(t, 21220, redirect(), 0)
}
