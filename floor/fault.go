package floor

import (
	"fmt"
	"slices"
	"time"
)

// note adds a miss. The window ends with the newest one.
func (q *Queue) note(m Miss, rule Rule) {
	q.Misses = append(q.Misses, m)
	if len(q.Misses) > keptMisses {
		q.Misses = slices.Delete(q.Misses, 0, len(q.Misses)-keptMisses)
	}
	newest := m.At
	for _, other := range q.Misses {
		if other.At.After(newest) {
			newest = other.At
		}
	}
	q.prune(newest, rule)
	if f := q.Fault; f != nil {
		if m.At.After(f.LastMiss) {
			f.LastMiss = m.At
		}
		if !slices.Contains(f.Agents, m.Agent) {
			f.Agents = append(f.Agents, m.Agent)
		}
	}
}

func (q *Queue) prune(now time.Time, rule Rule) {
	q.Misses = slices.DeleteFunc(q.Misses, func(m Miss) bool { return now.Sub(m.At) > rule.Window })
}

// missers are the different agents who missed within the window.
func (q *Queue) missers() []AgentSID {
	var agents []AgentSID
	for _, m := range q.Misses {
		if !slices.Contains(agents, m.Agent) {
			agents = append(agents, m.Agent)
		}
	}
	return agents
}

// lookedAt: who is on duty decides whether the misses are a fault; while it lasts, who has answered is known by it.
func (s *State) lookedAt(now time.Time, e QueueLookedAt) {
	f, ok := s.land(e.Command)
	if !ok {
		return
	}
	q := s.Queue(QueueSID(f.Subject))
	if q == nil {
		return
	}
	q.LookTries, q.RetryAt = 0, time.Time{}
	if q.Fault != nil {
		q.Fault.LookAt = now.Add(lookEvery)
	}
	onDuty := 0
	for _, on := range e.Agents {
		a := s.Agent(on.Agent)
		if on.Available || a != nil && a.Off != nil && slices.Contains(q.missers(), on.Agent) {
			onDuty++
		}
		if a == nil {
			continue
		}
		if on.AnsweredAt.After(a.MissedAt) {
			a.answered()
		}
		if a.Off != nil && f.At.After(a.Off.Since) && !s.Settings.IsOff(on.Availability) && !s.flying(string(a.SID)) {
			s.leave(a, now) // TaskRouter's word of it was lost
		}
	}
	rule := s.Settings.rule(q.SID, q.Name)
	missers := q.missers()
	if q.Fault == nil && len(missers) >= max(rule.Agents, 1) && float64(len(missers)) >= rule.Share*float64(onDuty) {
		s.begin(now, q, missers, max(onDuty, len(missers)))
	}
}

// lookFailed: nobody knows who is on duty. After a few tries the misses count as a fault, for Twilio's being away is one.
func (s *State) lookFailed(now time.Time, sid QueueSID) {
	q := s.Queue(sid)
	if q == nil {
		return
	}
	if q.Fault != nil {
		q.Fault.LookAt = now.Add(lookEvery)
		return
	}
	if q.LookTries++; q.LookTries < maxTries {
		q.RetryAt = now.Add(tryAgain)
		return
	}
	q.LookTries, q.RetryAt = 0, time.Time{}
	missers := q.missers()
	if rule := s.Settings.rule(q.SID, q.Name); len(missers) >= max(rule.Agents, 1) {
		s.alert(now, AlertLook, q, missers, "Twilio does not say who is on duty in this queue")
		s.begin(now, q, missers, len(missers))
	}
}

func (s *State) begin(now time.Time, q *Queue, missers []AgentSID, onDuty int) {
	q.Fault = &Fault{Since: now, LastMiss: now, OnDuty: onDuty, Agents: missers, LookAt: now.Add(lookEvery)}
	s.alert(now, AlertCascade, q, missers, fmt.Sprintf("%d of %d agents on duty did not answer within %s: look at the network, the desktops and Twilio",
		len(missers), onDuty, s.Settings.rule(q.SID, q.Name).Window))
}

// gone is how many agents are off, or on their way, because they missed in the time of a fault or shortly before.
func (s *State) gone(q *Queue, rule Rule) int {
	n := 0
	for i := range s.Agents {
		a := &s.Agents[i]
		if a.Queue == q.SID && (a.WantOff || a.Off != nil && a.Off.Since.After(q.Fault.Since.Add(-rule.Window))) {
			n++
		}
	}
	return n
}

// needed says whether, in a fault, an agent more who goes off would be one too many.
func (s *State) needed(q *Queue, rule Rule) bool {
	return rule.Do == DoBringBack && q.Fault.OnDuty-s.gone(q, rule)-1 < rule.kept(q.Fault.OnDuty)
}

// settle lets time, and all that happened, have its consequences.
func (s *State) settle(now time.Time) {
	for i := range s.Queues {
		q := &s.Queues[i]
		if !q.RetryAt.IsZero() && !q.RetryAt.After(now) {
			q.RetryAt, q.WantLook = time.Time{}, true
		}
		if q.Fault == nil {
			continue
		}
		rule := s.Settings.rule(q.SID, q.Name)
		if !now.Before(q.Fault.LastMiss.Add(rule.Calm)) || rule.Do == DoNothing {
			s.over(now, q)
			continue
		}
		if !q.Fault.LookAt.After(now) && !s.flying(string(q.SID)) {
			q.WantLook = true
		}
		if rule.Do == DoBringBack {
			s.keepUp(now, q, rule)
		}
	}
	for i := range s.Agents {
		s.schedule(now, &s.Agents[i])
	}
}

// keepUp brings back at once whom TaskRouter, or the misses before the fault was known, took beyond what must stay on: each once, those who
// went first coming first.
func (s *State) keepUp(now time.Time, q *Queue, rule Rule) {
	short := rule.kept(q.Fault.OnDuty) - (q.Fault.OnDuty - s.gone(q, rule))
	var off []*Agent
	for i := range s.Agents {
		a := &s.Agents[i]
		if a.Queue != q.SID || a.Off == nil || !a.Off.Since.After(q.Fault.Since.Add(-rule.Window)) {
			continue
		}
		if a.WantBack || s.flying(string(a.SID)) {
			short-- // he is on his way
			continue
		}
		if a.Backs == 0 && !a.GivenUp && a.Off.From != "" {
			off = append(off, a)
		}
	}
	slices.SortStableFunc(off, func(a, b *Agent) int { return a.Off.Since.Compare(b.Off.Since) })
	for _, a := range off[:min(max(short, 0), len(off))] {
		a.BackAt = now
	}
}

// over: nobody missed for a while. Who is off for the fault's sake comes back.
func (s *State) over(now time.Time, q *Queue) {
	rule := s.Settings.rule(q.SID, q.Name)
	if rule.Do == DoBringBack {
		for i := range s.Agents {
			a := &s.Agents[i]
			if a.Queue == q.SID && a.Off != nil && a.Off.Since.After(q.Fault.Since.Add(-rule.Window)) && !a.BackAt.IsZero() {
				a.BackAt = now
			}
		}
	}
	s.alert(now, AlertCascadeOver, q, q.Fault.Agents, fmt.Sprintf("nobody missed a call for %s", rule.Calm))
	q.Fault, q.WantLook = nil, false
}

// schedule says when an agent comes back, and whether that is now.
func (s *State) schedule(now time.Time, a *Agent) {
	if a.Off == nil || a.WantBack || a.GivenUp {
		return
	}
	rule := s.Settings.rule(a.Queue, a.QueueName)
	if a.BackAt.IsZero() {
		q := s.Queue(a.Queue)
		fault := q != nil && q.Fault != nil && rule.Do == DoBringBack && a.Off.Since.After(q.Fault.Since.Add(-rule.Window))
		switch {
		case fault && (a.Backs >= rule.Backs || a.Off.From == ""):
			a.GivenUp = true
			s.changed(a.SID, ChangeStaysOff)
			s.alert(now, AlertGivenUp, q, []AgentSID{a.SID}, fmt.Sprintf("the agent was brought back %d times and did not answer, or nobody knows where he was", a.Backs))
			return
		case fault:
			a.BackAt = a.Off.Since.Add(rule.wait(a.Backs))
		case a.Misses < rule.Misses && a.Off.From != "":
			a.BackAt = now // TaskRouter moved him at his first miss, and he may miss more
		default:
			return
		}
		if a.BackAt.Before(now) {
			a.BackAt = now
		}
	}
	if !a.BackAt.After(now) {
		a.WantBack = true
	}
}

// NextDeadline is when [ClockTicked] has something to do next; false if never.
func (s *State) NextDeadline() (at time.Time, ok bool) {
	consider := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	for i := range s.Agents {
		if a := &s.Agents[i]; a.Off != nil && !a.WantBack && !s.flying(string(a.SID)) {
			consider(a.BackAt)
		}
	}
	for i := range s.Queues {
		q := &s.Queues[i]
		consider(q.RetryAt)
		if q.Fault == nil {
			continue
		}
		consider(q.Fault.LastMiss.Add(s.Settings.rule(q.SID, q.Name).Calm))
		if !q.WantLook && !s.flying(string(q.SID)) {
			consider(q.Fault.LookAt)
		}
	}
	return at, ok
}
