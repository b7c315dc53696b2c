package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"holdfast/call"
	"holdfast/store"
)

// AccountModel is where the credentials of others' accounts are kept. [store.Store] is one.
type AccountModel interface {
	Credentials(ctx context.Context, connection string) (store.Credentials, error)
	CredentialsOfAccount(ctx context.Context, accountSID string) ([]store.Credentials, error)
	Connection(ctx context.Context, id string) (store.ConnectionRow, error)
}

// Accounts finds the client for an account: Holdfast's own, or one with the credentials of a connection. Each account has a budget of its own, for
// Twilio counts by account; the connections to Twilio are shared. It is safe for use by many goroutines.
type Accounts struct {
	own   *Twilio
	model AccountModel
	now   func() time.Time

	mu      sync.Mutex
	clients map[store.Credentials]*Twilio
	budgets map[string]*Budget // by account
	known   map[call.For]knownAccount
}

type knownAccount struct {
	client *Twilio
	until  time.Time
}

// credentialsFor is how long credentials are used before they are read anew: so long after a token was replaced the old one may still be tried.
const credentialsFor = 5 * time.Second

// keptClients bounds what is remembered; the rest is made anew.
const keptClients = 1000

// NewAccounts makes the accounts of a process. model may be nil: then there is Holdfast's own account alone.
func NewAccounts(own *Twilio, model AccountModel) *Accounts {
	return &Accounts{
		own: own, model: model, now: time.Now, clients: map[store.Credentials]*Twilio{}, budgets: map[string]*Budget{}, known: map[call.For]knownAccount{},
	}
}

// Of is the client for an account. Errors are those of an activity: refused if there are no credentials for it.
func (a *Accounts) Of(ctx context.Context, f call.For) (*Twilio, error) {
	ours := f.Account == "" || f.Account == a.own.config.AccountSID
	if a.model == nil || ours && f.Connection == "" {
		if ours {
			return a.own, nil
		}
		return nil, refused(0, "no credentials are kept for the account "+f.Account)
	}
	a.mu.Lock()
	known, ok := a.known[f]
	a.mu.Unlock()
	if ok && a.now().Before(known.until) {
		return known.client, nil
	}
	client, err := a.find(ctx, f, ours)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= keptClients {
		clear(a.known)
	}
	a.known[f] = knownAccount{client: client, until: a.now().Add(credentialsFor)}
	return client, nil
}

func (a *Accounts) find(ctx context.Context, f call.For, ours bool) (*Twilio, error) {
	if f.Connection != "" {
		credentials, err := a.model.Credentials(ctx, f.Connection)
		switch {
		case err == nil:
			return a.with(ctx, credentials)
		case !errors.Is(err, store.ErrNotFound): // a connection that was deleted leaves calls behind
			return nil, secretError(err)
		}
	}
	if ours {
		return a.own, nil
	}
	all, err := a.model.CredentialsOfAccount(ctx, f.Account)
	if err != nil {
		return nil, secretError(err)
	}
	if len(all) == 0 {
		return nil, refused(0, "no credentials are kept for the account "+f.Account)
	}
	return a.with(ctx, all[0])
}

// secretError tells what cannot be mended by trying again from what can.
func secretError(err error) error {
	if errors.Is(err, store.ErrNoSecretKeys) || errors.Is(err, store.ErrSecretUnreadable) {
		return refused(0, err.Error())
	}
	return err
}

// with is the client with some credentials. Those of Holdfast's own account and region are Holdfast's own.
func (a *Accounts) with(ctx context.Context, c store.Credentials) (*Twilio, error) {
	ours := c.AccountSID == a.own.config.AccountSID
	if ours && home(c.Region, c.Edge) == home(a.own.config.Region, a.own.config.Edge) {
		return a.own, nil
	}
	config := a.own.config
	config.AccountSID, config.AuthToken, config.APIKeySID, config.APIKeySecret = c.AccountSID, c.AuthToken, "", ""
	config.Region, config.Edge = c.Region, c.Edge
	var err error
	if !ours {
		if config.WorkspaceSID, config.RoutingWorkflow, err = a.workspace(ctx, c.AccountSID); err != nil {
			return nil, err
		}
	}
	if config.Budget, err = a.budget(c.AccountSID); err != nil {
		return nil, err
	}
	c.Connection = config.WorkspaceSID + "/" + config.RoutingWorkflow // several connections with one account's token share a client
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.clients[c]; ok {
		return t, nil
	}
	if !secretPattern.MatchString(config.AuthToken) || !accountPattern.MatchString(config.AccountSID) {
		return nil, refused(0, "the account SID must be AC and 32 hexadecimal digits, and the auth token letters and digits")
	}
	if len(a.clients) >= keptClients {
		clear(a.clients)
	}
	t := &Twilio{config: config, transport: a.own.transport, metrics: a.own.metrics}
	a.clients[c] = t
	return t, nil
}

// budget is what an account's requests share in this process.
func (a *Accounts) budget(account string) (*Budget, error) {
	if account == a.own.config.AccountSID {
		return a.own.config.Budget, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.budgets[account]; b != nil {
		return b, nil
	}
	b, err := a.own.config.Budget.another()
	if err == nil {
		a.budgets[account] = b
	}
	return b, err
}

// home is where an account's requests go: the region with its edge, as Twilio's hosts name them.
func home(region, edge string) string {
	if region == "" || region == "us1" {
		region = "us1"
		if edge == "ashburn" {
			edge = ""
		}
	}
	return region + "/" + edge
}

// workspace is the TaskRouter workspace of another account, as the connection for it names it; "" if there is none.
func (a *Accounts) workspace(ctx context.Context, account string) (workspace, routing string, err error) {
	all, err := a.model.CredentialsOfAccount(ctx, account)
	if err != nil {
		return "", "", secretError(err)
	}
	for _, c := range all {
		row, err := a.model.Connection(ctx, c.Connection)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return "", "", fmt.Errorf("workspace of %s: %w", account, err)
		case row.WorkspaceSID != "":
			return row.WorkspaceSID, row.RoutingWorkflow, nil
		}
	}
	return "", "", nil
}

// in is the activities as they act for an account.
func (a *Activities) in(ctx context.Context, f call.For) (*Activities, error) {
	if a.Accounts == nil || f == (call.For{}) {
		return a, nil
	}
	client, err := a.Accounts.Of(ctx, f)
	if err != nil || client == a.Twilio {
		return a, err
	}
	theirs := *a
	theirs.Twilio = client
	return &theirs, nil
}
