package handlers

import (
	"context"
	"net/http"
	"slices"

	"holdfast/call"
)

// DialIn answers POST /v1/calls/{call}/supervision/dial-in. The call waits for the supervisor first; then he is given the code.
func (a *api) DialIn(ctx context.Context, r DialInRequestObject) (DialInResponseObject, error) {
	if a.dialIns == nil {
		return nil, problem(http.StatusNotFound, codeNotFound, "nobody can dial in here")
	}
	private := r.Body != nil && r.Body.Private != nil && *r.Body.Private
	answer, err := a.act(ctx, action{name: "supervision/dial-in", event: func(c *asking, q call.Request) (call.Event, error) {
		return call.DialInRequested{Request: q, Private: private}, c.supervises()
	}}, r.Call, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	name := keyIn(ctx).Name
	invitations := answer.call.Invitations
	i := slices.IndexFunc(invitations, func(i Invitation) bool {
		return i.DialsIn != nil && i.By == name && i.Status == string(call.InvitationWanted)
	})
	switch {
	case answer.status != http.StatusOK:
		return nil, unavailable(codeTimeout, "the call did not answer in time; ask again", nil)
	case i < 0:
		return nil, problem(http.StatusConflict, call.CodeInvitationOver, "the call does not wait for you any more; ask again, with another Idempotency-Key")
	}
	waited := invitations[i]
	code, err := a.dialIns.give(ctx, call.ID(r.Call), call.Label(waited.Label), *waited.Until)
	if err != nil {
		return nil, err
	}
	return DialIn200JSONResponse{Invitation: waited.Label, Code: code, ExpiresAt: *waited.Until, Number: optional(a.dialIns.number)}, nil
}
