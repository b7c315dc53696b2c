package handlers

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// neverKept are the parameters that are dropped before anything is stored or logged: what a caller keyed or said, what belongs to a
// card or a bank account, and what somebody else could use as a pass.
var neverKept = map[string]bool{
	"digits": true, "speechresult": true, "unstablespeechresult": true, "stablespeechresult": true, "transcriptiondata": true,
	"transcriptiontext": true, "paymentcardnumber": true, "cardnumber": true, "expirationdate": true, "securitycode": true,
	"cvv": true, "cvc": true, "pin": true, "password": true, "bankaccountnumber": true, "bankroutingnumber": true, "paymentcardpostalcode": true,
	"paymenttoken": true, "paymentconfirmationcode": true, "profileid": true, "ssn": true,
	"calltoken": true, "stirpassporttoken": true, "authtoken": true, "token": true,
}

// freeText are the parameters in which people and their flows write what they like.
var freeText = map[string]bool{
	"TaskAttributes": true, "WorkerAttributes": true, "TaskCanceledReason": true, "TaskCompletedReason": true, "Reason": true,
	"EventDescription": true,
}

// unreadableKept is how much of attributes that are not JSON is kept, in characters: enough to see what somebody wrote there.
const unreadableKept = 200

func sensitive(name string) bool {
	return neverKept[strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))]
}

// redacted are a webhook's parameters as they may be kept.
func redacted(params url.Values) map[string]string {
	kept := make(map[string]string, len(params))
	for name, values := range params {
		if len(values) == 0 || sensitive(name) {
			continue
		}
		if kept[name] = values[0]; freeText[name] {
			kept[name] = redactedText(values[0])
		}
	}
	return kept
}

// redactedText takes sensitive keys out of a JSON object, and card numbers out of any text.
func redactedText(text string) string {
	if text == "" {
		return ""
	}
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) == nil {
		dropSensitive(object)
		if clean, err := json.Marshal(object); err == nil {
			return withoutCards(string(clean))
		}
	}
	if r := []rune(text); len(r) > unreadableKept {
		text = string(r[:unreadableKept]) + "…"
	}
	return withoutCards(text)
}

func dropSensitive(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if sensitive(name) {
				delete(v, name)
				continue
			}
			dropSensitive(inner)
		}
	case []any:
		for _, inner := range v {
			dropSensitive(inner)
		}
	}
}

// cardLike is 13 to 19 digits, in groups or not, that are no part of a SID and no telephone number with its plus sign.
var cardLike = regexp.MustCompile(`(^|[^0-9A-Za-z+])([0-9](?:[ -]?[0-9]){12,18})\b`)

func withoutCards(text string) string {
	return cardLike.ReplaceAllStringFunc(text, func(found string) string {
		m := cardLike.FindStringSubmatch(found)
		if !luhn(m[2]) {
			return found
		}
		return m[1] + "[redacted]"
	})
}

// luhn says whether the last digit is the check digit that every payment card number ends in.
func luhn(number string) bool {
	sum, double := 0, false
	for i := len(number) - 1; i >= 0; i-- {
		c := number[i]
		if c < '0' || c > '9' {
			continue
		}
		n := int(c - '0')
		if double {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
		double = !double
	}
	return sum%10 == 0
}
