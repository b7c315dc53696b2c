package simulator

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTwiMLIsParsed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		bad  string
	}{
		"a document":                 {"<?xml version='1.0' encoding='UTF-8'?><Response><!-- x --><Say a='1'>Hi</Say></Response>", ""},
		"no document":                {"", "no element"},
		"two documents":              {"<Response/><Response/>", "more than one root"},
		"text around a document":     {"hello <Response/>", "outside"},
		"another root":               {"<response/>", "not <Response>"},
		"an element that stays open": {"<Response><Say>", "parse failure"},
		"crossed elements":           {"<Response><Say></Response></Say>", "parse failure"},
		"an ampersand on its own":    {"<Response><Say>a & b</Say></Response>", "parse failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, err := parseTwiML([]byte(tc.text))
			if tc.bad != "" {
				require.ErrorContains(t, err, tc.bad)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "Hi", root.child("Say").text)
			require.Equal(t, []string{"attribute a of <Say> is not known"}, root.warnings())
		})
	}
}

func TestAGather(t *testing.T) {
	t.Parallel()
	const listen = "<Say>Press</Say></Gather><Say>Nothing</Say>"
	for name, tc := range map[string]struct {
		verbs string
		enter func(Line)
		want  map[string]string // of the action; nil when the next verb runs
	}{
		"ends at numDigits":                                  {"<Gather action='/done' timeout='900' numDigits='3'>" + listen, func(l Line) { l.Press("12"); l.Press("345") }, map[string]string{"Digits": "123"}},
		"ends at the finishing key":                          {"<Gather action='/done' timeout='900'>" + listen, func(l Line) { l.Press("12#9") }, map[string]string{"Digits": "12"}},
		"ends at a key of its own":                           {"<Gather action='/done' timeout='900' finishOnKey='*'>" + listen, func(l Line) { l.Press("1#2*") }, map[string]string{"Digits": "1#2"}},
		"without a finishing key ends by time":               {"<Gather action='/done' finishOnKey='' timeout='60'>" + listen, func(l Line) { l.Press("1#") }, map[string]string{"Digits": "1#"}},
		"with some digits ends by time":                      {"<Gather action='/done' timeout='60'>" + listen, func(l Line) { l.Press("4") }, map[string]string{"Digits": "4"}},
		"with nothing goes to the next verb":                 {"<Gather action='/done' timeout='1'>" + listen, func(Line) {}, nil},
		"with the finishing key alone goes to the next verb": {"<Gather action='/done' timeout='900'>" + listen, func(l Line) { l.Press("#") }, nil},
		"with nothing may tell the action":                   {"<Gather action='/done' timeout='1' actionOnEmptyResult='true'>" + listen, func(Line) {}, map[string]string{"Digits": ""}},
		"hears speech if it may":                             {"<Gather action='/done' timeout='900' speechTimeout='60' input='speech'>" + listen, func(l Line) { l.Press("1"); l.Speak("sales"); l.Speak("please") }, map[string]string{"SpeechResult": "sales please"}},
		"hears no speech if it may not":                      {"<Gather action='/done' timeout='1'>" + listen, func(l Line) { l.Speak("sales") }, nil},
		"takes keys or speech":                               {"<Gather action='/done' timeout='900' input='dtmf speech' numDigits='1'>" + listen, func(l Line) { l.Press("7") }, map[string]string{"Digits": "7"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			b.number()
			b.twiml("/voice", tc.verbs)
			b.twiml("/done", "<Say>Thanks</Say>")
			caller := b.ring()
			caller.notices(LineHears, "Press")
			tc.enter(caller.Line)
			if tc.want == nil {
				caller.notices(LineHears, "Nothing")
				require.Empty(t, b.hitsTo("/done"))
				return
			}
			caller.notices(LineHears, "Thanks")
			form := b.hit("/done").form
			for name, value := range tc.want {
				require.True(t, form.Has(name), name)
				require.Equal(t, value, form.Get(name))
			}
		})
	}
}

func TestAKeyInterruptsThePromptAndTheActionIsThisDocumentByDefault(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.page("/voice", func(form url.Values) (int, string, string) {
		if form.Get("Digits") == "1" {
			return http.StatusOK, "text/xml", "<Response><Say>One</Say></Response>"
		}
		return http.StatusOK, "text/xml", "<Response><Gather numDigits='1'><Play loop='0'>/music.mp3</Play></Gather></Response>"
	})
	caller := b.ring()
	require.Equal(t, b.url("/music.mp3"), caller.notices(LineHears, ""))
	caller.Press("1")
	caller.notices(LineHears, "One")
}

func TestAQueue(t *testing.T) {
	t.Parallel()
	t.Run("asks for its wait music again and again, and a leave tells the action", func(t *testing.T) {
		t.Parallel()
		b := newVoiceBench(t)
		b.number()
		b.twiml("/voice", "<Enqueue waitUrl='/wait' action='/after'>support</Enqueue>")
		b.page("/wait", func(url.Values) (int, string, string) {
			verbs := "<Say>Please hold</Say>"
			if len(b.hitsTo("/wait")) == 3 {
				verbs = "<Leave/>"
			}
			return http.StatusOK, "text/xml", "<Response>" + verbs + "</Response>"
		})
		b.twiml("/after", "<Say>Goodbye</Say>")
		caller := b.ring()
		require.Equal(t, []string{"answered", "queued support", "hears Please hold", "hears Please hold", "hears Goodbye", "ended completed"}, caller.rest())
		first := b.hitsTo("/wait")[0].form
		require.Equal(t, "1", first.Get("QueuePosition"))
		require.Equal(t, "1", first.Get("CurrentQueueSize"))
		require.Equal(t, "1000", first.Get("MaxQueueSize"))
		require.Equal(t, "leave", b.hit("/after").form.Get("QueueResult"))
		require.Equal(t, first.Get("QueueSid"), b.hit("/after").form.Get("QueueSid"))
	})
	t.Run("that is left by hanging up tells the action", func(t *testing.T) {
		t.Parallel()
		b := newVoiceBench(t)
		b.number()
		b.twiml("/voice", "<Enqueue action='/after'>support</Enqueue>")
		caller := b.ring()
		caller.notices(LineHears, defaultMusic)
		caller.HangUp()
		b.hit("/after", "QueueResult=hangup", "CallStatus=completed")
	})
	t.Run("that is left by a redirect tells the action, whose answer does not count", func(t *testing.T) {
		t.Parallel()
		b := newVoiceBench(t)
		b.number()
		b.twiml("/voice", "<Enqueue action='/after' waitUrl=''>support</Enqueue>")
		b.twiml("/after", "<Say>never</Say>")
		caller := b.ring()
		caller.notices(LineQueued, "support")
		b.must(http.StatusOK, http.MethodPost, "/Calls/"+caller.CallSID()+".json", "Twiml=<Response><Say>Elsewhere</Say></Response>")
		b.hit("/after", "QueueResult=redirected", "CallStatus=in-progress")
		require.Equal(t, []string{"hears Elsewhere", "ended completed"}, caller.rest())
	})
	t.Run("that is full is not entered", func(t *testing.T) {
		t.Parallel()
		b := newVoiceBench(t)
		b.number()
		b.twiml("/voice", "<Enqueue action='/after' maxQueueSize='1'>support</Enqueue>")
		b.twiml("/after", "<Say>Full</Say>")
		b.ring().notices(LineQueued, "support")
		require.Equal(t, []string{"answered", "hears Full", "ended completed"}, b.ring().rest())
		b.hit("/after", "QueueResult=queue-full")
	})
}
