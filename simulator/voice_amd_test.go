package simulator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhoAnsweredIsFoundByWhatIsHeard(t *testing.T) {
	t.Parallel()
	greeting := "You have reached the voicemail of the Harrison family. We are not at home at the moment, so please leave a message after the tone."
	for name, tc := range map[string]struct {
		mode   string
		sounds []string
		want   string
	}{
		"a word and silence is a person":                   {"Enable", []string{"Hello?"}, "human"},
		"a long greeting is a machine":                     {"Enable", []string{greeting}, "machine_start"},
		"the end of its greeting is waited for":            {"DetectMessageEnd", []string{greeting, Beep}, "machine_end_beep"},
		"a machine without a tone":                         {"DetectMessageEnd", []string{greeting}, "machine_end_silence"},
		"a machine whose greeting does not end":            {"DetectMessageEnd", []string{strings.Repeat(greeting, 8)}, "machine_end_other"},
		"a person where the end of a greeting was awaited": {"DetectMessageEnd", []string{"Hello?"}, "human"},
		"a fax":            {"Enable", []string{FaxTone}, "fax"},
		"nobody speaks":    {"Enable", nil, "unknown"},
		"a tone by itself": {"DetectMessageEnd", []string{Beep}, "machine_end_beep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBenchAt(t, 25*time.Millisecond)
			b.number()
			b.twiml("/hello", "<Say>Good morning</Say>")
			phone := b.attach("+15557770000")
			c := b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To=+15557770000", "From="+ourNumber, "Timeout=600",
				"Url="+b.url("/hello"), "StatusCallback="+b.url("/status"), "MachineDetection="+tc.mode)
			require.Nil(t, c["answered_by"])
			p := pickUp(t, phone)
			p.Answer()
			for _, sound := range tc.sounds {
				p.Speak(sound)
			}
			require.Equal(t, []string{"answered", "hears Good morning", "ended completed"}, p.rest())
			require.Equal(t, tc.want, b.hit("/hello").form.Get("AnsweredBy"))
			require.Equal(t, tc.want, b.hit("/status").form.Get("AnsweredBy"))
			c = b.must(http.StatusOK, http.MethodGet, "/Calls/"+p.CallSID()+".json")
			require.Equal(t, tc.want, c["answered_by"])
		})
	}
}

func TestAsynchronousDetectionDoesNotHoldTheCallUp(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/hello", "<Say loop='0'>Good morning</Say>")
	phone := b.attach("+15557770000")
	b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To=+15557770000", "From="+ourNumber, "Timeout=600", "Url="+b.url("/hello"),
		"MachineDetection=Enable", "AsyncAmd=true", "AsyncAmdStatusCallback="+b.url("/amd"))
	p := pickUp(t, phone)
	p.Answer()
	p.notices(LineHears, "Good morning")
	require.False(t, b.hit("/hello").form.Has("AnsweredBy"))
	p.Speak("Hello?")
	form := b.hit("/amd").form
	require.Equal(t, "human", form.Get("AnsweredBy"))
	require.Equal(t, p.CallSID(), form.Get("CallSid"))
	require.NotEmpty(t, form.Get("MachineDetectionDuration"))
	p.HangUp()
}

func TestDetectionIsRefusedWhatTwilioRefuses(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	const enable = "MachineDetection=Enable"
	for _, wrong := range [][]string{
		{"MachineDetection=Yes"}, {enable, "MachineDetectionTimeout=60"}, {enable, "MachineDetectionSpeechThreshold=100"}, {enable, "AsyncAmd=maybe"},
	} {
		status, _ := b.call(http.MethodPost, "/Calls.json", append(wrong, "To=+15557770000", "From="+ourNumber, "Twiml=<Response/>")...)
		require.Equal(t, http.StatusBadRequest, status, wrong)
	}
}

func TestCallsAreFoundByTheirTwoNumbersAndTheTimeTheyWereDialed(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	phone := b.attach("+15557770000")
	other := b.attach("+15557770001")
	for _, to := range []string{"+15557770000", "+15557770001"} {
		b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To="+to, "From="+ourNumber, "Timeout=600", "Twiml=<Response/>")
	}
	p := pickUp(t, phone) // rings; nobody has answered
	pickUp(t, other)
	list := b.must(http.StatusOK, http.MethodGet, "/Calls.json", "To=+15557770000", "From="+ourNumber, "StartTime>=2020-01-01")["calls"].([]any)
	require.Len(t, list, 1)
	require.Equal(t, p.CallSID(), list[0].(object)["sid"])
	require.NotNil(t, list[0].(object)["start_time"])
	require.Empty(t, b.must(http.StatusOK, http.MethodGet, "/Calls.json", "To=+15557770000", "StartTime>=2999-01-01")["calls"])
}
