package call

import (
	"slices"
	"time"
)

// requestHelp: an agent wants a supervisor. Asked again, it is the same wish, for another reason perhaps.
func (s *State) requestHelp(now time.Time, e HelpRequested) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Status: ActionOpen})
	i := slices.IndexFunc(s.Helps, func(h Help) bool { return h.Agent == e.By.Agent })
	if i >= 0 {
		s.Helps[i].Reason = e.Reason
		return
	}
	s.Helps = append(s.Helps, Help{Agent: e.By.Agent, Name: e.By.Name, Reason: e.Reason, At: now})
}

// dismissHelp: the wish is gone. One that is gone already is as wanted.
func (s *State) dismissHelp(e HelpDismissed) {
	if s.known(e.Request) || s.Allows(e) != nil {
		return
	}
	s.Actions = append(s.Actions, Action{Request: e.Request, Kind: Kind(e), Agent: e.Agent, Status: ActionOpen})
	s.Helps = slices.DeleteFunc(s.Helps, func(h Help) bool { return h.Agent == e.Agent })
}

// settleHelps forgets the wishes of agents who are not there any more.
func (s *State) settleHelps() {
	s.Helps = slices.DeleteFunc(s.Helps, func(h Help) bool { return !s.agentThere(h.Agent) })
}

func (s *State) agentThere(agent AgentSID) bool {
	return agent != "" && slices.ContainsFunc(s.Legs, func(l Leg) bool {
		return l.Role == RoleAgent && l.State == LegJoined && l.Agent == agent
	})
}

// allowsHelp: an agent who is in the call wants help.
func (s *State) allowsHelp(r Request) error {
	switch {
	case s.known(r):
		return nil
	case s.Customer() == nil || s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case !s.agentThere(r.By.Agent):
		return &NotAllowed{CodeNotAnAgentLeg, "who asks is not an agent in this call"}
	default:
		return nil
	}
}
