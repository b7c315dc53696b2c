package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"time"

	"holdfast/activities"
	"holdfast/bot"
	"holdfast/call"
	"holdfast/handlers"
	"holdfast/store"
	"holdfast/workflows"
)

// simulated is how much of a time passes where a second of the telephone's is shorter, and at least so much.
func (c *config) simulated(d, least time.Duration) time.Duration {
	if c.Second <= 0 {
		return d
	}
	return min(d, max(least, time.Duration(float64(d)*c.Second.Seconds())))
}

// botWatch is how often the lines of bots are looked at.
func (c *config) botWatch() time.Duration {
	return c.simulated(workflows.DefaultBotWatch, 5*time.Second)
}

// fillerAfter is how long a caller waits for a bot in silence.
func (c *config) fillerAfter() time.Duration {
	return c.simulated(1200*time.Millisecond, 200*time.Millisecond)
}

// bots is how webhooks answer for bots.
func (a *app) bots() *handlers.BotsConfig {
	return &handlers.BotsConfig{Store: a.store, Brain: a.brain, FillerAfter: a.cfg.fillerAfter(), Second: a.cfg.Second}
}

// brain makes a bot's brain, which finds what is kept sealed of the bot where it would look for environment variables.
func (a *app) brain(ctx context.Context, id string, settings bot.BrainSettings) (bot.Brain, error) {
	secrets, err := a.store.BotSecrets(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNoSecretKeys) {
		return nil, err
	}
	return bot.New(settings, bot.Options{Getenv: func(name string) string {
		if secret, sealed := secrets[name]; sealed {
			return secret
		}
		return os.Getenv(name)
	}})
}

// activities are what this process does for calls.
func (a *app) activities(twilio *activities.Twilio) *activities.Activities {
	return &activities.Activities{
		Twilio: twilio, Store: a.store, Floor: a.store,
		Accounts: activities.NewAccounts(twilio, a.store), Bots: a.store, Lines: a.lines(),
	}
}

// lines is where the calls on bots' lines go.
func (a *app) lines() activities.Lines {
	public, err := url.Parse(a.cfg.PublicURL)
	if err != nil { // the configuration was checked
		public = &url.URL{}
	}
	return activities.Lines{
		VoiceURL:    func(connection string) string { return handlers.BotVoice(public, connection) },
		FallbackURL: func(connection string) string { return handlers.BotFallback(public, connection) },
		StatusURL:   handlers.CallStatus(public, ""),
		AnswerURL:   func(session string) string { return handlers.BotCalled(public, session) },
		ProgressURL: func(id call.ID) string { return handlers.CallStatus(public, id) },
		Queue:       a.lineQueue,
		QueuedURL: func(id call.ID, session string, turn int, h call.Handoff) string {
			return handlers.BotEnqueued(public, id, session, turn, h)
		},
		WaitURL: func(id call.ID) string { return handlers.QueueWait(public, id) },
		Summarise: func(ctx context.Context, id string, settings bot.Settings, d bot.Dialogue) (bot.HandOff, error) {
			brain, err := a.brain(ctx, id, d.Thinks(settings))
			if err != nil {
				return bot.HandOff{}, err
			}
			return brain.Summarise(ctx, settings, d)
		},
	}
}

// lineQueue is how callers wait who are handed over on one of our numbers.
func (a *app) lineQueue(number string) (activities.LineQueue, bool) {
	for _, n := range a.cfg.Numbers {
		if n.Number == number && n.RoutingWorkflow != "" {
			return activities.LineQueue{
				RoutingWorkflow: n.RoutingWorkflow, Priority: n.Priority, TimeoutSeconds: int(n.MaxWait / time.Second), Attributes: n.Attributes,
			}, true
		}
	}
	return activities.LineQueue{RoutingWorkflow: a.cfg.RoutingWorkflow}, a.cfg.RoutingWorkflow != ""
}
