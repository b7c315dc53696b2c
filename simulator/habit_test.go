package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const outsider = "+15557770001"

func TestAPhoneHasItsHabits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		habit    Habit
		status   string
		reached  string // the last page that was asked for
		answered bool
	}{
		"busy":                         {habit: Habit{Busy: true}, status: "busy"},
		"not answering":                {habit: Habit{Ignores: true}, status: "no-answer"},
		"an answering machine":         {habit: Habit{After: 2}, status: "completed", reached: "/goodbye", answered: true},
		"a person who presses the key": {habit: Habit{Keys: map[string]string{"press 1": "1"}}, status: "completed", reached: "/key", answered: true},
		"a person who hangs up":        {habit: Habit{HangsUpAfter: 30}, status: "completed", answered: true},
		"a phone that vanishes":        {habit: Habit{VanishesAfter: 30, Keys: map[string]string{}}, status: "completed", answered: true},
		"somebody with another key":    {habit: Habit{Keys: map[string]string{"press 9": "9"}}, status: "completed", reached: "/goodbye", answered: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.number()
			b.sim.Attach(outsider, b.sim.Phone(c.habit))
			b.twiml("/announce", "<Gather numDigits='1' timeout='600' action='/key'><Say>A call from Ann: press 1</Say></Gather><Redirect>/goodbye</Redirect>")
			b.twiml("/key", "<Hangup/>")
			b.twiml("/goodbye", "<Hangup/>")
			b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To="+outsider, "From="+ourNumber, "Timeout=30",
				"Url="+b.url("/announce"), "StatusCallback="+b.url("/status"))
			require.Equal(t, c.status, b.hit("/status").form.Get("CallStatus"))
			if c.answered {
				b.hit("/announce")
			} else {
				require.Empty(t, b.hitsTo("/announce"))
			}
			for _, page := range []string{"/key", "/goodbye"} {
				require.Equal(t, c.reached == page, len(b.hitsTo(page)) > 0, page)
			}
		})
	}
}

func TestAPhoneThatVanishedDoesNothingMore(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	phone := b.attach(outsider)
	b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To="+outsider, "From="+ourNumber, "Timeout=10", "Url="+b.url("/announce"))
	p := pickUp(t, phone)
	p.Drop()
	p.Answer()
	p.Reject()
	p.HangUp()
	require.Equal(t, []string{"ended no-answer"}, p.rest(), "for Twilio it rings on")
}

func TestALegThatVanishesLeavesItsConferenceLikeOneThatHangsUp(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bea")
	ann := r.people["ann"]
	ann.Drop()
	ann.Drop()
	ann.Speak("Hello?")
	leave := r.hit("/conf", "StatusCallbackEvent=participant-leave").form
	require.Equal(t, []string{"participant_hung_up", "completed", ann.CallSID()},
		[]string{leave.Get("ReasonParticipantLeft"), leave.Get("ParticipantCallStatus"), leave.Get("CallSid")})
	require.Empty(t, r.hitsTo("/conf", "StatusCallbackEvent=participant-speech-start"))
	r.people["bea"].notices(LineAlone, "")
}
