package handlers

import (
	"context"
	"sync"
	"time"

	"holdfast/call"
	"holdfast/workflows"
)

// acting counts the actions of each call that are under way in this process.
type acting struct {
	mu    sync.Mutex
	calls map[call.ID]int
}

func (a *acting) begin(id call.ID) (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[id]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.calls[id]--; a.calls[id] == 0 {
			delete(a.calls, id)
		}
	}
}

func (a *acting) about(id call.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[id] > 0
}

// Acting is the engine for those who act on calls. While an action is under way, the deliverer hands its call whatever may verify it at once. Of an
// action in another process it does not know: what ends that may wait for company.
func (d *Deliverer) Acting(engine ActionEngine) ActionEngine { return actingEngine{engine, &d.acting} }

type actingEngine struct {
	ActionEngine
	acting *acting
}

// Request implements [ActionEngine].
func (e actingEngine) Request(ctx context.Context, id call.ID, updateID string, event call.Event, wait time.Duration) (workflows.Result, error) {
	defer e.acting.begin(id)()
	return e.ActionEngine.Request(ctx, id, updateID, event, wait)
}
