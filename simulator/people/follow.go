package people

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"holdfast/simulator"
)

// hear takes a live event of the supervisor's stream: all that it is needed for is to know when calls have ended.
func (r *run) hear(e entry) {
	if e.State != stateEnded {
		return
	}
	if c := r.called(e.Call); c != nil {
		c.overOnce.Do(func() { close(c.over) })
	}
}

// follow waits until Holdfast says that a call ended, and compares its account with the people's.
func (r *run) follow(ctx context.Context, c *conversation, res result, why string) (result, string) {
	late := time.NewTimer(r.limits.end)
	defer late.Stop()
	id, over := c.id(), c.over
	line, _ := c.callerWatch().now()
	var told time.Time // when the live events said so
	wait := 5 * time.Second
	last := answer{}
	for {
		poll := time.NewTimer(wait) // the live events may be late, and a read is proof
		select {
		case <-over:
			over, told, wait = nil, time.Now(), 50*time.Millisecond
		case <-poll.C:
		case <-late.C:
			poll.Stop()
			return resultLost, "its caller went, and Holdfast did not end it within " + r.limits.end.String() +
				", but says " + quoteOr(last.call.State, last.String())
		case <-ctx.Done():
			poll.Stop()
			return resultStopped, ""
		}
		poll.Stop()
		got, err := r.reader.call(ctx, id)
		if err != nil {
			continue
		}
		last = got
		switch {
		case got.status == http.StatusOK && got.call.State == stateEnded:
			if res == resultLost && (got.call.EndedBy == "supervisor" || got.call.EndedBy == "admin") {
				res, why = resultStopped, "" // nobody of the script did: somebody who watches tried the API
			}
			r.account(ctx, c, res, got.call)
			return res, why
		case got.status == http.StatusNotFound && (res == resultRejected || res == resultLost || !line.answered):
			return res, why // it was over before Holdfast could know it
		case !told.IsZero() && time.Since(told) > r.limits.readModel:
			r.violation(id, "the live events said that it ended %s ago, and a read says %s %s", r.limits.readModel, got, got.call.State)
			return res, why
		}
	}
}

// account compares, and tells the end.
func (r *run) account(ctx context.Context, c *conversation, res result, call apiCall) {
	r.book.outcome(call.Outcome)
	if differs := c.disagrees(res, call); differs != "" {
		r.violation(call.ID, "%s (%s)", differs, c.scenario)
	}
	r.checkBot(ctx, c, res, call)
	r.tell(CallEnded, c.caller, call.ID, "is off the line; the call is over: %s", call.Outcome)
}

// checkTheWorld looks around when the last call is over: nobody may be on a line, and Twilio must be content.
func (r *run) checkTheWorld(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.limits.lineEnd+r.seconds(6))
	defer cancel()
	for _, w := range r.openLines() {
		if !w.until(ctx, 0, hasEnded) {
			r.violation(w.line.CallSID(), "every call is over, and the line from %s to %s is not", w.line.From(), w.line.To())
		}
	}
	warnings := r.sim.Stats().Warnings
	for _, code := range slices.Sorted(maps.Keys(warnings)) {
		r.violation("", "Twilio's debugger shows warning %d for TwiML, %d times", code, warnings[code])
	}
	for _, v := range r.sim.Violations() {
		r.violation("", "simulator: %s", v)
	}
}

// observe watches a line from now on.
func (r *run) observe(line simulator.Line) *watch {
	w := newWatch(line)
	r.mu.Lock()
	r.lines[w] = struct{}{}
	r.mu.Unlock()
	r.spawn(func() {
		w.run()
		r.mu.Lock()
		delete(r.lines, w)
		r.mu.Unlock()
	})
	return w
}

func (r *run) openLines() []*watch {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := make([]*watch, 0, len(r.lines))
	for w := range r.lines {
		open = append(open, w)
	}
	return open
}

// expect makes a conversation known by the caller's number, callIs by its ID; forget makes it unknown again.
func (r *run) expect(c *conversation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byFrom[c.from] = c
}

func (r *run) callIs(id string, c *conversation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byCall[id] = c
}

func (r *run) forget(c *conversation) {
	id := c.id()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byFrom, c.from)
	delete(r.byCall, id)
}

func (r *run) calledFrom(number string) *conversation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byFrom[number]
}

func (r *run) called(id string) *conversation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byCall[id]
}

// guestAt is the conversation that an agent with this address is asked into.
func (r *run) guestAt(address string) *conversation {
	r.mu.Lock()
	all := slices.Collect(maps.Values(r.byCall))
	r.mu.Unlock()
	i := slices.IndexFunc(all, func(c *conversation) bool {
		s, _ := c.now()
		return s.guest.expected && s.guest.w == nil && s.guest.address == address && !c.callerGone()
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

// inRoom is the conversation whose caller is in a conference: the likely one, if it is. The caller's own line may tell of his joining
// a moment later than the agent's. Nobody of the run in that room: a stranger's conversation.
func (r *run) inRoom(ctx context.Context, room string, likely *conversation) *conversation {
	there := func(c *conversation) bool {
		w := c.callerWatch()
		if w == nil {
			return false
		}
		v, _ := w.now()
		return v.room == room
	}
	for late := time.Now().Add(r.limits.accepted); ; {
		if there(likely) {
			return likely
		}
		r.mu.Lock()
		all := slices.Collect(maps.Values(r.byCall))
		r.mu.Unlock()
		if i := slices.IndexFunc(all, there); i >= 0 {
			return all[i]
		}
		if time.Now().After(late) || !sleep(ctx, 10*time.Millisecond) {
			if likely.callerWatch() == nil {
				return likely
			}
			return r.stranger("somebody")
		}
	}
}

// stranger is a conversation with somebody whom nobody planned: a call that was placed by hand while the people are at work.
func (r *run) stranger(from string) *conversation {
	a, k := r.script.Agents, r.script.Callers[0]
	return newConversation(plan{
		from: from, caller: from, ender: agentHangs,
		answerAfter: a.AnswerAfter.Min, talkFor: k.TalkFor.Max, wrapUpFor: a.WrapUpFor.Min,
	})
}

// spawn runs f until it returns; finish waits for it. Once the run is over nothing is spawned.
func (r *run) spawn(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.shut {
		r.wg.Go(f)
	}
}

// finish sends everybody home. The context of all that was spawned has ended.
func (r *run) finish() {
	for _, a := range r.agents {
		r.sim.Attach(a.entry.Address, nil)
	}
	for _, w := range r.openLines() {
		w.line.HangUp()
	}
	r.mu.Lock()
	r.shut = true
	r.mu.Unlock()
	r.wg.Wait()
}

// seconds scales the script's seconds to real time; inSeconds is the way back.
func (r *run) seconds(n float64) time.Duration { return time.Duration(n * float64(r.cfg.Second)) }

func (r *run) inSeconds(d time.Duration) float64 { return float64(d) / float64(r.cfg.Second) }

// pause waits for some of the script's seconds; false when the line (nil: none) or ctx ended first.
func (r *run) pause(ctx context.Context, w *watch, seconds float64) bool {
	t := time.NewTimer(r.seconds(seconds))
	defer t.Stop()
	var done <-chan struct{}
	if w != nil {
		done = w.done
	}
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-done:
		return false
	case <-ctx.Done():
		return false
	}
}

// violation records that something happened which must not.
func (r *run) violation(call, format string, args ...any) {
	text := r.book.violation(call, format, args...)
	r.tell(Violated, "Somebody", call, "notices what must not be: %s", text)
}
