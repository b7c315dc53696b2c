package activities

import (
	"context"

	"holdfast/store"
)

// ReadModel is where calls are written down for readers. [store.Store] is one.
type ReadModel interface {
	// Project writes one step in one transaction; a step written twice changes nothing.
	Project(ctx context.Context, step store.Step) error
}

// Activities are what a worker of [holdfast/workflows.TaskQueue] can do. Twilio and Store are required; Floor is, too, where agents who do not answer
// are seen to.
type Activities struct {
	Twilio *Twilio
	Store  ReadModel
	Floor  FloorModel

	// Accounts are those of connections; nil means that there is Twilio's alone. Where bots answer calls it is required.
	Accounts *Accounts
	// Bots is required where bots answer calls, and so is Lines.
	Bots  BotModel
	Lines Lines
}

// Project writes one step of a call into the read model. It is a local activity: keep it short, and let the workflow try again later.
func (a *Activities) Project(ctx context.Context, step store.Step) error {
	if err := a.Store.Project(ctx, step); err != nil {
		return err
	}
	for _, e := range step.Entries {
		if e.Kind == KindAlert && a.Twilio != nil {
			a.Twilio.metrics.alerted(ctx, e.Data)
		}
	}
	return nil
}
