package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// Bounds of what is taken from a model.
const (
	roundsMost    = 4 // of asking the model in one turn, each after the tools that it called
	lookupsMost   = 4 // in one turn
	callsMost     = 8 // tools in one round
	argumentsMost = 8 << 10
	responseMost  = 2 << 20 // bytes of one response
	toolTextMost  = 8000    // characters of a lookup's answer
	summaryWithin = 15 * time.Second
)

// Errors of models, for errors.Is.
var (
	ErrModelHalf   = errors.New("the model's answer broke off")
	ErrModelRounds = errors.New("the model called tools and gave no answer")
	ErrModelKey    = errors.New("the environment variable of the model's key is not set")
	errModelBusy   = errors.New("the model could not be reached")
)

// ModelError says that the endpoint refused. It has nothing of what was asked or answered.
type ModelError struct{ Status int }

func (e *ModelError) Error() string { return fmt.Sprintf("the model's endpoint answered %d", e.Status) }

// model thinks by an endpoint that speaks OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat.
type model struct {
	chat     openai.ChatCompletionService
	settings BrainSettings
	lookups  *LookupClient
}

func newOpenAI(s BrainSettings, o Options) (Brain, error) {
	client := o.HTTP
	if client == nil {
		client = modelHTTP()
	}
	// The service, and not the library's client: that one reads keys and addresses from the environment by itself.
	options := []option.RequestOption{
		option.WithBaseURL(s.BaseURL), option.WithHTTPClient(client), option.WithMaxRetries(0), option.WithMiddleware(bounded),
	}
	if s.APIKeyEnv != "" {
		if !KeyVariable(s.APIKeyEnv) {
			return nil, fmt.Errorf("%w: a bot may not use %s", ErrModelKey, s.APIKeyEnv)
		}
		key := strings.TrimSpace(o.Getenv(s.APIKeyEnv))
		if key == "" {
			return nil, fmt.Errorf("%w: %s", ErrModelKey, s.APIKeyEnv)
		}
		options = append(options, option.WithAPIKey(key))
	}
	return &model{chat: openai.NewChatCompletionService(options...), settings: s, lookups: o.Lookups}, nil
}

// modelHTTP is one for all brains, so that a turn finds a connection open.
var modelHTTP = sync.OnceValue(func() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 100,
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // what a caller said goes nowhere else
		},
	}
})

// bounded ends responses that do not end.
func bounded(request *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	response, err := next(request)
	if response != nil && response.Body != nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, responseMost), response.Body}
	}
	return response, err
}

// Reply implements [Brain]. Sentences come as soon as they are complete.
func (m *model) Reply(ctx context.Context, s Settings, d Dialogue, in Input) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, m.settings.Within.Duration())
		defer cancel()
		t := &modelTurn{model: m, settings: s, d: d, yield: yield}
		t.params = openai.ChatCompletionNewParams{Model: m.settings.Model, Messages: prompt(s, d, in), Tools: tools(s)}
		if m.settings.Temperature != nil {
			t.params.Temperature = openai.Float(*m.settings.Temperature)
		}
		if err := t.think(ctx); err != nil && !t.left {
			yield(Piece{}, err)
		}
	}
}

// modelTurn is one thought of a model, with the tools that it calls meanwhile.
type modelTurn struct {
	*model
	settings Settings
	d        Dialogue
	params   openai.ChatCompletionNewParams
	yield    func(Piece, error) bool
	left     bool // nobody listens any more
	said     int  // characters
	lookedUp int
	failed   bool // it did not understand the caller
}

func (t *modelTurn) emit(p Piece) bool {
	if !t.left && !t.yield(p, nil) {
		t.left = true
	}
	return !t.left
}

func (t *modelTurn) think(ctx context.Context) error {
	for range roundsMost {
		calls, err := t.round(ctx)
		if errors.Is(err, errModelBusy) && t.said == 0 && ctx.Err() == nil {
			calls, err = t.round(ctx) // once more, at once: a caller waits
		}
		if t.left {
			return nil
		}
		if done := t.final(calls); done || t.left {
			return nil
		}
		if err != nil {
			return err
		}
		if only := t.lost(calls); only && (len(calls) == 0 || t.said > 0) {
			return nil
		}
		t.work(ctx, calls)
	}
	return ErrModelRounds
}

// toolCall is one that a model made.
type toolCall struct {
	id, name  string
	arguments strings.Builder
}

// round asks the model once. What it says goes out sentence by sentence; the tools that it calls come back, also where it failed after.
func (t *modelTurn) round(ctx context.Context) ([]*toolCall, error) {
	stream := t.chat.NewStreaming(ctx, t.params)
	defer func() { _ = stream.Close() }() // its error has been seen by Next, or does not matter
	var calls []*toolCall
	var rest strings.Builder
	finished := ""
	for stream.Next() {
		chunk := stream.Current()
		if len(chunk.Choices) == 0 {
			continue
		}
		choice := chunk.Choices[0]
		if rest.WriteString(choice.Delta.Content); choice.Delta.Content != "" && !t.speak(&rest, false) {
			return nil, nil
		}
		if t.said > spokenMost || rest.Len() > 4*spokenMost {
			t.speak(&rest, true)
			return calls, nil // it talks without end
		}
		for _, part := range choice.Delta.ToolCalls {
			calls = collect(calls, part)
		}
		if choice.FinishReason != "" {
			finished = choice.FinishReason
		}
	}
	switch err := stream.Err(); {
	case err != nil:
		return calls, modelError(ctx, err)
	case finished == "", finished == "content_filter":
		return calls, ErrModelHalf
	case finished == "length" && t.said > 0: // half a sentence would be left
		return calls, nil
	}
	t.speak(&rest, true)
	return calls, nil
}

// collect puts the parts of tool calls together, by their index.
func collect(calls []*toolCall, part openai.ChatCompletionChunkChoiceDeltaToolCall) []*toolCall {
	i := int(part.Index)
	if i < 0 || i >= callsMost {
		return calls
	}
	for len(calls) <= i {
		calls = append(calls, &toolCall{})
	}
	c := calls[i]
	if part.ID != "" {
		c.id = part.ID
	}
	if part.Function.Name != "" {
		c.name = part.Function.Name
	}
	if c.arguments.Len()+len(part.Function.Arguments) <= argumentsMost {
		c.arguments.WriteString(part.Function.Arguments)
	}
	return calls
}

// speak sends on what is complete of a text; at its end, all of it.
func (t *modelTurn) speak(rest *strings.Builder, last bool) bool {
	text := rest.String()
	for {
		n := sentenceEnd(text, last)
		if n == 0 && last {
			n = len(text)
		}
		if n == 0 {
			break
		}
		if sentence := speakable(text[:n]); sentence != "" {
			t.said += utf8.RuneCountInString(sentence)
			if !t.emit(Piece{Say: sentence + " "}) {
				return false
			}
		}
		text = text[n:]
	}
	rest.Reset()
	rest.WriteString(text)
	return true
}

// modelError is an error without what was asked and answered, which must not get into a log.
func modelError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the model took too long: %w", ctx.Err())
	}
	if e, ok := errors.AsType[*openai.Error](err); ok {
		if e.StatusCode >= 500 {
			return errors.Join(errModelBusy, &ModelError{Status: e.StatusCode})
		}
		return &ModelError{Status: e.StatusCode}
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: what came is no JSON", ErrModelHalf)
	}
	return errModelBusy
}

// Summarise implements [Brain].
func (m *model) Summarise(ctx context.Context, s Settings, d Dialogue) (HandOff, error) {
	ctx, cancel := context.WithTimeout(ctx, max(m.settings.Within.Duration(), summaryWithin))
	defer cancel()
	completion, err := m.chat.New(ctx, openai.ChatCompletionNewParams{Model: m.settings.Model, Messages: summaryPrompt(s, d)})
	switch {
	case err != nil:
		return HandOff{}, modelError(ctx, err)
	case len(completion.Choices) == 0:
		return HandOff{}, ErrModelHalf
	}
	text := completion.Choices[0].Message.Content
	from, to := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if from < 0 || to < from {
		return HandOff{}, fmt.Errorf("%w: no summary is in it", ErrModelHalf)
	}
	var h HandOff
	if json.Unmarshal([]byte(text[from:to+1]), &h) != nil || strings.TrimSpace(h.Summary) == "" {
		return HandOff{}, fmt.Errorf("%w: no summary is in it", ErrModelHalf)
	}
	h = HandOff{Reason: h.Reason, Summary: speakable(h.Summary), Sentiment: sentiment(h.Sentiment, d.Sentiment), Language: h.Language, By: byModel}
	return h, nil
}
