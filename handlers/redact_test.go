package handlers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatMustNotBeKeptIsTakenOutOfWebhooks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params url.Values
		want   map[string]string
	}{
		"what identifies is kept": {
			url.Values{"CallSid": {"CA4242424242424242"}, "From": {"+4915112345678901"}, "TimestampMs": {"4242424242424242"}},
			map[string]string{"CallSid": "CA4242424242424242", "From": "+4915112345678901", "TimestampMs": "4242424242424242"},
		},
		"what was keyed or said is dropped": {
			url.Values{
				"Digits": {"1234"}, "SpeechResult": {"my card is"}, "UnstableSpeechResult": {"my"}, "Confidence": {"0.9"},
			},
			map[string]string{"Confidence": "0.9"},
		},
		"cards, accounts and passes are dropped": {
			url.Values{
				"PaymentCardNumber": {"4242"}, "SecurityCode": {"123"}, "ExpirationDate": {"1227"}, "BankAccountNumber": {"1"},
				"BankRoutingNumber": {"2"}, "CallToken": {"x"}, "StirPassportToken": {"y"},
			},
			map[string]string{},
		},
		"attributes lose their sensitive keys at any depth": {
			url.Values{"TaskAttributes": {`{"type":"support","ivr":{"digits":"99","security_code":"1","step":"menu"},"list":[{"pin":1,"ok":2}]}`}},
			map[string]string{"TaskAttributes": `{"ivr":{"step":"menu"},"list":[{"ok":2}],"type":"support"}`},
		},
		"attributes lose card numbers in text, and keep telephone numbers and SIDs": {
			url.Values{"TaskAttributes": {`{"note":"paid with 4242 4242 4242 4242 today","from":"+4242424242424242","call_sid":"CA4242424242424242a"}`}},
			map[string]string{
				"TaskAttributes": `{"call_sid":"CA4242424242424242a","from":"+4242424242424242","note":"paid with [redacted] today"}`,
			},
		},
		"attributes that are not JSON are cut and cleaned": {
			url.Values{"TaskAttributes": {"card=4242-4242-4242-4242 " + strings.Repeat("ü", 300)}},
			map[string]string{"TaskAttributes": "card=[redacted] " + strings.Repeat("ü", 200-16) + "…"},
		},
		"what Gather, Record, Pay and transcriptions send is dropped": {
			url.Values{
				"Digits": {"4111111111111111"}, "FinishedOnKey": {"#"}, "SpeechResult": {"one two"}, "StableSpeechResult": {"one"},
				"TranscriptionText": {"x"}, "TranscriptionData": {"{}"}, "PaymentToken": {"x"}, "ProfileId": {"x"}, "PartialResult": {"4"},
				"SendDigits": {"1w2"}, "Dtmf": {"5"}, "Body": {"my pin is 1234"}, "SipAuthPassword": {"x"}, "msg": {"Gather End"},
			},
			map[string]string{"msg": "Gather End"},
		},
		"parameters that nobody foresaw lose card numbers": {
			url.Values{"SipHeader_X-Note": {"4111 1111 1111 1111"}, "custom": {`{"pan":"4111111111111111","memo":"4111111111111111"}`}},
			map[string]string{"SipHeader_X-Note": "[redacted]", "custom": `{"memo":"[redacted]"}`},
		},
		"a card that is a number leaves JSON behind, and large numbers stay exact": {
			url.Values{"TaskAttributes": {`{"call_sid":"CA1","paid":4111111111111111,"order_id":4111111111111111,"n":9007199254740993}`}},
			map[string]string{"TaskAttributes": `{"call_sid":"CA1","n":9007199254740993,"order_id":4111111111111111,"paid":"[redacted]"}`},
		},
		"JSON within JSON is looked into": {
			url.Values{"TaskAttributes": {`{"flow":"{\"Digits\":\"1234\",\"lang\":\"en\"}"}`}},
			map[string]string{"TaskAttributes": `{"flow":"{\"lang\":\"en\"}"}`},
		},
		"names of people's own are known by their endings": {
			url.Values{"TaskAttributes": {`{"account_digits":"1","customerPin":"2","customer_pin":"2","shipping":"3","gather_speech_result":"x","apiToken":"t"}`}},
			map[string]string{"TaskAttributes": `{"shipping":"3"}`},
		},
		"telephone numbers stay where they stand, with a plus sign or without": {
			url.Values{
				"From": {"4242424242424242"}, "Called": {"sip:4242424242424242@example.com"},
				"TaskAttributes": {`{"caller":"4242424242424242","from":"sip:4242424242424242@example.com"}`},
			},
			map[string]string{
				"From": "4242424242424242", "Called": "sip:4242424242424242@example.com",
				"TaskAttributes": `{"caller":"4242424242424242","from":"sip:4242424242424242@example.com"}`,
			},
		},
		"of broken JSON no digit is kept": {
			url.Values{"TaskAttributes": {`{"digits":"1234","call_sid":"CA`}},
			map[string]string{"TaskAttributes": `{"digits":"####","call_sid":"CA`},
		},
		"numbers that are no cards stay": {
			url.Values{"Reason": {"order 1234567890123456"}},
			map[string]string{"Reason": "order 1234567890123456"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, flattened(cleaned(c.params)))
		})
	}
}

func TestTheQuickLooksMissNothingThatTheExpressionsFind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z+ -]{0,3}([0-9]{1,5}[ -]?){0,6}[a-z+ -]{0,3}`).Draw(t, "text")
		if cardLike.MatchString(text) && !mayHoldCard(text) {
			t.Errorf("%q may hold a card", text)
		}
		name := rapid.StringMatching(`[A-Za-zäİ_ .-]{0,3}[A-Za-z_ .-]?([pP][iI][nN]|[iI][dD]|[aA][tT])`).Draw(t, "name")
		if ownPin.MatchString(name) && !sensitive(name) {
			t.Errorf("%q is sensitive", name)
		}
		if identity.MatchString(name) && !identifies(name) {
			t.Errorf("%q identifies", name)
		}
	})
}

func BenchmarkCleaned(b *testing.B) {
	params, err := url.ParseQuery("AccountSid=AC1&EventType=reservation.accepted&EventDescription=Worker+alice+accepted+Reservation&ResourceType=reservation" +
		"&ResourceSid=WR1&WorkspaceSid=WS1&WorkspaceName=Proving+Floor&WorkflowSid=WW1&WorkflowName=Inbound&TaskQueueSid=WQ1&TaskQueueName=Support" +
		"&TaskSid=WT1&TaskAge=3&TaskPriority=5&TaskAssignmentStatus=assigned&TaskChannelSid=TC1&TaskChannelUniqueName=voice&WorkerSid=WK1" +
		"&WorkerName=alice&WorkerActivitySid=WA1&WorkerActivityName=Available&WorkerTimeInPreviousActivity=17&ReservationSid=WR1&Timestamp=1763700000" +
		"&TimestampMs=1763700000123&Sid=EV1&TaskAttributes=" + url.QueryEscape(`{"call_sid":"CA1","from":"+15550001111","to":"+18005550100","direction":"inbound",`+
		`"conference":{"sid":"CF1","participants":{"worker":"CA2","customer":"CA1"}},"holdfast_call":"CA1"}`) +
		"&WorkerAttributes=" + url.QueryEscape(`{"contact_uri":"client:alice","skills":["support","sales"]}`))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		cleaned(params)
	}
}
