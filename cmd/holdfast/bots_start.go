package main

import (
	"context"
	"errors"
	"time"

	"holdfast/store"
	"holdfast/workflows"
)

// startBots has every bot that somebody started live on after a start of ours: one whose life the engine has is left alone, and one that the engine lost
// begins it anew. It goes on until each has been asked, however long the engine is away.
func (a *app) startBots(ctx context.Context) error {
	var left []store.BotRow
	for pause := time.Duration(0); ; {
		started, err := a.store.StartedBots(ctx)
		if err == nil {
			left = started
			break
		}
		if pause == 0 && ctx.Err() == nil {
			a.log.Warn("bots cannot be read; it is tried again", "error", err)
		}
		if pause = longer(ctx, pause); ctx.Err() != nil {
			return nil
		}
	}
	for pause := time.Duration(0); len(left) > 0; {
		row := left[0]
		left = left[1:]
		if row.State == store.BotStopping {
			continue // it is on its way out
		}
		_, err := a.calls.StartBot(ctx, row.ID)
		if err == nil || errors.Is(err, workflows.ErrNotFound) || errors.Is(err, workflows.ErrUnverified) {
			pause = 0
			continue
		}
		left = append(left, row)
		if pause == 0 && ctx.Err() == nil {
			a.log.Warn("a bot's life cannot be looked after; it is tried again", "bot", row.ID, "error", err)
		}
		if pause = longer(ctx, pause); ctx.Err() != nil {
			return nil
		}
	}
	return nil
}
