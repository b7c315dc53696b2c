package floor

import (
	"math"
	"time"
)

// Kinds of SIDs; the values are Twilio's.
type (
	// AgentSID is WK….
	AgentSID string
	// AvailabilitySID is WA….
	AvailabilitySID string
	// QueueSID is WQ….
	QueueSID string
	// ReservationSID is WR….
	ReservationSID string
)

// Do is what is done about a fault.
type Do string

// What is done about a fault.
const (
	// DoBringBack alerts, keeps a share of the agents on, and brings back those who went off.
	DoBringBack Do = "bring-back"
	// DoAlert alerts, and nothing else.
	DoAlert Do = "alert"
	// DoNothing counts nothing: who misses goes off.
	DoNothing Do = "nothing"
)

// Rule says what counts as a fault in a queue, and what is done then.
type Rule struct {
	// Misses is how many calls in a row an agent may miss before he goes off. 1: he goes off at the first.
	Misses int `json:"misses"`
	// Agents is how many different agents must miss within Window for a fault, and Share how many they must be of those on duty, from 0 to 1.
	Agents int           `json:"agents"`
	Window time.Duration `json:"window"`
	Share  float64       `json:"share"`
	// Do is what is done about a fault.
	Do Do `json:"do"`
	// Keep is the share of those on duty who stay on for as long as a fault lasts, even if they miss.
	Keep float64 `json:"keep"`
	// BackAfter is how long an agent stays off in a fault before he is brought back. It doubles each time until he answers, up to BackAfterMost.
	BackAfter     time.Duration `json:"back_after"`
	BackAfterMost time.Duration `json:"back_after_most"`
	// Backs is how often an agent is brought back until he answers. After that he stays off until he comes by himself.
	Backs int `json:"backs"`
	// Calm is how long nobody must have missed for a fault to be over.
	Calm time.Duration `json:"calm"`
}

// DefaultRule is for a real contact centre.
func DefaultRule() Rule {
	return Rule{
		Misses: 1, Agents: 3, Window: 2 * time.Minute, Share: 0.3, Do: DoBringBack, Keep: 0.5,
		BackAfter: 15 * time.Second, BackAfterMost: 5 * time.Minute, Backs: 6, Calm: 2 * time.Minute,
	}
}

// kept is how many of so many agents stay on.
func (r Rule) kept(onDuty int) int { return int(math.Ceil(r.Keep * float64(onDuty))) }

// wait is how long an agent stays off who was brought back so often already.
func (r Rule) wait(backs int) time.Duration {
	d := r.BackAfter
	for range backs {
		if d >= r.BackAfterMost {
			break
		}
		d *= 2
	}
	return min(d, max(r.BackAfterMost, r.BackAfter))
}

// QueueRule is the rule of one queue, by its SID or its name.
type QueueRule struct {
	Queue string `json:"queue"`
	Rule  Rule   `json:"rule"`
}

// Settings are what the breaker works by. They may change while it runs, by [SettingsChanged].
type Settings struct {
	// NotAnswering is where an agent goes who does not answer; "" leaves everybody where he is.
	NotAnswering AvailabilitySID `json:"not_answering,omitempty"`
	// TimedOut is where TaskRouter moves agents by itself whose reservation timed out.
	TimedOut AvailabilitySID `json:"timed_out,omitempty"`
	// Rule is that of the queues that have none of their own.
	Rule   Rule        `json:"rule"`
	Queues []QueueRule `json:"queues,omitempty"`
}

func (s Settings) rule(q QueueSID, name string) Rule {
	for _, r := range s.Queues {
		if r.Queue == string(q) || r.Queue == name {
			return r.Rule
		}
	}
	return s.Rule
}

// IsOff says whether an availability is where agents go who do not answer.
func (s Settings) IsOff(a AvailabilitySID) bool {
	return a != "" && (a == s.NotAnswering || a == s.TimedOut)
}
