package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"
)

// Names of the tools that a model may have.
const (
	toolHandOff  = "hand_off"
	toolEnd      = "end_call"
	toolTransfer = "transfer"
	toolLanguage = "speak_language"
	toolLost     = "not_understood"
	toolLookup   = "lookup_" // and the lookup's name
)

// tools are those that the settings allow.
func tools(s Settings) []openai.ChatCompletionToolUnionParam {
	all := []openai.ChatCompletionToolUnionParam{tool(toolEnd, "End the call, after the caller has what he wanted and said goodbye. Say goodbye first.", nil, nil)}
	if !s.Handoff.Off {
		all = append(all, tool(toolHandOff, "Hand the caller to a person: when he asks for one, when you cannot help, or when the topic is for people. Do not announce it: that is done for you.",
			map[string]any{
				"reason":    property("a short phrase: why the caller needs a person"),
				"summary":   property("one paragraph for that person: what the caller wants and what is known already"),
				"sentiment": choiceOf("how the caller feels", Positive, Neutral, Negative),
			}, []string{"reason"}))
	}
	if len(s.Transfers) > 0 {
		var names []string
		var what strings.Builder
		what.WriteString("Send the caller elsewhere; this ends your part. Do not announce it. To:")
		for _, t := range s.Transfers {
			names = append(names, t.Name)
			fmt.Fprintf(&what, " %s (%s).", t.Name, t.Description)
		}
		all = append(all, tool(toolTransfer, what.String(), map[string]any{"to": choiceOf("where", names...)}, []string{"to"}))
	}
	if len(s.Languages) > 1 {
		all = append(all, tool(toolLanguage, "Speak another language from now on, because the caller does. Then go on in it.",
			map[string]any{"language": choiceOf("which", s.Languages...)}, []string{"language"}))
	}
	if s.Handoff.FailedTurns > 0 {
		all = append(all, tool(toolLost, "Call this besides asking the caller to repeat, whenever you did not understand what he said or wants.", nil, nil))
	}
	for _, l := range s.Lookups {
		parameters := map[string]any{}
		for _, p := range l.Parameters {
			parameters[p] = property(strings.ReplaceAll(p, "_", " "))
		}
		all = append(all, tool(toolLookup+l.Name, l.Description, parameters, l.Parameters))
	}
	return all
}

func tool(name, description string, parameters map[string]any, required []string) openai.ChatCompletionToolUnionParam {
	if parameters == nil {
		parameters = map[string]any{}
	}
	schema := shared.FunctionParameters{"type": "object", "properties": parameters}
	if len(required) > 0 {
		schema["required"] = required
	}
	f := shared.FunctionDefinitionParam{Name: name, Parameters: schema}
	if description != "" {
		f.Description = openai.String(description)
	}
	return openai.ChatCompletionFunctionTool(f)
}

func property(description string) map[string]any {
	return map[string]any{"type": "string", "description": description}
}

func choiceOf(description string, values ...string) map[string]any {
	return map[string]any{"type": "string", "description": description, "enum": values}
}

// final does what ends the model's turn, once, whatever else it called.
func (t *modelTurn) final(calls []*toolCall) bool {
	for _, c := range calls {
		arguments := c.values()
		switch {
		case c.name == toolHandOff && !t.settings.Handoff.Off:
			t.emit(Piece{HandOff: &HandOff{Reason: arguments["reason"], Summary: arguments["summary"], Sentiment: sentiment(arguments["sentiment"], t.d.Sentiment), By: byModel}})
			return true
		case c.name == toolEnd:
			t.emit(Piece{End: true})
			return true
		case c.name == toolTransfer:
			if target, ok := t.settings.target(arguments["to"]); ok {
				t.emit(Piece{Transfer: target.Name})
				return true
			}
		}
	}
	return false
}

// lost notes that the model did not understand the caller; only says that it called nothing else.
func (t *modelTurn) lost(calls []*toolCall) (only bool) {
	only = true
	for _, c := range calls {
		if c.name != toolLost {
			only = false
		} else if !t.failed {
			t.failed = true
			t.emit(Piece{Failed: true})
		}
	}
	return only
}

// values are a call's arguments that are texts; none if they are garbage.
func (c *toolCall) values() map[string]string {
	var raw map[string]any
	values := map[string]string{}
	if json.Unmarshal([]byte(c.arguments.String()), &raw) != nil {
		return values
	}
	for name, v := range raw {
		switch v := v.(type) {
		case string:
			values[name] = v
		case float64, bool:
			values[name] = fmt.Sprint(v)
		}
	}
	return values
}

// work does the calls that the model goes on after, and tells it what came of them.
func (t *modelTurn) work(ctx context.Context, calls []*toolCall) {
	var made []openai.ChatCompletionMessageToolCallUnionParam
	var results []openai.ChatCompletionMessageParamUnion
	for i, c := range calls {
		if c.id == "" {
			c.id = fmt.Sprintf("call_%d", i)
		}
		arguments := c.arguments.String()
		if !json.Valid([]byte(arguments)) {
			arguments = "{}" // some endpoints refuse to read back what their model wrote
		}
		made = append(made, openai.ChatCompletionMessageToolCallUnionParam{OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
			ID: c.id, Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: c.name, Arguments: arguments},
		}})
		results = append(results, openai.ToolMessage(t.result(ctx, c), c.id))
	}
	t.params.Messages = append(t.params.Messages, openai.ChatCompletionMessageParamUnion{OfAssistant: &openai.ChatCompletionAssistantMessageParam{ToolCalls: made}})
	t.params.Messages = append(t.params.Messages, results...)
}

func (t *modelTurn) result(ctx context.Context, c *toolCall) string {
	arguments := c.values()
	if name, ok := strings.CutPrefix(c.name, toolLookup); ok {
		if i := slices.IndexFunc(t.settings.Lookups, func(l Lookup) bool { return l.Name == name }); i >= 0 {
			return t.look(ctx, t.settings.Lookups[i], arguments)
		}
	}
	switch c.name {
	case toolLanguage:
		if l, ok := t.settings.speaks(arguments["language"]); ok {
			t.emit(Piece{Language: l})
			return "Go on in " + l + "."
		}
		return "That language is not spoken here."
	case toolLost:
		return "Noted. Now ask the caller to repeat."
	case toolTransfer:
		return "There is no such place to send callers to."
	default:
		return "There is no such tool. Answer the caller in words."
	}
}

func (t *modelTurn) look(ctx context.Context, l Lookup, arguments map[string]string) string {
	if t.lookedUp++; t.lookedUp > lookupsMost {
		return "That was looked up too often. Answer with what you know."
	}
	body, err := t.lookups.Ask(ctx, l, arguments)
	if err != nil {
		if status, ok := errors.AsType[*LookupStatusError](err); ok && status.Status == 404 {
			return "Nothing was found."
		}
		if errors.Is(err, ErrLookupParameter) {
			return "A parameter is missing or wrong: ask the caller for it."
		}
		return "The lookup failed. Tell the caller that you cannot see it right now."
	}
	if found := flatten(l.Name, body); len(found) > 0 {
		t.emit(Piece{Remember: maps.Clone(found)})
	}
	return clip(Mask(body), toolTextMost)
}
