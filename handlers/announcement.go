package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"text/template"
	"time"

	"holdfast/call"
)

// DefaultAnnouncement is what an agent hears before he is connected; see [Announcement].
const DefaultAnnouncement = `{{if eq .Purpose "transfer"}}A call{{with .By}} from {{.}}{{end}}, handed on to you.` +
	`{{else if eq .Purpose "rescue"}}A caller who was cut off.` +
	`{{else if eq .Purpose "join"}}{{if .By}}{{.By}}{{else}}A colleague{{end}} asks you into a call.` +
	`{{else}}A call for you.{{end}}` +
	`{{with .Queue}} Queue: {{.}}.{{end}}{{with .Wait}} Waiting for {{.}}.{{end}}{{with .Reason}} Reason: {{.}}.{{end}}{{with .Summary}} {{.}}{{end}}`

// Announcement is what the announcement's template may say. What is not known is "".
type Announcement struct {
	Purpose string // "" of the call's first agent; "transfer", "rescue", "join"
	Queue   string // its name
	Wait    string // in words: "40 seconds", "2 minutes"
	Caller  string // the customer's number, digit by digit, or his address
	Reason  string // the task's attribute "reason"
	Summary string // the task's attribute "handoffSummary"
	By      string // who hands on, or asks
}

// announcementTemplate speaks an [Announcement].
type announcementTemplate struct{ *template.Template }

// parseAnnouncement reads a template, and tries it, so that a field that there is none of is found at the start.
func parseAnnouncement(text string) (announcementTemplate, error) {
	t, err := template.New("announcement").Parse(text)
	if err == nil {
		err = t.Execute(new(strings.Builder), Announcement{})
	}
	if err != nil {
		return announcementTemplate{}, fmt.Errorf("the announcement's template: %w", err)
	}
	return announcementTemplate{t}, nil
}

func (t announcementTemplate) say(a Announcement) string {
	var b strings.Builder
	if t.Template == nil || t.Execute(&b, a) != nil {
		return "A call for you."
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// longestSummary bounds what is read to an agent while the customer waits, in characters: about half a minute.
const longestSummary = 500

// announcementOf gathers what is known of the call that an agent is to get: from its row, and from the attributes that his assignment came with, which are in
// the inbox. It is nothing that he could not do without.
func (w *Webhooks) announcementOf(ctx context.Context, a announced, row *knownCall) Announcement {
	task, age := w.assigned(ctx, a)
	said := Announcement{
		Purpose: task.text(attributePurpose), By: task.text(attributeTransferredBy), Reason: brief(task.text("reason")),
		Summary: brief(task.text("handoffSummary")), Caller: digits(callerOf(task).From), Wait: inWords(age),
	}
	if row == nil {
		return said
	}
	said.Queue = row.QueueName
	if i := row.state.Invitation(a.invitation); a.invitation != "" && i != nil {
		said.Purpose = string(i.Purpose)
		if said.By == "" && i.Purpose != call.PurposeRescue {
			said.By = i.By.Name
		}
		if i.Target.Kind == call.TargetQueue && i.Task.QueueName != "" {
			said.Queue = i.Task.QueueName
		}
		said.Wait = inWords(w.now().Sub(i.At))
	} else if !row.ReceivedAt.IsZero() {
		said.Wait = inWords(w.now().Sub(row.ReceivedAt))
	}
	return said
}

// assigned are the task's attributes as the assignment told them, and the task's age then.
func (w *Webhooks) assigned(ctx context.Context, a announced) (attributes, time.Duration) {
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	received, err := w.store.Webhooks(bounded, callSubject(a.id), newestWebhooks)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "what an agent's offer said cannot be read", slog.String("call", string(a.id)), slog.Any("error", err))
		return nil, 0
	}
	for _, r := range received {
		if r.Kind == "assignment" && r.Params["ReservationSid"] == string(a.reservation) {
			params := url.Values{}
			for name, value := range r.Params {
				params.Set(name, value)
			}
			task, _ := attributesIn(params, "TaskAttributes")
			return task, time.Duration(webhookNumber(params, "TaskAge")) * time.Second
		}
	}
	return nil, 0
}

// newestWebhooks is how far back an assignment is looked for: it came a few seconds ago.
const newestWebhooks = 100

func brief(text string) string {
	text = strings.TrimSpace(text)
	if r := []rune(text); len(r) > longestSummary {
		return string(r[:longestSummary]) + "…"
	}
	return strings.TrimRight(text, ".")
}

// digits spells a telephone number, which a voice would read as a huge one.
func digits(address string) string {
	if !e164.MatchString(address) {
		return address
	}
	return strings.Join(strings.Split(address[1:], ""), " ")
}

// inWords is a time as it is said, rounded to what matters; "" for none.
func inWords(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d < time.Second:
		return ""
	case d < 90*time.Second:
		return count(int(d.Round(time.Second)/time.Second), "second")
	default:
		return count(int(d.Round(time.Minute)/time.Minute), "minute")
	}
}

func decodeSnapshot(snapshot json.RawMessage, s *call.State) error {
	if len(snapshot) == 0 {
		return nil
	}
	return json.Unmarshal(snapshot, s)
}
