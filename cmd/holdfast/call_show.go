package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"holdfast/handlers"
)

// showCall writes a call for people. What there is none of is left out.
func showCall(w io.Writer, c handlers.Call) {
	fmt.Fprintf(w, "call\t%s\nstate\t%s\nfrom\t%s\nto\t%s\nqueue\t%s\nagent\t%s\n", c.ID, strings.TrimSpace(string(c.State)+" "+string(c.Outcome)),
		orDash(c.From), orDash(c.To), queueOf(c), agentOf(c))
	fmt.Fprintf(w, "received\t%s\nanswered\t%s\nended\t%s\n", clock(c.ReceivedAt), clock(c.AnsweredAt), clock(c.EndedAt))
	if b := c.Bot; b != nil {
		fmt.Fprintf(w, "bot\t%s\n", botWords(*b))
	}
	fmt.Fprintln(w, "\nLEG\tLABEL\tROLE\tSTATE\tADDRESS\tHOLD\tMUTED\tHELD\tLONGEST\tDOES\tLEFT BECAUSE")
	for _, l := range c.Legs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%t\t%t\t%s\t%s\t%s\t%s\n", l.CallSID, orDash(deref(l.Label)), l.Role, l.State, orDash(l.Address), l.Hold, l.Muted,
			span(l.HeldTotalMS), span(l.HeldLongestMS), doing(c, l), orDash(deref(l.Reason)))
	}
	if len(c.Invitations) > 0 {
		fmt.Fprintln(w, "\nINVITATION\tFOR\tWHOM\tBY\tSTATUS\tFAILURE\tAT")
		for _, v := range c.Invitations {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Label, v.Purpose, targetWords(v.Target), orDash(v.By), v.Status,
				because(v.Failure, v.Detail), clock(&v.At))
		}
	}
	if len(c.Transfers) > 0 {
		fmt.Fprintln(w, "\nTRANSFER\tMODE\tFROM\tSTATUS\tFAILURE\tAT\tENDED")
		for _, t := range c.Transfers {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Invitation, t.Mode, nameOr(nameOfAgent(c, deref(t.FromAgentSID)), t.From), t.Status,
				because(t.Failure, nil), clock(&t.At), clock(t.EndedAt))
		}
	}
	if len(c.Helps) > 0 {
		fmt.Fprintln(w, "\nHELP WANTED BY\tBECAUSE\tAT")
		for _, h := range c.Helps {
			fmt.Fprintf(w, "%s\t%s\t%s\n", nameOr(h.AgentName, h.AgentSID), orDash(deref(h.Reason)), clock(&h.At))
		}
	}
	if len(c.Parts) > 0 {
		fmt.Fprintln(w, "\nPART OF\tTASK\tSTATUS\tJOINED\tLEFT\tCONNECTED")
		for _, p := range c.Parts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", nameOr(p.AgentName, p.AgentSID), p.TaskSID, p.Status, clock(p.JoinedAt), clock(p.LeftAt), span(p.ConnectedMS))
		}
	}
}

// botWords is a bot's part in a call.
func botWords(b handlers.BotPart) string {
	words := nameOr(b.Name, b.Bot)
	if b.Foreign {
		words = "another platform's"
	}
	if b.Session != "" {
		words += ", session " + b.Session
	}
	if b.Result != nil {
		words += ", " + *b.Result
	}
	if h := b.Handoff; h != nil {
		words += ": " + h.Reason
	}
	return words
}

// doing is what a supervisor's leg does, and to whom; what it is to do, too, while that is another thing.
func doing(c handlers.Call, l handlers.Leg) string {
	if l.Role != handlers.LegRoleSupervisor {
		return "-"
	}
	words := orDash(string(deref(l.Mode)))
	if l.Mode != nil && *l.Mode == handlers.Whisper && l.Coach != nil {
		words += " to " + whose(c, *l.Coach)
	}
	if l.WantedMode != nil && deref(l.Mode) != *l.WantedMode && l.State != handlers.Left {
		words += " (to " + string(*l.WantedMode) + ")"
	}
	if deref(l.Private) {
		words += ", private"
	}
	return words
}

func whose(c handlers.Call, leg string) string {
	for _, l := range c.Legs {
		if l.CallSID == leg {
			return nameOr(deref(l.AgentName), leg)
		}
	}
	return leg
}

func nameOfAgent(c handlers.Call, sid string) string {
	for _, p := range c.Parts {
		if p.AgentSID == sid && sid != "" {
			return p.AgentName
		}
	}
	return ""
}

func targetWords(t handlers.Target) string {
	return strings.Join(strings.Fields(t.Kind+" "+deref(t.Name)+" "+deref(t.AgentSID)+" "+deref(t.QueueSID)+" "+deref(t.Address)), " ")
}

func because(failure *handlers.Failure, detail *string) string {
	words := orDash(string(deref(failure)))
	if detail != nil {
		words += ": " + *detail
	}
	return words
}

func span(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}
