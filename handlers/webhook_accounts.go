package handlers

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// accountTokens remembers for a moment by which tokens the webhooks of other accounts are signed: those of the connections that name the account.
// Who asks is not known yet, so what is remembered is bounded, what is not there included.
type accountTokens struct {
	mu    sync.Mutex
	known map[string]knownTokens
}

type knownTokens struct {
	tokens []string
	until  time.Time
}

const (
	tokensKnownFor  = 5 * time.Second // a token that was pasted over counts after it
	accountsAtMost  = 1024
	accountSIDChars = 34
)

// tokensOf are those by which an account's webhooks may be signed, beside our own account's primary one.
func (w *Webhooks) tokensOf(ctx context.Context, account string) []string {
	if w.cfg.Bots == nil || len(account) != accountSIDChars {
		return nil
	}
	now := w.now()
	w.accounts.mu.Lock()
	known, ok := w.accounts.known[account]
	w.accounts.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.tokens
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	found, err := w.cfg.Bots.Store.CredentialsOfAccount(bounded, account)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the tokens of an account cannot be read", slog.String("account", clipped(account)), slog.Any("error", err))
		return known.tokens
	}
	known = knownTokens{until: now.Add(tokensKnownFor)}
	for _, c := range found {
		if c.AuthToken != "" && !slices.Contains(known.tokens, c.AuthToken) {
			known.tokens = append(known.tokens, c.AuthToken)
		}
	}
	w.accounts.mu.Lock()
	defer w.accounts.mu.Unlock()
	if len(w.accounts.known) >= accountsAtMost || w.accounts.known == nil {
		w.accounts.known = map[string]knownTokens{}
	}
	w.accounts.known[account] = known
	return known.tokens
}

// workspaceOf says whether a webhook may tell of a workspace: of our own account the one that is set, of another one that a connection names.
func (w *Webhooks) workspaceOf(ctx context.Context, account, workspace string) bool {
	if account == w.cfg.AccountSID {
		return workspace == w.cfg.WorkspaceSID
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	named, err := w.cfg.Bots.Store.Workspaces(bounded, account)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the workspaces of an account cannot be read", slog.String("account", account), slog.Any("error", err))
	}
	return slices.Contains(named, workspace)
}
