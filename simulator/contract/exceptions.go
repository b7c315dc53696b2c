package contract

import "strings"

// nameAllowed says where the documents give a variable of a path the pattern of a SID, and Twilio takes a name too.
func nameAllowed(pattern, variable string) bool {
	switch {
	// A participant's label, and a conference's name: https://www.twilio.com/docs/voice/api/conference-participant-resource
	case strings.Contains(pattern, "/Participants"):
		return variable == "CallSid" || variable == "ConferenceSid"
	default:
		return false
	}
}

// forgive changes what the documents forbid in one place and describe in another.
func forgive(pattern string, body any) {
	object, _ := body.(map[string]any)
	if object == nil || !strings.Contains(pattern, "/Conferences") {
		return
	}
	conferences := []any{object}
	if list, ok := object["conferences"].([]any); ok {
		conferences = list
	}
	for _, c := range conferences {
		// By its description there is none while the conference lives; by its enumeration there always is.
		if c, ok := c.(map[string]any); ok && c["reason_conference_ended"] == nil {
			if _, there := c["reason_conference_ended"]; there {
				c["reason_conference_ended"] = "last-participant-left"
			}
		}
	}
}
