package floor

import (
	"slices"
	"time"
)

// Apply lets an event take effect.
func (s *State) Apply(now time.Time, e Event) {
	switch e := e.(type) {
	case AgentMissed:
		s.missed(e)
	case AgentAvailabilityChanged:
		s.availabilityChanged(e)
	case AvailabilityChosen:
		s.availabilityChosen(e)
	case SettingsChanged:
		s.Settings = e.Settings
	case AgentMoved:
		s.agentMoved(now, e)
	case QueueLookedAt:
		s.lookedAt(now, e)
	case CommandFailed:
		s.commandFailed(now, e)
	case ClockTicked:
	}
	s.settle(now)
	s.forget(now)
}

// missed counts a miss, for the agent and for the queue, and says whether he goes off for it.
func (s *State) missed(e AgentMissed) {
	a := s.agent(e.Agent, e.AgentName)
	if slices.Contains(a.Missed, e.Reservation) {
		return
	}
	if a.Missed = append(a.Missed, e.Reservation); len(a.Missed) > keptMissed {
		a.Missed = slices.Delete(a.Missed, 0, len(a.Missed)-keptMissed)
	}
	if e.AnsweredAt.After(a.MissedAt) {
		a.answered()
	}
	a.Misses++
	if e.At.After(a.MissedAt) {
		a.MissedAt = e.At
	}
	a.Queue, a.QueueName, a.Call, a.Why = e.Queue, e.QueueName, e.Call, e.Why
	s.changed(a.SID, ChangeMissed)
	s.tieMove(a)

	rule := s.Settings.rule(e.Queue, e.QueueName)
	goes := a.Off == nil && a.Misses >= rule.Misses && s.Settings.NotAnswering != "" && a.MissedAt.After(a.ChosenAt)
	if e.Queue != "" && rule.Do != DoNothing {
		q := s.queue(e.Queue, e.QueueName)
		q.note(Miss{Agent: e.Agent, At: e.At}, rule)
		switch {
		case q.Fault != nil:
			if goes && s.needed(q, rule) {
				goes = false
				s.changed(a.SID, ChangeStaysOn)
			}
		case len(q.missers()) >= rule.Agents:
			q.WantLook = true
		}
	}
	if goes {
		a.WantOff = true
	}
}

// answered: his phone works, and he is there.
func (a *Agent) answered() {
	a.Misses, a.Backs, a.GivenUp = 0, 0, false
}

// tieMove says that an agent is off for his miss, if TaskRouter's word of his being moved fits.
func (s *State) tieMove(a *Agent) {
	if a.Off != nil || !s.Settings.IsOff(a.Where) || a.MissedAt.IsZero() {
		return
	}
	byUs := s.flying(string(a.SID)) || a.WantOff
	after := a.WhereAt.Sub(a.MissedAt)
	if !byUs && (after < -moveBefore || after > moveBelongs) {
		return
	}
	if a.ChosenTo == a.Where && a.ChosenAt.Sub(a.WhereAt).Abs() < chosenClose {
		return // it was a person
	}
	s.off(a, a.Was, a.WhereAt)
}

// off: he is off for a miss.
func (s *State) off(a *Agent, from AvailabilitySID, since time.Time) {
	if s.Settings.IsOff(from) {
		from = ""
	}
	a.Off = &Off{From: from, Since: since, Why: a.Why}
	a.WantOff, a.WantBack, a.BackAt = false, false, time.Time{}
	s.changed(a.SID, ChangeMovedOff)
}

// leave: somebody put the agent somewhere. The breaker has nothing to do with him until he misses again.
func (s *State) leave(a *Agent, at time.Time) {
	if a.Off != nil {
		s.changed(a.SID, ChangeLeftAlone)
	}
	a.Off, a.WantOff, a.WantBack, a.BackAt, a.MoveTries = nil, false, false, time.Time{}, 0
	a.answered()
	if at.After(a.ChosenAt) {
		a.ChosenAt, a.ChosenTo = at, ""
	}
}

// availabilityChanged: TaskRouter tells where an agent is. Where he went by our own doing is told by the command's result, too; both come in any order.
func (s *State) availabilityChanged(e AgentAvailabilityChanged) {
	a := s.Agent(e.Agent)
	if a == nil {
		if !s.Settings.IsOff(e.To) {
			return
		}
		a = s.agent(e.Agent, e.AgentName) // the miss may be told later than the move
	}
	if e.At.Before(a.WhereAt) {
		return
	}
	a.Where, a.Was, a.WhereAt = e.To, e.From, e.At
	switch {
	case s.Settings.IsOff(e.To):
		s.tieMove(a)
	case a.Off != nil && e.At.Before(a.Off.Since):
		// It is older than his going off.
	case a.Off != nil && a.Off.From == e.To && s.flying(string(a.SID)):
		// We bring him back.
	case a.Off == nil && e.At.Sub(a.BackedAt).Abs() <= moveBelongs:
		// We brought him back.
	default:
		s.leave(a, e.At)
	}
}

func (s *State) availabilityChosen(e AvailabilityChosen) {
	a := s.Agent(e.Agent)
	if a == nil {
		if !s.Settings.IsOff(e.To) {
			return
		}
		a = s.agent(e.Agent, "") // TaskRouter's word of it may come later, and looks like that of a miss
	}
	s.leave(a, e.At)
	a.ChosenTo = e.To
}

// agentMoved: what came of moving an agent.
func (s *State) agentMoved(now time.Time, e AgentMoved) {
	f, ok := s.land(e.Command)
	if !ok {
		return
	}
	a := s.Agent(AgentSID(f.Subject))
	if a == nil {
		return
	}
	a.MoveTries = 0
	switch {
	case f.Kind == "MoveOff" && e.Moved:
		if a.WantOff && a.Off == nil {
			s.off(a, e.Was, now)
		}
	case f.Kind == "MoveOff":
		a.WantOff = false
		if s.Settings.IsOff(e.Was) {
			s.tieMove(a) // TaskRouter was first; its word of it may be on its way
		} else if a.Off == nil {
			s.leave(a, now)
		}
	case a.Off == nil: // somebody put him somewhere meanwhile
	case e.Moved:
		a.Off, a.WantBack, a.BackAt, a.BackedAt = nil, false, time.Time{}, now
		s.changed(a.SID, ChangeBroughtBack)
	default:
		s.leave(a, now)
	}
}

// commandFailed: it is tried again a few times, by and by.
func (s *State) commandFailed(now time.Time, e CommandFailed) {
	f, ok := s.land(e.Command)
	if !ok {
		return
	}
	if f.Kind == "LookAt" {
		s.lookFailed(now, QueueSID(f.Subject))
		return
	}
	a := s.Agent(AgentSID(f.Subject))
	if a == nil {
		return
	}
	a.MoveTries++
	switch {
	case a.MoveTries >= maxTries:
		s.alert(now, AlertStuck, s.Queue(a.Queue), []AgentSID{a.SID}, "the agent cannot be moved: "+e.Message)
		a.WantOff, a.WantBack, a.BackAt, a.MoveTries = false, false, time.Time{}, 0
		a.GivenUp = a.Off != nil
	case f.Kind == "BringBack":
		a.WantBack, a.BackAt = false, now.Add(tryAgain)
		a.Backs = max(a.Backs-1, 0) // Begin counted it
	}
}

// land takes a flight off the list.
func (s *State) land(number int) (Flight, bool) {
	i := slices.IndexFunc(s.Flights, func(f Flight) bool { return f.Number == number })
	if i < 0 {
		return Flight{}, false
	}
	f := s.Flights[i]
	s.Flights = slices.Delete(s.Flights, i, i+1)
	return f, true
}

// forget drops what decides nothing any more.
func (s *State) forget(now time.Time) {
	s.Agents = slices.DeleteFunc(s.Agents, func(a Agent) bool {
		last := a.MissedAt
		for _, t := range []time.Time{a.WhereAt, a.BackedAt, a.ChosenAt} {
			if t.After(last) {
				last = t
			}
		}
		return a.Off == nil && !a.WantOff && !s.flying(string(a.SID)) && now.Sub(last) > rememberFor
	})
	for i := range s.Queues {
		s.Queues[i].prune(now, s.Settings.rule(s.Queues[i].SID, s.Queues[i].Name))
	}
	s.Queues = slices.DeleteFunc(s.Queues, func(q Queue) bool {
		return q.Fault == nil && !q.WantLook && q.RetryAt.IsZero() && len(q.Misses) == 0 && !s.flying(string(q.SID))
	})
}
