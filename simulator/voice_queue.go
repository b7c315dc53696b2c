package simulator

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// A voiceQueue is where <Enqueue> lets calls wait. The one behind a routing workflow has the workflow's SID as its name.
type voiceQueue struct {
	sid, name string
	entries   []*queueEntry
	waited    float64 // seconds, of all who left
	left      int
}

// A queueEntry is one call that waits.
type queueEntry struct {
	queue   *voiceQueue
	call    *voiceCall
	taskSID string // "" for a queue without TaskRouter
	since   time.Time
	max     int
	action  *source // where the outcome is told, nil for nowhere

	done   chan struct{} // closed when the call waits no more
	result string        // QueueResult, then
}

const (
	defaultQueueSize = 1000
	// resultPulled is no QueueResult of Twilio's: a conference instruction took the call out of the queue.
	resultPulled = "pulled"
)

func (s *Simulator) queueLocked(a *account, name string) *voiceQueue {
	key := s.named(a, name)
	q := s.voice.queues[key]
	if q == nil {
		q = &voiceQueue{sid: s.newSIDLocked("QU"), name: name}
		s.voice.queues[key] = q
	}
	return q
}

// leaveQueueLocked ends a wait. TaskRouter hears of it when it was not TaskRouter who ended it.
func (s *Simulator) leaveQueueLocked(e *queueEntry, result string) {
	if e.result != "" {
		return
	}
	e.result = result
	e.queue.entries = slices.DeleteFunc(e.queue.entries, func(other *queueEntry) bool { return other == e })
	e.queue.left++
	e.queue.waited += s.elapsed(e.since)
	e.call.waiting = nil
	close(e.done)
	if s.closing() {
		return
	}
	switch result {
	case "hangup", "redirected", "leave":
		if e.taskSID != "" {
			s.callerLeftLocked(e.taskSID, result)
		}
	}
	// The call does something else already, so nobody waits for the answer. What an action hears of a conference instruction is
	// not documented: sometimes nothing, sometimes redirected.
	told := result
	if result == resultPulled && s.rng.IntN(2) == 0 {
		told = "redirected"
	}
	if e.action != nil && (told == "hangup" || told == "redirected") {
		params := s.callParams(e.call)
		maps.Copy(params, s.queueOutcome(e, told))
		s.sendLocked(hook{Method: e.action.method, URL: e.action.url, Params: params, Kind: kindAction, Account: e.call.account})
	}
}

// queueOutcome is what an <Enqueue>'s action is told.
func (s *Simulator) queueOutcome(e *queueEntry, result string) url.Values {
	return url.Values{
		"QueueResult": {result}, "QueueSid": {e.queue.sid}, "QueueTime": {whole(s.elapsed(e.since))},
	}
}

// queueParams is what an <Enqueue>'s waitUrl is told.
func (s *Simulator) queueParams(e *queueEntry) url.Values {
	average := 0.0
	if e.queue.left > 0 {
		average = e.queue.waited / float64(e.queue.left)
	}
	return url.Values{
		"QueuePosition":    {strconv.Itoa(slices.Index(e.queue.entries, e) + 1)},
		"QueueSid":         {e.queue.sid},
		"QueueTime":        {whole(s.elapsed(e.since))},
		"AvgQueueTime":     {whole(average)},
		"CurrentQueueSize": {strconv.Itoa(len(e.queue.entries))},
		"MaxQueueSize":     {strconv.Itoa(e.max)},
	}
}

func whole(seconds float64) string { return strconv.Itoa(int(math.Floor(seconds))) }

// releaseCallerLocked is Voice's part of seam.go.
func (s *Simulator) releaseCallerLocked(callSID, taskSID, queueResult string) {
	c := s.voice.calls[callSID]
	if c == nil || c.waiting == nil {
		return
	}
	// The task may be canceled before <Enqueue> has learnt its SID.
	if e := c.waiting; e.taskSID == taskSID || e.taskSID == "" {
		s.leaveQueueLocked(e, queueResult)
	}
}
