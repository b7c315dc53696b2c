package floor

import "time"

// Plan is what is to be done now: at most one command for each agent and each queue at a time.
func (s *State) Plan() []Command {
	var commands []Command
	for i := range s.Agents {
		a := &s.Agents[i]
		switch {
		case s.flying(string(a.SID)):
		case a.WantOff && a.Off == nil:
			commands = append(commands, MoveOff{Agent: a.SID, To: s.Settings.NotAnswering})
		case a.WantBack && a.Off != nil:
			commands = append(commands, BringBack{Agent: a.SID, From: s.Settings.offs(), To: a.Off.From})
		}
	}
	for i := range s.Queues {
		if q := &s.Queues[i]; q.WantLook && !s.flying(string(q.SID)) {
			commands = append(commands, LookAt{Queue: q.SID})
		}
	}
	return commands
}

func (s Settings) offs() []AvailabilitySID {
	var all []AvailabilitySID
	for _, a := range []AvailabilitySID{s.NotAnswering, s.TimedOut} {
		if a != "" && (len(all) == 0 || all[0] != a) {
			all = append(all, a)
		}
	}
	return all
}

// Begin notes that a command is on its way, and numbers it; its result must name that number.
func (s *State) Begin(now time.Time, c Command) Order {
	s.Numbered++
	f := Flight{Number: s.Numbered, Kind: Kind(c), At: now}
	switch c := c.(type) {
	case MoveOff:
		f.Subject = string(c.Agent)
	case BringBack:
		f.Subject = string(c.Agent)
		s.Agent(c.Agent).Backs++ // before it is known to have happened: what is not known must not happen for ever
	case LookAt:
		f.Subject = string(c.Queue)
		s.Queue(c.Queue).WantLook = false
	}
	s.Flights = append(s.Flights, f)
	return Order{Number: s.Numbered, Command: c}
}
