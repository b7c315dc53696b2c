package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"holdfast/cmd/holdfast/engine"
)

// child is a Holdfast in a process of its own, which can be killed for good, and is started again at once whenever it is gone.
type child struct {
	dir    string
	args   []string
	env    []string
	output *os.File

	mu       sync.Mutex
	process  *os.Process
	stopping bool
	starts   int
	over     chan struct{} // closed when it is gone and will not be started again
	failure  error         // set before over is closed
}

// childConfig is the YAML file of a child, which has the stage's whole configuration but the token.
type childConfig struct {
	Listen       string `yaml:"listen"`
	PublicURL    string `yaml:"public_url"`
	DataDir      string `yaml:"data_dir"`
	AccountSID   string `yaml:"account_sid"`
	WorkspaceSID string `yaml:"workspace_sid"`
	TwilioURL    string `yaml:"twilio_url"`
	UIPort       int    `yaml:"temporal_ui_port"`
	LogLevel     string `yaml:"log_level"`
	AnnounceKey  string `yaml:"announce_key"`
	Supervise    string `yaml:"supervise_number"`
	fileOnly     `yaml:",inline"`
}

// startChild starts `holdfast serve` with a configuration, in a world whose second takes so long, and keeps it running until stop.
func startChild(cfg config, second time.Duration) (_ *child, err error) {
	file, err := yaml.Marshal(childConfig{
		Listen: cfg.Listen, PublicURL: cfg.PublicURL, DataDir: cfg.DataDir, AccountSID: cfg.AccountSID, WorkspaceSID: cfg.WorkspaceSID,
		TwilioURL: cfg.TwilioURL, UIPort: cfg.TemporalUIPort, LogLevel: "info", AnnounceKey: cfg.AnnounceKey, Supervise: cfg.SuperviseNumber, fileOnly: cfg.fileOnly,
	})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(cfg.DataDir, "holdfast.yaml")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{dir: cfg.DataDir, over: make(chan struct{}), env: append(foreignEnvironment(), "TWILIO_AUTH_TOKEN="+cfg.AuthToken)}
	c.args = []string{executable, "serve", "--config", path, "--second", second.String()}
	if c.output, err = os.OpenFile(filepath.Join(cfg.DataDir, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	cmd, err := c.start()
	if err != nil {
		return nil, errors.Join(err, c.output.Close())
	}
	go c.keep(cmd)
	return c, nil
}

// foreignEnvironment is ours without what would configure a Holdfast.
func foreignEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "HOLDFAST_") || strings.HasPrefix(v, "TWILIO_") || strings.HasPrefix(v, "TEMPORAL_")
	})
}

func (c *child) start() (*exec.Cmd, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return nil, nil //nolint:nilnil // nothing is to run any more
	}
	cmd := exec.Command(c.args[0], c.args[1:]...) //nolint:gosec,noctx // ourselves; and it must outlive any context
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, c.output, c.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to pass on
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("holdfast serve: %w", err)
	}
	c.process = cmd.Process
	c.starts++
	return cmd, nil
}

// keep starts the process again whenever it is gone. One that cannot even start for many times in a row is given up.
func (c *child) keep(cmd *exec.Cmd) {
	defer close(c.over)
	const hopeless = 20
	for failures := 0; ; {
		born := time.Now()
		err := cmd.Wait()
		if failures++; time.Since(born) > 3*time.Second || killed(cmd) {
			failures = 0
		}
		if failures > hopeless {
			c.failure = fmt.Errorf("holdfast serve ends again and again: %w; see %s", errors.Join(err), c.output.Name())
			return
		}
		if failures > 0 && !c.isStopping() {
			time.Sleep(100 * time.Millisecond)
		}
		if cmd, err = c.start(); err != nil || cmd == nil {
			c.failure = err
			return
		}
	}
}

func killed(cmd *exec.Cmd) bool {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (c *child) isStopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopping
}

// kill ends the process as a power cut would, without a word.
func (c *child) kill() error { return c.signal(syscall.SIGKILL) }

func (c *child) signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("holdfast serve: %w", err)
	}
	return nil
}

// killEngine ends the child's engine in the same way; false if none runs at the moment.
func (c *child) killEngine() (bool, error) {
	pid := engine.PID(filepath.Join(c.dir, "engine"))
	if pid == 0 {
		return false, nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return false, fmt.Errorf("engine: %w", err)
	}
	return true, nil
}

// stop ends the process in order, and its engine with it, however the child was left.
func (c *child) stop(ctx context.Context) error {
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	err := c.signal(syscall.SIGTERM)
	select {
	case <-c.over:
	case <-ctx.Done():
		err = errors.Join(err, c.kill(), errors.New("holdfast serve was killed, for it did not stop in time"))
		<-c.over
	}
	// A Holdfast that died on the way down has left its engine behind.
	_, killErr := c.killEngine()
	return errors.Join(err, killErr, c.failure, c.output.Close())
}

var portsTried atomic.Uint32

// freePort finds an address that a server can come back to after a kill: below the ports that systems give to outgoing connections,
// and apart from those of the engine.
func freePort(ctx context.Context) (string, error) {
	const base, count = 12_000, 8_000
	for range count {
		n := int(portsTried.Add(1)) + os.Getpid()*89
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(base+n%count))
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("no port is free from %d to %d", base, base+count-1)
}
