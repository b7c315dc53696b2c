package handlers

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

// setupSupervise is a call that waits for a supervisor, and the code that he was given.
func setupSupervise(t *testing.T, change ...func(*call.State)) (b *webhookBundle, code string) {
	t.Helper()
	var dialIns *DialIns
	b = setupWebhooks(t, func(c *WebhookConfig) {
		var err error
		dialIns, err = NewDialIns(c.Store.(*faultyStore).Store, c.AuthToken, "")
		require.NoError(t, err)
		c.DialIns = dialIns
	})
	b.write(t, func(s *call.State) {
		s.Legs[0].State = call.LegJoined
		s.Invitations = []call.Invitation{{
			Label: "supervisor-1", Purpose: call.PurposeListen, Role: call.RoleSupervisor, Status: call.InvitationWanted, DialsIn: true,
		}}
		for _, f := range change {
			f(s)
		}
	})
	code, err := dialIns.give(t.Context(), testCall, "supervisor-1", time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Regexp(t, `^[0-9]{8}$`, code)
	return b, code
}

// wrong is a code that is not this one.
func wrong(code string) string { return fmt.Sprintf("%c%s", '0'+(code[0]-'0'+1)%10, code[1:]) }

func TestWhoDialsInAndKeysHisCodeListens(t *testing.T) {
	t.Parallel()
	b, code := setupSupervise(t)
	h := hear(t, b.post(PathSupervise, "T-dials", legForm("From", "+15557777")).Body.Bytes())
	require.Len(t, h.Gather, 2)
	require.Equal(t, 8, h.Gather[0].NumDigits)
	require.Equal(t, "Please enter the code of the call that you want to listen to.", h.Gather[0].Say)
	require.NotNil(t, h.Hangup, "who keys nothing is taken leave of")
	require.Empty(t, b.inbox(t, testCall))

	h = hear(t, b.post(pathOf(t, h.Gather[0].Action), "T-keys", legForm("From", "+15557777", "Digits", code)).Body.Bytes())
	require.NotNil(t, h.Dial)
	room := h.Dial.Conference
	require.Equal(t, testTask, room.Name)
	require.Equal(t, "supervisor-1", room.Label)
	require.True(t, room.Muted, "he begins by listening")
	require.False(t, room.Start)
	require.False(t, room.End)
	require.Equal(t, "false", room.Beep, "nobody is told by a beep")
	require.Equal(t, "start end join leave mute hold modify", room.Events)
	require.Equal(t, "https://calls.example.com/twilio/conference?call="+testCall+"#rc=5&rp=all", room.URL)
	require.Equal(t, []call.Event{call.SupervisorDialledIn{Call: testLeg, Invitation: "supervisor-1", From: "+15557777"}}, b.inbox(t, testCall))
	kept, err := b.store.Webhooks(t.Context(), callSubject(testCall), 10)
	require.NoError(t, err)
	require.NotContains(t, kept[0].Params, "Digits", "the code is kept nowhere")

	h = hear(t, b.post(PathSuperviseCode+"?try=1", "T-keys", legForm("Digits", code)).Body.Bytes())
	require.NotNil(t, h.Dial, "Twilio asks twice when an answer was lost")
	require.Len(t, b.inbox(t, testCall), 1)
	h = hear(t, b.post(PathSuperviseCode+"?try=1", "T-other", legForm("Digits", code, "CallSid", "CAother")).Body.Bytes())
	require.Nil(t, h.Dial, "a code has one use")
}

func TestAWrongCodeMayBeKeyedThreeTimes(t *testing.T) {
	t.Parallel()
	b, code := setupSupervise(t)
	at := PathSuperviseCode + "?try=1"
	for try, digits := range []string{wrong(code), code[:7]} {
		h := hear(t, b.post(at, fmt.Sprint("T", try), legForm("Digits", digits)).Body.Bytes())
		require.Nil(t, h.Dial)
		require.Len(t, h.Gather, 2)
		require.Equal(t, "This code is not valid.", h.Gather[0].Say)
		at = pathOf(t, h.Gather[0].Action)
	}
	h := hear(t, b.post(at, "T3", legForm("Digits", wrong(code))).Body.Bytes())
	require.Empty(t, h.Gather)
	require.Equal(t, []string{"This code is not valid. Goodbye."}, h.Say)
	require.Empty(t, b.inbox(t, testCall))
	require.EqualValues(t, 3, b.counted(t, "holdfast_webhooks_received", "kind", "supervise-code", "outcome", "wrong"))
}

func TestWhoTriesCodesOutIsStopped(t *testing.T) {
	t.Parallel()
	b, code := setupSupervise(t)
	for i := range dialInMisses {
		h := hear(t, b.post(PathSuperviseCode+"?try=1", "", legForm("Digits", wrong(code), "CallSid", fmt.Sprintf("CA%d", i))).Body.Bytes())
		require.Len(t, h.Gather, 2)
	}
	h := hear(t, b.post(PathSuperviseCode+"?try=1", "", legForm("Digits", code)).Body.Bytes())
	require.Nil(t, h.Dial)
	require.Equal(t, []string{"No code can be taken at the moment. Please try again later. Goodbye."}, h.Say)
}

func TestWhoKeysHisCodeTooLateIsToldSo(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*call.State){
		"the call is over":               func(s *call.State) { s.EndedAt = s.ReceivedAt.Add(time.Second) },
		"he was withdrawn":               func(s *call.State) { s.Invitations[0].WantGone = true },
		"his time was over":              func(s *call.State) { s.Invitations[0].Status = call.InvitationFailed },
		"he was there":                   func(s *call.State) { s.Invitations[0].Status = call.InvitationOver },
		"the call does not know of him":  func(s *call.State) { s.Invitations = nil },
		"the customer left":              func(s *call.State) { s.Legs[0].State, s.Legs[0].Reason = call.LegLeft, "participant_hung_up" },
		"somebody took the customer off": func(s *call.State) { s.Moved = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, code := setupSupervise(t, change)
			h := hear(t, b.post(PathSuperviseCode+"?try=1", "T", legForm("Digits", code)).Body.Bytes())
			require.Nil(t, h.Dial)
			require.Equal(t, []string{"You cannot listen to this call any more. Goodbye."}, h.Say)
			require.NotNil(t, h.Hangup)
			require.Empty(t, b.inbox(t, testCall))
		})
	}
}

// awayDialIns is a store that cannot be asked.
type awayDialIns struct{ DialInStore }

func (awayDialIns) UseDialIn(context.Context, store.DialInGuess) (store.DialIn, error) {
	return store.DialIn{}, store.ErrUnavailable
}

func TestNoCodeIsTakenWhileNobodyCanLookItUp(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(c *WebhookConfig) {
		var err error
		c.DialIns, err = NewDialIns(awayDialIns{}, "secret", "")
		require.NoError(t, err)
	})
	h := hear(t, b.post(PathSuperviseCode+"?try=1", "T", legForm("Digits", "12345678")).Body.Bytes())
	require.Equal(t, []string{"No code can be taken at the moment. Please try again later. Goodbye."}, h.Say)

	b = setupWebhooks(t) // and where nobody can have one, none is right
	h = hear(t, b.post(PathSuperviseCode+"?try=1", "T", legForm("Digits", "12345678")).Body.Bytes())
	require.Len(t, h.Gather, 2)
}

func TestCodesThatTwilioDidNotTakeAreRefused(t *testing.T) {
	t.Parallel()
	b, code := setupSupervise(t)
	for _, query := range []string{"", "?try=0", "?try=x"} {
		require.Equal(t, http.StatusBadRequest, b.post(PathSuperviseCode+query, "", legForm("Digits", code)).Code, query)
	}
	require.Equal(t, http.StatusBadRequest, b.post(PathSupervise, "", legForm("CallSid", "")).Code)
	unsigned := b.request(http.MethodPost, PathSuperviseCode+"?try=1", legForm("Digits", code))
	unsigned.Header.Del(signatureHeader)
	require.Equal(t, http.StatusForbidden, b.do(unsigned).Code)
	require.Empty(t, b.inbox(t, testCall))
	_, err := NewDialIns(awayDialIns{}, "", "")
	require.ErrorContains(t, err, "no secret")
}
