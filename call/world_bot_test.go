package call_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/call"
)

// botted is the dumb world of a bot: its session, of which one handoff at a time comes, and the calls that it places.
type botted struct {
	bot, outbound bool
	session       string    // "open", "handing-off" or "closed"
	handoff       time.Time // which handoff has the session
	redirects     int       // how often the customer was sent to the queue
	enqueues      int       // tasks made
	placings      int       // how often a call was dialled
	summaries     int
}

// id is the call's: of one that goes out Twilio gives none before it is placed.
func (w *world) id() call.ID {
	if w.outbound {
		return "out_1"
	}
	return call.ID(customer)
}

// present says whether the customer's call exists.
func (w *world) present() bool {
	return !slices.Contains([]string{"", "completed", "busy", "no-answer", "failed", "canceled"}, w.customerStatus)
}

func (w *world) beginWithBot() {
	if w.outbound {
		w.customerStatus = ""
	}
	w.taskStatus = ""
	for i := range w.percent("asks") % 4 {
		r := call.Request{Action: fmt.Sprintf("h%d", i), By: call.Actor{Name: "Sue", Role: "supervisor"}}
		w.after(w.wait("asked", 3*time.Minute), func() {
			w.tell(call.HandoffRequested{Request: r, Handoff: call.Handoff{Reason: "asked"}, NotBefore: w.now.Add(w.wait("sentence", 10*time.Second))})
		})
	}
	if w.outbound {
		w.say(call.CallRequested{To: "+15550001", From: "+15559999", Session: "ses_1", Bot: "bot_1"})
		return
	}
	w.answered("inbound")
}

// answered lets the bot have the customer.
func (w *world) answered(direction string) {
	w.customerStatus, w.session = "in-progress", "open"
	w.say(call.BotAnswered{Call: customer, From: "+15550001", To: "+15559999", Direction: direction, Session: "ses_1", Bot: "bot_1", People: w.percent("people") < 50})
	w.after(w.wait("patience", 10*time.Minute), w.customerHangsUp)
	switch kind := w.percent("dialogue"); {
	case kind < 30:
		w.after(w.wait("goodbye", 5*time.Minute), func() {
			if w.session == "open" && w.present() {
				w.session = "closed"
				w.word(call.BotEnded{Call: customer, Session: "ses_1", Result: "ended"})
				w.after(w.wait("last words", 5*time.Second), w.customerEnds)
			}
		})
	case kind < 80:
		w.after(w.wait("wish", 5*time.Minute), w.handsOff)
	}
}

// word is an event of our own webhook: late perhaps, but never lost.
func (w *world) word(e call.Event) {
	if w.heard != nil {
		*w.heard = append(*w.heard, e)
	}
	w.after(w.wait("word", 500*time.Millisecond), func() { w.tell(e) })
}

func (w *world) handsOff() {
	if w.session != "open" || !w.present() {
		return
	}
	w.session, w.handoff = "handing-off", w.now
	w.word(call.HandedOff{Call: customer, Session: "ses_1", Handoff: call.Handoff{Reason: "wish", At: w.now}})
	w.toQueue(w.now)
}

// enqueueCaller is what the command does: nothing, if the session is another's handoff or the task is there.
func (w *world) enqueueCaller(c call.EnqueueCaller) {
	switch {
	case w.taskStatus != "" || w.session == "closed":
	case w.session == "handing-off" && !w.handoff.Equal(c.Handoff.At):
	default:
		w.session, w.handoff = "handing-off", c.Handoff.At
		w.toQueue(c.Handoff.At)
	}
}

// toQueue says that the customer is transferred, and then puts him into the queue.
func (w *world) toQueue(handoff time.Time) {
	w.redirects++
	redirect := w.redirects
	fate := w.percent("fate")
	w.after(w.wait("sentence", 5*time.Second), func() {
		switch {
		case !w.present() || redirect != w.redirects || w.taskStatus != "":
		case fate < 10 && !w.plain:
			w.session = "open"
			w.word(call.EnqueueEnded{Call: customer, Result: "error", Handoff: handoff})
			w.after(w.wait("again", time.Minute), w.handsOff)
		case fate < 15 && !w.plain: // it is lost
		default:
			w.enqueues++
			w.taskStatus = "pending"
			w.ttl()
			w.queued()
			w.after(w.wait("free", time.Minute), w.reserve)
		}
	})
}

// place dials the customer, unless he is being dialled already.
func (w *world) place() {
	if w.placings > 0 {
		return
	}
	w.placings++
	w.customerStatus = "ringing"
	w.happen(call.CallStatusChanged{Call: customer, Status: "ringing"})
	fate := w.percent("callee")
	w.after(w.wait("rings", 30*time.Second), func() {
		switch {
		case w.customerStatus != "ringing":
		case fate < 60:
			w.happen(call.CallStatusChanged{Call: customer, Status: "in-progress"})
			w.answered("outbound-api")
		default:
			w.customerStatus = []string{"busy", "no-answer", "failed", "canceled"}[fate%4]
			w.happen(call.CallStatusChanged{Call: customer, Status: w.customerStatus})
		}
	})
}

// botDone holds what must be so after a call of a bot.
func (w *world) botDone(t *rapid.T, s *call.State) {
	if !w.bot {
		return
	}
	require.LessOrEqual(t, w.enqueues, 1, "one handoff makes one task")
	require.LessOrEqual(t, w.placings, 1, "nobody is dialled twice")
	if w.fail == 0 {
		require.LessOrEqual(t, w.summaries, 1, "one summary")
	}
	require.NotEmpty(t, s.Bot.Result, "the bot's part has a result: %s", dump(*s))
	require.NotEmpty(t, s.Outcome)
}
