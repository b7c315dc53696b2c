package handlers

import (
	"net/url"
	"strconv"
	"strings"
)

// spokenWords are what a caller said, of a <Gather>. They are taken out of a webhook before its parameters are cleaned, and go to the bot's dialogue
// alone, which keeps no card's number.
type spokenWords struct {
	final      string  // SpeechResult
	confidence float64 // 0: Twilio did not say
	stable     string  // of a partial result: what will not change any more
	unstable   string  // and what still may
}

// wordsIn reads https://www.twilio.com/docs/voice/twiml/gather.
func wordsIn(params url.Values) spokenWords {
	words := spokenWords{
		final: params.Get("SpeechResult"), stable: params.Get("StableSpeechResult"), unstable: params.Get("UnstableSpeechResult"),
	}
	if n, err := strconv.ParseFloat(params.Get("Confidence"), 64); err == nil && n > 0 && n <= 1 {
		words.confidence = n
	}
	return words
}

// soFar is all that a partial result heard. What is unstable goes on where the stable part ends, or repeats it: engines differ.
func (s spokenWords) soFar() string {
	stable, unstable := strings.TrimSpace(s.stable), strings.TrimSpace(s.unstable)
	switch {
	case stable == "" || strings.HasPrefix(strings.ToLower(unstable), strings.ToLower(stable)):
		return unstable
	case unstable == "":
		return stable
	default:
		return stable + " " + unstable
	}
}
