package handlers

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/bot"
	"holdfast/store"
	"holdfast/twiml"
)

// A botLine is how a session's line speaks and listens.
type botLine struct {
	voice       string // of the connection: that of the bot's first language
	speechModel string
	language    string // the bot's first
}

func lineOf(known *knownBot, line store.RunningLine) botLine {
	l := botLine{voice: line.Voice, speechModel: line.SpeechModel, language: defaultLanguage}
	if len(known.settings.Languages) > 0 {
		l.language = known.settings.Languages[0]
	}
	return l
}

const defaultLanguage = "en-US"

// speechPause is the silence that ends what a caller says, in seconds: the shortest that Twilio takes of a named model
// (https://www.twilio.com/docs/voice/twiml/gather#speechtimeout).
const speechPause = "1"

// sayAtMost keeps a <Say> below the 4,096 characters that Twilio speaks (https://www.twilio.com/docs/voice/twiml/say).
const sayAtMost = 3000

// says are the verbs for what a bot says.
func (l botLine) says(speech []bot.Speech) (says []twiml.Say) {
	for _, s := range speech {
		for _, part := range spokenParts(s.Text) {
			says = append(says, twiml.Say{Voice: l.voiceFor(s.Language), Language: s.Language, Text: part})
		}
	}
	return says
}

func verbsOf(says []twiml.Say) (r twiml.Response) {
	for _, s := range says {
		r = append(r, s)
	}
	return r
}

// spokenParts cuts what is too long for one verb, between words.
func spokenParts(text string) (parts []string) {
	text = strings.TrimSpace(text)
	for utf8.RuneCountInString(text) > sayAtMost {
		head := string([]rune(text)[:sayAtMost])
		if at := strings.LastIndexAny(head, " \n"); at > 0 {
			head = head[:at]
		}
		parts = append(parts, strings.TrimSpace(head))
		text = strings.TrimSpace(text[len(head):])
	}
	if text != "" {
		parts = append(parts, text)
	}
	return parts
}

// otherVoices speak languages that a connection's voice does not. Polly's voices have one language each
// (https://www.twilio.com/docs/voice/twiml/say/text-speech).
var otherVoices = map[string]string{
	"ar": "Polly.Zeina", "cy": "Polly.Gwyneth", "da": "Polly.Naja", "de": "Polly.Vicki", "en": "Polly.Salli", "en-GB": "Polly.Amy", "en-AU": "Polly.Nicole",
	"es": "Polly.Lupe", "es-ES": "Polly.Lucia", "fr": "Polly.Celine", "fr-CA": "Polly.Chantal", "is": "Polly.Dora", "it": "Polly.Bianca", "ja": "Polly.Mizuki",
	"ko": "Polly.Seoyeon", "nb": "Polly.Liv", "nl": "Polly.Lotte", "pl": "Polly.Ewa", "pt": "Polly.Camila", "pt-PT": "Polly.Ines", "ro": "Polly.Carmen",
	"ru": "Polly.Tatyana", "sv": "Polly.Astrid", "tr": "Polly.Filiz", "zh": "Polly.Zhiyu",
}

// voiceFor is the connection's voice, as long as the bot speaks the language that it began with; "" leaves the voice to Twilio, by the language.
func (l botLine) voiceFor(language string) string {
	if base(language) == base(l.language) {
		return l.voice
	}
	if voice, ok := otherVoices[language]; ok {
		return voice
	}
	return otherVoices[base(language)]
}

func base(language string) string {
	language, _, _ = strings.Cut(language, "-")
	return strings.ToLower(language)
}

// listens is the answer that says something and waits for what the caller says to it.
//
// What stops the bot: <Gather> stops its prompts at the first key, and, with bargeIn, at the first word; keys are not listened for where speech alone may
// interrupt; and what may not be interrupted is said before it.
func (l botLine) listens(a bot.Answer, action, partial string) twiml.Response {
	says := l.says(a.Say)
	g := twiml.Gather{
		Input: "speech dtmf", Action: action, Method: http.MethodPost, TimeoutSeconds: max(int(a.Listen.After/time.Second), 1), SpeechTimeout: speechPause,
		NumDigits: a.Listen.Digits, PartialResultCallback: partial, PartialResultCallbackMethod: http.MethodPost, Language: a.Listen.Language,
		Hints: hintsOf(a.Listen.Hints), BargeIn: new(true), ActionOnEmptyResult: true, SpeechModel: l.speechModel,
	}
	switch a.Interrupt {
	case bot.InterruptNone:
		return append(verbsOf(says), g)
	case bot.InterruptSpeech:
		g.Input = "speech"
	case bot.InterruptKeys:
		g.BargeIn = new(false)
	case bot.InterruptAny:
	}
	for _, s := range says {
		g.Prompts = append(g.Prompts, s)
	}
	return twiml.Response{g}
}

// What Twilio takes of hints (https://www.twilio.com/docs/voice/twiml/gather#hints).
const (
	hintsAtMost     = 500
	hintCharsAtMost = 100
)

// hintsOf separates words to expect by commas, and leaves out what Twilio would not take.
func hintsOf(words []string) string {
	var hints []string
	for _, word := range words {
		word = strings.TrimSpace(strings.ReplaceAll(word, ",", " "))
		if word != "" && utf8.RuneCountInString(word) <= hintCharsAtMost && !slices.Contains(hints, word) && len(hints) < hintsAtMost {
			hints = append(hints, word)
		}
	}
	return strings.Join(hints, ", ")
}
