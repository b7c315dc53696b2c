package simulator

import (
	"strings"
	"time"
)

// wordsASecond is how fast a person speaks.
const wordsASecond = 2.5

// What a line can utter that is not speech: the tone after an answering machine's greeting, and a fax's answer. No <Gather> takes them for
// words; answering-machine detection knows them.
const (
	Beep    = "(beep)"
	FaxTone = "(fax tone)"
)

func isTone(text string) bool { return text == Beep || text == FaxTone }

// An ear is what listens on a leg to the person at its end. Its methods run under the world's lock.
type ear interface {
	beginLocked()           // the person begins to speak
	wordLocked(word string) // a word, or a tone, is over
	ceaseLocked()           // the person is silent again
}

// An utterance is a sentence that a person says, or is going to say.
type utterance struct {
	text string
	said chan struct{}
}

func (l *line) Speak(text string) <-chan struct{} {
	u := &utterance{text: strings.TrimSpace(text), said: make(chan struct{})}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.dropped || l.c.over() || u.text == "" || l.s.closing() {
		close(u.said)
		return u.said
	}
	if l.mouth = append(l.mouth, u); len(l.mouth) > 1 {
		return u.said
	}
	if !l.s.goroutine(l.talk) {
		l.mouth = nil
		close(u.said)
	}
	return u.said
}

// speakingLocked says whether the person is in the middle of a word.
func (l *line) speakingLocked() bool { return len(l.mouth) > 0 && !l.dropped }

// talk says what is to be said, one sentence after the other, until nothing is left or the line ends.
func (l *line) talk() {
	l.tellEars(ear.beginLocked)
	for {
		l.s.mu.Lock()
		if len(l.mouth) == 0 {
			l.ceaseLocked()
			l.s.mu.Unlock()
			return
		}
		u := l.mouth[0]
		l.s.mu.Unlock()
		if !l.utter(u) {
			l.s.mu.Lock()
			for _, u := range l.mouth {
				close(u.said)
			}
			l.mouth = nil
			l.s.mu.Unlock()
			return
		}
		l.s.mu.Lock()
		l.mouth = l.mouth[1:]
		close(u.said)
		l.s.mu.Unlock()
	}
}

func (l *line) ceaseLocked() {
	for _, e := range l.earsLocked() {
		e.ceaseLocked()
	}
}

// utter says one sentence; false when the line ended over it.
func (l *line) utter(u *utterance) bool {
	c := l.c
	l.s.mu.Lock()
	p := c.participant
	if p != nil && (!p.joined || p.muted || p.hold) {
		p = nil
	}
	if p != nil {
		l.s.conferenceEventLocked(p.conf, "participant-speech-start", p, nil)
	}
	l.s.mu.Unlock()
	for _, word := range wordsOf(u.text) {
		if !l.s.wait(c.ctx, 1/wordsASecond) {
			return false
		}
		l.tellEars(func(e ear) { e.wordLocked(word) })
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if p != nil && !p.gone {
		l.s.conferenceEventLocked(p.conf, "participant-speech-stop", p, nil)
	}
	return true
}

// wordsOf are the words of a sentence; a tone is in one piece.
func wordsOf(text string) []string {
	if isTone(text) {
		return []string{text}
	}
	return strings.Fields(text)
}

func (l *line) tellEars(f func(ear)) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.dropped {
		return
	}
	for _, e := range l.earsLocked() {
		f(e)
	}
}

func (l *line) earsLocked() []ear {
	var ears []ear
	if g := l.c.gathering; g != nil {
		ears = append(ears, g)
	}
	if d := l.c.detector; d != nil {
		ears = append(ears, d)
	}
	return ears
}

// sentence is how many seconds it takes Twilio to say a text.
func sentence(text string) float64 { return max(1, float64(len([]rune(text)))/15) }

// heardOf is what can have been heard of a text of which a share was said: whole words.
func heardOf(text string, share float64) string {
	runes := []rune(text)
	n := int(share * float64(len(runes)))
	switch {
	case n >= len(runes):
		return text
	case n <= 0:
		return ""
	}
	part := string(runes[:n])
	if !strings.ContainsRune(" \t\n", runes[n]) {
		part = part[:strings.LastIndexAny(part, " \t\n")+1]
	}
	return strings.TrimSpace(part)
}

// say lets the person hear a text, as often as the verb's loop says, and tells him what was heard of it when it is over.
func (p *player) say(verb *element) step {
	text := strings.Join(strings.Fields(verb.all), " ")
	p.checkSay(verb, text)
	if text == "" {
		return step{}
	}
	loop := int(p.number(verb, "loop", 1))
	for i := 0; loop <= 0 || i < loop; i++ {
		if t := p.sayOnce(text); t.kind != carryOn {
			return t
		}
	}
	return step{}
}

func (p *player) sayOnce(text string) step {
	begun, takes := time.Now(), sentence(text)
	p.s.mu.Lock()
	stop := func() {}
	legs := append([]*voiceCall{p.c}, p.also...)
	if p.ctx.Err() == nil {
		stop = soundsLocked(legs, text)
	} else {
		legs = nil
	}
	p.s.mu.Unlock()
	t := p.pause(takes)
	e := LineEvent{Kind: LineHeard, Detail: text}
	if t.kind != carryOn {
		e.Detail, e.Cut = heardOf(text, p.s.elapsed(begun)/takes), true
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	stop()
	for _, c := range legs {
		c.line.tellLocked(e)
	}
	return t
}
