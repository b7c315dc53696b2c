package floor

// A Command is what the breaker wants done. The set is sealed.
type Command interface{ command() }

// Commands.
type (
	// MoveOff moves an agent to an availability if he is available when Twilio is asked; who is not is left where he is, for he, or somebody, put himself
	// there. Its result is [AgentMoved].
	MoveOff struct {
		Agent AgentSID        `json:"agent_sid"`
		To    AvailabilitySID `json:"to"`
	}
	// BringBack moves an agent to where he was, if he is still in one of From when Twilio is asked. Its result is [AgentMoved].
	BringBack struct {
		Agent AgentSID          `json:"agent_sid"`
		From  []AvailabilitySID `json:"from"`
		To    AvailabilitySID   `json:"to"`
	}
	// LookAt asks who can be offered a queue's calls, and where they are. Its result is [QueueLookedAt].
	LookAt struct {
		Queue QueueSID `json:"queue_sid"`
	}
)

func (MoveOff) command()   {}
func (BringBack) command() {}
func (LookAt) command()    {}

// Order is a command on its way: Plan gives it, [State.Begin] notes it, and its result names it by Number.
type Order struct {
	Number  int
	Command Command
}
