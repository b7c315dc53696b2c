package engine

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

func config(t *testing.T) Config {
	t.Helper()
	return Config{DataDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func start(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Stop(context.WithoutCancel(t.Context()))) })
	return e
}

// begin leaves a running workflow behind, which nobody works on: state to be found again.
func begin(t *testing.T, e *Engine, id string) {
	t.Helper()
	_, err := e.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "nobody"}, "anything")
	require.NoError(t, err)
}

func requireRunning(t *testing.T, e *Engine, id string) {
	t.Helper()
	d, err := e.Client().DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, d.GetWorkflowExecutionInfo().GetStatus())
}

func childOf(t *testing.T, cfg Config) int {
	t.Helper()
	r, err := readRecord(cfg.DataDir)
	require.NoError(t, err)
	return r.PID
}

func gone(pid int) bool { return commandLine(pid) == "" }

func TestEngineStartsAnswersAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	cfg.DataDir = filepath.Join(cfg.DataDir, "with a blank", "made on the way")
	e := start(t, cfg)

	begin(t, e, "call:CA1")
	requireRunning(t, e, "call:CA1")

	n, err := e.describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "holdfast", n.GetNamespaceInfo().GetName())
	require.Equal(t, 7*24*time.Hour, n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())

	require.Eventually(t, func() bool { return answers(t, e.UIURL()) }, 10*time.Second, 50*time.Millisecond)

	pid := childOf(t, cfg)
	group, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	require.Equal(t, pid, group, "the terminal's Ctrl-C must not reach the child")

	_, err = Start(t.Context(), cfg)
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))

	require.NoError(t, e.Stop(t.Context()))
	requireClosed(t, e.Done())
	require.True(t, gone(pid))
	require.Zero(t, childOf(t, cfg))
	require.NoError(t, free(t.Context(), e.ports.GRPC))
	require.NoError(t, e.Stop(t.Context()), "a second Stop has nothing to do")

	again := start(t, cfg)
	require.Equal(t, e.Address(), again.Address(), "the ports stay, so that the web UI is found again")
	requireRunning(t, again, "call:CA1")
}

func TestEngineOfAKilledHoldfastIsAdopted(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	killHoldfast(t, cfg.DataDir)
	pid := childOf(t, cfg)
	require.False(t, gone(pid), "the child outlives its parent")

	e := start(t, cfg)
	require.Equal(t, pid, childOf(t, cfg))
	begin(t, e, "call:CA1")

	// An adopted child is no child of ours, and yet is watched.
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	requireBack(t, e, cfg, pid)
	requireRunning(t, e, "call:CA1")
}

func TestEngineOfAKilledHoldfastIsReplacedWhenItsSettingsDiffer(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	killHoldfast(t, cfg.DataDir)
	pid := childOf(t, cfg)

	cfg.UIPort = -1
	e := start(t, cfg)
	require.True(t, gone(pid))
	require.NotEqual(t, pid, childOf(t, cfg))
	require.Empty(t, e.UIURL())
}

func TestEngineThatDiesIsStartedAgainWithItsState(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	e := start(t, cfg)
	address := e.Address()
	begin(t, e, "call:CA1")

	for range 2 {
		pid := childOf(t, cfg)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		requireBack(t, e, cfg, pid)
		requireRunning(t, e, "call:CA1")
	}
	require.Equal(t, address, e.Address())
}

func TestEngineThatHangsIsKilledWhenStopMayNotWait(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	e, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	pid := childOf(t, cfg)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.Stop(ctx), context.Canceled)
	require.True(t, gone(pid))
}

func TestEngineElsewhere(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	there := start(t, config(t))

	t.Run("is used without a child", func(t *testing.T) {
		cfg := config(t)
		cfg.Address, cfg.Namespace = there.Address(), "holdfast"
		e := start(t, cfg)
		begin(t, e, "call:CA1")
		requireRunning(t, there, "call:CA1")
		require.Equal(t, there.Address(), e.Address())
		require.Empty(t, e.UIURL())
		files, err := os.ReadDir(cfg.DataDir)
		require.NoError(t, err)
		require.Empty(t, files)

		require.NoError(t, e.Stop(t.Context()))
		requireClosed(t, e.Done())
		requireRunning(t, there, "call:CA1")
	})
	t.Run("has the namespace default unless another is named", func(t *testing.T) {
		e := start(t, Config{Address: there.Address()})
		require.Equal(t, "default", e.Namespace())
	})
	t.Run("must have the namespace", func(t *testing.T) {
		_, err := Start(t.Context(), Config{Address: there.Address(), Namespace: "nowhere"})
		require.ErrorContains(t, err, `namespace "nowhere" does not exist at `+there.Address())
	})
}

func TestEngineElsewhereThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", loopback+":0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())

	_, err = Start(t.Context(), Config{Address: address, StartTimeout: 300 * time.Millisecond})
	require.ErrorIs(t, err, ErrNotStarted)
	require.ErrorContains(t, err, address)
}

func TestEngineThatCannotStartSaysWhyOnOneLine(t *testing.T) {
	t.Parallel()
	script := func(t *testing.T, body string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "temporal")
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
		return path
	}
	table := []struct {
		name  string
		setup func(t *testing.T, cfg *Config)
		is    error
		says  string
	}{
		{"no data directory", func(_ *testing.T, cfg *Config) { cfg.DataDir = "" }, nil, "no data directory given"},
		{"retention below Temporal's least", func(_ *testing.T, cfg *Config) { cfg.Retention = time.Minute }, nil, "retention 1m0s is too short"},
		{"one port for both", func(_ *testing.T, cfg *Config) { cfg.Port, cfg.UIPort = 7233, 7233 }, nil, "asked for twice"},
		{"port out of range", func(_ *testing.T, cfg *Config) { cfg.Port = 70000 }, nil, "out of range"},
		{"binary that is not there", func(t *testing.T, cfg *Config) {
			cfg.Binary = filepath.Join(t.TempDir(), "temporal")
		}, ErrNoBinary, "set TEMPORAL_ADDRESS"},
		{"binary that ends at once", func(t *testing.T, cfg *Config) {
			cfg.Binary = script(t, "echo first; echo 'unknown command \"server\"'; exit 3")
		}, ErrNotStarted, `exit status 3: first | unknown command "server"`},
		{"binary that never answers", func(t *testing.T, cfg *Config) {
			cfg.Binary, cfg.StartTimeout = script(t, "exec sleep 60"), 300*time.Millisecond
		}, ErrNotStarted, "no healthy answer from 127.0.0.1:"},
		{"binary of another kind of machine", func(t *testing.T, cfg *Config) {
			cfg.Binary = script(t, "")
			require.NoError(t, os.WriteFile(cfg.Binary, []byte("\x7fELF"), 0o700))
		}, ErrNotStarted, "exec format error"},
		{"data directory under a file", func(t *testing.T, cfg *Config) {
			cfg.Binary = script(t, "exit 0")
			file := filepath.Join(cfg.DataDir, "file")
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			cfg.DataDir = filepath.Join(file, "data")
		}, nil, "cannot be made"},
		{"port in use", func(t *testing.T, cfg *Config) {
			cfg.Binary = script(t, "exit 0")
			cfg.Port = taken(t)
		}, ErrPortInUse, "on 127.0.0.1: stop what holds it"},
		{"web UI port in use", func(t *testing.T, cfg *Config) {
			cfg.Binary = script(t, "exit 0")
			cfg.UIPort = taken(t)
		}, ErrPortInUse, "web UI port"},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			row.setup(t, &cfg)
			e, err := Start(t.Context(), cfg)
			require.Nil(t, e)
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "\n")
			if row.is != nil {
				require.ErrorIs(t, err, row.is)
			}
			if r, err := readRecord(cfg.DataDir); err == nil {
				require.Zero(t, r.PID, "no process is left")
			}
		})
	}
}

func TestEngineStartThatIsCalledOffLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Start(ctx, cfg)
	require.ErrorIs(t, err, ErrNotStarted)
	require.Zero(t, childOf(t, cfg))

	// What it left of a database may be half a schema: it is set aside, and the next start works.
	require.NoError(t, os.WriteFile(filepath.Join(cfg.DataDir, databaseFile), []byte("half"), 0o600))
	begin(t, start(t, cfg), "call:CA1")
}

// killHoldfast runs a Holdfast of its own on the directory and kills it, as the system would.
func killHoldfast(t *testing.T, dir string) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "up", strings.TrimSpace(line))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
}

func requireBack(t *testing.T, e *Engine, cfg Config, before int) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, err := readRecord(cfg.DataDir)
		return err == nil && r.PID != before && e.healthy(t.Context()) == nil
	}, 20*time.Second, 20*time.Millisecond)
}

func requireClosed(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	default:
		require.Fail(t, "not done")
	}
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// taken is a port that somebody listens on for as long as the test runs.
func taken(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", loopback+":0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	addr, ok := l.Addr().(*net.TCPAddr)
	require.True(t, ok)
	return addr.Port
}
