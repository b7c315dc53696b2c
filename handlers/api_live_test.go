package handlers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// A call with everybody in it: ann has it and asks bob, a number from outside takes part, sue listens, and joe coaches in private.
const (
	liveCall  = "CA000000000000000000000000000000e1"
	liveAnn   = "CA000000000000000000000000000000e2"
	liveBank  = "CA000000000000000000000000000000e3"
	liveBob   = "CA000000000000000000000000000000e4"
	liveSue   = "CA000000000000000000000000000000e5"
	liveJoe   = "CA000000000000000000000000000000e6"
	queue1SID = "WQ00000000000000000000000000000001"
	zoeSID    = "WK000000000000000000000000000000c3"
)

func liveState() call.State {
	s := call.New(liveCall, call.DefaultSettings())
	ann, bob := call.AgentSID(annSID), call.AgentSID(bobSID)
	s.Legs = []call.Leg{
		{Call: liveCall, Role: call.RoleCustomer, State: call.LegJoined, Hold: true, HeldSince: moment(30), HeldTotal: 41250 * time.Millisecond, HeldLongest: 30100 * time.Millisecond},
		{Call: liveAnn, Role: call.RoleAgent, Agent: ann, Address: "client:ann", Reservation: "WR1", State: call.LegJoined, JoinedAt: moment(5)},
		{Call: liveBank, Role: call.RoleExternal, Address: "+15551230009", Label: "external-1", State: call.LegJoined, JoinedAt: moment(10)},
		{Call: liveBob, Role: call.RoleAgent, Agent: bob, Address: "client:bob", Label: "agent-2", Reservation: "WR2", State: call.LegJoined, JoinedAt: moment(31)},
		{
			Call: liveSue, Role: call.RoleSupervisor, Address: "client:sue", Label: "supervisor-3", State: call.LegJoined, Muted: true, JoinedAt: moment(12),
			Supervision: call.Supervision{Wanted: call.Barge, Coach: liveAnn},
		},
		{
			Call: liveJoe, Role: call.RoleSupervisor, Address: "client:joe", Label: "supervisor-4", State: call.LegJoined, Coaching: true, Coach: liveAnn, JoinedAt: moment(13),
			Supervision: call.Supervision{Wanted: call.Whisper, Coach: liveAnn, Private: true},
		},
	}
	s.Reservations = []call.Reservation{
		{Assignment: call.Assignment{Reservation: "WR0", Task: "WT1", Agent: zoeSID, AgentName: "zoe"}, Status: call.ReservationIsRejected},
		{Assignment: call.Assignment{Reservation: "WR1", Task: "WT1", Agent: ann, AgentName: "ann", Address: "client:ann"}, Status: call.ReservationIsAccepted},
		{Assignment: call.Assignment{Reservation: "WR2", Task: "WT2", Agent: bob, AgentName: "bob", Address: "client:bob"}, Status: call.ReservationIsAccepted},
	}
	s.Invitations = []call.Invitation{
		{Label: "external-1", Purpose: call.PurposeJoin, Role: call.RoleExternal, Target: call.Target{Kind: call.TargetNumber, Address: "+15551230009"}, By: call.Actor{Name: "ann", Role: RoleAgent}, Status: call.InvitationJoined, At: moment(9), Leg: liveBank},
		{Label: "agent-2", Purpose: call.PurposeTransfer, Role: call.RoleAgent, Target: call.Target{Kind: call.TargetAgent, Agent: bob}, By: call.Actor{Name: "ann", Role: RoleAgent}, Status: call.InvitationJoined, At: moment(29), Until: moment(59), Task: call.Task{SID: "WT2"}, Leg: liveBob},
		{Label: "supervisor-3", Purpose: call.PurposeListen, Role: call.RoleSupervisor, Target: call.Target{Kind: call.TargetSupervisor, Address: "client:sue"}, By: call.Actor{Name: "sue", Role: RoleSupervisor}, Status: call.InvitationJoined, At: moment(11), Leg: liveSue},
		{
			Label: "supervisor-4", Purpose: call.PurposeListen, Role: call.RoleSupervisor, Target: call.Target{Kind: call.TargetSupervisor, Address: "client:joe"}, By: call.Actor{Name: "joe", Role: RoleSupervisor}, Status: call.InvitationJoined, At: moment(11), Leg: liveJoe,
			Supervision: call.Supervision{Wanted: call.Whisper, Private: true},
		},
		{Label: "external-5", Purpose: call.PurposeJoin, Role: call.RoleExternal, Target: call.Target{Kind: call.TargetNumber, Address: "+15551230010"}, By: call.Actor{Name: "ann", Role: RoleAgent}, Status: call.InvitationFailed, Failure: call.FailedBusy, Detail: "Twilio says busy", At: moment(28)},
	}
	s.Transfers = []call.Transfer{{Invitation: "agent-2", Mode: call.TransferWarm, From: liveAnn, FromAgent: ann, Status: call.TransferIsConsulting, At: moment(29)}}
	s.Helps = []call.Help{{Agent: ann, Name: "ann", Reason: "refund", At: moment(20)}}
	return s
}

// live projects the call with everybody in it, changed or not.
func (b *apiBundle) live(change ...func(*call.State)) {
	b.t.Helper()
	s := liveState()
	for _, f := range change {
		f(&s)
	}
	raw, err := json.Marshal(s)
	require.NoError(b.t, err)
	legs := make([]store.LegRow, len(s.Legs))
	for i, l := range s.Legs {
		legs[i] = store.LegRow{
			CallID: liveCall, CallSID: string(l.Call), Role: string(l.Role), Address: l.Address, AgentSID: string(l.Agent), State: string(l.State), Hold: l.Hold, Muted: l.Muted,
			JoinedAt: l.JoinedAt, LeftAt: l.LeftAt,
		}
	}
	b.project(store.CallRow{
		ID: liveCall, State: "held", AgentSID: annSID, AgentName: "ann", ReceivedAt: moment(1), UpdatedAt: moment(40), Revision: 1, Snapshot: raw,
		Concerned: []string{annSID, bobSID}, Private: []string{"supervisor-4", liveJoe},
	}, legs,
		store.Entry{Number: 1, Kind: "CallReceived", Source: "twilio", State: "queued"},
		store.Entry{Number: 2, Kind: "SuperviseRequested", Source: "api", State: "talking", Agents: []string{annSID}, Private: true, Data: []byte(`{"private":true}`)},
		store.Entry{Number: 3, Kind: "ParticipantJoined", Source: "twilio", State: "talking", Agents: []string{annSID}, Data: []byte(`{"call_sid":"` + liveSue + `"}`)},
		store.Entry{Number: 4, Kind: "ParticipantJoined", Source: "twilio", State: "talking", Agents: []string{annSID}, Data: []byte(`{"call_sid":"` + liveJoe + `"}`)},
		store.Entry{Number: 5, Kind: "ParticipantHeld", Source: "twilio", State: "held", Agents: []string{annSID}, Data: []byte(`{"call_sid":"` + liveCall + `"}`)})
}

// post sends a body; the engine's answer is that nothing is verified yet, so that the call stays as it is.
func (b *apiBundle) post(path, key, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	b.engine.answer = func(askedAction) (workflows.Result, error) { return workflows.Result{}, workflows.ErrUnverified }
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, "/v1/calls/"+liveCall+"/"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return b.serve(r)
}

func TestACallShowsEverybodyToThoseWhoMayKnow(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live()
	c := decoded[Call](t, b.do("GET", "/v1/calls/"+liveCall, sueKey).Body.Bytes())
	require.Len(t, c.Legs, 6)
	require.EqualValues(t, 41250, c.Legs[0].HeldTotalMS)
	require.EqualValues(t, 30100, c.Legs[0].HeldLongestMS)
	require.Equal(t, moment(30), *c.Legs[0].HeldSince)
	require.Equal(t, "external-1", *c.Legs[2].Label)
	sue, joe := c.Legs[4], c.Legs[5]
	require.Equal(t, []SupervisionMode{Monitor, Barge, Whisper}, []SupervisionMode{*sue.Mode, *sue.WantedMode, *joe.Mode}, "by what Twilio told, not by what is wanted")
	require.Equal(t, liveAnn, *joe.Coach)
	require.True(t, *joe.Private)
	require.Nil(t, sue.Private)
	require.Len(t, c.Invitations, 5)
	require.Equal(t, "ann", c.Invitations[1].By)
	require.Equal(t, bobSID, *c.Invitations[1].Target.AgentSID)
	require.Equal(t, FailureBusy, *c.Invitations[4].Failure)
	require.Equal(t, "consulting", c.Transfers[0].Status)
	require.Equal(t, []Help{{AgentSID: annSID, AgentName: "ann", Reason: optional("refund"), At: moment(20)}}, c.Helps)
	require.Len(t, c.Parts, 2, "who rejected had no part")
	require.Equal(t, []string{"WT1", "WT2"}, []string{c.Parts[0].TaskSID, c.Parts[1].TaskSID})
	require.Equal(t, c, decoded[CallPage](t, b.do("GET", "/v1/calls?state=held", sueKey).Body.Bytes()).Calls[0], "lists show the same")
}

func TestEachAgentsWorkAfterTheCallIsShown(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live(func(s *call.State) {
		s.Task = call.Task{SID: "WT1", Completed: true, OverAt: moment(50), ClosedAt: moment(62)}
		s.Invitations[1].Task = call.Task{SID: "WT2", OverAt: moment(55)}
	})
	c := decoded[Call](t, b.do("GET", "/v1/calls/"+liveCall, sueKey).Body.Bytes())
	require.Len(t, c.Parts, 2)
	require.Equal(t, moment(50), *c.Parts[0].WrapUpBeganAt)
	require.Equal(t, moment(62), *c.Parts[0].WrapUpEndedAt)
	require.EqualValues(t, 12_000, c.Parts[0].WrapUpMS)
	require.Equal(t, moment(55), *c.Parts[1].WrapUpBeganAt)
	require.Nil(t, c.Parts[1].WrapUpEndedAt, "he is at it")
	require.Zero(t, c.Parts[1].WrapUpMS)
	b = setupAPI(t)
	b.live()
	c = decoded[Call](t, b.do("GET", "/v1/calls/"+liveCall, sueKey).Body.Bytes())
	require.Nil(t, c.Parts[0].WrapUpBeganAt, "he is in the call")
}

func TestAgentsAreNotShownWhoListensInPrivate(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live()
	for _, path := range []string{"/v1/calls/" + liveCall, "/v1/calls", "/v1/calls/" + liveCall + "/timeline?limit=2"} {
		w := b.do("GET", path, annKey)
		require.Equal(t, http.StatusOK, w.Code)
		for _, secret := range []string{liveJoe, "supervisor-4", "client:joe", "rivate"} {
			require.NotContains(t, w.Body.String(), secret, path)
		}
		if !strings.Contains(path, "timeline") {
			require.Contains(t, w.Body.String(), liveSue, "who listens openly is shown")
		}
	}
	var kinds []string
	page := TimelinePage{}
	for range 3 {
		page = decoded[TimelinePage](t, b.do("GET", "/v1/calls/"+liveCall+"/timeline?limit=2&after="+jsonNumber(page.NextAfter), annKey).Body.Bytes())
		for _, e := range page.Entries {
			kinds = append(kinds, e.Kind)
		}
	}
	require.Equal(t, []string{"CallReceived", "ParticipantJoined", "ParticipantHeld"}, kinds, "a page is full though something is left out")
	whole := decoded[TimelinePage](t, b.do("GET", "/v1/calls/"+liveCall+"/timeline", sueKey).Body.Bytes())
	require.Len(t, whole.Entries, 5)
	require.True(t, *whole.Entries[1].Private)
	requireProblem(t, b.post("legs/supervisor-4/hold", annKey, ""), 404, codeLegNotFound)
	requireProblem(t, b.post("legs/"+liveJoe+"/leave", annKey, ""), 404, codeLegNotFound)
	requireProblem(t, b.post("invitations/supervisor-4/withdraw", annKey, ""), 404, codeInvitationNotFound)

	agent, supervisor := streamReader{key: Key{Role: RoleAgent, Agent: annSID}}, streamReader{key: Key{Role: RoleSupervisor}}
	hidden := frame{agents: []string{annSID}, private: true}
	require.False(t, agent.wants(hidden))
	require.True(t, supervisor.wants(hidden))
	require.True(t, agent.wants(frame{agents: []string{annSID}}))
}

func TestActionsOnALiveCallReachItAsEvents(t *testing.T) {
	t.Parallel()
	number := call.Target{Kind: call.TargetNumber, Address: "+15551230011", Name: "bank"}
	const numberBody = `{"target":{"kind":"number","address":"+15551230011","name":"bank"}}`
	for name, test := range map[string]struct {
		path, key, body string
		want            func(call.Request) call.Event
	}{
		"hold with music": {"legs/customer/hold", annKey, `{"music_url":"https://example.com/m.mp3"}`, func(r call.Request) call.Event {
			return call.HoldRequested{Request: r, Leg: liveCall, Music: "https://example.com/m.mp3"}
		}},
		"hold with music of our own": {"legs/customer/hold", annKey, `{"music_url":"/assets/m.mp3"}`, func(r call.Request) call.Event {
			return call.HoldRequested{Request: r, Leg: liveCall, Music: "/assets/m.mp3"}
		}},
		"hold by label": {"legs/external-1/hold", annKey, "{}", func(r call.Request) call.Event { return call.HoldRequested{Request: r, Leg: liveBank} }},
		"a supervisor's own leg": {"legs/me/leave", sueKey, "", func(r call.Request) call.Event {
			return call.LeaveRequested{Request: r, Leg: liveSue}
		}},
		"a supervisor's own leg, who is an agent too": {"legs/me/leave", joeKey, "", func(r call.Request) call.Event {
			return call.LeaveRequested{Request: r, Leg: liveJoe}
		}},
		"join": {"participants", annKey, numberBody, func(r call.Request) call.Event { return call.JoinRequested{Request: r, Target: number} }},
		"withdraw": {"invitations/agent-2/withdraw", annKey, "", func(r call.Request) call.Event {
			return call.WithdrawRequested{Request: r, Invitation: "agent-2"}
		}},
		"withdraw what is not known here yet": {"invitations/agent-9/withdraw", sueKey, "", func(r call.Request) call.Event {
			return call.WithdrawRequested{Request: r, Invitation: "agent-9"}
		}},
		"transfer one's own part": {"transfers", annKey, `{"mode":"cold","target":{"kind":"queue","queue_sid":"` + queue1SID + `"}}`, func(r call.Request) call.Event {
			return call.TransferRequested{Request: r, Mode: call.TransferCold, Target: call.Target{Kind: call.TargetQueue, Queue: queue1SID}, From: liveAnn}
		}},
		"transfer for who has it": {"transfers", sueKey, `{"mode":"warm","target":{"kind":"agent","agent_sid":"` + zoeSID + `"}}`, func(r call.Request) call.Event {
			return call.TransferRequested{Request: r, Mode: call.TransferWarm, Target: call.Target{Kind: call.TargetAgent, Agent: zoeSID}, From: liveAnn}
		}},
		"transfer for another": {"transfers", sueKey, `{"mode":"warm","from":"agent-2","target":{"kind":"supervisor","address":"client:sue"}}`, func(r call.Request) call.Event {
			return call.TransferRequested{Request: r, Mode: call.TransferWarm, Target: call.Target{Kind: call.TargetSupervisor, Address: "client:sue"}, From: liveBob}
		}},
		"swap":     {"transfers/current/swap", annKey, "", func(r call.Request) call.Event { return call.SwapRequested{Request: r} }},
		"merge":    {"transfers/current/merge", sueKey, "", func(r call.Request) call.Event { return call.MergeRequested{Request: r} }},
		"complete": {"transfers/current/complete", annKey, "", func(r call.Request) call.Event { return call.TransferCompleteRequested{Request: r} }},
		"cancel":   {"transfers/current/cancel", annKey, "", func(r call.Request) call.Event { return call.TransferCancelRequested{Request: r} }},
		"rejoin where one was": {"rejoin", annKey, "", func(r call.Request) call.Event {
			return call.RejoinRequested{Request: r, Address: "client:ann"}
		}},
		"rejoin elsewhere": {"rejoin", annKey, `{"address":"+15551230012"}`, func(r call.Request) call.Event {
			return call.RejoinRequested{Request: r, Address: "+15551230012"}
		}},
		"listen": {"supervision", sueKey, `{"mode":"monitor","address":"client:sue"}`, func(r call.Request) call.Event {
			return call.SuperviseRequested{Request: r, Mode: call.Monitor, Address: "client:sue"}
		}},
		"coach in private": {"supervision", admKey, `{"mode":"whisper","address":"sip:adm@example.com","coach":"agent","private":true}`, func(r call.Request) call.Event {
			return call.SuperviseRequested{Request: r, Mode: call.Whisper, Address: "sip:adm@example.com", Coach: liveAnn, Private: true}
		}},
		"change one's mode": {"supervision/mode", sueKey, `{"mode":"whisper","coach":"agent-2"}`, func(r call.Request) call.Event {
			return call.SupervisionModeRequested{Request: r, Leg: liveSue, Mode: call.Whisper, Coach: liveBob}
		}},
		"change another's mode": {"supervision/mode", admKey, `{"mode":"barge","leg":"supervisor-4"}`, func(r call.Request) call.Event {
			return call.SupervisionModeRequested{Request: r, Leg: liveJoe, Mode: call.Barge}
		}},
		"take over": {"supervision/take-over", sueKey, "", func(r call.Request) call.Event { return call.TakeOverRequested{Request: r, Leg: liveSue} }},
		"help":      {"help", annKey, `{"reason":"refund"}`, func(r call.Request) call.Event { return call.HelpRequested{Request: r, Reason: "refund"} }},
		"no help any more": {"help/dismiss", annKey, "", func(r call.Request) call.Event {
			return call.HelpDismissed{Request: r, Agent: annSID}
		}},
		"helped": {"help/dismiss", sueKey, "", func(r call.Request) call.Event { return call.HelpDismissed{Request: r, Agent: annSID} }},
		"the wish of one who had none": {"help/dismiss", sueKey, `{"agent_sid":"` + bobSID + `"}`, func(r call.Request) call.Event {
			return call.HelpDismissed{Request: r, Agent: bobSID}
		}},
		"wrap-up of all": {"wrap-up/complete", sueKey, "", func(r call.Request) call.Event {
			return call.WrapupCompleteRequested{Request: r}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			b.live()
			w := b.post(test.path, test.key, test.body)
			require.Equal(t, http.StatusAccepted, w.Code, w.Body.String())
			asked := b.engine.requests()
			require.Len(t, asked, 1)
			var by call.Actor
			for _, k := range apiKeys {
				if k.SHA256 == HashKey(test.key) {
					by = call.Actor{Name: k.Name, Role: k.Role, Agent: call.AgentSID(k.Agent)}
				}
			}
			require.Equal(t, test.want(call.Request{Action: asked[0].updateID, By: by}), asked[0].event)
		})
	}
}

func TestACallThatASupervisorTookOverIsHisToHandOn(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live(func(s *call.State) {
		s.Transfers, s.Legs[4].Muted, s.Legs[4].Supervision.Has = nil, false, true
		for _, i := range []int{1, 3} { // its agents left
			s.Legs[i].State, s.Legs[i].LeftAt = call.LegLeft, moment(40)
		}
	})
	const number = `{"mode":"cold","target":{"kind":"number","address":"+15551230011"}}`
	for _, key := range []string{sueKey, admKey} {
		require.Equal(t, http.StatusAccepted, b.post("transfers", key, number).Code)
	}
	for _, asked := range b.engine.requests() {
		transfer, ok := asked.event.(call.TransferRequested)
		require.True(t, ok)
		require.Equal(t, call.SID(liveSue), transfer.From)
	}
	for _, path := range []string{"end", "legs/customer/hold", "help"} {
		requireProblem(t, b.post(path, annKey, ""), http.StatusForbidden, codeNotYourCall)
	}
	requireProblem(t, b.post("transfers", annKey, number), http.StatusForbidden, codeNotYourCall)
}

func TestWhoMayDoWhatToALiveCall(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live()
	const number = `{"target":{"kind":"number","address":"+15551230011"}}`
	for name, test := range map[string]struct {
		path, key, body string
		status          int
		code            string
	}{
		"an agent does not listen":                 {"supervision", annKey, `{"mode":"monitor","address":"client:ann"}`, 403, codeForbidden},
		"nor change modes":                         {"supervision/mode", annKey, `{"mode":"barge","leg":"supervisor-3"}`, 403, codeForbidden},
		"nor take over":                            {"supervision/take-over", annKey, "", 403, codeForbidden},
		"an agent does not take a supervisor out":  {"legs/supervisor-3/leave", annKey, "", 403, codeNotYourLeg},
		"nor mute him":                             {"legs/supervisor-3/unmute", annKey, "", 403, codeNotYourLeg},
		"nor hold a colleague":                     {"legs/agent-2/hold", annKey, "", 403, codeForbidden},
		"nor withdraw what a supervisor asked for": {"invitations/supervisor-3/withdraw", annKey, "", 403, codeForbidden},
		"who is consulted does not complete":       {"transfers/current/complete", bobKey, "", 403, codeForbidden},
		"nor withdraw himself":                     {"invitations/agent-2/withdraw", bobKey, "", 403, codeForbidden},
		"nor end the call":                         {"end", bobKey, "", 403, codeForbidden},
		"but leaves":                               {"legs/me/leave", bobKey, "", 202, ""},
		"and asks for help":                        {"help", bobKey, "", 202, ""},
		"an agent hands on his own part":           {"transfers", annKey, `{"mode":"warm","from":"agent-2","target":{"kind":"number","address":"+15551230011"}}`, 403, codeNotYourLeg},
		"an agent dismisses his own wish":          {"help/dismiss", annKey, `{"agent_sid":"` + bobSID + `"}`, 403, codeForbidden},
		"a supervisor asks for no help":            {"help", sueKey, "", 403, codeForbidden},
		"and does not come back as an agent":       {"rejoin", sueKey, "", 403, codeForbidden},
		"a supervisor brings people in":            {"participants", sueKey, number, 202, ""},
		"who does not listen has no mode":          {"supervision/mode", admKey, `{"mode":"barge"}`, 409, codeNoSupervision},
		"and takes nothing over":                   {"supervision/take-over", admKey, "", 409, codeNoSupervision},
		"me, of an administrator who is not there": {"legs/me/mute", admKey, "", 404, codeLegNotFound},
		"a label that there is not":                {"legs/agent-9/mute", sueKey, "", 404, codeLegNotFound},
		"coaching somebody who is not there":       {"supervision", sueKey, `{"mode":"whisper","address":"client:sue","coach":"agent-9"}`, 404, codeLegNotFound},
		"an agent mutes a colleague whom he asked": {"legs/agent-2/mute", annKey, "", 202, ""},
		"and takes him out":                        {"legs/agent-2/leave", annKey, "", 202, ""},
		"who was asked does not take him out":      {"legs/" + liveAnn + "/leave", bobKey, "", 403, codeNotYourLeg},
		"an agent takes an outsider out":           {"legs/external-1/leave", annKey, "", 202, ""},
		"and mutes him":                            {"legs/external-1/mute", annKey, "", 202, ""},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share a call
			w := b.post(test.path, test.key, test.body)
			if test.code == "" {
				require.Equal(t, test.status, w.Code, w.Body.String())
				return
			}
			requireProblem(t, w, test.status, test.code)
		})
	}
}

func TestAnAgentWhoIsNotInTheCallDoesNothingToIt(t *testing.T) {
	t.Parallel()
	onlyRung := func(s *call.State) {
		s.Legs[1].State, s.Legs[1].JoinedAt, s.Reservations[1].Status = call.LegWaiting, time.Time{}, call.ReservationIsPending
	}
	alone := func(s *call.State) { s.Legs, s.Transfers = s.Legs[:2:2], nil }
	left := func(leg, at int) func(*call.State) {
		return func(s *call.State) { s.Legs[leg].State, s.Legs[leg].LeftAt = call.LegLeft, moment(at) }
	}
	for name, test := range map[string]struct {
		change []func(*call.State)
		path   string
		status int
		code   string
	}{
		"who is only being rung does not end it":           {[]func(*call.State){alone, onlyRung}, "end", 403, codeNotYourCall},
		"nor hold the customer":                            {[]func(*call.State){alone, onlyRung}, "legs/customer/hold", 403, codeNotYourCall},
		"nor complete a wrap-up":                           {[]func(*call.State){alone, onlyRung}, "wrap-up/complete", 403, codeNotYourCall},
		"nor come back":                                    {[]func(*call.State){alone, onlyRung}, "rejoin", 403, codeNotYourCall},
		"who fell out of it has it still":                  {[]func(*call.State){alone, left(1, 50)}, "end", 202, ""},
		"and comes back":                                   {[]func(*call.State){alone, left(1, 50)}, "rejoin", 202, ""},
		"who handed it on does not end it":                 {[]func(*call.State){left(1, 50)}, "end", 403, codeNotYourCall},
		"but completes his own wrap-up":                    {[]func(*call.State){left(1, 50)}, "wrap-up/complete", 202, ""},
		"who handed it on to one who fell out has it not":  {[]func(*call.State){left(1, 50), left(3, 51)}, "legs/customer/unhold", 403, codeNotYourCall},
		"who consulted one who left, and fell out, has it": {[]func(*call.State){left(3, 50), left(1, 51)}, "legs/customer/unhold", 202, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			b.live(test.change...)
			w := b.post(test.path, annKey, "")
			if test.code == "" {
				require.Equal(t, test.status, w.Code, w.Body.String())
				return
			}
			requireProblem(t, w, test.status, test.code)
			require.Empty(t, b.engine.requests())
		})
	}
}

func TestWhoseHelpIsMeantMustBeClear(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.live(func(s *call.State) { s.Helps = append(s.Helps, call.Help{Agent: bobSID, Name: "bob", At: moment(21)}) })
	requireProblem(t, b.post("help/dismiss", sueKey, ""), 400, codeBadRequest)
	b = setupAPI(t)
	b.live(func(s *call.State) { s.Helps = nil })
	requireProblem(t, b.post("help/dismiss", sueKey, ""), 409, codeNoHelp)
}
