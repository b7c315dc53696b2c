package simulator

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A gathering is a <Gather> that listens. Keys and sentences come in by the line, under the world's lock; what was entered is never
// logged.
type gathering struct {
	dtmf, speech bool
	finishOn     string
	numDigits    int

	digits string
	said   string
	done   bool          // finishOnKey or numDigits
	heard  chan struct{} // something new came in; holds one
}

func (g *gathering) pressLocked(digits string) {
	if !g.dtmf || g.said != "" {
		return
	}
	for _, d := range digits {
		if g.done {
			return
		}
		if strings.ContainsRune(g.finishOn, d) {
			g.done = true
			break
		}
		g.digits += string(d)
		g.done = g.numDigits > 0 && len(g.digits) >= g.numDigits
	}
	g.wake()
}

func (g *gathering) speakLocked(text string) {
	if !g.speech || g.digits != "" || g.done || text == "" {
		return
	}
	g.said = strings.TrimSpace(g.said + " " + text)
	g.wake()
}

func (g *gathering) wake() {
	select {
	case g.heard <- struct{}{}:
	default:
	}
}

// gather plays the nested prompts while it listens, waits for input, and goes on with the action.
func (p *player) gather(verb *element) step {
	inputs := strings.Fields(verb.attr("input", "dtmf"))
	g := &gathering{finishOn: "#", numDigits: int(p.number(verb, "numDigits", 0)), heard: make(chan struct{}, 1)}
	if verb.has("finishOnKey") {
		g.finishOn = verb.attrs["finishOnKey"] // empty: no key
	}
	for _, in := range inputs {
		switch in {
		case "dtmf":
			g.dtmf = true
		case "speech":
			g.speech = true
		default:
			p.warn(12200, "attribute input of <Gather> is not dtmf or speech")
		}
	}
	timeout := p.number(verb, "timeout", 5)
	// "auto", or nothing, ends speech at a pause of about a second.
	silence := 1.0
	if n, err := strconv.ParseFloat(verb.attrs["speechTimeout"], 64); err == nil && n > 0 {
		silence = n
	}

	p.s.mu.Lock()
	if p.ctx.Err() != nil {
		p.s.mu.Unlock()
		return step{kind: interrupted}
	}
	p.c.gathering = g
	p.s.mu.Unlock()
	defer func() {
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
		if p.c.gathering == g {
			p.c.gathering = nil
		}
	}()

	p.prompt(verb, g)
	for p.listen(g, timeout, silence) {
	}
	return p.gathered(verb, g)
}

// prompt plays the nested verbs until they are over or something is entered.
func (p *player) prompt(verb *element, g *gathering) {
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	nested := &player{s: p.s, c: p.c, ctx: ctx, place: p.place, base: p.base, here: p.here}
	played := make(chan struct{})
	p.s.goroutine(func() { // not run when the simulator is closed, so ctx is watched too
		defer close(played)
		for _, e := range verb.children {
			switch e.name {
			case "Say", "Play", "Pause":
				nested.do(e)
			}
		}
	})
	select {
	case <-played:
	case <-p.ctx.Done():
	case <-g.heard:
		stop()
		select {
		case <-played:
		case <-p.ctx.Done():
		}
	}
}

// listen waits for the next key or sentence; false when the input is complete or no more comes in time.
func (p *player) listen(g *gathering, timeout, silence float64) bool {
	p.s.mu.Lock()
	done, limit := g.done, timeout
	if g.said != "" {
		limit = silence
	}
	p.s.mu.Unlock()
	if done {
		return false
	}
	t := time.NewTimer(p.s.seconds(limit))
	defer t.Stop()
	select {
	case <-g.heard:
		return true
	case <-t.C:
		return false
	case <-p.ctx.Done():
		return false
	}
}

// gathered goes on with what was entered; with nothing, to the next verb, unless the action wants to know of that too.
func (p *player) gathered(verb *element, g *gathering) step {
	p.s.mu.Lock()
	digits, said := g.digits, g.said
	p.s.mu.Unlock()
	if p.ctx.Err() != nil {
		return step{kind: interrupted}
	}
	params := url.Values{}
	switch {
	case said != "":
		params.Set("SpeechResult", said)
		params.Set("Confidence", "0.92")
	case digits != "":
		params.Set("Digits", digits)
	case verb.flag("actionOnEmptyResult", false):
		params.Set("Digits", "")
	default:
		return step{}
	}
	if verb.attrs["action"] == "" && p.base == "" {
		p.warn(12200, "<Gather> without action in TwiML that has no address")
		return step{}
	}
	return p.jumpTo(verb.attrs["action"], verb.attr("method", http.MethodPost), params)
}
