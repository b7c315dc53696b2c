package bot

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what a dialogue remembers, so that each turn stays cheap to read and write.
const (
	messagesKept = 60
	speechKept   = 2000 // characters of one turn: people say about 900 in the minute that Twilio listens at most
	slotsKept    = 64
	slotKept     = 300 // characters
	hintsMost    = 100 // words to expect, of which Twilio takes 500
)

// afterGoodbye is how long a caller has to be taken back.
const afterGoodbye = 2 * time.Second

// An Opener is a brain that adds to the greeting, by asking for something.
type Opener interface {
	Opening(settings Settings, d Dialogue) []Piece
}

// Open begins a dialogue with the greeting. The brain may be nil; an [Opener] has its say.
func Open(s Settings, brain Brain, now time.Time) (Dialogue, Answer) {
	s = s.WithDefaults()
	d := Dialogue{StartedAt: now, Language: s.first(), Sentiment: Neutral}
	say := []Speech{s.say(d.Language, s.Greeting, func(w spoken) string { return w.greeting })}
	if opener, ok := brain.(Opener); ok {
		g := d.gather(s, Input{}, Reply{Pieces: opener.Opening(s, d.Clone())})
		say = append(say, g.say...)
	}
	return d, d.listen(s, say, now)
}

// Listen takes in what the caller did. Where a rule knows what follows, ask is false and the answer is there. Else the brain is to be asked,
// with the dialogue as it is then and the input that comes back, in which no card number is left, and its reply goes to [Dialogue.Answer].
func (d *Dialogue) Listen(s Settings, in Input) (clean Input, a Answer, ask bool) {
	s = s.WithDefaults()
	if d.Over || d.HandOff != nil {
		return in, d.again(), false
	}
	d.Turn++
	if in.Silent() {
		return in, d.silent(s, in.At), false
	}
	text := clip(Mask(strings.TrimSpace(speakable(in.Speech))), speechKept)
	in.Speech = text
	if in.Digits != "" {
		note := keyedMark
		if digits := onlyDigits(in.Digits); len(digits) >= shortestCard && len(digits) <= longestCard && luhn(digits) {
			note, in.Digits = cardMark, ""
		}
		text = strings.TrimSpace(text + " " + note)
	}
	d.add(SpeakerCaller, text, d.Language, in.At)
	d.Silences, d.Leaving, d.Pending = 0, false, true
	folded := fold(in.Speech)
	d.feel(folded)
	if h := d.rule(s, folded, in.At); h != nil {
		return in, d.handOver(s, nil, *h, in.At), false
	}
	return in, Answer{}, true
}

// PendingInput is what the brain still owes an answer to, for a process that did not hear it itself. What was keyed is gone.
func (d Dialogue) PendingInput() (in Input, pending bool) {
	if !d.Pending {
		return Input{}, false
	}
	for _, m := range slices.Backward(d.Messages) {
		if m.Speaker == SpeakerCaller {
			return Input{Speech: strings.TrimSpace(strings.TrimSuffix(m.Text, keyedMark)), At: m.At}, true
		}
	}
	return Input{}, true
}

// Wait is the answer while the brain is slow: a filler, once, and to come again.
func (d *Dialogue) Wait(s Settings, now time.Time) Answer {
	s = s.WithDefaults()
	var say []Speech
	if n := len(d.Messages); n == 0 || d.Messages[n-1].Speaker != SpeakerBot {
		say = []Speech{s.say(d.Language, s.Phrases.Filler, func(w spoken) string { return w.filler })}
	}
	return d.give(Answer{Say: say, Interrupt: InterruptNone, Next: NextLater}, now)
}

// Thinks is the brain that is to be asked: the bot's own, or the other one after it failed twice in a row.
func (d Dialogue) Thinks(s Settings) BrainSettings {
	if d.Fallback && s.Fallback != nil {
		return *s.Fallback
	}
	return s.Brain
}

// Answer makes of a brain's reply what the bot does. It answers [NextLater] where the other brain is to be asked the same.
func (d *Dialogue) Answer(s Settings, in Input, r Reply, now time.Time) Answer {
	s = s.WithDefaults()
	if d.Over || d.HandOff != nil {
		return d.again()
	}
	d.Pending = false
	g := d.gather(s, in, r)
	transfer, known := s.target(g.transfer)
	if g.handOff == nil && !known && g.promised() {
		g.handOff = &HandOff{Reason: reasonPromise, By: byModel} // also where it failed after: what came before was meant
	}
	if g.handOff == nil && !g.end && !known && (r.Err != nil || len(g.say) == 0) {
		return d.failed(s, g.say, now)
	}
	d.Errors = 0
	if g.failed {
		d.Failed++
	} else {
		d.Failed = 0
	}
	if g.handOff == nil && !known {
		if h := d.afterwards(s, g.intent); h != nil {
			g.handOff, g.say = h, g.less(asks)
			if g.failed {
				g.say = nil // it asks the caller to repeat what nobody waits for
			}
		}
	}
	switch {
	case g.handOff != nil && s.Handoff.Off:
		say := append(g.less(promised), s.say(d.Language, s.Phrases.Nobody, func(w spoken) string { return w.nobody }))
		return d.listen(s, say, now)
	case g.handOff != nil:
		return d.handOver(s, g.say, *g.handOff, now)
	case known:
		d.Over = true
		return d.give(Answer{Say: d.announced(s, g.say), Interrupt: InterruptNone, Next: NextTransfer, Transfer: transfer.To}, now)
	case g.end:
		d.Over = true
		if len(g.say) == 0 {
			g.say = []Speech{s.say(d.Language, "", func(w spoken) string { return w.bye })}
		}
		return d.give(Answer{Say: g.say, Interrupt: InterruptNone, Next: NextEnd}, now)
	}
	return d.listen(s, g.say, now)
}

// HandOver hands the caller to a person because somebody else wants it. It does so once: asked again it answers the same.
func (d *Dialogue) HandOver(s Settings, h HandOff, now time.Time) Answer {
	if d.HandOff != nil || d.Over {
		return d.again()
	}
	return d.handOver(s.WithDefaults(), nil, h, now)
}

// Return takes a caller back whom nobody could take, or whom the other end of a transfer did not want.
func (d *Dialogue) Return(s Settings, now time.Time) Answer {
	s = s.WithDefaults()
	d.HandOff, d.Over, d.Pending, d.Leaving = nil, false, false, false
	d.Silences, d.Failed, d.Errors = 0, 0, 0
	d.Returned++
	return d.listen(s, []Speech{s.say(d.Language, s.Phrases.Nobody, func(w spoken) string { return w.nobody })}, now)
}

// Step is a whole turn: what the caller did, the brain's thought, the bot's answer. A brain that fails twice in a row leaves the turn at [NextLater]
// if there is another.
func (d *Dialogue) Step(ctx context.Context, brain Brain, s Settings, in Input) Answer {
	clean, a, ask := d.Listen(s, in)
	if !ask {
		return a
	}
	return d.Answer(s, clean, Think(ctx, brain, s, d.Clone(), clean), in.At)
}

// Think asks a brain and takes all of its reply, up to what ends the dialogue or fills three minutes.
func Think(ctx context.Context, brain Brain, s Settings, d Dialogue, in Input) Reply {
	var r Reply
	said := 0
	for piece, err := range brain.Reply(ctx, s.WithDefaults(), d, in) {
		if err != nil {
			r.Err = err
			return r
		}
		r.Pieces = append(r.Pieces, piece)
		said += utf8.RuneCountInString(piece.Say)
		if piece.HandOff != nil || piece.End || piece.Transfer != "" || said > spokenMost {
			return r
		}
	}
	return r
}

// silent answers a caller who did nothing.
func (d *Dialogue) silent(s Settings, now time.Time) Answer {
	if d.Leaving {
		d.Over = true
		return d.give(Answer{Interrupt: InterruptNone, Next: NextEnd}, now)
	}
	if prompt, ok := s.prompt(d.Language, d.Silences); ok {
		d.Silences++
		return d.listen(s, []Speech{prompt}, now)
	}
	d.Leaving = true
	a := d.listen(s, []Speech{s.say(d.Language, s.Silence.Goodbye, func(w spoken) string { return w.goodbye })}, now)
	a.Interrupt, a.Listen.After = InterruptAny, afterGoodbye
	return a
}

// failed answers when the brain did not, or not to its end.
func (d *Dialogue) failed(s Settings, said []Speech, now time.Time) Answer {
	d.Errors++
	switch {
	case d.Errors < 2:
		return d.listen(s, append(said, s.say(d.Language, s.Phrases.Error, func(w spoken) string { return w.failed })), now)
	case s.Fallback != nil && !d.Fallback:
		d.Fallback, d.Errors, d.Pending = true, 0, true
		return d.Wait(s, now)
	case !s.Handoff.Off && d.Returned == 0:
		return d.handOver(s, said, HandOff{Reason: reasonBroken, By: byRule}, now)
	default:
		d.Over = true
		say := append(said, s.say(d.Language, "", func(w spoken) string { return w.notAbleTo }))
		return d.give(Answer{Say: say, Interrupt: InterruptNone, Next: NextEnd}, now)
	}
}

// handOver is the one place where the bot says that it transfers to a person.
func (d *Dialogue) handOver(s Settings, said []Speech, h HandOff, now time.Time) Answer {
	d.Pending = false
	say := d.announced(s, said)
	a := Answer{Say: say, Interrupt: InterruptNone, Next: NextHandOff}
	filled := d.Fill(h, now) // before the last sentence, of which the person need not read
	d.HandOff = &filled
	a.HandOff = &filled
	return d.give(a, now)
}

// announced adds that the caller is transferred, unless the brain said so itself.
func (d *Dialogue) announced(s Settings, said []Speech) []Speech {
	for _, speech := range said {
		if promises(speech.Text) {
			return said
		}
	}
	return append(said, s.say(d.Language, s.Phrases.Transfer, func(w spoken) string { return w.transfer }))
}

// again answers a dialogue that is over, or on its way to a person.
func (d *Dialogue) again() Answer {
	if d.HandOff != nil {
		return Answer{Interrupt: InterruptNone, Next: NextHandOff, HandOff: d.HandOff, Messages: d.taken()}
	}
	return Answer{Interrupt: InterruptNone, Next: NextEnd, Messages: d.taken()}
}

func (d *Dialogue) listen(s Settings, say []Speech, now time.Time) Answer {
	a := Answer{Say: say, Interrupt: s.Interrupt, Next: NextListen, Listen: Listen{Language: d.Language, After: s.Silence.After.Duration(), Hints: s.Hints}}
	if d.Expect != nil {
		a.Listen.Digits = d.Expect.Digits
		a.Listen.Hints = slices.Concat(d.Expect.Hints, s.Hints)
	}
	a.Listen.Hints = a.Listen.Hints[:min(len(a.Listen.Hints), hintsMost)]
	return d.give(a, now)
}

// give writes down what is said, and hands over what is new for the transcript.
func (d *Dialogue) give(a Answer, now time.Time) Answer {
	for i := 0; i < len(a.Say); {
		var texts []string
		language := a.Say[i].Language
		for ; i < len(a.Say) && a.Say[i].Language == language; i++ {
			texts = append(texts, a.Say[i].Text)
		}
		d.add(SpeakerBot, strings.Join(texts, " "), language, now)
	}
	a.Messages = d.taken()
	return a
}

func (d *Dialogue) add(speaker Speaker, text, language string, at time.Time) {
	d.Said++
	m := Message{Number: d.Said, At: at, Speaker: speaker, Text: text, Language: language}
	d.Messages = append(d.Messages, m)
	if n := len(d.Messages) - messagesKept; n > 0 {
		d.Messages = append([]Message(nil), d.Messages[n:]...)
	}
	d.fresh = append(d.fresh, m)
}

func (d *Dialogue) taken() []Message {
	fresh := d.fresh
	d.fresh = nil
	return fresh
}
