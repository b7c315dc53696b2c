package handlers

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"holdfast/call"
)

// attributes are a task's or an agent's attributes: a JSON object that anybody in the contact centre may write to, so that nothing in
// it has a certain type.
type attributes map[string]any

// attributesIn reads a parameter that should hold a JSON object. ok is false if it holds something else; absent or empty is an
// empty object.
func attributesIn(params url.Values, name string) (a attributes, ok bool) {
	text := strings.TrimSpace(params.Get(name))
	if text == "" {
		return nil, true
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil || a == nil {
		return nil, false
	}
	return a, true
}

// text is the string at a path, "" if there is none.
func (a attributes) text(path ...string) string {
	var v any = map[string]any(a)
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = object[name]
	}
	if s, ok := v.(string); ok {
		return s
	}
	return ""
}

// plausibleID is what may become a call's ID: Twilio's SIDs and IDs of ours. Anything else in the attributes is somebody's mistake.
var plausibleID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)

// call is the ID of the call that a task belongs to, "" if its attributes do not say. Our own attribute goes before the one that
// <Enqueue> writes, for calls that go out.
func (a attributes) call() call.ID {
	for _, name := range []string{attributeCallID, "call_sid"} {
		if id := a.text(name); plausibleID.MatchString(id) {
			return call.ID(id)
		}
	}
	return ""
}

// Attributes that our own tasks carry: whose call it is, and, of a task that was made to find somebody, for which invitation, what for, who asked, and the
// name of the conference that he is to come into.
const (
	attributeCallID        = "holdfast_call_id"
	attributeInvitation    = "holdfast_invitation"
	attributePurpose       = "holdfast_purpose"
	attributeTransferredBy = "holdfast_transferred_by"
	attributeRoom          = "holdfast_room"
)

// invitation is whom a task was made to find, "" if it was made for nobody.
func (a attributes) invitation() call.Label { return labelIn(a.text(attributeInvitation)) }

// labels are what calls give: a role and a number.
var labels = regexp.MustCompile(`^[a-z]{1,32}-[0-9]{1,9}$`)

// labelIn is the label that a text is, "" if it is none.
func labelIn(text string) call.Label {
	if !labels.MatchString(text) {
		return ""
	}
	return call.Label(text)
}

// whenSent is TaskRouter's own time of an event: TimestampMs where it is sent, else Timestamp, which is seconds since 1970 in some
// products and a date in others.
func whenSent(params url.Values) time.Time {
	if ms, err := strconv.ParseInt(params.Get("TimestampMs"), 10, 64); err == nil && ms > 0 {
		return time.UnixMilli(ms).UTC()
	}
	text := params.Get("Timestamp")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		if n >= 1e12 {
			return time.UnixMilli(n).UTC()
		}
		return time.Unix(n, 0).UTC()
	}
	for _, layout := range []string{time.RFC3339Nano, time.RFC1123Z, time.RFC1123} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
