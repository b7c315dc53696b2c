package simulator

import (
	"context"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A source is where TwiML comes from: an address, or the text itself.
type source struct {
	url, method string
	params      url.Values // sent beside the call's own
	twiml       string
	kind        string // what the request counts as in Stats; "voice" when empty
}

// place says where TwiML runs, which decides what it may do.
type place int

const (
	onCall  place = iota
	inQueue       // an <Enqueue>'s waitUrl
	inRoom        // a conference's music, hold music and announcements
)

var verbsOf = map[place][]string{
	onCall:  {"Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Reject", "Enqueue", "Leave", "Dial"},
	inQueue: {"Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Leave"},
	inRoom:  {"Say", "Play", "Pause", "Redirect"},
}

// A step is what comes after a verb.
type step struct {
	kind   stepKind
	to     *source // of jump
	status string  // of hangUp: how the call ends
}

type stepKind int

const (
	carryOn stepKind = iota // the next verb; at the end of a document, the end
	jump                    // another document
	hangUp
	leave       // out of the queue
	interrupted // something else goes on with this call
)

// A player runs TwiML on one leg. Its context ends when the leg is to do something else.
type player struct {
	s     *Simulator
	c     *voiceCall
	ctx   context.Context
	place place
	base  string // what relative addresses resolve against
	here  *source
	also  []*voiceCall // other legs that hear what is played (announcements)
}

// play runs a document and those that it leads to.
func (p *player) play(from *source) step {
	t := step{kind: jump, to: from}
	for t.kind == jump {
		if p.ctx.Err() != nil {
			return step{kind: interrupted, status: callCompleted}
		}
		root, ok := p.load(t.to)
		if !ok {
			return p.broken()
		}
		t = p.run(root.children)
	}
	if t.status == "" {
		t.status = callCompleted
	}
	return t
}

// broken ends a call whose TwiML could not be had. What only accompanies a call, music and announcements, just stops.
func (p *player) broken() step {
	if p.ctx.Err() != nil {
		return step{kind: interrupted, status: callCompleted}
	}
	if p.place != onCall {
		return step{kind: carryOn, status: callFailed}
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.c.status != callInProgress {
		return step{kind: hangUp, status: callFailed}
	}
	p.hearLocked("We're sorry, an application error has occurred. Goodbye.")()
	return step{kind: hangUp, status: callCompleted}
}

// run performs verbs in order.
func (p *player) run(verbs []*element) step {
	for _, verb := range verbs {
		if p.ctx.Err() != nil {
			return step{kind: interrupted}
		}
		if !slices.Contains(verbsOf[p.place], verb.name) {
			if _, known := knownAttrs[verb.name]; known {
				p.warn(12200, "<"+verb.name+"> is not allowed here and was skipped")
			}
			continue
		}
		if t := p.do(verb); t.kind != carryOn {
			return t
		}
	}
	return step{}
}

func (p *player) do(verb *element) step {
	switch verb.name {
	case "Say":
		p.answer()
		return p.say(verb)
	case "Play":
		p.answer()
		return p.sound(verb)
	case "Pause":
		return p.pause(p.number(verb, "length", 1))
	case "Gather":
		p.answer()
		return p.gather(verb)
	case "Redirect":
		return p.jumpTo(verb.text, verb.attr("method", http.MethodPost), nil)
	case "Hangup":
		p.answer()
		return step{kind: hangUp}
	case "Reject":
		return p.reject(verb)
	case "Enqueue":
		p.answer()
		return p.enqueue(verb)
	case "Leave":
		if p.place == inQueue {
			return step{kind: leave}
		}
		return step{}
	case "Dial":
		return p.dial(verb)
	}
	return step{}
}

// answer picks up an inbound call that still rings. <Pause>, <Redirect> and <Reject> do not.
func (p *player) answer() {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.ctx.Err() == nil && p.c.direction == directionInbound {
		p.s.answerCallLocked(p.c)
	}
}

// reject refuses an inbound call. Once answered it cannot be refused any more, only hung up.
func (p *player) reject(verb *element) step {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.c.status == callInProgress {
		p.warn(12200, "<Reject> on a call that was answered hangs up")
		return step{kind: hangUp}
	}
	if verb.attr("reason", "rejected") == "busy" {
		return step{kind: hangUp, status: callBusy}
	}
	return step{kind: hangUp, status: callNoAnswer}
}

// music is how many seconds a <Play> takes.
const music = 30

func (p *player) sound(verb *element) step {
	if digits := verb.attrs["digits"]; digits != "" {
		return p.pause(0.5 * float64(len(digits)))
	}
	address, err := p.resolve(verb.text)
	if err != nil {
		p.warn(11100, "<Play> has no valid address: "+verb.text)
		return step{}
	}
	return p.repeat(verb, address, music)
}

// repeat lets the person hear something as often as the verb's loop says, 0 meaning for ever.
func (p *player) repeat(verb *element, what string, seconds float64) step {
	loop := int(p.number(verb, "loop", 1))
	for i := 0; loop <= 0 || i < loop; i++ {
		p.s.mu.Lock()
		stop := func() {}
		if p.ctx.Err() == nil {
			stop = p.hearLocked(what)
		}
		p.s.mu.Unlock()
		t := p.pause(seconds)
		p.s.mu.Lock()
		stop()
		p.s.mu.Unlock()
		if t.kind != carryOn {
			return t
		}
	}
	return step{}
}

func (p *player) hearLocked(what string) (stop func()) {
	return soundsLocked(append([]*voiceCall{p.c}, p.also...), what)
}

func (p *player) pause(seconds float64) step {
	if !p.s.wait(p.ctx, seconds) {
		return step{kind: interrupted}
	}
	return step{}
}

// number is a numeric attribute; what cannot be read counts as absent.
func (p *player) number(e *element, name string, def float64) float64 {
	v := e.attrs[name]
	if v == "" {
		return def
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || n < 0 {
		p.warn(12200, "attribute "+name+" of <"+e.name+"> is not a number")
		return def
	}
	return n
}

// resolve makes an address absolute.
func (p *player) resolve(ref string) (string, error) {
	base, err := url.Parse(p.base)
	if err != nil {
		return "", err
	}
	u, err := base.Parse(strings.TrimSpace(ref))
	if err != nil {
		return "", err
	}
	if u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", &url.Error{Op: "resolve", URL: ref, Err: url.InvalidHostError(u.Host)}
	}
	return u.String(), nil
}

// jumpTo leaves for another document; an address that is none is an error like a document that is none.
func (p *player) jumpTo(ref, method string, params url.Values) step {
	address, err := p.resolve(ref)
	if err != nil {
		p.warn(11100, "not a valid address: "+ref)
		return p.broken()
	}
	return step{kind: jump, to: &source{url: address, method: strings.ToUpper(method), params: params}}
}

func (p *player) warn(code int, message string) {
	p.s.stats.warned(code)
	p.s.log.Warn("TwiML", "code", code, "message", message, "call", p.c.sid, "url", p.base)
}

// load gets and reads a document. What fails, or cannot be read, is asked for once more at the call's fallback address.
func (p *player) load(from *source) (*element, bool) {
	p.here = from
	if from.url == "" {
		root, err := parseTwiML([]byte(from.twiml))
		if err != nil {
			p.warn(12100, err.Error())
			return nil, false
		}
		p.warnAbout(root)
		return root, true
	}
	var root *element
	p.s.mu.Lock()
	h := hook{Method: from.method, URL: from.url, Params: p.s.callParams(p.c), Kind: from.kind, Subject: p.c.sid, Account: p.c.account}
	maps.Copy(h.Params, from.params)
	if p.place == onCall {
		h.Fallback, h.FallbackMethod = p.c.fallback, p.c.fallbackVerb
	}
	p.s.mu.Unlock()
	h.Check = func(a hookAnswer) (err error) {
		root, err = understand(a)
		return err
	}
	a, ok := p.fetch(h)
	if !ok || a.Err != nil {
		return nil, false // the sender has logged why
	}
	p.base = a.URL
	p.warnAbout(root)
	return root, true
}

// fetch gives up when the leg is to do something else; the request itself goes on, as Twilio's does.
func (p *player) fetch(h hook) (hookAnswer, bool) {
	answer := make(chan hookAnswer, 1)
	p.s.goroutine(func() { answer <- p.s.fetch(h) })
	select {
	case a := <-answer:
		return a, p.ctx.Err() == nil
	case <-p.ctx.Done():
		return hookAnswer{}, false
	}
}

// understand makes a document of an answer, or says what is wrong with it in Twilio's code.
func understand(a hookAnswer) (*element, error) {
	kind, _, err := mime.ParseMediaType(a.ContentType)
	switch {
	case err == nil && strings.HasPrefix(kind, "audio/"):
		return &element{name: "Response", children: []*element{{name: "Play", text: a.URL}}}, nil
	case err != nil || !slices.Contains([]string{"text/xml", "application/xml", "text/html"}, kind):
		return nil, &hookError{Code: 12300, URL: a.URL, Reason: "content type is not TwiML: " + a.ContentType}
	}
	root, err := parseTwiML(a.Body)
	if err != nil {
		return nil, &hookError{Code: 12100, URL: a.URL, Reason: err.Error()}
	}
	return root, nil
}

func (p *player) warnAbout(root *element) {
	for _, w := range root.warnings() {
		p.warn(12200, w)
	}
}
