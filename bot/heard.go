package bot

import (
	"strings"
	"time"
	"unicode/utf8"
)

// speakingRates are characters a second as synthetic voices speak. They are a bit low: what the transcript says was heard, was.
var speakingRates = map[string]float64{
	"en": 14, "es": 15, "fr": 14, "de": 13, "it": 14, "pt": 14, "nl": 13, "ar": 10, "he": 10, "hi": 11, "ja": 7, "zh": 4.5, "cmn": 4.5, "yue": 4.5, "ko": 6, "th": 11,
}

const otherRate = 13

// beforeSpeech passes between our answer and the first sound.
const beforeSpeech = 300 * time.Millisecond

// Speaking is about how long it takes to say a text.
func Speaking(text, language string) time.Duration {
	if text == "" {
		return 0
	}
	return beforeSpeech + time.Duration(float64(utf8.RuneCountInString(text))/rate(language)*float64(time.Second))
}

// Speaking is about how long it takes to say all of an answer.
func (a Answer) Speaking() time.Duration {
	var sum time.Duration
	for _, s := range a.Say {
		sum += Speaking(s.Text, s.Language)
	}
	return sum
}

func rate(language string) float64 {
	if r, ok := speakingRates[base(language)]; ok {
		return r
	}
	return otherRate
}

// Heard estimates what of a text was heard when it was stopped so long after our answer, in whole words; cut says that some of it was not.
func Heard(text string, elapsed time.Duration, language string) (heard string, cut bool) {
	most := int((elapsed - beforeSpeech).Seconds() * rate(language))
	if most >= utf8.RuneCountInString(text) {
		return text, false
	}
	if most <= 0 {
		return "", text != ""
	}
	runes := []rune(text)
	heard = string(runes[:most])
	if !unspaced(text) && runes[most] != ' ' {
		heard = heard[:max(strings.LastIndexByte(heard, ' '), 0)]
	}
	return strings.TrimRight(heard, " "), true
}

// Interrupted notes that the caller stopped the bot's last words so long after our answer. It changes nothing if all was said by then.
func (d *Dialogue) Interrupted(elapsed time.Duration) {
	first := len(d.Messages)
	for first > 0 && d.Messages[first-1].Speaker == SpeakerBot && d.Messages[first-1].At.Equal(d.Messages[len(d.Messages)-1].At) {
		first--
	}
	for i := first; i < len(d.Messages); i++ {
		m := &d.Messages[i]
		if m.Cut {
			return
		}
		heard, cut := Heard(m.Text, elapsed, m.Language)
		if cut {
			m.Heard, m.Cut = heard, true
			d.change(*m)
		}
		elapsed -= Speaking(m.Text, m.Language) - beforeSpeech
	}
}
