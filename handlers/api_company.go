package handlers

import (
	"context"
	"net/http"
	"regexp"

	"holdfast/call"
)

// AddParticipant answers POST /v1/calls/{call}/participants.
func (a *api) AddParticipant(ctx context.Context, r AddParticipantRequestObject) (AddParticipantResponseObject, error) {
	target, err := targetOf(r.Body.Target, keyIn(ctx))
	if err != nil {
		return nil, err
	}
	return a.act(ctx, action{name: "participants", event: func(c *asking, q call.Request) (call.Event, error) {
		return call.JoinRequested{Request: q, Target: target}, c.inside()
	}}, r.Call, r.Params.IdempotencyKey)
}

var labelPattern = regexp.MustCompile(`^[a-z]+-[0-9]+$`)

// WithdrawInvitation answers POST /v1/calls/{call}/invitations/{invitation}/withdraw.
func (a *api) WithdrawInvitation(ctx context.Context, r WithdrawInvitationRequestObject) (WithdrawInvitationResponseObject, error) {
	if len(r.Invitation) > 64 || !labelPattern.MatchString(r.Invitation) {
		return nil, badRequest("an invitation is named by its label, such as external-2")
	}
	return a.act(ctx, action{name: "withdraw", ref: r.Invitation, event: func(c *asking, q call.Request) (call.Event, error) {
		if err := c.inside(); err != nil {
			return nil, err
		}
		label := call.Label(r.Invitation)
		invitation := c.live.invitation(label)
		if !c.key.isAgent() {
			return call.WithdrawRequested{Request: q, Invitation: label}, nil
		}
		if invitation == nil || invitation.Supervision.Private {
			return nil, problem(http.StatusNotFound, codeInvitationNotFound, "the call has no such invitation")
		}
		if invitation.By.Role != RoleAgent {
			return nil, problem(http.StatusForbidden, codeForbidden, "agents withdraw what agents asked for alone")
		}
		if t := c.live.openTransfer(); t != nil && t.Invitation == label {
			if err := c.ownTransfer(); err != nil {
				return nil, err
			}
		}
		return call.WithdrawRequested{Request: q, Invitation: label}, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// StartTransfer answers POST /v1/calls/{call}/transfers.
func (a *api) StartTransfer(ctx context.Context, r StartTransferRequestObject) (StartTransferResponseObject, error) {
	if !r.Body.Mode.Valid() {
		return nil, badRequest("mode %q is neither cold nor warm", r.Body.Mode)
	}
	target, err := targetOf(r.Body.Target, keyIn(ctx))
	if err != nil {
		return nil, err
	}
	return a.act(ctx, action{name: "transfers", event: func(c *asking, q call.Request) (call.Event, error) {
		if err := c.inside(); err != nil {
			return nil, err
		}
		from := c.handsOn()
		if r.Body.From != nil {
			from = *r.Body.From
		}
		leg, err := c.resolve(from)
		if err != nil {
			return nil, err
		}
		if c.key.isAgent() && leg.AgentSID != c.key.Agent {
			return nil, problem(http.StatusForbidden, codeNotYourLeg, "this leg is not yours: agents hand on their own part alone")
		}
		if target.Agent != "" && string(target.Agent) == leg.AgentSID {
			return nil, badTarget("target.agent_sid has the call already")
		}
		return call.TransferRequested{
			Request: q, Mode: call.TransferMode(r.Body.Mode), Target: target, From: call.SID(leg.CallSID),
		}, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// ofTransfer is an action on the transfer that is under way.
func ofTransfer(name string, event func(q call.Request) call.Event) action {
	return action{name: "transfers/" + name, event: func(c *asking, q call.Request) (call.Event, error) {
		return event(q), c.ownTransfer()
	}}
}

// SwapTransfer answers POST /v1/calls/{call}/transfers/current/swap.
func (a *api) SwapTransfer(ctx context.Context, r SwapTransferRequestObject) (SwapTransferResponseObject, error) {
	return a.act(ctx, ofTransfer("swap", func(q call.Request) call.Event { return call.SwapRequested{Request: q} }), r.Call, r.Params.IdempotencyKey)
}

// MergeTransfer answers POST /v1/calls/{call}/transfers/current/merge.
func (a *api) MergeTransfer(ctx context.Context, r MergeTransferRequestObject) (MergeTransferResponseObject, error) {
	return a.act(ctx, ofTransfer("merge", func(q call.Request) call.Event { return call.MergeRequested{Request: q} }), r.Call, r.Params.IdempotencyKey)
}

// CompleteTransfer answers POST /v1/calls/{call}/transfers/current/complete.
func (a *api) CompleteTransfer(ctx context.Context, r CompleteTransferRequestObject) (CompleteTransferResponseObject, error) {
	return a.act(ctx, ofTransfer("complete", func(q call.Request) call.Event { return call.TransferCompleteRequested{Request: q} }),
		r.Call, r.Params.IdempotencyKey)
}

// CancelTransfer answers POST /v1/calls/{call}/transfers/current/cancel.
func (a *api) CancelTransfer(ctx context.Context, r CancelTransferRequestObject) (CancelTransferResponseObject, error) {
	return a.act(ctx, ofTransfer("cancel", func(q call.Request) call.Event { return call.TransferCancelRequested{Request: q} }),
		r.Call, r.Params.IdempotencyKey)
}

// RejoinCall answers POST /v1/calls/{call}/rejoin.
func (a *api) RejoinCall(ctx context.Context, r RejoinCallRequestObject) (RejoinCallResponseObject, error) {
	var address string
	if r.Body != nil && r.Body.Address != nil {
		address = *r.Body.Address
		if err := checkAddress(address, true); err != nil {
			return nil, err
		}
	}
	return a.act(ctx, action{name: "rejoin", event: func(c *asking, q call.Request) (call.Event, error) {
		if c.key.Agent == "" {
			return nil, problem(http.StatusForbidden, codeForbidden, "this key belongs to no agent, so it cannot come back as one")
		}
		if err := c.tookPart(); err != nil {
			return nil, err
		}
		event := call.RejoinRequested{Request: q, Address: address}
		if address == "" {
			event.Address = c.knownAddress()
		}
		if event.Address == "" {
			return nil, badAddress("the call knows no address of yours: say where you are to be rung")
		}
		return event, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// knownAddress is where the key's agent was rung last in this call; "" if he never was.
func (a *asking) knownAddress() string {
	address := ""
	for _, r := range a.live.Reservations {
		if string(r.Agent) == a.key.Agent && r.Address != "" {
			address = r.Address
		}
	}
	for _, leg := range a.legs {
		if leg.AgentSID == a.key.Agent && leg.Role == string(call.RoleAgent) && leg.Address != "" {
			address = leg.Address
		}
	}
	return address
}
