package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"holdfast/call"
)

// Errors of [Client], for errors.Is.
var (
	// ErrEnded says that the call's workflow has ended: nothing can reach the call any more.
	ErrEnded = errors.New("the call has ended")
	// ErrNotFound says that the engine knows no such call: it never began, or ended so long ago that it is forgotten. It is an ErrEnded.
	ErrNotFound = fmt.Errorf("no such call is known: %w", ErrEnded)
	// ErrUnavailable says that the engine, or a worker for the call, could not be reached in time, and that nothing happened.
	ErrUnavailable = errors.New("the engine is unavailable")
	// ErrUnverified says that a request was accepted, and that its outcome is not known yet. It will be on the timeline.
	ErrUnverified = errors.New("accepted, and not verified yet")
)

// Limits of a [Client]'s patience.
const (
	// acceptWithin is how long a request may take to reach the call.
	acceptWithin = 3 * time.Second
	// acceptGrace is how much longer the answer to it is waited for: past acceptWithin the call itself refuses.
	acceptGrace = time.Second
	// signalWithin is how long the engine may take to write a signal down.
	signalWithin = 3 * time.Second
)

// Client reaches calls through the engine. Its methods return within seconds whatever state the engine is in.
type Client struct {
	engine     client.Client
	now        func() time.Time
	engineTime engineTime
	botWatch   time.Duration
}

// Option changes a [Client].
type Option func(*Client)

// WithBotWatch sets how often the lines of bots are looked at that are started by this client. Default [DefaultBotWatch].
func WithBotWatch(every time.Duration) Option {
	return func(c *Client) { c.botWatch = every }
}

// NewClient wraps a connection to the engine, which stays the caller's to close.
func NewClient(engine client.Client, options ...Option) *Client {
	c := &Client{engine: engine, now: time.Now, botWatch: DefaultBotWatch}
	for _, o := range options {
		o(c)
	}
	return c
}

// StartOrSignal delivers webhooks of which one may begin a call, and starts its workflow if there is none. A call that has ended is never
// woken: ErrEnded.
func (c *Client) StartOrSignal(ctx context.Context, id call.ID, settings call.Settings, batch Batch) error {
	ctx, cancel := context.WithTimeout(ctx, signalWithin)
	defer cancel()
	options := client.StartWorkflowOptions{
		ID:                                       CallWorkflowID(id),
		TaskQueue:                                TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
	_, err := c.engine.SignalWithStartWorkflow(ctx, options.ID, SignalEvents, batch, options, Call, Start(id, settings))
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return ErrEnded
	}
	return engineError(ctx, err)
}

// Signal delivers webhooks to a call that has begun. ErrEnded if it has ended, ErrNotFound if it never began.
func (c *Client) Signal(ctx context.Context, id call.ID, batch Batch) error {
	return c.signal(ctx, id, SignalEvents, batch)
}

// ReadBack has a call read back once. Errors as for Signal.
func (c *Client) ReadBack(ctx context.Context, id call.ID) error {
	return c.signal(ctx, id, SignalReadBack, nil)
}

func (c *Client) signal(ctx context.Context, id call.ID, name string, payload any) error {
	ctx, cancel := context.WithTimeout(ctx, signalWithin)
	defer cancel()
	return c.known(ctx, id, engineError(ctx, c.engine.SignalWorkflow(ctx, CallWorkflowID(id), "", name, payload)))
}

// known tells a call that has ended from one that never was: the engine says "not found" of both.
func (c *Client) known(ctx context.Context, id call.ID, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	switch _, lookErr := c.engine.DescribeWorkflowExecution(ctx, CallWorkflowID(id), ""); {
	case lookErr == nil:
		return ErrEnded
	case errors.Is(engineError(ctx, lookErr), ErrNotFound):
		return ErrNotFound
	default:
		return engineError(ctx, lookErr)
	}
}

// Request asks a call for an action, and waits up to wait for its outcome. actionID is the Update's ID and must be the event's own
// [call.Request].Action: asked again with the same, the same outcome comes back, and nothing happens twice.
//
// Errors: a *[call.NotAllowed] if the action is impossible now; ErrEnded, ErrNotFound; ErrUnavailable if the call was not reached within
// three seconds, so that nothing happened; ErrUnverified if it was accepted and its outcome is not known within wait. An action that
// was accepted and failed is a Result with its reason, not an error.
func (c *Client) Request(ctx context.Context, id call.ID, actionID string, event call.Event, wait time.Duration) (Result, error) {
	if action, ok := actionOf(event); !ok || action == "" || action != actionID {
		return Result{}, fmt.Errorf("workflows: %T does not ask for the action %q", event, actionID)
	}
	deadline := c.now().Add(acceptWithin)
	accept, cancel := context.WithTimeout(ctx, acceptWithin+acceptGrace)
	defer cancel()
	outcome, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ask := Ask{Event: call.Envelope{Event: event}}
	for tries := 1; ; tries++ {
		ask.Until = c.engineTime.moment(deadline, c.now())
		result, err := c.ask(ctx, accept, outcome, id, actionID, ask)
		now := c.now()
		at, late := toldTime(err, now)
		if !late {
			return result, err
		}
		c.engineTime.learn(at, now)
		if tries == asks || !now.Before(deadline) {
			return Result{}, ErrUnavailable
		}
	}
}

// asks is how often a request is sent: to learn the engine's time, by it, and once more should what was known of it have been wrong.
const asks = 3

// ask sends a request once. The contexts bound how long it may take to be accepted, and until its outcome is known.
func (c *Client) ask(ctx, accept, outcome context.Context, id call.ID, actionID string, ask Ask) (Result, error) {
	var handle client.WorkflowUpdateHandle
	err := whenReady(accept, func() (err error) {
		handle, err = c.engine.UpdateWorkflow(accept, client.UpdateWorkflowOptions{
			WorkflowID:   CallWorkflowID(id),
			UpdateID:     actionID,
			UpdateName:   UpdateRequest,
			Args:         []any{ask},
			WaitForStage: client.WorkflowUpdateStageAccepted,
		})
		return err
	})
	if err != nil {
		return Result{}, c.known(accept, id, requestError(accept, err))
	}
	var result Result
	if err := whenReady(outcome, func() error { return handle.Get(outcome, &result) }); err != nil { // of one that was refused it comes at once
		err = requestError(outcome, err)
		if errors.Is(err, ErrUnavailable) {
			return Result{Action: actionID, Status: call.ActionOpen}, ErrUnverified
		}
		return Result{}, c.known(ctx, id, err)
	}
	return result, nil
}

// readyAfter is how long the engine takes, as a rule, to do a task again that came to nothing.
const readyAfter = 20 * time.Millisecond

// whenReady repeats what the engine could not answer because the call's task came to nothing, as one does that would have ended the call when the
// next webhook was there already: the task is done again, and answers then.
func whenReady(ctx context.Context, do func() error) error {
	for {
		err := do()
		if _, again := errors.AsType[*serviceerror.WorkflowNotReady](err); !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(readyAfter):
		}
	}
}

// State asks a call for its state. It needs a worker, and works for calls that have ended as long as the engine remembers them.
func (c *Client) State(ctx context.Context, id call.ID) (call.State, error) {
	ctx, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	value, err := c.engine.QueryWorkflow(ctx, CallWorkflowID(id), "", QueryState)
	if err != nil {
		return call.State{}, engineError(ctx, err)
	}
	var s call.State
	if err := value.Get(&s); err != nil {
		return call.State{}, fmt.Errorf("workflows: the state of %s: %w", id, err)
	}
	return s, nil
}

// requestError tells why a request was refused.
func requestError(ctx context.Context, err error) error {
	var refused *temporal.ApplicationError
	if !errors.As(err, &refused) {
		return engineError(ctx, err)
	}
	switch refused.Type() {
	case errorNotAllowed:
		var why call.NotAllowed
		if err := refused.Details(&why); err != nil {
			why.Message = refused.Message()
		}
		return &why
	case errorExpired:
		return err // it says what time it is
	case "AcceptedUpdateCompletedWorkflow": // the engine's own, of a workflow that was terminated meanwhile
		return ErrUnverified
	default:
		return fmt.Errorf("workflows: request: %w", err)
	}
}

// engineError sorts the engine's errors into ours; nil of nil.
func engineError(ctx context.Context, err error) error {
	var (
		notFound  *serviceerror.NotFound
		away      *serviceerror.Unavailable
		late      *serviceerror.DeadlineExceeded
		canceled  *serviceerror.Canceled
		exhausted *serviceerror.ResourceExhausted
		update    *client.WorkflowUpdateServiceTimeoutOrCanceledError
		notReady  *serviceerror.WorkflowNotReady // its task failed, as one does that would end a workflow while a signal comes in
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &notFound):
		return ErrNotFound
	case ctx.Err() != nil, errors.As(err, &away), errors.As(err, &late), errors.As(err, &canceled), errors.As(err, &exhausted),
		errors.As(err, &update), errors.As(err, &notReady), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return fmt.Errorf("workflows: %w", err)
	}
}
