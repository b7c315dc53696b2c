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

// Supervision is what a supervisor's leg is there for; see [Leg].
type Supervision struct {
	Wanted  SupervisionMode `json:"wanted,omitempty"`
	Coach   SID             `json:"coach,omitempty"`   // whom he is to coach: an agent's leg
	Private bool            `json:"private,omitempty"` // agents are not shown that he listens
	Since   time.Time       `json:"since,omitzero"`
}

// Help is an agent's wish for a supervisor.
type Help struct {
	Agent  AgentSID  `json:"agent_sid"`
	Name   string    `json:"name"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}
