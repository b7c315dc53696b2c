package simulator

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersAreBoughtFoundAndChanged(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	sid := b.number("VoiceMethod=GET", "StatusCallback="+b.url("/status"))

	n := b.must(http.StatusOK, http.MethodGet, "/IncomingPhoneNumbers/"+sid+".json")
	require.Equal(t, ourNumber, n["phone_number"])
	require.Equal(t, "GET", n["voice_method"])
	for _, want := range []string{ourNumber, "555000", "+1500*550006"} {
		list := b.must(http.StatusOK, http.MethodGet, "/IncomingPhoneNumbers.json", "PhoneNumber="+want)
		require.Len(t, list["incoming_phone_numbers"], 1, want)
	}
	list := b.must(http.StatusOK, http.MethodGet, "/IncomingPhoneNumbers.json", "PhoneNumber=+1999")
	require.Empty(t, list["incoming_phone_numbers"])

	n = b.must(http.StatusOK, http.MethodPost, "/IncomingPhoneNumbers/"+sid+".json", "VoiceUrl=", "VoiceFallbackUrl="+b.url("/fallback"))
	require.Nil(t, n["voice_url"])
	require.Equal(t, b.url("/fallback"), n["voice_fallback_url"])

	_, e := b.call(http.MethodPost, "/IncomingPhoneNumbers.json", "PhoneNumber="+ourNumber)
	require.InEpsilon(t, 21422, e["code"], 0)
	b.must(http.StatusNotFound, http.MethodGet, "/IncomingPhoneNumbers/PN00000000000000000000000000000000.json")
}

func TestAnOutboundCallTellsItsProgress(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	phone := b.attach("client:ann")
	b.twiml("/hello", "<Say>Hello Ann</Say>")
	c := b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To=client:ann?x=1", "From="+ourNumber, "Timeout=600", "Url="+b.url("/hello"),
		"StatusCallback="+b.url("/status"), "StatusCallbackEvent=initiated", "StatusCallbackEvent=ringing answered", "StatusCallbackEvent=completed")
	require.Equal(t, "queued", c["status"])
	require.Equal(t, "outbound-api", c["direction"])

	ann := pickUp(t, phone)
	require.Equal(t, c["sid"], ann.CallSID())
	ann.Answer()
	require.Equal(t, []string{"answered", "hears Hello Ann", "ended completed"}, ann.rest())

	end := b.hit("/status", "CallStatus=completed")
	require.Equal(t, "3", end.form.Get("SequenceNumber"))
	require.NotEqual(t, "0", end.form.Get("CallDuration"))
	require.Equal(t, "1", end.form.Get("Duration"))
	require.Equal(t, "call-progress-events", end.form.Get("CallbackSource"))
	for _, status := range []string{"initiated", "ringing", "in-progress"} {
		b.hit("/status", "CallStatus="+status)
	}
	require.Equal(t, []string{"initiated", "ringing", "in-progress", "completed"}, b.events("/status", "CallStatus"))
	require.Equal(t, "in-progress", b.hit("/hello").form.Get("CallStatus"))

	c = b.must(http.StatusOK, http.MethodGet, "/Calls/"+ann.CallSID()+".json")
	require.Equal(t, "completed", c["status"])
	require.NotNil(t, c["end_time"])
}

func TestACallThatIsNotAnsweredEndsBy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		phone  func(Line)
		cancel bool
		status string
		sip    string
	}{
		"nobody at the address: failed, 404":  {nil, false, "failed", "404"},
		"a person who refuses: busy":          {Line.Reject, false, "busy", "486"},
		"a person who hangs up: busy":         {Line.HangUp, false, "busy", "486"},
		"nobody picking up: no-answer, 487":   {func(Line) {}, false, "no-answer", "487"},
		"a phone that lost its line rings on": {Line.Drop, false, "no-answer", "487"},
		"the API: canceled":                   {func(Line) {}, true, "canceled", "487"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.number()
			timeout := "Timeout=600"
			if tc.status == "no-answer" {
				timeout = "Timeout=5"
			}
			var phone <-chan *person
			if tc.phone != nil {
				phone = b.attach("+15557770000")
			}
			c := b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To=+15557770000", "From="+ourNumber, timeout,
				"Twiml=<Response/>", "StatusCallback="+b.url("/status"))
			if tc.phone != nil {
				p := pickUp(t, phone)
				tc.phone(p.Line)
				if tc.cancel {
					b.must(http.StatusOK, http.MethodPost, "/Calls/"+p.CallSID()+".json", "Status=canceled")
				}
				require.Equal(t, []string{"ended " + tc.status}, p.rest())
			}
			end := b.hit("/status", "CallStatus="+tc.status)
			require.Equal(t, tc.sip, end.form.Get("SipResponseCode"))
			require.Equal(t, "0", end.form.Get("SequenceNumber"))
			require.Equal(t, "0", end.form.Get("CallDuration"))
			require.False(t, end.form.Has("Duration"))
			_, e := b.call(http.MethodPost, "/Calls/"+c["sid"].(string)+".json", "Twiml=<Response/>")
			require.InEpsilon(t, 21220, e["code"], 0)
		})
	}
}

func TestACallIsRefused(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	for name, tc := range map[string]struct {
		form []string
		code float64
	}{
		"without To":                     {[]string{"From=" + ourNumber, "Twiml=<Response/>"}, 21201},
		"with a To that is none":         {[]string{"To=12", "From=" + ourNumber, "Twiml=<Response/>"}, 21211},
		"with a client without a name":   {[]string{"To=client:", "From=" + ourNumber, "Twiml=<Response/>"}, 21211},
		"with a From that is none":       {[]string{"To=client:a", "From=me", "Twiml=<Response/>"}, 21212},
		"from a number that is not ours": {[]string{"To=client:a", "From=+15550001111", "Twiml=<Response/>"}, 21210},
		"without anything to run":        {[]string{"To=client:a", "From=" + ourNumber}, 21205},
		"with a relative Url":            {[]string{"To=client:a", "From=" + ourNumber, "Url=/x"}, 21205},
		"with an unknown application":    {[]string{"To=client:a", "From=" + ourNumber, "ApplicationSid=AP1"}, 21218},
		"with a callback host that has an underscore": {
			[]string{"To=client:a", "From=" + ourNumber, "Twiml=<Response/>", "StatusCallback=http://a_b.example.com/"}, 21609,
		},
		"with an event that does not exist": {
			[]string{"To=client:a", "From=" + ourNumber, "Twiml=<Response/>", "StatusCallbackEvent=joined"}, 21626,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, e := b.call(http.MethodPost, "/Calls.json", tc.form...)
			require.Equal(t, http.StatusBadRequest, status)
			require.InEpsilon(t, tc.code, e["code"], 0)
		})
	}
	b.must(http.StatusNotFound, http.MethodGet, "/Calls/CA00000000000000000000000000000000.json")
}

func TestCallsAreListedByFiltersNewestFirst(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	for _, who := range []string{"client:a", "client:b", "client:c"} {
		b.dial(who, "<Pause/>").rest()
	}
	list := b.must(http.StatusOK, http.MethodGet, "/Calls.json", "PageSize=2", "Status=completed")
	require.Len(t, list["calls"], 2)
	require.Equal(t, "client:c", list["calls"].([]any)[0].(object)["to"])
	require.NotNil(t, list["next_page_uri"])
	list = b.must(http.StatusOK, http.MethodGet, "/Calls.json", "To=client:b", "StartTime>=2020-01-01")
	require.Len(t, list["calls"], 1)
	list = b.must(http.StatusOK, http.MethodGet, "/Calls.json", "StartTime<=2020-01-01")
	require.Empty(t, list["calls"])
}

func TestAnInboundCallFollowsItsNumber(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number("StatusCallback=" + b.url("/status"))
	b.twiml("/voice", "<Say>Welcome</Say><Redirect>next?x=1</Redirect><Say>never</Say>")
	b.twiml("/next", "<Say>Bye</Say>")
	caller := b.ring()
	require.Equal(t, []string{"answered", "hears Welcome", "hears Bye", "ended completed"}, caller.rest())

	h := b.hit("/voice")
	require.Equal(t, "ringing", h.form.Get("CallStatus"))
	require.Equal(t, "inbound", h.form.Get("Direction"))
	require.Equal(t, "+15551230000", h.form.Get("Caller"))
	require.Equal(t, "US", h.form.Get("FromCountry"))
	require.NotEmpty(t, h.token)
	require.Equal(t, "1", b.hit("/next").form.Get("x"))
	b.hit("/status", "CallStatus=completed")
	require.Len(t, b.hitsTo("/status"), 1)
	_, err := b.sim.Dial("+15551230000", "+15009999999")
	require.ErrorContains(t, err, "no such number")
}

func TestTwiMLThatFailsIsAskedForAtTheFallback(t *testing.T) {
	t.Parallel()
	answer := func(status int, contentType, body string) func(url.Values) (int, string, string) {
		return func(url.Values) (int, string, string) { return status, contentType, body }
	}
	for name, tc := range map[string]struct {
		page func(url.Values) (int, string, string)
		code string
	}{
		"an error of the server":      {answer(500, "text/plain", "oops"), "11200"},
		"TwiML that cannot be parsed": {answer(200, "text/xml", "<Response><Say>"), "12100"},
		"a document of another kind":  {answer(200, "text/xml", "<html/>"), "12100"},
		"an answer that is no XML":    {answer(200, "application/json", "{}"), "12300"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.page("/voice", tc.page)
			b.twiml("/fallback", "<Say>Sorry</Say>")
			b.number("VoiceFallbackUrl=" + b.url("/fallback"))
			require.Equal(t, []string{"answered", "hears Sorry", "ended completed"}, b.ring().rest())
			h := b.hit("/fallback")
			require.Equal(t, tc.code, h.form.Get("ErrorCode"))
			require.Equal(t, b.url("/voice"), h.form.Get("ErrorUrl"))

			b.page("/fallback", tc.page)
			require.Equal(t, []string{"ended failed"}, b.ring().rest(), "both fail")
		})
	}
}

func TestTheFirstVerbsDecideWhetherACallIsAnswered(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		verbs string
		want  []string
	}{
		"a pause does not answer":              {"<Pause length='2'/><Reject reason='busy'/>", []string{"ended busy"}},
		"a reject says no-answer":              {"<Reject/>", []string{"ended no-answer"}},
		"a say answers":                        {"<Say>Hi</Say><Reject/>", []string{"answered", "hears Hi", "ended completed"}},
		"a hang-up answers":                    {"<Hangup/><Say>never</Say>", []string{"answered", "ended completed"}},
		"nothing answers and is over":          {"", []string{"answered", "ended completed"}},
		"an unknown verb is skipped":           {"<Dance/><Say>Hi</Say>", []string{"answered", "hears Hi", "ended completed"}},
		"a leave outside of a queue is passed": {"<Leave/><Say>Hi</Say>", []string{"answered", "hears Hi", "ended completed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.number()
			b.twiml("/voice", tc.verbs)
			require.Equal(t, tc.want, b.ring().rest())
		})
	}
}

func TestACallerMayHangUpBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number("StatusCallback=" + b.url("/status"))
	b.twiml("/voice", "<Pause length='10000'/>")
	caller := b.ring()
	b.hit("/voice")
	_, e := b.call(http.MethodPost, "/Calls/"+caller.CallSID()+".json", "Twiml=<Response/>")
	require.InEpsilon(t, 21220, e["code"], 0, "a call that rings cannot be redirected")
	caller.HangUp()
	require.Equal(t, []string{"ended no-answer"}, caller.rest())
	b.hit("/status", "CallStatus=no-answer")
}

func TestARedirectInterruptsAtOnce(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	who := b.dial("client:a", "<Play loop='0'>http://example.com/music.mp3</Play>")
	who.notices(LineHears, "http://example.com/music.mp3")
	b.must(http.StatusOK, http.MethodPost, "/Calls/"+who.CallSID()+".json", "Twiml=<Response><Say>Something else</Say></Response>")
	who.notices(LineHears, "Something else")
	require.Equal(t, []string{"ended completed"}, who.rest())
}

func TestTheAPIHangsUp(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	who := b.dial("client:a", "<Pause length='10000'/>")
	who.notices(LineAnswered, "")
	c := b.must(http.StatusOK, http.MethodPost, "/Calls/"+who.CallSID()+".json", "Status=canceled")
	require.Equal(t, "in-progress", c["status"], "canceled is for calls that ring")
	c = b.must(http.StatusOK, http.MethodPost, "/Calls/"+who.CallSID()+".json", "Status=completed")
	require.Equal(t, "completed", c["status"])
	require.Equal(t, []string{"ended completed"}, who.rest())
}

func TestATimeLimitEndsACall(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	phone := b.attach("client:a")
	b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To=client:a", "From="+ourNumber, "Timeout=600", "TimeLimit=3",
		"Twiml=<Response><Pause length='100000'/></Response>")
	who := pickUp(t, phone)
	who.Answer()
	require.Equal(t, []string{"answered", "ended completed"}, who.rest())
}

func TestOneOfOurOwnNumbersTakesTheCallByItsVoiceURL(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/voice", "<Say>Hello from inside</Say>")
	c := b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To="+ourNumber, "From="+ourNumber, "Timeout=600",
		"Twiml=<Response><Pause length='100000'/></Response>", "StatusCallback="+b.url("/status"))
	b.hit("/status", "CallSid="+c["sid"].(string), "CallStatus=completed")
	require.Equal(t, "inbound", b.hit("/voice").form.Get("Direction"))
}
