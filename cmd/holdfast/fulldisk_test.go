//go:build linux

package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"holdfast/cmd/holdfast/reaper"
)

func init() {
	reaper.Unmount = func(dir string) { // what a killed run has left mounted
		mounts, err := os.ReadFile("/proc/self/mounts")
		if err != nil {
			return
		}
		for line := range strings.Lines(string(mounts)) {
			if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
				_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
			}
		}
	}
}

// smallDisk is a file system of a few megabytes.
type smallDisk struct {
	dir string
}

// newSmallDisk mounts one; that takes root, and the permission to mount.
func newSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	d := &smallDisk{dir: t.TempDir()}
	err := syscall.Mount("holdfast-test", d.dir, "tmpfs", 0, "size=32m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("no disk can be mounted here to be filled: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(d.dir, syscall.MNT_DETACH)) })
	return d
}

func (d *smallDisk) filler() string { return filepath.Join(d.dir, "filler") }

// fill writes until nothing more can be written.
func (d *smallDisk) fill(t *testing.T) {
	t.Helper()
	file, err := os.Create(d.filler())
	require.NoError(t, err)
	_, err = io.Copy(file, endless{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
}

func (d *smallDisk) empty(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Remove(d.filler()))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return min(len(p), 4096), nil }

// limit sets how large a file a process may write, and answers what it was. It needs no permission and no disk: every write that makes a file
// longer fails, as on a full one.
func limit(t *testing.T, p *process, bytes uint64) (before uint64) {
	t.Helper()
	var old unix.Rlimit
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &old))
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: old.Max}, nil))
	return old.Cur
}

func TestAFullDiskAnswersCallsAndAsksTwilioToTryTheRestAgain(t *testing.T) {
	t.Parallel()
	disk := newSmallDisk(t)
	tryFullDisk(t, disk.dir, func(*process) { disk.fill(t) }, func(*process) { disk.empty(t) })
}

func TestFilesThatMayNotGrowAnswerCallsAndAskTwilioToTryTheRestAgain(t *testing.T) {
	t.Parallel()
	var before uint64
	tryFullDisk(t, t.TempDir(), func(p *process) { before = limit(t, p, 0) }, func(p *process) { limit(t, p, before) })
}

// tryFullDisk takes a call while the disk of the inbox, which is the spool's too, takes nothing. The engine has a disk of its own.
func tryFullDisk(t *testing.T, dir string, fill, empty func(*process)) {
	t.Helper()
	books := newLedger()
	t.Cleanup(books.close)
	f := newEmptyFloor(t, books)
	f.cfg.DataDir = dir
	p := startProcess(t, f.cfg)
	f.balancer.add(p)

	fill(p)
	statuses := 0
	callback := func(id string) int {
		statuses++
		return f.webhook(t, "/twilio/call-status?call="+id, map[string]string{
			"AccountSid": f.sim.AccountSID(), "CallSid": id, "CallStatus": "in-progress", "SequenceNumber": strconv.Itoa(statuses),
		})
	}
	const nobody = "CA00000000000000000000000000000001"
	require.Eventually(t, func() bool { return callback(nobody) == http.StatusServiceUnavailable }, time.Minute, 10*time.Millisecond,
		"what files have room for is used up soon")

	caller, agent := placeCall(t, f.stage) // by TwiML and an instruction that no inbox has
	id := caller.CallSID()
	requireTogether(t, agent)
	require.Equal(t, http.StatusServiceUnavailable, callback(id), "a status callback is asked for again")
	require.GreaterOrEqual(t, p.metric(t, "holdfast_webhooks_spooled_total"), 2.0, "the call and its assignment")
	require.Zero(t, p.metric(t, "holdfast_webhooks_lost_total"))
	require.Empty(t, f.told(t, id), "nobody has heard of the call yet")

	empty(p)
	f.untilTold(t, id, "talking") // by the spool, by Twilio's second tries and, for what had none left, by a read-back
	caller.HangUp()
	f.untilTold(t, id, "wrapping")
	status, body := f.do(t, http.MethodPost, "/v1/calls/"+id+"/wrap-up/complete")
	require.Equal(t, http.StatusOK, status, "%v", body)
	f.untilTold(t, id, "ended")
	missing, err := books.settle(t.Context(), dir, settleWithin)
	require.NoError(t, err)
	require.Empty(t, missing, "what was acknowledged out of the spool is in the books as well")
}
