package handlers

import (
	"context"
	"errors"
	"net/http"

	"holdfast/store"
	"holdfast/workflows"
)

// BotLife starts and stops bots. [*workflows.Client] is one, and says what its errors are. Each waits until it is done, or has failed in a way that the bot's
// row tells.
type BotLife interface {
	StartBot(ctx context.Context, id string) (workflows.BotResult, error)
	StopBot(ctx context.Context, id string) (workflows.BotResult, error)
	RestartBot(ctx context.Context, id string) (workflows.BotResult, error)
	// BotChanged tells a bot that runs to look at its connections now: a token was pasted over, or one is gone. It does not wait.
	BotChanged(ctx context.Context, id string) error
}

var _ BotLife = (*workflows.Client)(nil)

// StartBot answers POST /v1/bots/{bot}/start.
func (a *api) StartBot(ctx context.Context, r StartBotRequestObject) (StartBotResponseObject, error) {
	b, done, err := a.live(ctx, r.Bot, BotLife.StartBot, store.BotRunning, store.BotError)
	if !done {
		return StartBot202JSONResponse(b), err
	}
	return StartBot200JSONResponse(b), err
}

// StopBot answers POST /v1/bots/{bot}/stop.
func (a *api) StopBot(ctx context.Context, r StopBotRequestObject) (StopBotResponseObject, error) {
	b, done, err := a.live(ctx, r.Bot, BotLife.StopBot, store.BotStopped)
	if !done {
		return StopBot202JSONResponse(b), err
	}
	return StopBot200JSONResponse(b), err
}

// RestartBot answers POST /v1/bots/{bot}/restart.
func (a *api) RestartBot(ctx context.Context, r RestartBotRequestObject) (RestartBotResponseObject, error) {
	b, done, err := a.live(ctx, r.Bot, BotLife.RestartBot, store.BotRunning, store.BotError)
	if !done {
		return RestartBot202JSONResponse(b), err
	}
	return RestartBot200JSONResponse(b), err
}

// live asks for a step of a bot's life. done says that the bot is where it was to go.
func (a *api) live(ctx context.Context, id string, step func(BotLife, context.Context, string) (workflows.BotResult, error), goals ...store.BotState) (b Bot, done bool, err error) {
	if err := a.sets(ctx); err != nil {
		return b, false, err
	}
	if _, err := a.store.Bot(ctx, id); err != nil {
		return b, false, botError(err)
	}
	if a.bots == nil {
		return b, false, unavailable(codeEngineAway, "bots cannot be started or stopped from here", nil)
	}
	bounded, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	_, asked := step(a.bots, bounded, id)
	slow := errors.Is(asked, workflows.ErrUnverified)
	if asked != nil && !slow {
		return b, false, a.lifeError(asked)
	}
	if b, err = a.shownBot(ctx, id); err != nil {
		return b, false, err
	}
	for _, goal := range goals {
		done = done || !slow && b.State == BotState(goal)
	}
	return b, done, nil
}

func (a *api) lifeError(err error) error {
	if errors.Is(err, workflows.ErrUnavailable) {
		return unavailable(codeEngineAway, "the engine is away; nothing happened", err)
	}
	if errors.Is(err, workflows.ErrNotFound) || errors.Is(err, store.ErrNotFound) {
		return problem(http.StatusNotFound, codeBotNotFound, "there is no such bot")
	}
	return err
}

// tellBots has the bots that run with a connection look at it.
func (a *api) tellBots(ctx context.Context, connection string) error {
	bots, err := a.store.BotsOf(ctx, connection)
	for _, b := range bots {
		if err == nil {
			err = a.tellBot(ctx, b)
		}
	}
	return err
}

// tellBot has a bot that runs look at its connections. That the engine is away is no error: the bot looks by itself before long.
func (a *api) tellBot(ctx context.Context, b store.BotRow) error {
	if a.bots == nil || b.State == store.BotStopped {
		return nil
	}
	err := a.bots.BotChanged(ctx, b.ID)
	if errors.Is(err, workflows.ErrUnavailable) || errors.Is(err, workflows.ErrNotFound) {
		return nil
	}
	return err
}

// GetBotLog answers GET /v1/bots/{bot}/log.
func (a *api) GetBotLog(ctx context.Context, r GetBotLogRequestObject) (GetBotLogResponseObject, error) {
	if err := a.looks(ctx); err != nil {
		return nil, err
	}
	if _, err := a.store.Bot(ctx, r.Bot); err != nil {
		return nil, botError(err)
	}
	log, err := a.botLog(ctx, store.BotLogFilter{Bot: r.Bot}, r.Params.Limit, r.Params.Before)
	return GetBotLog200JSONResponse(log), err
}

func (a *api) botLog(ctx context.Context, f store.BotLogFilter, limit *int, before *int64) (BotLog, error) {
	log := BotLog{Lines: []BotLogLine{}}
	n, err := pageLimit(limit, botsPage, botsPageMost)
	if err != nil {
		return log, err
	}
	f.Limit = n + 1
	if before != nil {
		f.Before = *before
	}
	lines, err := a.store.BotLog(ctx, f)
	if err != nil {
		return log, err
	}
	if len(lines) > n {
		lines = lines[:n]
		log.NextBefore = lines[n-1].Number
	}
	for _, l := range lines {
		log.Lines = append(log.Lines, BotLogLine{At: l.At, Bot: l.Bot, Connection: l.Connection, Level: l.Level, Message: l.Message})
	}
	return log, nil
}
