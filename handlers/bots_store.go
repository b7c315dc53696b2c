package handlers

import (
	"context"
	"time"

	"holdfast/store"
)

// BotStore is what the webhooks of bots need of the store; *store.Store is one, whose methods say what each of them does.
type BotStore interface {
	Connection(ctx context.Context, id string) (store.ConnectionRow, error)
	InboundBot(ctx context.Context, connection string) (store.BotRow, error)
	Bot(ctx context.Context, id string) (store.BotRow, error)
	Session(ctx context.Context, id string) (store.SessionRow, error)
	SessionByCall(ctx context.Context, call string) (store.SessionRow, error)
	OpenSession(ctx context.Context, n store.NewSession) (session store.SessionRow, opened bool, err error)
	AnswerTurn(ctx context.Context, a store.TurnAnswer) (store.SessionRow, error)
	CancelHandoff(ctx context.Context, id string) (store.SessionRow, error)
	NoteSessionCall(ctx context.Context, id, callSID, answeredBy string) (store.SessionRow, error)
	CloseSession(ctx context.Context, id, outcome string, at time.Time) (store.SessionRow, error)
	CloseSessionsOf(ctx context.Context, callSID, outcome string, at time.Time) error
	LogBot(ctx context.Context, lines ...store.BotLogLine) error
	CredentialsOfAccount(ctx context.Context, account string) ([]store.Credentials, error)
	Workspaces(ctx context.Context, account string) ([]string, error)
}
