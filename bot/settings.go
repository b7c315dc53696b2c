package bot

import "time"

// The kinds of brains.
const (
	KindScripted = "scripted"
	KindOpenAI   = "openai"
)

// What can be done with callers whom the bot cannot take.
const (
	DoQueue   = "queue"
	DoMessage = "message"
	DoBusy    = "busy"
)

// Defaults and bounds of settings.
const (
	silenceAfter  = Seconds(5 * time.Second)
	silenceMost   = Seconds(60 * time.Second)
	brainWithin   = Seconds(8 * time.Second)
	brainMost     = Seconds(30 * time.Second)
	lookupWithin  = Seconds(4 * time.Second)
	lookupMost    = Seconds(20 * time.Second)
	openAIBaseURL = "https://api.openai.com/v1"
)

// WithDefaults are the settings as they work: what is not set is filled in. [Phrases] that are not set stay empty, since each language has its own.
func (s Settings) WithDefaults() Settings {
	if len(s.Languages) == 0 {
		s.Languages = []string{defaultLanguage}
	}
	if s.Greeting == "" {
		words, _ := wordsOf(s.first())
		s.Greeting = words.greeting
	}
	s.Brain = s.Brain.withDefaults()
	if s.Fallback != nil {
		fallback := s.Fallback.withDefaults()
		s.Fallback = &fallback
	}
	fill(&s.Silence.After, silenceAfter)
	fill(&s.Interrupt, InterruptAny)
	fill(&s.AtCap.Do, DoQueue)
	fill(&s.Offline.Do, DoQueue)
	return s
}

func (b BrainSettings) withDefaults() BrainSettings {
	fill(&b.Kind, KindScripted)
	fill(&b.Within, brainWithin)
	if b.Kind == KindOpenAI {
		fill(&b.BaseURL, openAIBaseURL)
	}
	return b
}

func (l Lookup) withDefaults() Lookup {
	fill(&l.Method, "GET")
	fill(&l.Within, lookupWithin)
	return l
}

func fill[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}

// Message is what a caller hears whom the bot cannot take: the one that is set, or the language's own.
func (s Settings) Message(a AtCap) Speech {
	return s.say(s.first(), a.Message, func(w spoken) string { return w.notAbleTo })
}
