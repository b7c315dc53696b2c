package handlers

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast/store"
)

// troubles keeps a bot's log readable: what goes wrong with every turn is written into it once in a while.
type troubles struct {
	mu   sync.Mutex
	told map[string]time.Time // by bot, connection and kind
}

const (
	troubleAgainAfter = time.Minute
	troublesAtMost    = 1024
	troubleChars      = 300
)

func (t *troubles) due(key string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, told := t.told[key]; told && now.Sub(last) < troubleAgainAfter {
		return false
	}
	if len(t.told) >= troublesAtMost || t.told == nil {
		t.told = map[string]time.Time{}
	}
	t.told[key] = now
	return true
}

// tellBotLog writes into a bot's log what went wrong, for those who set it up. kind tells one trouble from another; nothing that callers said is in message.
func (w *Webhooks) tellBotLog(ctx context.Context, bot, connection, level, kind, message string) {
	now := w.now()
	if !w.bots.troubles.due(bot+"|"+connection+"|"+kind, now) {
		return
	}
	if r := []rune(message); len(r) > troubleChars {
		message = string(r[:troubleChars]) + "…"
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	err := w.cfg.Bots.Store.LogBot(bounded, store.BotLogLine{At: now, Bot: bot, Connection: connection, Level: level, Message: withoutCards(message)})
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "a bot's log cannot be written", slog.String("bot", bot), slog.Any("error", err))
	}
}
