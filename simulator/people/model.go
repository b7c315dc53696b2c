package people

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ModelPath is under which [ForeignVoice] has a language model that speaks OpenAI's chat completions, for bots that think with one: it knows opening
// hours, hands over whoever wants to cancel, and streams garbage to who says that it is broken.
const ModelPath = "/model/v1"

// model answers POST /chat/completions (https://platform.openai.com/docs/api-reference/chat).
func model(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Stream   bool `json:"stream"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&asked); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	said := ""
	for _, m := range asked.Messages {
		if m.Role == "user" {
			said = strings.ToLower(string(m.Content))
		}
	}
	if !asked.Stream { // a summary
		w.Header().Set("Content-Type", "application/json")
		text, _ := json.Marshal(`{"reason":"wants to cancel","summary":"` + modelSummary + `","sentiment":"neutral","language":"en-US"}`) // a string always marshals
		_, _ = fmt.Fprintf(w, `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%s}}]}`, text)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	switch {
	case strings.Contains(said, "broken"):
		_, _ = io.WriteString(w, "data: {\"choices\": [[[\n\n")
	case strings.Contains(said, "cancel"): // twice, as models do
		chunk(w, `{"role":"assistant","tool_calls":[`+call(0, "hand_off", `{\"reason\":\"wants to cancel\"}`)+`,`+call(1, "hand_off", `{\"reason\":\"wants to cancel\"}`)+`]}`, `"tool_calls"`)
	case strings.Contains(said, "that is all"):
		chunk(w, `{"role":"assistant","content":"Thank you for calling. Goodbye."}`, `null`)
		chunk(w, `{"tool_calls":[`+call(0, "end_call", `{}`)+`]}`, `"tool_calls"`)
	default:
		chunk(w, `{"role":"assistant","content":"We are open from nine "}`, `null`)
		chunk(w, `{"content":"to five. Is there anything else?"}`, `"stop"`)
	}
}

// modelSummary is what the model tells of every talk.
const modelSummary = "The caller wants to cancel, and knows when the shop is open."

func call(n int, name, arguments string) string {
	return fmt.Sprintf(`{"index":%d,"id":"call_%d","type":"function","function":{"name":%q,"arguments":"%s"}}`, n, n, name, arguments)
}

func chunk(w io.Writer, delta, finish string) {
	_, _ = fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
	if finish != "null" {
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}
}
