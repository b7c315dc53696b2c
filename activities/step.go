package activities

import (
	"encoding/json"
	"slices"
	"time"

	"holdfast/call"
	"holdfast/store"
)

// Source says where a timeline entry comes from.
type Source string

// Sources.
const (
	SourceTwilio  Source = "twilio"  // a webhook
	SourceAPI     Source = "api"     // a person asked
	SourceCommand Source = "command" // a command was started
	SourceResult  Source = "result"  // a command came back
	SourceClock   Source = "clock"   // time passed, or a process started
	SourceAlert   Source = "alert"   // something that a person should look into
)

// KindAlert is the kind of the entries of [SourceAlert]; their data is a [call.Alert].
const KindAlert = "AlertRaised"

// Entry is one line of a call's timeline.
type Entry struct {
	Number  int64 // within the call, from 1, gapless
	At      time.Time
	Kind    string // call.Kind of the event or the command
	Source  Source
	State   call.Status  // the call's, afterwards
	Outcome call.Outcome // likewise
	Agents  []string     // whom it concerns
	Private bool         // not for agents; see [Private]
	Data    json.RawMessage
}

// NewStep is what [Activities.Project] writes: the call as it is, the entries that are new, and the last position that was applied. It is a
// copy: the call may change afterwards. It computes and does nothing else, so that a workflow may call it.
func NewStep(s *call.State, entries []Entry, position int64, at time.Time) store.Step {
	step := store.Step{Call: callRow(s, at), Legs: make([]store.LegRow, 0, len(s.Legs)), Entries: make([]store.Entry, 0, len(entries)), Acked: position, Bot: botStep(s)}
	for i := range s.Legs {
		if l := &s.Legs[i]; l.Call != "" {
			step.Legs = append(step.Legs, legRow(s.ID, l))
		}
	}
	for _, e := range entries {
		step.Entries = append(step.Entries, store.Entry{
			Call:    string(s.ID),
			Number:  e.Number,
			At:      e.At,
			Kind:    e.Kind,
			Source:  string(e.Source),
			State:   string(e.State),
			Outcome: string(e.Outcome),
			Agents:  e.Agents,
			Private: e.Private,
			Data:    e.Data,
		})
	}
	return step
}

func callRow(s *call.State, at time.Time) store.CallRow {
	row := store.CallRow{
		ID:            string(s.ID),
		State:         string(s.Status()),
		Outcome:       string(s.Outcome),
		EndedBy:       s.EndedBy,
		Direction:     s.Direction,
		From:          s.From,
		To:            s.To,
		QueueSID:      string(s.Task.Queue),
		QueueName:     s.Task.QueueName,
		TaskSID:       string(s.Task.SID),
		ConferenceSID: string(s.Conference.SID),
		ReceivedAt:    s.ReceivedAt,
		AnsweredAt:    s.AnsweredAt,
		WrappingAt:    s.WrappingAt,
		EndedAt:       s.EndedAt,
		Revision:      s.Revision,
		UpdatedAt:     at,
		Concerned:     Agents(s),
		Private:       Private(s),
	}
	if r := s.Serving(); r != nil {
		row.AgentSID, row.AgentName = string(r.Agent), r.AgentName
	}
	snapshot, err := json.Marshal(s) //workflowcheck:ignore no maps, no clock: the same value makes the same JSON
	if err == nil {                  // it cannot fail: a call is a plain value
		row.Snapshot = snapshot
	}
	return row
}

// botStep is what became of the bot's part in the call; nil where no bot of ours had one. A handoff is done when there is a task.
func botStep(s *call.State) *store.BotStep {
	if s.Bot.Session == "" {
		return nil
	}
	step := &store.BotStep{Session: s.Bot.Session, FlexTask: string(s.Task.SID), FlexConversation: conversation(s)}
	for i := range s.Reservations {
		switch r := &s.Reservations[i]; r.Status {
		case call.ReservationIsAccepted, call.ReservationIsWrapping, call.ReservationIsCompleted:
			if step.FlexReservation == "" && r.Task == s.Task.SID {
				step.FlexReservation = string(r.Reservation)
			}
		case call.ReservationUnknown, call.ReservationIsPending, call.ReservationIsRejected, call.ReservationIsTimedOut, call.ReservationIsCanceled, call.ReservationIsRescinded:
		}
	}
	switch {
	case s.Bot.OverAt.IsZero():
	case s.Bot.Result == "ended":
		step.Outcome = store.OutcomeCompleted
	case s.Bot.Result != store.OutcomeHandedOff || s.Task.SID != "":
		step.Outcome = s.Bot.Result
	}
	return step
}

// conversation is what Flex counts the call's tasks as one conversation by: what the handoff said, or else the first task.
func conversation(s *call.State) string {
	given, _ := s.Bot.Handoff.Attributes[attributeConversations].(map[string]any)
	if id, _ := given[conversationID].(string); id != "" {
		return id
	}
	return string(s.Task.SID)
}

func legRow(id call.ID, l *call.Leg) store.LegRow {
	return store.LegRow{
		CallID:    string(id),
		CallSID:   string(l.Call),
		Role:      string(l.Role),
		Address:   l.Address,
		AgentSID:  string(l.Agent),
		AgentName: l.AgentName,
		State:     string(l.State),
		Hold:      l.Hold,
		Muted:     l.Muted,
		JoinedAt:  l.JoinedAt,
		LeftAt:    l.LeftAt,
		Reason:    l.Reason,
	}
}

// Agents are the agents whom a call concerns now: offered, asked to come, serving, wrapping up or done with it. Who rejected it, or did not
// answer, is out.
func Agents(s *call.State) []string {
	var agents []string
	for i := range s.Reservations {
		switch r := &s.Reservations[i]; r.Status {
		case call.ReservationIsPending, call.ReservationIsAccepted, call.ReservationIsWrapping, call.ReservationIsCompleted:
			agents = Merge(agents, []string{string(r.Agent)})
		case call.ReservationUnknown, call.ReservationIsRejected, call.ReservationIsTimedOut, call.ReservationIsCanceled, call.ReservationIsRescinded:
		}
	}
	for i := range s.Invitations {
		if v := &s.Invitations[i]; v.Role != call.RoleSupervisor && v.Status != call.InvitationFailed {
			agents = Merge(agents, []string{string(v.Target.Agent)})
		}
	}
	for i := range s.Legs {
		if l := &s.Legs[i]; l.Role != call.RoleSupervisor { // supervisors see every call, and an agent of the same name need not be told
			agents = Merge(agents, []string{string(l.Agent)})
		}
	}
	return agents
}

// Private are the labels and CallSids of the supervisors who listen in private: agents are not shown what names them.
func Private(s *call.State) []string {
	var private []string
	for i := range s.Invitations {
		if v := &s.Invitations[i]; v.Supervision.Private {
			private = Merge(private, []string{string(v.Label), string(v.Leg)})
		}
	}
	for i := range s.Legs {
		if l := &s.Legs[i]; l.Supervision.Private {
			private = Merge(private, []string{string(l.Label), string(l.Call)})
		}
	}
	return private
}

// IsPrivate says of an event that it is not for agents though it names nobody yet: the asking for a supervisor who listens in private.
func IsPrivate(what any) bool {
	switch asked := what.(type) {
	case call.SuperviseRequested:
		return asked.Private
	case call.DialInRequested:
		return asked.Private
	default:
		return false
	}
}

// Merge is a with what b has besides, in order; "" is nobody.
func Merge(a, b []string) []string {
	for _, s := range b {
		if s != "" && !slices.Contains(a, s) {
			a = append(slices.Clip(a), s)
		}
	}
	return a
}
