package bot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// How long what a person is told may be, in characters.
const (
	reasonMost  = 200
	summaryMost = 1500
	quoteMost   = 200
)

// Fill completes a wish to hand over with what is known by rule, and takes out what must not be kept.
func (d Dialogue) Fill(h HandOff, now time.Time) HandOff {
	h.Reason = clip(Mask(strings.TrimSpace(anySpace.ReplaceAllString(h.Reason, " "))), reasonMost)
	if h.Reason == "" {
		h.Reason = d.reason()
	}
	h.Summary = clip(Mask(strings.TrimSpace(h.Summary)), summaryMost)
	if h.Summary == "" {
		h.Summary = SummaryByRule(d)
	}
	h.Sentiment = sentiment(h.Sentiment, d.Sentiment)
	if !isLanguage(h.Language) {
		h.Language = d.Language
	}
	if h.Language == "" {
		h.Language = defaultLanguage
	}
	if h.At.IsZero() {
		h.At = now
	}
	if h.By == "" {
		h.By = byRule
	}
	return h
}

// sentiment is the first of them that is one.
func sentiment(choices ...string) string {
	for _, c := range choices {
		switch c = strings.ToLower(strings.TrimSpace(c)); c {
		case Positive, Neutral, Negative:
			return c
		}
	}
	return Neutral
}

func (d Dialogue) reason() string {
	if d.Intent != "" {
		return clip("the caller asked about "+strings.NewReplacer("-", " ", "_", " ").Replace(d.Intent), reasonMost)
	}
	return "the bot could not help the caller"
}

// SummaryByRule tells in one paragraph what was talked about, where no brain does. What people said is in their own language, the rest in English.
func SummaryByRule(d Dialogue) string {
	var parts []string
	if len(d.Messages) > 0 {
		took := d.Messages[len(d.Messages)-1].At.Sub(d.StartedAt).Round(time.Second)
		parts = append(parts, fmt.Sprintf("The caller spoke with the bot for %s (turns: %d).", max(took, time.Second), d.Turn))
	}
	if d.Intent != "" {
		parts = append(parts, "Topic: "+d.Intent+".")
	}
	if len(d.Selections) > 0 {
		parts = append(parts, "Selected: "+strings.Join(d.Selections, ", ")+".")
	}
	if known := d.known(); known != "" {
		parts = append(parts, "Known: "+known+".")
	}
	if d.Failed > 0 {
		parts = append(parts, "Not understood "+times(d.Failed)+" in a row.")
	}
	if quotes := d.quotes(); len(quotes) > 0 {
		parts = append(parts, "Caller: "+strings.Join(quotes, " "))
	}
	if len(parts) == 0 {
		return "The caller said nothing to the bot."
	}
	return clip(strings.Join(parts, " "), summaryMost)
}

// known are the slots that say something to people.
func (d Dialogue) known() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(d.Slots)) {
		if value := d.Slots[name]; value != keyedMark && !strings.HasPrefix(name, "_") {
			all = append(all, strings.ReplaceAll(name, "_", " ")+" "+value)
		}
	}
	return clip(strings.Join(all, ", "), 2*quoteMost)
}

// quotes are the caller's first words and his last three.
func (d Dialogue) quotes() []string {
	var said []string
	for _, m := range d.Messages {
		if m.Speaker == SpeakerCaller && !strings.HasPrefix(m.Text, "(") {
			said = append(said, "“"+clip(m.Text, quoteMost)+"”")
		}
	}
	if len(said) > 4 {
		said = append(append(said[:1:1], "…"), said[len(said)-3:]...)
	}
	return said
}
