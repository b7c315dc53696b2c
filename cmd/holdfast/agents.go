package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"holdfast/activities"
	"holdfast/floor"
	"holdfast/handlers"
	"holdfast/store"
)

// breakerConfig is the rule of one queue for agents who do not answer. What is left out is as for all queues, or the default.
type breakerConfig struct {
	Queue         string         `yaml:"queue"` // SID or name; "*" is all that are not named
	Misses        *int           `yaml:"misses"`
	Agents        *int           `yaml:"agents"`
	Window        *time.Duration `yaml:"window"`
	Share         *float64       `yaml:"share"`
	Do            *floor.Do      `yaml:"do"`
	Keep          *float64       `yaml:"keep"`
	BackAfter     *time.Duration `yaml:"back_after"`
	BackAfterMost *time.Duration `yaml:"back_after_most"`
	Backs         *int           `yaml:"backs"`
	Calm          *time.Duration `yaml:"calm"`
}

// availabilityPattern tells an availability's SID from its name.
var availabilityPattern = regexp.MustCompile(`^WA[0-9a-fA-F]{32}$`)

const everyQueue = "*"

// over is a rule with what is set here instead.
func (c breakerConfig) over(r floor.Rule) floor.Rule {
	set(&r.Misses, c.Misses)
	set(&r.Agents, c.Agents)
	set(&r.Window, c.Window)
	set(&r.Share, c.Share)
	set(&r.Do, c.Do)
	set(&r.Keep, c.Keep)
	set(&r.BackAfter, c.BackAfter)
	set(&r.BackAfterMost, c.BackAfterMost)
	set(&r.Backs, c.Backs)
	set(&r.Calm, c.Calm)
	return r
}

func set[T any](value *T, to *T) {
	if to != nil {
		*value = *to
	}
}

// floor is what the breaker works by. TimedOut is where TaskRouter moves agents by itself.
func (c *config) floor(timedOut string) floor.Settings {
	s := floor.Settings{NotAnswering: floor.AvailabilitySID(c.NotAnswering), TimedOut: floor.AvailabilitySID(timedOut), Rule: floor.DefaultRule()}
	if c.Breaking != nil {
		s.Rule = *c.Breaking
	}
	for _, b := range c.Breaker {
		if b.Queue == everyQueue {
			s.Rule = b.over(s.Rule)
		}
	}
	for _, b := range c.Breaker {
		if b.Queue != everyQueue {
			s.Queues = append(s.Queues, floor.QueueRule{Queue: b.Queue, Rule: b.over(s.Rule)})
		}
	}
	return s
}

// breakerProblems says what is wrong with the rules.
func (c *config) breakerProblems() []error {
	var wrong []error
	seen := map[string]bool{}
	for i, b := range c.Breaker {
		bad := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("breaker, entry %d: %s", i+1, fmt.Sprintf(format, args...)))
		}
		if b.Queue == "" {
			bad("needs queue: a queue's SID or name, or %q for all", everyQueue)
		} else if seen[b.Queue] {
			bad("%s is there twice", b.Queue)
		}
		seen[b.Queue] = true
		r := b.over(floor.DefaultRule())
		switch {
		case r.Misses < 1 || r.Agents < 1:
			bad("misses and agents are 1 or more")
		case r.Share < 0 || r.Share > 1 || r.Keep < 0 || r.Keep > 1:
			bad("share and keep are from 0 to 1")
		case r.Window <= 0 || r.BackAfter <= 0 || r.BackAfterMost < r.BackAfter || r.Calm <= 0:
			bad("window, back_after and calm are above 0, and back_after_most is not below back_after")
		case r.Backs < 0:
			bad("backs is not negative")
		case r.Do != floor.DoBringBack && r.Do != floor.DoAlert && r.Do != floor.DoNothing:
			bad("do must be %s, %s or %s, not %q", floor.DoBringBack, floor.DoAlert, floor.DoNothing, r.Do)
		}
	}
	return wrong
}

// How often agents are read: what their events tell comes at once, and an event can be lost.
const (
	readAgentsEvery = 10 * time.Minute
	readAgentsAgain = 5 * time.Second
)

// readAgents keeps the read model of agents true: all of them after a start, and now and then.
func (a *app) readAgents(ctx context.Context) error {
	known := map[string]bool{}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		pause := readAgentsEvery
		if err := a.readAgentsOnce(ctx, known); err != nil && ctx.Err() == nil {
			a.log.Warn("agents cannot be read", "error", err, "again_in", readAgentsAgain)
			pause = readAgentsAgain
		}
		next.Reset(pause)
	}
}

// readAgentsOnce reads the lists, and of those who are new to this process what no list tells.
func (a *app) readAgentsOnce(ctx context.Context, known map[string]bool) error {
	all, err := a.twilio.Floor(ctx)
	if err != nil {
		return err
	}
	if err := a.store.ReplaceFloor(ctx, all); err != nil {
		return err
	}
	for _, agent := range all.Agents {
		if known[agent.SID] {
			continue
		}
		if err := a.readAgent(ctx, agent.SID); err != nil && !errors.Is(err, activities.ErrNoAgent) {
			return err
		}
		known[agent.SID] = true
	}
	return nil
}

func (a *app) readAgent(ctx context.Context, sid string) error {
	change, err := a.twilio.Agent(ctx, sid)
	if err != nil {
		return err
	}
	channels, err := a.twilio.AgentChannels(ctx, sid)
	if err != nil {
		return err
	}
	if len(channels) == 0 {
		return a.store.ApplyAgent(ctx, change)
	}
	for _, c := range channels {
		change.Kind, change.Channel = store.KindAgentCapacity, &c
		if err := a.store.ApplyAgent(ctx, change); err != nil {
			return err
		}
	}
	return nil
}

// agentControl lets the API move agents, which Twilio's adapter alone can.
type agentControl struct{ twilio *activities.Twilio }

// SetAvailability implements [handlers.AgentControl].
func (c agentControl) SetAvailability(ctx context.Context, agent, availability string) (store.AgentChange, error) {
	change, err := c.twilio.SetAvailability(ctx, agent, availability)
	for ours, theirs := range map[error]error{
		activities.ErrUnavailable: handlers.ErrTwilioAway, activities.ErrRefused: handlers.ErrTwilioRefused, activities.ErrNoAgent: handlers.ErrNoAgent,
	} {
		if errors.Is(err, ours) {
			return change, fmt.Errorf("%w: %w", theirs, err)
		}
	}
	return change, err
}
