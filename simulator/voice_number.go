package simulator

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// A number is an IncomingPhoneNumber of the account.
type number struct {
	account                               *account
	sid, phone, friendlyName              string
	voiceURL, voiceMethod                 string
	voiceFallbackURL, voiceFallbackMethod string
	statusCallback, statusCallbackMethod  string
	voiceApplicationSID, trunkSID         string
	callerIDLookup                        bool
	created, updated                      time.Time
}

var e164 = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)

func (v *voice) numberByPhone(phone string) *number {
	for _, n := range v.numbers {
		if n.phone == phone {
			return n
		}
	}
	return nil
}

func (v *voice) numberBySID(sid string) *number {
	for _, n := range v.numbers {
		if n.sid == sid {
			return n
		}
	}
	return nil
}

func (s *Simulator) createNumber(q *request) (int, any) {
	phone := q.str("PhoneNumber")
	if phone == "" {
		return fail(errMissing("PhoneNumber"))
	}
	if !e164.MatchString(phone) {
		return fail(errCode(21421, "PhoneNumber is not valid: %s", phone))
	}
	if s.voice.numberByPhone(phone) != nil {
		return fail(errCode(21422, "PhoneNumber is not available: %s", phone))
	}
	now := time.Now()
	n := &number{
		account: q.account, phone: phone, friendlyName: phone, created: now, updated: now,
		voiceMethod: http.MethodPost, voiceFallbackMethod: http.MethodPost, statusCallbackMethod: http.MethodPost,
	}
	if bad := n.change(q); bad != nil {
		return fail(bad)
	}
	n.sid = s.newSIDLocked("PN")
	s.voice.numbers = append(s.voice.numbers, n)
	return http.StatusCreated, s.renderNumber(n)
}

func (s *Simulator) listNumbers(q *request) (int, any) {
	// A partial number finds all that hold it; * stands for any digit.
	var pattern *regexp.Regexp
	if want := q.str("PhoneNumber"); want != "" {
		var err error
		if pattern, err = regexp.Compile(strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, `\d`)); err != nil {
			return fail(errInvalid("PhoneNumber cannot be searched for"))
		}
	}
	items := newestFirst(s.voice.numbers, func(n *number) bool {
		return n.account == q.account && (pattern == nil || pattern.MatchString(n.phone)) && (!q.has("FriendlyName") || n.friendlyName == q.str("FriendlyName"))
	})
	return list2010(q, "incoming_phone_numbers", items, func(n *number) string { return n.sid }, s.renderNumber)
}

func (s *Simulator) fetchNumber(q *request) (int, any) {
	n := q.number(s, q.path("Sid"))
	if n == nil {
		return q.gone()
	}
	return http.StatusOK, s.renderNumber(n)
}

func (s *Simulator) updateNumber(q *request) (int, any) {
	n := q.number(s, q.path("Sid"))
	if n == nil {
		return q.gone()
	}
	changed := *n
	if bad := changed.change(q); bad != nil {
		return fail(bad)
	}
	changed.updated = time.Now()
	*n = changed
	return http.StatusOK, s.renderNumber(n)
}

func (s *Simulator) deleteNumber(q *request) (int, any) {
	n := q.number(s, q.path("Sid"))
	if n == nil {
		return q.gone()
	}
	kept := s.voice.numbers[:0:0]
	for _, other := range s.voice.numbers {
		if other != n {
			kept = append(kept, other)
		}
	}
	s.voice.numbers = kept
	return http.StatusNoContent, nil
}

// change applies the parameters that were sent; an empty one clears.
func (n *number) change(q *request) *apiError {
	for name, field := range map[string]*string{
		"VoiceUrl": &n.voiceURL, "VoiceFallbackUrl": &n.voiceFallbackURL, "StatusCallback": &n.statusCallback,
	} {
		if q.has(name) {
			if bad := checkURL(name, q.str(name)); bad != nil {
				return bad
			}
			*field = q.str(name)
		}
	}
	for name, field := range map[string]*string{
		"VoiceMethod": &n.voiceMethod, "VoiceFallbackMethod": &n.voiceFallbackMethod, "StatusCallbackMethod": &n.statusCallbackMethod,
	} {
		method, bad := q.method(name, *field)
		if bad != nil {
			return bad
		}
		*field = method
	}
	for name, field := range map[string]*string{
		"FriendlyName": &n.friendlyName, "VoiceApplicationSid": &n.voiceApplicationSID, "TrunkSid": &n.trunkSID,
	} {
		if q.has(name) {
			*field = q.str(name)
		}
	}
	var bad *apiError
	n.callerIDLookup, bad = q.boolean("VoiceCallerIdLookup", n.callerIDLookup)
	return bad
}

// method reads an HTTP method, def when absent.
func (q *request) method(name, def string) (string, *apiError) {
	switch v := strings.ToUpper(q.str(name)); v {
	case "":
		return def, nil
	case http.MethodGet, http.MethodPost:
		return v, nil
	default:
		return "", errInvalid("%s must be GET or POST", name)
	}
}

func (s *Simulator) renderNumber(n *number) any {
	return map[string]any{
		"sid": n.sid, "account_sid": n.account.sid, "phone_number": n.phone, "friendly_name": n.friendlyName,
		"voice_url": orNil(n.voiceURL), "voice_method": n.voiceMethod,
		"voice_fallback_url": orNil(n.voiceFallbackURL), "voice_fallback_method": n.voiceFallbackMethod,
		"status_callback": orNil(n.statusCallback), "status_callback_method": n.statusCallbackMethod,
		"voice_application_sid": orNil(n.voiceApplicationSID), "trunk_sid": orNil(n.trunkSID),
		"voice_caller_id_lookup": n.callerIDLookup, "voice_receive_mode": "voice",
		"date_created": rfcDate(n.created), "date_updated": rfcDate(n.updated),
		"api_version": apiVersion, "beta": false, "origin": "twilio", "status": "in-use", "type": nil,
		"capabilities":         map[string]bool{"voice": true, "sms": false, "mms": false, "fax": false},
		"address_requirements": "none", "address_sid": nil, "identity_sid": nil, "bundle_sid": nil,
		"emergency_status": "Inactive", "emergency_address_sid": nil, "emergency_address_status": "unregistered",
		"sms_url": nil, "sms_method": http.MethodPost, "sms_fallback_url": nil, "sms_fallback_method": http.MethodPost,
		"sms_application_sid": nil,
		"uri":                 uri(n.account, "/IncomingPhoneNumbers/%s.json", n.sid),
	}
}
