package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

// botWithin is how long whoever asks waits for what becomes of a bot: it takes a few requests to Twilio.
const botWithin = 10 * time.Second

// botAsks is how often a bot is asked whose workflow ended in the same moment.
const botAsks = 3

// StartBot starts a bot. One that runs is left alone, and one of whose lines does not work is tried again.
//
// Errors: ErrNotFound if there is no such bot; ErrUnavailable if the engine was not reached, so that nothing happened; ErrUnverified if the bot was asked
// and what becomes of it is not known within ten seconds: its state tells.
func (c *Client) StartBot(ctx context.Context, id string) (BotResult, error) {
	return c.askBot(ctx, id, botStart)
}

// StopBot stops a bot. One that does not run is left so. Errors as for StartBot.
func (c *Client) StopBot(ctx context.Context, id string) (BotResult, error) {
	return c.askBot(ctx, id, botStop)
}

// RestartBot has a bot run with what it is set to now, and starts one that does not run. Errors as for StartBot.
func (c *Client) RestartBot(ctx context.Context, id string) (BotResult, error) {
	return c.askBot(ctx, id, botRestart)
}

// BotChanged tells a bot that it, or a connection of its, was changed or deleted: its lines are looked at at once. One that does not run is not told, which is
// no error.
func (c *Client) BotChanged(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, signalWithin)
	defer cancel()
	err := engineError(ctx, c.engine.SignalWorkflow(ctx, BotWorkflowID(id), "", SignalBotChanged, nil))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (c *Client) askBot(ctx context.Context, id, do string) (BotResult, error) {
	for tries := 1; ; tries++ {
		result, err := c.askBotOnce(ctx, id, do)
		if errors.Is(err, ErrNotFound) && tries < botAsks {
			continue // it ended before it could answer: the next one begins
		}
		if err == nil && result.Gone {
			return BotResult{}, fmt.Errorf("no such bot: %w", ErrNotFound)
		}
		return result, err
	}
}

func (c *Client) askBotOnce(ctx context.Context, id, do string) (BotResult, error) {
	accept, cancel := context.WithTimeout(ctx, acceptWithin+acceptGrace)
	defer cancel()
	start := c.engine.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: BotWorkflowID(id), TaskQueue: TaskQueue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, Bot, BotProgress{Bot: id, Watch: c.botWatch})
	handle, err := c.engine.UpdateWithStartWorkflow(accept, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: UpdateBot, Args: []any{BotAsk{Do: do}}, WaitForStage: client.WorkflowUpdateStageAccepted,
		},
	})
	if err != nil {
		return BotResult{}, requestError(accept, err)
	}
	outcome, cancel := context.WithTimeout(ctx, botWithin)
	defer cancel()
	var result BotResult
	if err := handle.Get(outcome, &result); err != nil {
		if err = requestError(outcome, err); errors.Is(err, ErrUnavailable) {
			return BotResult{}, ErrUnverified
		}
		return BotResult{}, err
	}
	return result, nil
}
