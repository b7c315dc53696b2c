package bot

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Reasons of handoffs that a rule asks for.
const (
	reasonWish    = "the caller asked for a person"
	reasonAngry   = "the caller is upset"
	reasonLong    = "the conversation took long"
	reasonPromise = "the bot promised a person"
	reasonBroken  = "the bot could not go on"
)

// Who asked for a handoff.
const (
	byCaller = "caller"
	byRule   = "rule"
	byModel  = "model"
)

// rule says whether what the caller just said takes him to a person without asking the brain. After nobody could be had, only his wish does.
func (d *Dialogue) rule(s Settings, folded string, now time.Time) *HandOff {
	switch {
	case s.Handoff.Off:
		return nil
	case s.wished(folded, d.Language):
		return &HandOff{Reason: reasonWish, By: byCaller}
	case d.Returned > 0:
		return nil
	case s.Handoff.Sentiment && d.Mood <= angry:
		return &HandOff{Reason: reasonAngry, By: byRule}
	case s.Handoff.After > 0 && now.Sub(d.StartedAt) >= s.Handoff.After.Duration():
		return &HandOff{Reason: reasonLong, By: byRule}
	}
	return nil
}

// wished says whether a caller's folded words ask for a person.
func (s Settings) wished(folded, language string) bool {
	if folded == "" {
		return false
	}
	asks := func(phrase string) bool {
		i := indexPhrase(folded, phrase)
		return i >= 0 && !denied(folded, i, language)
	}
	if s.Handoff.Words != nil {
		return slices.ContainsFunc(s.Handoff.Words, func(w string) bool { return asks(fold(w)) })
	}
	seen := map[string]bool{}
	for _, l := range append([]string{language, s.first()}, s.Languages...) {
		if seen[base(l)] {
			continue
		}
		seen[base(l)] = true
		if words, _ := wordsOf(l); slices.ContainsFunc(words.wishes, asks) {
			return true
		}
	}
	return false
}

// afterwards says whether what the brain made of the turn takes the caller to a person.
func (d *Dialogue) afterwards(s Settings, intent string) *HandOff {
	if s.Handoff.Off || d.Returned > 0 {
		return nil
	}
	if n := s.Handoff.FailedTurns; n > 0 && d.Failed >= n {
		return &HandOff{Reason: fmt.Sprintf("the bot did not understand the caller %s", times(d.Failed)), By: byRule}
	}
	if intent != "" {
		for _, t := range s.Handoff.Topics {
			if fold(t) == fold(intent) {
				return &HandOff{Reason: "the caller asked about " + strings.NewReplacer("-", " ", "_", " ").Replace(t), By: byRule}
			}
		}
	}
	return nil
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	default:
		return fmt.Sprintf("%d times", n)
	}
}
