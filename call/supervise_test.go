package call_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

// listening is a call that a supervisor, Sue, monitors.
var listening = []string{
	`10s SuperviseRequested action=s1 by={"name":"Sue","role":"supervisor"} mode=monitor address=client:sue`,
	`11s CommandSucceeded command=1 call_sid=CAsue`,
	`12s ParticipantJoined conference_sid=CF1 call_sid=CAsue label=supervisor-1 sequence=10 muted=true`,
}

func TestWhatSupervisorsMayNotDo(t *testing.T) {
	t.Parallel()
	const sue, tom = `by={"name":"Sue","role":"supervisor"}`, `by={"name":"Tom","role":"supervisor"}`
	for name, row := range map[string]struct {
		line, code string
	}{
		"listen in no mode":                         {`SuperviseRequested action=x ` + tom + ` mode=eavesdrop address=client:tom`, call.CodeBadMode},
		"listen nowhere":                            {`SuperviseRequested action=x ` + tom + ` mode=monitor address=tom`, call.CodeBadAddress},
		"listen twice":                              {`SuperviseRequested action=x ` + sue + ` mode=monitor address=client:sue`, call.CodeAlreadySupervising},
		"coach the customer":                        {`SuperviseRequested action=x ` + tom + ` mode=whisper address=client:tom coach=CAcustomer`, call.CodeNotAnAgentLeg},
		"coach one another":                         {`SupervisionModeRequested action=x ` + tom + ` leg=CAsue mode=whisper coach=CAsue`, call.CodeNotAnAgentLeg},
		"change into no mode":                       {`SupervisionModeRequested action=x ` + sue + ` leg=CAsue`, call.CodeBadMode},
		"change the mode of an agent":               {`SupervisionModeRequested action=x ` + sue + ` leg=CAann mode=monitor`, call.CodeNoSupervision},
		"change the mode of nobody":                 {`SupervisionModeRequested action=x ` + sue + ` leg=CAnobody mode=monitor`, call.CodeUnknownLeg},
		"take over with an agent's leg":             {`TakeOverRequested action=x ` + sue + ` leg=CAann`, call.CodeNoSupervision},
		"be unmuted besides the mode":               {`UnmuteRequested action=x ` + sue + ` leg=CAsue`, call.CodeSupervisorLeg},
		"ask for help as agents do":                 {`HelpRequested action=x ` + sue, call.CodeNotAnAgentLeg},
		"ask for help for an agent who is not here": {`HelpRequested action=x by={"name":"Bob","role":"agent","agent_sid":"WK9"}`, call.CodeNotAnAgentLeg},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCall()
			hear(t, &s, talking...)
			hear(t, &s, listening...)
			before := dump(s)
			var refused *call.NotAllowed
			require.ErrorAs(t, s.Allows(event(t, "%s", row.line)), &refused)
			require.Equal(t, row.code, refused.Code)
			require.Empty(t, hear(t, &s, "13s "+row.line))
			require.Equal(t, before, dump(s), "it changes nothing")
		})
	}
}

func TestNobodyListensToACallWhoseCustomerIsNotThere(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung...)
	var refused *call.NotAllowed
	require.ErrorAs(t, s.Allows(event(t, "%s", listening[0][4:])), &refused)
	require.Equal(t, call.CodeCustomerNotJoined, refused.Code)
}

func TestASupervisorWhoListensIsNoCompany(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s, listening...)
	hear(t, &s, `20s ParticipantLeft conference_sid=CF1 call_sid=CAann sequence=20 reason=participant_hung_up`)
	commands := hear(t, &s, `23s ClockTicked`)
	require.Contains(t, commands, "HoldParticipant", "the customer is rescued")
	require.NotNil(t, s.Leg("CAsue"))
	require.False(t, s.Leg("CAsue").WantGone, "who listens hears who comes")
}

func TestASupervisorWhoIsHeardIsCompany(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s, listening...)
	hear(t, &s, `15s SupervisionModeRequested action=s2 by={"name":"Sue","role":"supervisor"} leg=CAsue mode=barge`,
		`15.1s CommandSucceeded command=2`,
		`15.2s ParticipantUnmuted conference_sid=CF1 call_sid=CAsue label=supervisor-1 sequence=11`)
	require.Equal(t, call.Barge, s.Leg("CAsue").Mode())
	hear(t, &s, `20s ParticipantLeft conference_sid=CF1 call_sid=CAann sequence=20 reason=participant_hung_up`)
	require.Equal(t, []string{"WrapUpReservation"}, hear(t, &s, `30s ClockTicked`), "the call goes on, and the agent's part is over")
	require.False(t, s.WantEnd)
}

// A look that was asked for before the last order to a leg tells nothing of it, however late its answer comes.
func TestAnOldLookUnmutesNobody(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, talking...)
	hear(t, &s, listening...)
	hear(t, &s, `15s ReadBackDue`) // order 2
	hear(t, &s, `16s SupervisionModeRequested action=s2 by={"name":"Sue","role":"supervisor"} leg=CAsue mode=whisper`)
	require.Equal(t, "CoachParticipant", s.Flights[len(s.Flights)-1].Kind) // order 3
	commands := hear(t, &s, `17s CallReadBack command=2 snapshot={"conference":{"conference_sid":"CF1","status":"in-progress","participants":[`+
		`{"call_sid":"CAcustomer","end_conference_on_exit":true},{"call_sid":"CAann"},{"call_sid":"CAsue","muted":true,"coaching":true,"coach":"CAann"}]}}`)
	require.NotContains(t, commands, "MuteParticipant")
	require.False(t, s.Leg("CAsue").Coaching)
	require.Equal(t, []string{"MuteParticipant"}, hear(t, &s, `18s CommandSucceeded command=3`,
		`18.1s ParticipantModified conference_sid=CF1 call_sid=CAsue label=supervisor-1 sequence=12 muted=true coaching=true`))
	require.Equal(t, call.SID("CAann"), s.Leg("CAsue").Coach)
	require.Equal(t, start.Add(16*time.Second), s.Leg("CAsue").Supervision.Since)
}
