package handlers

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"holdfast/call"
	"holdfast/store"
)

// conference takes the status callbacks of a call's conference. The URL carries the call; should it not, the conference's name is the
// task's SID, and the store knows the task's call.
func (w *Webhooks) conference(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	kind, sid := in.params.Get("StatusCallbackEvent"), in.params.Get("ConferenceSid")
	if kind == "" || !plausibleID.MatchString(sid) {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "StatusCallbackEvent or ConferenceSid is missing."})
	}
	event := decodeConference(in.params, call.ReservationSID(in.query.Get("reservation")))
	d := webhookRow{
		kind: knownKind(kind, event != nil), event: event,
		identity: sid + ":" + in.params.Get("SequenceNumber") + ":" + kind + ":" + in.params.Get("CallSid"),
	}
	id := call.ID(in.query.Get("call"))
	if !plausibleID.MatchString(string(id)) {
		id = w.callOfTask(ctx, call.TaskSID(in.params.Get("FriendlyName")))
	}
	if d.subject = callSubject(id); id == "" {
		w.log.LogAttrs(ctx, slog.LevelWarn, "a conference of no known call", slog.String("conference", sid), slog.String("kind", kind))
		d.subject, d.event = store.Subject{Kind: subjectWorkspace, ID: w.cfg.WorkspaceSID}, nil
	}
	return w.record(c, in, d)
}

// otherConferenceEvents are those that Twilio documents and that decide nothing.
var otherConferenceEvents = map[string]bool{
	"participant-speech-start": true, "participant-speech-stop": true, "announcement-end": true, "announcement-fail": true,
}

// knownKind keeps kinds that nobody documented from becoming names of metrics.
func knownKind(kind string, decided bool) string {
	if decided || otherConferenceEvents[kind] || otherTaskRouterEvents[kind] {
		return kind
	}
	return "other"
}
