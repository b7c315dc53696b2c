package call

// One string type for each kind of SID, so that the compiler tells them apart. Twilio's shape for all of them is two capital
// letters and 32 hexadecimal digits.
type (
	// ID names a call. It is the customer's CallSid for a call that came in.
	ID string
	// SID names one leg: a Twilio Call (CA).
	SID string
	// ConferenceSID is a Twilio Conference (CF).
	ConferenceSID string
	// TaskSID is a TaskRouter Task (WT).
	TaskSID string
	// ReservationSID is a TaskRouter Reservation (WR).
	ReservationSID string
	// AgentSID is a TaskRouter Worker (WK).
	AgentSID string
	// QueueSID is a TaskRouter TaskQueue (WQ).
	QueueSID string
	// AvailabilitySID is a TaskRouter Activity (WA).
	AvailabilitySID string
)
