package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// BotModel is where bots, and what they said, are kept. [store.Store] is one.
type BotModel interface {
	AccountModel
	Bot(ctx context.Context, id string) (store.BotRow, error)
	Session(ctx context.Context, id string) (store.SessionRow, error)
	SessionByCall(ctx context.Context, call string) (store.SessionRow, error)
	BeginHandoff(ctx context.Context, id, by string, handoff json.RawMessage) (store.SessionRow, error)
	TellHandoff(ctx context.Context, id, by string, dialogue json.RawMessage, messages []store.SessionMessage) error
	CancelHandoff(ctx context.Context, id string) (store.SessionRow, error)
	NoteSummary(ctx context.Context, id, summary string) error
	NoteSessionCall(ctx context.Context, id, callSID, answeredBy string) (store.SessionRow, error)
	SetBotState(ctx context.Context, id string, state store.BotState, problem string) error
	SetBotRunning(ctx context.Context, id string, running *store.RunningBot, revision int64) error
	LogBot(ctx context.Context, lines ...store.BotLogLine) error
}

// Lines are what bots' lines need besides Twilio and the store.
type Lines struct {
	// VoiceURL is where Twilio asks what to do with a call to a connection's number, and FallbackURL where it asks should that fail; "" is nowhere.
	VoiceURL, FallbackURL func(connection string) string
	// StatusURL is where Twilio tells of the end of such calls.
	StatusURL string
	// AnswerURL is where Twilio asks what to do with a call that a bot placed, once it is answered; ProgressURL is where it tells of it.
	AnswerURL   func(session string) string
	ProgressURL func(call.ID) string

	// Queue is how callers wait who are handed over on a line, by its number; false: nobody takes calls there.
	Queue func(line string) (LineQueue, bool)
	// QueuedURL is asked when a caller who was handed over leaves the queue, and WaitURL is what he waits to; "" for Twilio's music.
	QueuedURL func(id call.ID, session string, turn int, h call.Handoff) string
	WaitURL   func(id call.ID) string

	// Summarise has a bot's brain say what was talked about; nil means that a rule does.
	Summarise func(ctx context.Context, bot string, settings bot.Settings, d bot.Dialogue) (bot.HandOff, error)
	// SummaryWithin is how long the brain may take for it. Default 15 s.
	SummaryWithin time.Duration
}

// LineQueue is what puts a caller into a queue.
type LineQueue struct {
	RoutingWorkflow string // WW…
	Priority        int
	TimeoutSeconds  int // 0: Twilio's default
	Attributes      map[string]any
}

// talk is a session with what its bot is set to.
type talk struct {
	row      store.SessionRow
	settings bot.Settings
	voice    string
	dialogue bot.Dialogue
}

// talk reads a session as its webhooks do: with the settings that its bot runs with, or else those that are set.
func (a *Activities) talk(ctx context.Context, session string) (c talk, err error) {
	if c.row, err = a.Bots.Session(ctx, session); err != nil {
		return c, err
	}
	if len(c.row.Dialogue) > 0 {
		if err := json.Unmarshal(c.row.Dialogue, &c.dialogue); err != nil {
			return c, fmt.Errorf("session %s: %w", session, err)
		}
	}
	row, err := a.Bots.Bot(ctx, c.row.Bot)
	if err != nil {
		return c, err
	}
	settings := row.Settings
	if len(row.Running) > 0 {
		var running store.RunningBot
		if err := json.Unmarshal(row.Running, &running); err != nil {
			return c, fmt.Errorf("bot %s: %w", row.ID, err)
		}
		settings = running.Settings
	}
	if err := json.Unmarshal(settings, &c.settings); err != nil {
		return c, fmt.Errorf("bot %s: %w", row.ID, err)
	}
	c.settings = c.settings.WithDefaults()
	if line, ok := row.Line(c.row.Connection); ok {
		c.voice = line.Voice
	}
	return c, nil
}

// handOff is a handoff as the bots' room has it.
func handOff(h call.Handoff) bot.HandOff {
	return bot.HandOff{Reason: h.Reason, Summary: h.Summary, Sentiment: h.Sentiment, Language: h.Language, At: h.At, By: h.By}
}
