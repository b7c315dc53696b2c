package activities

import (
	"context"
	"encoding/json"
	"errors"

	"holdfast/bot"
	"holdfast/store"
)

// What bots' workflows know of the store's words.
type (
	// BotState is where a bot's life is.
	BotState = store.BotState
	// BotLogLine is what happened to a bot's line, for people.
	BotLogLine = store.BotLogLine
)

// Bot states.
const (
	BotStopped  = store.BotStopped
	BotStarting = store.BotStarting
	BotRunning  = store.BotRunning
	BotStopping = store.BotStopping
	BotError    = store.BotError
)

// BotPlan is what a bot is to run with.
type BotPlan struct {
	Gone  bool       `json:"gone,omitempty"` // there is no such bot
	Name  string     `json:"name,omitempty"`
	Lines []TendLine `json:"lines,omitempty"`
	// Problem says why the bot cannot run whatever its lines are, in words that lead to the fix.
	Problem string `json:"problem,omitempty"`
}

// PlanBot reads what a bot is to run with. It changes nothing.
func (a *Activities) PlanBot(ctx context.Context, id string) (BotPlan, error) {
	row, err := a.Bots.Bot(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return BotPlan{Gone: true}, nil
	}
	if err != nil {
		return BotPlan{}, err
	}
	plan := BotPlan{Name: row.Name}
	var settings bot.Settings
	if err := json.Unmarshal(row.Settings, &settings); err != nil {
		plan.Problem = "the bot's settings cannot be read by this version: " + shorten(err.Error())
	}
	for _, c := range row.Connections {
		plan.Lines = append(plan.Lines, TendLine{Bot: id, Connection: c.Connection, Inbound: c.Inbound})
	}
	if len(plan.Lines) == 0 {
		plan.Problem = "no connection is attached: attach one, and start the bot again"
	}
	return plan, nil
}

// RunBot has a bot run with what it is set to now.
func (a *Activities) RunBot(ctx context.Context, id string) error {
	row, err := a.Bots.Bot(ctx, id)
	if err != nil {
		return botGone(err)
	}
	running := store.RunningBot{Name: row.Name, Settings: row.Settings}
	for _, c := range row.Connections {
		line, err := a.Bots.Connection(ctx, c.Connection)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case line.Kind != kindWorkspace:
			running.Connections = append(running.Connections, store.RunningLine{
				BotConnection: c, Name: line.Name, AccountSID: line.AccountSID, PhoneNumber: line.PhoneNumber, Voice: line.Voice, SpeechModel: line.SpeechModel,
			})
		}
	}
	return botGone(a.Bots.SetBotRunning(ctx, id, &running, row.Revision))
}

// StopBot has a bot answer no more calls: what its callers get then is set.
func (a *Activities) StopBot(ctx context.Context, id string) error {
	return botGone(a.Bots.SetBotRunning(ctx, id, nil, 0))
}

// botGone takes it as done that there is no such bot any more.
func botGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// BotNote is what is written down of a bot's life.
type BotNote struct {
	Bot     string       `json:"bot"`
	State   BotState     `json:"state"`
	Problem string       `json:"problem,omitempty"`
	Log     []BotLogLine `json:"log,omitempty"`
}

// NoteBot adds to a bot's log, and writes down where its life is: whoever sees that finds the why.
func (a *Activities) NoteBot(ctx context.Context, n BotNote) error {
	if err := a.Bots.LogBot(ctx, n.Log...); err != nil {
		return err
	}
	return botGone(a.Bots.SetBotState(ctx, n.Bot, n.State, n.Problem))
}
