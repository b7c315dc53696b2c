package engine

import (
	"context"
	"time"
)

const (
	backOffFirst = 100 * time.Millisecond
	backOffMost  = 10 * time.Second
	// A child that ran for this long died of something new, and is started again at once.
	backOffForget = time.Minute
)

// supervise keeps the child running until Stop.
func (e *Engine) supervise(p *process) {
	defer close(e.done)
	delay := backOffFirst
	born := time.Now()
	for {
		select {
		case <-e.quit:
			if err := e.abandon(p); err != nil {
				e.log.Error("engine not stopped in order", "pid", p.pid, "error", err)
				return
			}
			e.log.Info("engine stopped", "pid", p.pid)
			return
		case <-p.exited:
		}

		if time.Since(born) > backOffForget {
			delay = backOffFirst
		}
		e.log.Error("engine died and is started again", "pid", p.pid, "ending", p.ending(), "after", delay)
		select {
		case <-e.quit:
			continue
		case <-time.After(delay):
		}
		delay = min(2*delay, backOffMost)
		born = time.Now()
		if again := e.restart(); again != nil {
			p = again
		}
	}
}

// restart starts the child anew, on the same ports, and waits until it answers. It is nil if there is no new
// process; the old one then still counts as the one that died.
func (e *Engine) restart() *process {
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.StartTimeout)
	defer cancel()
	go func() {
		select {
		case <-e.quit:
			cancel()
		case <-ctx.Done():
		}
	}()

	began := time.Now()
	p, err := e.spawn(false)
	if err != nil {
		e.log.Error("engine cannot be started again", "error", err)
		return nil
	}
	if err := e.awaitHealth(ctx, p); err != nil {
		select {
		case <-e.quit:
			return p // Stop ends it
		default:
		}
		e.log.Error("engine started again, but does not answer", "pid", p.pid, "error", err)
		if err := p.terminate(e.cfg.StopTimeout, e.force); err != nil {
			e.log.Error("engine not stopped in order", "pid", p.pid, "error", err)
		}
		return p
	}
	e.log.Info("engine is back", "pid", p.pid, "took", time.Since(began).Round(time.Millisecond))
	return p
}
