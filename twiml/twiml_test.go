package twiml

import (
	"encoding/xml"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rewrite = flag.Bool("rewrite", false, "write testdata/*.xml anew")

// documents are by the name of their golden file.
var documents = map[string]Response{
	"empty":  nil,
	"say":    {Say{Text: "Tom & Jerry say <hello>, \"you\".", Voice: "Polly.Amy", Language: "en-GB", Loop: new(2)}},
	"music":  {Play{URL: "https://example.com/music.mp3?a=1&b=2", Loop: new(0)}, Play{Digits: "ww1#"}, Pause{}, Pause{LengthSeconds: 5}},
	"hangup": {Say{Text: "Goodbye."}, Hangup{}},
	"reject": {Reject{Reason: "busy"}},
	"leave":  {Leave{}},
	"redirect": {
		Redirect{Method: "GET", URL: "https://example.com/next?call=CA1&x=y#rc=5&rp=all"},
	},
	"gather": {
		Gather{
			Input: "dtmf speech", Action: "https://example.com/menu", Method: "POST", TimeoutSeconds: 4, SpeechTimeout: "auto",
			MaxSpeechTimeSeconds: 30, ProfanityFilter: new(false), FinishOnKey: new(""), NumDigits: 1,
			PartialResultCallback: "https://example.com/partial", PartialResultCallbackMethod: "POST", Language: "de-DE",
			Hints: "sales, support", BargeIn: new(true), ActionOnEmptyResult: true, SpeechModel: "phone_call", Enhanced: true,
			Prompts: Prompts{Say{Text: "For sales press 1."}, Pause{LengthSeconds: 1}, Play{URL: "https://example.com/menu.wav"}},
		},
		Redirect{URL: "https://example.com/again"},
	},
	"gather_bot": {
		Gather{
			Input: "speech dtmf", Action: "https://example.com/twilio/bots/turn?session=ses_1&turn=3#rc=5&rp=all", Method: "POST", TimeoutSeconds: 5,
			SpeechTimeout: "1", PartialResultCallback: "https://example.com/twilio/bots/partial?session=ses_1&turn=3",
			PartialResultCallbackMethod: "POST", Language: "en-US", Hints: "invoice, delivery", BargeIn: new(true), ActionOnEmptyResult: true,
			SpeechModel: "googlev2_telephony", Prompts: Prompts{Say{Voice: "Polly.Salli", Language: "en-US", Text: "What can I do for you?"}},
		},
	},
	"gather_bot_heard_out": {
		Say{Voice: "Polly.Salli", Language: "en-US", Text: "This call is recorded."},
		Gather{
			Input: "speech dtmf", Action: "https://example.com/twilio/bots/turn?session=ses_1&turn=1#rc=5&rp=all", Method: "POST", TimeoutSeconds: 5,
			SpeechTimeout: "auto", Language: "en-US", BargeIn: new(false), ActionOnEmptyResult: true,
		},
	},
	"enqueue_task": {Enqueue{
		Action: "https://example.com/twilio/enqueue-action?call=CA1#rc=5&rp=all", WaitURL: new("https://example.com/twilio/queue-wait?call=CA1"),
		WorkflowSID: "WW00000000000000000000000000000001",
		Task:        &Task{Priority: new(0), TimeoutSeconds: 3600, Attributes: `{"skill":"sales & more","note":"<b>","quote":"\""}`},
	}},
	"enqueue_silent": {Enqueue{WaitURL: new(""), WorkflowSID: "WW00000000000000000000000000000001"}},
	"enqueue_plain":  {Enqueue{Method: "GET", MaxQueueSize: 10, WaitURLMethod: "GET", Queue: "support"}},
	"dial_conference": {Dial{
		TimeLimitSeconds: 7200, Nouns: Nouns{Conference{
			Muted: true, Beep: "false", StartConferenceOnEnter: new(true), EndConferenceOnExit: new(false), ParticipantLabel: "agent-1",
			Coach: "CA00000000000000000000000000000001", WaitURL: new(""), WaitMethod: "GET", MaxParticipants: 10,
			Record: "record-from-start", Trim: "do-not-trim", Region: "ie1", JitterBufferSize: "small",
			StatusCallback: "https://example.com/twilio/conference?call=CA1&reservation=WR1#rc=5&rp=all", StatusCallbackMethod: "POST",
			StatusCallbackEvent:     Events{"start", "end", "join", "leave", "mute", "hold", "modify"},
			RecordingStatusCallback: "https://example.com/recording", RecordingStatusCallbackMethod: "POST",
			RecordingStatusCallbackEvent: Events{"completed", "absent"},
			Name:                         "WT00000000000000000000000000000001",
		}},
	}},
	"announce": {
		Say{Text: "A call from Ann, handed on to you. Queue: Support. Waiting for 15 seconds."},
		Redirect{Method: "POST", URL: "https://example.com/twilio/announce/key?call=CA1&invitation=agent-2&reservation=WR1&room=WT1#rc=5&rp=all"},
	},
	"announce_key": {
		Gather{
			Input: "dtmf", Action: "https://example.com/twilio/announce/key?call=CA1#rc=5&rp=all", Method: "POST", TimeoutSeconds: 5,
			FinishOnKey: new(""), NumDigits: 1, Prompts: Prompts{Say{Text: "A call for you. Press 1 to take the call."}},
		},
		Gather{
			Input: "dtmf", Action: "https://example.com/twilio/announce/key?call=CA1#rc=5&rp=all", Method: "POST", TimeoutSeconds: 5,
			FinishOnKey: new(""), NumDigits: 1, Prompts: Prompts{Say{Text: "Press 1 to take the call."}},
		},
		Say{Text: "Goodbye."},
		Hangup{},
	},
	"announce_join": {Dial{Nouns: Nouns{Conference{
		Beep: "false", StartConferenceOnEnter: new(true), EndConferenceOnExit: new(false), ParticipantLabel: "agent-2", WaitURL: new(""),
		StatusCallback: "https://example.com/twilio/conference?call=CA1&reservation=WR1#rc=5&rp=all", StatusCallbackMethod: "POST",
		StatusCallbackEvent: ConferenceEvents(), Name: "WT00000000000000000000000000000001",
	}}}},
	"move_customer": {Dial{Nouns: Nouns{Conference{
		Beep: "false", StartConferenceOnEnter: new(true), EndConferenceOnExit: new(true),
		StatusCallback: "https://example.com/twilio/conference?call=CA1#rc=5&rp=all", StatusCallbackMethod: "POST",
		StatusCallbackEvent: ConferenceEvents(), Name: "WT00000000000000000000000000000001",
	}}}},
	"rescue": {
		Say{Text: "We have lost the connection to your agent."}, Play{URL: "https://example.com/music.mp3", Loop: new(0)},
	},
	"dial_people": {
		Dial{
			Action: "https://example.com/after", Method: "POST", TimeoutSeconds: 20, HangupOnStar: true, CallerID: "+15551230000",
			CallReason: "Your order", AnswerOnBridge: true, RingTone: "de", Record: "record-from-answer-dual",
			RecordingStatusCallback: "https://example.com/recording", RecordingStatusCallbackMethod: "POST",
			RecordingStatusCallbackEvent: Events{"completed"}, RecordingTrack: "both", Trim: "trim-silence",
			Nouns: []Noun{
				Number{
					SendDigits: "w12", URL: "https://example.com/whisper", Method: "GET", StatusCallback: "https://example.com/s",
					StatusCallbackMethod: "POST", StatusCallbackEvent: Events{"initiated", "answered"}, Number: "+15551230001",
				},
				Client{StatusCallback: "https://example.com/s", Identity: "ann.o'hara"},
				Sip{Username: "u", Password: "p", URI: "sip:bob@example.com;transport=tls?X-A=1&X-B=2"},
			},
		},
	},
	"unspeakable": {Say{Text: "bell \a, bad \xff, nul \x00, line\nand\ttab, smile 🙂"}},
}

func TestDocumentsAreAsTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	for name, r := range documents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := r.Bytes()
			require.NoError(t, err)
			if *rewrite {
				require.NoError(t, os.WriteFile(filepath.Join("testdata", name+".xml"), got, 0o600))
			}
			want, err := fs.ReadFile(os.DirFS("testdata"), name+".xml")
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
			require.Equal(t, string(want), r.String())

			for range 10 {
				again, err := r.Bytes()
				require.NoError(t, err)
				require.Equal(t, got, again, "the same bytes, always")
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.xml"))
	require.NoError(t, err)
	require.Len(t, files, len(documents), "a golden file that nothing writes")
}

func TestWhatTwilioWouldNotTakeIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		verb  Verb
		wrong string
	}{
		{"no verb", nil, "element 1 is nil"},
		{"nothing to say", Say{}, "<Say>: there is nothing to say"},
		{"a loop below zero", Say{Text: "x", Loop: new(-1)}, "loop is -1"},
		{"nothing to play", Play{}, "<Play>: there is nothing to play"},
		{"a pause below zero", Pause{LengthSeconds: -1}, "length is -1"},
		{"an unknown input", Gather{Input: "voice"}, `input is "voice"`},
		{"a silence after speech of part of a second", Gather{SpeechTimeout: "0.5"}, `speechTimeout is "0.5"`},
		{"no silence after speech", Gather{SpeechTimeout: "0"}, `speechTimeout is "0"`},
		{"a wrong prompt", Gather{Prompts: Prompts{Say{}}}, "<Say>: there is nothing to say"},
		{"no queue", Enqueue{}, "either a workflow or a queue"},
		{"two queues", Enqueue{WorkflowSID: "WW1", Queue: "support"}, "either a workflow or a queue"},
		{"a task without a workflow", Enqueue{Queue: "support", Task: &Task{}}, "a task needs a workflow"},
		{"attributes not JSON", Enqueue{WorkflowSID: "WW1", Task: &Task{Attributes: `{`}}, "<Task>: the attributes are not a JSON object"},
		{"attributes no object", Enqueue{WorkflowSID: "WW1", Task: &Task{Attributes: `null`}}, "not a JSON object"},
		{"a priority below zero", Enqueue{WorkflowSID: "WW1", Task: &Task{Priority: new(-1)}}, "priority is -1"},
		{"nobody to dial", Dial{}, "<Dial>: there is nobody to dial"},
		{"a conference and a number", Dial{Nouns: Nouns{Conference{Name: "x"}, Number{Number: "+1"}}}, "a conference is dialled alone"},
		{"no number", Dial{Nouns: Nouns{Number{}}}, "<Number>: a number is missing"},
		{"no client", Dial{Nouns: Nouns{Client{}}}, "<Client>: an identity is missing"},
		{"no SIP address", Dial{Nouns: Nouns{Sip{}}}, "<Sip>: an address is missing"},
		{"no conference", Dial{Nouns: Nouns{Conference{}}}, "<Conference>: a name is missing"},
		{"too large a conference", Dial{Nouns: Nouns{Conference{Name: "x", MaxParticipants: 251}}}, "at most 250"},
		{"an unknown beep", Dial{Nouns: Nouns{Conference{Name: "x", Beep: "loud"}}}, `beep is "loud"`},
		{"an unknown recording", Dial{Record: "yes", Nouns: Nouns{Number{Number: "+1"}}}, `record is "yes"`},
		{"nowhere to go", Redirect{}, "<Redirect>: a URL is missing"},
		{"an unknown reason", Reject{Reason: "bored"}, `reason is "bored"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := Response{test.verb}.Bytes()
			require.ErrorContains(t, err, test.wrong)
			require.Nil(t, b)
			require.Contains(t, Response{test.verb}.String(), test.wrong)
		})
	}
}

func TestAnyTextIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(rapid.StringMatching(`[\t\n -~äß€🙂]{1,40}`).Draw(t, "text"), "\r", "")
		url := rapid.StringMatching(`[\t\n -~]{0,40}`).Draw(t, "url")
		b, err := Response{Say{Text: text, Voice: url}, Enqueue{WaitURL: &url, Queue: text}}.Bytes()
		require.NoError(t, err)
		var got struct {
			Say struct {
				Voice string `xml:"voice,attr"`
				Text  string `xml:",chardata"`
			}
			Enqueue struct {
				WaitURL *string `xml:"waitUrl,attr"`
				Queue   string  `xml:",chardata"`
			}
		}
		require.NoError(t, xml.Unmarshal(b, &got))
		require.Equal(t, text, got.Say.Text)
		require.Equal(t, url, got.Say.Voice)
		require.Equal(t, text, got.Enqueue.Queue)
		require.NotNil(t, got.Enqueue.WaitURL)
		require.Equal(t, url, *got.Enqueue.WaitURL)
	})
}
