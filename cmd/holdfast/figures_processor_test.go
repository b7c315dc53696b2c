package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/cmd/holdfast/engine"
)

// processorTime is what each part had of the processor, whatever else ran on the machine: in all, or for one call.
type processorTime struct {
	Holdfast, Engine time.Duration
	Rest             time.Duration // this process: the simulated Twilio and its people, or whatever else drives the engine
}

// processorTime reads what the parts of a stage have had so far. Holdfast is a process of its own there.
func (s *stage) processorTime(t *testing.T) processorTime {
	t.Helper()
	s.child.mu.Lock()
	holdfast := s.child.process.Pid
	s.child.mu.Unlock()
	return processorTime{Holdfast: processTime(t, holdfast), Engine: engineTime(t, filepath.Join(s.dataDir, "engine")), Rest: ownTime(t)}
}

// since is what was used since an earlier reading, for each call.
func (p processorTime) since(before processorTime, calls int) processorTime {
	n := time.Duration(calls)
	return processorTime{Holdfast: (p.Holdfast - before.Holdfast) / n, Engine: (p.Engine - before.Engine) / n, Rest: (p.Rest - before.Rest) / n}
}

// All is the sum of the parts.
func (p processorTime) All() time.Duration { return p.Holdfast + p.Engine + p.Rest }

// Served is what of it a machine needs that has nothing to simulate.
func (p processorTime) Served() time.Duration { return p.Holdfast + p.Engine }

func engineTime(t *testing.T, dir string) time.Duration {
	t.Helper()
	pid := engine.PID(dir)
	require.Positive(t, pid)
	return processTime(t, pid)
}

// processTime is what Linux says that a process has used, to a hundredth of a second: user and system.
func processTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err, "these figures are Linux's")
	_, fields, _ := strings.Cut(string(data), ") ") // the name before may have blanks
	var ticks int64
	for _, field := range strings.Fields(fields)[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	const tick = 10 * time.Millisecond
	return time.Duration(ticks) * tick
}

func ownTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
