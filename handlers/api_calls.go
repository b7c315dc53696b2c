package handlers

import (
	"context"
	"net/http"

	"holdfast/store"
)

// Pages, as the contract says.
const (
	callsPage       = 50
	callsPageMost   = 200
	entriesPage     = 200
	entriesPageMost = 1000
)

// ListCalls answers GET /v1/calls.
func (a *api) ListCalls(ctx context.Context, request ListCallsRequestObject) (ListCallsResponseObject, error) {
	key := keyIn(ctx)
	filter, err := callFilter(key, request.Params)
	if err != nil {
		return nil, err
	}
	calls, next, err := a.store.Calls(ctx, filter)
	if err != nil {
		return nil, err
	}
	page := ListCalls200JSONResponse{Calls: make([]Call, 0, len(calls)), NextCursor: next}
	for _, c := range calls {
		page.Calls = append(page.Calls, renderCall(key, c.Call, c.Legs))
	}
	return page, nil
}

func callFilter(key Key, p ListCallsParams) (store.Filter, error) {
	var f store.Filter
	if p.State != nil {
		for _, state := range *p.State {
			if !state.Valid() {
				return f, badRequest("state %q is none of dialling, bot, queued, reserved, connecting, talking, held, wrapping, ended", state)
			}
			f.States = append(f.States, string(state))
		}
		if len(f.States) > 9 {
			return f, badRequest("state may be given 9 times at most")
		}
	}
	if p.Queue != nil {
		f.Queue = *p.Queue
	}
	if p.Agent != nil {
		if !agentSID.MatchString(*p.Agent) {
			return f, badRequest("agent %q is no worker SID (WK and 32 hexadecimal digits)", *p.Agent)
		}
		f.Agent = *p.Agent
	}
	if key.isAgent() {
		if key.Agent == "" || f.Agent != "" && f.Agent != key.Agent {
			return f, problem(http.StatusForbidden, codeForbidden, "agents list their own calls alone")
		}
		f.Agent = key.Agent
	}
	if p.Cursor != nil {
		f.Cursor = *p.Cursor
	}
	limit, err := pageLimit(p.Limit, callsPage, callsPageMost)
	f.Limit = limit
	return f, err
}

// GetCall answers GET /v1/calls/{call}.
func (a *api) GetCall(ctx context.Context, request GetCallRequestObject) (GetCallResponseObject, error) {
	row, legs, err := a.found(ctx, request.Call)
	if err != nil {
		return nil, err
	}
	return GetCall200JSONResponse{FoundJSONResponse(renderCall(keyIn(ctx), row, legs))}, nil
}

// GetTimeline answers GET /v1/calls/{call}/timeline.
func (a *api) GetTimeline(ctx context.Context, request GetTimelineRequestObject) (GetTimelineResponseObject, error) {
	limit, err := pageLimit(request.Params.Limit, entriesPage, entriesPageMost)
	if err != nil {
		return nil, err
	}
	var after int64
	if request.Params.After != nil {
		after = *request.Params.After
	}
	if after < 0 {
		return nil, badRequest("after must not be negative")
	}
	if _, _, err := a.found(ctx, request.Call); err != nil {
		return nil, err
	}
	page := GetTimeline200JSONResponse{Entries: make([]TimelineEntry, 0, limit), NextAfter: after}
	for more := true; more && len(page.Entries) < limit; {
		entries, err := a.store.Timeline(ctx, request.Call, page.NextAfter, limit-len(page.Entries))
		if err != nil {
			return nil, err
		}
		more = len(entries) > 0
		for _, e := range entries {
			page.NextAfter = e.Seq
			if !e.Private || !keyIn(ctx).isAgent() {
				page.Entries = append(page.Entries, renderEntry(e))
			}
		}
	}
	return page, nil
}

func pageLimit(asked *int, usual, most int) (int, error) {
	if asked == nil {
		return usual, nil
	}
	if *asked < 1 || *asked > most {
		return 0, badRequest("limit must be between 1 and %d", most)
	}
	return *asked, nil
}
