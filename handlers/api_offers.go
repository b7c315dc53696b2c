package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"

	"holdfast/call"
)

// AcceptReservation answers POST /v1/calls/{call}/reservations/{reservation}/accept.
func (a *api) AcceptReservation(ctx context.Context, r AcceptReservationRequestObject) (AcceptReservationResponseObject, error) {
	return a.act(ctx, action{name: "reservations/accept", ref: r.Reservation, event: func(c *asking, q call.Request) (call.Event, error) {
		reservation, err := resolveOffer(r.Reservation, c.key, c.live.Reservations)
		return call.AcceptRequested{Request: q, Reservation: reservation}, err
	}}, r.Call, r.Params.IdempotencyKey)
}

var availabilitySID = regexp.MustCompile(`^WA[0-9a-fA-F]{32}$`)

// RejectReservation answers POST /v1/calls/{call}/reservations/{reservation}/reject.
func (a *api) RejectReservation(ctx context.Context, r RejectReservationRequestObject) (RejectReservationResponseObject, error) {
	var to call.AvailabilitySID
	if given := r.Params.Availability; given != nil {
		if !availabilitySID.MatchString(*given) {
			return nil, badRequest("availability %q is no activity SID (WA and 32 hexadecimal digits)", *given)
		}
		to = call.AvailabilitySID(*given)
	}
	return a.act(ctx, action{name: "reservations/reject", ref: r.Reservation, event: func(c *asking, q call.Request) (call.Event, error) {
		reservation, err := resolveOffer(r.Reservation, c.key, c.live.Reservations)
		return call.RejectRequested{Request: q, Reservation: reservation, Availability: to}, err
	}}, r.Call, r.Params.IdempotencyKey)
}

// isOffered says whether a call is offered to an agent now: beside others, where several are asked at once.
func isOffered(agent string, snapshot json.RawMessage) bool {
	for _, r := range liveIn(snapshot).Reservations {
		if string(r.Agent) == agent && r.Status == call.ReservationIsPending {
			return true
		}
	}
	return false
}

// resolveOffer finds the reservation that a path means: by its SID, or "me" for the newest of the key's agent. One that is not known here
// may have come a moment ago: for those who may answer any, the call itself decides.
func resolveOffer(ref string, key Key, offers []call.Reservation) (call.ReservationSID, error) {
	if ref == "me" && key.Agent == "" {
		return "", problem(http.StatusNotFound, codeOfferNotFound, "this key belongs to no agent, so no reservation is its own")
	}
	for _, r := range slices.Backward(offers) {
		switch {
		case ref == "me" && string(r.Agent) == key.Agent:
			return r.Reservation, nil
		case ref == string(r.Reservation) && key.isAgent() && string(r.Agent) != key.Agent:
			return "", problem(http.StatusForbidden, codeNotYourOffer, "this reservation is not yours: agents accept and reject their own alone")
		case ref == string(r.Reservation):
			return r.Reservation, nil
		}
	}
	if ref == "me" || key.isAgent() {
		return "", problem(http.StatusNotFound, codeOfferNotFound, "the call has no such reservation")
	}
	return call.ReservationSID(ref), nil
}
