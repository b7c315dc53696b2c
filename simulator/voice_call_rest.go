package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// uri is a relative address of the 2010 API.
func uri(a *account, format string, args ...any) string {
	return "/" + apiVersion + "/Accounts/" + a.sid + fmt.Sprintf(format, args...)
}

// orNil renders "" as null.
func orNil(v string) any {
	if v == "" {
		return nil
	}
	return v
}

const (
	maxTwimlParam = 4000
	maxSendDigits = 32
)

func (s *Simulator) createCall(q *request) (int, any) {
	to, from := q.str("To"), q.str("From")
	if bad := s.checkAddresses(q.account, to, from); bad != nil {
		return fail(bad)
	}
	p, bad := q.program()
	if bad != nil {
		return fail(bad)
	}
	if p == nil {
		if q.str("ApplicationSid") != "" {
			return fail(errCode(21218, "ApplicationSid does not exist: %s", q.str("ApplicationSid")))
		}
		return fail(errCode(21205, "Url parameter is required."))
	}
	o, bad := q.legOptions()
	if bad != nil {
		return fail(bad)
	}
	if bad := q.callOptions(); bad != nil {
		return fail(bad)
	}
	if p.detect, bad = q.detection(); bad != nil {
		return fail(bad)
	}
	c := s.newCallLocked(q.account, directionAPI, from, to)
	c.callback = o.callback
	c.fallback, c.fallbackVerb = q.str("FallbackUrl"), q.strOr("FallbackMethod", http.MethodPost)
	s.limitLocked(c, o.timeLimit)
	s.goroutine(func() { s.ring(c, o.timeout, *p) })
	return http.StatusCreated, s.renderCall(c)
}

// checkAddresses refuses what cannot be dialled, or cannot be dialled from.
func (s *Simulator) checkAddresses(a *account, to, from string) *apiError {
	switch {
	case to == "":
		return errCode(21201, "No 'To' number is specified")
	case from == "":
		return errCode(21213, "No 'From' number is specified")
	case !dialable(to):
		return errCode(21211, "Invalid 'To' Phone Number: %s", to)
	case strings.HasPrefix(from, "client:") || strings.HasPrefix(from, "sip:"):
		if !dialable(from) {
			return errCode(21212, "Invalid 'From' Phone Number: %s", from)
		}
	case !e164.MatchString(from):
		return errCode(21212, "Invalid 'From' Phone Number: %s", from)
	case !s.owns(a, from):
		return errCode(21210, "The source phone number provided, %s, is not yet verified for your account.", from)
	}
	return nil
}

// owns says whether a number is the account's.
func (s *Simulator) owns(a *account, phone string) bool {
	n := s.voice.numberByPhone(phone)
	return n != nil && n.account == a
}

// dialable reports whether address has the shape of a number, a client or a SIP address.
func dialable(address string) bool {
	key := addressKey(address)
	switch {
	case strings.HasPrefix(key, "client:"):
		return len(key) > len("client:")
	case strings.HasPrefix(key, "sip:"):
		user, host, ok := strings.Cut(key[len("sip:"):], "@")
		return ok && user != "" && host != ""
	default:
		return e164.MatchString(key)
	}
}

// program reads the parameters that tell a call what to do; nil when there are none. Twiml goes before Url.
func (q *request) program() (*program, *apiError) {
	method, bad := q.method("Method", http.MethodPost)
	if bad != nil {
		return nil, bad
	}
	switch {
	case q.str("Twiml") != "":
		if len([]rune(q.str("Twiml"))) > maxTwimlParam {
			return nil, errCode(21603, "Twiml must not be longer than %d characters", maxTwimlParam)
		}
		return &program{source: &source{twiml: q.str("Twiml")}}, nil
	case q.str("Url") != "":
		if bad := checkURL("Url", q.str("Url")); bad != nil {
			return nil, bad
		}
		return &program{source: &source{url: q.str("Url"), method: method}}, nil
	}
	return nil, nil
}

// legOptions are what call and participant creation have in common.
type legOptions struct {
	callback  statusCallback
	timeout   int // ring time, seconds
	timeLimit int // seconds in progress, 0 for Twilio's four hours
}

func (q *request) legOptions() (o legOptions, bad *apiError) {
	if bad = checkStatusCallback("StatusCallback", q.str("StatusCallback")); bad != nil {
		return o, bad
	}
	method, bad := q.method("StatusCallbackMethod", http.MethodPost)
	if bad != nil {
		return o, bad
	}
	events := q.words("StatusCallbackEvent")
	for _, e := range events {
		switch e {
		case "initiated", "ringing", "answered", "completed":
		default:
			return o, errCode(21626, "StatusCallbackEvent %s is not one of initiated, ringing, answered, completed", e)
		}
	}
	o.callback = newStatusCallback(q.str("StatusCallback"), method, events)
	if o.timeout, bad = q.integer("Timeout", 60, 1, 600); bad != nil {
		return o, bad
	}
	o.timeLimit, bad = q.integer("TimeLimit", 0, 1, 86400)
	return o, bad
}

// callOptions checks what only calls take.
func (q *request) callOptions() *apiError {
	if bad := checkURL("FallbackUrl", q.str("FallbackUrl")); bad != nil {
		return bad
	}
	if _, bad := q.method("FallbackMethod", http.MethodPost); bad != nil {
		return bad
	}
	if digits := q.str("SendDigits"); len(digits) > maxSendDigits || strings.Trim(digits, "0123456789#*wW") != "" {
		return errInvalid("SendDigits takes at most %d of 0-9 # * w W", maxSendDigits)
	}
	return nil
}

func (s *Simulator) fetchCall(q *request) (int, any) {
	c := q.call(s, q.path("Sid"))
	if c == nil {
		return q.gone()
	}
	return http.StatusOK, s.renderCall(c)
}

func (s *Simulator) listCalls(q *request) (int, any) {
	start, bad := q.dateFilter("StartTime")
	if bad != nil {
		return fail(bad)
	}
	end, bad := q.dateFilter("EndTime")
	if bad != nil {
		return fail(bad)
	}
	items := newestFirst(s.voice.callOrder, func(c *voiceCall) bool {
		return c.account == q.account && q.matches("To", c.to) && q.matches("From", c.from) && q.matches("ParentCallSid", c.parent) &&
			q.matches("Status", c.status) && start.match(c.begun()) && end.match(c.ended)
	})
	return list2010(q, "calls", items, func(c *voiceCall) string { return c.sid }, s.renderCall)
}

// begun is a call's start_time: when it was dialed, or came in; zero while it is queued.
func (c *voiceCall) begun() time.Time {
	if c.direction == directionInbound {
		return c.created
	}
	return c.dialed
}

// matches reports whether a list filter is absent or equals value.
func (q *request) matches(name, value string) bool { return q.str(name) == "" || q.str(name) == value }

func (s *Simulator) updateCall(q *request) (int, any) {
	c := q.call(s, q.path("Sid"))
	if c == nil {
		return q.gone()
	}
	p, bad := q.program()
	if bad != nil {
		return fail(bad)
	}
	status, bad := q.oneOf("Status", "", callCanceled, callCompleted)
	if bad != nil {
		return fail(bad)
	}
	if bad := q.callOptions(); bad != nil {
		return fail(bad)
	}
	if bad := checkStatusCallback("StatusCallback", q.str("StatusCallback")); bad != nil {
		return fail(bad)
	}
	limit, bad := q.integer("TimeLimit", 0, 1, 86400)
	if bad != nil {
		return fail(bad)
	}
	if p != nil && c.status != callInProgress {
		return fail(errCode(21220, "Call is not in-progress. Cannot redirect."))
	}
	if v := q.str("StatusCallback"); v != "" {
		c.callback.url = v
		c.callback.method = q.strOr("StatusCallbackMethod", c.callback.method)
	}
	if v := q.str("FallbackUrl"); v != "" {
		c.fallback, c.fallbackVerb = v, q.strOr("FallbackMethod", http.MethodPost)
	}
	s.limitLocked(c, limit)
	switch {
	case status == callCompleted, status == callCanceled && c.status != callInProgress:
		s.hangUpLocked(c, leftByAPI)
	case p != nil:
		// The leg leaves its queue, its bridge or its conference before anything is requested.
		s.interruptLocked(c, *p)
		s.detachLocked(c, leftByAPI)
	}
	return http.StatusOK, s.renderCall(c)
}

// limitLocked ends a call after so many seconds in progress, 0 for no limit of its own.
func (s *Simulator) limitLocked(c *voiceCall, seconds int) {
	if seconds == 0 || c.over() {
		return
	}
	s.goroutine(func() {
		select {
		case <-c.picked:
		case <-c.ctx.Done():
			return
		}
		if s.wait(c.ctx, float64(seconds)) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.hangUpLocked(c, leftHungUp)
		}
	})
}

func (s *Simulator) renderCall(c *voiceCall) any {
	var duration, numberSID any
	if c.over() {
		duration = strconv.Itoa(s.duration(c))
	}
	if c.number != nil {
		numberSID = c.number.sid
	}
	uris := map[string]any{}
	for _, name := range []string{"Events", "Notifications", "Payments", "Recordings", "Siprec", "Streams", "Transcriptions"} {
		uris[strings.ToLower(name)] = uri(c.account, "/Calls/%s/%s.json", c.sid, name)
	}
	return map[string]any{
		"sid": c.sid, "account_sid": c.account.sid, "parent_call_sid": orNil(c.parent),
		"to": c.to, "to_formatted": c.to, "from": c.from, "from_formatted": c.from,
		"phone_number_sid": numberSID, "status": c.status, "direction": c.direction,
		"date_created": rfcDate(c.created), "date_updated": rfcDate(c.updated),
		"start_time": rfcDate(c.begun()), "end_time": rfcDate(c.ended), "duration": duration,
		"price": nil, "price_unit": "USD", "answered_by": orNil(c.answeredBy), "api_version": apiVersion,
		"forwarded_from": nil, "group_sid": nil, "caller_name": nil,
		"queue_time": "0", "trunk_sid": nil,
		"uri": uri(c.account, "/Calls/%s.json", c.sid), "subresource_uris": uris,
	}
}
