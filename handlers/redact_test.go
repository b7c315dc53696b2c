package handlers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedacted(t *testing.T) {
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
			map[string]string{"TaskAttributes": "card=[redacted] " + strings.Repeat("ü", 200-25) + "…"},
		},
		"numbers that are no cards stay": {
			url.Values{"Reason": {"order 1234567890123456"}},
			map[string]string{"Reason": "order 1234567890123456"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, redacted(c.params))
		})
	}
}
