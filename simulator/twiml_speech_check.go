package simulator

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What Twilio's debugger says of <Gather> and <Say> (https://www.twilio.com/docs/api/errors).
const (
	warnFinishOnKey   = 13310
	warnSpeechTimeout = 13327
	warnMaxSpeechTime = 13328
	warnHints         = 13330
	warnLanguage      = 13331
	warnSpeechModel   = 13334
	warnAutoDefault   = 13335
	warnVoice         = 13511
	warnSayText       = 13520
)

// gatherRules are the attributes of a <Gather>, as far as they make a difference here.
type gatherRules struct {
	dtmf, speech, bargeIn  bool
	finishOn               string
	numDigits              int
	timeout                float64 // seconds of nothing after the prompt
	silence                float64 // seconds after the last word
	maxSpeech              float64
	partial, partialMethod string
}

const (
	longestSpeech = 60  // seconds, whatever maxSpeechTime says
	mostHints     = 500 // phrases
	longestHint   = 100 // characters
)

var speechModels = []string{
	"default", "numbers_and_commands", "phone_call", "experimental_conversations", "experimental_utterances", "googlev2_long", "googlev2_short",
	"googlev2_telephony", "googlev2_telephony_short", "deepgram_nova-2", "deepgram_nova-3",
}

// languageTag is a language with its region: "en" alone is not taken.
var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?-([A-Z]{2}|[0-9]{3})$`)

// gatherRules reads the attributes, and warns of those that Twilio warns of; false: the <Gather> fails.
func (p *player) gatherRules(verb *element) (g gatherRules, ok bool) {
	g = gatherRules{finishOn: "#", numDigits: int(p.number(verb, "numDigits", 0)), timeout: p.number(verb, "timeout", 5), maxSpeech: longestSpeech}
	for in := range strings.FieldsSeq(verb.attr("input", "dtmf")) {
		switch in {
		case "dtmf":
			g.dtmf = true
		case "speech":
			g.speech = true
		default:
			p.warn(12200, "attribute input of <Gather> is not dtmf or speech")
		}
	}
	if verb.has("finishOnKey") {
		g.finishOn = verb.attrs["finishOnKey"] // empty: no key
	}
	if strings.Trim(g.finishOn, "0123456789#*") != "" {
		p.warn(warnFinishOnKey, "Gather: Invalid finishOnKey value")
	}
	for name, def := range map[string]bool{"bargeIn": true, "actionOnEmptyResult": false, "profanityFilter": true, "enhanced": false, "debug": false} {
		v := strings.ToLower(verb.attr(name, strconv.FormatBool(def)))
		if v != "true" && v != "false" {
			p.warn(12200, "attribute "+name+" of <Gather> is neither true nor false")
		}
	}
	g.bargeIn = verb.flag("bargeIn", true)
	if address := verb.attrs["partialResultCallback"]; address != "" {
		resolved, err := p.resolve(address)
		if err != nil {
			p.warn(11100, "<Gather> has no valid partialResultCallback: "+address)
		}
		g.partial, g.partialMethod = resolved, strings.ToUpper(verb.attr("partialResultCallbackMethod", http.MethodPost))
	}
	if !g.speech {
		return g, true
	}
	p.speechTimes(verb, &g)
	return g, p.recogniser(verb)
}

// speechTimes reads when speech is over.
func (p *player) speechTimes(verb *element, g *gatherRules) {
	g.silence = g.timeout
	switch v, model := verb.attrs["speechTimeout"], verb.attrs["speechModel"]; {
	case v == "":
	case v == "auto" && model == "default":
		p.warn(warnAutoDefault, "Gather: speechTimeout auto cannot be used with model default")
	case v == "auto" && model != "":
		p.warn(warnSpeechTimeout, "Gather: Invalid speechTimeout value: auto with speechModel "+model)
	case v == "auto":
		g.silence = 1 // about
	default:
		if n, err := strconv.Atoi(v); err == nil && n > 0 {
			g.silence = float64(n)
		} else {
			p.warn(warnSpeechTimeout, "Gather: Invalid speechTimeout value")
		}
	}
	if v := verb.attrs["maxSpeechTime"]; v != "" {
		if n, err := strconv.Atoi(v); err == nil && n > 0 {
			g.maxSpeech = min(float64(n), longestSpeech)
		} else {
			p.warn(warnMaxSpeechTime, "Gather: Invalid maxSpeechTime value")
		}
	}
	hints := strings.Split(verb.attrs["hints"], ",")
	if len(hints) > mostHints || slices.ContainsFunc(hints, func(h string) bool { return len([]rune(strings.TrimSpace(h))) > longestHint }) {
		p.warn(warnHints, "Gather: Invalid hints value")
	}
}

// recogniser says whether Twilio has one for the model and the language; with a wrong one the <Gather> fails.
func (p *player) recogniser(verb *element) bool {
	model := verb.attr("speechModel", "default")
	if !slices.Contains(speechModels, model) {
		p.warn(warnSpeechModel, "Gather: Invalid model value: "+model)
		return false
	}
	language := verb.attr("language", "en-US")
	if !languageTag.MatchString(language) && (language != "multi" || !strings.HasPrefix(model, "deepgram")) {
		p.warn(warnLanguage, "Gather: Invalid language value: "+language)
		return false
	}
	return true
}

// voiceName is what a <Say> may name: one of the basic voices, or one of a provider's.
var voiceName = regexp.MustCompile(`^(man|woman|alice|(Polly|Google|ElevenLabs)\.[A-Za-z0-9._-]+)$`)

// checkSay warns of a voice or language that is none; the text is said all the same, in another voice.
func (p *player) checkSay(verb *element, text string) {
	if text == "" {
		p.warn(warnSayText, "Say: Invalid text")
	}
	if v := verb.attrs["voice"]; v != "" && !voiceName.MatchString(v) {
		p.warn(warnVoice, "Say: Invalid voice value: "+v)
	}
	if l := verb.attrs["language"]; l != "" && !languageTag.MatchString(l) {
		p.warn(12200, "attribute language of <Say> is not a language with its region: "+l)
	}
}
