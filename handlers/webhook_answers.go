package handlers

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"holdfast/call"
	"holdfast/twiml"
)

// conferenceInstruction is the JSON answer that makes TaskRouter dial the agent and bring him and the caller into a conference named
// after the task (https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks). The order of the fields is the order on the wire.
type conferenceInstruction struct {
	Instruction                   string `json:"instruction"`
	To                            string `json:"to,omitempty"`   // absent: the agent's contact_uri
	From                          string `json:"from,omitempty"` // a number of the account
	Timeout                       int    `json:"timeout"`        // of ringing, in seconds
	EndConferenceOnExit           bool   `json:"end_conference_on_exit"`
	EndConferenceOnCustomerExit   bool   `json:"end_conference_on_customer_exit"`
	Beep                          string `json:"beep"`
	ConferenceRecord              string `json:"conference_record,omitempty"` // a string: Twilio drops booleans here without a word
	Region                        string `json:"region,omitempty"`
	ConferenceStatusCallback      string `json:"conference_status_callback"`
	ConferenceStatusCallbackMeth  string `json:"conference_status_callback_method"`
	ConferenceStatusCallbackEvent string `json:"conference_status_callback_event"`
}

// callInstruction is the JSON answer that makes TaskRouter dial the agent and run TwiML on his leg; accepting is left to us
// (https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks).
type callInstruction struct {
	Instruction       string `json:"instruction"`
	To                string `json:"to,omitempty"` // absent: the agent's contact_uri
	From              string `json:"from"`         // required
	URL               string `json:"url"`
	Timeout           int    `json:"timeout"` // of ringing, in seconds
	StatusCallbackURL string `json:"status_callback_url"`
	Accept            bool   `json:"accept"`
}

// announcing is the answer to an assignment whose agent is to hear whom he gets before he comes into the conference; nil if nobody may be shown as the caller.
func (w *Webhooks) announcing(id call.ID, a call.Assignment, task attributes, workflow string) ([]byte, error) {
	from := cmp.Or(w.agentFrom(task), w.numberOf(workflow))
	if from == "" && strings.HasPrefix(a.Address, "client:") {
		from = "client:holdfast" // a client may be called by a client's name
	}
	if from == "" {
		return nil, nil
	}
	room := string(a.Task)
	if a.Invitation != "" {
		room = task.text(attributeRoom)
	}
	to := announced{id: id, invitation: a.Invitation, reservation: a.Reservation, room: room}
	return json.Marshal(callInstruction{
		Instruction:       "call",
		To:                a.Address,
		From:              from,
		URL:               to.url(w, PathAnnounce),
		Timeout:           w.cfg.ringSeconds(),
		StatusCallbackURL: LegCallback(w.cfg.PublicURL, id, a.Invitation, a.Reservation),
	})
}

// agentFrom is the caller ID that agents see; "" leaves it to TaskRouter.
func (w *Webhooks) agentFrom(task attributes) string {
	if w.cfg.AgentFrom != "" {
		return w.cfg.AgentFrom
	}
	if to := dialled(task); e164.MatchString(to) { // a SIP or client address is no caller ID; TaskRouter finds one
		return to
	}
	return ""
}

// numberOf is a telephone number of ours for a call that came by none: one whose calls go to the same routing workflow, or else any; "" where none is set.
func (w *Webhooks) numberOf(workflow string) string {
	other := ""
	for _, number := range slices.Sorted(maps.Keys(w.cfg.Numbers)) {
		switch {
		case !e164.MatchString(number):
		case w.cfg.Numbers[number].RoutingWorkflowSID == workflow:
			return number
		case other == "":
			other = number
		}
	}
	return other
}

const conferenceEvents = "start, end, join, leave, mute, hold, modify"

// instruct is the answer to an assignment callback. It needs no attribute: what is not known is left to TaskRouter.
func (w *Webhooks) instruct(id call.ID, a call.Assignment, task attributes) ([]byte, error) {
	return json.Marshal(conferenceInstruction{
		Instruction:                   "conference",
		To:                            a.Address,
		From:                          w.agentFrom(task),
		Timeout:                       w.cfg.ringSeconds(),
		EndConferenceOnExit:           false,
		EndConferenceOnCustomerExit:   true,
		Beep:                          w.cfg.Conference.Beep,
		ConferenceRecord:              w.cfg.Conference.Record,
		Region:                        w.cfg.Conference.Region,
		ConferenceStatusCallback:      ConferenceCallback(w.cfg.PublicURL, id, a.Reservation),
		ConferenceStatusCallbackMeth:  http.MethodPost,
		ConferenceStatusCallbackEvent: conferenceEvents,
	})
}

// ringSeconds is the ring time as Twilio takes it: whole seconds from 1 to 600, beyond which it refuses or caps (error 14233).
func (c *WebhookConfig) ringSeconds() int {
	return int(min(max((c.Settings.Ring+c.Second-1)/c.Second, 1), 600))
}

// enqueued puts a caller into the queue of a routing workflow.
func enqueued(number WebhookNumber, task, action, wait string) twiml.Response {
	t := &twiml.Task{Attributes: task, TimeoutSeconds: int(number.Timeout / time.Second)}
	if number.Priority != 0 {
		t.Priority = &number.Priority
	}
	return twiml.Response{twiml.Enqueue{
		Action: action, Method: http.MethodPost, WaitURL: &wait, WaitURLMethod: http.MethodPost, WorkflowSID: number.RoutingWorkflowSID, Task: t,
	}}
}

// apology takes leave of a caller who cannot be put through.
func (w *Webhooks) apology() twiml.Response {
	return twiml.Response{twiml.Say{Text: w.cfg.Apology}, twiml.Hangup{}}
}

func answerTwiML(c echo.Context, r twiml.Response) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "text/xml; charset=utf-8", body)
}
