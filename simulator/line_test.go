package simulator

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALineKeepsWhatNobodyReads(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	verbs := ""
	want := []string{"answered"}
	for i := range 5 * lineBuffer {
		verbs += fmt.Sprintf("<Say>%d</Say>", i)
		want = append(want, fmt.Sprintf("hears %d", i))
	}
	b.twiml("/voice", verbs)
	caller := b.ring()
	<-caller.Done() // nobody has read a thing
	require.Equal(t, append(want, "ended completed"), caller.rest())
}

func TestADeadLineTakesEverythingInSilence(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Hangup/>")
	caller := b.ring()
	<-caller.Done()
	caller.rest()
	for _, f := range []func(){caller.Answer, caller.Reject, caller.HangUp, caller.Drop, func() { caller.Press("1") }, func() { caller.Speak("hello") }} {
		f()
	}
	c := b.must(http.StatusOK, http.MethodGet, "/Calls/"+caller.CallSID()+".json")
	require.Equal(t, "completed", c["status"])
}

func TestADroppedLineIsNoticedAfterAWhile(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number("StatusCallback=" + b.url("/status"))
	b.twiml("/voice", "<Say>Hello</Say><Pause length='100000'/>")
	caller := b.ring()
	caller.notices(LineHears, "Hello")
	caller.Drop()
	require.Equal(t, []string{"ended completed"}, caller.rest())
	b.hit("/status", "CallStatus=completed")
}

func TestClosingEndsEveryLineWithoutAWord(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number("StatusCallback=" + b.url("/status"))
	b.twiml("/voice", "<Say>Hello</Say><Pause length='100000'/>")
	caller := b.ring()
	caller.notices(LineHears, "Hello")
	b.sim.Close()
	require.NotEmpty(t, caller.rest())
	require.Empty(t, b.hitsTo("/status"))
	_, err := b.sim.Dial("+15551230000", ourNumber)
	require.ErrorContains(t, err, "closed")
}
