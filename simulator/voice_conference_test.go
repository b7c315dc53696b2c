package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const allEvents = "statusCallbackEvent='start end join leave mute hold modify speaker announcement'"

// A room is a conference of the bench with people in it, in the order given.
type room struct {
	*voiceBench
	sid    string
	people map[string]*person
}

// newRoom lets each of names dial into the conference "room" by TwiML; attrs go into everybody's <Conference>. The callback is /conf.
func newRoom(t *testing.T, attrs map[string]string, names ...string) *room {
	t.Helper()
	b := newVoiceBench(t)
	b.number()
	r := &room{voiceBench: b, people: map[string]*person{}}
	for _, name := range names {
		r.enter(name, attrs[name])
	}
	return r
}

// enter lets one more in, labelled by name; on leaving, "after" is heard.
func (r *room) enter(name, attrs string) *person {
	r.t.Helper()
	p := r.dial("client:"+name, "<Dial><Conference participantLabel='"+name+"' statusCallback='"+r.url("/conf")+"' "+allEvents+" "+attrs+
		">room</Conference></Dial><Say>after</Say><Pause length='100000'/>")
	p.notices(LineJoined, "room")
	r.people[name] = p
	if r.sid == "" {
		list := r.must(http.StatusOK, http.MethodGet, "/Conferences.json", "FriendlyName=room")
		r.sid = list["conferences"].([]any)[0].(object)["sid"].(string)
	}
	return p
}

func (r *room) conference() object {
	r.t.Helper()
	return r.must(http.StatusOK, http.MethodGet, "/Conferences/"+r.sid+".json")
}

func (r *room) update(name string, form ...string) object {
	r.t.Helper()
	return r.must(http.StatusOK, http.MethodPost, "/Conferences/"+r.sid+"/Participants/"+name+".json", form...)
}

func (r *room) participants(form ...string) []any {
	r.t.Helper()
	return r.must(http.StatusOK, http.MethodGet, "/Conferences/"+r.sid+"/Participants.json", form...)["participants"].([]any)
}

func TestAConferenceStartsWithTheSecondParticipant(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann")
	require.Equal(t, "init", r.conference()["status"])
	ann := r.people["ann"]
	ann.notices(LineHears, defaultMusic)
	bea := r.enter("bea", "")
	require.Equal(t, "in-progress", r.conference()["status"])
	ann.notices(LineTogether, "")
	bea.notices(LineTogether, "")

	r.hit("/conf", "StatusCallbackEvent=conference-start")
	r.hit("/conf", "StatusCallbackEvent=participant-join", "ParticipantLabel=ann")
	r.hit("/conf", "StatusCallbackEvent=participant-join", "ParticipantLabel=bea")
	require.Equal(t, []string{"participant-join", "participant-join", "conference-start"}, r.events("/conf", "StatusCallbackEvent"))
	join := r.hit("/conf", "StatusCallbackEvent=participant-join", "ParticipantLabel=bea").form
	for name, want := range map[string]string{
		"CallSid": bea.CallSID(), "Muted": "false", "Hold": "false", "Coaching": "false", "EndConferenceOnExit": "false",
		"StartConferenceOnEnter": "true", "FriendlyName": "room", "ConferenceSid": r.sid,
	} {
		require.Equal(t, want, join.Get(name), name)
	}

	p := r.must(http.StatusOK, http.MethodGet, "/Conferences/"+r.sid+"/Participants/bea.json")
	require.Equal(t, bea.CallSID(), p["call_sid"])
	require.Equal(t, "connected", p["status"])
	require.Equal(t, p, r.must(http.StatusOK, http.MethodGet, "/Conferences/"+r.sid+"/Participants/"+bea.CallSID()+".json"))
}

func TestAConferenceWaitsForSomebodyWhoMayStartIt(t *testing.T) {
	t.Parallel()
	r := newRoom(t, map[string]string{"ann": "startConferenceOnEnter='false' waitUrl=''", "bea": "startConferenceOnEnter='false' waitUrl=''"}, "ann", "bea")
	require.Equal(t, "init", r.conference()["status"])
	r.enter("cat", "")
	require.Equal(t, "in-progress", r.conference()["status"])
}

func TestOnlyTheFirstParticipantsStatusCallbackCounts(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	x := b.dial("client:x", "<Dial><Conference statusCallback='"+b.url("/first")+"'>room</Conference></Dial>")
	x.notices(LineJoined, "room")
	y := b.dial("client:y", "<Dial><Conference endConferenceOnExit='true' statusCallback='"+b.url("/second")+"' "+allEvents+">room</Conference></Dial>")
	y.notices(LineJoined, "room")
	y.HangUp()
	x.notices(LineEnded, "")
	b.hit("/first", "StatusCallbackEvent=conference-end")
	b.hit("/first", "StatusCallbackEvent=conference-start")
	require.ElementsMatch(t, []string{"conference-start", "conference-end"}, b.events("/first", "StatusCallbackEvent"), "the default events")
	require.Empty(t, b.hitsTo("/second"))
}

func TestAConferenceEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attrs  map[string]string
		end    func(*room)
		reason string // ReasonConferenceEnded
		by     string // whose call ended it
		left   map[string]string
		status map[string]string // ParticipantCallStatus
	}{
		"when the last one leaves": {
			nil, func(r *room) { r.people["ann"].HangUp(); r.people["ann"].rest(); r.people["bea"].HangUp() },
			"last-participant-left", "bea",
			map[string]string{"ann": "participant_hung_up", "bea": "participant_hung_up"},
			map[string]string{"ann": "completed", "bea": "completed"},
		},
		"when one leaves who ends it": {
			map[string]string{"ann": "endConferenceOnExit='true'"},
			func(r *room) { r.people["ann"].HangUp() },
			"participant-with-end-conference-on-exit-left", "ann",
			map[string]string{"ann": "participant_hung_up", "bea": "moderator_ended_conference"},
			map[string]string{"ann": "completed", "bea": "in-progress"},
		},
		"when one is removed who ends it": {
			map[string]string{"ann": "endConferenceOnExit='true'"},
			func(r *room) { r.remove("ann") },
			"participant-with-end-conference-on-exit-kicked", "ann",
			map[string]string{"ann": "participant_updated_via_api", "bea": "moderator_ended_conference"},
			map[string]string{"ann": "in-progress", "bea": "in-progress"},
		},
		"when the last one is removed": {
			nil, func(r *room) { r.remove("ann"); r.remove("bea") },
			"last-participant-kicked", "bea",
			map[string]string{"ann": "participant_updated_via_api", "bea": "participant_updated_via_api"},
			map[string]string{"ann": "in-progress", "bea": "in-progress"},
		},
		"by the API": {
			nil, func(r *room) {
				r.must(http.StatusOK, http.MethodPost, "/Conferences/"+r.sid+".json", "Status=completed")
			},
			"conference-ended-via-api", "",
			map[string]string{"ann": "conference_ended_via_api", "bea": "conference_ended_via_api"},
			map[string]string{"ann": "in-progress", "bea": "in-progress"},
		},
		"when the one who ends it is redirected": {
			map[string]string{"ann": "endConferenceOnExit='true'"},
			func(r *room) {
				r.must(http.StatusOK, http.MethodPost, "/Calls/"+r.people["ann"].CallSID()+".json", "Twiml=<Response><Pause/></Response>")
			},
			"participant-with-end-conference-on-exit-left", "ann",
			map[string]string{"ann": "participant_updated_via_api", "bea": "moderator_ended_conference"},
			map[string]string{"ann": "in-progress", "bea": "in-progress"},
		},
		"when the API hangs up the last two": {
			nil, func(r *room) {
				for _, name := range []string{"ann", "bea"} {
					r.must(http.StatusOK, http.MethodPost, "/Calls/"+r.people[name].CallSID()+".json", "Status=completed")
				}
			},
			"last-participant-left", "bea",
			map[string]string{"ann": "participant_updated_via_api", "bea": "participant_updated_via_api"},
			map[string]string{"ann": "completed", "bea": "completed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, tc.attrs, "ann", "bea")
			tc.end(r)
			end := r.hit("/conf", "StatusCallbackEvent=conference-end").form
			require.Equal(t, tc.reason, end.Get("ReasonConferenceEnded"))
			require.NotEmpty(t, end.Get("Reason"))
			f := r.conference()
			require.Equal(t, "completed", f["status"])
			require.Equal(t, tc.reason, f["reason_conference_ended"])
			if tc.by != "" {
				require.Equal(t, r.people[tc.by].CallSID(), end.Get("CallSidEndingConference"))
				require.Equal(t, tc.by, end.Get("ParticipantLabelEndingConference"))
				require.Equal(t, r.people[tc.by].CallSID(), f["call_sid_ending_conference"])
			}
			for name, reason := range tc.left {
				leave := r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel="+name).form
				require.Equal(t, reason, leave.Get("ReasonParticipantLeft"), name)
				require.Equal(t, tc.status[name], leave.Get("ParticipantCallStatus"), name)
			}
			// What has ended has no participants, and its name makes another.
			require.Empty(t, r.participants())
			r.must(http.StatusNotFound, http.MethodGet, "/Conferences/"+r.sid+"/Participants/bea.json")
			r.must(http.StatusNotFound, http.MethodPost, "/Conferences/"+r.sid+"/Participants/bea.json", "Hold=true")
			r.must(http.StatusNotFound, http.MethodPost, "/Conferences/"+r.sid+".json", "Status=completed")
			r.enter("cat", "")
			list := r.must(http.StatusOK, http.MethodGet, "/Conferences.json", "FriendlyName=room")["conferences"].([]any)
			require.Len(t, list, 2)
			require.NotEqual(t, r.sid, list[0].(object)["sid"])
		})
	}
}

func (r *room) remove(name string) {
	r.t.Helper()
	r.must(http.StatusNoContent, http.MethodDelete, "/Conferences/"+r.sid+"/Participants/"+name+".json")
}

func TestLeavesComeBeforeAndAfterTheEnd(t *testing.T) {
	t.Parallel()
	before, after := 0, 0
	for range 12 {
		r := newRoom(t, map[string]string{"ann": "endConferenceOnExit='true'"}, "ann", "bea")
		// The bench's seed is fixed, so draw to come to other places of it.
		r.sim.mu.Lock()
		for range before*3 + after*5 {
			r.sim.rng.Uint64()
		}
		r.sim.mu.Unlock()
		r.people["ann"].HangUp()
		r.hit("/conf", "StatusCallbackEvent=conference-end")
		r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel=ann")
		r.hit("/conf", "StatusCallbackEvent=participant-leave", "ParticipantLabel=bea")
		events := r.events("/conf", "StatusCallbackEvent")
		if events[len(events)-1] == "conference-end" {
			before++
		} else {
			after++
		}
		if before > 0 && after > 0 {
			return
		}
	}
	require.Fail(t, "always the same order", "before %d, after %d", before, after)
}

func TestHoldAndMuteDecideWhoHearsWhom(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	ann, bea := r.people["ann"], r.people["bea"]
	ann.notices(LineTogether, "")
	bea.notices(LineTogether, "")
	r.twiml("/hold", "<Play>/music.mp3</Play>")

	p := r.update("bea", "Hold=true", "HoldUrl="+r.url("/hold"))
	require.Equal(t, true, p["hold"])
	bea.notices(LineHeld, "")
	bea.notices(LineAlone, "")
	ann.notices(LineAlone, "")
	bea.notices(LineHears, r.url("/music.mp3"))
	require.Equal(t, "GET", r.hit("/hold").method)
	require.Len(t, r.participants("Hold=true"), 1)
	r.update("bea", "Hold=true")
	r.update("bea", "Hold=false")
	bea.notices(LineUnheld, "")
	bea.notices(LineTogether, "")
	ann.notices(LineTogether, "")

	r.update("ann", "Muted=true")
	ann.notices(LineMuted, "")
	bea.notices(LineAlone, "")
	r.update("ann", "Muted=false")
	ann.notices(LineUnmuted, "")
	bea.notices(LineTogether, "")

	for _, event := range []string{"participant-hold", "participant-unhold", "participant-mute", "participant-unmute"} {
		r.hit("/conf", "StatusCallbackEvent="+event)
		require.Len(t, r.hitsTo("/conf", "StatusCallbackEvent="+event), 1, "what changes nothing is not told")
	}
	require.Equal(t, "true", r.hit("/conf", "StatusCallbackEvent=participant-hold").form.Get("Hold"))
	status, e := r.call(http.MethodPost, "/Conferences/"+r.sid+"/Participants/ann.json", "Muted=perhaps")
	require.Equal(t, http.StatusBadRequest, status)
	require.NotEmpty(t, e["message"])
}

func TestAParticipantOnHoldKeepsItsEndFlag(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	r.update("ann", "Hold=true")
	p := r.update("ann", "EndConferenceOnExit=true")
	require.Equal(t, false, p["end_conference_on_exit"])
	r.update("ann", "Hold=false")
	p = r.update("ann", "EndConferenceOnExit=true")
	require.Equal(t, true, p["end_conference_on_exit"])
	modified := r.hit("/conf", "StatusCallbackEvent=participant-modify").form
	require.Equal(t, "true", modified.Get("EndConferenceOnExit"))
	require.Len(t, r.hitsTo("/conf", "StatusCallbackEvent=participant-modify"), 1)
}

func TestACoachIsHeardByTheCoachedLegAlone(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	ann, bea := r.people["ann"], r.people["bea"]
	ann.notices(LineTogether, "")
	bea.notices(LineTogether, "")
	r.enter("sue", "coach='"+ann.CallSID()+"'")
	r.people["sue"].notices(LineTogether, "")
	join := r.hit("/conf", "StatusCallbackEvent=participant-join", "ParticipantLabel=sue").form
	require.Equal(t, "true", join.Get("Coaching"))
	require.Equal(t, ann.CallSID(), join.Get("CallSidToCoach"))
	sue := r.people["sue"]
	require.ElementsMatch(t, []string{ann.CallSID(), bea.CallSID()}, r.sim.Hearing(sue.CallSID()))
	require.ElementsMatch(t, []string{bea.CallSID(), sue.CallSID()}, r.sim.Hearing(ann.CallSID()))
	require.Equal(t, []string{ann.CallSID()}, r.sim.Hearing(bea.CallSID()))

	allow := r.sim.MustNotHear(bea.CallSID(), sue.CallSID())
	r.update("ann", "Muted=true")
	bea.notices(LineAlone, "") // she does not hear sue
	require.Empty(t, r.sim.Violations())
	r.update("sue", "Coaching=false")
	require.Len(t, r.sim.Violations(), 1)
	r.sim.stats.mu.Lock()
	r.sim.stats.violations = nil // it was wanted
	r.sim.stats.mu.Unlock()
	allow()
	r.update("sue", "Coaching=true", "CallSidToCoach="+ann.CallSID())
	ann.HangUp()
	bea.notices(LineTogether, "") // sue aims at nobody any more, so bea hears her
	for target, code := range map[string]float64{"": 13240, "ann": 13240, "CA00000000000000000000000000000000": 16028} {
		r.update("sue", "Coaching=false")
		_, e := r.call(http.MethodPost, "/Conferences/"+r.sid+"/Participants/sue.json", "Coaching=true", "CallSidToCoach="+target)
		if target == "" {
			continue // the former target stays
		}
		require.InEpsilon(t, code, e["code"], 0, target)
	}
	p := r.update("sue", "Coaching=true", "CallSidToCoach="+bea.CallSID())
	require.Equal(t, bea.CallSID(), p["call_sid_to_coach"])
	r.hit("/conf", "StatusCallbackEvent=participant-modify", "Coaching=true")
}

func TestAParticipantIsDialedIn(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	create := func(address string, form ...string) (int, object) {
		return b.call(http.MethodPost, "/Conferences/my room/Participants.json", append([]string{
			"To=" + address, "From=" + ourNumber, "Timeout=600", "ConferenceStatusCallback=" + b.url("/conf"), "ConferenceStatusCallbackEvent=start,end join leave",
		}, form...)...)
	}
	phone := b.attach("client:ann")
	status, p := create("client:ann", "Label=ann", "Muted=true", "StatusCallback="+b.url("/leg"))
	require.Equal(t, http.StatusCreated, status, p)
	require.Equal(t, "queued", p["status"])
	require.Equal(t, true, p["muted"])
	require.Equal(t, true, p["start_conference_on_enter"])
	require.Equal(t, false, p["end_conference_on_exit"])
	sid := p["conference_sid"].(string)
	ann := pickUp(t, phone)
	_, e := b.call(http.MethodPost, "/Conferences/"+sid+"/Participants/ann.json", "Hold=true")
	require.InEpsilon(t, 20001, e["code"], 0, "it has not joined yet")
	ann.Answer()
	ann.notices(LineJoined, "my room")

	status, e = create("client:bea", "Label=ann")
	require.Equal(t, http.StatusBadRequest, status)
	require.InEpsilon(t, 16025, e["code"], 0)

	// One who cannot be reached leaves without having joined.
	_, p = create("client:nobody", "Label=nobody")
	leave := b.hit("/conf", "StatusCallbackEvent=participant-leave", "CallSid="+p["call_sid"].(string)).form
	require.Equal(t, "participant_add_failed", leave.Get("ReasonParticipantLeft"))
	require.Equal(t, "failed", leave.Get("ParticipantCallStatus"))
	require.Empty(t, b.hitsTo("/conf", "StatusCallbackEvent=participant-join", "CallSid="+p["call_sid"].(string)))

	status, _ = b.call(http.MethodPost, "/Conferences/"+sid+"/Participants.json", "To=client:nobody", "From="+ourNumber)
	require.Equal(t, http.StatusCreated, status)
	status, _ = b.call(http.MethodPost, "/Conferences/CF00000000000000000000000000000000/Participants.json", "To=client:ann", "From="+ourNumber)
	require.Equal(t, http.StatusNotFound, status)

	b.must(http.StatusNoContent, http.MethodDelete, "/Conferences/"+sid+"/Participants/ann.json")
	require.Equal(t, []string{"muted", "hears " + defaultMusic, "ended completed"}, ann.rest(), "a leg without TwiML of its own ends")
	b.hit("/leg", "CallStatus=completed")
}

func TestARefusedDialInIsForgotten(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	_, p := b.call(http.MethodPost, "/Conferences/room/Participants.json", "To=client:nobody", "From="+ourNumber, "ConferenceStatusCallback="+b.url("/conf"))
	end := b.hit("/conf", "StatusCallbackEvent=conference-end").form
	require.Equal(t, "last-participant-left", end.Get("ReasonConferenceEnded"))
	require.Equal(t, p["conference_sid"], end.Get("ConferenceSid"))
}

func TestARedirectPullsALegOutOfItsConference(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	ann := r.people["ann"]
	r.must(http.StatusOK, http.MethodPost, "/Calls/"+ann.CallSID()+".json", "Twiml=<Response><Say>Elsewhere</Say></Response>")
	require.Len(t, r.participants(), 1)
	ann.notices(LineLeft, "")
	ann.notices(LineHears, "Elsewhere")
	require.Equal(t, []string{"ended completed"}, ann.rest())
	r.hit("/conf", "StatusCallbackEvent=participant-leave", "ReasonParticipantLeft=participant_updated_via_api", "ParticipantCallStatus=in-progress")
	r.people["bea"].notices(LineAlone, "")
}

func TestALegGoesOnAfterItsConference(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/after", "<Say>After</Say>")
	who := b.dial("client:a", "<Dial action='"+b.url("/after")+"'><Conference>room</Conference></Dial><Say>never</Say>")
	who.notices(LineJoined, "room")
	b.must(http.StatusNoContent, http.MethodDelete, "/Conferences/"+b.liveRoom()+"/Participants/"+who.CallSID()+".json")
	who.notices(LineLeft, "")
	who.notices(LineHears, "After")
	form := b.hit("/after").form
	require.Equal(t, "answered", form.Get("DialCallStatus"))
	require.False(t, form.Has("DialCallSid"))
	require.False(t, form.Has("DialCallDuration"))
}

// liveRoom is the SID of the one conference that is not over.
func (b *voiceBench) liveRoom() string {
	b.t.Helper()
	for _, f := range b.must(http.StatusOK, http.MethodGet, "/Conferences.json")["conferences"].([]any) {
		if f.(object)["status"] != "completed" {
			return f.(object)["sid"].(string)
		}
	}
	require.Fail(b.t, "no live conference")
	return ""
}

func TestADuplicateLabelRunsOnToTheNextVerb(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann")
	other := r.dial("client:other", "<Dial><Conference participantLabel='ann'>room</Conference></Dial><Say>Sorry</Say>")
	require.Equal(t, []string{"answered", "hears Sorry", "ended completed"}, other.rest())
}

func TestAnnouncementsAreHeardAndTold(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	r.twiml("/announce", "<Say>Listen</Say>")
	r.must(http.StatusOK, http.MethodPost, "/Conferences/"+r.sid+".json", "AnnounceUrl="+r.url("/announce"))
	r.people["ann"].notices(LineHears, "Listen")
	r.people["bea"].notices(LineHears, "Listen")
	r.hit("/conf", "StatusCallbackEvent=announcement-end", "AnnounceUrl="+r.url("/announce"))
	r.update("bea", "AnnounceUrl="+r.url("/announce"))
	r.people["bea"].notices(LineHears, "Listen")
	r.hit("/conf", "StatusCallbackEvent=announcement-end", "CallSid="+r.people["bea"].CallSID())
	r.update("bea", "AnnounceUrl="+r.url("/nothing"))
	r.hit("/conf", "StatusCallbackEvent=announcement-fail", "CallSid="+r.people["bea"].CallSID())
}

func TestSpeechIsTold(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	r.people["ann"].Speak("Good morning, how can I help you?")
	r.hit("/conf", "StatusCallbackEvent=participant-speech-start", "ParticipantLabel=ann")
	r.hit("/conf", "StatusCallbackEvent=participant-speech-stop", "ParticipantLabel=ann")
}
