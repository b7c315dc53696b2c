package handlers

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"holdfast/call"
	"holdfast/twiml"
)

// voice answers a number's voice webhook: the caller waits in the queue of the number's routing workflow.
func (w *Webhooks) voice(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	sid, ok := callSIDOf(in)
	if !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing."})
	}
	to := in.params.Get("To")
	d := webhookRow{kind: "voice", subject: callSubject(call.ID(sid)), identity: "voice"}
	number, routed := w.routing(to)
	answer := w.apology()
	if routed {
		task, err := number.task(call.ID(sid))
		if err != nil {
			return err
		}
		answer = enqueued(number, task, w.url(PathEnqueueAction, "call", string(sid)), w.url(PathQueueWait, "call", string(sid)))
		d.event = call.CallReceived{Call: sid, From: in.params.Get("From"), To: to, Direction: in.params.Get("Direction")}
	} else {
		w.log.LogAttrs(ctx, slog.LevelError, "nobody is set to take calls to this number: name a routing workflow for it, or a default",
			slog.String("number", clipped(to)), slog.String("call", string(sid)))
	}
	w.keep(ctx, in, d)
	return answerTwiML(c, answer)
}

func (w *Webhooks) routing(to string) (WebhookNumber, bool) {
	if number, ok := w.cfg.Numbers[to]; ok {
		return number, true
	}
	if number, ok := w.cfg.Numbers[numberIn(to)]; ok {
		return number, true
	}
	if w.cfg.DefaultRouting != nil {
		return *w.cfg.DefaultRouting, true
	}
	return WebhookNumber{}, false
}

// e164 is what Twilio calls a telephone number.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// numberIn is the telephone number in a SIP address ("sip:+15551230000@example.sip.twilio.com"), "" if there is none.
func numberIn(address string) string {
	scheme, rest, _ := strings.Cut(address, ":")
	user, _, _ := strings.Cut(rest, "@")
	if scheme != "sip" && scheme != "sips" || !e164.MatchString(user) {
		return ""
	}
	return user
}

// task is the JSON of the task's attributes, with its keys in order: those that are set, and the call's ID. Twilio adds call_sid,
// from, to and the like.
func (n WebhookNumber) task(id call.ID) (string, error) {
	attributes := maps.Clone(n.TaskAttributes)
	if attributes == nil {
		attributes = map[string]any{}
	}
	attributes[attributeCallID] = string(id)
	b, err := json.Marshal(attributes)
	return string(b), err
}

// queueWait answers with music for as long as the caller waits: Twilio asks again when it is over. It decides nothing, and is not kept.
func (w *Webhooks) queueWait(c echo.Context, _ *webhookRequest) error {
	w.count(c.Request().Context(), "queue-wait", "answered")
	return answerTwiML(c, twiml.Response{twiml.Play{URL: w.cfg.QueueMusicURL}})
}

// enqueueAction answers what comes after the queue. An agent who took the call has it in a conference by now; whoever left the queue
// otherwise hears why.
func (w *Webhooks) enqueueAction(c echo.Context, in *webhookRequest) error {
	sid, ok := callSIDOf(in)
	if !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing."})
	}
	result := in.params.Get("QueueResult")
	w.keep(c.Request().Context(), in, webhookRow{
		kind: "enqueue-action", subject: callSubject(w.callIn(in, sid)),
		event:    call.EnqueueEnded{Call: sid, Result: result, Handoff: handoffIn(in.query)},
		identity: result + ":" + in.params.Get("QueueTime") + in.query.Get("handoff"),
	})
	if w.bots != nil && in.query.Get("session") != "" && (result == "queue-full" || result == "error" || result == "system-error") {
		return w.botBack(c, in)
	}
	switch result {
	case "queue-full", "error", "system-error", "leave":
		return answerTwiML(c, w.apology())
	default:
		return answerTwiML(c, twiml.Response{})
	}
}

// callStatus takes the callbacks of a leg's progress, and of a number's calls when they are over.
func (w *Webhooks) callStatus(c echo.Context, in *webhookRequest) error {
	sid, ok := callSIDOf(in)
	if !ok {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "CallSid is missing."})
	}
	if w.bots != nil {
		w.closeSessions(c.Request().Context(), in, sid)
	}
	return w.record(c, in, webhookRow{
		kind: "call-status", subject: callSubject(w.callIn(in, sid)), event: decodeCallStatus(in.params, in.query),
		identity: string(sid) + ":" + in.params.Get("SequenceNumber") + ":" + in.params.Get("CallStatus"),
	})
}

// callIn is the call that we wrote into the URL, else the one that the leg is the customer of.
func (w *Webhooks) callIn(in *webhookRequest, sid call.SID) call.ID {
	if id := in.query.Get("call"); plausibleID.MatchString(id) {
		return call.ID(id)
	}
	return call.ID(sid)
}

func callSIDOf(in *webhookRequest) (call.SID, bool) {
	sid := in.params.Get("CallSid")
	return call.SID(sid), plausibleID.MatchString(sid)
}
