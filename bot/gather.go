package bot

import (
	"slices"
	"strings"
)

// gathered is what a brain's pieces come to.
type gathered struct {
	say      []Speech
	handOff  *HandOff
	transfer string
	end      bool
	failed   bool
	intent   string
}

// gather takes a reply apart: what is to be remembered goes into the dialogue, clean of what was keyed, and the rest comes back.
func (d *Dialogue) gather(s Settings, in Input, r Reply) gathered {
	var g gathered
	var text strings.Builder
	flush := func() {
		words, _ := wordsOf(d.Language)
		if t := hideKeys(Mask(speakable(text.String())), in.Digits, words.keyed); t != "" {
			g.say = append(g.say, Speech{Text: t, Language: d.Language})
		}
		text.Reset()
	}
	var expect *Expect
	for _, p := range r.Pieces {
		text.WriteString(p.Say)
		for name, value := range p.Remember {
			d.remember(name, value, in.Digits)
		}
		if p.Intent != "" {
			g.intent, d.Intent = p.Intent, clip(p.Intent, slotKept)
		}
		if l, ok := s.speaks(p.Language); ok && l != d.Language {
			flush()
			d.Language = l
		}
		if p.Selected != "" {
			d.selected(p.Selected)
		}
		if p.Expect != nil {
			expect = p.Expect
		}
		g.failed = g.failed || p.Failed
		if g.handOff == nil && p.HandOff != nil {
			h := *p.HandOff
			h.Reason, h.Summary = hideKeys(h.Reason, in.Digits, keyedMark), hideKeys(h.Summary, in.Digits, keyedMark)
			g.handOff = &h
		}
		if g.transfer == "" {
			g.transfer = p.Transfer
		}
		g.end = g.end || p.End
	}
	flush()
	if r.Err == nil || expect != nil {
		d.Expect = expect
	}
	return g
}

func (d *Dialogue) remember(name, value, keyed string) {
	if value == "" {
		delete(d.Slots, name)
		return
	}
	if _, known := d.Slots[name]; !known && len(d.Slots) >= slotsKept {
		return
	}
	if d.Slots == nil {
		d.Slots = map[string]string{}
	}
	d.Slots[name] = clip(hideKeys(Mask(value), keyed, keyedMark), slotKept)
}

// selected keeps a menu's selection, and names it in the transcript where only keys were.
func (d *Dialogue) selected(name string) {
	name = clip(name, slotKept)
	if len(d.Selections) < slotsKept && !slices.Contains(d.Selections, name) {
		d.Selections = append(d.Selections, name)
	}
	for i := len(d.Messages) - 1; i >= 0; i-- {
		m := &d.Messages[i]
		if m.Speaker != SpeakerCaller {
			continue
		}
		if m.Text == keyedMark {
			m.Text = "(keyed: " + name + ")"
			d.change(*m)
		}
		return
	}
}

// change puts a message that is not new among those that the next answer brings.
func (d *Dialogue) change(m Message) {
	if i := slices.IndexFunc(d.fresh, func(f Message) bool { return f.Number == m.Number }); i >= 0 {
		d.fresh[i] = m
		return
	}
	d.fresh = append(d.fresh, m)
}

func (g gathered) promised() bool {
	return slices.ContainsFunc(g.say, func(s Speech) bool { return promises(s.Text) })
}

// less is what is said without the sentences that drop wants out.
func (g gathered) less(drop func(string) bool) []Speech {
	var kept []Speech
	for _, s := range g.say {
		if s.Text = without(s.Text, drop); s.Text != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// speaks finds a language among the bot's: the same, or the same but for its region.
func (s Settings) speaks(language string) (string, bool) {
	if language == "" {
		return "", false
	}
	for _, l := range s.Languages {
		if strings.EqualFold(l, language) {
			return l, true
		}
	}
	for _, l := range s.Languages {
		if base(l) == base(language) {
			return l, true
		}
	}
	return "", false
}

func (s Settings) target(name string) (Target, bool) {
	for _, t := range s.Transfers {
		if name != "" && t.Name == name {
			return t, true
		}
	}
	return Target{}, false
}
