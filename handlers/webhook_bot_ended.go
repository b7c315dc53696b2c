package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// sessionEnds are the statuses that end a call, by the outcome of a conversation that is open then.
var sessionEnds = map[string]string{
	"completed": store.OutcomeCompleted, "busy": store.OutcomeBusy, "no-answer": store.OutcomeNoAnswer, "failed": store.OutcomeFailed, "canceled": store.OutcomeCanceled,
}

// closeSessions closes the conversation of a call that is over, without waiting for its workflow. One that is being handed over is left to the workflow, which
// knows whether a person took the caller. What cannot be done here the workflow's end of the call does.
func (w *Webhooks) closeSessions(ctx context.Context, in *webhookRequest, sid call.SID) {
	outcome, over := sessionEnds[in.params.Get("CallStatus")]
	if !over || in.query.Get("invitation") != "" || in.query.Get("reservation") != "" {
		return
	}
	name := string(sid)
	if id := in.query.Get("call"); strings.HasPrefix(id, outboundPrefix) {
		name = id // which knows its session before Twilio's first word of it
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	row, err := w.cfg.Bots.Store.SessionByCall(bounded, name)
	if err == nil && row.State == store.SessionOpen && (row.CallSID == "" || row.CallSID == string(sid)) {
		var kept keptAnswer
		if json.Unmarshal(row.Answer, &kept) == nil && kept.Next == bot.NextTransfer && outcome == store.OutcomeCompleted {
			outcome = store.OutcomeTransferred
		}
		_, err = w.cfg.Bots.Store.CloseSession(bounded, row.ID, outcome, in.at)
		w.bots.talks.end(row.ID)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		w.log.LogAttrs(ctx, slog.LevelWarn, "the session of a call that is over is not closed yet", slog.String("call", name), slog.Any("error", err))
	}
}

// outboundPrefix begins the IDs of calls that bots place.
const outboundPrefix = "out_"
