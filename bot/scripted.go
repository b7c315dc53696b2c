package bot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"time"
)

// scripted thinks as a script tells it to, without a model.
type scripted struct {
	script  *script
	lookups *LookupClient
	within  time.Duration
}

// What is expected is named after what asked for it.
const (
	expectSlot = "slot:"
	expectMenu = "menu:"
)

// turn is one thought of a scripted brain.
type turn struct {
	*scripted
	settings Settings
	d        Dialogue
	said     string
	folded   string
	keyed    string
	language string
	slots    map[string]string // those of the dialogue, and what this turn adds
	forgot   map[string]bool   // were keyed in an earlier turn
	about    map[string]string // the call's custom data
	pieces   []Piece
}

func (b *scripted) turn(s Settings, d Dialogue, in Input) *turn {
	t := &turn{scripted: b, settings: s, d: d, said: in.Speech, folded: fold(in.Speech), keyed: strings.TrimRight(in.Digits, "#"), language: d.Language, forgot: map[string]bool{}}
	t.slots = maps.Clone(d.Slots)
	if t.slots == nil {
		t.slots = map[string]string{}
	}
	t.about = d.about()
	for name, value := range t.about {
		if t.slots[name] == "" && b.script.slots[name] != nil {
			t.slots[name] = value
		}
	}
	words, _ := wordsOf(t.language)
	for name, value := range t.slots {
		if value == keyedMark {
			t.slots[name] = words.keyed
			t.forgot[name] = true
		}
	}
	return t
}

// Opening asks with the script's first menu.
func (b *scripted) Opening(s Settings, d Dialogue) []Piece {
	t := b.turn(s, d, Input{})
	if m := b.script.menus[b.script.start]; m != nil {
		if t.menu(b.script.start, m.prompt) != nil {
			return nil
		}
	}
	return t.pieces
}

// Reply implements [Brain].
func (b *scripted) Reply(ctx context.Context, s Settings, d Dialogue, in Input) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, b.within)
		defer cancel()
		t := b.turn(s, d, in)
		err := t.think(ctx)
		for _, p := range t.pieces {
			if !yield(p, nil) {
				return
			}
		}
		if err != nil {
			yield(Piece{}, err)
		}
	}
}

// Summarise implements [Brain], by rule.
func (b *scripted) Summarise(_ context.Context, _ Settings, d Dialogue) (HandOff, error) {
	return HandOff{Reason: d.reason(), Summary: SummaryByRule(d), Sentiment: sentiment(d.Sentiment), Language: d.Language}, nil
}

func (t *turn) emit(p Piece) { t.pieces = append(t.pieces, p) }

func (t *turn) say(what text) error {
	said, err := what.render(t.language, t.slots)
	if err != nil {
		return err
	}
	if said != "" {
		t.emit(Piece{Say: said + " "})
	}
	return nil
}

// remember fills a slot. What is secret is known in this turn only.
func (t *turn) remember(name, value string, secret bool) {
	t.slots[name] = value
	delete(t.forgot, name)
	if secret {
		value = keyedMark
	}
	t.emit(Piece{Remember: map[string]string{name: value}})
}

func (t *turn) think(ctx context.Context) error {
	for _, rule := range t.script.rules {
		for _, w := range in(rule.words, t.language) {
			if at := indexPhrase(t.folded, w); at >= 0 && !denied(t.folded, at, t.language) {
				return t.handOff(rule.reason, byRule)
			}
		}
	}
	expected := ""
	if t.d.Expect != nil {
		expected = t.d.Expect.Name
	}
	wanted, points, taken := t.script.understand(t.said, t.folded, t.language)
	if name, ok := strings.CutPrefix(expected, expectSlot); ok && t.script.slots[name] != nil {
		return t.answerSlot(ctx, t.script.slots[name], wanted, points, taken)
	}
	name, asked := strings.CutPrefix(expected, expectMenu)
	if !asked {
		name = t.script.start // it stays open
	}
	m := t.script.menus[name]
	if m != nil {
		if c, n := choose(m.choices, t.keyed, t.folded, t.language); c != nil && n >= points {
			t.emit(Piece{Selected: c.name})
			return t.run(ctx, t.script.byName[c.then], nil)
		}
	}
	if wanted != nil {
		return t.run(ctx, wanted, taken)
	}
	return t.lost(name, m)
}

// lost says that the caller was not understood, and asks again.
func (t *turn) lost(name string, m *menu) error {
	t.emit(Piece{Failed: true})
	if t.gaveUp() {
		return t.giveUp()
	}
	if m != nil {
		if !m.retry.empty() {
			return t.menu(name, m.retry)
		}
		return errors.Join(t.sorry(), t.menu(name, m.prompt))
	}
	return t.sorry()
}

func (t *turn) sorry() error {
	if !t.script.fallback.empty() {
		return t.say(t.script.fallback)
	}
	words, _ := wordsOf(t.language)
	t.emit(Piece{Say: words.notUnderstood + " "})
	return nil
}

// gaveUp says whether a rule of the script has the caller handed over after this failed turn.
func (t *turn) gaveUp() bool {
	for _, rule := range t.script.rules {
		if rule.failed > 0 && t.d.Failed+1 >= rule.failed {
			return true
		}
	}
	return false
}

func (t *turn) giveUp() error {
	for _, rule := range t.script.rules {
		if rule.failed > 0 && t.d.Failed+1 >= rule.failed {
			return t.handOff(rule.reason, byRule)
		}
	}
	return nil
}

func (t *turn) handOff(reason text, by string) error {
	said, err := reason.render(t.language, t.slots)
	if err != nil {
		return err
	}
	t.emit(Piece{HandOff: &HandOff{Reason: said, By: by}})
	return nil
}

// answerSlot takes the answer to a slot's question, or what the caller wants instead.
func (t *turn) answerSlot(ctx context.Context, s *slot, wanted *intent, points int, taken map[string]string) error {
	current := t.script.byName[t.d.Intent]
	value, secret, ok := s.read(t.said, t.folded, t.keyed, t.language)
	switch {
	case ok && (s.kind != slotText || points < countWhole || wanted == current):
		t.remember(s.name, value, secret)
		if s.lookup != "" {
			if done, err := t.ask(ctx, s.lookup, current); done || err != nil {
				return err
			}
		}
		if current != nil {
			return t.finish(ctx, current)
		}
		return nil
	case wanted != nil && points >= countPhrase:
		return t.run(ctx, wanted, taken)
	}
	t.emit(Piece{Failed: true})
	if t.gaveUp() {
		return t.giveUp()
	}
	if !s.retry.empty() {
		return t.prompt(s, s.retry)
	}
	return errors.Join(t.sorry(), t.prompt(s, s.prompt))
}

// run begins an intent: what its slots knew of another time is forgotten, and what the caller just said fills them.
func (t *turn) run(ctx context.Context, i *intent, taken map[string]string) error {
	t.emit(Piece{Intent: i.name})
	if l, ok := t.settings.speaks(i.language); ok {
		t.language = l
		t.emit(Piece{Language: l})
	}
	for _, name := range i.slots {
		s := t.script.slots[name]
		if s.kind == slotDigits || s.kind == slotChoice {
			if value, secret, ok := s.read(t.said, t.folded, "", t.language); ok {
				t.remember(name, value, secret)
				continue
			}
		}
		switch {
		case s.keep:
		case t.about[name] != "":
			t.remember(name, t.about[name], false)
		case t.slots[name] != "":
			t.remember(name, "", false)
		}
	}
	for name, value := range taken {
		t.remember(name, value, false)
	}
	return t.finish(ctx, i)
}

// finish asks for the next slot that is not known, or does what the intent is for.
func (t *turn) finish(ctx context.Context, i *intent) error {
	for _, name := range i.slots {
		if t.slots[name] == "" {
			s := t.script.slots[name]
			return t.prompt(s, s.prompt)
		}
	}
	if i.lookup != "" {
		if done, err := t.ask(ctx, i.lookup, i); done || err != nil {
			return err
		}
	}
	if err := t.say(i.reply); err != nil {
		return err
	}
	switch {
	case !i.handoff.empty():
		return t.handOff(i.handoff, byRule)
	case i.transfer != "":
		t.emit(Piece{Transfer: i.transfer})
	case i.end:
		t.emit(Piece{End: true})
	case i.menu != "":
		return t.menu(i.menu, t.script.menus[i.menu].prompt)
	}
	return nil
}

// ask looks something up; done says that it failed and the caller was told what the intent has for that.
func (t *turn) ask(ctx context.Context, name string, i *intent) (done bool, err error) {
	var l *Lookup
	for n := range t.settings.Lookups {
		if t.settings.Lookups[n].Name == name {
			l = &t.settings.Lookups[n]
		}
	}
	if l == nil {
		return false, fmt.Errorf("the script asks for lookup %q, which the bot does not have", name)
	}
	parameters := maps.Clone(t.slots)
	maps.DeleteFunc(parameters, func(name, _ string) bool { return t.forgot[name] })
	body, err := t.lookups.Ask(ctx, *l, parameters)
	if err != nil {
		if i == nil || i.other.empty() {
			return false, err
		}
		return true, t.say(i.other)
	}
	for key, value := range flatten(name, body) {
		t.remember(key, value, false)
	}
	return false, nil
}

func (t *turn) prompt(s *slot, what text) error {
	expect := &Expect{Name: expectSlot + s.name}
	if s.keys && s.kind == slotDigits && s.least == s.most {
		expect.Digits = s.most
	}
	if s.keys && (s.kind == slotYesNo || s.kind == slotChoice) {
		expect.Digits = 1
	}
	expect.Hints = hints(s.choices, t.language)
	t.emit(Piece{Expect: expect})
	return t.say(what)
}

func (t *turn) menu(name string, what text) error {
	m := t.script.menus[name]
	expect := &Expect{Name: expectMenu + name, Hints: hints(m.choices, t.language)}
	for _, c := range m.choices {
		if c.key != "" {
			expect.Digits = 1
		}
	}
	t.emit(Piece{Expect: expect})
	return t.say(what)
}

func hints(choices []choice, language string) []string {
	var all []string
	for _, c := range choices {
		all = append(all, in(c.phrases, language)...)
	}
	return all
}
