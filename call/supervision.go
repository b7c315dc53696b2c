package call

import "time"

// SupervisionMode says what a supervisor's leg does.
type SupervisionMode string

// Supervision modes.
const (
	SupervisionNone SupervisionMode = ""
	Monitor         SupervisionMode = "monitor" // hears all, is heard by nobody
	Whisper         SupervisionMode = "whisper" // hears all, is heard by the coached leg alone
	Barge           SupervisionMode = "barge"   // hears all, is heard by all
)

func (m SupervisionMode) valid() bool { return m == Monitor || m == Whisper || m == Barge }

// Supervision is what a supervisor's leg is there for; see [Leg].
type Supervision struct {
	Wanted  SupervisionMode `json:"wanted,omitempty"`
	Coach   SID             `json:"coach,omitempty"`   // whom he is to coach: an agent's leg; "" while there is none, and he is heard by nobody
	Private bool            `json:"private,omitempty"` // agents are not shown that he listens
	Since   time.Time       `json:"since,omitzero"`    // the mode was asked for

	// TakesOver says that the agents are to leave as soon as he is heard; Has that they were told to, and the call is his.
	TakesOver bool `json:"takes_over,omitempty"`
	Has       bool `json:"has,omitempty"`

	// Ordered is the last order that could change who hears him. Doubt is the last order that was given when it became unclear who does: only a look
	// that was asked for later tells.
	Ordered int `json:"ordered,omitempty"`
	Doubt   int `json:"doubt,omitempty"`
}

// Mode is what a supervisor's leg in the conference does, by Twilio's word; "" of any other leg.
func (l *Leg) Mode() SupervisionMode {
	switch {
	case l.Role != RoleSupervisor || l.State != LegJoined:
		return SupervisionNone
	case l.Muted:
		return Monitor
	case l.Coaching:
		return Whisper
	default:
		return Barge
	}
}

// supervises says whether the leg is in the conference, and who hears it is decided by a mode.
func (l *Leg) supervises() bool {
	return l.Role == RoleSupervisor && l.Supervision.Wanted != SupervisionNone && l.State == LegJoined
}

// asWanted says whether a supervisor's leg does what is wanted of it, and nothing is on its way that might change it.
func (s *State) asWanted(l *Leg) bool {
	return l.Mode() == l.Supervision.Wanted && l.Supervision.Doubt == 0 && !s.flying(string(l.Call)) &&
		(l.Supervision.Wanted != Whisper || l.Supervision.Coach != "" && l.Coach == l.Supervision.Coach)
}

// Help is an agent's wish for a supervisor.
type Help struct {
	Agent  AgentSID  `json:"agent_sid"`
	Name   string    `json:"name"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}
