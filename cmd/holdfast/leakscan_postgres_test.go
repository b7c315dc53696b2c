package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"holdfast/store"
	"holdfast/store/pgtest"
)

// postgres looks at every text of every table, and at every byte of the server's files: old versions of rows and the write-ahead log too.
// What the server compresses cannot be seen there, and is seen in the tables.
func (l leakScan) postgres(t *testing.T, database string) (leaks []string) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	leaks = l.database(t, db, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'`)
	_, err = db.ExecContext(t.Context(), `CHECKPOINT`)
	require.NoError(t, err)

	u, err := url.Parse(database)
	require.NoError(t, err)
	root := os.DirFS(filepath.Join(u.Query().Get("host"), "data"))
	bytes := 0
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return nil
		}
		var data []byte
		if err == nil {
			data, err = fs.ReadFile(root, name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server is running, and removes what it needs no more
		}
		if err != nil {
			return err
		}
		bytes += len(data)
		for what, secret := range l.nowhere {
			if strings.Contains(string(data), secret) {
				leaks = append(leaks, "file "+name+": "+what)
			}
		}
		return nil
	}))
	require.Greater(t, bytes, 16<<20, "the write-ahead log alone has as much")
	return leaks
}

func TestNothingThatCallersKeyOrSayIsKeptInPostgreSQL(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t).Database(t)
	s, network := privateStage(t, database)
	liveInPrivate(t, s, network)
	scan := scanOf(t, s)
	leaks := append(scan.files(t, s.app.cfg.DataDir), scan.postgres(t, database)...)
	require.Empty(t, append(leaks, scan.calls(t, s)...))
	_, err := os.Stat(filepath.Join(s.app.cfg.DataDir, "holdfast.db"))
	require.ErrorIs(t, err, fs.ErrNotExist, "the data lie in PostgreSQL alone")

	// And it would be seen.
	_, _, err = s.app.store.Receive(t.Context(), store.Webhook{
		Key: "planted", Kind: "other", Subject: store.Subject{Kind: "workspace", ID: "WS1"}, ReceivedAt: time.Now(),
		Params: map[string]string{"Note": "5500-0000-0000-0004", "Digits": testPIN},
	})
	require.NoError(t, err)
	found := strings.Join(scan.postgres(t, database), "\n")
	require.Contains(t, found, "column inbox.params: a card number")
	require.Contains(t, found, "column inbox.params: keyed digits")
	require.Contains(t, found, "file base/", "in the table's file")
	require.Contains(t, found, "file pg_wal/", "and in the log before it")
}
