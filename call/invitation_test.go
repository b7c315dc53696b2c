package call_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

// talking is a call in which Ann talks with the customer.
var talking = []string{
	`0s CallReceived call_sid=CAcustomer from=+15550001 to=+15559999`,
	`0s TaskQueueEntered task_sid=WT1 queue_sid=WQ1 queue_name=Support at="2026-03-02T09:00:00Z"`,
	`1s AssignmentRequested reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 agent_name=Ann address=client:ann`,
	`2s ParticipantJoined conference_sid=CF1 call_sid=CAann sequence=1 instruction=WR1`,
	`2s ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=2 end_conference_on_exit=true`,
	`3s ReservationAccepted reservation_sid=WR1 task_sid=WT1 agent_sid=WK1`,
}

const (
	toNumber = `target={"kind":"number","address":"+15550007"}`
	toBob    = `target={"kind":"agent","agent_sid":"WK2"}`
)

func TestWhatBringsPeopleInIsRefusedWithCodes(t *testing.T) {
	t.Parallel()
	calling := []string{`10s TransferRequested action=t mode=warm from=CAann ` + toNumber}
	consulting := slices.Concat(calling, []string{
		`10s CommandSucceeded command=1`, `10s CommandSucceeded command=2 call_sid=CAout`,
		`11s ParticipantHeld conference_sid=CF1 call_sid=CAcustomer sequence=3 hold=true end_conference_on_exit=true`,
		`12s ParticipantJoined conference_sid=CF1 call_sid=CAout label=external-1 sequence=4`,
	})
	vanished := []string{
		`10s ParticipantLeft conference_sid=CF1 call_sid=CAann sequence=3 reason=participant_hung_up`, `14s ClockTicked`,
	}
	tests := map[string]struct {
		after []string
		event string
		code  string
	}{
		"one transfer at a time":             {calling, `TransferRequested action=a mode=cold from=CAann ` + toBob, call.CodeTransferOpen},
		"no transfer to cancel":              {nil, `TransferCancelRequested action=a`, call.CodeNoTransfer},
		"no transfer to complete":            {nil, `TransferCompleteRequested action=a`, call.CodeNoTransfer},
		"the target is not there to swap":    {calling, `SwapRequested action=a`, call.CodeNotConsulting},
		"the target is not there to merge":   {calling, `MergeRequested action=a`, call.CodeNotConsulting},
		"the target is not there for good":   {calling, `TransferCompleteRequested action=a`, call.CodeNotConsulting},
		"a number cannot hand on":            {consulting, `TransferRequested action=a mode=cold from=CAout ` + toBob, call.CodeNotAnAgentLeg},
		"the customer cannot hand on":        {nil, `TransferRequested action=a mode=cold from=CAcustomer ` + toBob, call.CodeNotAnAgentLeg},
		"nobody hands on":                    {nil, `TransferRequested action=a mode=cold from=CAnobody ` + toBob, call.CodeUnknownLeg},
		"no such mode":                       {nil, `TransferRequested action=a mode=tepid from=CAann ` + toBob, call.CodeBadTarget},
		"an agent who is there":              {nil, `JoinRequested action=a target={"kind":"agent","agent_sid":"WK1"}`, call.CodeBadTarget},
		"an agent without a SID":             {nil, `JoinRequested action=a target={"kind":"agent"}`, call.CodeBadTarget},
		"a queue without a SID":              {nil, `JoinRequested action=a target={"kind":"queue"}`, call.CodeBadTarget},
		"a number that is none":              {nil, `JoinRequested action=a target={"kind":"number","address":"Bob"}`, call.CodeBadTarget},
		"a supervisor without an address":    {nil, `JoinRequested action=a target={"kind":"supervisor"}`, call.CodeBadTarget},
		"no such kind":                       {nil, `JoinRequested action=a target={"kind":"robot"}`, call.CodeBadTarget},
		"nobody of that label":               {nil, `WithdrawRequested action=a invitation=agent-7`, call.CodeUnknownInvitation},
		"he is there already":                {consulting, `WithdrawRequested action=a invitation=external-1`, call.CodeInvitationOver},
		"nobody fell out":                    {nil, `RejoinRequested action=a by={"role":"agent","agent_sid":"WK1"} address=client:ann`, call.CodeNotRejoinable},
		"somebody else fell out":             {vanished, `RejoinRequested action=a by={"role":"agent","agent_sid":"WK2"} address=client:bob`, call.CodeNotRejoinable},
		"an address that is none":            {vanished, `RejoinRequested action=a by={"role":"agent","agent_sid":"WK1"} address=ann`, call.CodeBadAddress},
		"no wrap-up of who talks":            {consulting, `WrapupCompleteRequested action=a agent_sid=WK1`, call.CodeNotWrapping},
		"no wrap-up of one who is to return": {vanished, `WrapupCompleteRequested action=a agent_sid=WK1`, call.CodeNotWrapping},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCall()
			hear(t, &s, talking...)
			hear(t, &s, test.after...)
			var refused *call.NotAllowed
			require.ErrorAs(t, s.Allows(event(t, "%s", test.event)), &refused)
			require.Equal(t, test.code, refused.Code, refused.Message)
		})
	}
}

func TestNobodyIsBroughtToACustomerWhoWaits(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking[:2]...)
	var refused *call.NotAllowed
	require.ErrorAs(t, s.Allows(event(t, `JoinRequested action=a %s`, toNumber)), &refused)
	require.Equal(t, call.CodeCustomerNotJoined, refused.Code)
}

func TestAConferenceHoldsSoMany(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	for i := range 248 {
		hear(t, &s, fmt.Sprintf(`10s ParticipantJoined conference_sid=CF1 call_sid=CAx%d sequence=%d`, i, 10+i))
	}
	var refused *call.NotAllowed
	require.ErrorAs(t, s.Allows(event(t, `JoinRequested action=a %s`, toNumber)), &refused)
	require.Equal(t, call.CodeTooManyParticipants, refused.Code)
}

// One whose call was answered only when the conference was over makes a room of his own: he is not left in it.
func TestWhoComesTooLateIsHungUp(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s,
		`10s JoinRequested action=a1 `+toBob, `10s CommandSucceeded command=1 task_sid=WT2`,
		`11s AssignmentRequested reservation_sid=WR2 task_sid=WT2 agent_sid=WK2 address=client:bob invitation=agent-1`,
		`12s ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=3 reason=participant_hung_up`,
		`12s ConferenceEnded conference_sid=CF1 sequence=4`, `12s CallStatusChanged call_sid=CAcustomer status=completed`,
		`12s TaskCompleted task_sid=WT1`)
	require.False(t, s.Over(), "a task that was made is not closed")
	commands := hear(t, &s, `13s ParticipantJoined conference_sid=CF2 call_sid=CAbob label=agent-1 sequence=1 instruction=WR2`)
	require.Contains(t, commands, "HangUpCall")
	hear(t, &s, `14s TaskCanceled task_sid=WT2`)
	require.False(t, s.Over(), "a leg is open")
	hear(t, &s, `14s CommandSucceeded command=3`, `15s CallStatusChanged call_sid=CAbob status=completed invitation=agent-1`)
	for range 3 {
		for _, f := range s.Flights {
			s.Apply(start.Add(16*time.Second), call.CommandSucceeded{Command: f.Number})
		}
	}
	require.True(t, s.Over(), "%s", dump(s))
}

// Whether a leg was made nobody knows, the conference that would list it is over, and its phone may ring for its time.
func TestACallWaitsForALegThatMayHaveBeenMade(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s, `10s JoinRequested action=a1 `+toNumber,
		`11s CommandFailed command=1 failure={"kind":"unavailable"}`,
		`12s ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=3 reason=participant_hung_up`,
		`12s ConferenceEnded conference_sid=CF1 sequence=4`, `12s CallStatusChanged call_sid=CAcustomer status=completed`,
		`12s CallReadBack command=2 snapshot={}`,
		`12s TaskCompleted task_sid=WT1`)
	require.False(t, s.Over())
	for !s.Over() {
		at, ok := s.NextDeadline()
		require.True(t, ok)
		s.Apply(at, call.ClockTicked{})
		for _, c := range s.Plan() {
			require.IsType(t, call.ReadBack{}, c)
			s.Apply(at, call.CallReadBack{Command: s.Begin(at, c).Number})
		}
		require.True(t, at.Before(start.Add(5*time.Minute)), "%s", dump(s))
	}
	require.True(t, s.EndedAt.After(start.Add(time.Minute)), "as long as it may ring")
}

func TestNobodyStaysOnHoldBecauseARequestFailed(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s, `10s TransferRequested action=a1 mode=warm from=CAann `+toNumber,
		`10s CommandSucceeded command=1`, `10s CommandSucceeded command=2 call_sid=CAout`,
		`11s ParticipantHeld conference_sid=CF1 call_sid=CAcustomer sequence=3 hold=true end_conference_on_exit=true`,
		`12s CallStatusChanged call_sid=CAout status=busy invitation=external-1`,
		`13s CommandFailed command=3 failure={"kind":"refused","message":"no"}`)
	require.False(t, s.Customer().WantHold)
	require.True(t, s.Customer().Hold)
	hear(t, &s, `13s CallReadBack command=4 snapshot={}`)
	at, ok := s.NextDeadline()
	require.True(t, ok)
	commands := hear(t, &s, fmt.Sprintf(`%s ClockTicked`, at.Sub(start)), `19s CallReadBack command=5 snapshot={}`)
	require.Contains(t, commands, "HoldParticipant", "it is tried again")
}

func TestAnAgentWhoCannotBeAcceptedTalksOn(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s, `10s JoinRequested action=a1 `+toBob, `10s CommandSucceeded command=1 task_sid=WT2`,
		`11s AssignmentRequested reservation_sid=WR2 task_sid=WT2 agent_sid=WK2 address=client:bob invitation=agent-1`,
		`15s ParticipantJoined conference_sid=CF1 call_sid=CAbob label=agent-1 sequence=3 instruction=WR2`,
		`16s CommandFailed command=2 failure={"kind":"refused","message":"no"}`)
	require.Equal(t, call.LegJoined, s.Leg("CAbob").State)
	require.False(t, s.Leg("CAbob").WantGone)
	require.Equal(t, call.AlertAcceptRefused, s.Alerts[0].Code)
	var canceled bool
	for _, f := range s.Flights {
		canceled = canceled || f.Kind == "CancelTask" && f.Subject == "WT2"
	}
	require.True(t, canceled, "and TaskRouter looks for nobody any more")
}

func TestOldInvitationsAreForgotten(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	for i := range 100 {
		at := 10 + i
		hear(t, &s, fmt.Sprintf(`%ds JoinRequested action=j%d %s`, at, i, toNumber))
		o := s.Flights[len(s.Flights)-1]
		hear(t, &s, fmt.Sprintf(`%ds CommandSucceeded command=%d call_sid=CAx%d`, at, o.Number, i),
			fmt.Sprintf(`%ds CallStatusChanged call_sid=CAx%d status=busy invitation=external-%d`, at, i, i+1))
	}
	require.Len(t, s.Invitations, 32)
	require.Equal(t, call.Label("external-100"), s.Invitations[31].Label)
	require.LessOrEqual(t, len(s.Legs), 64)
	require.Equal(t, call.RoleCustomer, s.Legs[0].Role)
	require.Equal(t, call.LegJoined, s.Leg("CAann").State)
}
