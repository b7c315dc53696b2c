package people

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/simulator"
)

// A saying is something that was said to a person: by a bot, or another voice of Twilio's.
type saying struct {
	text        string
	from, until time.Time // until is zero while it lasts
	heard       string    // what was heard of it
	cut         bool
}

// over says whether it has been said, or was cut.
func (s saying) over() bool { return !s.until.IsZero() }

// keptSayings is more than a caller who has a bot on the line can bear.
const keptSayings = 200

// listen takes what is said into the view.
func (v *view) listen(e simulator.LineEvent, at time.Time) {
	switch {
	case e.Kind == simulator.LineHears && len(v.said) < keptSayings && !strings.Contains(e.Detail, "://"):
		v.said = append(slices.Clip(v.said), saying{text: e.Detail, from: at}) // who has an older view keeps it
	case e.Kind == simulator.LineHeard:
		for i := len(v.said) - 1; i >= 0; i-- {
			if s := v.said[i]; !s.over() && strings.HasPrefix(s.text, e.Detail) {
				s.until, s.heard, s.cut = at, e.Detail, e.Cut
				said := slices.Clone(v.said)
				said[i] = s
				v.said = said
				return
			}
		}
	}
}

// What a caller expects of a bot, in simulated seconds: a brain may be slow, a queue full of requests.
const cueWithin = 90

// converse is a caller's talk with a bot: move by move, each when the bot has said what it answers to. Acts that end the call are the caller's
// own business, and go through acts.
func (p *caller) converse(ctx context.Context) {
	heard := 0
	for i, m := range p.c.bot.moves {
		s, ok := saying{}, true
		if !m.now {
			s, ok = p.awaitCue(ctx, m, &heard)
		}
		if v, _ := p.w.now(); !ok && v.queued && p.c.bot.anyTime {
			break
		}
		if !ok {
			if v, _ := p.w.now(); ctx.Err() == nil && !v.ended {
				p.fails("the bot never said %q (move %d of %s): it said %q", m.cue, i+1, p.c.scenario, lastSaid(v))
			} else if ctx.Err() == nil && p.leaving.IsZero() {
				p.c.update(func(s *shared) { s.lost = fmt.Sprintf("the line ended before the bot said %q", m.cue) })
			}
			return
		}
		if m.during {
			if wait := time.Until(s.from.Add(p.r.seconds(m.after))); wait > 0 && !sleepOn(ctx, p.w, wait) {
				return
			}
		} else if !p.r.pause(ctx, p.w, max(0.3, m.after)) {
			return
		}
		if !p.act(ctx, m) {
			return
		}
	}
	p.c.update(func(s *shared) { s.botDone = time.Now() })
}

// awaitCue waits until the bot has said, or, for who interrupts it, begun to say a move's cue.
func (p *caller) awaitCue(ctx context.Context, m move, heard *int) (s saying, ok bool) {
	limit := p.r.limits.alone + p.r.seconds(cueWithin)
	p.w.until(ctx, limit, func(v view) bool {
		for i := *heard; i < len(v.said); i++ {
			if !strings.Contains(v.said[i].text, m.cue) || !m.during && !v.said[i].over() {
				continue
			}
			*heard, s, ok = i+1, v.said[i], true
			return true
		}
		return v.ended || v.queued
	})
	return s, ok
}

func (p *caller) act(ctx context.Context, m move) bool {
	id := p.c.id()
	switch m.do {
	case waits:
	case speaks:
		verb := "says"
		if m.during {
			verb = "interrupts"
		}
		p.r.tell(CallerSpeaks, p.c.caller, id, "%s: %s", verb, m.text)
		p.c.update(func(s *shared) { s.spoken = append(s.spoken, m) })
		select {
		case <-p.w.line.Speak(m.text):
		case <-ctx.Done():
			return false
		}
	case keysIn:
		p.r.tell(CallerPresses, p.c.caller, id, "presses keys")
		p.c.update(func(s *shared) { s.spoken = append(s.spoken, m) })
		p.w.line.Press(m.text)
	case hangsUp:
		select {
		case p.acts <- func() { p.hangUp(CallerHangsUp, "hangs up on the bot") }:
		case <-p.w.done:
		}
		return false
	case asksElsewhere:
		p.r.spawn(func() { p.r.askForHandoff(ctx, p.c) })
	}
	return true
}

// fails gives the call up for lost.
func (p *caller) fails(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	select {
	case p.acts <- func() {
		p.lost = why
		p.hangUp(CallerHangsUp, "has had enough of the bot")
	}:
	case <-p.w.done:
	}
}

func lastSaid(v view) string {
	if len(v.said) == 0 {
		return ""
	}
	return v.said[len(v.said)-1].text
}

// sleepOn waits in real time; false when the line or ctx ended first.
func sleepOn(ctx context.Context, w *watch, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.done:
		return false
	case <-ctx.Done():
		return false
	}
}

// askForHandoff is somebody who watches, and has a person take over: twice by the same request, as a page that is loaded again does, and once by another.
func (r *run) askForHandoff(ctx context.Context, c *conversation) {
	body := map[string]any{
		"reason": apiReason, "summary": "Somebody who listens thinks that a person should take over.", "sentiment": "negative",
		"attributes": map[string]any{"ticket": fmt.Sprintf("T-%d", c.n)},
	}
	path := "/v1/calls/" + c.id() + "/handoff"
	again := make(chan answer, 1)
	go func() { again <- r.reader.ask(ctx, path, c.id()+"-handoff", body) }()
	first := r.reader.ask(ctx, path, c.id()+"-handoff", body)
	second := <-again
	for _, got := range []answer{first, second} {
		r.book.action("handoff", got)
		if got.status != http.StatusOK && got.status != http.StatusAccepted && ctx.Err() == nil {
			r.violation(c.id(), "a handoff was refused in the middle of a talk with a bot: %s", got)
		}
	}
}

// apiReason is what is asked for by the API.
const apiReason = "somebody who listens asked for it"
