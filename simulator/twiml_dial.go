package simulator

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A bridge is the conversation that <Dial> makes between a call and the first of the legs it dialled to answer.
type bridge struct {
	s            *Simulator
	parent       *voiceCall
	legs         []*voiceCall
	winner       *voiceCall // answered
	connected    bool
	hangupOnStar bool
	onBridge     bool // answerOnBridge
	action       *source
	since        time.Time
	status       string // DialCallStatus, once done
	done         chan struct{}
	heard        []*Heard
}

// dial connects the call with a conference or with other legs, and goes on with the action or the next verb.
func (p *player) dial(verb *element) step {
	var action *source
	if a := verb.attrs["action"]; a != "" {
		address, err := p.resolve(a)
		if err != nil {
			p.warn(11100, "<Dial> has no valid action: "+a)
			return p.broken()
		}
		action = &source{url: address, method: strings.ToUpper(verb.attr("method", http.MethodPost)), kind: kindAction}
	}
	if room := verb.child("Conference"); room != nil {
		return p.conference(room, action)
	}
	return p.bridge(verb, action)
}

// afterDial tells the action how it went. Without an action the next verb follows; with one, none does.
func afterDial(action *source, params url.Values) step {
	if action == nil {
		return step{}
	}
	next := *action
	next.params = params
	return step{kind: jump, to: &next}
}

// conference sits in a conference until it ends or the leg is taken out. The action of a conference learns neither DialCallSid nor
// DialCallDuration.
func (p *player) conference(noun *element, action *source) step {
	p.answer()
	address, err := p.optional(noun.attrs["waitUrl"])
	if err != nil {
		p.warn(11100, "<Conference> has no valid waitUrl")
		return p.broken()
	}
	callback, err := p.optional(noun.attrs["statusCallback"])
	if err != nil {
		p.warn(11100, "<Conference> has no valid statusCallback")
		callback = ""
	}
	coach := noun.attrs["coach"]
	o := roomOptions{
		label: noun.attrs["participantLabel"], muted: noun.flag("muted", false), beep: noun.attr("beep", "true"),
		startOnEnter: noun.flag("startConferenceOnEnter", true), endOnExit: noun.flag("endConferenceOnExit", false),
		coaching: coach != "", coach: coach,
		waitURL: address, waitMethod: strings.ToUpper(noun.attr("waitMethod", http.MethodPost)), silent: noun.has("waitUrl") && address == "",
		max:      int(p.number(noun, "maxParticipants", maxParticipants)),
		callback: newConferenceCallback(callback, strings.ToUpper(noun.attrs["statusCallbackMethod"]), splitWords(noun.attrs["statusCallbackEvent"])),
		resumes:  true,
	}
	p.s.mu.Lock()
	if p.ctx.Err() != nil {
		p.s.mu.Unlock()
		return step{kind: interrupted}
	}
	in, bad := p.s.participantLocked(p.c, noun.text, o)
	if bad != nil {
		p.s.mu.Unlock()
		p.warn(bad.Code, bad.Message)
		return step{}
	}
	in.action = action
	p.s.joinLocked(in)
	p.s.mu.Unlock()

	select {
	case <-in.left:
	case <-p.ctx.Done():
	}
	if p.ctx.Err() != nil {
		return step{kind: interrupted}
	}
	return afterDial(action, url.Values{"DialCallStatus": {"answered"}})
}

// optional resolves an address that may be absent.
func (p *player) optional(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	return p.resolve(ref)
}

const defaultDialTimeout = 30

// bridge dials numbers, clients and SIP addresses, all at once or one after the other.
func (p *player) bridge(verb *element, action *source) step {
	nouns := slices.DeleteFunc(slices.Clone(verb.children), func(e *element) bool {
		return e.name != "Number" && e.name != "Client" && e.name != "Sip"
	})
	if len(nouns) == 0 && verb.text != "" {
		nouns = []*element{{name: "Number", text: verb.text, attrs: map[string]string{}}}
	}
	if len(nouns) == 0 {
		p.warn(13201, "<Dial> has nothing to dial")
		return step{}
	}
	onBridge := verb.flag("answerOnBridge", false)
	if !onBridge {
		p.answer()
	}
	rounds := [][]*element{nouns}
	if verb.flag("sequential", false) {
		rounds = slices.Collect(slices.Chunk(nouns, 1))
	}
	params := url.Values{}
	for _, round := range rounds {
		b := &bridge{
			s: p.s, parent: p.c, hangupOnStar: verb.flag("hangupOnStar", false), onBridge: onBridge, action: action, done: make(chan struct{}),
		}
		if !p.ringAll(b, verb, round) {
			return step{kind: interrupted}
		}
		select {
		case <-b.done:
		case <-p.ctx.Done():
		}
		p.s.mu.Lock()
		params = b.outcomeLocked()
		answered := b.winner != nil
		p.s.mu.Unlock()
		if p.ctx.Err() != nil {
			return step{kind: interrupted}
		}
		if answered {
			break
		}
	}
	return afterDial(action, params)
}

// ringAll makes the legs of one round; false when the call does something else by now.
func (p *player) ringAll(b *bridge, verb *element, nouns []*element) bool {
	timeout := int(p.number(verb, "timeout", defaultDialTimeout))
	limit := int(p.number(verb, "timeLimit", 0))
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.c.bridge = b
	for _, noun := range nouns {
		to := strings.TrimSpace(noun.text)
		if id := noun.child("Identity"); id != nil {
			to = id.text
		}
		if noun.name == "Client" && !strings.HasPrefix(to, "client:") {
			to = "client:" + to
		}
		c := p.s.newCallLocked(p.c.account, directionDial, verb.attr("callerId", p.c.from), to)
		c.parent, c.bridge = p.c.sid, b
		if callback, err := p.optional(noun.attrs["statusCallback"]); err == nil {
			c.callback = newStatusCallback(callback, strings.ToUpper(noun.attrs["statusCallbackMethod"]), splitWords(noun.attrs["statusCallbackEvent"]))
		}
		first := program{bridge: b}
		if whisper, err := p.optional(noun.attrs["url"]); err == nil && whisper != "" {
			first.source = &source{url: whisper, method: strings.ToUpper(noun.attr("method", http.MethodPost))}
		}
		c.onAnswerLocked = func() { b.answeredLocked(c) }
		p.s.limitLocked(c, limit)
		b.legs = append(b.legs, c)
		p.s.goroutine(func() { p.s.ring(c, timeout, first) })
	}
	return true
}

// answeredLocked lets the first leg that answers win, and the others ring no more.
func (b *bridge) answeredLocked(c *voiceCall) {
	if b.winner != nil {
		return
	}
	b.winner, b.since = c, time.Now()
	for _, other := range slices.Clone(b.legs) {
		if other != c {
			b.s.hangUpLocked(other, leftByAPI)
		}
	}
	if b.onBridge {
		b.s.answerCallLocked(b.parent)
	}
}

// connectLocked brings both people together, once the winner has heard its own TwiML, if any.
func (b *bridge) connectLocked(c *voiceCall) {
	if b.winner != c || b.status != "" || b.connected {
		return
	}
	b.connected = true
	b.parent.line.emitLocked(LineTogether, "")
	c.line.emitLocked(LineTogether, "")
	b.heard = []*Heard{b.parent.hearsLocked(Heard{Of: c.sid}), c.hearsLocked(Heard{Of: b.parent.sid})}
}

// partLocked takes a call out, be it the one that dialled or one that was dialled.
func (b *bridge) partLocked(c *voiceCall) {
	c.bridge = nil
	switch {
	case b.status != "":
	case c == b.parent:
		status := callCanceled
		if b.winner != nil {
			status = callCompleted
		}
		b.finishLocked(status)
		if b.action != nil && c.over() && !b.s.closing() {
			params := b.s.callParams(c)
			maps.Copy(params, b.outcomeLocked())
			b.s.sendLocked(hook{Method: b.action.method, URL: b.action.url, Params: params, Kind: kindAction, Account: b.parent.account})
		}
	case c == b.winner:
		b.finishLocked(callCompleted)
	case b.winner == nil && !slices.ContainsFunc(b.legs, func(other *voiceCall) bool { return other != c && other.bridge == b }):
		b.finishLocked(c.status)
	}
}

// finishLocked ends the conversation: the one that dialled goes on, those that were dialled are hung up.
func (b *bridge) finishLocked(status string) {
	b.status = status
	for _, h := range b.heard {
		h.endLocked()
	}
	if b.connected {
		for _, c := range []*voiceCall{b.parent, b.winner} {
			if !c.over() {
				c.line.emitLocked(LineAlone, "")
			}
		}
	}
	close(b.done)
	if b.parent.bridge == b {
		b.parent.bridge = nil
	}
	b.hangUpChildrenLocked()
}

// hangUpChildrenLocked ends every leg that belongs to the bridge still.
func (b *bridge) hangUpChildrenLocked() {
	for _, c := range slices.Clone(b.legs) {
		if c.bridge == b {
			b.s.hangUpLocked(c, leftByAPI)
		}
	}
}

// outcomeLocked is what the action of a <Dial> is told.
func (b *bridge) outcomeLocked() url.Values {
	v := url.Values{"DialCallStatus": {b.status}, "DialBridged": {strconv.FormatBool(b.connected)}}
	last := b.winner
	if last == nil && len(b.legs) > 0 {
		last = b.legs[len(b.legs)-1]
	}
	if last != nil {
		v.Set("DialCallSid", last.sid)
	}
	if b.winner != nil {
		v.Set("DialCallDuration", whole(b.s.elapsed(b.since)))
	}
	return v
}
