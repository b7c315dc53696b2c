package call

import (
	"cmp"
	"time"
)

// requestHandoff: somebody asks by the API that the caller goes to a person. However often it is asked for, and by whom, it is one handoff.
func (s *State) requestHandoff(now time.Time, e HandoffRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Status: ActionOpen})
	b := &s.Bot
	if !b.Handoff.At.IsZero() {
		return
	}
	b.Handoff = e.Handoff
	b.Handoff.At = now
	b.Handoff.By = cmp.Or(e.Handoff.By, e.By.Name)
	b.Summarised = false
	if b.Merge = !s.withBot(); b.Merge {
		return // he waits already: his task learns of it
	}
	b.WantQueued = true
	if e.NotBefore.After(now) {
		b.NotBefore = e.NotBefore
	}
	s.forgetTries(subjectQueue)
}

// allowsHandoff: a caller can be handed over until a person has him.
func (s *State) allowsHandoff(e HandoffRequested) error {
	switch b := &s.Bot; {
	case s.known(e.Request):
		return nil
	case s.dialling() && !s.WantEnd:
		return &NotAllowed{CodeNotAnswered, "the customer has not answered yet; nobody can be handed over"}
	case s.Customer() == nil || s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case s.met():
		return &NotAllowed{CodeHandedOff, "a person has the call already"}
	case b.Told && b.Result == BotTransferred:
		return &NotAllowed{CodeHandedOff, "the bot has sent the call elsewhere"}
	case b.Told:
		return s.ended()
	default:
		return nil
	}
}

// judgeHandoff: the caller's task is there, and carries what is to be known of him.
func (s *State) judgeHandoff() (ActionStatus, string) {
	switch b := &s.Bot; {
	case b.Merge && b.Summarised, !b.Merge && s.Task.SID != "":
		return ActionVerified, ""
	case s.talkOver():
		return ActionFailed, "the caller was gone before he was handed over"
	default:
		return ActionOpen, ""
	}
}

// planBot places a call that goes out, puts a caller into the queue who is to go there, and has his task told what was talked about.
func (s *State) planBot(add func(Command)) {
	b := &s.Bot
	c := s.Customer()
	if b.Outbound && c == nil && b.Result == "" && !s.WantEnd && !s.hasDeadline(DeadlineBot, botLost) {
		add(PlaceCall{Call: s.ID, To: s.To, From: s.From, Session: b.Session, Machine: b.Machine, Ring: b.Ring, At: b.Since})
	}
	if b.WantQueued && c != nil && s.withBot() && !s.WantEnd {
		add(EnqueueCaller{Call: s.ID, Leg: c.Call, To: s.line(), Session: b.Session, Handoff: b.Handoff, NotBefore: b.NotBefore})
	}
	if t := &s.Task; t.SID != "" && !t.closed() && !b.Handoff.At.IsZero() && !b.Summarised && b.Result != BotAbandoned && (b.Merge || !b.Handoff.Final && b.Session != "") {
		add(SummariseHandoff{Task: t.SID, Session: b.Session, Handoff: b.Handoff})
	}
}

// notEnqueued: Twilio does not take the <Enqueue>. The bot has the caller still.
func (s *State) notEnqueued(why string) {
	if s.Bot.Overdue && s.Bot.People {
		s.end(endedBySystem)
	}
	s.cameBack(why)
}

// notSummarised: the task goes without.
func (s *State) notSummarised(why string) {
	s.Bot.Summarised = true
	if s.Bot.Merge {
		s.failActions("", why, "HandoffRequested")
	}
}
