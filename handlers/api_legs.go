package handlers

import (
	"context"
	"net/http"

	"holdfast/call"
	"holdfast/store"
)

// onLeg is an action on one leg that whoever is in the call may do to it, if agentMay lets him.
func onLeg(name, ref string, agentMay func(a *asking, leg store.LegRow) error, event func(r call.Request, leg call.SID) call.Event) action {
	return action{name: name, ref: ref, event: func(a *asking, r call.Request) (call.Event, error) {
		if err := a.inside(); err != nil {
			return nil, err
		}
		leg, err := a.resolve(ref)
		if err != nil {
			return nil, err
		}
		if a.key.isAgent() {
			if err := agentMay(a, leg); err != nil {
				return nil, err
			}
		}
		return event(r, call.SID(leg.CallSID)), nil
	}}
}

func customerOrExternal(_ *asking, leg store.LegRow) error {
	if leg.Role != string(call.RoleCustomer) && leg.Role != string(call.RoleExternal) {
		return problem(http.StatusForbidden, codeForbidden, "agents hold and unhold the customer and people outside alone")
	}
	return nil
}

func ownOrBrought(a *asking, leg store.LegRow) error {
	if leg.Role == string(call.RoleAgent) && (leg.AgentSID == a.key.Agent || a.brought(leg.CallSID)) || leg.Role == string(call.RoleExternal) {
		return nil
	}
	return problem(http.StatusForbidden, codeNotYourLeg,
		"this leg is not yours: agents mute, unmute and take out themselves, people outside, and colleagues whom they brought in")
}

// HoldLeg answers POST /v1/calls/{call}/legs/{leg}/hold.
func (a *api) HoldLeg(ctx context.Context, r HoldLegRequestObject) (HoldLegResponseObject, error) {
	music := ""
	if r.Body != nil && r.Body.MusicURL != nil {
		music = *r.Body.MusicURL
		if err := checkMusic(music); err != nil {
			return nil, err
		}
	}
	return a.act(ctx, onLeg("hold", r.Leg, customerOrExternal, func(q call.Request, leg call.SID) call.Event {
		return call.HoldRequested{Request: q, Leg: leg, Music: music}
	}), r.Call, r.Params.IdempotencyKey)
}

// UnholdLeg answers POST /v1/calls/{call}/legs/{leg}/unhold.
func (a *api) UnholdLeg(ctx context.Context, r UnholdLegRequestObject) (UnholdLegResponseObject, error) {
	return a.act(ctx, onLeg("unhold", r.Leg, customerOrExternal, func(q call.Request, leg call.SID) call.Event {
		return call.UnholdRequested{Request: q, Leg: leg}
	}), r.Call, r.Params.IdempotencyKey)
}

// MuteLeg answers POST /v1/calls/{call}/legs/{leg}/mute.
func (a *api) MuteLeg(ctx context.Context, r MuteLegRequestObject) (MuteLegResponseObject, error) {
	return a.act(ctx, onLeg("mute", r.Leg, ownOrBrought, func(q call.Request, leg call.SID) call.Event {
		return call.MuteRequested{Request: q, Leg: leg}
	}), r.Call, r.Params.IdempotencyKey)
}

// UnmuteLeg answers POST /v1/calls/{call}/legs/{leg}/unmute.
func (a *api) UnmuteLeg(ctx context.Context, r UnmuteLegRequestObject) (UnmuteLegResponseObject, error) {
	return a.act(ctx, onLeg("unmute", r.Leg, ownOrBrought, func(q call.Request, leg call.SID) call.Event {
		return call.UnmuteRequested{Request: q, Leg: leg}
	}), r.Call, r.Params.IdempotencyKey)
}

// LeaveLeg answers POST /v1/calls/{call}/legs/{leg}/leave.
func (a *api) LeaveLeg(ctx context.Context, r LeaveLegRequestObject) (LeaveLegResponseObject, error) {
	return a.act(ctx, onLeg("leave", r.Leg, ownOrBrought, func(q call.Request, leg call.SID) call.Event {
		return call.LeaveRequested{Request: q, Leg: leg}
	}), r.Call, r.Params.IdempotencyKey)
}

// EndCall answers POST /v1/calls/{call}/end.
func (a *api) EndCall(ctx context.Context, r EndCallRequestObject) (EndCallResponseObject, error) {
	return a.act(ctx, action{name: "end", event: func(c *asking, q call.Request) (call.Event, error) {
		if err := c.inside(); err != nil {
			return nil, err
		}
		return call.EndRequested{Request: q}, c.consulted()
	}}, r.Call, r.Params.IdempotencyKey)
}

// CompleteWrapUp answers POST /v1/calls/{call}/wrap-up/complete.
func (a *api) CompleteWrapUp(ctx context.Context, r CompleteWrapUpRequestObject) (CompleteWrapUpResponseObject, error) {
	return a.act(ctx, action{name: "wrap-up/complete", event: func(c *asking, q call.Request) (call.Event, error) {
		event := call.WrapupCompleteRequested{Request: q}
		if c.key.isAgent() {
			event.Agent = call.AgentSID(c.key.Agent)
		}
		return event, c.tookPart()
	}}, r.Call, r.Params.IdempotencyKey)
}
