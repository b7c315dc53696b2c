package handlers

import (
	"net/http"
	"slices"

	"holdfast/call"
	"holdfast/store"
)

// asking is somebody's request for an action on a call, as the read model has the call.
type asking struct {
	key  Key
	row  store.CallRow
	legs []store.LegRow
	live live
}

// concerns says whether a call concerns an agent: he has it or is offered it, is asked to come, or has or had a leg in it. Then he sees it.
func concerns(agent string, row store.CallRow, legs []store.LegRow) bool {
	if agent == "" {
		return false
	}
	if row.AgentSID == agent || slices.Contains(row.Concerned, agent) {
		return true
	}
	for _, leg := range legs {
		if leg.AgentSID == agent {
			return true
		}
	}
	return isOffered(agent, row.Snapshot)
}

// inside refuses an agent who is not in the call. While no agent is, it is whose leg left it last: he who fell out of it has it still. To
// be rung is not to have it, and who took part before sees the call, and acts on it no more.
func (a *asking) inside() error {
	if !a.key.isAgent() {
		return nil
	}
	var last store.LegRow
	anybody, was := false, false
	for _, leg := range a.legs {
		if leg.Role != string(call.RoleAgent) {
			continue
		}
		joined := leg.State == string(call.LegJoined)
		if joined && leg.AgentSID == a.key.Agent {
			return nil
		}
		anybody = anybody || joined
		if joined || !leg.JoinedAt.IsZero() {
			was = was || leg.AgentSID == a.key.Agent
			if !leg.LeftAt.Before(last.LeftAt) {
				last = leg
			}
		}
	}
	switch {
	case a.live.takenOver() != nil:
		return problem(http.StatusForbidden, codeNotYourCall, "this call is not yours any more: a supervisor took it over")
	case !anybody && was && last.AgentSID == a.key.Agent:
		return nil
	case was:
		return problem(http.StatusForbidden, codeNotYourCall, "this call is not yours any more: another agent has it")
	default:
		return problem(http.StatusForbidden, codeNotYourCall, "this call is not yours yet: you are not in it")
	}
}

// tookPart refuses an agent who never had the call, whoever has it now.
func (a *asking) tookPart() error {
	if !a.key.isAgent() {
		return nil
	}
	for _, leg := range a.legs {
		if leg.AgentSID == a.key.Agent && leg.Role == string(call.RoleAgent) && (leg.State == string(call.LegJoined) || !leg.JoinedAt.IsZero()) {
			return nil
		}
	}
	for _, r := range a.live.Reservations {
		if string(r.Agent) == a.key.Agent && hasPart(r.Status) {
			return nil
		}
	}
	return problem(http.StatusForbidden, codeNotYourCall, "this call was never yours: you were not in it")
}

// consulted refuses an agent who is only asked what he thinks: the call is still with whom he was called by.
func (a *asking) consulted() error {
	t := a.live.openTransfer()
	if t == nil || !a.key.isAgent() {
		return nil
	}
	target := a.live.invitation(t.Invitation)
	if target == nil || string(t.FromAgent) == a.key.Agent {
		return nil
	}
	if leg := a.live.leg(string(target.Leg)); leg != nil && string(leg.Agent) == a.key.Agent {
		return problem(http.StatusForbidden, codeForbidden, "the call is not handed on to you yet: leave it instead")
	}
	return nil
}

// ownTransfer refuses an agent who is not the one who hands on. Where no transfer is known, the call itself says so.
func (a *asking) ownTransfer() error {
	if err := a.inside(); err != nil {
		return err
	}
	if t := a.live.openTransfer(); t != nil && a.key.isAgent() && string(t.FromAgent) != a.key.Agent {
		return problem(http.StatusForbidden, codeForbidden, "this transfer is not yours: agents swap, merge, complete and cancel their own alone")
	}
	return nil
}

// handsOn is whose part is handed on where nobody says so: an agent's own, else that of who has the call, be it a supervisor who took it over.
func (a *asking) handsOn() string {
	if a.key.isAgent() {
		return "me"
	}
	if leg := a.live.takenOver(); leg != nil {
		return string(leg.Call)
	}
	return "agent"
}

// brought says whether the key's agent asked for whoever has a leg.
func (a *asking) brought(sid string) bool {
	leg := a.live.leg(sid)
	if leg == nil || leg.Label == "" {
		return false
	}
	v := a.live.invitation(leg.Label)
	return v != nil && v.By.Role == RoleAgent && v.By.Name == a.key.Name
}

// supervises refuses agents.
func (a *asking) supervises() error {
	if a.key.isAgent() {
		return problem(http.StatusForbidden, codeForbidden, "supervisors and administrators listen to calls; agents do not")
	}
	return nil
}

// ownLeg is the leg of who asks: of a supervisor the one that he listens with, else his agent's.
func (a *asking) ownLeg() (store.LegRow, error) {
	if sid := a.listening(); sid != "" {
		return a.resolve(sid)
	}
	if a.key.Agent == "" {
		return store.LegRow{}, problem(http.StatusNotFound, codeLegNotFound, "this key belongs to no agent and listens to no call, so no leg is its own")
	}
	return a.newest(func(l store.LegRow) bool {
		return l.AgentSID == a.key.Agent && (l.Role == string(call.RoleAgent) || l.Role == string(call.RoleSupervisor))
	})
}

// listening is the leg that a supervisor listens with, by who asked for it: the newest that has not left; "" where there is none.
func (a *asking) listening() string {
	if a.key.isAgent() {
		return ""
	}
	for _, v := range slices.Backward(a.live.Invitations) {
		if v.Role != call.RoleSupervisor || v.By.Name != a.key.Name || v.Leg == "" {
			continue
		}
		if leg := a.live.leg(string(v.Leg)); leg != nil && leg.State != call.LegLeft {
			return string(v.Leg)
		}
	}
	return ""
}

// resolve finds the leg that a path or a body means. An alias means the newest leg of its kind that is not gone, else the newest.
func (a *asking) resolve(ref string) (store.LegRow, error) {
	switch ref {
	case "customer":
		return a.newest(func(l store.LegRow) bool { return l.Role == string(call.RoleCustomer) })
	case "agent":
		return a.newest(func(l store.LegRow) bool {
			return l.Role == string(call.RoleAgent) && (a.row.AgentSID == "" || l.AgentSID == "" || l.AgentSID == a.row.AgentSID)
		})
	case "me":
		return a.ownLeg()
	}
	for i := range a.live.Legs {
		if leg := &a.live.Legs[i]; leg.Label != "" && string(leg.Label) == ref {
			ref = string(leg.Call)
			break
		}
	}
	if a.key.isAgent() && slices.Contains(a.row.Private, ref) {
		return store.LegRow{}, noSuchLeg()
	}
	return a.newest(func(l store.LegRow) bool { return l.CallSID == ref })
}

func (a *asking) newest(is func(store.LegRow) bool) (store.LegRow, error) {
	found := -1
	for i, leg := range a.legs {
		if is(leg) && (found < 0 || leg.State != string(call.LegLeft) || a.legs[found].State == string(call.LegLeft)) {
			found = i
		}
	}
	if found < 0 {
		return store.LegRow{}, noSuchLeg()
	}
	return a.legs[found], nil
}

func noSuchLeg() error {
	return problem(http.StatusNotFound, codeLegNotFound, "the call has no such leg; name it by its CallSid, its label, or customer, agent or me")
}
