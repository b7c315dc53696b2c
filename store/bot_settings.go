package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"
)

const botColumns = `bots.id, bots.name, bots.settings, bots.revision, bots.running, bots.runs_since, bots.started_at, bots.state, bots.error,
	bots.created_at, bots.updated_at`

func scanBot(row scanner) (b BotRow, err error) {
	err = row.Scan(&b.ID, &b.Name, (*text)(&b.Settings), &b.Revision, (*text)(&b.Running), &b.RunsSince, micros{&b.StartedAt}, &b.State, &b.Error,
		micros{&b.CreatedAt}, micros{&b.UpdatedAt})
	return b, err
}

// CreateBot keeps a new bot, stopped, and its secrets, such as a model's API key, by name. Without an ID it gets one. ErrNoSecretKeys if the secrets
// cannot be sealed.
func (s *Store) CreateBot(ctx context.Context, b BotRow, secrets map[string]string) (BotRow, error) {
	if b.ID == "" {
		b.ID = NewID("bot")
	}
	sealed, err := s.sealAll(secrets, b.ID)
	if err != nil {
		return BotRow{}, wrap("create bot", err)
	}
	b = BotRow{ID: b.ID, Name: b.Name, Settings: b.Settings, Revision: 1, State: BotStopped, CreatedAt: s.now()}
	b.UpdatedAt = b.CreatedAt
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			INSERT INTO bots (id, name, settings, secrets, revision, runs_since, state, error, created_at, updated_at)
			VALUES (?, ?, ?, ?, 1, 0, ?, '', ?, ?)`),
			plainArgs(b.ID, b.Name, string(b.Settings), sealed, string(b.State), b.CreatedAt.UnixMicro(), b.UpdatedAt.UnixMicro())...)
		return err
	})
	if err != nil {
		return BotRow{}, wrap("create bot", err)
	}
	return b, nil
}

// Bot reads a bot. ErrNotFound if there is none.
func (s *Store) Bot(ctx context.Context, id string) (BotRow, error) {
	bots, err := s.botsWhere(ctx, "bot", ` WHERE bots.id = ?`, id)
	if err == nil && len(bots) == 0 {
		err = wrap("bot", ErrNotFound)
	}
	if err != nil {
		return BotRow{}, err
	}
	return bots[0], nil
}

// Bots lists bots, oldest first. next is the cursor of the following page; "" when there is none. ErrCursor if it is not ours.
func (s *Store) Bots(ctx context.Context, p Page) (bots []BotRow, next string, err error) {
	query, args, err := p.oldestFirst("")
	if err != nil {
		return nil, "", wrap("bots", err)
	}
	bots, err = s.botsWhere(ctx, "bots", query, args...)
	if len(bots) > p.limit() {
		bots = bots[:p.limit()]
		last := bots[p.limit()-1]
		next = cursor{last.CreatedAt.UnixMicro(), last.ID}.String()
	}
	return bots, next, err
}

// StartedBots lists the bots that somebody wants to run: all but the stopped ones.
func (s *Store) StartedBots(ctx context.Context) ([]BotRow, error) {
	return s.botsWhere(ctx, "started bots", ` WHERE bots.state <> ? ORDER BY bots.id`, string(BotStopped))
}

// InboundBot is the bot that answers a connection's calls: the running one that started with it last, or else the one that it is attached to, which gives
// its offline answer. ErrNotFound if there is none.
func (s *Store) InboundBot(ctx context.Context, connection string) (BotRow, error) {
	running, err := s.botsWhere(ctx, "inbound bot", ` WHERE bots.running LIKE ? ESCAPE '\' ORDER BY bots.started_at DESC, bots.id`,
		`%"`+literally.Replace(connection)+`"%`)
	if err != nil {
		return BotRow{}, err
	}
	for _, b := range running {
		if line, ok := b.Line(connection); ok && line.Inbound {
			return b, nil
		}
	}
	attached, err := s.botsWhere(ctx, "inbound bot",
		` JOIN bot_connections c ON c.bot_id = bots.id WHERE c.connection_id = ? AND c.inbound`, connection)
	if err == nil && len(attached) == 0 {
		err = wrap("inbound bot", ErrNotFound)
	}
	if err != nil {
		return BotRow{}, err
	}
	return attached[0], nil
}

// Line is a connection as the bot runs with it; false if it does not.
func (b BotRow) Line(connection string) (RunningLine, bool) {
	if len(b.Running) == 0 {
		return RunningLine{}, false
	}
	var running RunningBot
	if json.Unmarshal(b.Running, &running) != nil {
		return RunningLine{}, false
	}
	for _, line := range running.Connections {
		if line.Connection == connection {
			return line, true
		}
	}
	return RunningLine{}, false
}

// botsWhere reads bots and what is attached to them as of one moment.
func (s *Store) botsWhere(ctx context.Context, op, where string, args ...any) (bots []BotRow, err error) {
	err = s.consistently(ctx, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryContext(ctx, tx.Rebind(`SELECT `+botColumns+` FROM bots`+where), args...)
		if bots, err = gather(rows, err, scanBot); err != nil {
			return err
		}
		return addConnections(ctx, tx, bots)
	})
	return bots, wrap(op, err)
}

func addConnections(ctx context.Context, tx *sqlx.Tx, bots []BotRow) error {
	if len(bots) == 0 {
		return nil
	}
	at, ids := make(map[string]int, len(bots)), make([]string, len(bots))
	for i, b := range bots {
		at[b.ID], ids[i] = i, b.ID
	}
	query, args, err := sqlx.In(`SELECT bot_id, connection_id, inbound FROM bot_connections WHERE bot_id IN (?) ORDER BY connection_id`, ids)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, tx.Rebind(query), args...)
	_, err = gather(rows, err, func(row scanner) (none struct{}, err error) {
		var bot string
		var c BotConnection
		if err := row.Scan(&bot, &c.Connection, &c.Inbound); err != nil {
			return none, err
		}
		bots[at[bot]].Connections = append(bots[at[bot]].Connections, c)
		return none, nil
	})
	return err
}

// ChangeBot changes a bot's name, settings and secrets, which are those by name as they are kept; change may be called more than once, and its error
// ends it. Anything else that it changes does not count. The revision grows if something did. ErrNotFound if there is none.
func (s *Store) ChangeBot(ctx context.Context, id string, change func(b *BotRow, secrets map[string]string) error) (b BotRow, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var sealed string
		if b, sealed, err = s.lockBot(ctx, tx, id); err != nil {
			return err
		}
		secrets, err := s.unsealAll(sealed, id)
		if err != nil {
			return err
		}
		was, kept := b, maps.Clone(secrets)
		if err := change(&b, secrets); err != nil {
			return err
		}
		name, settings := b.Name, b.Settings
		b = was
		if b.Name, b.Settings = name, settings; name == was.Name && string(settings) == string(was.Settings) && maps.Equal(secrets, kept) {
			return nil
		}
		if !maps.Equal(secrets, kept) {
			if sealed, err = s.sealAll(secrets, id); err != nil {
				return err
			}
		}
		b.Revision++
		b.UpdatedAt = s.now()
		_, err = tx.ExecContext(ctx, tx.Rebind(`UPDATE bots SET name = ?, settings = ?, secrets = ?, revision = ?, updated_at = ? WHERE id = ?`),
			plainArgs(b.Name, string(b.Settings), sealed, b.Revision, b.UpdatedAt.UnixMicro(), id)...)
		return err
	})
	if err != nil {
		return BotRow{}, wrap("change bot", err)
	}
	return b, nil
}

// lockBot reads a bot that is to be changed.
func (s *Store) lockBot(ctx context.Context, tx *sqlx.Tx, id string) (b BotRow, sealed string, err error) {
	if err := tx.GetContext(ctx, &sealed, tx.Rebind(`SELECT secrets FROM bots WHERE id = ?`+s.forUpdate()), id); err != nil {
		return BotRow{}, "", err
	}
	if b, err = scanBot(tx.QueryRowContext(ctx, tx.Rebind(`SELECT `+botColumns+` FROM bots WHERE bots.id = ?`), id)); err != nil {
		return BotRow{}, "", err
	}
	one := []BotRow{b}
	err = addConnections(ctx, tx, one)
	return one[0], sealed, err
}

// BotSecrets are what is kept sealed of a bot, by name. Errors: ErrNotFound, ErrNoSecretKeys, ErrSecretUnreadable.
func (s *Store) BotSecrets(ctx context.Context, id string) (map[string]string, error) {
	var sealed string
	if err := s.read.GetContext(ctx, &sealed, s.read.Rebind(`SELECT secrets FROM bots WHERE id = ?`), id); err != nil {
		return nil, wrap("bot secrets", err)
	}
	secrets, err := s.unsealAll(sealed, id)
	return secrets, wrap("bot secrets", err)
}

func (s *Store) sealAll(secrets map[string]string, bound string) (string, error) {
	if len(secrets) == 0 {
		return "", nil
	}
	raw, err := json.Marshal(secrets)
	if err != nil {
		return "", err
	}
	return s.seal(string(raw), bound)
}

// unsealAll never returns nil without an error.
func (s *Store) unsealAll(sealed, bound string) (map[string]string, error) {
	secrets := map[string]string{}
	raw, err := s.unseal(sealed, bound)
	if err != nil || raw == "" {
		return secrets, err
	}
	if err := json.Unmarshal([]byte(raw), &secrets); err != nil {
		return nil, fmt.Errorf("%w: not as it was written", ErrSecretUnreadable)
	}
	return secrets, nil
}

// DeleteBot forgets a bot, its secrets and its log. Its sessions stay. ErrNotFound if there is none.
func (s *Store) DeleteBot(ctx context.Context, id string) error {
	return wrap("delete bot", s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := changedOne(tx.ExecContext(ctx, tx.Rebind(`DELETE FROM bots WHERE id = ?`), id)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`DELETE FROM bot_log WHERE bot_id = ?`), id)
		return err
	}))
}

// Attach attaches a connection to a bot, or changes how it is attached. An [InboundTakenError] names the bot that answers its calls; ErrNotFound if there is
// no such bot or connection.
func (s *Store) Attach(ctx context.Context, bot string, c BotConnection) (b BotRow, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		// The connection's row is the lock under which nobody else takes its calls.
		var known string
		if err := tx.GetContext(ctx, &known, tx.Rebind(`SELECT id FROM connections WHERE id = ?`+s.forUpdate()), c.Connection); err != nil {
			return err
		}
		if b, _, err = s.lockBot(ctx, tx, bot); err != nil {
			return err
		}
		if slices.Contains(b.Connections, c) {
			return nil
		}
		if c.Inbound {
			if err := inboundFree(ctx, tx, bot, c.Connection); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO bot_connections (bot_id, connection_id, inbound) VALUES (?, ?, ?)
			ON CONFLICT (bot_id, connection_id) DO UPDATE SET inbound = excluded.inbound`), bot, c.Connection, c.Inbound)
		if err != nil {
			return err
		}
		b, err = s.attachedOtherwise(ctx, tx, bot)
		return err
	})
	if err != nil {
		return BotRow{}, wrap("attach", err)
	}
	return b, nil
}

func inboundFree(ctx context.Context, tx *sqlx.Tx, bot, connection string) error {
	taken := &InboundTakenError{}
	err := tx.QueryRowContext(ctx, tx.Rebind(`SELECT b.id, b.name FROM bot_connections c JOIN bots b ON b.id = c.bot_id
		WHERE c.connection_id = ? AND c.inbound AND c.bot_id <> ?`), connection, bot).Scan(&taken.Bot, &taken.Name)
	if err == nil {
		return taken
	}
	if err = wrap("", err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// attachedOtherwise counts a change of what is attached to a bot.
func (s *Store) attachedOtherwise(ctx context.Context, tx *sqlx.Tx, bot string) (BotRow, error) {
	_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE bots SET revision = revision + 1, updated_at = ? WHERE id = ?`), s.now().UnixMicro(), bot)
	if err != nil {
		return BotRow{}, err
	}
	b, _, err := s.lockBot(ctx, tx, bot)
	return b, err
}

// Detach takes a connection from a bot. ErrNotFound if it was not attached to it.
func (s *Store) Detach(ctx context.Context, bot, connection string) (b BotRow, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, _, err = s.lockBot(ctx, tx, bot); err != nil {
			return err
		}
		err := changedOne(tx.ExecContext(ctx, tx.Rebind(`DELETE FROM bot_connections WHERE bot_id = ? AND connection_id = ?`), bot, connection))
		if err != nil {
			return err
		}
		b, err = s.attachedOtherwise(ctx, tx, bot)
		return err
	})
	if err != nil {
		return BotRow{}, wrap("detach", err)
	}
	return b, nil
}
