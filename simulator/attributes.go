package simulator

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxAttributes is Twilio's limit for a task's or an agent's attributes, in characters, white space and what TaskRouter adds included.
const maxAttributes = 4096

// parseAttributes checks attributes: a JSON object within the limit; "" means {}.
func parseAttributes(text string) (string, map[string]any, *apiError) {
	if strings.TrimSpace(text) == "" {
		text = "{}"
	}
	if utf8.RuneCountInString(text) > maxAttributes {
		return "", nil, errInvalid("Attributes are longer than %d characters", maxAttributes)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return "", nil, errInvalid("Attributes must be a JSON object")
	}
	return text, object, nil
}

// formatAttributes renders attributes that TaskRouter made or added to. Go sorts the names, Twilio promises no order.
func formatAttributes(object map[string]any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil { // cannot happen: it came from JSON
		return "{}"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// enqueueAttributes merges a call's parameters, in snake_case, with the JSON of its <Task>, which wins.
func enqueueAttributes(call url.Values, taskJSON string) (string, map[string]any, *apiError) {
	merged := map[string]any{}
	for name := range call {
		merged[snakeCase(name)] = call.Get(name)
	}
	if strings.TrimSpace(taskJSON) != "" {
		_, own, bad := parseAttributes(taskJSON)
		if bad != nil {
			return "", nil, bad
		}
		maps.Copy(merged, own)
	}
	return parseAttributes(formatAttributes(merged))
}

// snakeCase turns CallSid into call_sid.
func snakeCase(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
