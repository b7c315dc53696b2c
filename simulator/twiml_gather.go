package simulator

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A gathering is a <Gather> that listens (https://www.twilio.com/docs/voice/twiml/gather). Keys and words come in by the line, under the
// world's lock; what was entered is never logged. Of keys and speech, what comes first is taken, and the other is not heard.
type gathering struct {
	gatherRules
	s *Simulator
	c *voiceCall

	digits   string
	words    []string
	speaking bool
	since    time.Time     // the first word
	partials int           // told so far
	told     int           // words in the last of them
	done     bool          // finishOnKey, numDigits or maxSpeechTime
	heard    chan struct{} // something changed; holds one
}

func (g *gathering) pressLocked(digits string) {
	if !g.dtmf || len(g.words) > 0 {
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

func (g *gathering) beginLocked() {
	g.speaking = true
	g.wake()
}

func (g *gathering) wordLocked(word string) {
	if !g.speech || g.digits != "" || g.done || isTone(word) {
		return
	}
	if len(g.words) == 0 {
		g.since = time.Now()
	}
	g.words = append(g.words, word)
	if len(g.words)-g.told >= wordsAPartial {
		g.partialLocked()
	}
	g.wake()
}

func (g *gathering) ceaseLocked() {
	g.speaking = false
	if len(g.words) > g.told && !g.done {
		g.partialLocked()
	}
	g.wake()
}

func (g *gathering) wake() {
	select {
	case g.heard <- struct{}{}:
	default:
	}
}

const (
	wordsAPartial = 2
	unstableWords = 2 // how many of the last words a recogniser may still change
)

// partialLocked tells the application what is recognised so far: without capitals and punctuation, which come with the final result, and
// with a last word that may not be what it will have been.
func (g *gathering) partialLocked() {
	g.told = len(g.words)
	if g.partial == "" {
		return
	}
	plain := make([]string, 0, len(g.words))
	for _, w := range g.words {
		if w = strings.Trim(strings.ToLower(w), ".,;:!?\"'()"); w != "" {
			plain = append(plain, w)
		}
	}
	if len(plain) == 0 {
		return
	}
	if last := []rune(plain[len(plain)-1]); len(last) > 3 && g.s.rng.IntN(4) == 0 {
		plain[len(plain)-1] = string(last[:len(last)/2])
	}
	stable := max(0, len(plain)-unstableWords)
	params := g.s.callParams(g.c)
	params.Set("StableSpeechResult", strings.Join(plain[:stable], " "))
	params.Set("UnstableSpeechResult", strings.Join(plain[stable:], " "))
	params.Set("SequenceNumber", strconv.Itoa(g.partials))
	g.partials++
	g.s.sendLocked(hook{Method: g.partialMethod, URL: g.partial, Params: params, Kind: kindPartial, Subject: g.c.sid, Account: g.c.account})
}

// kindPartial is what partial results count as in Stats.
const kindPartial = "gather-partial"

// entered says whether something came in that interrupts the prompt.
func (g *gathering) entered() bool {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return g.done || g.digits != "" || (g.bargeIn && len(g.words) > 0)
}

// gather plays the nested prompts while it listens, waits for input, and goes on with the action.
func (p *player) gather(verb *element) step {
	rules, ok := p.gatherRules(verb)
	if !ok {
		return step{} // it fails, and the next verb runs
	}
	g := &gathering{gatherRules: rules, s: p.s, c: p.c, heard: make(chan struct{}, 1)}
	p.s.mu.Lock()
	if p.ctx.Err() != nil {
		p.s.mu.Unlock()
		return step{kind: interrupted}
	}
	p.c.gathering = g
	g.speaking = p.c.line.speakingLocked()
	p.s.mu.Unlock()
	defer func() {
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
		if p.c.gathering == g {
			p.c.gathering = nil
		}
	}()

	p.prompt(verb, g)
	for p.listen(g) {
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
	for {
		select {
		case <-played:
			return
		case <-p.ctx.Done():
			return
		case <-g.heard:
			if g.entered() {
				stop()
			}
		}
	}
}

// listen waits for what comes next; false when the input is complete or no more comes in time.
func (p *player) listen(g *gathering) bool {
	p.s.mu.Lock()
	done, limit := g.done, p.s.seconds(g.timeout)
	if g.speech {
		most := time.Until(g.since.Add(p.s.seconds(g.maxSpeech)))
		switch {
		case len(g.words) == 0 && g.speaking && g.digits == "":
			limit = p.s.seconds(g.maxSpeech) // a word is on its way
		case len(g.words) > 0 && g.speaking:
			limit = most
		case len(g.words) > 0:
			limit = min(most, p.s.seconds(g.silence))
		}
	}
	p.s.mu.Unlock()
	if done {
		return false
	}
	t := time.NewTimer(limit)
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
	g.done = true // what is said from now on is not heard
	digits, said := g.digits, strings.Join(g.words, " ")
	confidence := ""
	if said != "" && p.s.rng.IntN(4) > 0 { // some recognisers tell none
		confidence = strconv.FormatFloat(0.6+0.38*p.s.rng.Float64(), 'f', 8, 64)
	}
	p.s.mu.Unlock()
	if p.ctx.Err() != nil {
		return step{kind: interrupted}
	}
	params := url.Values{}
	switch {
	case said != "":
		params.Set("SpeechResult", said)
		if confidence != "" {
			params.Set("Confidence", confidence)
		}
	case digits != "":
		params.Set("Digits", digits)
	case verb.flag("actionOnEmptyResult", false):
		if g.dtmf {
			params.Set("Digits", "")
		}
		if g.speech {
			params.Set("SpeechResult", "")
		}
	default:
		return step{}
	}
	if verb.attrs["action"] == "" && p.base == "" {
		p.warn(12200, "<Gather> without action in TwiML that has no address")
		return step{}
	}
	return p.jumpTo(verb.attrs["action"], verb.attr("method", http.MethodPost), params)
}
