package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startChild adopts the dev server that an earlier Holdfast left behind, or starts one, and then watches it.
func (e *Engine) startChild(ctx context.Context) (err error) {
	if e.binary, err = findBinary(e.cfg.Binary); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if e.lock, err = acquire(e.cfg.DataDir); err != nil {
		return err
	}
	p, err := e.adoptOrSpawn(ctx)
	if err == nil {
		if err = e.settle(ctx, p); err == nil {
			go e.supervise(p) //nolint:contextcheck // the context bounds the start; the child lives until Stop
			return nil
		}
	}
	if e.client != nil {
		e.client.Close()
	}
	return both(err, e.abandon(p))
}

func (e *Engine) adoptOrSpawn(ctx context.Context) (*process, error) {
	last, err := readRecord(e.cfg.DataDir)
	if err != nil {
		return nil, err
	}
	database := filepath.Join(e.cfg.DataDir, databaseFile)
	if ours(last.PID, database) {
		p := adopt(last.PID, e.cfg.DataDir, last.Args)
		if e.fits(last) && e.openCodec(ctx, last.ports) == nil {
			e.ports = last.ports
			if err := e.dial(e.Address()); err != nil {
				return p, err
			}
			if err := e.awaitHealth(ctx, p); err == nil {
				e.log.Info("engine adopted", "pid", p.pid, "address", e.Address(), "ui", e.UIURL())
				return p, nil
			}
			e.client.Close()
			e.client = nil
			e.codec.close()
		}
		// It is ours, but it does not answer or was started for other settings: one database, one server.
		e.log.Info("engine of an earlier run is replaced", "pid", p.pid)
		if err := p.terminate(e.cfg.StopTimeout, ctx.Done()); err != nil {
			return p, err
		}
	}
	return e.spawnFirst(ctx, last)
}

// fits reports whether a running dev server is what we would start now.
func (e *Engine) fits(last record) bool {
	wanted := last.ports
	if e.cfg.Port != 0 {
		wanted.GRPC = e.cfg.Port
	}
	switch {
	case e.cfg.UIPort < 0:
		wanted.UI = 0
	case e.cfg.UIPort > 0:
		wanted.UI = e.cfg.UIPort
	case last.UI == 0:
		return false // we want a web UI, and it has none
	}
	if withCodec := e.cfg.Codec != nil && wanted.UI > 0; withCodec != (last.Codec > 0) {
		return false // its web UI asks nobody to decrypt, or asks in vain
	}
	return wanted == last.ports && alive(last.PID, arguments(e.cfg, wanted))
}

// spawnFirst starts the dev server on ports of its choice. Between our look at a port and the child's use of it
// somebody else may take it: then other ports are tried.
func (e *Engine) spawnFirst(ctx context.Context, last record) (*process, error) {
	database := filepath.Join(e.cfg.DataDir, databaseFile)
	if last.Virgin {
		if err := setDatabaseAside(e.cfg.DataDir); err != nil {
			return nil, err
		}
	}
	_, err := os.Stat(database)
	virgin := errors.Is(err, fs.ErrNotExist)

	for attempt := 1; ; attempt++ {
		if e.ports, err = choosePorts(ctx, e.cfg, last.ports); err != nil {
			return nil, err
		}
		if err := e.openCodec(ctx, e.ports); err != nil {
			if attempt == 3 {
				return nil, err
			}
			last.ports = ports{}
			continue
		}
		if err := e.dial(e.Address()); err != nil {
			return nil, err
		}
		began := time.Now()
		p, err := e.spawn(virgin)
		if err != nil {
			return nil, err
		}
		err = e.awaitHealth(ctx, p)
		if err == nil {
			e.log.Info("engine started", "pid", p.pid, "address", e.Address(), "ui", e.UIURL(),
				"took", time.Since(began).Round(time.Millisecond))
			return p, nil
		}
		e.client.Close()
		e.client = nil
		e.codec.close()
		err = both(fmt.Errorf("engine: %w: %w", ErrNotStarted, err), p.terminate(e.cfg.StopTimeout, ctx.Done()))
		if attempt == 3 || !strings.Contains(err.Error(), "address already in use") {
			return p, err
		}
		last.ports = ports{}
	}
}

// openCodec decrypts for the web UI, if there is something to decrypt and a web UI to do it for.
func (e *Engine) openCodec(ctx context.Context, p ports) (err error) {
	if e.codec = nil; p.Codec > 0 {
		e.codec, err = serveCodec(ctx, e.cfg.Codec, p, e.log)
	}
	return err
}

// spawn starts the dev server on the ports that were chosen and writes it down at once.
func (e *Engine) spawn(virgin bool) (*process, error) {
	args := arguments(e.cfg, e.ports)
	p, err := spawn(e.binary, e.cfg.DataDir, args)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	r := record{PID: p.pid, ports: e.ports, Args: args, Virgin: virgin}
	if err := r.write(e.cfg.DataDir); err != nil {
		return nil, both(err, p.terminate(0, nil))
	}
	return p, nil
}

// settle finishes the start of a healthy child.
func (e *Engine) settle(ctx context.Context, p *process) error {
	if err := e.retain(ctx); err != nil {
		return err
	}
	r := record{PID: p.pid, ports: e.ports, Args: arguments(e.cfg, e.ports)}
	return r.write(e.cfg.DataDir)
}

// abandon ends a child, if there is one, says in the record that there is none, and gives the directory back.
func (e *Engine) abandon(p *process) error {
	e.codec.close()
	if p == nil {
		return e.lock.Close()
	}
	err := p.terminate(e.cfg.StopTimeout, e.force)
	if err == nil {
		var r record
		if r, err = readRecord(e.cfg.DataDir); err == nil {
			r.PID = 0
			err = r.write(e.cfg.DataDir)
		}
	}
	return both(err, e.lock.Close())
}

// both joins two errors on one line; either may be nil.
func both(first, second error) error {
	switch {
	case second == nil:
		return first
	case first == nil:
		return second
	}
	return fmt.Errorf("%w; %w", first, second)
}
