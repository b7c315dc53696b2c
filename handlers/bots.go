package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"holdfast/bot"
	"holdfast/store"
)

// BotsConfig has [Webhooks] answer calls with bots.
type BotsConfig struct {
	// Store keeps bots, connections and sessions. Required.
	Store BotStore
	// Brain makes the brain of a bot. Required. It is asked once for as long as the settings are the same.
	Brain func(ctx context.Context, botID string, settings bot.BrainSettings) (bot.Brain, error)
	// FillerAfter is how long a caller waits for a brain before he hears the filler phrase. Default 1.2 s; a bot's filler is spoken for as long as
	// the brain may still think.
	FillerAfter time.Duration
	// AtOnce is how many brains may think at the same time about what callers have not said to the end yet. Default 256; beyond it answers
	// are thought of when the caller has ended.
	AtOnce int
	// Second is how long a second of what is said takes: less than one where calls are simulated. Default one second.
	Second time.Duration
}

func (c *BotsConfig) check() error {
	switch {
	case c == nil:
		return nil
	case c.Store == nil:
		return errors.New("the bots have no Store")
	case c.Brain == nil:
		return errors.New("the bots have no Brain")
	}
	return nil
}

func (c *BotsConfig) setDefaults() {
	if c.FillerAfter <= 0 {
		c.FillerAfter = 1200 * time.Millisecond
	}
	if c.AtOnce <= 0 {
		c.AtOnce = 256
	}
	if c.Second <= 0 {
		c.Second = time.Second
	}
}

// spoken is how long something takes here that takes so long in life; lived is the way back.
func (c *BotsConfig) spoken(d time.Duration) time.Duration {
	return time.Duration(float64(d) * c.Second.Seconds())
}

func (c *BotsConfig) lived(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.Second.Seconds())
}

// bots are the bots that calls are answered with, as far as a process remembers them. All that a dialogue needs is in the store: what is here saves
// time, and may be lost.
type bots struct {
	cfg   BotsConfig
	mu    sync.Mutex
	known map[string]*knownBot // by the bot's ID
	talks talks

	troubles troubles
}

func newBots(cfg BotsConfig) *bots {
	return &bots{cfg: cfg, known: map[string]*knownBot{}, talks: newTalks(cfg.AtOnce)}
}

// close ends all thinking, and waits for it.
func (b *bots) close() { b.talks.close() }

// knownBot is a bot with the settings that a call is answered by, made ready.
type knownBot struct {
	row      store.BotRow
	source   []byte    // what settings and lines were read from
	readAt   time.Time // when the store told it last; the table's
	name     string
	settings bot.Settings
	lines    map[string]store.RunningLine

	foresees bool // its brain may think of what callers have not said to the end: none of its lookups changes anything

	making sync.Mutex
	brains map[string]bot.Brain // by their settings
}

// ready reads a bot's settings, if they are others than those that are known: of one that runs those that it started with, else those that are set,
// for a conversation that outlives the bot's stopping goes on.
func (b *bots) ready(row store.BotRow, now time.Time) (*knownBot, error) {
	source := row.Running
	if len(source) == 0 {
		source = row.Settings
	}
	b.mu.Lock()
	known := b.known[row.ID]
	b.mu.Unlock()
	if known != nil && bytes.Equal(known.source, source) && known.row.StartedAt.Equal(row.StartedAt) { // what is sealed may be new after a start
		b.mu.Lock()
		known.readAt = now
		b.mu.Unlock()
		return known, nil
	}
	fresh := &knownBot{row: row, source: source, readAt: now, name: row.Name, lines: map[string]store.RunningLine{}, brains: map[string]bot.Brain{}}
	settings := row.Settings
	if len(row.Running) > 0 {
		var running store.RunningBot
		if err := json.Unmarshal(row.Running, &running); err != nil {
			return nil, fmt.Errorf("handlers: what bot %s runs with: %w", row.ID, err)
		}
		settings, fresh.name = running.Settings, running.Name
		for _, line := range running.Connections {
			fresh.lines[line.Connection] = line
		}
	}
	if err := json.Unmarshal(settings, &fresh.settings); err != nil {
		return nil, fmt.Errorf("handlers: settings of bot %s: %w", row.ID, err)
	}
	fresh.settings = fresh.settings.WithDefaults()
	fresh.foresees = !slices.ContainsFunc(fresh.settings.Lookups, func(l bot.Lookup) bool { return l.Method != "" && l.Method != http.MethodGet })
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= botsKnownAtMost {
		clear(b.known)
	}
	b.known[row.ID] = fresh
	return fresh, nil
}

const botsKnownAtMost = 256

// brain is the one of a bot's brains that has these settings. One that cannot be made is an error of each turn, which the dialogue turns into a sentence.
func (b *bots) brain(ctx context.Context, known *knownBot, settings bot.BrainSettings) (bot.Brain, error) {
	key, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("handlers: brain of bot %s: %w", known.row.ID, err)
	}
	known.making.Lock()
	defer known.making.Unlock()
	if brain, made := known.brains[string(key)]; made {
		return brain, nil
	}
	brain, err := b.cfg.Brain(ctx, known.row.ID, settings)
	if err != nil {
		return nil, fmt.Errorf("handlers: brain of bot %s: %w", known.row.ID, err)
	}
	known.brains[string(key)] = brain
	return brain, nil
}

// botReadAgain is how long a bot is known before the store is asked again, for turns of conversations that go on.
const botReadAgain = time.Second

// fresh is a bot that was read a moment ago, nil if it was not.
func (b *bots) fresh(id string, now time.Time) *knownBot {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.known[id]; known != nil && now.Sub(known.readAt) < botReadAgain {
		return known
	}
	return nil
}

// last is a bot as this process knew it last, nil if it did not.
func (b *bots) last(id string) *knownBot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known[id]
}
