package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// Check is something that the process needs: the store, the engine.
type Check struct {
	// Name says what it is, to whoever asks /readyz.
	Name string
	// Probe says whether it is there. Its error is logged, and not shown.
	Probe func(ctx context.Context) error
}

// probeWithin is how long one probe may take. Load balancers ask every few seconds and wait about as long.
const probeWithin = 2 * time.Second

type healthAnswer struct {
	Status  string `json:"status"`
	Version string `json:"version"`
}

type readinessAnswer struct {
	Ready  bool          `json:"ready"`
	Checks []checkAnswer `json:"checks"`
}

type checkAnswer struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// health answers whether the process is alive and whether it has what it needs.
type health struct {
	version string
	checks  []Check
	log     *slog.Logger

	mu   sync.Mutex
	away map[string]bool // by name, as last seen: a change is logged, a state is not
}

func (h *health) mount(e *echo.Echo, metrics http.Handler) {
	e.GET("/healthz", h.alive)
	e.GET("/readyz", h.ready)
	if metrics != nil {
		e.GET("/metrics", echo.WrapHandler(metrics))
	}
}

func (h *health) alive(c echo.Context) error {
	return c.JSON(http.StatusOK, healthAnswer{Status: "ok", Version: h.version})
}

func (h *health) ready(c echo.Context) error {
	answer := readinessAnswer{Ready: true, Checks: make([]checkAnswer, len(h.checks))}
	var all sync.WaitGroup
	for i, check := range h.checks {
		all.Go(func() { answer.Checks[i] = h.probe(c.Request().Context(), check) })
	}
	all.Wait()
	status := http.StatusOK
	for _, check := range answer.Checks {
		if !check.OK {
			answer.Ready, status = false, http.StatusServiceUnavailable
		}
	}
	return c.JSON(status, answer)
}

func (h *health) probe(ctx context.Context, check Check) checkAnswer {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	err := check.Probe(ctx)
	h.note(ctx, check.Name, err)
	switch {
	case err == nil:
		return checkAnswer{Name: check.Name, OK: true}
	case errors.Is(err, context.DeadlineExceeded):
		return checkAnswer{Name: check.Name, Detail: "no answer in time"}
	default:
		return checkAnswer{Name: check.Name, Detail: "not reachable"}
	}
}

// note logs that something went away or came back.
func (h *health) note(ctx context.Context, name string, err error) {
	if errors.Is(err, context.Canceled) {
		return // whoever asked went away, and nothing is known
	}
	h.mu.Lock()
	changed := h.away[name] != (err != nil)
	h.away[name] = err != nil
	h.mu.Unlock()
	switch {
	case changed && err != nil:
		h.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("check", name), slog.Any("error", err))
	case changed:
		h.log.LogAttrs(ctx, slog.LevelInfo, "ready again", slog.String("check", name))
	}
}
