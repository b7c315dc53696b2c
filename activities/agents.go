package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"

	"holdfast/call"
	"holdfast/store"
)

// Routes of agents, as the metrics name them.
var (
	routeWorkers        = route{taskRouterProduct, "/Workers"}
	routeActivities     = route{taskRouterProduct, "/Activities"}
	routeWorkerChannels = route{taskRouterProduct, "/Workers/{WorkerSid}/Channels"}
)

// mostPages bounds a list that does not end: 100,000 agents.
const (
	agentsPage = 1000
	mostPages  = 100
)

// Errors of what is asked of an agent, beside [ErrUnavailable].
var (
	// ErrNoAgent says that TaskRouter knows no such agent.
	ErrNoAgent = errors.New("twilio knows no such agent")
	// ErrRefused says that Twilio understood and will not do it.
	ErrRefused = errors.New("twilio refuses")
)

// agentError sorts a failure into the errors above; nil of nil.
func agentError(doing string, err error) error {
	f := failureOf(err)
	if f == nil {
		return nil
	}
	kind := ErrRefused
	switch f.Kind {
	case call.FailureGone:
		kind = ErrNoAgent
	case call.FailureUnavailable:
		kind = ErrUnavailable
	case call.FailureRefused:
	}
	return fmt.Errorf("%s: %w: %s", doing, kind, f.Message)
}

// Floor reads every agent and every availability of the workspace. TaskRouter leaves attributes out of lists: addresses are as they were.
// https://www.twilio.com/docs/taskrouter/api/worker
func (t *Twilio) Floor(ctx context.Context) (store.Floor, error) {
	f := store.Floor{At: time.Now()}
	err := t.pages(ctx, routeActivities, func(x *exchange, token, number string) (next any, err error) {
		page, err := x.taskRouter().PageActivity(t.config.WorkspaceSID, (&taskrouter.ListActivityParams{}).SetPageSize(agentsPage), token, number)
		if err != nil {
			return nil, err
		}
		for i := range page.Activities {
			a := &page.Activities[i]
			f.Availabilities = append(f.Availabilities, store.AvailabilityRow{SID: value(a.Sid), Name: value(a.FriendlyName), Available: value(a.Available)})
		}
		return page.Meta.NextPageUrl, nil
	})
	if err != nil {
		return f, agentError("read availabilities", err)
	}
	err = t.workers(ctx, nil, func(w *taskrouter.TaskrouterV1Worker) { f.Agents = append(f.Agents, agentChange(w, f.At)) })
	return f, agentError("read agents", err)
}

// workers reads a list of agents.
func (t *Twilio) workers(ctx context.Context, params *taskrouter.ListWorkerParams, each func(*taskrouter.TaskrouterV1Worker)) error {
	if params == nil {
		params = &taskrouter.ListWorkerParams{}
	}
	params.SetPageSize(agentsPage)
	return t.pages(ctx, routeWorkers, func(x *exchange, token, number string) (next any, err error) {
		page, err := x.taskRouter().PageWorker(t.config.WorkspaceSID, params, token, number)
		if err != nil {
			return nil, err
		}
		for i := range page.Workers {
			each(&page.Workers[i])
		}
		return page.Meta.NextPageUrl, nil
	})
}

// pages reads page after page, each a request in its turn.
func (t *Twilio) pages(ctx context.Context, r route, read func(x *exchange, token, number string) (next any, err error)) error {
	token, number := "", ""
	for range mostPages {
		var next any
		err := t.read(ctx, r, func(x *exchange) (err error) {
			next, err = read(x, token, number)
			return err
		})
		if err != nil {
			return err
		}
		address := ""
		switch n := next.(type) {
		case string:
			address = n
		case *string:
			address = value(n)
		}
		following, err := url.Parse(address)
		if address == "" || err != nil {
			return nil //nolint:nilerr // an address that is none leads nowhere
		}
		token, number = following.Query().Get("PageToken"), following.Query().Get("Page")
		if token == "" && number == "" {
			return nil
		}
	}
	return nil
}

// agentChange is what a Worker resource says.
func agentChange(w *taskrouter.TaskrouterV1Worker, at time.Time) store.AgentChange {
	c := store.AgentChange{
		SID: value(w.Sid), Kind: store.KindAgentChanged, At: at, Name: value(w.FriendlyName),
		AvailabilitySID: value(w.ActivitySid), AvailabilityName: value(w.ActivityName), Since: value(w.DateStatusChanged),
	}
	if w.Attributes != nil {
		var attributes struct {
			ContactURI string `json:"contact_uri"`
		}
		if json.Unmarshal([]byte(*w.Attributes), &attributes) != nil {
			attributes.ContactURI = "" // anybody may write into attributes
		}
		c.Address = &attributes.ContactURI
	}
	return c
}

// Agent reads an agent with his attributes.
func (t *Twilio) Agent(ctx context.Context, agent string) (store.AgentChange, error) {
	var c store.AgentChange
	at := time.Now()
	err := t.read(ctx, routeWorker, func(x *exchange) error {
		w, err := x.taskRouter().FetchWorker(t.config.WorkspaceSID, agent)
		if err == nil {
			c = agentChange(w, at)
		}
		return err
	})
	return c, agentError("read an agent", err)
}

// AgentChannels reads what an agent can take on each task channel. https://www.twilio.com/docs/taskrouter/api/worker-channel
func (t *Twilio) AgentChannels(ctx context.Context, agent string) ([]store.ChannelRow, error) {
	var channels []store.ChannelRow
	err := t.pages(ctx, routeWorkerChannels, func(x *exchange, token, number string) (next any, err error) {
		page, err := x.taskRouter().PageWorkerChannel(t.config.WorkspaceSID, agent, (&taskrouter.ListWorkerChannelParams{}).SetPageSize(100), token, number)
		if err != nil {
			return nil, err
		}
		for i := range page.Channels {
			c := &page.Channels[i]
			channels = append(channels, store.ChannelRow{
				Channel: value(c.TaskChannelUniqueName), Capacity: c.ConfiguredCapacity, Tasks: c.AssignedTasks, Free: c.AvailableCapacityPercentage,
				Available: value(c.Available),
			})
		}
		return page.Meta.NextPageUrl, nil
	})
	return channels, agentError("read an agent's channels", err)
}

// SetAvailability moves an agent, and returns where Twilio says that he is then. Reservations that he has stay as they are.
func (t *Twilio) SetAvailability(ctx context.Context, agent, availability string) (store.AgentChange, error) {
	var c store.AgentChange
	at := time.Now()
	err := t.do(ctx, routeWorker, func(x *exchange) error {
		w, err := x.taskRouter().UpdateWorker(t.config.WorkspaceSID, agent, (&taskrouter.UpdateWorkerParams{}).SetActivitySid(availability))
		if err == nil {
			c = agentChange(w, at)
		}
		return err
	})
	return c, agentError("set an availability", err)
}

// moveTries is how often an agent who changes in between is looked at anew.
const moveTries = 3

// moveIf moves an agent to an availability if he is, at that very moment, where the move is meant for. was is where he was.
func (t *Twilio) moveIf(ctx context.Context, agent, to string, meant func(*taskrouter.TaskrouterV1Worker) bool) (was string, moved bool, err error) {
	for range moveTries {
		var worker *taskrouter.TaskrouterV1Worker
		version := ""
		err = t.do(ctx, routeWorker, func(x *exchange) (err error) {
			if worker, err = x.taskRouter().FetchWorker(t.config.WorkspaceSID, agent); err == nil && x.answer != nil {
				version = x.answer.Header.Get("ETag")
			}
			return err
		})
		if err != nil {
			return "", false, err
		}
		was = value(worker.ActivitySid)
		if was == to || !meant(worker) {
			return was, false, nil
		}
		params := (&taskrouter.UpdateWorkerParams{}).SetActivitySid(to)
		if version != "" {
			params.SetIfMatch(version) // who moves him between the two requests wins
		}
		err = t.do(ctx, routeWorker, func(x *exchange) error {
			_, err := x.taskRouter().UpdateWorker(t.config.WorkspaceSID, agent, params)
			return err
		})
		if f := failureOf(err); f == nil || f.Status != http.StatusPreconditionFailed {
			return was, err == nil, err
		}
	}
	return "", false, err
}
