package simulator

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A TaskSeen is a task as somebody sees it who looks over TaskRouter's shoulder.
type TaskSeen struct {
	SID, WorkflowSID string
	Status           string
	Priority         int
	Attributes       map[string]any
	Made             time.Time
}

// TasksOf lists, oldest first, the tasks that an <Enqueue> of a call made. A task that ended more than five of Twilio's minutes ago is gone.
func (s *Simulator) TasksOf(callSID string) []TaskSeen {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seen []TaskSeen
	for _, t := range s.tr.tasks {
		if t.caller != callSID {
			continue
		}
		one := TaskSeen{SID: t.sid, Status: t.status, Priority: t.priority, Attributes: maps.Clone(t.attrs), Made: t.created}
		if t.workflow != nil {
			one.WorkflowSID = t.workflow.sid
		}
		seen = append(seen, one)
	}
	slices.SortFunc(seen, func(a, b TaskSeen) int { return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.SID, b.SID)) })
	return seen
}
