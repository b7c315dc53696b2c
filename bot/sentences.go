package bot

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// abbreviations end in a full stop that ends no sentence.
var abbreviations = set("mr", "mrs", "ms", "dr", "prof", "st", "no", "nr", "approx", "vs", "e.g", "i.e", "sr", "sra", "bzw", "z.b", "ca", "usw", "etc", "jr")

// sentenceEnd is where the first sentence of text ends, with the blanks behind it; 0 if it is not complete. At the end of a text that goes on
// nobody can tell whether a full stop is one: last says that nothing follows.
func sentenceEnd(text string, last bool) int {
	for i, r := range text {
		end := i + utf8.RuneLen(r)
		switch r {
		case '。', '！', '？', '\n':
			return end
		case '.', '!', '?', '…', '؟':
		default:
			continue
		}
		rest := text[end:]
		closing := len(rest) - len(strings.TrimLeft(rest, `"'”’»)`))
		rest, end = rest[closing:], end+closing
		next, size := utf8.DecodeRuneInString(rest)
		switch {
		case rest == "":
			if last {
				return end
			}
			return 0
		case !unicode.IsSpace(next), r == '.' && abbreviated(text[:i]):
			continue
		}
		return end + size
	}
	return 0
}

// abbreviated says whether the word that text ends in is written with a full stop: an abbreviation, an initial, or a list's number.
func abbreviated(text string) bool {
	word := text[strings.LastIndexAny(text, " \n\t")+1:]
	if abbreviations[strings.ToLower(word)] {
		return true
	}
	return utf8.RuneCountInString(word) == 1 && !strings.ContainsAny(word, "0123456789")
}

// sentences are text's, without the blanks around them.
func sentences(text string) []string {
	var all []string
	for {
		n := sentenceEnd(text, true)
		if n == 0 {
			n = len(text)
		}
		if s := strings.TrimSpace(text[:n]); s != "" {
			all = append(all, s)
		}
		if text = text[n:]; text == "" {
			return all
		}
	}
}

// spokenMost is how much a bot says in one go, in characters: about three minutes.
const spokenMost = 2500

var (
	written  = regexp.MustCompile("(?m)^\\s*(?:[-*•]|#{1,6})\\s+|[*`#_]{2,}|[*`]|\\[([^\\]]*)\\]\\([^)]*\\)")
	anySpace = regexp.MustCompile(`\s+`)
)

// speakable is text as a voice should get it: what models write for the eye, and what XML cannot hold, is left out.
func speakable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, text)
	if strings.ContainsAny(text, "*`#_[•-") {
		text = written.ReplaceAllString(text, "$1")
	}
	text = strings.TrimSpace(anySpace.ReplaceAllString(text, " "))
	if utf8.RuneCountInString(text) <= spokenMost {
		return text
	}
	var b strings.Builder
	for _, s := range sentences(text) {
		if utf8.RuneCountInString(b.String())+utf8.RuneCountInString(s) >= spokenMost {
			break
		}
		b.WriteString(s + " ")
	}
	if b.Len() == 0 {
		return clip(text, spokenMost)
	}
	return strings.TrimSpace(b.String())
}
