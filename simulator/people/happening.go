package people

import (
	"fmt"
	"time"
)

// A Happening is one thing that somebody watching the floor would notice.
type Happening struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Who  string    `json:"who"`            // the person's name
	Call string    `json:"call,omitempty"` // the customer's CallSid, where known
	Text string    `json:"text"`           // the whole of it in a sentence without a full stop, the name included
}

// Kind says what sort of thing happened.
type Kind string

// What a Narrator may hear of.
const (
	CallerCalls         Kind = "caller-calls"
	CallerWaits         Kind = "caller-waits"
	CallerSpeaks        Kind = "caller-speaks"  // to a bot
	CallerAnswers       Kind = "caller-answers" // a bot's call
	BotCalls            Kind = "bot-calls"
	BotSpeaks           Kind = "bot-speaks"
	CallerPresses       Kind = "caller-presses"
	CallerTalks         Kind = "caller-talks"
	CallerHangsUp       Kind = "caller-hangs-up"
	CallerGivesUp       Kind = "caller-gives-up"
	CallerLost          Kind = "caller-line-lost"
	AgentLogsIn         Kind = "agent-logs-in"
	AgentRings          Kind = "agent-rings"
	AgentAnswers        Kind = "agent-answers"
	AgentRejects        Kind = "agent-rejects"
	AgentIgnores        Kind = "agent-ignores"
	AgentMissed         Kind = "agent-missed" // the ringing stopped before he answered
	AgentHolds          Kind = "agent-holds"
	AgentUnholds        Kind = "agent-unholds"
	AgentMutes          Kind = "agent-mutes"
	AgentUnmutes        Kind = "agent-unmutes"
	AgentHangsUp        Kind = "agent-hangs-up"
	AgentLeaves         Kind = "agent-leaves"
	AgentEnds           Kind = "agent-ends"
	AgentCrashes        Kind = "agent-crashes"
	AgentWrapsUp        Kind = "agent-wraps-up"
	AgentFinishes       Kind = "agent-finishes"
	AgentReturns        Kind = "agent-returns"
	AgentTransfers      Kind = "agent-transfers"
	AgentInvites        Kind = "agent-invites"
	AgentNeedsHelp      Kind = "agent-needs-help"
	AgentRejoins        Kind = "agent-rejoins"
	GuestAnswers        Kind = "guest-answers" // somebody outside, or a supervisor, whose phone rang
	GuestRejects        Kind = "guest-rejects"
	GuestIgnores        Kind = "guest-ignores"
	GuestHangsUp        Kind = "guest-hangs-up"
	SupervisorListens   Kind = "supervisor-listens"
	SupervisorChanges   Kind = "supervisor-changes" // from listening to whispering, and so on
	SupervisorLeaves    Kind = "supervisor-leaves"
	SupervisorTakesOver Kind = "supervisor-takes-over"
	PhonesDie           Kind = "phones-die"
	PhonesWork          Kind = "phones-work"
	CallEnded           Kind = "call-ended"
	CallWasLost         Kind = "call-lost"
	Violated            Kind = "violation"
)

// tell passes a happening to the narrator, one at a time.
func (r *run) tell(kind Kind, who, call, format string, args ...any) {
	if r.cfg.Narrator == nil {
		return
	}
	r.narrating.Lock()
	defer r.narrating.Unlock()
	r.cfg.Narrator(Happening{At: time.Now(), Kind: kind, Who: who, Call: call, Text: who + " " + fmt.Sprintf(format, args...)})
}
