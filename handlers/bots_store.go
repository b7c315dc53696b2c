package handlers

import (
	"context"
	"time"

	"holdfast/store"
)

// BotStore is what the webhooks of bots need of the store; *store.Store is one.
type BotStore interface {
	// ConnectionByID is store.ErrNotFound for one that nobody made.
	ConnectionByID(ctx context.Context, id string) (store.ConnectionRow, error)
	// InboundBot is the bot that answers a connection's calls, whether it runs or not; store.ErrNotFound if there is none.
	InboundBot(ctx context.Context, connection string) (store.BotRow, error)
	BotByID(ctx context.Context, id string) (store.BotRow, error)
	// OpenSession keeps a session with its first messages, Answer and Dialogue if the bot has fewer than most open ones (0: no cap), all in one
	// transaction: store.ErrCapped if not. One that is there for the same CallSID comes back as it is, with opened false.
	OpenSession(ctx context.Context, row store.SessionRow, first []store.SessionMessage, most int) (kept store.SessionRow, opened bool, err error)
	SessionByID(ctx context.Context, id string) (store.SessionRow, error)
	// SessionOfCallSID is the session of the call's leg at Twilio; store.ErrNotFound if no bot has or had it.
	SessionOfCallSID(ctx context.Context, callSID string) (store.SessionRow, error)
	// SessionByCall is the session of a call of ours by its ID.
	SessionByCall(ctx context.Context, callID string) (store.SessionRow, error)
	// AnswerTurn keeps the answer if the session is open and has answered the turn before: store.ErrTurnTaken, with the session as it is, if not.
	AnswerTurn(ctx context.Context, turn store.TurnAnswer) (store.SessionRow, error)
	// ResumeSession makes a session that was handing off an open one again, for nobody could take the caller; nothing otherwise.
	ResumeSession(ctx context.Context, id string) (store.SessionRow, error)
	// NoteSessionCall notes the CallSid of an outbound session, once.
	NoteSessionCall(ctx context.Context, id, callSID string) error
	// CloseSession closes a session that is not closed; false if it was.
	CloseSession(ctx context.Context, id, outcome string, at time.Time) (bool, error)
	// CredentialsOfAccount are those of all connections of an account; none if there are no such connections.
	CredentialsOfAccount(ctx context.Context, account string) ([]store.Credentials, error)
	// WorkspaceOfAccount says whether a connection names the account's workspace.
	WorkspaceOfAccount(ctx context.Context, account, workspace string) (bool, error)
}
