package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

const connectionColumns = `id, kind, name, description, account_sid, phone_number, voice, speech_model, region, edge, workspace_sid, routing_workflow,
	created_at, updated_at`

func scanConnection(row scanner) (c ConnectionRow, err error) {
	err = row.Scan(&c.ID, &c.Kind, &c.Name, &c.Description, &c.AccountSID, &c.PhoneNumber, &c.Voice, &c.SpeechModel, &c.Region, &c.Edge,
		&c.WorkspaceSID, &c.RoutingWorkflow, micros{&c.CreatedAt}, micros{&c.UpdatedAt})
	return c, err
}

// ConnectionVoice is the kind of connections that are telephone lines; their numbers are unique.
const ConnectionVoice = "voice"

// CreateConnection keeps a new connection and its token. Without an ID it gets one. An [ErrNumberTaken] names the connection that has the number;
// ErrNoSecretKeys if the token cannot be sealed.
func (s *Store) CreateConnection(ctx context.Context, c ConnectionRow, token string) (ConnectionRow, error) {
	if c.ID == "" {
		c.ID = NewID("con")
	}
	sealed, err := s.seal(token, c.ID)
	if err != nil {
		return ConnectionRow{}, wrap("create connection", err)
	}
	c.CreatedAt = s.now()
	c.UpdatedAt = c.CreatedAt
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := s.numberFree(ctx, tx, c); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO connections (`+connectionColumns+`, token) VALUES `+tuples(15, 1)), connectionArgs(c, sealed)...)
		return err
	})
	if err != nil {
		return ConnectionRow{}, wrap("create connection", err)
	}
	return c, nil
}

func connectionArgs(c ConnectionRow, more ...any) []any {
	return plainArgs(append([]any{
		c.ID, c.Kind, c.Name, c.Description, c.AccountSID, c.PhoneNumber, c.Voice, c.SpeechModel, c.Region, c.Edge, c.WorkspaceSID, c.RoutingWorkflow,
		c.CreatedAt.UnixMicro(), c.UpdatedAt.UnixMicro(),
	}, more...)...)
}

// numberFree says who else has the number. It holds up whoever else wants to take one: the index would say no without a name.
func (s *Store) numberFree(ctx context.Context, tx *sqlx.Tx, c ConnectionRow) error {
	if c.Kind != ConnectionVoice {
		return nil
	}
	if s.neighbours != nil {
		if _, err := tx.ExecContext(ctx, `LOCK TABLE connections IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
	}
	taken := &NumberTakenError{}
	err := tx.QueryRowContext(ctx, tx.Rebind(`SELECT id, name FROM connections WHERE kind = 'voice' AND phone_number = ? AND id <> ?`),
		plain(c.PhoneNumber), c.ID).Scan(&taken.Connection, &taken.Name)
	switch {
	case err == nil:
		return taken
	case errors.Is(wrap("", err), ErrNotFound):
		return nil
	}
	return err
}

// Connection reads a connection. ErrNotFound if there is none.
func (s *Store) Connection(ctx context.Context, id string) (ConnectionRow, error) {
	c, err := scanConnection(s.read.QueryRowContext(ctx, s.read.Rebind(`SELECT `+connectionColumns+` FROM connections WHERE id = ?`), id))
	return c, wrap("connection", err)
}

// Page is a part of a list.
type Page struct {
	Limit  int    // default [DefaultLimit], at most [MaxLimit]
	Cursor string // where the page before ended; "" for the first
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return min(p.Limit, MaxLimit)
}

// Connections lists connections, oldest first. next is the cursor of the following page; "" when there is none. ErrCursor if it is not ours.
func (s *Store) Connections(ctx context.Context, p Page) (connections []ConnectionRow, next string, err error) {
	query, args, err := p.oldestFirst(`SELECT ` + connectionColumns + ` FROM connections`)
	if err != nil {
		return nil, "", wrap("connections", err)
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(query), args...)
	connections, err = collect("connections", rows, err, scanConnection)
	if len(connections) > p.limit() {
		connections = connections[:p.limit()]
		last := connections[p.limit()-1]
		next = cursor{last.CreatedAt.UnixMicro(), last.ID}.String()
	}
	return connections, next, err
}

// oldestFirst ends a query of rows that have an ID and a time of creation. It asks for one more than the page has.
func (p Page) oldestFirst(query string) (string, []any, error) {
	var args []any
	if p.Cursor != "" {
		c, err := parseCursor(p.Cursor)
		if err != nil {
			return "", nil, err
		}
		query += ` WHERE (created_at > ? OR (created_at = ? AND id > ?))`
		args = append(args, c.created, c.created, c.id)
	}
	return query + ` ORDER BY created_at, id LIMIT ?`, plainArgs(append(args, p.limit()+1)...), nil
}

// ChangeConnection changes a connection, and its token unless that is "". change may be called more than once, and its error ends it. Bots that it is
// attached to are due for a restart. Errors are those of [Store.CreateConnection], and ErrNotFound.
func (s *Store) ChangeConnection(ctx context.Context, id, token string, change func(*ConnectionRow) error) (c ConnectionRow, err error) {
	sealed, err := s.seal(token, id)
	if err != nil {
		return ConnectionRow{}, wrap("change connection", err)
	}
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		c, err = scanConnection(tx.QueryRowContext(ctx, tx.Rebind(`SELECT `+connectionColumns+` FROM connections WHERE id = ?`+s.forUpdate()), id))
		if err != nil {
			return err
		}
		was := c
		if err := change(&c); err != nil {
			return err
		}
		c.ID, c.CreatedAt = was.ID, was.CreatedAt
		if c == was && token == "" {
			return nil
		}
		if c.PhoneNumber != was.PhoneNumber || c.Kind != was.Kind {
			if err := s.numberFree(ctx, tx, c); err != nil {
				return err
			}
		}
		c.UpdatedAt = s.now()
		_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE connections SET (`+connectionColumns+`, token) =
			(`+tuples(14, 1)[1:len(tuples(14, 1))-1]+`, CASE WHEN CAST(? AS TEXT) = '' THEN token ELSE ? END) WHERE id = ?`), connectionArgs(c, sealed, sealed, id)...)
		if err != nil {
			return err
		}
		return s.dueForRestart(ctx, tx, id)
	})
	if err != nil {
		return ConnectionRow{}, wrap("change connection", err)
	}
	return c, nil
}

// dueForRestart counts a change of each bot that a connection is attached to.
func (s *Store) dueForRestart(ctx context.Context, tx *sqlx.Tx, connection string) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bots SET revision = revision + 1, updated_at = ?
		WHERE id IN (SELECT bot_id FROM bot_connections WHERE connection_id = ?)`), s.now().UnixMicro(), connection)
	return err
}

// DeleteConnection forgets a connection and takes it from the bots that it is attached to. ErrNotFound if there is none.
func (s *Store) DeleteConnection(ctx context.Context, id string) error {
	return wrap("delete connection", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var known string // whoever attaches it, or changes it, locks its row first
		if err := tx.GetContext(ctx, &known, tx.Rebind(`SELECT id FROM connections WHERE id = ?`+s.forUpdate()), id); err != nil {
			return err
		}
		if err := s.dueForRestart(ctx, tx, id); err != nil {
			return err
		}
		return changedOne(tx.ExecContext(ctx, tx.Rebind(`DELETE FROM connections WHERE id = ?`), id))
	}))
}

// BotsOf lists the bots that a connection is attached to, the inbound one first.
func (s *Store) BotsOf(ctx context.Context, connection string) ([]BotRow, error) {
	return s.botsWhere(ctx, "bots of", ` JOIN bot_connections c ON c.bot_id = bots.id WHERE c.connection_id = ? ORDER BY c.inbound DESC, bots.id`, connection)
}

// Credentials are a connection's, with its token. Errors: ErrNotFound, ErrNoSecretKeys, ErrSecretUnreadable.
func (s *Store) Credentials(ctx context.Context, connection string) (Credentials, error) {
	all, err := s.credentials(ctx, `id = ?`, connection)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Credentials{}, wrap("credentials", err)
	}
	return all[0], nil
}

// CredentialsOfAccount are those of all connections of an account, the newest first: an account has a token for each region. None is no error.
func (s *Store) CredentialsOfAccount(ctx context.Context, accountSID string) ([]Credentials, error) {
	all, err := s.credentials(ctx, `account_sid = ?`, accountSID)
	return all, wrap("credentials of account", err)
}

func (s *Store) credentials(ctx context.Context, where string, arg string) ([]Credentials, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`SELECT id, account_sid, token, region, edge FROM connections WHERE `+where+`
		ORDER BY updated_at DESC, id`), arg)
	all, err := gather(rows, err, func(row scanner) (c Credentials, err error) {
		err = row.Scan(&c.Connection, &c.AccountSID, &c.AuthToken, &c.Region, &c.Edge)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	open := all[:0]
	for _, c := range all {
		if c.AuthToken, err = s.unseal(c.AuthToken, c.Connection); err == nil {
			open = append(open, c)
		}
	}
	if len(open) == 0 { // one that cannot be read is no reason to keep the others back
		return nil, err
	}
	return open, nil
}

// now is the clock's time as the database keeps it.
func (s *Store) now() time.Time { return time.UnixMicro(s.clock().UnixMicro()).UTC() }

// forUpdate ends a SELECT of a row that is to be changed. On SQLite the transaction has all rows to itself.
func (s *Store) forUpdate() string {
	if s.neighbours == nil {
		return ""
	}
	return " FOR UPDATE"
}
