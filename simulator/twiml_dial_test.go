package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const bob = "+15558880000"

func TestDialingANumber(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		phone   func(*person)
		timeout string
		want    []string // DialCallStatus, DialBridged
	}{
		"that is answered tells completed": {func(p *person) { p.Answer(); p.notices(LineTogether, ""); p.HangUp() }, "600", []string{"completed", "true"}},
		"that is refused tells busy":       {func(p *person) { p.Reject() }, "600", []string{"busy", "false"}},
		"that rings on tells no-answer":    {func(*person) {}, "5", []string{"no-answer", "false"}},
		"that does not exist tells failed": {nil, "600", []string{"failed", "false"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.number()
			b.twiml("/voice", "<Dial timeout='"+tc.timeout+"' action='/after'><Number statusCallback='/child' statusCallbackEvent='ringing completed'>"+bob+"</Number></Dial><Say>never</Say>")
			b.twiml("/after", "<Say>After</Say>")
			var phone <-chan *person
			if tc.phone != nil {
				phone = b.attach(bob)
			}
			caller := b.ring()
			if tc.phone != nil {
				tc.phone(pickUp(t, phone))
			}
			caller.notices(LineHears, "After")
			form := b.hit("/after").form
			require.Equal(t, tc.want, []string{form.Get("DialCallStatus"), form.Get("DialBridged")})
			child := b.hit("/child", "CallStatus="+tc.want[0]).form
			require.Equal(t, form.Get("DialCallSid"), child.Get("CallSid"))
			require.Equal(t, caller.CallSID(), child.Get("ParentCallSid"))
			require.Equal(t, "outbound-dial", child.Get("Direction"))
			list := b.must(http.StatusOK, http.MethodGet, "/Calls.json", "ParentCallSid="+caller.CallSID())
			require.Len(t, list["calls"], 1)
		})
	}
}

func TestDialRingsTheCallerOnWhenItAnswersOnBridge(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Dial timeout='600' answerOnBridge='true'><Number url='/whisper'>"+bob+"</Number></Dial><Say>Bye</Say>")
	b.twiml("/whisper", "<Say>A call for you</Say>")
	phone := b.attach(bob)
	caller := b.ring()
	other := pickUp(t, phone)
	c := b.must(http.StatusOK, http.MethodGet, "/Calls/"+caller.CallSID()+".json")
	require.Equal(t, "ringing", c["status"])
	other.Answer()
	other.notices(LineHears, "A call for you")
	other.notices(LineTogether, "")
	caller.notices(LineTogether, "")
	other.HangUp()
	require.Equal(t, []string{"alone", "hears Bye", "ended completed"}, caller.rest())
}

func TestTheFirstToAnswerWinsAndACallerWhoHangsUpTakesAllAlong(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Dial timeout='600' action='/after'><Client>a</Client><Client>b</Client></Dial>")
	phoneA, phoneB := b.attach("client:a"), b.attach("client:b")
	caller := b.ring()
	x, y := pickUp(t, phoneA), pickUp(t, phoneB)
	y.Answer()
	require.Equal(t, []string{"ended canceled"}, x.rest())
	y.notices(LineTogether, "")
	caller.HangUp()
	require.Equal(t, []string{"alone", "ended completed"}, y.rest())
	b.hit("/after", "DialCallStatus=completed", "CallStatus=completed")
}

func TestRedirectingTheCallerEndsTheDialedLeg(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Dial timeout='600'>"+bob+"</Dial>")
	phone := b.attach(bob)
	caller := b.ring()
	other := pickUp(t, phone)
	other.Answer()
	caller.notices(LineTogether, "")
	b.must(http.StatusOK, http.MethodPost, "/Calls/"+caller.CallSID()+".json", "Twiml=<Response><Say>Elsewhere</Say></Response>")
	require.Equal(t, []string{"alone", "hears Elsewhere", "ended completed"}, caller.rest())
	other.notices(LineEnded, "completed")
}

func TestSequentialDialGoesOnToTheNext(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Dial timeout='600' sequential='true' hangupOnStar='true'><Client>a</Client><Client>b</Client></Dial><Say>Bye</Say>")
	phoneA, phoneB := b.attach("client:a"), b.attach("client:b")
	caller := b.ring()
	pickUp(t, phoneA).Reject()
	y := pickUp(t, phoneB)
	y.Answer()
	caller.notices(LineTogether, "")
	caller.Press("1*")
	y.notices(LineEnded, "completed")
	caller.notices(LineHears, "Bye")
}
