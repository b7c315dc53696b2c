package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// Back-off of the first look while the engine or the database is away. The longest is also the longest that a call waits for its look once
// they are back.
const (
	shortestLookBackOff = 100 * time.Millisecond
	longestLookBackOff  = 5 * time.Second
)

// lookAtLiveCalls has each live call read back once after a start, for something may have been missed while nobody listened. It goes on
// until every one has been told, however long the engine is away.
func (a *app) lookAtLiveCalls(ctx context.Context) error {
	var left []string
	for pause := time.Duration(0); ; {
		live, err := a.store.LiveCalls(ctx)
		if err == nil {
			left = live
			break
		}
		if pause = a.lookAgain(ctx, pause, "", err); ctx.Err() != nil {
			return nil
		}
	}
	calls := len(left)
	for pause := time.Duration(0); len(left) > 0; {
		id := left[0]
		left = left[1:]
		err := a.lookAt(ctx, call.ID(id))
		if err == nil {
			pause = 0
			continue
		}
		left = append(left, id) // the others first: one call's trouble must not be everybody's
		if pause = a.lookAgain(ctx, pause, id, err); ctx.Err() != nil {
			return nil
		}
	}
	if calls > 0 {
		a.log.Info("live calls are read back", "calls", calls)
	}
	return nil
}

// lookAgain waits for longer than the last time, and says why the first time.
func (a *app) lookAgain(ctx context.Context, last time.Duration, id string, why error) (pause time.Duration) {
	if last == 0 && ctx.Err() == nil {
		a.log.Warn("live calls cannot be read back; it is tried again", "call", id, "error", why)
	}
	return longer(ctx, last)
}

// longer waits for longer than the last time.
func longer(ctx context.Context, last time.Duration) (pause time.Duration) {
	if ctx.Err() != nil {
		return last
	}
	pause = min(max(2*last, shortestLookBackOff), longestLookBackOff)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return pause
}

// lookAt asks for one call's look. An error is one that time heals.
func (a *app) lookAt(ctx context.Context, id call.ID) error {
	err := a.calls.ReadBack(ctx, id)
	if !errors.Is(err, workflows.ErrEnded) {
		return err
	}
	row, _, readErr := a.store.Call(ctx, string(id))
	switch {
	case errors.Is(readErr, store.ErrNotFound), readErr == nil && row.State == string(call.StatusEnded):
		return nil // it ended while we came to it
	case readErr != nil:
		return readErr
	case errors.Is(err, workflows.ErrNotFound):
		return a.beginAgain(ctx, id)
	default:
		a.log.Error("a call is live in the database and its workflow is closed", "call", id)
		return nil
	}
}

// beginAgain has a call read back that the engine has lost. The wish takes the next position of the call's inbox like any event of
// Twilio's: so the deliverer, which finds no workflow for it, starts one with everything that the inbox has of the call.
func (a *app) beginAgain(ctx context.Context, id call.ID) error {
	event, err := json.Marshal(call.Envelope{Event: call.ReadBackDue{}})
	if err != nil {
		return fmt.Errorf("a read-back: %w", err)
	}
	_, _, err = a.store.Receive(ctx, store.Webhook{
		Key: "look:" + a.owner + "|" + string(id), Kind: "read-back", Subject: store.Subject{Kind: store.SubjectCall, ID: string(id)}, Event: event,
	})
	if err == nil {
		a.log.Warn("a call is live in the database and unknown to the engine; it begins again", "call", id)
	}
	return err
}
