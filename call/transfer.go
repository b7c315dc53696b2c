package call

import "time"

// TransferMode says how a call is handed on.
type TransferMode string

// Transfer modes.
const (
	TransferUnknown TransferMode = ""
	TransferCold    TransferMode = "cold" // the agent leaves at once, and the customer is on hold until somebody comes
	TransferWarm    TransferMode = "warm" // the agents talk while the customer is on hold
)

// TransferStatus is where a transfer is.
type TransferStatus string

// Transfer statuses.
const (
	TransferIsUnknown    TransferStatus = ""
	TransferIsCalling    TransferStatus = "calling"    // the target is looked for, and rung
	TransferIsConsulting TransferStatus = "consulting" // warm: both talk, one of customer and target is on hold
	TransferIsMerged     TransferStatus = "merged"     // warm: all talk
	TransferIsCompleted  TransferStatus = "completed"  // the target has the call
	TransferIsFailed     TransferStatus = "failed"
	TransferIsCanceled   TransferStatus = "canceled"
)

// Transfer is the handing on of a call from an agent to somebody else. One at a time; past ones stay, as the call's history.
type Transfer struct {
	Invitation Label          `json:"invitation"` // of the target; it also names the transfer
	Mode       TransferMode   `json:"mode"`
	From       SID            `json:"from"` // the leg of the agent who hands on
	FromAgent  AgentSID       `json:"from_agent_sid,omitempty"`
	Status     TransferStatus `json:"status"`
	Failure    FailureReason  `json:"failure,omitempty"`
	At         time.Time      `json:"at"`
	EndedAt    time.Time      `json:"ended_at,omitzero"`
}

// Open says whether the transfer is under way.
func (t *Transfer) Open() bool {
	return t.Status == TransferIsCalling || t.Status == TransferIsConsulting || t.Status == TransferIsMerged
}
