package handlers

import (
	"context"
	"net/http"
	"unicode/utf8"

	"holdfast/call"
)

// Supervise answers POST /v1/calls/{call}/supervision.
func (a *api) Supervise(ctx context.Context, r SuperviseRequestObject) (SuperviseResponseObject, error) {
	if err := checkMode(r.Body.Mode); err != nil {
		return nil, err
	}
	if err := checkAddress(r.Body.Address, true); err != nil {
		return nil, err
	}
	return a.act(ctx, action{name: "supervision", event: func(c *asking, q call.Request) (call.Event, error) {
		if err := c.supervises(); err != nil {
			return nil, err
		}
		coach, err := c.coach(r.Body.Coach)
		if err != nil {
			return nil, err
		}
		return call.SuperviseRequested{
			Request: q, Mode: call.SupervisionMode(r.Body.Mode), Address: r.Body.Address, Coach: coach,
			Private: r.Body.Private != nil && *r.Body.Private,
		}, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// SetSupervisionMode answers POST /v1/calls/{call}/supervision/mode.
func (a *api) SetSupervisionMode(ctx context.Context, r SetSupervisionModeRequestObject) (SetSupervisionModeResponseObject, error) {
	if err := checkMode(r.Body.Mode); err != nil {
		return nil, err
	}
	return a.act(ctx, action{name: "supervision/mode", event: func(c *asking, q call.Request) (call.Event, error) {
		leg, err := c.supervisorsLeg(r.Body.Leg)
		if err != nil {
			return nil, err
		}
		coach, err := c.coach(r.Body.Coach)
		if err != nil {
			return nil, err
		}
		return call.SupervisionModeRequested{Request: q, Leg: leg, Mode: call.SupervisionMode(r.Body.Mode), Coach: coach}, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// TakeOver answers POST /v1/calls/{call}/supervision/take-over.
func (a *api) TakeOver(ctx context.Context, r TakeOverRequestObject) (TakeOverResponseObject, error) {
	var named *string
	if r.Body != nil {
		named = r.Body.Leg
	}
	return a.act(ctx, action{name: "supervision/take-over", event: func(c *asking, q call.Request) (call.Event, error) {
		leg, err := c.supervisorsLeg(named)
		if err != nil {
			return nil, err
		}
		return call.TakeOverRequested{Request: q, Leg: leg}, nil
	}}, r.Call, r.Params.IdempotencyKey)
}

// AskForHelp answers POST /v1/calls/{call}/help.
func (a *api) AskForHelp(ctx context.Context, r AskForHelpRequestObject) (AskForHelpResponseObject, error) {
	reason := ""
	if r.Body != nil && r.Body.Reason != nil {
		reason = *r.Body.Reason
		if utf8.RuneCountInString(reason) > reasonMost {
			return nil, badRequest("reason may have %d characters", reasonMost)
		}
	}
	return a.act(ctx, action{name: "help", event: func(c *asking, q call.Request) (call.Event, error) {
		if c.key.Agent == "" {
			return nil, problem(http.StatusForbidden, codeForbidden, "this key belongs to no agent, and agents ask for help")
		}
		return call.HelpRequested{Request: q, Reason: reason}, c.inside()
	}}, r.Call, r.Params.IdempotencyKey)
}

// DismissHelp answers POST /v1/calls/{call}/help/dismiss.
func (a *api) DismissHelp(ctx context.Context, r DismissHelpRequestObject) (DismissHelpResponseObject, error) {
	var whose call.AgentSID
	if r.Body != nil && r.Body.AgentSID != nil {
		if !agentSID.MatchString(*r.Body.AgentSID) {
			return nil, badRequest("agent_sid %q is no worker SID (WK and 32 hexadecimal digits)", *r.Body.AgentSID)
		}
		whose = call.AgentSID(*r.Body.AgentSID)
	}
	return a.act(ctx, action{name: "help/dismiss", event: func(c *asking, q call.Request) (call.Event, error) {
		agent, err := c.wish(whose)
		return call.HelpDismissed{Request: q, Agent: agent}, err
	}}, r.Call, r.Params.IdempotencyKey)
}

// wish is whose wish for a supervisor is dismissed: an agent's own, whose it is said to be, or the only one that there is. One that is gone
// already is as wanted, which the call knows best.
func (a *asking) wish(whose call.AgentSID) (call.AgentSID, error) {
	switch {
	case a.key.isAgent() && whose != "" && string(whose) != a.key.Agent:
		return "", problem(http.StatusForbidden, codeForbidden, "agents dismiss their own wish alone")
	case a.key.isAgent():
		return call.AgentSID(a.key.Agent), a.tookPart()
	case whose != "":
		return whose, nil
	case len(a.live.Helps) > 1:
		return "", badRequest("several agents of this call want a supervisor: say whose wish is meant by agent_sid")
	case len(a.live.Helps) == 0:
		return "", problem(http.StatusConflict, codeNoHelp, "no wish for a supervisor is open in this call")
	default:
		return a.live.Helps[0].Agent, nil
	}
}

func checkMode(mode SupervisionMode) error {
	if !mode.Valid() {
		return badRequest("mode %q is none of monitor, whisper, barge", mode)
	}
	return nil
}

// coach is the agent's leg that a body names; "" where it names none.
func (a *asking) coach(ref *string) (call.SID, error) {
	if ref == nil || *ref == "" {
		return "", nil
	}
	leg, err := a.resolve(*ref)
	return call.SID(leg.CallSID), err
}

// supervisorsLeg is the leg that a body names, or the one that the key's supervisor listens with.
func (a *asking) supervisorsLeg(ref *string) (call.SID, error) {
	if err := a.supervises(); err != nil {
		return "", err
	}
	if ref != nil && *ref != "" {
		leg, err := a.resolve(*ref)
		return call.SID(leg.CallSID), err
	}
	if sid := a.listening(); sid != "" {
		return call.SID(sid), nil
	}
	return "", problem(http.StatusConflict, codeNoSupervision, "you are not in this call: listen to it first, or name a supervisor's leg")
}
