package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// line is a voice connection with a number of its own.
func line(n int) ConnectionRow {
	return ConnectionRow{
		Kind: ConnectionVoice, Name: fmt.Sprintf("Line %d", n), AccountSID: "AC1", PhoneNumber: fmt.Sprintf("+1555000%04d", n), Voice: "Polly.Salli",
		SpeechModel: "googlev2_telephony", Region: "us1", Edge: "ashburn",
	}
}

func created(t testing.TB, s *Store, c ConnectionRow) ConnectionRow {
	t.Helper()
	c, err := s.CreateConnection(t.Context(), c, "token of "+c.Name)
	require.NoError(t, err)
	return c
}

func testWorkspaces(t *testing.T, open opener) {
	s := open(t, WithSealer(keyRing(t, secretKey("k", 1))))
	created(t, s, line(1))
	for _, account := range []string{"AC7", "AC7", "AC8"} {
		created(t, s, ConnectionRow{Kind: "workspace", Name: "Flex", AccountSID: account, WorkspaceSID: "WS of " + account})
	}
	named, err := s.Workspaces(t.Context(), "AC7")
	require.NoError(t, err)
	require.Equal(t, []string{"WS of AC7"}, named)
	none, err := s.Workspaces(t.Context(), line(1).AccountSID)
	require.NoError(t, err)
	require.Empty(t, none)
}

func testConnections(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now), WithSealer(keyRing(t, secretKey("k", 1))))
	ctx := t.Context()
	one := created(t, s, line(1))
	require.NotEmpty(t, one.ID)
	clock.Move(time.Second)
	two := created(t, s, line(2))
	read, err := s.Connection(ctx, one.ID)
	require.NoError(t, err)
	require.Equal(t, one, read)

	_, err = s.CreateConnection(ctx, line(1), "t")
	require.ErrorIs(t, err, ErrNumberTaken)
	var taken *NumberTakenError
	require.ErrorAs(t, err, &taken)
	require.Equal(t, NumberTakenError{Connection: one.ID, Name: "Line 1"}, *taken)
	_, err = s.ChangeConnection(ctx, two.ID, "", func(c *ConnectionRow) error { c.PhoneNumber = one.PhoneNumber; return nil })
	require.ErrorIs(t, err, ErrNumberTaken)
	for range 2 { // workspaces have no number
		created(t, s, ConnectionRow{Kind: "workspace", Name: "Flex", AccountSID: "AC2", WorkspaceSID: "WS1"})
	}

	clock.Move(time.Second)
	changed, err := s.ChangeConnection(ctx, one.ID, "", func(c *ConnectionRow) error {
		c.Name, c.PhoneNumber, c.ID = "Renamed", "+15550009999", "another"
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "Renamed", changed.Name)
	require.Equal(t, one.ID, changed.ID)
	require.True(t, changed.UpdatedAt.After(one.UpdatedAt))
	credentials, err := s.Credentials(ctx, one.ID)
	require.NoError(t, err)
	require.Equal(t, Credentials{Connection: one.ID, AccountSID: "AC1", AuthToken: "token of Line 1", Region: "us1", Edge: "ashburn"}, credentials)
	_, err = s.ChangeConnection(ctx, one.ID, "pasted over", func(*ConnectionRow) error { return nil })
	require.NoError(t, err)
	credentials, err = s.Credentials(ctx, one.ID)
	require.NoError(t, err)
	require.Equal(t, "pasted over", credentials.AuthToken)
	refused := errors.New("refused")
	_, err = s.ChangeConnection(ctx, one.ID, "x", func(*ConnectionRow) error { return refused })
	require.ErrorIs(t, err, refused)

	all, next, err := s.Connections(ctx, Page{Limit: 3})
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.NotEmpty(t, next)
	require.Equal(t, one.ID, all[0].ID, "oldest first")
	rest, next, err := s.Connections(ctx, Page{Limit: 3, Cursor: next})
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Empty(t, next)
	_, _, err = s.Connections(ctx, Page{Cursor: "?"})
	require.ErrorIs(t, err, ErrCursor)

	require.NoError(t, s.DeleteConnection(ctx, one.ID))
	require.ErrorIs(t, s.DeleteConnection(ctx, one.ID), ErrNotFound)
	for name, call := range map[string]func() error{
		"read":        func() error { _, err := s.Connection(ctx, one.ID); return err },
		"credentials": func() error { _, err := s.Credentials(ctx, one.ID); return err },
		"change": func() error {
			_, err := s.ChangeConnection(ctx, one.ID, "", func(*ConnectionRow) error { return nil })
			return err
		},
	} {
		require.ErrorIs(t, call(), ErrNotFound, name)
	}
}

func testCredentials(t *testing.T, open opener) {
	s := open(t, WithSealer(keyRing(t, secretKey("k", 1))))
	ctx := t.Context()
	created(t, s, line(1))
	dublin := line(2)
	dublin.Region, dublin.Edge = "ie1", "dublin"
	created(t, s, dublin)
	all, err := s.CredentialsOfAccount(ctx, "AC1")
	require.NoError(t, err)
	require.Len(t, all, 2, "an account has a token for each region")
	none, err := s.CredentialsOfAccount(ctx, "AC9")
	require.NoError(t, err)
	require.Empty(t, none)

	var column string
	require.NoError(t, s.read.GetContext(ctx, &column, s.read.Rebind(`SELECT token FROM connections WHERE id = ?`), all[0].Connection))
	require.NotContains(t, column, "Line")
	_, err = s.write.ExecContext(ctx, s.write.Rebind(`UPDATE connections SET token = ? WHERE id = ?`), column, all[1].Connection)
	require.NoError(t, err)
	_, err = s.Credentials(ctx, all[1].Connection)
	require.ErrorIs(t, err, ErrSecretUnreadable, "a token moved to another connection does not open")
	readable, err := s.CredentialsOfAccount(ctx, "AC1")
	require.NoError(t, err)
	require.Equal(t, all[:1], readable, "and does not keep the others back")

	s.sealer = keyRing(t, secretKey("other", 2))
	_, err = s.CredentialsOfAccount(ctx, "AC1")
	require.ErrorIs(t, err, ErrSecretUnreadable)
	s.sealer = nil
	_, err = s.Credentials(ctx, all[0].Connection)
	require.ErrorIs(t, err, ErrNoSecretKeys)
	_, err = s.CreateConnection(ctx, line(3), "t")
	require.ErrorIs(t, err, ErrNoSecretKeys)
	_, err = s.ChangeConnection(ctx, all[0].Connection, "t", func(*ConnectionRow) error { return nil })
	require.ErrorIs(t, err, ErrNoSecretKeys)
	_, err = s.ChangeConnection(ctx, all[0].Connection, "", func(c *ConnectionRow) error { c.Name = "n"; return nil })
	require.NoError(t, err, "the rest can be changed without a key")
}

func testANumberIsTakenOnce(t *testing.T, open opener) {
	s := open(t, WithSealer(keyRing(t, secretKey("k", 1))))
	var group errgroup.Group
	errs := make(chan error, 8)
	for range cap(errs) {
		group.Go(func() error {
			_, err := s.CreateConnection(t.Context(), line(1), "t")
			errs <- err
			return nil
		})
	}
	require.NoError(t, group.Wait())
	close(errs)
	made := 0
	for err := range errs {
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, ErrNumberTaken)
	}
	require.Equal(t, 1, made)
}
