package bot

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"time"
	"unicode/utf8"
)

// AttributesMost is how much JSON a task's attributes may be: https://www.twilio.com/docs/taskrouter/api/task says 4,096 characters.
// We count bytes, of which there are never fewer.
const AttributesMost = 4096

// ErrAttributes says that a task's other attributes leave no room for the handoff's.
var ErrAttributes = errors.New("the task's other attributes leave no room for the handoff's")

// Names of the six attributes.
const (
	attrHandedOff = "handedOff"
	attrReason    = "handoffReason"
	attrSummary   = "handoffSummary"
	attrSentiment = "handoffSentiment"
	attrLanguage  = "handoffLanguage"
	attrTimestamp = "handoffTimestamp"
)

// Attributes adds the six attributes of a handoff to those that a task has, and leaves all others as they are. Where all together would be too
// long the summary is shortened, then the reason; ErrAttributes says that even so there is no room. The handoff is complete, as
// [Dialogue.Fill] leaves it.
func Attributes(h HandOff, existing map[string]any) (map[string]any, error) {
	all := make(map[string]any, len(existing)+6)
	maps.Copy(all, existing)
	all[attrHandedOff] = true
	all[attrReason] = h.Reason
	all[attrSummary] = h.Summary
	all[attrSentiment] = sentiment(h.Sentiment)
	all[attrLanguage] = h.Language
	all[attrTimestamp] = h.At.UTC().Format(time.RFC3339)
	for _, name := range []string{attrSummary, attrReason} {
		over, err := tooLong(all)
		if err != nil || over <= 0 {
			return all, err
		}
		text, _ := all[name].(string)
		all[name] = shorten(text, over)
	}
	if over, err := tooLong(all); err != nil || over > 0 {
		return nil, errors.Join(ErrAttributes, err)
	}
	return all, nil
}

// tooLong is by how many bytes attributes are over the limit, as JSON.
func tooLong(all map[string]any) (int, error) {
	b, err := json.Marshal(all)
	if err != nil {
		return 0, fmt.Errorf("write attributes: %w", err)
	}
	return len(b) - AttributesMost, nil
}

// shorten leaves out so many bytes of a text, as JSON has it, or more.
func shorten(text string, over int) string {
	length := func(s string) int { b, _ := json.Marshal(s); return len(b) }
	want := length(text) - over
	for most := utf8.RuneCountInString(text); most > 1; most = most * 9 / 10 {
		if t := clip(text, most-1); length(t) <= want {
			return t
		}
	}
	return ""
}

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// isLanguage says whether a text has the form of a BCP-47 tag.
func isLanguage(tag string) bool { return languageTag.MatchString(tag) }

func isHandoffAttribute(name string) bool {
	switch name {
	case attrHandedOff, attrReason, attrSummary, attrSentiment, attrLanguage, attrTimestamp:
		return true
	}
	return false
}
