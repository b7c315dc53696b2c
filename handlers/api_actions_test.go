package handlers

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/workflows"
)

func jsonNumber(n int64) string { return strconv.FormatInt(n, 10) }

func TestActionsReachTheCallAsEvents(t *testing.T) {
	t.Parallel()
	ann := call.Actor{Name: "ann", Role: "agent", Agent: annSID}
	customer, own := call.SID(talkingCall), call.SID(annLeg)
	for name, test := range map[string]struct {
		path string
		want func(call.Request) call.Event
	}{
		"hold": {legPath(talkingCall, "customer", "hold"), func(r call.Request) call.Event { return call.HoldRequested{Request: r, Leg: customer} }},
		"unhold": {legPath(talkingCall, talkingCall, "unhold"), func(r call.Request) call.Event {
			return call.UnholdRequested{Request: r, Leg: customer}
		}},
		"mute":   {legPath(talkingCall, "me", "mute"), func(r call.Request) call.Event { return call.MuteRequested{Request: r, Leg: own} }},
		"unmute": {legPath(talkingCall, "agent", "unmute"), func(r call.Request) call.Event { return call.UnmuteRequested{Request: r, Leg: own} }},
		"leave":  {legPath(talkingCall, annLeg, "leave"), func(r call.Request) call.Event { return call.LeaveRequested{Request: r, Leg: own} }},
		"end":    {"/v1/calls/" + talkingCall + "/end", func(r call.Request) call.Event { return call.EndRequested{Request: r} }},
		"wrap-up": {"/v1/calls/" + talkingCall + "/wrap-up/complete", func(r call.Request) call.Event {
			return call.WrapupCompleteRequested{Request: r, Agent: annSID}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t, func(c *Config) { c.ActionWait = 3 * time.Second })
			require.Equal(t, 200, b.do("POST", test.path, annKey).Code)
			asked := b.engine.requests()
			require.Len(t, asked, 1)
			require.Equal(t, call.ID(talkingCall), asked[0].id)
			require.Equal(t, 3*time.Second, asked[0].wait)
			require.Equal(t, test.want(call.Request{Action: asked[0].updateID, By: ann}), asked[0].event)
		})
	}
}

func TestActionsAreAnsweredByWhatCameOfThem(t *testing.T) {
	t.Parallel()
	result := func(status call.ActionStatus, detail string) func(askedAction) (workflows.Result, error) {
		return func(a askedAction) (workflows.Result, error) {
			return workflows.Result{Action: a.updateID, Status: status, Detail: detail}, nil
		}
	}
	fails := func(err error) func(askedAction) (workflows.Result, error) {
		return func(askedAction) (workflows.Result, error) { return workflows.Result{}, err }
	}
	for name, test := range map[string]struct {
		answer func(askedAction) (workflows.Result, error)
		status int
		code   string
		detail string
	}{
		"still open":                   {result(call.ActionOpen, ""), 202, "", ""},
		"not verified":                 {fails(workflows.ErrUnverified), 202, "", ""},
		"superseded":                   {result(call.ActionSuperseded, "the contrary was asked for"), 409, "superseded", "the contrary was asked for"},
		"failed":                       {result(call.ActionFailed, "Twilio: 20404 not found"), 409, "failed", "Twilio: 20404 not found"},
		"impossible now":               {fails(fmt.Errorf("refused: %w", &call.NotAllowed{Code: call.CodeLegNotJoined, Message: "the leg is waiting"})), 409, "leg_not_joined", "the leg is waiting"},
		"a leg that is not the call's": {fails(&call.NotAllowed{Code: call.CodeUnknownLeg, Message: "no such leg"}), 404, "leg_not_found", "no such leg"},
		"the call has ended":           {fails(workflows.ErrEnded), 409, "call_ended", "the call has ended"},
		"the engine forgot the call":   {fails(workflows.ErrNotFound), 409, "call_ended", "the call has ended"},
		"the engine is away":           {fails(fmt.Errorf("%w: refused", workflows.ErrUnavailable)), 503, "engine_away", "the engine is away; nothing happened"},
		"a defect":                     {fails(errors.New("secret of the engine")), 500, "internal", ""},
		"an unknown outcome":           {result("odd", ""), 500, "internal", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			b.engine.answer = test.answer
			w := b.do("POST", legPath(talkingCall, "customer", "hold"), annKey)
			if test.code == "" {
				require.Equal(t, test.status, w.Code)
				require.False(t, decoded[Call](t, w.Body.Bytes()).Legs[0].Hold)
				return
			}
			p := requireProblem(t, w, test.status, test.code)
			if test.detail != "" {
				require.Equal(t, test.detail, p.Detail)
			}
			require.NotContains(t, w.Body.String(), "secret")
			if test.status == 503 {
				require.Equal(t, "1", w.Header().Get("Retry-After"))
			}
		})
	}
}

func TestAVerifiedActionIsAnsweredOnceTheReadModelShowsIt(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	answered := make(chan askedAction, 1)
	b.engine.answer = func(a askedAction) (workflows.Result, error) {
		answered <- a
		return workflows.Result{Action: a.updateID, Status: call.ActionVerified}, nil
	}
	go func() { // the projection comes after the Update's answer
		a := <-answered
		b.decide(talkingCall, a.updateID, call.ActionVerified, "")
	}()
	w := b.do("POST", legPath(talkingCall, "customer", "hold"), annKey)
	require.Equal(t, 200, w.Code)
	require.True(t, decoded[Call](t, w.Body.Bytes()).Legs[0].Hold)
}

func TestWhatWasVerifiedIsAnsweredSoThoughTheReadModelIsBehind(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*apiBundle){
		"its step is not projected": func(*apiBundle) {},
		"the store is away":         func(b *apiBundle) { require.NoError(b.t, b.store.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t, func(c *Config) { c.ActionWait, c.Timeout = time.Millisecond, 100*time.Millisecond })
			b.engine.answer = func(a askedAction) (workflows.Result, error) {
				change(b)
				return workflows.Result{Action: a.updateID, Status: call.ActionVerified}, nil
			}
			w := b.do("POST", legPath(talkingCall, "customer", "hold"), annKey)
			require.Equal(t, 200, w.Code, w.Body.String())
			require.Equal(t, Talking, decoded[Call](t, w.Body.Bytes()).State)
		})
	}
}

func TestTheSameRequestIsTheSameAction(t *testing.T) {
	t.Parallel()
	type request struct{ path, key, idempotency string }
	hold := legPath(talkingCall, "customer", "hold")
	for name, test := range map[string]struct {
		first, second request
		same          bool
	}{
		"sent again":          {request{hold, annKey, "k1"}, request{hold, annKey, "k1"}, true},
		"another key":         {request{hold, annKey, "k1"}, request{hold, annKey, "k2"}, false},
		"another person":      {request{hold, annKey, "k1"}, request{hold, sueKey, "k1"}, false},
		"another action":      {request{hold, annKey, "k1"}, request{legPath(talkingCall, "customer", "unhold"), annKey, "k1"}, false},
		"another leg":         {request{hold, sueKey, "k1"}, request{legPath(talkingCall, "agent", "hold"), sueKey, "k1"}, false},
		"another call":        {request{hold, sueKey, "k1"}, request{legPath(movedCall, "customer", "hold"), sueKey, "k1"}, false},
		"no key at all":       {request{hold, annKey, ""}, request{hold, annKey, ""}, false},
		"parts that run over": {request{hold, sueKey, "1"}, request{legPath(talkingCall, "agent", "hold"), sueKey, "customer1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			b.engine.answer = func(askedAction) (workflows.Result, error) { return workflows.Result{}, workflows.ErrUnverified }
			for _, r := range []request{test.first, test.second} {
				var headers []string
				if r.idempotency != "" {
					headers = []string{"Idempotency-Key", r.idempotency}
				}
				require.Equal(t, 202, b.do("POST", r.path, r.key, headers...).Code)
			}
			asked := b.engine.requests()
			require.Len(t, asked, 2)
			require.NotEmpty(t, asked[0].updateID)
			require.Equal(t, test.same, asked[0].updateID == asked[1].updateID)
			require.NotContains(t, asked[0].updateID, test.first.key)
		})
	}
	t.Run("too long a key is a bad request", func(t *testing.T) {
		t.Parallel()
		b := setupAPI(t)
		requireProblem(t, b.do("POST", hold, annKey, "Idempotency-Key", string(make([]byte, 129))), 400, codeBadRequest)
	})
}

func TestAnActionAskedAgainAfterTheEndHasItsOwnOutcome(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status call.ActionStatus
		want   int
		code   string
	}{
		"verified":   {call.ActionVerified, 200, ""},
		"failed":     {call.ActionFailed, 409, "failed"},
		"superseded": {call.ActionSuperseded, 409, "superseded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			path := "/v1/calls/" + endedCall + "/end"
			requireProblem(t, b.do("POST", path, bobKey, "Idempotency-Key", "k1"), 409, call.CodeCallEnded)

			id := actionID(apiKeys[1], endedCall, "end", "", &[]string{"k1"}[0])
			b.decide(endedCall, id, test.status, "why")
			w := b.do("POST", path, bobKey, "Idempotency-Key", "k1")
			require.Equal(t, test.want, w.Code)
			if test.code != "" {
				requireProblem(t, w, test.want, test.code)
			}
			require.Empty(t, b.engine.requests(), "the workflow is no more")
		})
	}
}

func TestAliasesMeanTheNewestLegThatIsThere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ leg, key, want string }{
		"agent is who has the call": {"agent", sueKey, bobMovedLeg},
		"me is one's own leg":       {"me", bobKey, bobMovedLeg},
		"me of a supervisor's":      {"me", joeKey, bobMovedLeg},
		"customer":                  {"customer", sueKey, movedCall},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			require.Equal(t, 200, b.do("POST", legPath(movedCall, test.leg, "mute"), test.key).Code)
			event, ok := b.engine.requests()[0].event.(call.MuteRequested)
			require.True(t, ok)
			require.Equal(t, call.SID(test.want), event.Leg)
		})
	}
}
