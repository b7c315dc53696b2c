package people

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast/simulator"
)

// An apiSession is the application's account of a talk with a bot.
type apiSession struct {
	ID              string `json:"id"`
	Call            string `json:"call"`
	CallSID         string `json:"call_sid"`
	State           string `json:"state"`
	Outcome         string `json:"outcome"`
	Direction       string `json:"direction"`
	FlexTask        string `json:"flex_task_sid"`
	FlexReservation string `json:"flex_reservation_sid"`

	transcript []apiMessage
}

type apiMessage struct {
	Speaker string `json:"speaker"`
	Text    string `json:"text"`
	Heard   string `json:"heard"`
	Cut     bool   `json:"cut"`
}

// session reads a call's.
func (c *api) session(ctx context.Context, call string) (apiSession, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	var list struct {
		Sessions []apiSession `json:"sessions"`
	}
	var one struct {
		Session    apiSession   `json:"session"`
		Transcript []apiMessage `json:"transcript"`
	}
	if err := c.get(ctx, "/v1/sessions?call="+url.QueryEscape(call), &list); err != nil {
		return one.Session, err
	}
	if len(list.Sessions) != 1 {
		return one.Session, fmt.Errorf("the call has %d sessions", len(list.Sessions))
	}
	err := c.get(ctx, "/v1/sessions/"+list.Sessions[0].ID, &one)
	one.Session.transcript = one.Transcript
	return one.Session, err
}

// get reads something.
func (c *api) get(ctx context.Context, path string, into any) error {
	status, _, body, err := c.exchange(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %s", path, status, body)
	}
	return json.Unmarshal(body, into)
}

// verdictOfBot says what became of a call that was to end without people.
func (c *conversation) verdictOfBot(s shared, v view) (result, string) {
	done := !s.botDone.IsZero()
	switch c.bot.ends {
	case botHangsUp:
		last := len(v.said) - 1
		switch {
		case s.ender == callerEnds:
			return resultLost, "the bot did not end the call"
		case !done:
			return resultLost, "the bot ended the call too early"
		case last >= 0 && v.said[last].cut:
			return resultLost, fmt.Sprintf("the bot's last sentence was cut: %q of %q", v.said[last].heard, v.said[last].text)
		}
		return resultCompleted, ""
	case callerGoes:
		if s.ender == callerEnds {
			return resultCompleted, ""
		}
		return resultLost, "ended before the caller hung up"
	case goesInQueue:
		if s.ender == callerEnds || s.ender == callerLost {
			return resultAbandoned, ""
		}
		return resultLost, "ended before the caller hung up"
	case nobodyThere:
		return resultRejected, ""
	case leavesOnTape:
		return resultCompleted, ""
	case handsOff:
	}
	return resultLost, "was not handed over"
}

// checkBot holds what the application says of a talk with a bot, and what it made TaskRouter know, against what its people lived.
func (r *run) checkBot(ctx context.Context, c *conversation, res result, call apiCall) {
	if c.bot == nil || res == resultLost || res == resultStopped {
		return
	}
	wrong := func(format string, args ...any) {
		r.violation(call.ID, "%s (%s)", fmt.Sprintf(format, args...), c.scenario)
	}
	if !c.bot.capped {
		r.checkSession(ctx, c, call, wrong)
	}
	s, _ := c.now()
	v, _ := s.caller.now()
	tasks := r.sim.TasksOf(s.caller.line.CallSID())
	if len(tasks) == 0 {
		tasks = s.tasks
	}
	switch c.bot.ends {
	case handsOff:
		if c.bot.capped {
			return
		}
		if last := lastBefore(v.said, v.queuedAt); last != nil && last.cut {
			wrong("the bot's last sentence was cut: %q of %q", last.heard, last.text)
		}
		if len(tasks) != 1 {
			wrong("the caller was handed over, and has %d tasks", len(tasks))
			return
		}
		c.checkTask(tasks[0], s, call, wrong)
	case goesInQueue:
		if len(tasks) > 1 {
			wrong("the caller has %d tasks", len(tasks))
		}
		if !s.rangAt.IsZero() && s.rangAt.Sub(v.endedAt) > r.limits.lineEnd {
			wrong("an agent's phone rang %s after the caller had hung up", s.rangAt.Sub(v.endedAt).Round(time.Millisecond))
		}
	case botHangsUp, callerGoes, nobodyThere, leavesOnTape:
		if len(tasks) > 0 {
			wrong("nobody was handed over, and there is task %s", tasks[0].SID)
		}
	}
}

// checkSession compares the session.
func (r *run) checkSession(ctx context.Context, c *conversation, call apiCall, wrong func(string, ...any)) {
	var got apiSession
	var err error
	for late := time.Now().Add(r.limits.readModel); ; {
		if got, err = r.reader.session(ctx, call.ID); err == nil && got.State == "closed" || time.Now().After(late) {
			break
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return
		}
	}
	if err != nil {
		wrong("its session cannot be read: %v", err)
		return
	}
	s, _ := c.now()
	v, _ := s.caller.now()
	if got.State != "closed" {
		wrong("the call is over, and its session is %s", quoteOr(got.State, "nothing"))
	}
	if want := c.bot.expectedSession(); got.Outcome != want && (c.bot.ends != goesInQueue || got.Outcome != "handed-off") {
		wrong("the session's outcome is %s, and should be %q", quoteOr(got.Outcome, "none"), want)
	}
	if got.CallSID != s.caller.line.CallSID() {
		wrong("the session is of call %s, and it was %s", quoteOr(got.CallSID, "none"), s.caller.line.CallSID())
	}
	if c.bot.ends == handsOff && (got.FlexTask != call.TaskSID || !v.togetherAt.IsZero() && got.FlexReservation == "") {
		wrong("the session has task %s and reservation %s; the call has task %s", quoteOr(got.FlexTask, "none"), quoteOr(got.FlexReservation, "none"), call.TaskSID)
	}
	// What is said while nobody takes webhooks is known to nobody: Twilio sends a turn once.
	if differs := transcriptDiffers(got.transcript, s.spoken, before(v.said, v.queuedAt)); differs != "" && !c.bot.fuzzy && !r.cfg.Dies {
		wrong("the transcript differs: %s", differs)
	}
}

// before are the sayings up to a moment; all of them if it never came.
func before(said []saying, end time.Time) []saying {
	if end.IsZero() {
		return said
	}
	n := len(said)
	for n > 0 && said[n-1].from.After(end) {
		n--
	}
	return said[:n]
}

func lastBefore(said []saying, end time.Time) *saying {
	said = before(said, end)
	if len(said) == 0 {
		return nil
	}
	return &said[len(said)-1]
}

// transcriptDiffers compares a transcript with what was said on the line, word by word; "" when it is the same.
func transcriptDiffers(messages []apiMessage, spoken []move, said []saying) string {
	for _, m := range messages {
		switch m.Speaker {
		case "caller":
			if len(spoken) == 0 {
				return fmt.Sprintf("the caller never said %q", m.Text)
			}
			one := spoken[0]
			if spoken = spoken[1:]; one.do == keysIn && !strings.HasPrefix(m.Text, "(keyed") || one.do != keysIn && m.Text != one.text {
				return fmt.Sprintf("the caller said %q, not %q", one.text, m.Text)
			}
		case "bot":
			whole := words(m.Text)
			heard, cut := "", false
			for len(said) > 0 && heard != whole && !cut {
				next := words(heard + " " + said[0].text)
				if !strings.HasPrefix(whole, next) {
					break
				}
				heard, cut = next, said[0].cut
				said = said[1:]
			}
			if heard != whole && !m.Cut {
				return fmt.Sprintf("the bot said %q, and the caller heard %q", m.Text, heard)
			}
			if m.Cut && !strings.HasPrefix(whole, words(m.Heard)) {
				return fmt.Sprintf("of %q he cannot have heard %q", m.Text, m.Heard)
			}
			if cut && !m.Cut {
				return fmt.Sprintf("%q was interrupted, and is not marked so", m.Text)
			}
		}
	}
	if len(spoken) > 0 {
		return fmt.Sprintf("it lacks the caller's %q", spoken[0].text)
	}
	if len(said) > 0 {
		return fmt.Sprintf("it lacks the bot's %q", said[0].text)
	}
	return ""
}

func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// sixAttributes are what a person is told of a caller whom a bot hands over.
var sixAttributes = []string{"handedOff", "handoffReason", "handoffSummary", "handoffSentiment", "handoffLanguage", "handoffTimestamp"}

// checkTask looks at what the task of a caller tells whom he was handed to.
func (c *conversation) checkTask(t simulator.TaskSeen, s shared, call apiCall, wrong func(string, ...any)) {
	a := t.Attributes
	text := func(name string) string {
		v, _ := a[name].(string)
		return v
	}
	for _, name := range sixAttributes {
		if _, there := a[name]; !there {
			wrong("the task lacks %s", name)
		}
	}
	for name := range a {
		if (strings.HasPrefix(name, "handoff") || strings.HasPrefix(name, "handedOff")) && !slices.Contains(sixAttributes, name) {
			wrong("the task has %s, which is none of the six", name)
		}
	}
	if a["handedOff"] != true {
		wrong("handedOff is %v", a["handedOff"])
	}
	b := c.bot
	if got := text("handoffReason"); !strings.Contains(got, b.reason) {
		wrong("the reason of the handoff is %q, and should say %q", got, b.reason)
	}
	if got := text("handoffSentiment"); !slices.Contains([]string{"positive", "neutral", "negative"}, got) || b.sentiment != "" && got != b.sentiment {
		wrong("the sentiment of the handoff is %q", got)
	}
	if got := text("handoffLanguage"); b.language != "" && got != b.language || got == "" {
		wrong("the language of the handoff is %q", got)
	}
	if got := text("handoffSummary"); got == "" || b.summary != "" && got != b.summary {
		wrong("the summary of the handoff is %q", got)
	}
	at, err := time.Parse(time.RFC3339, text("handoffTimestamp"))
	if err != nil || at.Before(s.placed.Add(-2*time.Second)) || at.After(time.Now().Add(2*time.Second)) {
		wrong("the time of the handoff is %q", text("handoffTimestamp"))
	}
	if t.SID != call.TaskSID {
		wrong("the call's task is %s, and the caller's %s", quoteOr(call.TaskSID, "none"), t.SID)
	}
	if text("call_sid") != s.caller.line.CallSID() {
		wrong("the task's call_sid is %q", text("call_sid"))
	}
	if got, _ := json.Marshal(a); len(got) > 4096 {
		wrong("the task's attributes have %d characters", len(got))
	}
	if b.selections != nil {
		if got := fmt.Sprint(a["selections"]); got != fmt.Sprint(b.selections) {
			wrong("the task's selections are %s, and should be %v", got, b.selections)
		}
	}
	if b.ends == handsOff && b.reason == apiReason && text("ticket") != fmt.Sprintf("T-%d", c.n) {
		wrong("the task lacks the attribute that came with the request")
	}
}
