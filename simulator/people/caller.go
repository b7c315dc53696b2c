package people

import (
	"context"
	"fmt"
	"time"
)

// A caller is one person on the line to the centre.
type caller struct {
	r *run
	c *conversation
	w *watch

	waiting, talking bool // told already
	pressed          bool
	told             int         // sayings of a bot that were told of
	acts             chan func() // what the talk with a bot makes him do
	canceled         bool        // the task, by somebody else
	cancel           func()      // the task, by an administrator
	leaving          time.Time   // when he hung up or lost his line; zero: not yet
	lost             string      // why the call counts as lost whatever else happened
	stranded         bool        // his line does not end though he hung up
}

// place makes the call and lives it until the caller's line has ended.
func (r *run) place(ctx context.Context, c *conversation) (result, string) {
	if c.bot != nil && c.bot.outbound != nil {
		return r.callOut(ctx, c)
	}
	release := func() {}
	if c.bot != nil && c.bot.capped {
		free, err := r.occupy(ctx, c)
		if err != nil {
			return resultLost, err.Error()
		}
		release = free
	}
	placed := time.Now()
	r.tell(CallerCalls, c.caller, "", "calls %s", c.number.Name)
	line, err := r.sim.Dial(c.from, c.number.Number)
	if err != nil {
		release()
		return resultLost, fmt.Sprintf("could not dial %s: %v", c.number.Number, err)
	}
	w := r.observe(line)
	c.update(func(s *shared) { s.caller, s.placed = w, placed })
	r.callIs(line.CallSID(), c)
	r.spawn(func() {
		w.until(ctx, 0, func(v view) bool { return v.queued || v.ended })
		release()
	})
	return r.liveWith(ctx, c, w)
}

// liveWith lives a call whose line is there until it has ended.
func (r *run) liveWith(ctx context.Context, c *conversation, w *watch) (result, string) {
	p := &caller{r: r, c: c, w: w, acts: make(chan func()), cancel: func() { r.spawn(func() { r.cancelTask(ctx, w.line.CallSID()) }) }}
	if c.bot != nil {
		r.spawn(func() { p.converse(ctx) })
	}
	p.live(ctx)
	if p.stranded {
		return resultLost, "hung up, and the line stayed"
	}
	if p.lost != "" {
		return resultLost, p.lost
	}
	return c.verdict()
}

// live waits for what comes first: something on the line, something in the conversation, or the moment of the caller's own
// next intention.
func (p *caller) live(ctx context.Context) {
	for {
		v, changed := p.w.now()
		s, shifted := p.c.now()
		p.notice(v)
		if v.ended || p.stranded {
			return
		}
		at, do := p.intends(v, s)
		alarm := time.NewTimer(time.Until(at))
		select {
		case <-changed:
		case <-shifted:
		case do := <-p.acts:
			do()
		case <-alarm.C:
			do()
		case <-ctx.Done():
			alarm.Stop()
			p.c.end(runEnds)
			p.w.line.HangUp()
			return
		}
		alarm.Stop()
	}
}

func (p *caller) notice(v view) {
	id := p.c.id()
	for p.c.bot != nil && p.told < len(v.said) && v.togetherAt.IsZero() {
		p.r.tell(BotSpeaks, "The bot", id, "says to %s: %s", p.c.caller, v.said[p.told].text)
		p.told++
	}
	if v.queued && !p.waiting {
		p.waiting = true
		p.r.tell(CallerWaits, p.c.caller, id, "waits in the queue of %s", p.c.number.Name)
	}
	if !v.togetherAt.IsZero() && !p.talking {
		p.talking = true
		if p.c.bot != nil {
			tasks := p.r.sim.TasksOf(p.w.line.CallSID())
			p.c.update(func(s *shared) { s.tasks = tasks })
		}
		p.r.tell(CallerTalks, p.c.caller, id, "has somebody on the line")
	}
}

// intention is something that a caller will do at a time unless something else comes first.
type intention struct {
	at time.Time
	do func()
}

// intends is the next thing that the caller will do by himself, as things stand.
func (p *caller) intends(v view, s shared) (time.Time, func()) {
	var all []intention
	add := func(from time.Time, seconds float64, do func()) {
		all = append(all, intention{from.Add(p.r.seconds(seconds)), do})
	}
	switch {
	case !p.leaving.IsZero():
		add(p.leaving.Add(lineEndLimit), 6, func() { p.stranded = true }) // a lost line takes up to 5 seconds to be noticed
	case v.togetherAt.IsZero():
		p.intendsWaiting(v, s, add)
	default:
		p.intendsTalking(v, s, add)
	}
	if p.leaving.IsZero() {
		add(s.placed.Add(p.r.limits.call), 0, func() {
			p.lost = "still not over after " + p.r.limits.call.String()
			p.hangUp(CallerHangsUp, "has held the line for %s, and gives it up", p.r.limits.call)
		})
	}
	first := all[0]
	for _, one := range all[1:] {
		if one.at.Before(first.at) {
			first = one
		}
	}
	return first.at, first.do
}

func (p *caller) intendsWaiting(v view, s shared, add func(time.Time, float64, func())) {
	giveUp := func() { p.hangUp(CallerGivesUp, "gives up waiting") }
	if p.c.patience > 0 {
		add(s.placed, p.c.patience, giveUp)
	}
	if p.c.givesUpAt > 0 && !s.rangAt.IsZero() {
		add(s.rangAt, p.c.givesUpAt, giveUp)
	}
	if b := p.c.bot; b != nil && b.ends == goesInQueue && v.queued {
		add(v.queuedAt, b.queueFor, giveUp)
	}
	if p.c.cancelAfter > 0 && v.queued && !p.canceled && !v.hearsAt.IsZero() {
		add(v.hearsAt, p.c.cancelAfter, func() { p.canceled = true; p.cancel() })
	}
	if v.queued && !p.pressed && !v.hearsAt.IsZero() && p.c.keys+p.c.says != "" {
		add(v.hearsAt, p.c.keysAfter, p.press)
	}
}

func (p *caller) intendsTalking(v view, s shared, add func(time.Time, float64, func())) {
	if p.c.hangsUpOn > 0 && v.held {
		add(v.heldAt, p.c.hangsUpOn, func() { p.hangUp(CallerHangsUp, "hangs up while on hold") })
	}
	if !s.leaveAt.IsZero() {
		add(s.leaveAt, 0, func() { p.hangUp(CallerHangsUp, "has had enough and hangs up") })
	}
	if p.c.ender == callerEnds && !s.doneAt.IsZero() {
		said := s.doneAt // never in the same breath as the agent's last word
		if end := v.togetherAt.Add(p.r.seconds(p.c.talkFor - 0.5)); end.After(said) {
			said = end
		}
		add(said, 0.5, func() { p.hangUp(CallerHangsUp, "says goodbye and hangs up") })
	}
	if s.goneAt.IsZero() || s.agents > 0 {
		return
	}
	if p.c.goodbye > 0 && s.ender != nobody {
		add(s.goneAt, p.c.goodbye, func() { p.hangUp(CallerHangsUp, "hangs up too") })
		return
	}
	if !s.awaited.IsZero() {
		add(s.awaited.Add(p.r.limits.alone), comingWithin, func() {
			p.r.violation(p.w.line.CallSID(), "%s waited for %s, and nobody came or said goodbye (%s)",
				p.c.caller, time.Since(s.awaited).Round(time.Second), p.c.scenario)
			p.hangUp(CallerHangsUp, "gives up on the music")
		})
		return
	}
	add(s.goneAt.Add(p.r.limits.alone), 0, func() {
		p.r.violation(p.w.line.CallSID(), "%s was left alone on the line for %s with nobody coming", p.c.caller, p.r.limits.alone)
		p.hangUp(CallerHangsUp, "hears nobody any more and hangs up")
	})
}

// hangUp ends the caller's part: by his will, or, where the plan says so, by his battery's.
func (p *caller) hangUp(kind Kind, format string, args ...any) {
	p.leaving = time.Now()
	id := p.c.id()
	if p.c.losesLine {
		p.c.end(callerLost)
		p.r.tell(CallerLost, p.c.caller, id, "loses the line")
		p.w.line.Drop()
		return
	}
	p.c.end(callerEnds)
	p.r.tell(kind, p.c.caller, id, format, args...)
	p.w.line.HangUp()
}

func (p *caller) press() {
	p.pressed = true
	id := p.w.line.CallSID()
	if p.c.keys != "" {
		p.r.tell(CallerPresses, p.c.caller, id, "presses keys") // which ones is nobody's business
		p.w.line.Press(p.c.keys)
	}
	if p.c.says != "" {
		p.w.line.Speak(p.c.says)
	}
}
