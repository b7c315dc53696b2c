package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"holdfast/schema"
	"holdfast/store"
)

func TestRoutesAnswerAsTheContractSays(t *testing.T) {
	t.Parallel()
	one := "/v1/calls/" + talkingCall
	shared := setupAPI(t)
	t.Cleanup(func() { require.Empty(t, shared.engine.requests(), "what is refused here never reaches the engine") })
	for name, test := range map[string]struct {
		method, path, key string
		status            int
		code              string // of a problem; "" for success
	}{
		"a supervisor lists calls":                      {"GET", "/v1/calls", sueKey, 200, ""},
		"an admin lists calls":                          {"GET", "/v1/calls", admKey, 200, ""},
		"an agent lists calls":                          {"GET", "/v1/calls", annKey, 200, ""},
		"an agent lists his calls by name":              {"GET", "/v1/calls?agent=" + annSID, annKey, 200, ""},
		"an agent may not list another's":               {"GET", "/v1/calls?agent=" + bobSID, annKey, 403, "forbidden"},
		"an unknown state is a bad request":             {"GET", "/v1/calls?state=sleeping", sueKey, 400, "bad_request"},
		"an agent that is no SID is a bad request":      {"GET", "/v1/calls?agent=ann", sueKey, 400, "bad_request"},
		"a limit of 0 is a bad request":                 {"GET", "/v1/calls?limit=0", sueKey, 400, "bad_request"},
		"a limit over the most is a bad request":        {"GET", "/v1/calls?limit=201", sueKey, 400, "bad_request"},
		"a limit that is no number is a bad request":    {"GET", "/v1/calls?limit=many", sueKey, 400, "bad_request"},
		"a cursor of somebody's own is a bad request":   {"GET", "/v1/calls?cursor=!!", sueKey, 400, "bad_request"},
		"a supervisor reads a call":                     {"GET", one, sueKey, 200, ""},
		"an agent reads his call":                       {"GET", one, annKey, 200, ""},
		"an agent reads the call that he had":           {"GET", "/v1/calls/" + movedCall, annKey, 200, ""},
		"an agent may not read another's call":          {"GET", one, bobKey, 403, "not_your_call"},
		"an agent may not read a waiting call":          {"GET", "/v1/calls/" + queuedCall, annKey, 403, "not_your_call"},
		"an unknown call":                               {"GET", "/v1/calls/" + unknownCall, sueKey, 404, "call_not_found"},
		"a call's ID with other characters":             {"GET", "/v1/calls/a.b", sueKey, 400, "bad_request"},
		"a call's ID with an escaped slash":             {"GET", "/v1/calls/a%2Fb", sueKey, 400, "bad_request"},
		"a supervisor reads a timeline":                 {"GET", one + "/timeline", sueKey, 200, ""},
		"an agent reads his call's timeline":            {"GET", one + "/timeline", annKey, 200, ""},
		"an agent may not read another call's timeline": {"GET", one + "/timeline", bobKey, 403, "not_your_call"},
		"the timeline of an unknown call":               {"GET", "/v1/calls/" + unknownCall + "/timeline", sueKey, 404, "call_not_found"},
		"a timeline after less than nothing":            {"GET", one + "/timeline?after=-1", sueKey, 400, "bad_request"},
		"a timeline's limit over the most":              {"GET", one + "/timeline?limit=1001", sueKey, 400, "bad_request"},
		"hold":                                          {"POST", legPath(talkingCall, "customer", "hold"), sueKey, 200, ""},
		"hold by the leg's SID":                         {"POST", legPath(talkingCall, talkingCall, "hold"), annKey, 200, ""},
		"unhold":                                        {"POST", legPath(talkingCall, "customer", "unhold"), annKey, 200, ""},
		"mute":                                          {"POST", legPath(talkingCall, "me", "mute"), annKey, 200, ""},
		"unmute":                                        {"POST", legPath(talkingCall, "agent", "unmute"), annKey, 200, ""},
		"leave":                                         {"POST", legPath(talkingCall, annLeg, "leave"), annKey, 200, ""},
		"end":                                           {"POST", one + "/end", annKey, 200, ""},
		"complete wrap-up":                              {"POST", one + "/wrap-up/complete", annKey, 200, ""},
		"a leg that the call does not have":             {"POST", legPath(talkingCall, bobLeg, "hold"), sueKey, 404, "leg_not_found"},
		"an alias of nobody":                            {"POST", legPath(queuedCall, "agent", "mute"), sueKey, 404, "leg_not_found"},
		"me, by somebody who is no agent":               {"POST", legPath(talkingCall, "me", "mute"), sueKey, 404, "leg_not_found"},
		"me, by an agent who is not in the call":        {"POST", legPath(talkingCall, "me", "mute"), joeKey, 404, "leg_not_found"},
		"an action on an unknown call":                  {"POST", "/v1/calls/" + unknownCall + "/end", sueKey, 404, "call_not_found"},
		"an action on an ended call":                    {"POST", "/v1/calls/" + endedCall + "/end", sueKey, 409, "call_ended"},
		"an agent may not end another's call":           {"POST", one + "/end", bobKey, 403, "not_your_call"},
		"an agent may not end the call that he had":     {"POST", "/v1/calls/" + movedCall + "/end", annKey, 403, "not_your_call"},
		"an agent may not hold his own leg":             {"POST", legPath(talkingCall, "me", "hold"), annKey, 403, "forbidden"},
		"an agent may not mute the customer":            {"POST", legPath(talkingCall, "customer", "mute"), annKey, 403, "not_your_leg"},
		"an agent may not take the customer out":        {"POST", legPath(talkingCall, "customer", "leave"), annKey, 403, "not_your_leg"},
		"a supervisor takes an agent out":               {"POST", legPath(talkingCall, "agent", "leave"), sueKey, 200, ""},
		"a path that there is not":                      {"GET", "/v1/nothing", sueKey, 404, "not_found"},
		"a method that a path does not take":            {"DELETE", one, sueKey, 405, "method_not_allowed"},
		"health":                                        {"GET", "/healthz", "", 200, ""},
		"readiness":                                     {"GET", "/readyz", "", 200, ""},
		"metrics that are switched off":                 {"GET", "/metrics", "", 404, "not_found"},
		"a stream of a call with a wrong ID":            {"GET", "/v1/stream?call=a.b", sueKey, 400, "bad_request"},
		"a stream from less than nothing":               {"GET", "/v1/stream?last_event_id=-1", sueKey, 400, "bad_request"},
		"a stream from no number":                       {"GET", "/v1/stream?last_event_id=x", sueKey, 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := shared
			if test.method == "POST" && test.code == "" {
				b = setupAPI(t) // for it changes the call
			}
			w := b.do(test.method, test.path, test.key)
			if test.code == "" {
				require.Equal(t, test.status, w.Code, w.Body.String())
				return
			}
			requireProblem(t, w, test.status, test.code)
		})
	}
}

func TestEveryOperationOfTheContractIsThereAndAsksForAKey(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	doc, err := openapi3.NewLoader().LoadFromData(schema.OpenAPI)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	asked := 0
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !strings.HasPrefix(path, "/v1/") {
				continue
			}
			asked++
			path := strings.NewReplacer("{call}", talkingCall, "{leg}", "customer").Replace(path)
			w := b.do(method, path+"?limit=none", "") // the key comes before everything else
			requireProblem(t, w, http.StatusUnauthorized, codeUnauthorized)
			require.Equal(t, `Bearer realm="holdfast"`, w.Header().Get("WWW-Authenticate"), operation.OperationID)
		}
	}
	require.Equal(t, 52, asked)
	served := 0
	for _, route := range b.server.Echo().Routes() {
		if strings.HasPrefix(route.Path, "/v1/") {
			served++
		}
	}
	require.Equal(t, asked, served, "what is served is in the contract")
}

func TestACallIsShownAsTheContractSays(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	require.JSONEq(t, `{
		"id": "`+talkingCall+`", "state": "talking", "outcome": "", "direction": "inbound", "from": "+15551230001", "to": "+15559870002",
		"queue": {"sid": "WQ00000000000000000000000000000001", "name": "Support"}, "agent": {"sid": "`+annSID+`", "name": "ann"},
		"task_sid": "", "conference_sid": "",
		"legs": [
			{"call_sid": "`+talkingCall+`", "role": "customer", "address": "+15551230001", "state": "joined", "hold": false, "muted": false,
			 "held_total_ms": 0, "held_longest_ms": 0},
			{"call_sid": "`+annLeg+`", "role": "agent", "address": "client:ann", "agent_sid": "`+annSID+`", "agent_name": "ann",
			 "state": "joined", "hold": false, "muted": false, "held_total_ms": 0, "held_longest_ms": 0, "joined_at": "2026-03-02T09:00:05.25Z"}
		],
		"invitations": [], "transfers": [], "helps": [], "parts": [],
		"received_at": "2026-03-02T09:00:01.25Z", "answered_at": "2026-03-02T09:00:05.25Z"
	}`, b.do("GET", "/v1/calls/"+talkingCall, sueKey).Body.String())

	require.Contains(t, b.do("GET", "/v1/calls/"+queuedCall, sueKey).Body.String(), `"agent":null`)
}

func TestACallOfWhichLittleIsKnownFitsTheContract(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.project(store.CallRow{ID: unknownCall, UpdatedAt: moment(1)},
		[]store.LegRow{{CallID: unknownCall, CallSID: unknownCall, Role: "customer"}},
		store.Entry{Number: 1, Kind: "ReadBackDue", Source: "clock"})
	c := decoded[Call](t, b.do("GET", "/v1/calls/"+unknownCall, sueKey).Body.Bytes())
	require.Equal(t, Queued, c.State)
	require.Equal(t, Waiting, c.Legs[0].State)
	page := decoded[TimelinePage](t, b.do("GET", "/v1/calls/"+unknownCall+"/timeline", sueKey).Body.Bytes())
	require.JSONEq(t, `{}`, string(page.Entries[0].Data))
}

func TestListsAreFiltered(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	for name, test := range map[string]struct{ query, key, want string }{
		"everything, newest first":        {"", sueKey, "4 3 2 1"},
		"one state":                       {"?state=queued", sueKey, "2"},
		"two states":                      {"?state=queued&state=ended", sueKey, "3 2"},
		"a queue by name":                 {"?queue=Support", sueKey, "1"},
		"a queue by SID":                  {"?queue=WQ00000000000000000000000000000002", sueKey, "2"},
		"an agent, with the calls he had": {"?agent=" + annSID, sueKey, "4 1"},
		"an agent's key":                  {"", bobKey, "4 3"},
		"an agent's key and a state":      {"?state=ended", bobKey, "3"},
		"nothing":                         {"?queue=Nowhere", sueKey, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := decoded[CallPage](t, b.do("GET", "/v1/calls"+test.query, test.key).Body.Bytes())
			require.Equal(t, test.want, callIDs(page.Calls))
			require.Empty(t, page.NextCursor)
		})
	}
}

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	var got []Call
	cursor := ""
	for range 2 {
		page := decoded[CallPage](t, b.do("GET", "/v1/calls?limit=2&cursor="+url.QueryEscape(cursor), sueKey).Body.Bytes())
		require.Len(t, page.Calls, 2)
		got, cursor = append(got, page.Calls...), page.NextCursor
	}
	require.Equal(t, "4 3 2 1", callIDs(got))
	require.Empty(t, cursor)
}

func TestTimelinesArePaged(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	path := "/v1/calls/" + talkingCall + "/timeline"
	first := decoded[TimelinePage](t, b.do("GET", path+"?limit=1", sueKey).Body.Bytes())
	require.Len(t, first.Entries, 1)
	require.Equal(t, "CallReceived", first.Entries[0].Kind)
	require.Empty(t, first.Entries[0].AgentSids)
	require.Equal(t, first.Entries[0].Seq, first.NextAfter)

	next := "?after=" + jsonNumber(first.NextAfter)
	second := decoded[TimelinePage](t, b.do("GET", path+next, annKey).Body.Bytes())
	require.Len(t, second.Entries, 1)
	require.Equal(t, "ParticipantJoined", second.Entries[0].Kind)
	require.Equal(t, []string{annSID}, second.Entries[0].AgentSids)
	require.JSONEq(t, `{"call_sid":"`+annLeg+`"}`, string(second.Entries[0].Data))

	last := decoded[TimelinePage](t, b.do("GET", path+"?after="+jsonNumber(second.NextAfter), sueKey).Body.Bytes())
	require.Empty(t, last.Entries)
	require.Equal(t, second.NextAfter, last.NextAfter, "where there is nothing more, one asks again from the same place")
}

func TestWithoutTheStoreReadsAreUnavailable(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"list": "/v1/calls", "call": "/v1/calls/" + talkingCall, "timeline": "/v1/calls/" + talkingCall + "/timeline", "stream": "/v1/stream",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			away := &store.Store{}
			b := setupAPI(t, func(c *Config) {
				var err error
				away, err = store.Open(t.Context(), t.TempDir()+"/away.db")
				require.NoError(t, err)
				require.NoError(t, away.Migrate(t.Context()))
				c.Store = away
			})
			require.NoError(t, away.Close())
			w := b.do("GET", path, sueKey)
			requireProblem(t, w, http.StatusServiceUnavailable, codeStoreAway)
			require.Equal(t, "1", w.Header().Get("Retry-After"))
		})
	}
}

func TestBodiesAreLimited(t *testing.T) {
	t.Parallel()
	b := setupAPI(t, func(c *Config) { c.MaxBody = 10 })
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/calls/"+talkingCall+"/end", strings.NewReader(strings.Repeat("x", 11)))
	r.Header.Set("Authorization", "Bearer "+sueKey)
	requireProblem(t, b.serve(r), http.StatusRequestEntityTooLarge, codeBodyTooLarge)
	require.Empty(t, b.engine.requests())
}
