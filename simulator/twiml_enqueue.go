package simulator

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// What the requests of <Enqueue> and <Dial> count as in Stats.
const (
	kindWait   = "queue-wait"
	kindAction = "action"
	kindRoom   = "conference-audio"
)

// defaultMusic is what plays where no address says otherwise. It is not requested.
const defaultMusic = "http://com.twilio.music.classical.s3.amazonaws.com/BusyStrings.mp3"

// enqueue lets the call wait in a queue until it is taken out, released, or leaves.
func (p *player) enqueue(verb *element) step {
	e := &queueEntry{
		call: p.c, since: time.Now(), done: make(chan struct{}),
		max: int(p.number(verb, "maxQueueSize", defaultQueueSize)),
	}
	if action := verb.attrs["action"]; action != "" {
		address, err := p.resolve(action)
		if err != nil {
			p.warn(11100, "<Enqueue> has no valid action: "+action)
			return p.broken()
		}
		e.action = &source{url: address, method: strings.ToUpper(verb.attr("method", http.MethodPost)), kind: kindAction}
	}
	if !p.enter(verb, e) {
		return step{kind: interrupted}
	}

	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	waiter := &player{s: p.s, c: p.c, ctx: ctx, place: inQueue, base: p.base}
	heard := make(chan step, 1)
	p.s.goroutine(func() {
		select {
		case <-e.done: // full, or refused
			heard <- step{}
		default:
			heard <- waiter.accompany(verb, e)
		}
	})
	var said step
	select {
	case <-e.done:
		stop()
		select {
		case <-heard:
		case <-p.ctx.Done():
		}
	case <-p.ctx.Done():
	case said = <-heard:
	}

	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	switch {
	case p.ctx.Err() != nil:
		return step{kind: interrupted}
	case said.kind == hangUp:
		return said
	case said.kind == leave:
		p.s.leaveQueueLocked(e, "leave")
	}
	if e.action == nil {
		return step{}
	}
	next := *e.action
	next.params = p.s.queueOutcome(e, e.result)
	return step{kind: jump, to: &next}
}

// enter puts the call into its queue and, for a routing workflow, makes the task; false when the call does something else by now.
func (p *player) enter(verb *element, e *queueEntry) bool {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	workflow, task := verb.attrs["workflowSid"], verb.child("Task")
	name := verb.text
	if workflow != "" {
		name = workflow
	}
	e.queue = s.queueLocked(p.c.account, name)
	if len(e.queue.entries) >= e.max {
		e.result = "queue-full"
		close(e.done)
		return true
	}
	e.queue.entries = append(e.queue.entries, e)
	p.c.waiting = e
	p.c.line.emitLocked(LineQueued, name)
	if workflow == "" {
		return true
	}
	if task == nil {
		task = &element{text: "{}"}
	}
	t, err := s.enqueueLocked(p.c, workflow, task.text, task.attrs["priority"], task.attrs["timeout"])
	if err != nil {
		p.warn(13000, "<Enqueue> made no task: "+err.Error())
		s.leaveQueueLocked(e, "error")
		return true
	}
	e.taskSID, p.c.lastTask, p.c.customer = t.sid, t.sid, true
	return true
}

// retryWait is how many seconds a caller hears nothing when the waitUrl failed, before it is asked again.
const retryWait = 10

// accompany plays what a waiting caller hears. Unlike a conference's, a queue's waitUrl is requested again whenever its TwiML ends.
func (p *player) accompany(verb *element, e *queueEntry) step {
	address := verb.attrs["waitUrl"]
	if address == "" {
		stop := func() {}
		if !verb.has("waitUrl") {
			p.s.mu.Lock()
			stop = p.hearLocked(defaultMusic)
			p.s.mu.Unlock()
		}
		<-p.ctx.Done()
		p.s.mu.Lock()
		stop()
		p.s.mu.Unlock()
		return step{kind: interrupted}
	}
	resolved, err := p.resolve(address)
	if err != nil {
		p.warn(11100, "<Enqueue> has no valid waitUrl: "+address)
		<-p.ctx.Done()
		return step{kind: interrupted}
	}
	for p.ctx.Err() == nil {
		begun := time.Now()
		p.s.mu.Lock()
		params := p.s.queueParams(e)
		p.s.mu.Unlock()
		t := p.play(&source{url: resolved, method: strings.ToUpper(verb.attr("waitUrlMethod", http.MethodPost)), params: params, kind: kindWait})
		if t.kind == hangUp || t.kind == leave {
			return t
		}
		// TwiML that takes no time is not asked for more than once a second.
		rest := 1 - p.s.elapsed(begun)
		if t.status == callFailed {
			rest = retryWait
		}
		if rest > 0 {
			p.s.wait(p.ctx, rest)
		}
	}
	return step{kind: interrupted}
}
