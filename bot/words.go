package bot

import (
	"slices"
	"strings"
	"unicode"
)

// folding takes the marks off letters that speech recognition may or may not write.
var folding = func() map[rune]rune {
	m := map[rune]rune{}
	for plain, marked := range map[rune]string{
		'a': "àáâãäåā", 'c': "çćč", 'e': "èéêëēę", 'i': "ìíîïī", 'n': "ñń", 'o': "òóôõöøō", 's': "śš", 'u': "ùúûüū", 'y': "ýÿ", 'z': "źżž",
		'ا': "أإآ", 'ه': "ة", 'ي': "ى",
	} {
		for _, r := range marked {
			m[r] = plain
		}
	}
	return m
}()

// fold is text as it is compared: small letters without marks, words parted by single blanks, nothing else.
func fold(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r): // a mark by itself
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			r = unicode.ToLower(r)
			if plain, ok := folding[r]; ok {
				r = plain
			}
			if r == 'ß' {
				b.WriteString("ss")
				continue
			}
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return b.String()
}

// SameWords says whether two texts say the same, but for case, marks and punctuation: an answer that was prepared for one fits the other.
func SameWords(a, b string) bool { return fold(a) == fold(b) }

// unspaced says whether a text is of a script that puts no blanks between words.
func unspaced(text string) bool {
	for _, r := range text {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) {
			return true
		}
	}
	return false
}

// indexPhrase is where phrase stands in text as whole words, both folded; -1 if it does not.
func indexPhrase(text, phrase string) int {
	if phrase == "" {
		return -1
	}
	if unspaced(phrase) {
		return strings.Index(text, phrase)
	}
	for from := 0; ; {
		i := strings.Index(text[from:], phrase)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(phrase)
		if (i == 0 || text[i-1] == ' ') && (end == len(text) || text[end] == ' ') {
			return i
		}
		from = i + 1
	}
}

// negations deny what follows, as folded words.
var negations = map[string]map[string]bool{
	"en": set("no", "not", "never", "without", "don", "dont", "isn", "isnt", "wasn", "wasnt", "doesn", "doesnt", "didn", "didnt", "won", "wont", "cannot", "hardly"),
	"es": set("no", "nunca", "sin", "tampoco", "jamas"),
	"fr": set("ne", "pas", "jamais", "sans", "aucun", "aucune"),
	"de": set("nicht", "kein", "keine", "keinen", "keinem", "keiner", "nie", "niemals", "ohne"),
	"it": set("non", "mai", "senza", "nessun"),
	"pt": set("nao", "nunca", "sem"),
	"nl": set("niet", "geen", "nooit", "zonder"),
	"ar": set("لا", "ليس", "بدون", "غير"),
}

// refusals answer a question, where they begin a sentence, and deny nothing of what follows: "no, I want an agent".
var refusals = set("no", "nao", "non", "nein", "nee", "لا")

// linking words can stand between a denial and what is denied: "I don't want to talk to an agent".
var linking = set("t", "want", "need", "to", "talk", "speak", "with", "a", "an", "the", "any", "another", "your", "like", "require",
	"quiero", "necesito", "hablar", "con", "un", "una", "el", "la", "ningun", "veux", "besoin", "de", "d", "une", "parler", "avec", "le", "pas",
	"mit", "einem", "einer", "einen", "voglio", "bisogno", "di", "parlare", "quero", "preciso", "falar", "com", "um", "uma", "wil", "een", "أريد", "مع")

// wanting are verbs that a refusal at the beginning does deny: "no quiero".
var wanting = set("quiero", "necesito", "voglio", "quero", "preciso", "أريد")

// denied says whether the words right before text[:end] deny what comes there. Both are folded.
func denied(text string, end int, language string) bool {
	words := strings.Fields(text[:end])
	deny := negations[base(language)]
	verb := false
	for i, w := range slices.Backward(words) {
		switch {
		case deny[w]:
			return i > 0 || verb || !refusals[w]
		case !linking[w]:
			return false
		}
		verb = verb || wanting[w]
	}
	return false
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// base is a language without its region: en of en-US.
func base(language string) string {
	b, _, _ := strings.Cut(language, "-")
	return strings.ToLower(b)
}

// clip is the first most characters of text, cut at a word and marked where something is left out.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	if most <= 1 {
		return ""
	}
	cut := string(runes[:most-1])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.") + "…"
}
