package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/call"
	"holdfast/floor"
	"holdfast/store"
)

// FloorModel is where what becomes of agents is written down. [store.Store] is one.
type FloorModel interface {
	// ProjectFloor writes one step in one transaction; a step written twice changes nothing.
	ProjectFloor(ctx context.Context, step store.FloorStep) error
	// Tell has the workspace's workflow told of an event; the same key twice is one.
	Tell(ctx context.Context, workspace, key, kind string, event json.RawMessage) error
	// AnsweredAt is when agents last answered a call.
	AnsweredAt(ctx context.Context, agents ...string) (map[string]time.Time, error)
}

// MovedAgent is what became of moving an agent.
type MovedAgent struct {
	Was   floor.AvailabilitySID `json:"was"`
	Moved bool                  `json:"moved"`
}

// MoveOff moves an agent who did not answer to the availability for it, if he is available.
func (a *Activities) MoveOff(ctx context.Context, c floor.MoveOff) (MovedAgent, error) {
	was, moved, err := a.Twilio.moveIf(ctx, string(c.Agent), string(c.To), func(w *taskrouter.TaskrouterV1Worker) bool { return value(w.Available) })
	return MovedAgent{Was: floor.AvailabilitySID(was), Moved: moved}, err
}

// BringBack moves an agent to where he was, if he is still where he was moved to.
func (a *Activities) BringBack(ctx context.Context, c floor.BringBack) (MovedAgent, error) {
	was, moved, err := a.Twilio.moveIf(ctx, string(c.Agent), string(c.To), func(w *taskrouter.TaskrouterV1Worker) bool {
		return slices.Contains(c.From, floor.AvailabilitySID(value(w.ActivitySid)))
	})
	// A try before this one may have moved him, and its answer was lost.
	return MovedAgent{Was: floor.AvailabilitySID(was), Moved: moved || err == nil && was == string(c.To)}, err
}

// LookAt asks who can be offered a queue's calls, where they are, and when they last answered.
func (a *Activities) LookAt(ctx context.Context, c floor.LookAt) ([]floor.OnQueue, error) {
	var agents []floor.OnQueue
	var sids []string
	err := a.Twilio.workers(ctx, (&taskrouter.ListWorkerParams{}).SetTaskQueueSid(string(c.Queue)), func(w *taskrouter.TaskrouterV1Worker) {
		agents = append(agents, floor.OnQueue{
			Agent: floor.AgentSID(value(w.Sid)), Availability: floor.AvailabilitySID(value(w.ActivitySid)), Available: value(w.Available),
		})
		sids = append(sids, value(w.Sid))
	})
	if err != nil {
		return nil, err
	}
	answered, err := a.Floor.AnsweredAt(ctx, sids...)
	for i := range agents {
		agents[i].AnsweredAt = answered[string(agents[i].Agent)]
	}
	return agents, err
}

// ReportMissed tells the workspace's breaker that an agent did not come to a call. It is written down, and reaches the breaker whenever that is there.
func (a *Activities) ReportMissed(ctx context.Context, c call.ReportMissed) error {
	if a.Floor == nil {
		return errors.New("there is nobody to tell of missed calls")
	}
	answered, err := a.Floor.AnsweredAt(ctx, string(c.Agent))
	if err != nil {
		return err
	}
	event, err := json.Marshal(floor.Envelope{Event: floor.AgentMissed{
		Agent: floor.AgentSID(c.Agent), AgentName: c.AgentName, Reservation: floor.ReservationSID(c.Reservation), Queue: floor.QueueSID(c.Queue),
		QueueName: c.QueueName, Call: string(c.Call), Why: "no-answer", At: c.At, AnsweredAt: answered[string(c.Agent)],
	}})
	if err != nil {
		return err
	}
	return a.Floor.Tell(ctx, a.Twilio.config.WorkspaceSID, "missed:"+string(c.Reservation), "agent-missed", event)
}

// ProjectFloor writes one step of the workspace into the read model. It is a local activity: keep it short, and let the workflow try again later.
func (a *Activities) ProjectFloor(ctx context.Context, step store.FloorStep) error {
	if err := a.Floor.ProjectFloor(ctx, step); err != nil {
		return err
	}
	for _, e := range step.Entries {
		if e.Kind != KindAlert || a.Twilio == nil {
			continue
		}
		var alert floor.Alert
		if json.Unmarshal(e.Data, &alert) == nil {
			a.Twilio.metrics.floorAlerts.Add(ctx, 1, metric.WithAttributes(attribute.String("code", alert.Code)))
		}
	}
	return nil
}

// FloorEntry is one line of what became of agents.
type FloorEntry struct {
	Number int64 // never given again
	At     time.Time
	Kind   string // of the [floor.Change], or KindAlert
	Source Source
	Agents []string // whom it concerns; nobody: supervisors alone are told
	Data   json.RawMessage
}

// NewFloorStep is what [Activities.ProjectFloor] writes of the agents of whom something changed. It computes and does nothing else.
func NewFloorStep(workspace string, s *floor.State, changed []floor.AgentSID, entries []FloorEntry, position int64) store.FloorStep {
	step := store.FloorStep{Workspace: workspace, Acked: position}
	for _, e := range entries {
		step.Entries = append(step.Entries, store.Entry{Number: e.Number, At: e.At, Kind: e.Kind, Source: string(e.Source), Agents: e.Agents, Data: e.Data})
	}
	for _, sid := range changed {
		a := s.Agent(sid)
		if a == nil {
			continue
		}
		row := store.AgentMiss{
			SID: string(sid), Name: a.Name, Misses: a.Misses, MissedAt: a.MissedAt, Call: a.Call, QueueSID: string(a.Queue), QueueName: a.QueueName, Why: a.Why,
			BackAt: a.BackAt, BackedAt: a.BackedAt, Backs: a.Backs, StaysOff: a.GivenUp,
		}
		if a.Off != nil {
			row.OffSince = a.Off.Since
		}
		step.Agents = append(step.Agents, row)
	}
	return step
}
