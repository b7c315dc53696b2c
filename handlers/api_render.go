package handlers

import (
	"encoding/json"
	"slices"
	"time"

	"holdfast/call"
	"holdfast/store"
)

// live is what the edge looks at in a call's state as it was projected. What a newer core knows besides is left out.
type live struct {
	Legs         []call.Leg         `json:"legs"`
	Task         call.Task          `json:"task"`
	Reservations []call.Reservation `json:"reservations"`
	Invitations  []call.Invitation  `json:"invitations"`
	Transfers    []call.Transfer    `json:"transfers"`
	Helps        []call.Help        `json:"helps"`
	Bot          call.BotPhase      `json:"bot"`
}

// liveIn reads a snapshot; nothing is known of a call without one.
func liveIn(snapshot json.RawMessage) live {
	var l live
	if json.Unmarshal(snapshot, &l) != nil {
		return live{}
	}
	return l
}

func (l *live) leg(sid string) *call.Leg {
	for i := range l.Legs {
		if string(l.Legs[i].Call) == sid {
			return &l.Legs[i]
		}
	}
	return nil
}

// takenOver is the leg of the supervisor who took the call over and has it; nil if none does.
func (l *live) takenOver() *call.Leg {
	for i := range l.Legs {
		if leg := &l.Legs[i]; leg.Supervision.Has && leg.State == call.LegJoined {
			return leg
		}
	}
	return nil
}

// task is one of the call's tasks: its first, or an invitation's; nil if nobody knows it.
func (l *live) task(sid call.TaskSID) *call.Task {
	if l.Task.SID == sid {
		return &l.Task
	}
	for i := range l.Invitations {
		if l.Invitations[i].Task.SID == sid {
			return &l.Invitations[i].Task
		}
	}
	return nil
}

// openTransfer is the transfer that is under way; nil if there is none.
func (l *live) openTransfer() *call.Transfer {
	if n := len(l.Transfers); n > 0 && l.Transfers[n-1].Open() {
		return &l.Transfers[n-1]
	}
	return nil
}

func (l *live) invitation(label call.Label) *call.Invitation {
	for i := range l.Invitations {
		if l.Invitations[i].Label == label {
			return &l.Invitations[i]
		}
	}
	return nil
}

// renderCall shows a call as the contract says, to whom the key belongs: agents are not shown who is there in private.
func renderCall(key Key, row store.CallRow, legs []store.LegRow) Call {
	l := liveIn(row.Snapshot)
	hidden := func(name string) bool { return key.isAgent() && slices.Contains(row.Private, name) }
	c := Call{
		ID:            row.ID,
		State:         CallState(row.State),
		Outcome:       CallOutcome(row.Outcome),
		EndedBy:       optional(row.EndedBy),
		Direction:     row.Direction,
		From:          row.From,
		To:            row.To,
		TaskSID:       row.TaskSID,
		ConferenceSID: row.ConferenceSID,
		Legs:          make([]Leg, 0, len(legs)),
		Invitations:   make([]Invitation, 0, len(l.Invitations)),
		Transfers:     make([]Transfer, 0, len(l.Transfers)),
		Helps:         make([]Help, 0, len(l.Helps)),
		Parts:         renderParts(&l),
		Bot:           renderBotPart(&l.Bot),
		ReceivedAt:    optionalTime(row.ReceivedAt),
		AnsweredAt:    optionalTime(row.AnsweredAt),
		WrappingAt:    optionalTime(row.WrappingAt),
		EndedAt:       optionalTime(row.EndedAt),
	}
	if c.State == CallState(call.StatusUnknown) {
		c.State = Queued // only something beside the customer's leg is known yet, and nobody talks
	}
	if row.QueueSID != "" {
		c.Queue = &Queue{SID: row.QueueSID, Name: row.QueueName}
	}
	if row.AgentSID != "" || row.AgentName != "" { // a supervisor who took the call over has a name and no SID
		c.Agent = &Agent{SID: row.AgentSID, Name: row.AgentName}
	}
	for _, leg := range legs {
		if !hidden(leg.CallSID) {
			c.Legs = append(c.Legs, renderLeg(leg, l.leg(leg.CallSID)))
		}
	}
	for i := range l.Invitations {
		if !hidden(string(l.Invitations[i].Label)) {
			c.Invitations = append(c.Invitations, renderInvitation(&l.Invitations[i]))
		}
	}
	for _, t := range l.Transfers {
		c.Transfers = append(c.Transfers, Transfer{
			Invitation:   Label(t.Invitation),
			Mode:         TransferMode(t.Mode),
			From:         string(t.From),
			FromAgentSID: optional(string(t.FromAgent)),
			Status:       string(t.Status),
			Failure:      optionalWord[Failure](string(t.Failure)),
			At:           t.At.UTC(),
			EndedAt:      optionalTime(t.EndedAt),
		})
	}
	for _, h := range l.Helps {
		c.Helps = append(c.Helps, Help{AgentSID: string(h.Agent), AgentName: h.Name, Reason: optional(h.Reason), At: h.At.UTC()})
	}
	return c
}

// renderLeg shows a leg by its row and, where the call's state is known, by what only that tells.
func renderLeg(row store.LegRow, leg *call.Leg) Leg {
	l := Leg{
		CallSID:   row.CallSID,
		Role:      LegRole(row.Role),
		Address:   row.Address,
		AgentSID:  optional(row.AgentSID),
		AgentName: optional(row.AgentName),
		State:     LegState(row.State),
		Hold:      row.Hold,
		Muted:     row.Muted,
		JoinedAt:  optionalTime(row.JoinedAt),
		LeftAt:    optionalTime(row.LeftAt),
		Reason:    optional(row.Reason),
	}
	if l.State == LegState(call.LegUnknown) {
		l.State = Waiting
	}
	if leg == nil {
		return l
	}
	l.Label = optional(string(leg.Label))
	l.HeldSince = optionalTime(leg.HeldSince)
	l.HeldTotalMS, l.HeldLongestMS = leg.HeldTotal.Milliseconds(), leg.HeldLongest.Milliseconds()
	if leg.Role != call.RoleSupervisor {
		return l
	}
	l.Mode = optionalWord[SupervisionMode](string(leg.Mode()))
	l.WantedMode = optionalWord[SupervisionMode](string(leg.Supervision.Wanted))
	coach := leg.Coach
	if coach == "" {
		coach = leg.Supervision.Coach
	}
	l.Coach = optional(string(coach))
	if leg.Supervision.Private {
		l.Private = &leg.Supervision.Private
	}
	return l
}

func renderInvitation(v *call.Invitation) Invitation {
	shown := Invitation{
		Label:   Label(v.Label),
		Purpose: string(v.Purpose),
		Role:    LegRole(v.Role),
		Target: Target{
			Kind:     string(v.Target.Kind),
			AgentSID: optional(string(v.Target.Agent)),
			QueueSID: optional(string(v.Target.Queue)),
			Address:  optional(v.Target.Address),
			Name:     optional(v.Target.Name),
		},
		By:      v.By.Name,
		Status:  string(v.Status),
		Failure: optionalWord[Failure](string(v.Failure)),
		Detail:  optional(v.Detail),
		TaskSID: optional(string(v.Task.SID)),
		Leg:     optional(string(v.Leg)),
		At:      v.At.UTC(),
		Until:   optionalTime(v.Until),
	}
	if v.DialsIn {
		shown.DialsIn = &v.DialsIn
	}
	return shown
}

// renderParts shows what each agent had of the call: a part is a reservation that was accepted, and the legs that he had by it.
func renderParts(l *live) []Part {
	parts := make([]Part, 0, 1)
	for _, r := range l.Reservations {
		if !hasPart(r.Status) {
			continue
		}
		p := Part{AgentSID: string(r.Agent), AgentName: r.AgentName, TaskSID: string(r.Task), Status: string(r.Status)}
		var joined, left time.Time
		there := false
		for i := range l.Legs {
			leg := &l.Legs[i]
			if leg.Role != call.RoleAgent || leg.Agent != r.Agent || leg.JoinedAt.IsZero() || leg.Reservation != r.Reservation {
				continue
			}
			if joined.IsZero() || leg.JoinedAt.Before(joined) {
				joined = leg.JoinedAt
			}
			if leg.State != call.LegLeft {
				there = true
				continue
			}
			if leg.LeftAt.After(left) {
				left = leg.LeftAt
			}
			p.ConnectedMS += max(0, leg.LeftAt.Sub(leg.JoinedAt).Milliseconds())
		}
		p.JoinedAt = optionalTime(joined)
		if !there {
			p.LeftAt = optionalTime(left)
		}
		p.wrapUp(l.task(r.Task))
		parts = append(parts, p)
	}
	return parts
}

// wrapUp shows when the work after a part began and ended. What goes on has no length yet.
func (p *Part) wrapUp(t *call.Task) {
	if t == nil || t.OverAt.IsZero() {
		return
	}
	p.WrapUpBeganAt, p.WrapUpEndedAt = optionalTime(t.OverAt), optionalTime(t.ClosedAt)
	if !t.ClosedAt.IsZero() {
		p.WrapUpMS = max(0, t.ClosedAt.Sub(t.OverAt).Milliseconds())
	}
}

// hasPart says of a reservation whether its agent took the call.
func hasPart(status call.ReservationStatus) bool {
	switch status {
	case call.ReservationIsAccepted, call.ReservationIsWrapping, call.ReservationIsCompleted:
		return true
	default:
		return false
	}
}

// optionalWord is a word of the contract; nil of the empty one.
func optionalWord[T ~string](s string) *T {
	if s == "" {
		return nil
	}
	word := T(s)
	return &word
}
