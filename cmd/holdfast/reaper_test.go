package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leaveBehind has a run of this very program stop in the middle of a test, with its engine and a Holdfast of its own running.
const leaveBehind = "HOLDFAST_TEST_LEAVES"

func TestThatIsKilled(t *testing.T) {
	t.Parallel()
	if os.Getenv(leaveBehind) == "" {
		t.Skip("it is run by TestAKilledRunLeavesNothingRunning alone")
	}
	s := newStage(t, nil)
	fmt.Println("engine", s.enginePID(t), os.TempDir()) //nolint:usetesting // the run's own folder
	<-t.Context().Done()
}

func TestAKilledRunLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("without /proc nothing is cleaned up after a killed run")
	}
	requireEngine(t)
	self, err := os.Executable()
	require.NoError(t, err)
	run := exec.Command(self, "-test.run", "^TestThatIsKilled$", "-test.timeout", "5m")
	run.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, actAsHoldfast+"=") }), leaveBehind+"=1")
	output, err := run.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, run.Start())
	said, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	words := strings.Fields(said)
	require.Len(t, words, 3, said)
	pid, err := strconv.Atoi(words[1])
	require.NoError(t, err)
	engineRuns := func() bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return err == nil && strings.Contains(string(line), "start-dev")
	}
	require.True(t, engineRuns())

	require.NoError(t, run.Process.Kill())
	require.Error(t, run.Wait())
	require.Eventually(t, func() bool { return !engineRuns() }, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := os.Stat(words[2])
		return os.IsNotExist(err)
	}, time.Minute, 10*time.Millisecond, "its files are gone as well")
}
