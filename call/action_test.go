package call_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

func TestActionAskedAgainHasItsFirstOutcome(t *testing.T) {
	t.Parallel()
	s := situated(t, 5) // held
	again := event(t, `HoldRequested action=a0 by={"role":"agent"} leg=CAcustomer`)
	require.NoError(t, s.Allows(again))
	s.Apply(start, event(t, `UnholdRequested action=a1 by={"role":"agent"} leg=CAcustomer`))
	require.Len(t, s.Plan(), 1)
	s.Begin(start, s.Plan()[0])
	s.Apply(start, again)
	a, ok := s.Action("a0")
	require.True(t, ok)
	require.Equal(t, call.ActionVerified, a.Status)
	require.False(t, s.Customer().WantHold, "the repetition wants nothing")
}

func TestOnlyTheLastOutcomesAreKept(t *testing.T) {
	t.Parallel()
	s := situated(t, 5)
	for i := range 100 {
		s.Apply(start, event(t, `HoldRequested action=b%d by={"role":"agent"} leg=CAcustomer`, i))
	}
	require.Len(t, s.Actions, 64)
	_, ok := s.Action("b0")
	require.False(t, ok)
	_, ok = s.Action("b99")
	require.True(t, ok)
}

func TestRefusalsHaveCodes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		situation int
		event     string
		code      string
	}{
		"unknown leg":            {4, `HoldRequested action=a leg=CAnobody`, call.CodeUnknownLeg},
		"customer still waits":   {1, `HoldRequested action=a leg=CAcustomer`, call.CodeLegNotJoined},
		"customer cannot leave":  {4, `LeaveRequested action=a leg=CAcustomer`, call.CodeCustomerLeg},
		"no wrap-up yet":         {4, `WrapupCompleteRequested action=a`, call.CodeNotWrapping},
		"call over":              {7, `EndRequested action=a`, call.CodeCallEnded},
		"call about to be over":  {6, `HoldRequested action=a leg=CAcustomer`, call.CodeCallEnded},
		"wrap-up of an old call": {7, `WrapupCompleteRequested action=a`, call.CodeCallEnded},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := situated(t, test.situation)
			var refused *call.NotAllowed
			require.ErrorAs(t, s.Allows(event(t, "%s", test.event)), &refused)
			require.Equal(t, test.code, refused.Code)
			require.NotEmpty(t, refused.Error())
		})
	}
}

func TestEveryEventSurvivesEncoding(t *testing.T) {
	t.Parallel()
	for _, happening := range happenings {
		e := event(t, "%s", happening)
		b, err := json.Marshal(call.Envelope{Event: e})
		require.NoError(t, err)
		var again call.Envelope
		require.NoError(t, json.Unmarshal(b, &again))
		require.Equal(t, e, again.Event)
	}
}

func TestBadEnvelopesAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"kind":"NoSuchThing","data":{}}`:                   "unknown event kind",
		`{"kind":"ParticipantHeld","data":{"sequence":"x"}}`: "decode ParticipantHeld",
		`[]`: "decode envelope",
	} {
		var e call.Envelope
		require.ErrorContains(t, json.Unmarshal([]byte(text), &e), want)
	}
	_, err := json.Marshal(call.Envelope{})
	require.ErrorContains(t, err, "without an event")
}
