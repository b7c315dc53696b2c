package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What Twilio sends is cleaned as soon as its signature was checked: nothing that comes after sees what a caller keyed or said, what
// belongs to a card or a bank account, or what somebody else could use as a pass. So it reaches neither the inbox and the timeline,
// nor the engine, nor a log.
//
// Telephone numbers, SIDs and times are needed, and stay as they are, also where they happen to look like the number of a card.

// neverKept are the parameters that are dropped, by their names in small letters without separators: those of <Gather>, <Record>,
// <Pay>, transcriptions and ConversationRelay, and what people call the same in attributes of their own.
var neverKept = map[string]bool{
	"digit": true, "dtmf": true, "finishedonkey": true, "keypress": true, "callerinput": true, "voiceinput": true,
	"speech": true, "utterance": true, "transcript": true, "transcription": true, "transcriptiondata": true, "transcriptiontext": true,
	"partialresult": true, "pan": true, "ccnumber": true, "cardno": true, "creditcard": true, "expirationdate": true, "cardexpiry": true,
	"securitycode": true, "cvv": true, "cvc": true, "cvv2": true, "cvc2": true, "pin": true, "iban": true, "accountnumber": true,
	"bankaccountnumber": true, "bankroutingnumber": true, "paymentcardpostalcode": true, "paymentconfirmationcode": true, "profileid": true,
	"ssn": true, "body": true, // of a text message
}

// neverKeptEndings end the names of more such parameters: account_digits, UnstableSpeechResult, customerPin, SipAuthPassword.
var neverKeptEndings = []string{"digits", "speechresult", "cardnumber", "passcode", "password", "passporttoken", "secret", "token"}

// addressed are the parameters that hold a telephone number or another address, which stays.
var addressed = map[string]bool{
	"from": true, "to": true, "caller": true, "called": true, "forwardedfrom": true, "contacturi": true, "outgoingcallerid": true,
	"callerid": true, "address": true, "phone": true, "phonenumber": true,
}

// freeText are the parameters in which people and their flows write what they like. Of those that are not JSON the beginning is kept.
var freeText = map[string]bool{
	"TaskAttributes": true, "WorkerAttributes": true, "TaskCanceledReason": true, "TaskCompletedReason": true, "Reason": true,
	"EventDescription": true,
}

// unreadableKept is how much of a text that is not JSON is kept, in characters: enough to see what somebody wrote there.
const unreadableKept = 200

var digit = regexp.MustCompile(`[0-9]`)

// nestedAtMost is how deep JSON within the strings of JSON is looked into.
const nestedAtMost = 3

var separators = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// flat is a name in small letters without separators.
func flat(name string) string {
	plain := make([]byte, 0, 64)
	for i := range len(name) {
		switch c := name[i]; {
		case c >= utf8.RuneSelf:
			return separators.Replace(strings.ToLower(name))
		case c == '_', c == '-', c == ' ', c == '.':
		case 'A' <= c && c <= 'Z':
			plain = append(plain, c+'a'-'A')
		default:
			plain = append(plain, c)
		}
	}
	return string(plain)
}

// ownPin are names like customer_pin and customerPin, which must not make a shipping of a pin.
var ownPin = regexp.MustCompile(`([_ .-][Pp][Ii][Nn]|[a-z]P[Ii][Nn])$`)

func sensitive(name string) bool {
	small := flat(name)
	if neverKept[small] || strings.HasSuffix(small, "pin") && ownPin.MatchString(name) {
		return true
	}
	for _, ending := range neverKeptEndings {
		if strings.HasSuffix(small, ending) {
			return true
		}
	}
	return false
}

// identity ends the names of IDs and times: order_id, taskId, created_at.
var identity = regexp.MustCompile(`((^|[_ .-])([iI][dD]|at)|[a-z](I[dD]|At))$`)

// identifies says whether a parameter may hold what looks like a card's number and is none.
func identifies(name string) bool {
	small := flat(name)
	return addressed[small] || strings.HasSuffix(small, "sid") || strings.HasSuffix(small, "date") || strings.Contains(small, "timestamp") ||
		(strings.HasSuffix(small, "id") || strings.HasSuffix(small, "at")) && identity.MatchString(name)
}

// cleaned are a webhook's parameters as all that follows may see them.
func cleaned(params url.Values) url.Values {
	kept := make(url.Values, len(params))
	for name, values := range params {
		if sensitive(name) {
			continue
		}
		clean := make([]string, len(values))
		for i, v := range values {
			switch {
			case freeText[name]:
				clean[i] = cleanText(v, unreadableKept)
			case identifies(name):
				clean[i] = v
			default:
				clean[i] = cleanText(v, 0)
			}
		}
		kept[name] = clean
	}
	return kept
}

// flattened are cleaned parameters as they are stored: Twilio sends each once.
func flattened(params url.Values) map[string]string {
	kept := make(map[string]string, len(params))
	for name, values := range params {
		if len(values) > 0 {
			kept[name] = values[0]
		}
	}
	return kept
}

// cleanText takes sensitive keys out of JSON, and card numbers out of any text. Text that is not JSON is cut to most characters; 0 is
// not at all. What was JSON stays JSON: a call is found by its attributes.
func cleanText(text string, most int) string {
	if clean, ok := cleanJSON(text, nestedAtMost); ok {
		return clean
	}
	text = withoutCards(text) // before it is cut, which may cut a number
	if t := strings.TrimSpace(text); t != "" && t[0] == '{' {
		text = digit.ReplaceAllString(text, "#") // broken JSON: nobody can tell which of its digits were keyed
	}
	if r := []rune(text); most > 0 && len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

// cleanJSON cleans an object or a list; ok is false if text is neither.
func cleanJSON(text string, depth int) (clean string, ok bool) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return "", false
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	decoder.UseNumber() // large ones stay what they are
	var v any
	if decoder.Decode(&v) != nil || !errors.Is(decoder.Decode(new(any)), io.EOF) {
		return "", false
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(cleanValue("", v, depth)) != nil {
		return "", false
	}
	return strings.TrimSuffix(out.String(), "\n"), true
}

// cleanValue cleans what stands under a name.
func cleanValue(name string, v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		kept := make(map[string]any, len(v))
		for inner, value := range v {
			if !sensitive(inner) {
				kept[withoutCards(inner)] = cleanValue(inner, value, depth)
			}
		}
		return kept
	case []any:
		for i := range v {
			v[i] = cleanValue(name, v[i], depth)
		}
		return v
	case string:
		if depth > 0 {
			if clean, ok := cleanJSON(v, depth-1); ok {
				return clean
			}
		}
		if identifies(name) {
			return v
		}
		return withoutCards(v)
	case json.Number:
		if !identifies(name) && withoutCards(v.String()) != v.String() {
			return redactedMark
		}
		return v
	default:
		return v
	}
}

const redactedMark = "[redacted]"

// cardLike is 13 to 19 digits, in groups or not, that are no part of a SID and no telephone number with its plus sign.
var cardLike = regexp.MustCompile(`(^|[^0-9A-Za-z+])([0-9](?:[ -]?[0-9]){12,18})\b`)

// fewestDigits is how many a card's number has at least.
const fewestDigits = 13

// mayHoldCard says whether there are digits enough in a row for a card's number. Of most text it says no, for a fraction of what the expression takes.
func mayHoldCard(text string) bool {
	digits := 0
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			if digits++; digits == fewestDigits {
				return true
			}
		case c != ' ' && c != '-':
			digits = 0
		}
	}
	return false
}

func withoutCards(text string) string {
	if !mayHoldCard(text) {
		return text
	}
	return cardLike.ReplaceAllStringFunc(text, func(found string) string {
		m := cardLike.FindStringSubmatch(found)
		if !luhn(m[2]) {
			return found
		}
		return m[1] + redactedMark
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
