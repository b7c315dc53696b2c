package call

// TargetKind says whom a call is to be brought to.
type TargetKind string

// Target kinds.
const (
	TargetUnknown    TargetKind = ""
	TargetAgent      TargetKind = "agent"      // this agent, by a task of TaskRouter routed to him
	TargetQueue      TargetKind = "queue"      // whoever TaskRouter finds in this queue
	TargetNumber     TargetKind = "number"     // an address outside: dialled, no task
	TargetSupervisor TargetKind = "supervisor" // a supervisor at his own address: dialled, no task
)

// Target is whom a call is to be brought to.
type Target struct {
	Kind    TargetKind `json:"kind"`
	Agent   AgentSID   `json:"agent_sid,omitempty"`
	Queue   QueueSID   `json:"queue_sid,omitempty"`
	Address string     `json:"address,omitempty"` // "+E164", "client:…" or "sip:…", of those that are dialled
	Name    string     `json:"name,omitempty"`    // for people
}

// dialled says whether the target is dialled into the conference; the others are found by a task.
func (t Target) dialled() bool { return t.Kind == TargetNumber || t.Kind == TargetSupervisor }
