package simulator

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// assignmentTimeout is how long Twilio waits for an assignment callback's answer, in real time.
const assignmentTimeout = 5 * time.Second

// What Twilio's debugger says of answers to assignment callbacks.
const (
	codeBadInstruction = 40001 // no JSON object, or nothing that TaskRouter could do
	codeNoInstruction  = 40005
)

// askLocked sends the assignment callback, if the routing workflow has one, and follows its answer.
func (s *Simulator) askLocked(r *reservation) {
	t, w := r.task, r.task.workflow
	if w == nil || w.assignmentURL == "" {
		return
	}
	h := hook{
		Kind: "assignment", Account: t.workspace.account, Subject: t.sid, URL: w.assignmentURL, Fallback: w.fallbackURL, Timeout: assignmentTimeout, Check: checkInstruction,
		Params: url.Values{
			"Timestamp":  {strconv.FormatInt(time.Now().Unix(), 10)},
			"AccountSid": {t.workspace.account.sid}, "WorkspaceSid": {t.workspace.sid}, "WorkflowSid": {w.sid}, "TaskQueueSid": {t.queue.sid},
			"WorkerSid": {r.agent.sid}, "WorkerAttributes": {r.agent.attributes}, "WorkerName": {r.agent.name},
			"TaskSid": {t.sid}, "TaskAttributes": {t.attributes}, "TaskAge": {strconv.Itoa(s.age(t.created))},
			"TaskPriority": {strconv.Itoa(t.priority)}, "ReservationSid": {r.sid},
		},
	}
	r.asking = true
	s.goroutine(func() {
		answer := s.fetch(h)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ctx.Err() != nil {
			return
		}
		r.asking = false
		s.instructedLocked(r, answer)
		if r.expired && r.status == statusPending && !r.accepting {
			s.timeOutLocked(r)
		}
	})
}

// checkInstruction accepts an answer that TaskRouter reads at all: 200 and JSON. What is not goes to the fallback.
func checkInstruction(a hookAnswer) error {
	if a.Status != 200 {
		return &hookError{codeRetrieval, a.URL, "HTTP " + strconv.Itoa(a.Status) + ", not 200"}
	}
	if kind, _, err := mime.ParseMediaType(a.ContentType); err != nil || kind != "application/json" {
		return &hookError{codeBadInstruction, a.URL, "content type " + strconv.Quote(a.ContentType) + ", not application/json"}
	}
	return nil
}

// instructedLocked does what the answer to an assignment callback says, if the reservation still waits for it.
func (s *Simulator) instructedLocked(r *reservation, answer hookAnswer) {
	if r.status != statusPending || r.accepting {
		return
	}
	if answer.Err != nil {
		s.loseLocked(r, "canceled")
		return
	}
	warn := func(code int, message string) {
		s.log.Warn("assignment instruction ignored", "code", code, "message", message, "reservation", r.sid)
	}
	var given map[string]any
	dec := json.NewDecoder(bytes.NewReader(answer.Body))
	dec.UseNumber()
	if err := dec.Decode(&given); err != nil || given == nil || dec.More() {
		warn(codeBadInstruction, "the answer is not a JSON object")
		return
	}
	if len(given) == 0 {
		return
	}
	name, ok := given["instruction"].(string)
	if !ok {
		warn(codeNoInstruction, "the answer lacks an instruction")
		return
	}
	if bad := s.instructLocked(r, name, jsonParameters(given), "activity_sid"); bad != nil {
		warn(bad.Code, bad.Message)
	}
}

// jsonParameters reads the keys of an instruction. conference_record counts only as a string; other types are dropped without a word,
// as is everything else that is no scalar or list of them.
func jsonParameters(given map[string]any) parameters {
	return func(key string) (string, bool) {
		switch v := given[key].(type) {
		case string:
			return v, true
		case json.Number:
			return v.String(), key != "conference_record"
		case bool:
			return strconv.FormatBool(v), key != "conference_record"
		case []any:
			var words []string
			for _, item := range v {
				if word, ok := item.(string); ok {
					words = append(words, word)
				}
			}
			return strings.Join(words, ","), true
		default:
			return "", false
		}
	}
}

// parameters gives an instruction's value by its snake_case key.
type parameters func(key string) (value string, given bool)

// formParameters reads the same from a REST request, where keys are in PascalCase and lists repeat the key.
func (q *request) formParameters() parameters {
	return func(key string) (string, bool) {
		var name strings.Builder
		for word := range strings.SplitSeq(key, "_") {
			if word != "" {
				name.WriteString(strings.ToUpper(word[:1]) + word[1:])
			}
		}
		return strings.Join(q.Form[name.String()], ","), q.has(name.String())
	}
}

// instructLocked carries out an instruction on a pending reservation. activityKey is where reject finds the availability.
func (s *Simulator) instructLocked(r *reservation, name string, get parameters, activityKey string) *apiError {
	switch name {
	case "accept":
		s.acceptLocked(r)
	case "reject":
		to, bad := r.task.workspace.availabilityFor(get, activityKey)
		if bad != nil {
			return bad
		}
		s.rejectLocked(r, to)
	case "conference":
		in, bad := conferenceFrom(r, get)
		if bad != nil {
			return bad
		}
		r.accepting = true
		s.startConferenceLocked(in)
	case "call":
		return s.callLocked(r, get)
	case "redirect":
		return s.redirectLocked(r, get)
	case "dequeue":
		return s.dequeueLocked(r, get)
	case "supervise":
		return errInvalid("the instruction supervise is for a reservation that was accepted, and its task's address")
	default:
		return errCode(codeBadInstruction, "unknown instruction %q", name)
	}
	return nil
}

// availabilityFor is where an agent who rejects wants to go; nil when he does not say.
func (ws *workspace) availabilityFor(get parameters, key string) (*availability, *apiError) {
	sid, _ := get(key)
	if sid == "" {
		return nil, nil
	}
	to, ok := ws.availabilities.get(sid)
	if !ok {
		return nil, errInvalid("activity %s does not exist", sid)
	}
	return to, nil
}

// codeBadTimeout is an instruction's timeout that is no number of at most 999 seconds.
const codeBadTimeout = 14233

// conferenceFrom reads a conference instruction's parameters with Twilio's defaults.
func conferenceFrom(r *reservation, get parameters) (in conferenceInstruction, bad *apiError) {
	t := r.task
	in = conferenceInstruction{
		TaskSID: t.sid, ReservationSID: r.sid, CustomerCallSID: stringAttribute(t.attrs, "call_sid"),
		To:   get.text("to", stringAttribute(r.agent.attrs, "contact_uri")),
		From: get.text("from", stringAttribute(t.attrs, "to")),

		EndConferenceOnExit:         get.flag("end_conference_on_exit", false),
		EndConferenceOnCustomerExit: get.flag("end_conference_on_customer_exit", false),
		StartConferenceOnEnter:      get.flag("start_conference_on_enter", true),
		Muted:                       get.flag("muted", false),
		Beep:                        get.text("beep", "true"),
		WaitURL:                     get.text("wait_url", ""),
		WaitMethod:                  get.text("wait_method", "POST"),
		Record:                      get.flag("record", false),
		ConferenceRecord:            get.text("conference_record", "false"),

		ConferenceStatusCallback:       get.text("conference_status_callback", ""),
		ConferenceStatusCallbackMethod: get.text("conference_status_callback_method", "POST"),
		ConferenceStatusCallbackEvents: splitWords(get.text("conference_status_callback_event", "")),
		StatusCallback:                 get.text("status_callback", ""),
		StatusCallbackMethod:           get.text("status_callback_method", "POST"),
		StatusCallbackEvents:           splitWords(get.text("status_callback_event", "")),
	}
	if in.To == "" {
		return in, errInvalid("the worker has no contact_uri, and the instruction no to")
	}
	if in.From == "" {
		return in, errInvalid("the task has no to, and the instruction no from")
	}
	in.Timeout, bad = get.ring()
	return in, bad
}
