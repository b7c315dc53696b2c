package simulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever people and the API do to each other at once: every line ends, every conference ends, nobody is in two places, and each
// conference's events tell one story.
func TestNothingIsLeftOfAWildParty(t *testing.T) {
	t.Parallel()
	b := newVoiceBench(t)
	b.number()
	b.twiml("/next", "<Say>Next</Say><Dial><Conference statusCallback='/conf' "+allEvents+">room-2</Conference></Dial><Say>Bye</Say>")
	b.twiml("/voice", "<Enqueue waitUrl='/wait' action='/next'>waiting</Enqueue>")
	b.twiml("/wait", "<Say>Hold on</Say><Leave/>")

	const people, deeds = 24, 12
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			who := b.guest(i, rng)
			for range deeds {
				b.deed(who.CallSID(), who, rng)
			}
			who.HangUp()
			who.rest()
		})
	}
	wg.Wait()
	require.Empty(t, b.sim.Violations())
	for _, status := range []string{"queued", "ringing", "in-progress"} {
		require.Eventually(t, func() bool {
			return len(b.must(http.StatusOK, http.MethodGet, "/Calls.json", "Status="+status)["calls"].([]any)) == 0
		}, patienceInTests, 10*time.Millisecond, status)
	}
	for _, f := range b.must(http.StatusOK, http.MethodGet, "/Conferences.json", "PageSize=1000")["conferences"].([]any) {
		require.Equal(t, "completed", f.(object)["status"])
		b.tellsOneStory(f.(object)["sid"].(string))
	}
}

// guest calls in, or is called into a room.
func (b *voiceBench) guest(i int, rng *rand.Rand) *person {
	if i%4 == 0 {
		return b.ring()
	}
	return b.dial(fmt.Sprintf("client:guest%d", i), fmt.Sprintf(
		"<Dial><Conference endConferenceOnExit='%t' muted='%t' statusCallback='%s' %s>room-%d</Conference></Dial><Say>Bye</Say>",
		rng.IntN(4) == 0, rng.IntN(3) == 0, b.url("/conf"), allEvents, rng.IntN(3)))
}

// deed does something to a leg, be it possible or not.
func (b *voiceBench) deed(sid string, who *person, rng *rand.Rand) {
	room := ""
	b.sim.mu.Lock()
	if p := b.sim.voice.calls[sid].participant; p != nil {
		room = p.conf.sid
	}
	b.sim.mu.Unlock()
	participant := "/Conferences/" + room + "/Participants/" + sid + ".json"
	switch n := rng.IntN(12); {
	case n < 3 && room != "":
		b.call(http.MethodPost, participant, fmt.Sprintf("Hold=%t", rng.IntN(2) == 0), fmt.Sprintf("EndConferenceOnExit=%t", rng.IntN(3) == 0))
	case n < 5 && room != "":
		b.call(http.MethodPost, participant, fmt.Sprintf("Muted=%t", rng.IntN(2) == 0), "AnnounceUrl="+b.url("/wait"))
	case n == 5 && room != "":
		b.call(http.MethodDelete, participant)
	case n == 6 && room != "":
		b.call(http.MethodPost, "/Conferences/"+room+".json", "Status=completed")
	case n == 7:
		b.call(http.MethodPost, "/Calls/"+sid+".json", "Url="+b.url("/next"))
	case n == 8:
		b.call(http.MethodPost, "/Calls/"+sid+".json", "Url="+b.url("/voice"))
	case n == 9:
		who.Drop()
	case n == 10 && rng.IntN(4) == 0:
		b.call(http.MethodPost, "/Calls/"+sid+".json", "Status=completed")
	default:
		who.Speak("hello")
		who.Press("12#")
	}
}

// tellsOneStory checks a conference's callbacks by their sequence numbers: no gaps, one start at most, one end, everybody who joined
// left once.
func (b *voiceBench) tellsOneStory(sid string) {
	b.t.Helper()
	b.hit("/conf", "StatusCallbackEvent=conference-end", "ConferenceSid="+sid)
	story := func() map[string]url.Values {
		told := map[string]url.Values{}
		for _, h := range b.hitsTo("/conf", "ConferenceSid="+sid) {
			told[h.form.Get("SequenceNumber")] = h.form
		}
		return told
	}
	complete := func() bool {
		told := story()
		for i := range len(told) {
			if told[fmt.Sprint(i+1)] == nil {
				return false
			}
		}
		return true
	}
	require.Eventually(b.t, func() bool {
		return complete() && b.sim.hooks.idle()
	}, patienceInTests, 5*time.Millisecond, "gaps in the sequence numbers")
	in, counts := map[string]int{}, map[string]int{}
	told := story()
	for i := range len(told) {
		event, call := told[fmt.Sprint(i+1)].Get("StatusCallbackEvent"), told[fmt.Sprint(i+1)].Get("CallSid")
		counts[event]++
		switch event {
		case "participant-join":
			in[call]++
			require.Equal(b.t, 1, in[call], "joined twice at once")
		case "participant-leave":
			in[call]--
			require.Zero(b.t, in[call], "left without having joined")
		default:
			if strings.HasPrefix(event, "participant-") {
				require.Equal(b.t, 1, in[call], "%s of somebody who is not there", event)
			}
		}
	}
	require.Equal(b.t, 1, counts["conference-end"])
	require.LessOrEqual(b.t, counts["conference-start"], 1)
	for call, n := range in {
		require.Zero(b.t, n, "%s never left", call)
	}
}

// idle reports that every queued webhook has started.
func (h *hookSender) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.last) == 0
}
