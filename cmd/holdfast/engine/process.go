package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a dev server, started by us or by a Holdfast before us.
type process struct {
	pid     int
	adopted bool
	exited  chan struct{} // closed when it is gone
	err     error         // how it ended; set before exited is closed
	dir     string        // where its log is
}

// spawn starts the dev server. Its output goes straight to a file, for a pipe would end with us and the child's
// next line would kill it.
func spawn(binary, dir string, args []string) (*process, error) {
	out, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...) //nolint:gosec // the operator's choice; and it must outlive any context
	cmd.Dir = dir
	cmd.Env = environment(dir)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	if closeErr := out.Close(); err == nil && closeErr != nil {
		err = both(closeErr, both(cmd.Process.Kill(), cmd.Wait()))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	p := &process{pid: cmd.Process.Pid, exited: make(chan struct{}), dir: dir}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// adopt watches a process that is not our child, whose end the system does not report to us. The watch ends with
// the process.
func adopt(pid int, dir string, args []string) *process {
	p := &process{pid: pid, adopted: true, exited: make(chan struct{}), dir: dir}
	go func() {
		defer close(p.exited)
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for alive(pid, args) {
			<-t.C
		}
	}()
	return p
}

// ending says how the process ended and what it last said.
func (p *process) ending() error {
	how := "exit status 0"
	switch {
	case p.adopted:
		how = "no longer there"
	case p.err != nil:
		how = p.err.Error()
	}
	if said := lastWords(p.dir); said != "" {
		how += ": " + said
	}
	return errors.New(how)
}

// terminate ends the process and returns when it is gone. Until grace has passed or hurry is closed it may
// close its files in order.
func (p *process) terminate(grace time.Duration, hurry <-chan struct{}) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(grace):
	case <-hurry:
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

func (p *process) signal(s syscall.Signal) error {
	select {
	case <-p.exited:
		return nil // and the number may be somebody else's by now
	default:
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("engine: sending %s to process %d: %w", s, p.pid, err)
	}
	return nil
}

// alive reports whether the process with this number runs and has these arguments. A number that has passed on
// to another process fails the comparison; so does a zombie, which has none.
func alive(pid int, args []string) bool {
	return pid > 1 && strings.HasSuffix(commandLine(pid), " "+strings.Join(args, " "))
}

// ours reports whether the process is a dev server on this database, whatever its other arguments.
func ours(pid int, database string) bool {
	if pid <= 1 {
		return false
	}
	line := commandLine(pid)
	return strings.Contains(line, " server start-dev ") && strings.Contains(line, " --db-filename "+database+" ")
}

// commandLine is what a process was started with, joined with blanks: from /proc, and where there is none, from
// ps. It is empty if there is no such process.
func commandLine(pid int) string {
	number := strconv.Itoa(pid)
	if b, err := os.ReadFile("/proc/" + number + "/cmdline"); err == nil { //nolint:gosec // a number
		return string(bytes.ReplaceAll(bytes.TrimRight(b, "\x00"), []byte{0}, []byte{' '}))
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		return ""
	}
	out, err := exec.Command("ps", "-ww", "-o", "args=", "-p", number).Output() //nolint:gosec // a number
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}
