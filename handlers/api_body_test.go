package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/workflows"
)

func TestBadInputIsRefusedByWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live()
	target := func(fields string) string { return `{"target":{` + fields + `}}` }
	long := strings.Repeat("x", 3000)
	for name, test := range map[string]struct{ path, body, code, detail string }{
		"no body":                             {"participants", "", "bad_request", "a body is needed"},
		"no body of a transfer":               {"transfers", "", "bad_request", "a body is needed"},
		"no body of supervision":              {"supervision", "", "bad_request", "a body is needed"},
		"no body of a mode":                   {"supervision/mode", "", "bad_request", "a body is needed"},
		"no JSON":                             {"participants", `{`, "bad_request", "cut off"},
		"a word that means nothing":           {"legs/customer/hold", `{"music":"https://example.com/m.mp3"}`, "bad_request", `unknown field "music"`},
		"a word of another type":              {"help", `{"reason":7}`, "bad_request", "reason must not be a number"},
		"two bodies":                          {"help", `{} {}`, "bad_request", "more than one"},
		"no kind":                             {"participants", target(`"address":"+15551230001"`), "bad_target", "target.kind"},
		"an unknown kind":                     {"participants", target(`"kind":"robot"`), "bad_target", `"robot"`},
		"an agent by nothing":                 {"participants", target(`"kind":"agent"`), "bad_target", "worker SID"},
		"an agent by a queue":                 {"participants", target(`"kind":"agent","queue_sid":"` + queue1SID + `"`), "bad_target", "target.queue_sid does not go with kind agent"},
		"an agent by name":                    {"participants", target(`"kind":"agent","agent_sid":"bob"`), "bad_target", "worker SID"},
		"oneself":                             {"participants", target(`"kind":"agent","agent_sid":"` + annSID + `"`), "bad_target", "yourself"},
		"a queue by nothing":                  {"transfers", `{"mode":"cold","target":{"kind":"queue"}}`, "bad_target", "task queue's SID"},
		"a number by nothing":                 {"participants", target(`"kind":"number"`), "bad_target", "address is missing"},
		"a number with no country":            {"participants", target(`"kind":"number","address":"5551230001"`), "bad_address", "country code"},
		"a number with spaces":                {"participants", target(`"kind":"number","address":"+1 555 123"`), "bad_address", "country code"},
		"a number that is too long":           {"participants", target(`"kind":"number","address":"+1234567890123456"`), "bad_address", "country code"},
		"an outside number that is a client":  {"participants", target(`"kind":"number","address":"client:bob"`), "bad_address", "neither"},
		"SIP without a host":                  {"participants", target(`"kind":"number","address":"sip:bob"`), "bad_address", "neither"},
		"an address that is too long":         {"participants", target(`"kind":"number","address":"sip:` + long + `@x"`), "bad_address", "255 bytes"},
		"a name that is too long":             {"participants", target(`"kind":"number","address":"+15551230001","name":"` + long + `"`), "bad_target", "64 characters"},
		"a supervisor at a web address":       {"supervision", `{"mode":"monitor","address":"https://example.com"}`, "bad_address", "none of"},
		"a supervisor at TwiML":               {"supervision", `{"mode":"monitor","address":"client:<Dial>"}`, "bad_address", "none of"},
		"an unknown mode of transfer":         {"transfers", `{"mode":"hot","target":{"kind":"number","address":"+15551230001"}}`, "bad_request", "neither cold nor warm"},
		"an unknown mode of supervision":      {"supervision", `{"mode":"shout","address":"client:sue"}`, "bad_request", "monitor, whisper, barge"},
		"an unknown mode to change to":        {"supervision/mode", `{"mode":""}`, "bad_request", "monitor, whisper, barge"},
		"music by a path":                     {"legs/customer/hold", `{"music_url":"/m.mp3"}`, "bad_request", "http or https"},
		"music by a path that hides its host": {"legs/customer/hold", `{"music_url":"//example.com/assets/m.mp3"}`, "bad_request", "http or https"},
		"music from a file":                   {"legs/customer/hold", `{"music_url":"file:///etc/passwd"}`, "bad_request", "http or https"},
		"music with a password":               {"legs/customer/hold", `{"music_url":"https://a:b@example.com/m.mp3"}`, "bad_request", "password"},
		"music from nowhere":                  {"legs/customer/hold", `{"music_url":"https://"}`, "bad_request", "http or https"},
		"music that is too long":              {"legs/customer/hold", `{"music_url":"https://example.com/` + long + `"}`, "bad_request", "2000 bytes"},
		"a rejoin nowhere":                    {"rejoin", `{"address":"ann"}`, "bad_address", "none of"},
		"a reason that is too long":           {"help", `{"reason":"` + long + `"}`, "bad_request", "500 characters"},
		"nobody's wish":                       {"help/dismiss", `{"agent_sid":"ann"}`, "bad_request", "worker SID"},
		"a label that is none":                {"invitations/Bob/withdraw", "", "bad_request", "label"},
		"a target who has the call":           {"transfers", `{"mode":"warm","target":{"kind":"agent","agent_sid":"` + annSID + `"}}`, "bad_target", "yourself"},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share a call
			p := requireProblem(t, b.post(test.path, annKey, test.body), http.StatusBadRequest, test.code)
			require.Contains(t, p.Detail, test.detail)
		})
	}
	require.Empty(t, b.engine.requests())
	p := requireProblem(t, b.post("transfers", sueKey, `{"mode":"warm","target":{"kind":"agent","agent_sid":"`+annSID+`"}}`), 400, codeBadTarget)
	require.Contains(t, p.Detail, "has the call already")
}

func TestABodyThatIsNotSaidToBeJSONIsRefusedAndNotPassedOver(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, legPath(talkingCall, "customer", "hold"), strings.NewReader(`{"music_url":"https://example.com/m.mp3"}`))
	r.Header.Set("Authorization", "Bearer "+annKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // what curl says by itself
	p := requireProblem(t, b.serve(r), http.StatusBadRequest, codeBadRequest)
	require.Contains(t, p.Detail, "Content-Type: application/json")
	require.Empty(t, b.engine.requests())
}

func TestTheCoresReasonsAreAnswered(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	for code, status := range map[string]int{
		"transfer_open": 409, "no_transfer": 409, "not_consulting": 409, "customer_not_joined": 409, "too_many_participants": 409, "invitation_over": 409,
		"no_supervision": 409, "not_an_agent_leg": 409, "already_supervising": 409, "not_rejoinable": 409, "bad_target": 400, "bad_address": 400,
	} {
		b.engine.answer = func(askedAction) (workflows.Result, error) {
			return workflows.Result{}, &call.NotAllowed{Code: code, Message: "because"}
		}
		p := requireProblem(t, b.do("POST", "/v1/calls/"+talkingCall+"/end", annKey), status, code)
		require.Equal(t, "because", p.Detail)
	}
	b.engine.answer = func(askedAction) (workflows.Result, error) {
		return workflows.Result{}, &call.NotAllowed{Code: "unknown_invitation", Message: "because"}
	}
	requireProblem(t, b.do("POST", "/v1/calls/"+talkingCall+"/invitations/agent-7/withdraw", sueKey), 404, codeInvitationNotFound)
}

func TestWhatWasDecidedIsAnsweredThoughWhoAskedHasLeftByIt(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	key := "k1"
	b.live(func(s *call.State) {
		s.Legs[1].State, s.Legs[1].LeftAt = call.LegLeft, moment(50)
		s.Actions = []call.Action{{
			Request: call.Request{Action: actionID(apiKeys[0], liveCall, "transfers/complete", "", &key)}, Kind: "TransferCompleteRequested", Status: call.ActionVerified,
		}}
	})
	path := "/v1/calls/" + liveCall + "/transfers/current/complete"
	require.Equal(t, http.StatusOK, b.do("POST", path, annKey, "Idempotency-Key", key).Code)
	requireProblem(t, b.do("POST", path, annKey, "Idempotency-Key", "k2"), 403, codeNotYourCall)
	require.Empty(t, b.engine.requests())
}
