package bot

import (
	"regexp"
	"slices"
	"strings"
)

// What a match counts: a whole utterance over a pattern, over a phrase, over words in any order, over keywords.
const (
	countWhole   = 1000
	countPattern = 500
	countPhrase  = 100
	countWords   = 50
	countWord    = 10
)

// in are the phrases of a language with those of all.
func in(phrases map[string][]string, language string) []string {
	own := phrases[base(language)]
	if len(phrases[""]) == 0 {
		return own
	}
	return append(slices.Clip(own), phrases[""]...)
}

// matchPhrases says how well a folded text fits one of some phrases; 0: not at all.
func matchPhrases(folded, language string, phrases []string) int {
	best := 0
	for _, p := range phrases {
		if n := matchPhrase(folded, language, p); n > best {
			best = n
		}
	}
	return best
}

func matchPhrase(folded, language, phrase string) int {
	if folded == phrase {
		return countWhole
	}
	words := strings.Count(phrase, " ") + 1
	if at := indexPhrase(folded, phrase); at >= 0 {
		if denied(folded, at, language) {
			return 0
		}
		return countPhrase + countWord*words
	}
	if words < 3 {
		return 0
	}
	for w := range strings.FieldsSeq(phrase) {
		if indexPhrase(folded, w) < 0 {
			return 0
		}
	}
	return countWords + countWord/2*words
}

// match says how well what the caller said fits an intent. What patterns took out of it comes with it.
func (i *intent) match(said, folded, language string) (int, map[string]string) {
	best := matchPhrases(folded, language, in(i.phrases, language))
	words := 0
	for _, k := range in(i.keywords, language) {
		if at := indexPhrase(folded, k); at >= 0 && !denied(folded, at, language) {
			words += countWord
		}
	}
	best = max(best, min(words, countWords-1))
	for _, p := range i.patterns {
		if found := p.FindStringSubmatch(said); found != nil {
			return max(best, countPattern), groups(p, found)
		}
	}
	return best, nil
}

func groups(p *regexp.Regexp, found []string) map[string]string {
	values := map[string]string{}
	for n, name := range p.SubexpNames() {
		if name != "" && found[n] != "" {
			values[name] = clip(strings.TrimSpace(found[n]), slotKept)
		}
	}
	return values
}

// understand finds the intent that fits best what the caller said, the first of equals.
func (s *script) understand(said, folded, language string) (best *intent, points int, taken map[string]string) {
	if folded == "" {
		return nil, 0, nil
	}
	for _, i := range s.intents {
		if n, values := i.match(said, folded, language); n > points {
			best, points, taken = i, n, values
		}
	}
	return best, points, taken
}

// choose finds a choice by its key or by what the caller said.
func choose(choices []choice, keyed, folded, language string) (*choice, int) {
	if keyed != "" {
		for i := range choices {
			if choices[i].key == keyed {
				return &choices[i], countWhole
			}
		}
		return nil, 0
	}
	var best *choice
	points := 0
	for i := range choices {
		if n := matchPhrases(folded, language, in(choices[i].phrases, language)); n > points {
			best, points = &choices[i], n
		}
	}
	if best == nil && len(onlyDigits(folded)) > 0 || best == nil && numberWords[folded] != 0 {
		if runs := digitRuns(folded); len(runs) == 1 && len(runs[0].digits) == 1 { // "press one" is answered "one" as well
			return choose(choices, runs[0].digits, "", language)
		}
	}
	return best, points
}

// assent are words that say yes and no.
var assent = map[string][2]map[string]bool{
	"en": {set("yes", "yeah", "yep", "yup", "sure", "correct", "right", "ok", "okay", "absolutely", "exactly"), set("no", "nope", "nah", "not", "wrong", "incorrect", "don", "never")},
	"es": {set("si", "claro", "correcto", "exacto", "vale", "cierto"), set("no", "nunca", "incorrecto", "tampoco")},
	"fr": {set("oui", "ouais", "correct", "exact", "exactement", "accord", "absolument"), set("non", "pas", "jamais", "faux")},
	"de": {set("ja", "jawohl", "genau", "richtig", "stimmt", "klar", "korrekt"), set("nein", "ne", "nicht", "falsch", "nie")},
	"it": {set("si", "certo", "esatto", "giusto", "corretto", "ok"), set("no", "non", "sbagliato", "mai")},
	"pt": {set("sim", "claro", "certo", "exato", "correto", "isso"), set("nao", "nunca", "errado")},
	"nl": {set("ja", "jawel", "klopt", "juist", "zeker", "goed"), set("nee", "niet", "fout", "nooit")},
	"ar": {set("نعم", "اجل", "صحيح", "اكيد"), set("لا", "كلا", "خطا")},
}

// yesNo is "yes", "no", or "" where neither was said, or both.
func yesNo(folded, language string) string {
	words, ok := assent[base(language)]
	if !ok {
		words = assent["en"]
	}
	yes, no := false, false
	for w := range strings.FieldsSeq(folded) {
		yes, no = yes || words[0][w], no || words[1][w]
	}
	switch {
	case no: // "no, that is not right"
		return "no"
	case yes:
		return "yes"
	}
	return ""
}

// read takes a slot's value out of what the caller said or keyed; ok is false where there is none. What is keyed may be kept only if it is a choice.
func (s *slot) read(said, folded, keyed, language string) (value string, secret, ok bool) {
	if keyed != "" && !s.keys {
		return "", false, false
	}
	switch s.kind {
	case slotYesNo:
		switch keyed {
		case "1":
			value = "yes"
		case "2":
			value = "no"
		case "":
			value = yesNo(folded, language)
		}
		return value, false, value != ""
	case slotChoice:
		c, _ := choose(s.choices, keyed, folded, language)
		if c == nil {
			return "", false, false
		}
		return c.name, false, true
	case slotDigits, slotNumber:
		if keyed != "" {
			return keyed, true, s.fits(keyed)
		}
		value, ok = s.spoken(said)
		return value, false, ok
	default:
		value = strings.TrimSpace(said)
		return value, false, value != "" && keyed == ""
	}
}

// spoken finds digits in a text: all of them together, or one run that fits.
func (s *slot) spoken(said string) (string, bool) {
	var all strings.Builder
	for _, run := range digitRuns(said) {
		if s.fits(run.digits) {
			return run.digits, true
		}
		all.WriteString(run.digits)
	}
	return all.String(), s.kind == slotDigits && s.fits(all.String())
}

func (s *slot) fits(digits string) bool {
	if digits == "" || onlyDigits(digits) != digits {
		return false
	}
	if s.kind == slotDigits {
		return len(digits) >= s.least && len(digits) <= s.most
	}
	n := 0
	for _, c := range digits {
		if n = n*10 + int(c-'0'); n > 1<<30 {
			return false
		}
	}
	return n >= s.least && n <= s.most
}
