package bot

import (
	_ "embed" // the default script
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed reception.yaml
var reception string

// Reception is the script of a bot that brings none: it asks what a call is about and hands it on.
func Reception() string { return reception }

// script is what a scripted brain knows.
type script struct {
	start    string // a menu
	fallback text
	intents  []*intent
	byName   map[string]*intent
	slots    map[string]*slot
	menus    map[string]*menu
	rules    []scriptRule
}

// intent is something that callers want, and what the bot does then.
type intent struct {
	line     int
	name     string
	phrases  map[string][]string
	keywords map[string][]string
	patterns []*regexp.Regexp
	slots    []string
	lookup   string
	reply    text
	other    text // when the lookup fails
	menu     string
	language string
	handoff  text
	transfer string
	end      bool
}

// menu is a choice by key or word.
type menu struct {
	line    int
	prompt  text
	retry   text
	choices []choice
}

// choice is one of a menu or a slot.
type choice struct {
	line    int
	key     string
	name    string
	phrases map[string][]string
	then    string // an intent
}

// slot is something that the bot has to know.
type slot struct {
	line        int
	name        string
	kind        string
	prompt      text
	retry       text
	least, most int // digits: how many; number: values
	keys        bool
	keep        bool
	lookup      string
	choices     []choice
}

// Kinds of slots.
const (
	slotText   = "text"
	slotNumber = "number"
	slotDigits = "digits"
	slotYesNo  = "yes-no"
	slotChoice = "choice"
)

// scriptRule hands a caller over.
type scriptRule struct {
	words  map[string][]string
	failed int
	reason text
}

// ErrScript says that a script cannot be used; the message tells each fault in a line of its own.
var ErrScript = errors.New("the script cannot be used")

type scriptError struct{ faults []scriptFault }

func (e *scriptError) Error() string {
	lines := make([]string, len(e.faults))
	for i, f := range e.faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

func (e *scriptError) Is(target error) bool { return target == ErrScript }

var ownScript = sync.OnceValues(func() (*script, error) { return parseScript(reception) })

// CheckScript says whether a script can be used: the error, ErrScript, has a line for each fault. "" is [Reception].
func CheckScript(source string) error {
	_, err := readScript(source)
	return err
}

func readScript(source string) (*script, error) {
	if strings.TrimSpace(source) == "" {
		return ownScript()
	}
	return parseScript(source)
}

func parseScript(source string) (*script, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(source), &document); err != nil {
		return nil, &scriptError{[]scriptFault{syntaxFault(source, err)}}
	}
	var r reader
	s := &script{byName: map[string]*intent{}, slots: map[string]*slot{}, menus: map[string]*menu{}}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		r.wrong(1, "the script is empty")
	} else {
		r.script(document.Content[0], s)
	}
	if len(r.faults) == 0 {
		s.link(&r)
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b scriptFault) int { return a.line - b.line })
		return nil, &scriptError{r.faults}
	}
	return s, nil
}

var parserLine = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?((did not find expected (?:',' or|node content|key|'-' indicator|<))?.*)`)

// syntaxFault is what is no YAML. The library counts the lines of what it cannot parse from 0, and those of what it cannot scan from 1.
func syntaxFault(source string, err error) scriptFault {
	found := parserLine.FindStringSubmatch(err.Error())
	at, _ := strconv.Atoi(found[1])
	if found[3] != "" {
		at++
	}
	return scriptFault{line: min(at, 1+strings.Count(strings.TrimRight(source, "\n"), "\n")), detail: found[2]}
}

var (
	intentForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	keyForm    = regexp.MustCompile(`^[0-9*]$`)
)

func (r *reader) script(n *yaml.Node, s *script) {
	f := r.fields(n, "script", "start", "fallback", "intents", "slots", "menus", "handoff")
	s.start = r.str(f["start"], "start")
	s.fallback = r.text(f["fallback"], "fallback")
	for _, item := range r.items(f["intents"], "intents") {
		if i := r.intent(item); s.byName[i.name] != nil {
			r.wrong(i.line, "intent %q is there twice", i.name)
		} else {
			s.intents = append(s.intents, i)
			s.byName[i.name] = i
		}
	}
	if f["intents"] == nil {
		r.wrong(lineOf(n), "script: intents are missing")
	}
	if f["slots"] != nil {
		for _, e := range r.entries(f["slots"], "slots") {
			s.slots[e.key] = r.slot(e)
		}
	}
	if f["menus"] != nil {
		for _, e := range r.entries(f["menus"], "menus") {
			s.menus[e.key] = r.menu(e)
		}
	}
	for _, item := range r.items(f["handoff"], "handoff") {
		g := r.fields(item, "handoff", "words", "failed", "reason")
		rule := scriptRule{words: r.phrases(g["words"], "words"), failed: r.number(g["failed"], "failed", 1, 20), reason: r.text(g["reason"], "reason")}
		if len(rule.words) == 0 && rule.failed == 0 {
			r.wrong(lineOf(item), "handoff: a rule needs words or failed")
		}
		s.rules = append(s.rules, rule)
	}
}

func (r *reader) intent(n *yaml.Node) *intent {
	f := r.fields(n, "intent", "name", "phrases", "keywords", "patterns", "slots", "lookup", "reply", "otherwise", "menu", "language", "handoff", "transfer", "end")
	i := &intent{line: lineOf(n), name: r.str(f["name"], "name")}
	if !intentForm.MatchString(i.name) {
		r.wrong(i.line, "intent: %q is no name: want up to 40 small letters, digits, hyphens and underscores, a letter first", clip(i.name, 40))
	}
	what := "intent " + i.name
	i.phrases = r.phrases(f["phrases"], what+": phrases")
	i.keywords = r.phrases(f["keywords"], what+": keywords")
	for _, item := range r.items(f["patterns"], what+": patterns") {
		pattern, err := regexp.Compile("(?i)" + r.str(item, what+": patterns"))
		if err != nil {
			r.wrong(lineOf(item), "%s: %v", what, err)
			continue
		}
		i.patterns = append(i.patterns, pattern)
	}
	for _, item := range r.items(f["slots"], what+": slots") {
		i.slots = append(i.slots, r.str(item, what+": slots"))
	}
	i.lookup = r.str(f["lookup"], what+": lookup")
	i.reply = r.text(f["reply"], what+": reply")
	i.other = r.text(f["otherwise"], what+": otherwise")
	i.menu = r.str(f["menu"], what+": menu")
	i.language = r.str(f["language"], what+": language")
	i.handoff = r.text(f["handoff"], what+": handoff")
	i.transfer = r.str(f["transfer"], what+": transfer")
	i.end = r.flag(f["end"], what+": end", false)
	ways := 0
	for _, way := range []bool{!i.handoff.empty(), i.transfer != "", i.end, i.menu != ""} {
		if way {
			ways++
		}
	}
	switch {
	case ways > 1:
		r.wrong(i.line, "%s: only one of handoff, transfer, end and menu can follow", what)
	case ways == 0 && i.reply.empty():
		r.wrong(i.line, "%s: does nothing: give it a reply, menu, handoff, transfer or end", what)
	case !i.other.empty() && i.lookup == "":
		r.wrong(i.other.line, "%s: otherwise is for a lookup that fails, and there is none", what)
	}
	return i
}

func (r *reader) slot(e entry) *slot {
	what := "slot " + clip(e.key, 40)
	s := &slot{line: e.line, name: e.key}
	if !nameForm.MatchString(e.key) {
		r.wrong(e.line, "%s: no name: want up to 40 small letters, digits and underscores, a letter first", what)
	}
	f := r.fields(e.value, what, "type", "prompt", "retry", "length", "least", "most", "keys", "keep", "lookup", "choices")
	s.kind = r.str(f["type"], what+": type")
	fill(&s.kind, slotText)
	s.prompt = r.text(f["prompt"], what+": prompt")
	s.retry = r.text(f["retry"], what+": retry")
	if s.prompt.empty() {
		r.wrong(e.line, "%s: prompt is missing", what)
	}
	s.keys = r.flag(f["keys"], what+": keys", s.kind != slotText)
	s.keep = r.flag(f["keep"], what+": keep", false)
	s.lookup = r.str(f["lookup"], what+": lookup")
	if f["choices"] != nil {
		s.choices = r.choices(f["choices"], what, false)
	}
	switch s.kind {
	case slotDigits:
		s.least, s.most = r.number(f["least"], what+": least", 1, 40), r.number(f["most"], what+": most", 1, 40)
		if length := r.number(f["length"], what+": length", 1, 40); length > 0 {
			s.least, s.most = length, length
		}
		fill(&s.least, 1)
		fill(&s.most, 40)
	case slotNumber:
		s.least, s.most = r.number(f["least"], what+": least", 0, 1<<30), r.number(f["most"], what+": most", 0, 1<<30)
		fill(&s.most, 1<<30)
	case slotChoice:
		if len(s.choices) == 0 {
			r.wrong(e.line, "%s: choices are missing", what)
		}
	case slotText, slotYesNo:
	default:
		r.wrong(e.line, "%s: type %q is none of text, number, digits, yes-no and choice", what, clip(s.kind, 40))
	}
	if s.least > s.most && s.kind != slotText {
		r.wrong(e.line, "%s: least is more than most", what)
	}
	return s
}

func (r *reader) menu(e entry) *menu {
	what := "menu " + clip(e.key, 40)
	f := r.fields(e.value, what, "prompt", "retry", "choices")
	m := &menu{line: e.line, prompt: r.text(f["prompt"], what+": prompt"), retry: r.text(f["retry"], what+": retry")}
	if m.prompt.empty() {
		r.wrong(e.line, "%s: prompt is missing", what)
	}
	if m.choices = r.choices(f["choices"], what, true); len(m.choices) == 0 {
		r.wrong(e.line, "%s: choices are missing", what)
	}
	return m
}

func (r *reader) choices(n *yaml.Node, what string, then bool) []choice {
	known := []string{"key", "name", "phrases"}
	if then {
		known = append(known, "then")
	}
	var all []choice
	keys := map[string]bool{}
	for _, item := range r.items(n, what+": choices") {
		f := r.fields(item, what+": choice", known...)
		c := choice{line: lineOf(item), key: r.str(f["key"], what+": key"), name: r.str(f["name"], what+": name"), phrases: r.phrases(f["phrases"], what+": phrases"), then: r.str(f["then"], what+": then")}
		switch {
		case c.name == "" || len(c.name) > 60:
			r.wrong(c.line, "%s: a choice needs a name of at most 60 characters, which the transcript shows", what)
		case c.key != "" && !keyForm.MatchString(c.key):
			r.wrong(c.line, "%s: key %q is none of 0 to 9 and *", what, clip(c.key, 10))
		case c.key != "" && keys[c.key]:
			r.wrong(c.line, "%s: key %s is there twice", what, c.key)
		case then && c.then == "":
			r.wrong(c.line, "%s: choice %s: then is missing: the intent that follows", what, c.name)
		}
		keys[c.key] = true
		if c.phrases == nil {
			c.phrases = map[string][]string{"": {fold(c.name)}}
		}
		all = append(all, c)
	}
	return all
}
