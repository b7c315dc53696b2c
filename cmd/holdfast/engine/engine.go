package engine

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"

	"go.temporal.io/sdk/client"
)

// Engine is a running engine and the client that talks to it.
type Engine struct {
	cfg    Config
	log    *slog.Logger
	client client.Client

	// The rest is for the child; a cluster leaves it zero.
	binary string
	ports  ports
	lock   *os.File
	codec  *codecServer // nil without a codec or a web UI

	quit      chan struct{} // closed: stop the child
	force     chan struct{} // closed: and do not wait for it
	done      chan struct{} // closed: all is over
	quitOnce  sync.Once
	forceOnce sync.Once
}

// Start finds or starts the engine and returns when it answers and its namespace is there. The context bounds
// the start alone: once Start has returned, only Stop ends the engine. Errors fit on one line.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:   cfg,
		log:   cfg.Logger,
		quit:  make(chan struct{}),
		force: make(chan struct{}),
		done:  make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()

	start := e.startChild
	if cfg.Address != "" {
		start = e.connect
	}
	if err := start(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Client is good until Stop. While the engine is away its calls fail as unavailable; when it is back they work
// again.
func (e *Engine) Client() client.Client { return e.client }

// Address is the engine's host:port. It does not change while the Engine lives.
func (e *Engine) Address() string {
	if e.cfg.Address != "" {
		return e.cfg.Address
	}
	return net.JoinHostPort(loopback, strconv.Itoa(e.ports.GRPC))
}

// Namespace is the namespace that the client uses.
func (e *Engine) Namespace() string { return e.cfg.Namespace }

// UIURL is where Temporal's web UI is, or empty for a cluster and for a child without one.
func (e *Engine) UIURL() string {
	if e.cfg.Address != "" || e.ports.UI <= 0 {
		return ""
	}
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(e.ports.UI))
}

// Done is closed when the engine has been stopped. A child that dies does not close it: it is started again.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Stop closes the client and ends the child: politely, then by force when Config.StopTimeout has passed or ctx
// ends. It returns when no process is left. Stop workers first. A second Stop waits for the first.
func (e *Engine) Stop(ctx context.Context) error {
	first := false
	e.quitOnce.Do(func() {
		first = true
		close(e.quit)
	})
	if first {
		e.client.Close()
		if e.cfg.Address != "" {
			close(e.done)
		}
	}
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
	}
	e.forceOnce.Do(func() { close(e.force) })
	<-e.done
	return fmt.Errorf("engine: killed, for it did not stop in time: %w", ctx.Err())
}
