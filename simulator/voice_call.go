package simulator

import (
	"context"
	"maps"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Statuses of a call, as Twilio writes them.
const (
	callQueued     = "queued"
	callRinging    = "ringing"
	callInProgress = "in-progress"
	callCompleted  = "completed"
	callBusy       = "busy"
	callFailed     = "failed"
	callNoAnswer   = "no-answer"
	callCanceled   = "canceled"
)

// Directions of a call.
const (
	directionInbound = "inbound"
	directionAPI     = "outbound-api"
	directionDial    = "outbound-dial"
)

// A voiceCall is one leg: a person's line on one side, on the other whatever TwiML, a queue, a bridge or a conference makes of it.
// One goroutine follows it from birth to end; everybody else changes it under the world's lock and interrupts that goroutine.
type voiceCall struct {
	sid, parent  string
	account      *account
	from, to     string
	direction    string
	number       *number // inbound calls: the number that was called
	status       string
	sipCode      int // of the end, 0 for none
	created      time.Time
	updated      time.Time
	dialed       time.Time // an outbound leg's first ring
	started      time.Time // answered
	ended        time.Time
	callback     statusCallback
	fallback     string
	fallbackVerb string

	ctx    context.Context // ends with the call
	cancel context.CancelFunc
	line   *line
	picked chan struct{} // closed when an outbound leg is answered

	next *program           // what to do instead of what is being done
	stop context.CancelFunc // ends what is being done

	// Where the leg is: at most one of these.
	waiting     *queueEntry
	participant *participant
	bridge      *bridge
	gathering   *gathering
	detector    *detector // listens for an answering machine
	answeredBy  string    // what it found

	lastTask string // of the last Enqueue
	task     string // the task whose instruction dialled this leg, "" for any other leg

	customer bool     // it waited for an agent by a task
	heard    []*Heard // oldest first

	onAnswerLocked func() // an outbound leg was answered
	onEndLocked    func() // the leg has ended
}

// A statusCallback is who wants to hear of a call's progress.
type statusCallback struct {
	url, method string
	events      map[string]bool
	sequence    int
	extra       url.Values // told beside the call's own parameters
}

func newStatusCallback(address, method string, events []string) statusCallback {
	if len(events) == 0 {
		events = []string{"completed"}
	}
	return statusCallback{url: address, method: method, events: set(events)}
}

func set(words []string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}

// over reports that the call has ended.
func (c *voiceCall) over() bool { return !c.ended.IsZero() }

// newCallLocked puts a call into the world; follow or ring must be started for it, for they end it when the world closes.
func (s *Simulator) newCallLocked(a *account, direction, from, to string) *voiceCall {
	now := time.Now()
	c := &voiceCall{
		sid: s.newSIDLocked("CA"), account: a, from: from, to: to, direction: direction, status: callQueued,
		created: now, updated: now, picked: make(chan struct{}), stop: func() {},
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.line = newLine(s, c)
	s.voice.addCall(c)
	s.watchLocked()
	return c
}

// answerCallLocked makes a ringing or queued call one in progress; no-op for any other.
func (s *Simulator) answerCallLocked(c *voiceCall) {
	if c.over() || c.status == callInProgress {
		return
	}
	c.status, c.started, c.updated = callInProgress, time.Now(), time.Now()
	c.line.emitLocked(LineAnswered, "")
	s.callEventLocked(c, "answered")
	close(c.picked)
	if c.onAnswerLocked != nil {
		c.onAnswerLocked()
	}
}

// endCallLocked ends a call with its final status. reason is what a conference tells of a participant who leaves by it; a call that
// ends twice ends once.
func (s *Simulator) endCallLocked(c *voiceCall, status string, sipCode int, reason string) {
	if c.over() {
		return
	}
	now := time.Now()
	c.status, c.sipCode, c.ended, c.updated = status, sipCode, now, now
	c.cancel()
	delete(s.voice.alive, c)
	s.detachLocked(c, reason)
	s.callEventLocked(c, "completed")
	s.stats.callEnded(status)
	if c.onEndLocked != nil {
		c.onEndLocked()
	}
	c.line.emitLocked(LineEnded, status)
}

// hangUpLocked ends a call whatever its state, as the party named by reason hung up: a leg that rings is canceled.
func (s *Simulator) hangUpLocked(c *voiceCall, reason string) {
	if c.status == callInProgress {
		s.endCallLocked(c, callCompleted, 0, reason)
		return
	}
	s.endCallLocked(c, callCanceled, 487, reason)
}

// detachLocked takes a leg out of its queue, conference or bridge, because it ended or does something else from now on.
func (s *Simulator) detachLocked(c *voiceCall, reason string) {
	c.gathering = nil
	if c.waiting != nil {
		result := "redirected"
		if c.over() {
			result = "hangup"
		}
		s.leaveQueueLocked(c.waiting, result)
	}
	if c.participant != nil {
		s.leaveRoomLocked(c.participant, reason)
	}
	if c.bridge != nil {
		c.bridge.partLocked(c)
	}
}

// interruptLocked makes a call in progress do something else at once.
func (s *Simulator) interruptLocked(c *voiceCall, p program) {
	c.next = &p
	c.stop()
}

// callParams are the parameters of every voice webhook about a call.
func (s *Simulator) callParams(c *voiceCall) url.Values {
	v := url.Values{}
	v.Set("CallSid", c.sid)
	v.Set("AccountSid", c.account.sid)
	v.Set("From", c.from)
	v.Set("To", c.to)
	v.Set("Caller", c.from)
	v.Set("Called", c.to)
	v.Set("CallStatus", c.status)
	v.Set("ApiVersion", apiVersion)
	v.Set("Direction", c.direction)
	if c.parent != "" {
		v.Set("ParentCallSid", c.parent)
	}
	if c.answeredBy != "" {
		v.Set("AnsweredBy", c.answeredBy)
	}
	for prefix, address := range map[string]string{"From": c.from, "Caller": c.from, "To": c.to, "Called": c.to} {
		if !strings.HasPrefix(address, "+") {
			continue
		}
		country := ""
		if strings.HasPrefix(address, "+1") {
			country = "US"
		}
		v.Set(prefix+"Country", country)
		v.Set(prefix+"State", "")
		v.Set(prefix+"City", "")
		v.Set(prefix+"Zip", "")
	}
	return v
}

const apiVersion = "2010-04-01"

// callEventLocked tells a call's status callback of an event, if it asked for it. The event "answered" reports in-progress, and
// "initiated" a status that no other place knows.
func (s *Simulator) callEventLocked(c *voiceCall, event string) {
	cb := &c.callback
	if cb.url == "" || !cb.events[event] || s.closing() {
		return
	}
	v := s.callParams(c)
	if event == "initiated" {
		v.Set("CallStatus", "initiated")
	}
	v.Set("Timestamp", time.Now().UTC().Format(time.RFC1123Z))
	v.Set("CallbackSource", "call-progress-events")
	v.Set("SequenceNumber", strconv.Itoa(cb.sequence))
	cb.sequence++
	maps.Copy(v, cb.extra)
	if c.over() {
		seconds := s.duration(c)
		v.Set("CallDuration", strconv.Itoa(seconds))
		if c.status == callCompleted {
			v.Set("Duration", strconv.Itoa((seconds+59)/60))
		}
		if c.sipCode != 0 {
			v.Set("SipResponseCode", strconv.Itoa(c.sipCode))
		} else {
			v.Set("SipResponseCode", "200")
		}
	}
	s.sendLocked(hook{Method: cb.method, URL: cb.url, Params: v, Account: c.account})
}

// duration is how many of Twilio's seconds a call that ended was answered for.
func (s *Simulator) duration(c *voiceCall) int {
	if c.started.IsZero() || c.ended.IsZero() {
		return 0
	}
	return int(math.Ceil(float64(c.ended.Sub(c.started)) / float64(s.cfg.Second)))
}
