package bot

import (
	"regexp"
	"strings"
)

// What stands in a text for what must not be kept.
const (
	cardMark  = "[card number]"
	keyedMark = "(keyed)"
)

// A payment card's number has so many digits.
const (
	shortestCard = 13
	longestCard  = 19
)

// numberWords are the digits as people say them; speech recognition writes either.
var numberWords = func() map[string]byte {
	m := map[string]byte{}
	for _, language := range [][10]string{
		{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
		{"cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"},
		{"zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"},
		{"null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"},
		{"zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"},
		{"zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"},
		{"nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"},
		{"صفر", "واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة"},
	} {
		for i, w := range language {
			m[fold(w)] = byte('0' + i)
		}
	}
	m["oh"] = '0'
	return m
}()

var (
	wordRun  = regexp.MustCompile(`[\p{L}\p{N}]+`)
	allDigit = regexp.MustCompile(`^[0-9]+$`)
)

// digitRun is a piece of text that says digits, one after the other.
type digitRun struct {
	from, to int    // in the text
	digits   string // what they say
	ends     []int  // how many digits each of its words ends with
	plus     bool   // a telephone number
}

// digitRuns finds them: digits and words for digits, with nothing but blanks, hyphens, dots and commas between.
func digitRuns(text string) []digitRun {
	var runs []digitRun
	var open *digitRun
	last := 0
	for _, at := range wordRun.FindAllStringIndex(text, -1) {
		word := text[at[0]:at[1]]
		digits := word
		if !allDigit.MatchString(word) {
			d, ok := numberWords[fold(word)]
			if !ok {
				open = nil
				continue
			}
			digits = string(d)
		}
		if open == nil || strings.Trim(text[last:at[0]], " -.,/") != "" || at[0]-last > 4 {
			runs = append(runs, digitRun{from: at[0], plus: at[0] > 0 && text[at[0]-1] == '+'})
			open = &runs[len(runs)-1]
		}
		open.to, last = at[1], at[1]
		open.digits += digits
		open.ends = append(open.ends, len(open.digits))
	}
	return runs
}

// hasCard says whether some of the run's words together are a card's number.
func (r digitRun) hasCard() bool {
	if r.plus || len(r.digits) < shortestCard {
		return false
	}
	from := 0
	for i := range r.ends {
		for _, to := range r.ends[i:] {
			if n := to - from; n >= shortestCard && n <= longestCard && luhn(r.digits[from:to]) {
				return true
			}
		}
		from = r.ends[i]
	}
	return false
}

// Mask puts a mark in place of what can be a payment card's number, said or written, with all the digits that follow in the same breath.
func Mask(text string) string {
	return replaceRuns(text, cardMark, digitRun.hasCard)
}

// fewestHidden are the digits that make keyed ones worth hiding: one or two are somebody's choice, and stand in every opening hour.
const fewestHidden = 3

// hideKeys puts mark in place of the digits that a caller keyed, wherever somebody repeats them.
func hideKeys(text, keyed, mark string) string {
	keyed = onlyDigits(keyed)
	if len(keyed) < fewestHidden {
		return text
	}
	return replaceRuns(text, mark, func(r digitRun) bool { return strings.Contains(r.digits, keyed) })
}

func replaceRuns(text, mark string, found func(digitRun) bool) string {
	var b strings.Builder
	last := 0
	for _, run := range digitRuns(text) {
		if found(run) {
			b.WriteString(text[last:run.from])
			b.WriteString(mark)
			last = run.to
		}
	}
	if last == 0 {
		return text
	}
	b.WriteString(text[last:])
	return b.String()
}

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// luhn says whether the last digit is the check digit that every payment card's number ends in.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
