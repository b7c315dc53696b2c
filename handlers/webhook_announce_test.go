package handlers

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

const (
	testLeg     = "CA00000000000000000000000000000009"
	testOffer   = "WR1"
	inviteeAttr = `{"call_sid":"` + testCall + `","from":"+15550001111","to":"` + testNumber + `","holdfast_call_id":"` + testCall + `",` +
		`"holdfast_invitation":"agent-2","holdfast_purpose":"transfer","holdfast_room":"` + testTask + `","holdfast_transferred_by":"Ann",` +
		`"reason":"billing","handoffSummary":"Wants a refund. Card 4111 1111 1111 1111."}`
)

// heard is what an agent's leg is told.
type heard struct {
	Gather []struct {
		Action    string `xml:"action,attr"`
		Timeout   int    `xml:"timeout,attr"`
		NumDigits int    `xml:"numDigits,attr"`
		Say       string
	}
	Say      []string
	Redirect string
	Hangup   *struct{}
	Dial     *struct {
		Conference struct {
			Label  string `xml:"participantLabel,attr"`
			Start  bool   `xml:"startConferenceOnEnter,attr"`
			End    bool   `xml:"endConferenceOnExit,attr"`
			Beep   string `xml:"beep,attr"`
			Muted  bool   `xml:"muted,attr"`
			Events string `xml:"statusCallbackEvent,attr"`
			URL    string `xml:"statusCallback,attr"`
			Name   string `xml:",chardata"`
		}
	}
}

func hear(t *testing.T, body []byte) (h heard) {
	t.Helper()
	require.NoError(t, xml.Unmarshal(body, &h), string(body))
	return h
}

// pathOf is the path and query of an address of ours.
func pathOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.RequestURI()
}

func invitee(attributes string) url.Values {
	form := assignmentForm(attributes)
	form.Set("TaskSid", "WT00000000000000000000000000000002")
	return form
}

func legForm(more ...string) url.Values {
	form := url.Values{"CallSid": {testLeg}, "From": {testNumber}, "To": {"client:ann"}, "CallStatus": {"in-progress"}, "Direction": {"outbound-api"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// instruction is the answer to an assignment.
func (b *webhookBundle) instruction(t *testing.T, form url.Values) map[string]any {
	t.Helper()
	answer := b.post(PathAssignment, "T-assignment", form)
	require.Equal(t, http.StatusOK, answer.Code)
	var got map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
	return got
}

// write writes a call's row as its workflow would.
func (b *webhookBundle) write(t *testing.T, change func(*call.State)) {
	t.Helper()
	s := call.New(testCall, call.DefaultSettings())
	s.Task = call.Task{SID: testTask, Queue: "WQ1", QueueName: "Support"}
	s.ReceivedAt = b.now().Add(-40 * time.Second)
	s.Legs = []call.Leg{{Call: testCall, Role: call.RoleCustomer, State: call.LegWaiting}}
	change(&s)
	snapshot, err := json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, b.store.Project(t.Context(), store.Step{Call: store.CallRow{
		ID: testCall, State: string(s.Status()), TaskSID: testTask, QueueSID: "WQ1", QueueName: "Support", ReceivedAt: s.ReceivedAt, Snapshot: snapshot,
		UpdatedAt: b.now(),
	}, Entries: []store.Entry{{Call: testCall, Number: 1, At: b.now(), Kind: "x", Source: "x", Data: json.RawMessage("{}")}}}))
}

func TestAnAgentWhomAnInvitationFoundIsDialledToHearWhomHeGets(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(c *WebhookConfig) { c.Modes = map[string]RoutingMode{"WW1": ModeFlex} })
	got := b.instruction(t, invitee(inviteeAttr))
	require.Equal(t, map[string]any{
		"instruction": "call", "to": "client:ann", "from": testNumber, "timeout": 20.0, "accept": false,
		"url":                 "https://calls.example.com/twilio/announce?call=" + testCall + "&invitation=agent-2&reservation=WR1&room=" + testTask + "#rc=5&rp=all",
		"status_callback_url": "https://calls.example.com/twilio/call-status?call=" + testCall + "&invitation=agent-2&reservation=WR1#rc=5&rp=all",
	}, got)
	requested, ok := b.inbox(t, testCall)[0].(call.AssignmentRequested)
	require.True(t, ok)
	require.True(t, requested.Announced)
	require.False(t, requested.Manual)
	require.Equal(t, call.Label("agent-2"), requested.Invitation)
}

func TestARoutingWorkflowMayHaveEachCallAnnounced(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(c *WebhookConfig) { c.Modes = map[string]RoutingMode{"WW1": ModeAnnounce} })
	got := b.instruction(t, assignmentForm(wholeAttributes()))
	require.Equal(t, "call", got["instruction"])
	require.Equal(t, "https://calls.example.com/twilio/announce?call="+testCall+"&reservation=WR1&room="+testTask+"#rc=5&rp=all", got["url"])
	requested, ok := b.inbox(t, testCall)[0].(call.AssignmentRequested)
	require.True(t, ok)
	require.True(t, requested.Announced)
	require.Empty(t, requested.Invitation)
}

func TestAnAgentWhoCannotBeDialledToHearIsRungAtOnce(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(c *WebhookConfig) { c.Modes, c.Numbers = map[string]RoutingMode{"WW1": ModeAnnounce}, nil })
	form := assignmentForm(`{"call_sid":"` + testCall + `"}`)
	form.Set("WorkerAttributes", `{"contact_uri":"+15551230000"}`)
	require.Equal(t, "conference", b.instruction(t, form)["instruction"], "no caller ID is known, and a call goes before an announcement")
	requested, ok := b.inbox(t, testCall)[0].(call.AssignmentRequested)
	require.True(t, ok)
	require.False(t, requested.Announced)
}

func TestAnAgentIsDialledFromANumberOfOursWhereTheCustomerDialledNone(t *testing.T) {
	t.Parallel()
	form := func() url.Values {
		f := invitee(strings.NewReplacer(`"`+testNumber+`"`, `"client:shop"`).Replace(inviteeAttr))
		f.Set("WorkerAttributes", `{"contact_uri":"+15551230000"}`)
		return f
	}
	for name, test := range map[string]struct {
		change func(*WebhookConfig)
		want   any
	}{
		"the routing workflow's": {func(c *WebhookConfig) {
			c.Numbers = map[string]WebhookNumber{"+15550000001": {RoutingWorkflowSID: "WW9"}, "+15550000002": {RoutingWorkflowSID: "WW1"}}
		}, "+15550000002"},
		"any": {func(c *WebhookConfig) {
			c.Numbers = map[string]WebhookNumber{"sip:a@b": {RoutingWorkflowSID: "WW1"}, "+15550000001": {RoutingWorkflowSID: "WW9"}}
		}, "+15550000001"},
		"what is set": {func(c *WebhookConfig) { c.AgentFrom = "+15550000003" }, "+15550000003"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t, test.change)
			require.Equal(t, test.want, b.instruction(t, form())["from"])
		})
	}

	b := setupWebhooks(t, func(c *WebhookConfig) { c.Numbers = nil })
	require.Empty(t, b.instruction(t, form()), "there is no number to call him from")
	requested, ok := b.inbox(t, testCall)[0].(call.AssignmentRequested)
	require.True(t, ok)
	require.True(t, requested.Undialable, "and the call is told, so that nobody waits for him")
	require.False(t, requested.Announced)
}

func TestAnAgentHearsQueueWaitReasonAndSummaryAndGoesIn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := setupWebhooks(t, func(c *WebhookConfig) { c.Clock = func() time.Time { return now } })
	announce, _ := b.instruction(t, invitee(inviteeAttr))["url"].(string)
	b.write(t, func(s *call.State) {
		s.Invitations = []call.Invitation{{
			Label: "agent-2", Purpose: call.PurposeTransfer, Status: call.InvitationRinging, At: now.Add(-15 * time.Second), By: call.Actor{Name: "Ann"},
		}}
	})
	answer := b.post(pathOf(t, announce), "T-announce", legForm())
	require.Equal(t, http.StatusOK, answer.Code)
	h := hear(t, answer.Body.Bytes())
	require.Equal(t, []string{
		"A call from Ann, handed on to you. Queue: Support. Waiting for 15 seconds. Reason: billing. Wants a refund. Card [redacted]",
	}, h.Say)
	require.Len(t, b.inbox(t, testCall), 1, "nothing is kept of his hearing")

	answer = b.post(pathOf(t, h.Redirect), "T-in", legForm())
	h = hear(t, answer.Body.Bytes())
	require.NotNil(t, h.Dial)
	room := h.Dial.Conference
	require.Equal(t, testTask, room.Name)
	require.Equal(t, "agent-2", room.Label)
	require.True(t, room.Start)
	require.False(t, room.End)
	require.Equal(t, "false", room.Beep)
	require.Equal(t, "start end join leave mute hold modify", room.Events)
	require.Equal(t, "https://calls.example.com/twilio/conference?call="+testCall+"&reservation=WR1#rc=5&rp=all", room.URL)
	require.Equal(t, call.AnnouncementConfirmed{Call: testLeg, Invitation: "agent-2", Reservation: testOffer}, b.inbox(t, testCall)[1])
}

func TestAVoicemailPressesNoKeyAndTakesNoCall(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(c *WebhookConfig) { c.AnnounceKey = "1" })
	announce, _ := b.instruction(t, invitee(inviteeAttr))["url"].(string)
	h := hear(t, b.post(pathOf(t, announce), "T-announce", legForm()).Body.Bytes())
	require.Len(t, h.Gather, 2)
	for _, g := range h.Gather {
		require.Equal(t, 1, g.NumDigits)
		require.Equal(t, 5, g.Timeout)
		require.Contains(t, g.Say, "Press 1 to take the call.")
	}
	require.Nil(t, h.Dial)
	require.NotNil(t, h.Hangup, "who presses nothing is taken leave of")
	key := pathOf(t, h.Gather[0].Action)

	h = hear(t, b.post(key, "T-wrong", legForm("Digits", "7")).Body.Bytes())
	require.Len(t, h.Gather, 1, "a wrong key may be a slip of the finger")
	require.Nil(t, h.Dial)
	slip := pathOf(t, h.Gather[0].Action)
	h = hear(t, b.post(slip, "T-wrong-again", legForm("Digits", "8")).Body.Bytes())
	require.Empty(t, h.Gather)
	require.NotNil(t, h.Hangup)
	require.Len(t, b.inbox(t, testCall), 1)

	h = hear(t, b.post(key, "T-right", legForm("Digits", "1")).Body.Bytes())
	require.NotNil(t, h.Dial)
	require.Len(t, b.inbox(t, testCall), 2)
	kept, err := b.store.Webhooks(t.Context(), callSubject(testCall), 10)
	require.NoError(t, err)
	for _, row := range kept {
		require.NotContains(t, row.Params, "Digits", "the key is kept nowhere")
	}
}

func TestWhoComesTooLateIsToldSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*call.State)
		late   bool
	}{
		"the call is over": {change: func(s *call.State) { s.EndedAt = s.ReceivedAt.Add(time.Second) }, late: true},
		"the customer left": {change: func(s *call.State) {
			s.Legs[0].State, s.Legs[0].Reason = call.LegLeft, "participant_hung_up"
		}, late: true},
		"he was withdrawn": {change: func(s *call.State) {
			s.Invitations = []call.Invitation{{Label: "agent-2", Status: call.InvitationRinging, WantGone: true}}
		}, late: true},
		"his time was over": {change: func(s *call.State) {
			s.Invitations = []call.Invitation{{Label: "agent-2", Status: call.InvitationFailed}}
		}, late: true},
		"his offer was given to somebody else": {change: func(s *call.State) {
			s.Reservations = []call.Reservation{{Assignment: call.Assignment{Reservation: testOffer}, Status: call.ReservationIsCanceled}}
		}, late: true},
		"he was asked again, and rings twice": {change: func(s *call.State) {
			s.Invitations = []call.Invitation{{Label: "agent-2", Status: call.InvitationRinging}}
			s.Reservations = []call.Reservation{{Assignment: call.Assignment{Reservation: testOffer}, Status: call.ReservationIsTimedOut}}
		}, late: true},
		"he is waited for": {change: func(s *call.State) {
			s.Invitations = []call.Invitation{{Label: "agent-2", Status: call.InvitationRinging}}
			s.Reservations = []call.Reservation{{Assignment: call.Assignment{Reservation: testOffer}, Status: call.ReservationIsPending}}
		}},
		"the row does not know of him yet": {change: func(*call.State) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupWebhooks(t)
			b.write(t, test.change)
			query := "?call=" + testCall + "&invitation=agent-2&reservation=" + testOffer + "&room=" + testTask
			for _, at := range []string{PathAnnounce, PathAnnounceKey} {
				h := hear(t, b.post(at+query, "T"+at, legForm()).Body.Bytes())
				require.Equal(t, test.late, h.Hangup != nil, at)
				require.Equal(t, test.late, h.Dial == nil && h.Redirect == "", at)
			}
			require.Len(t, b.inbox(t, testCall), map[bool]int{true: 0, false: 1}[test.late])
		})
	}
}

func TestAnAgentIsLetThroughWhateverTheStoreKnows(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	query := "?call=" + testCall + "&reservation=" + testOffer + "&room=" + testTask
	h := hear(t, b.post(PathAnnounce+query, "T1", legForm()).Body.Bytes())
	require.Equal(t, []string{"A call for you."}, h.Say)
	b.store.down.Store(true)
	h = hear(t, b.post(PathAnnounceKey+query, "T2", legForm()).Body.Bytes())
	require.NotNil(t, h.Dial)
	require.Equal(t, testTask, h.Dial.Conference.Name)
	require.Empty(t, h.Dial.Conference.Label)
	require.Positive(t, b.counted(t, "holdfast_webhooks_spooled", "kind", "announce-key"), "that he goes in is not lost")
}

func TestAnnouncementsThatNobodyIsMeantForAreRefused(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	for _, query := range []string{"", "?call=" + testCall, "?reservation=WR1", "?call=%20&reservation=WR1"} {
		require.Equal(t, http.StatusBadRequest, b.post(PathAnnounce+query, "", legForm()).Code, query)
		require.Equal(t, http.StatusBadRequest, b.post(PathAnnounceKey+query, "", legForm()).Code, query)
	}
	unsigned := b.request(http.MethodPost, PathAnnounceKey+"?call="+testCall+"&reservation=WR1", legForm())
	unsigned.Header.Del(signatureHeader)
	require.Equal(t, http.StatusForbidden, b.do(unsigned).Code)
}

func TestTheAnnouncementIsATemplate(t *testing.T) {
	t.Parallel()
	whole := Announcement{Purpose: "join", Queue: "Sales", Wait: inWords(119 * time.Second), Caller: digits("+15550001111"), By: "Ann"}
	for text, want := range map[string]string{
		"":                               "Ann asks you into a call. Queue: Sales. Waiting for 2 minutes.",
		"{{.Caller}}, {{.Queue}}":        "1 5 5 5 0 0 0 1 1 1 1, Sales",
		"\n  A call\n  {{.Summary}}  \n": "A call",
	} {
		if text == "" {
			text = DefaultAnnouncement
		}
		tpl, err := parseAnnouncement(text)
		require.NoError(t, err)
		require.Equal(t, want, tpl.say(whole))
	}
	for _, broken := range []string{"{{.Nobody}}", "{{if}}", "{{.Queue"} {
		_, err := NewWebhooks(WebhookConfig{Announcement: broken})
		require.ErrorContains(t, err, "announcement's template", broken)
	}
	_, err := NewWebhooks(WebhookConfig{AnnounceKey: "12"})
	require.ErrorContains(t, err, "no single key")
	require.Equal(t, "1 second", inWords(time.Second))
	require.Empty(t, inWords(0))
	require.Equal(t, "sip:joe@example.com", digits("sip:joe@example.com"))
	require.Len(t, []rune(brief(strings.Repeat("ä", 900))), longestSummary+1)
}

func TestACustomerWhoseAgentIsGoneHearsWhatHappens(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(c *WebhookConfig) { c.RescueAnnouncement = "Please wait." })
	require.Equal(t, "https://calls.example.com/twilio/rescue-wait", RescueWait(b.cfg.PublicURL))
	answer := b.do(b.request(http.MethodGet, PathRescueWait, url.Values{"CallSid": {testCall}}))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), `<Say>Please wait.</Say><Play loop="0">`)
}

func TestALegTellsWhoseItIs(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	target := pathOf(t, LegCallback(b.cfg.PublicURL, testCall, "external-1", ""))
	form := legForm("CallStatus", "busy", "SequenceNumber", "2")
	require.Equal(t, http.StatusNoContent, b.post(target, "T1", form).Code)
	target = pathOf(t, LegCallback(b.cfg.PublicURL, testCall, "agent-2", testOffer))
	require.Equal(t, http.StatusNoContent, b.do(b.request(http.MethodGet, target, legForm("CallStatus", "no-answer", "taskCallSid", testCall))).Code)
	require.Equal(t, []call.Event{
		call.CallStatusChanged{Call: testLeg, Status: "busy", Sequence: 2, Invitation: "external-1"},
		call.CallStatusChanged{Call: testLeg, Status: "no-answer", Invitation: "agent-2", Reservation: testOffer},
	}, b.inbox(t, testCall))
}

func TestWhatIsNoLabelIsNobodys(t *testing.T) {
	t.Parallel()
	require.Equal(t, call.Label("agent-1"), labelIn("agent-1"))
	for _, text := range []string{"", "agent", "Agent-1", "agent-1;drop", "agent-1234567890", "-1", "agent-1\n"} {
		require.Empty(t, labelIn(text), text)
	}
}
