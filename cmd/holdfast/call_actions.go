package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"holdfast/handlers"
)

// callActions are what one can do with a live call; each is a request to the API.
type callActions struct {
	Hold     callHoldCmd     `cmd:"" help:"Put a leg on hold."`
	Unhold   callUnholdCmd   `cmd:"" help:"Take a leg off hold."`
	Mute     callMuteCmd     `cmd:"" help:"Mute a leg."`
	Unmute   callUnmuteCmd   `cmd:"" help:"Unmute a leg."`
	Leave    callLeaveCmd    `cmd:"" help:"Take one leg out of a call."`
	End      callEndCmd      `cmd:"" help:"End a call for everybody."`
	WrapUp   callWrapUpCmd   `cmd:"" help:"Say that the work after a call is done."`
	Join     callJoinCmd     `cmd:"" help:"Bring somebody in besides those who are there."`
	Withdraw callWithdrawCmd `cmd:"" help:"Leave somebody alone again who was asked for and is not there yet."`
	Transfer callTransferCmd `cmd:"" help:"Hand a call on."`
	Swap     callSwapCmd     `cmd:"" help:"In a consultation, change who is on hold: the customer or the target."`
	Merge    callMergeCmd    `cmd:"" help:"In a consultation, have all three talk."`
	Complete callCompleteCmd `cmd:"" help:"Leave the call to the target of a transfer."`
	Cancel   callCancelCmd   `cmd:"" help:"Call the target of a transfer off."`
	Rejoin   callRejoinCmd   `cmd:"" help:"Come back to a call that one fell out of."`

	Handoff callHandoffCmd `cmd:"" help:"Hand a caller whom a bot has to a person."`

	Supervise callSuperviseCmd `cmd:"" help:"Listen to a call, coach its agent, or speak in it."`
	Mode      callModeCmd      `cmd:"" help:"Change what a supervisor's leg does, in place."`
	TakeOver  callTakeOverCmd  `cmd:"" help:"Take a call over from its agents."`
	Help      callHelpCmd      `cmd:"" help:"Say that one wants a supervisor."`
	Helped    callHelpedCmd    `cmd:"" help:"Say that an agent wants no supervisor any more."`
}

// onCall is what every action has.
type onCall struct {
	output
	IdempotencyKey string `placeholder:"KEY" help:"The same key with the same action has one effect. A new one for each command, without it."`
	Call           string `arg:"" help:"The call's ID."`
}

// act asks for an action and says what came of it.
func (c *onCall) act(ctx context.Context, api *callCmd, action string, body any) error {
	key := c.IdempotencyKey
	if key == "" {
		key = "cli-" + rand.Text()
	}
	var call handlers.Call
	raw, status, err := api.send(ctx, http.MethodPost, "/v1/calls/"+url.PathEscape(c.Call)+"/"+action, body, &call, "Idempotency-Key", key)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	if status == http.StatusAccepted {
		_, err = fmt.Fprintf(os.Stdout, "accepted, and not verified yet: see holdfast call show %s\n", call.ID)
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "done: the call is %s\n", call.State)
	return err
}

func (c *onCall) onLeg(ctx context.Context, api *callCmd, leg, action string, body any) error {
	return c.act(ctx, api, "legs/"+url.PathEscape(leg)+"/"+action, body)
}

type callHoldCmd struct {
	onCall
	Leg   string `arg:"" default:"customer" help:"A CallSid, a label, or customer, agent, me (${default})."`
	Music string `placeholder:"URL" help:"What is played: the address of a sound file or of TwiML. What is set for all, without it."`
}

// Run holds.
func (c *callHoldCmd) Run(ctx context.Context, api *callCmd) error {
	if c.Music == "" {
		return c.onLeg(ctx, api, c.Leg, "hold", nil)
	}
	return c.onLeg(ctx, api, c.Leg, "hold", handlers.HoldBody{MusicURL: &c.Music})
}

type callUnholdCmd struct {
	onCall
	Leg string `arg:"" default:"customer" help:"A CallSid, a label, or customer, agent, me (${default})."`
}

// Run unholds.
func (c *callUnholdCmd) Run(ctx context.Context, api *callCmd) error {
	return c.onLeg(ctx, api, c.Leg, "unhold", nil)
}

type callMuteCmd struct {
	onCall
	Leg string `arg:"" default:"me" help:"A CallSid, a label, or customer, agent, me (${default})."`
}

// Run mutes.
func (c *callMuteCmd) Run(ctx context.Context, api *callCmd) error {
	return c.onLeg(ctx, api, c.Leg, "mute", nil)
}

type callUnmuteCmd struct {
	onCall
	Leg string `arg:"" default:"me" help:"A CallSid, a label, or customer, agent, me (${default})."`
}

// Run unmutes.
func (c *callUnmuteCmd) Run(ctx context.Context, api *callCmd) error {
	return c.onLeg(ctx, api, c.Leg, "unmute", nil)
}

type callLeaveCmd struct {
	onCall
	Leg string `arg:"" default:"me" help:"A CallSid, a label, or agent, me (${default})."`
}

// Run takes a leg out.
func (c *callLeaveCmd) Run(ctx context.Context, api *callCmd) error {
	return c.onLeg(ctx, api, c.Leg, "leave", nil)
}

type callEndCmd struct{ onCall }

// Run ends.
func (c *callEndCmd) Run(ctx context.Context, api *callCmd) error { return c.act(ctx, api, "end", nil) }

type callWrapUpCmd struct{ onCall }

// Run completes a wrap-up.
func (c *callWrapUpCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "wrap-up/complete", nil)
}

// aim says whom a call is to be brought to.
type aim struct {
	Agent      string `xor:"aim" placeholder:"WK…" help:"An agent, found by a task."`
	Queue      string `xor:"aim" placeholder:"WQ…" help:"Whoever TaskRouter finds in this queue."`
	Number     string `xor:"aim" placeholder:"+…" help:"An outside number or SIP address, dialled."`
	Supervisor string `xor:"aim" placeholder:"ADDRESS" help:"A supervisor, dialled at his address."`
	Name       string `help:"The target's name, for people."`
}

func (a *aim) target() (handlers.Target, error) {
	t := handlers.Target{}
	switch {
	case a.Agent != "":
		t.Kind, t.AgentSID = "agent", &a.Agent
	case a.Queue != "":
		t.Kind, t.QueueSID = "queue", &a.Queue
	case a.Number != "":
		t.Kind, t.Address = "number", &a.Number
	case a.Supervisor != "":
		t.Kind, t.Address = "supervisor", &a.Supervisor
	default:
		return t, errors.New("say whom: --agent, --queue, --number or --supervisor")
	}
	if a.Name != "" {
		t.Name = &a.Name
	}
	return t, nil
}

type callJoinCmd struct {
	onCall
	aim
}

// Run brings somebody in.
func (c *callJoinCmd) Run(ctx context.Context, api *callCmd) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	return c.act(ctx, api, "participants", handlers.JoinBody{Target: target})
}

type callWithdrawCmd struct {
	onCall
	Label string `arg:"" help:"The invitation's label, such as external-2."`
}

// Run withdraws.
func (c *callWithdrawCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "invitations/"+url.PathEscape(c.Label)+"/withdraw", nil)
}

type callTransferCmd struct {
	onCall
	aim
	Warm bool   `help:"Talk with the target first; without it, leave at once."`
	From string `placeholder:"LEG" help:"The leg that hands on. One's own, or that of the agent who has the call."`
}

// Run hands a call on.
func (c *callTransferCmd) Run(ctx context.Context, api *callCmd) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	body := handlers.TransferBody{Mode: handlers.TransferCold, Target: target, From: given(c.From)}
	if c.Warm {
		body.Mode = handlers.TransferWarm
	}
	return c.act(ctx, api, "transfers", body)
}

type callSwapCmd struct{ onCall }

// Run swaps.
func (c *callSwapCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "transfers/current/swap", nil)
}

type callMergeCmd struct{ onCall }

// Run merges.
func (c *callMergeCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "transfers/current/merge", nil)
}

type callCompleteCmd struct{ onCall }

// Run completes.
func (c *callCompleteCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "transfers/current/complete", nil)
}

type callCancelCmd struct{ onCall }

// Run cancels.
func (c *callCancelCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "transfers/current/cancel", nil)
}

type callRejoinCmd struct {
	onCall
	Address string `help:"Where one is rung. Where one was, without it."`
}

// Run comes back.
func (c *callRejoinCmd) Run(ctx context.Context, api *callCmd) error {
	if c.Address == "" {
		return c.act(ctx, api, "rejoin", nil)
	}
	return c.act(ctx, api, "rejoin", handlers.RejoinBody{Address: &c.Address})
}

// given is an option; nil where it was not given.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
