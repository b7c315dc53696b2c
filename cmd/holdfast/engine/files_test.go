package engine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogsOfEarlierStartsAreKeptAndNumberedByAge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for n := range logsKept + 3 {
		f, err := openLog(dir)
		require.NoError(t, err)
		_, err = f.WriteString("start " + strconv.Itoa(n))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	files, err := filepath.Glob(filepath.Join(dir, logFile+"*"))
	require.NoError(t, err)
	require.Len(t, files, logsKept+1)
	require.Equal(t, "start 7", lastWords(dir))
	oldest, err := os.ReadFile(filepath.Join(dir, logFile+".5"))
	require.NoError(t, err)
	require.Equal(t, "start 2", string(oldest))
}

func TestLastWordsAreTheLastLinesAsOneAndShort(t *testing.T) {
	t.Parallel()
	table := []struct{ name, log, want string }{
		{"nothing said", "", ""},
		{"blank lines do not count", "one\n\ntwo\n \n", "one | two"},
		{"three lines are enough", "one\ntwo\nthree\nfour\n", "two | three | four"},
		{"long lines lose their beginning", strings.Repeat("x", 2000) + "end\n", "…" + strings.Repeat("x", 597) + "end"},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, logFile), []byte(row.log), 0o600))
			require.Equal(t, row.want, lastWords(dir))
		})
	}
	require.Empty(t, lastWords(t.TempDir()))
}

func TestRecordThatIsBrokenCountsAsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, recordFile), nil, 0o600))
	r, err := readRecord(dir)
	require.NoError(t, err)
	require.Zero(t, r)

	want := record{PID: 42, ports: ports{GRPC: 7233, UI: 8233}, Args: []string{"server"}}
	require.NoError(t, want.write(dir))
	r, err = readRecord(dir)
	require.NoError(t, err)
	require.Equal(t, want, r)
}

func TestProcessOfSomebodyElseIsNotOurs(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), databaseFile)
	for _, pid := range []int{-1, 0, 1, os.Getpid(), 1 << 30} {
		require.False(t, ours(pid, database), "process %d", pid)
	}
}

func TestPortsAreThoseAskedForThenThoseOfLastTimeThenFreeOnes(t *testing.T) {
	t.Parallel()
	first, err := choosePorts(t.Context(), Config{}, ports{})
	require.NoError(t, err)
	require.NotEqual(t, first.GRPC, first.UI)

	again, err := choosePorts(t.Context(), Config{}, first)
	require.NoError(t, err)
	require.Equal(t, first, again)

	asked, err := choosePorts(t.Context(), Config{Port: first.UI, UIPort: -1}, first)
	require.NoError(t, err)
	require.Equal(t, ports{GRPC: first.UI}, asked)

	held := taken(t)
	other, err := choosePorts(t.Context(), Config{}, ports{GRPC: held, UI: held})
	require.NoError(t, err)
	require.NotEqual(t, held, other.GRPC)
	require.NotEqual(t, held, other.UI)
}

func TestChildIsToldNoSecrets(t *testing.T) {
	t.Setenv("TWILIO_AUTH_TOKEN", "secret")
	t.Setenv("TEMPORAL_API_KEY", "secret")
	t.Setenv("GOGC", "50")
	env := environment("/data")
	require.Contains(t, env, "HOME=/data")
	require.Equal(t, "GOGC=50", env[len(env)-1])
	require.NotContains(t, strings.Join(env, "\n"), "secret")
}

func TestBinaryThatIsNamedIsMadeAbsolute(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "temporal")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.False(t, runnable(path))
	_, err := findBinary(path)
	require.ErrorIs(t, err, ErrNoBinary)

	require.NoError(t, os.Chmod(path, 0o700))
	require.True(t, runnable(path))
	found, err := findBinary(path)
	require.NoError(t, err)
	require.Equal(t, path, found)
	require.False(t, runnable(dir))
}

func TestModuleRootIsWhereGoModIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	require.NoError(t, os.MkdirAll(deep, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module m\n"), 0o600))
	require.Equal(t, dir, moduleRoot(deep))
}
