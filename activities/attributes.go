package activities

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast/call"
)

// Attributes that our own tasks carry.
const (
	attributeCallID        = "holdfast_call_id"
	attributeInvitation    = "holdfast_invitation"
	attributePurpose       = "holdfast_purpose"
	attributeTransferredBy = "holdfast_transferred_by"
	attributeRoom          = "holdfast_room" // the conference's name
	attributeConversations = "conversations"
	conversationID         = "conversation_id"
)

// longestAttributes is less than the 4,096 characters that TaskRouter takes, by what it adds itself: the agent's leg, and the conference.
// https://www.twilio.com/docs/taskrouter/limits
const longestAttributes = 4096 - 256

// attributesFor are the attributes of a further task of a call: those of the first one, so that history and context travel with the call, without what belongs
// to its agent alone; what ties both together; and what makes reports count them as one conversation
// (https://www.twilio.com/docs/flex/developer/insights/enhance-integration). dropped names those that there was no room for, largest first.
func attributesFor(c call.CreateTask, first string) (text string, dropped []string, err error) {
	all := map[string]json.RawMessage{}
	if json.Unmarshal([]byte(first), &all) != nil || all == nil {
		all = map[string]json.RawMessage{} // anybody may write into attributes
	}
	delete(all, "conference")
	delete(all, "worker_call_sid")
	conversations := map[string]json.RawMessage{}
	if json.Unmarshal(all[attributeConversations], &conversations) != nil || conversations == nil {
		conversations = map[string]json.RawMessage{}
	}
	if id := conversations[conversationID]; !isText(id) {
		conversations[conversationID] = rawText(string(c.Original))
	}
	if all[attributeConversations], err = compact(conversations); err != nil {
		return "", nil, err
	}
	for name, own := range map[string]string{
		attributeCallID: string(c.Call), attributeInvitation: string(c.Label), attributePurpose: string(c.Purpose), attributeTransferredBy: c.By,
		attributeRoom: string(c.Original),
	} {
		if delete(all, name); own != "" {
			all[name] = rawText(own)
		}
	}
	for {
		whole, err := compact(all)
		if err != nil {
			return "", nil, fmt.Errorf("task attributes: %w", err)
		}
		if utf8.RuneCount(whole) <= longestAttributes {
			return string(whole), dropped, nil
		}
		largest, ok := largestOfOthers(all)
		if !ok { // only what somebody else writes about the conversation is left
			all[attributeConversations], _ = compact(map[string]json.RawMessage{conversationID: conversations[conversationID]})
			if dropped = append(dropped, attributeConversations); len(dropped) > 1 && dropped[len(dropped)-2] == attributeConversations {
				return "", nil, refused(0, "the task's attributes are too long")
			}
			continue
		}
		delete(all, largest)
		dropped = append(dropped, largest)
	}
}

// largestOfOthers is the longest attribute that is not ours, the first by name of equal ones.
func largestOfOthers(all map[string]json.RawMessage) (name string, ok bool) {
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(n, "holdfast_") || n == attributeConversations {
			continue
		}
		if !ok || len(all[n]) > len(all[name]) {
			name, ok = n, true
		}
	}
	return name, ok
}

func isText(raw json.RawMessage) bool {
	var s string
	return json.Unmarshal(raw, &s) == nil && s != ""
}

func rawText(s string) json.RawMessage {
	b, _ := json.Marshal(s) //nolint:errchkjson // a string
	return b
}

// compact writes an object with its keys in order, and its text as it is: escapes for HTML would cost five characters each.
func compact(object map[string]json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// quoted is a text of an expression of TaskRouter. https://www.twilio.com/docs/taskrouter/expression-syntax
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
