package call

import (
	"cmp"
	"time"
)

// Subjects of [DeadlineBot].
const (
	botLongest = "longest" // the bot has had the caller for as long as it may
	botTold    = "told"    // whoever hung up did: the dialogue had its time to say that it was the bot
	botTask    = "task"    // an <Enqueue> must have made its task by now
	botRing    = "ring"    // an outbound call must have been answered, or not, by now
	botLost    = "lost"    // an outbound call of which nobody knows whether it was placed would have been told of by now
)

const (
	// taskWithin is how long after an <Enqueue> was given its task must be there; words are spoken before it.
	taskWithin = time.Minute
	// ringFor is how long an outbound call rings if nobody said otherwise.
	ringFor = 30 * time.Second
	// secondTime is how much longer a bot has a caller whom it had for too long, and for whom nobody could be had.
	secondTime = 5 * time.Minute
)

// bots says whether a bot has, or had, a part in the call.
func (s *State) bots() bool { return !s.Bot.Since.IsZero() }

// withBot says whether the customer is with the bot, or hears its last words.
func (s *State) withBot() bool {
	return s.bots() && !s.Bot.Enqueued && s.Bot.Result != BotHandedOff && !s.talkOver()
}

// withoutTask says whether the bot's part is the whole call: nobody is looked for.
func (s *State) withoutTask() bool {
	return s.bots() && s.Task.SID == "" && !s.Bot.Enqueued && s.Bot.Result != BotHandedOff && s.Bot.Result != BotAbandoned
}

// dialling says whether a bot calls a customer who has not answered yet.
func (s *State) dialling() bool {
	return s.Bot.Outbound && s.Bot.AnsweredAt.IsZero() && !s.talkOver()
}

// unplaced says whether an outbound call came to nothing before Twilio had it.
func (s *State) unplaced() bool {
	return s.Bot.Outbound && s.Customer() == nil && s.Bot.Result != ""
}

// line is our number in the call: what the customer dialled, or from where he was called.
func (s *State) line() string {
	if s.Bot.Outbound {
		return s.From
	}
	return s.To
}

func (b *BotPhase) begin(now time.Time) {
	if b.Since.IsZero() {
		b.Since = now
	}
}

// botAnswered: the customer is with the bot.
func (s *State) botAnswered(now time.Time, e BotAnswered) {
	b := &s.Bot
	b.begin(now)
	s.received(now, e.Call, Caller{e.From, e.To, e.Direction})
	s.Account = cmp.Or(s.Account, e.Account)
	b.Session, b.Bot, b.Name, b.Connection = cmp.Or(b.Session, e.Session), cmp.Or(b.Bot, e.Bot), cmp.Or(b.Name, e.Name), cmp.Or(b.Connection, e.Connection)
	b.Foreign = b.Session == "" && (b.Foreign || e.Foreign)
	b.People = b.People || e.People && !b.Overdue
	if e.Again && b.Result == BotTransferred && !s.talkOver() {
		b.Told, b.Result, b.OverAt = false, "", time.Time{}
	}
	if b.AnsweredAt.IsZero() {
		b.AnsweredAt = now
	}
	s.limitBot(now, s.Settings.BotLongest)
}

// limitBot bounds how long a bot has the caller. Another platform's does what it does: all we could do is to cut it off.
func (s *State) limitBot(now time.Time, within time.Duration) {
	if s.Settings.BotLongest > 0 && !s.Bot.Foreign && !s.Bot.Overdue && s.Bot.Result == "" && !s.Bot.Enqueued {
		s.setDeadline(DeadlineBot, botLongest, now.Add(within))
	}
}

// callRequested: the bot is to call a customer.
func (s *State) callRequested(now time.Time, e CallRequested) {
	b := &s.Bot
	if b.Outbound || s.Customer() != nil {
		return
	}
	b.begin(now)
	b.Outbound, b.Session, b.Bot, b.Name, b.Connection = true, e.Session, e.Bot, e.Name, e.Connection
	b.Machine, b.Ring = e.Machine, cmp.Or(e.Ring, ringFor)
	s.From, s.To, s.Direction, s.Account = e.From, e.To, "outbound-api", cmp.Or(s.Account, e.Account)
	if s.ReceivedAt.IsZero() {
		s.ReceivedAt = now
	}
}

// placed: Twilio dials the customer.
func (s *State) placed(now time.Time, sid SID) {
	if sid == "" {
		return
	}
	c := s.customer(now, sid)
	c.Address = cmp.Or(c.Address, s.To)
	s.Bot.Doubt = false
	s.clearDeadline(DeadlineBot, botLost)
}

// notPlaced: the call cannot be placed. If one of the requests may have been taken all the same, the call's own callbacks would tell.
func (s *State) notPlaced(now time.Time) {
	if s.Bot.Doubt {
		s.setDeadline(DeadlineBot, botLost, now.Add(s.Bot.Ring+s.Settings.ConnectWithin))
		return
	}
	s.Bot.Result = string(OutcomeFailed)
}

// handedOff: the dialogue put the caller into the queue.
func (s *State) handedOff(now time.Time, e HandedOff) {
	b := &s.Bot
	b.begin(now)
	s.customer(now, e.Call)
	b.Session = cmp.Or(b.Session, e.Session)
	h := e.Handoff
	if h.At.IsZero() {
		h.At = now
	}
	if !b.FailedAt.IsZero() && !h.At.After(b.FailedAt) || b.Enqueued && !h.At.After(b.Handoff.At) {
		return // told again, or overtaken by its end
	}
	b.Handoff = h
	s.enqueued(now)
}

// enqueued: Twilio has the <Enqueue>.
func (s *State) enqueued(now time.Time) {
	b := &s.Bot
	b.Enqueued, b.WantQueued, b.NotBefore = true, false, time.Time{}
	if b.OverAt.IsZero() {
		b.OverAt = now
	}
	if s.Task.SID == "" {
		s.setDeadline(DeadlineBot, botTask, now.Add(taskWithin))
	}
}

// botEnded: the dialogue itself ended its part.
func (s *State) botEnded(now time.Time, e BotEnded) {
	b := &s.Bot
	b.begin(now)
	s.customer(now, e.Call)
	b.Session = cmp.Or(b.Session, e.Session)
	if b.Told || b.Enqueued || b.Result != "" && b.Result != BotOver {
		return
	}
	b.Told, b.Result, b.WantQueued = true, e.Result, false
	if b.OverAt.IsZero() {
		b.OverAt = now
	}
	if !s.WantEnd && s.EndedBy == endedByCustomer {
		s.EndedBy = s.whoHungUp()
	}
}

// whoHungUp is who ended a call whose customer is gone, as far as nobody asked for it.
func (s *State) whoHungUp() string {
	switch b := &s.Bot; {
	case b.Outbound && b.AnsweredAt.IsZero():
		return "" // nobody was there
	case b.Told && b.Result != BotTransferred:
		return endedByBot
	default:
		return endedByCustomer
	}
}

// enqueueEnded: a caller whom the bot handed over comes back to it, for he could not be put into the queue.
func (s *State) enqueueEnded(now time.Time, e EnqueueEnded) {
	b := &s.Bot
	switch e.Result {
	case "error", "system-error", "queue-full": // https://www.twilio.com/docs/voice/twiml/enqueue#attributes-action
	default:
		return
	}
	at := e.Handoff
	if at.IsZero() {
		at = b.Handoff.At
	}
	if !s.bots() || at.IsZero() || s.Task.SID != "" || !at.After(b.FailedAt) {
		return
	}
	b.FailedAt = at
	if !b.Enqueued || b.Handoff.At.After(at) {
		return // told before the handoff itself
	}
	s.cameBack("nobody could be reached: " + e.Result)
	if b.Foreign {
		s.end(endedBySystem) // whoever had the caller does not have him any more
		return
	}
	s.limitAgain(now)
}

// cameBack ends a handoff that came to nothing: the bot has the caller again, and may hand him over anew.
func (s *State) cameBack(why string) {
	b := &s.Bot
	b.Handoff, b.Enqueued, b.WantQueued, b.Summarised, b.NotBefore, b.OverAt = Handoff{}, false, false, false, time.Time{}, time.Time{}
	s.clearDeadline(DeadlineBot, botTask)
	s.failActions("", why, "HandoffRequested")
}

// limitAgain bounds the bot's time once more where it is over. For want of people the call ends then.
func (s *State) limitAgain(now time.Time) {
	if s.Bot.Overdue && !s.customerGone() && !s.WantEnd {
		s.Bot.People = false
		s.setDeadline(DeadlineBot, botLongest, now.Add(secondTime))
	}
}

// lostInQueue: no task came of an <Enqueue>. It is given once more; if that does not help, there is no way on.
func (s *State) lostInQueue() {
	b := &s.Bot
	if !b.Enqueued || s.Task.SID != "" || s.customerGone() || s.WantEnd || s.hasDeadline(DeadlineBot, botTask) {
		return
	}
	b.Lost++
	if b.Lost > 1 {
		s.end(endedBySystem)
		return
	}
	b.Enqueued, b.WantQueued, b.OverAt = false, true, time.Time{}
	s.forgetTries(subjectQueue)
}

// settleBot sees where the bot's part stands by what is known of the customer and his task.
func (s *State) settleBot(now time.Time) {
	b := &s.Bot
	if !s.bots() {
		return
	}
	c := s.Customer()
	answered := s.CustomerStatus == "in-progress" || b.Enqueued || b.Told || s.Task.SID != "" || c != nil && !c.JoinedAt.IsZero()
	if b.Outbound && b.AnsweredAt.IsZero() && answered {
		b.AnsweredAt = now
		s.limitBot(now, s.Settings.BotLongest)
	}
	s.settleDialling(now)
	switch {
	case b.Result != "" && (b.Result != BotOver || s.Task.SID == ""):
	case s.Task.SID != "" || c != nil && !c.JoinedAt.IsZero():
		if b.Result == BotOver && s.customerGone() {
			b.Result = BotAbandoned
		} else {
			b.Result = BotHandedOff
		}
		b.Enqueued, b.WantQueued = true, false
		s.clearDeadline(DeadlineBot, botTask)
	case c == nil && s.WantEnd && !s.flying(subjectPlace):
		if !b.Doubt {
			b.Result = string(OutcomeCanceled)
		} else {
			s.setDeadline(DeadlineBot, botLost, now.Add(b.Ring+s.Settings.ConnectWithin))
		}
	case s.customerGone():
		s.settleBotGone(now)
	}
	if b.Result != "" || b.Enqueued {
		if b.OverAt.IsZero() {
			b.OverAt = now
		}
		if b.Result != BotOver && b.Result != BotMachine || s.customerGone() {
			s.clearDeadline(DeadlineBot, botLongest)
		}
		s.clearDeadline(DeadlineBot, botTold)
	}
	if b.Result == BotAbandoned && s.Task.SID != "" && !s.assignedEver() {
		s.Close = true // a task that comes all the same is for nobody
	}
}

// settleDialling watches a call that goes out until somebody answers, or nobody does.
func (s *State) settleDialling(now time.Time) {
	if s.dialling() && s.Customer() != nil {
		s.setDeadline(DeadlineBot, botRing, now.Add(s.Bot.Ring+s.Settings.ConnectWithin))
	} else {
		s.clearDeadline(DeadlineBot, botRing)
	}
}

// settleBotGone: the customer is gone, and the bot did not say that its part was over. It may yet.
func (s *State) settleBotGone(now time.Time) {
	b := &s.Bot
	switch {
	case b.Enqueued || b.WantQueued:
		b.Result = BotAbandoned
	case b.Outbound && b.AnsweredAt.IsZero() && s.CustomerStatus != "completed":
		if b.Result = s.CustomerStatus; b.Result == statusGone {
			b.Result = string(OutcomeFailed)
		}
	case s.WantEnd || b.Outbound && b.AnsweredAt.IsZero():
		b.Result = BotOver
	default:
		s.setDeadline(DeadlineBot, botTold, now.Add(s.Settings.ConfirmWithin))
	}
}

// botDue: one of the bot's deadlines is over.
func (s *State) botDue(now time.Time, subject string) {
	b := &s.Bot
	switch subject {
	case botLongest:
		s.botTooLong(now)
	case botTold:
		if b.Result == "" {
			b.Result = BotOver
		}
	case botTask, botRing:
		s.WantLook = true
	case botLost:
		if b.Doubt && s.Customer() == nil {
			b.Result = string(OutcomeFailed)
		}
	}
}

// botTooLong: the bot has had the caller for as long as it may. He goes to a person, or the call ends.
func (s *State) botTooLong(now time.Time) {
	b := &s.Bot
	switch {
	case s.WantEnd || s.customerGone() || b.Enqueued || b.WantQueued:
	case b.People && b.Result == "":
		b.Handoff, b.WantQueued, b.Overdue = Handoff{Reason: "the dialogue took too long", At: now, By: "rule"}, true, true
	default:
		b.Overdue = true
		s.end(endedBySystem)
	}
}

// outcomeOfBot is how a call went that a bot saw to alone.
func (s *State) outcomeOfBot() Outcome {
	switch {
	case s.WantEnd && s.EndedBy != endedBySystem:
		return OutcomeCanceled
	case s.Bot.Result == string(OutcomeBusy), s.Bot.Result == string(OutcomeNoAnswer), s.Bot.Result == string(OutcomeFailed), s.Bot.Result == string(OutcomeCanceled):
		return Outcome(s.Bot.Result)
	default:
		return OutcomeCompleted
	}
}
