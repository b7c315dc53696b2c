// Package reaper cleans up after a run of tests that was killed. It is for tests alone; no program carries it.
//
// A test run that ends by kill -9, by its time-out or by a crash runs no clean-up, and what it started lives on: Temporal's dev server, which
// is meant to outlive a Holdfast, and processes that start it again. So the run gets a folder of its own for everything temporary, and a
// companion process that waits for its end. What then still runs with this folder in its arguments is killed, and the folder is removed.
package reaper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// variable names the folder to the companion, which is the test's own program.
const variable = "HOLDFAST_TEST_REAPS"

// Unmount unmounts, where it is set, what is mounted below a folder.
var Unmount func(dir string)

// leash is the companion's input. It is kept, and never closed by us: the system does it when the run ends.
var leash io.WriteCloser

// Serve is the companion's work. It is to be called first of all in TestMain, and answers whether this process is a companion, which has no tests
// to run.
func Serve() bool {
	dir := os.Getenv(variable)
	if dir == "" {
		return false
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the run, however that ends
	reap(dir)
	return true
}

// Start makes the run's temporary folder and starts the companion. Without /proc there is none, and nothing is cleaned up.
func Start() error {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "hft-") // short: sockets lie below it, and their paths must be
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user has a folder in it
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)                             //nolint:gosec,noctx // ourselves, and it must outlive us
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what is sent to the run's group is not for it
	cmd.Env = append(os.Environ(), variable+"="+dir)
	if leash, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("reaper: %w", err)
	}
	return os.Setenv("TMPDIR", dir)
}

// reap kills until nobody is left, for one may start another before it is found.
func reap(dir string) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 100 {
		found := processes(dir)
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(found) == 0 {
			break
		}
		<-again.C
	}
	if Unmount != nil {
		Unmount(dir)
	}
	_ = os.RemoveAll(dir) //nolint:gosec // the folder that Start made
}

// processes are those with a path below the folder in their arguments.
func processes(dir string) (found []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
	for _, path := range lines {
		line, err := os.ReadFile(path) //nolint:gosec // of /proc
		if err != nil || !bytes.Contains(line, []byte(dir+"/")) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err == nil && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}
