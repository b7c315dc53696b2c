package people

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"holdfast/simulator"
)

// greeting is what an answering machine says.
const greeting = "You have reached the voicemail of the Harrison family. We are not at home at the moment, so please leave a message after the tone, " +
	"and we will call you back as soon as we can."

// ringsFor is how many seconds a bot lets a phone ring.
const ringsFor = 12

// callOut has a bot call somebody, and lives the call until his line has ended.
func (r *run) callOut(ctx context.Context, c *conversation) (result, string) {
	o := c.bot.outbound
	lines := make(chan simulator.Line, 1)
	r.sim.Attach(c.from, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		select {
		case lines <- line:
		default:
			r.violation(c.id(), "%s was called twice", c.caller)
		}
	}))
	c.update(func(s *shared) { s.atEnd = append(s.atEnd, func() { r.sim.Attach(c.from, nil) }) })
	bot := r.botOf(c.number)
	r.tell(BotCalls, bot, "", "calls %s", c.caller)
	placed := time.Now()
	id, err := r.placeByBot(ctx, c, r.centre.Bots[bot], o)
	if err != nil {
		return resultLost, err.Error()
	}
	c.update(func(s *shared) { s.callID, s.placed = id, placed })
	r.callIs(id, c)
	late := time.NewTimer(r.limits.end)
	defer late.Stop()
	var line simulator.Line
	select {
	case line = <-lines:
	case <-late.C:
		return resultLost, "was to be called, and the phone did not ring within " + r.limits.end.String()
	case <-ctx.Done():
		return resultStopped, ""
	}
	w := r.observe(line)
	c.update(func(s *shared) { s.caller = w })
	r.spawn(func() { r.answerTheBot(ctx, c, w) })
	return r.liveWith(ctx, c, w)
}

// botOf is the bot that answers a number.
func (r *run) botOf(n NumberScript) string {
	for _, b := range r.script.Centre.Bots {
		if b.Number == n.Name {
			return b.Name
		}
	}
	return ""
}

// placeByBot asks for the call, under one key however often.
func (r *run) placeByBot(ctx context.Context, c *conversation, bot string, o *outboundPlan) (id string, err error) {
	body := map[string]any{"to": c.from, "ring": ringsFor, "attributes": map[string]any{"campaign": "spring"}}
	if o.machine != "" {
		body["machine"] = o.machine
	}
	if o.message != "" {
		body["message"] = o.message
	}
	key := fmt.Sprintf("out-%d-%s", c.n, c.from)
	for late := time.Now().Add(r.limits.accepted); ; {
		status, _, answer, err := r.caller.exchange(ctx, http.MethodPost, "/v1/bots/"+bot+"/calls", key, body)
		if err == nil && status == http.StatusAccepted {
			var got struct {
				Call string `json:"call"`
			}
			if err := json.Unmarshal(answer, &got); err != nil || got.Call == "" {
				return "", fmt.Errorf("the answer to a call that was asked for names none: %s", answer)
			}
			return got.Call, nil
		}
		if err == nil && !again(status) || time.Now().After(late) || !sleep(ctx, 100*time.Millisecond) {
			return "", fmt.Errorf("a bot's call was refused: %d %s: %w", status, answer, err)
		}
	}
}

// answerTheBot is what happens at the other end.
func (r *run) answerTheBot(ctx context.Context, c *conversation, w *watch) {
	o := c.bot.outbound
	switch o.answers {
	case nobodyAnswers:
		return
	case lineBusy:
		w.line.Reject()
		return
	case personAnswers, machineAnswers:
	}
	if !r.pause(ctx, w, 1+c.answerAfter) {
		return
	}
	w.line.Answer()
	if o.answers == machineAnswers {
		w.line.Speak(greeting)
		w.line.Speak(simulator.Beep)
		return
	}
	r.tell(CallerAnswers, c.caller, c.id(), "answers")
	if o.machine != "" {
		w.line.Speak("Hello?") // and waits, as people do
	}
}
