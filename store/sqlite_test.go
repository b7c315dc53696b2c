package store

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
)

func escaped(path string) string { return strings.ReplaceAll(url.PathEscape(path), "%2F", "/") }

func TestADataSourceIsAFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, dsn, path, wrong string }{
		{name: "a path", dsn: "data/holdfast.db", path: "data/holdfast.db"},
		{name: "an absolute path", dsn: "/var/lib/holdfast.db", path: "/var/lib/holdfast.db"},
		{name: "a URI", dsn: "file:data/a%20b.db", path: "data/a b.db"},
		{name: "a URI with a host", dsn: "file://localhost/var/x.db", path: "/var/x.db"},
		{name: "a URI with parameters", dsn: "file:/var/x.db?_busy_timeout=10", path: "/var/x.db"},
		{name: "nothing", dsn: "", wrong: "empty"},
		{name: "memory", dsn: ":memory:", wrong: "memory"},
		{name: "memory by a parameter", dsn: "file:x?mode=memory", wrong: "memory"},
		{name: "another database", dsn: "mysql://root@localhost/x", wrong: `"mysql" is not supported`},
		{name: "a wrong time-out", dsn: "x.db?_busy_timeout=soon", wrong: "must be milliseconds"},
		{name: "a wrong escape", dsn: "file:%zz", wrong: "invalid URL escape"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseSQLite(test.dsn)
			if test.wrong != "" {
				require.ErrorContains(t, err, test.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.path, got.path)
			again, err := parseSQLite(got.with(sqliteWriter))
			require.NoError(t, err)
			require.Equal(t, test.path, again.path, "what the driver is told")
		})
	}
}

func TestTheFileIsTunedAndPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s := reopenSQLite(t, path+"?_busy_timeout=1234")
	defer func() { require.NoError(t, s.Close()) }()

	pragma := func(db *sqlx.DB, name string) (value string) {
		require.NoError(t, db.GetContext(t.Context(), &value, "PRAGMA "+name))
		return value
	}
	require.Equal(t, "wal", pragma(s.write, "journal_mode"))
	require.Equal(t, "1", pragma(s.write, "synchronous"), "NORMAL")
	require.Equal(t, "1", pragma(s.write, "foreign_keys"))
	require.Equal(t, "16384", pragma(s.write, "wal_autocheckpoint"))
	require.Equal(t, "50", pragma(s.write, "busy_timeout"), "the rest is waited for in naps")
	require.Equal(t, 1234*time.Millisecond, s.patience, "the caller's word wins")
	require.Equal(t, "1234", pragma(s.read, "busy_timeout"))
	require.Equal(t, "1", pragma(s.read, "query_only"))

	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
}

func TestAFolderThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "holdfast.db")
	_, err := Open(t.Context(), path)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, path)
}

func TestAFileThatIsNoDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notes.txt")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600))
	_, err := Open(t.Context(), path)
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestErrorsTellWhatToDo(t *testing.T) {
	t.Parallel()

	t.Run("locked by another process: busy", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "holdfast.db")
		s := reopenSQLite(t, path+"?_busy_timeout=1")
		defer func() { require.NoError(t, s.Close()) }()
		other, err := open("file:"+escaped(path)+"?_txlock=immediate", 1)
		require.NoError(t, err)
		defer func() { require.NoError(t, other.Close()) }()
		tx, err := other.BeginTx(t.Context(), nil)
		require.NoError(t, err)

		_, _, err = s.Receive(t.Context(), webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorIs(t, err, ErrUnavailable)
		patient := reopenSQLite(t, path+"?_busy_timeout=600000")
		defer func() { require.NoError(t, patient.Close()) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, err = patient.Receive(ctx, webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, ErrUnavailable, "the caller does not wait for longer than he likes")

		require.NoError(t, tx.Rollback())
		position, _, err := s.Receive(t.Context(), webhook(ofCall("CA1"), 1))
		require.NoError(t, err)
		require.EqualValues(t, 1, position, "and nothing is left behind")
	})

	t.Run("no room to grow: full", func(t *testing.T) {
		t.Parallel()
		s := openSQLite(t)
		var pages int
		require.NoError(t, s.write.GetContext(t.Context(), &pages, "PRAGMA max_page_count = 1")) // the least: what there is
		w := webhook(ofCall("CA1"), 1)
		w.Params["Body"] = strings.Repeat("x", 1<<20)
		_, _, err := s.Receive(t.Context(), w)
		require.ErrorIs(t, err, ErrFull)
		require.ErrorIs(t, err, ErrUnavailable)
	})

	t.Run("closed: unavailable", func(t *testing.T) {
		t.Parallel()
		s := reopenSQLite(t, filepath.Join(t.TempDir(), "holdfast.db"))
		require.NoError(t, s.Close())
		_, _, err := s.Receive(t.Context(), webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, s.Ping(t.Context()), ErrUnavailable)
	})

	t.Run("the caller is gone: his own error", func(t *testing.T) {
		t.Parallel()
		s := openSQLite(t)
		_, _, err := s.Receive(canceled(t), webhook(ofCall("CA1"), 1))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrUnavailable)
	})

	t.Run("a broken rule: none of these", func(t *testing.T) {
		t.Parallel()
		err := wrap("project", sqlite3.Error{Code: sqlite3.ErrConstraint})
		require.NotErrorIs(t, err, ErrUnavailable)
		require.NotErrorIs(t, err, ErrNotFound)
		require.NoError(t, wrap("project", nil))
		require.ErrorIs(t, wrap("calls", ErrCursor), ErrCursor)
		require.NotErrorIs(t, ErrNotFound, ErrUnavailable)
	})
}

func TestTheCheckpointerStartsALongLogAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s := reopenSQLite(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	w := webhook(ofCall("CA1"), 1)
	w.Params["Body"] = strings.Repeat("x", (checkpointFrames+100)*4096)
	_, _, err := s.Receive(t.Context(), w)
	require.NoError(t, err)
	long, err := os.Stat(path + "-wal")
	require.NoError(t, err)

	s.checkpoint.move(t.Context())
	received(t, s, ofCall("CA2"), 20)
	frames, err := s.checkpoint.pragma(t.Context(), "PRAGMA wal_checkpoint(PASSIVE)")
	require.NoError(t, err)
	require.Less(t, frames, 1000, "the log begins anew")
	short, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Equal(t, long.Size(), short.Size(), "in the room that it has")
}
