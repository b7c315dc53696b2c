package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/store"
)

// Config is what a [Server] needs.
type Config struct {
	// Store is the read model and the timeline. Required.
	Store *store.Store
	// HealthOnly leaves the API out: a process that only runs calls answers /healthz, /readyz and /metrics, and needs neither Engine nor Keys.
	HealthOnly bool
	// Engine takes actions. Required.
	Engine ActionEngine
	// Agents moves agents; nil moves none, and answers 503 to whoever asks.
	Agents AgentControl
	// Bots starts and stops bots; nil starts none, and answers 503 to whoever asks.
	Bots BotLife
	// WorkspaceSID (WS) is the workspace whose breaker is told where people put agents.
	WorkspaceSID string
	// DialIns gives supervisors codes to dial in by; nil gives none, and answers 404 to whoever asks.
	DialIns *DialIns
	// Keys are those who may use the API. Required; an empty ring lets nobody in.
	Keys *Keyring
	// Checks are asked by /readyz, beside the store, which is always asked.
	Checks []Check
	// Metrics answers /metrics; nil gives 404 there.
	Metrics http.Handler
	// Codec encrypts and decrypts under /codec for administrators; nil gives 404 there.
	Codec http.Handler
	// Meter makes the server's instruments. Default: the process's meter provider.
	Meter metric.Meter
	// Version is told by /healthz.
	Version string
	// Logger takes the access log and what goes wrong. Default [slog.Default].
	Logger *slog.Logger

	// ActionWait is how long an action waits to be verified before it is answered with 202. Default 5 s.
	ActionWait time.Duration
	// Timeout bounds every request of the API but streams. It must exceed ActionWait by what the engine needs to accept. Default 15 s.
	Timeout time.Duration
	// MaxBody is how many bytes a request's body may have, webhooks apart. Default 64 KiB; that of a bot, with its script, may have 1 MiB at least.
	MaxBody int64
	// Heartbeat is the longest silence of a stream. Default 15 s.
	Heartbeat time.Duration
	// StreamWrite is how long a stream waits for a reader who does not read before it drops him. Default 10 s.
	StreamWrite time.Duration
	// StreamPoll is how often the timeline is looked at for what other processes wrote. Default 1 s.
	StreamPoll time.Duration
}

func (c *Config) setup() error {
	var missing []error
	if c.Store == nil {
		missing = append(missing, errors.New("the config has no Store"))
	}
	if c.Engine == nil && !c.HealthOnly {
		missing = append(missing, errors.New("the config has no Engine"))
	}
	if c.Keys == nil && !c.HealthOnly {
		missing = append(missing, errors.New("the config has no Keys"))
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.ActionWait, 5 * time.Second},
		{&c.Timeout, 15 * time.Second},
		{&c.Heartbeat, 15 * time.Second},
		{&c.StreamWrite, 10 * time.Second},
		{&c.StreamPoll, time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 64 << 10
	}
	if c.Timeout <= c.ActionWait {
		missing = append(missing, fmt.Errorf("the config's Timeout %s must exceed its ActionWait %s", c.Timeout, c.ActionWait))
	}
	if err := errors.Join(missing...); err != nil {
		return fmt.Errorf("handlers: server: %w", err)
	}
	return nil
}

// Server is the HTTP edge: the API under /v1, and health. The webhooks mount themselves on its Echo. Hand it to an [http.Server], whose
// own limits (header size and timeouts) are for the composition root; streams take the read and write timeouts off for themselves.
type Server struct {
	echo    *echo.Echo
	cfg     Config
	log     *slog.Logger
	metrics apiMetrics
	feed    *feed
	off     func()
}

// NewServer builds the server. It runs a goroutine that ends with [Server.Close].
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.setup(); err != nil {
		return nil, err
	}
	metrics, err := newAPIMetrics(cfg.Meter)
	if err != nil {
		return nil, err
	}
	s := &Server{echo: echo.New(), cfg: cfg, log: cfg.Logger, metrics: metrics}
	e := s.echo
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard) // what matters goes to slog
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.answerError
	e.Binder = bodies{}
	e.Use(identify, s.observe, s.recover, s.guard)

	h := &health{version: cfg.Version, log: cfg.Logger, away: map[string]bool{}}
	h.checks = append([]Check{{Name: "store", Probe: cfg.Store.Ping}}, cfg.Checks...)
	h.mount(e, cfg.Metrics)
	if !cfg.HealthOnly {
		s.mountAPI()
	}
	return s, nil
}

func (s *Server) mountAPI() {
	cfg, steps := s.cfg, newPulse()
	s.off = cfg.Store.OnStep(func(int64) { steps.ring() })
	s.feed = newFeed(cfg.Store, steps, cfg.StreamPoll, cfg.Logger)
	if cfg.Codec != nil {
		s.mountCodec(cfg.Codec)
	}
	RegisterHandlers(s.echo, NewStrictHandler(&api{
		store: cfg.Store, engine: cfg.Engine, agents: cfg.Agents, workspace: cfg.WorkspaceSID, dialIns: cfg.DialIns, bots: cfg.Bots, feed: s.feed, steps: steps, log: cfg.Logger, metrics: s.metrics,
		wait: cfg.ActionWait, heartbeat: cfg.Heartbeat, write: cfg.StreamWrite,
	}, nil))
}

// Echo is where other handlers mount themselves, with the server's logging, metrics and recovery around them.
func (s *Server) Echo() *echo.Echo { return s.echo }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// Close ends all streams and the server's own goroutine. Requests are still answered. [http.Server.Shutdown] waits for streams, so call
// it first, by [http.Server.RegisterOnShutdown].
func (s *Server) Close() {
	if s.feed != nil {
		s.off()
		s.feed.close()
	}
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives each request an ID: the client's X-Request-Id if it can be one, else a new one.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !requestIDPattern.MatchString(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

const (
	apiPrefix   = "/v1/"
	botsPrefix  = apiPrefix + "bots"
	streamRoute = "/v1/stream"
)

// botBodyMost is enough for the longest script, however it is escaped in JSON.
const botBodyMost = 1 << 20

// observe writes the access log and measures. It holds no query, header or body: they may carry what must not be kept.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		took := time.Since(started)
		r, status, route := c.Request(), c.Response().Status, routeOf(c)
		if route != streamRoute {
			s.metrics.requests.Record(r.Context(), took.Seconds(), metric.WithAttributes(attribute.String("method", methodOf(r)),
				attribute.String("route", route), attribute.String("status", strconv.Itoa(status))))
		}
		level := slog.LevelInfo
		switch {
		case status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable:
			level = slog.LevelError
		case route == "/healthz" || route == "/readyz" || route == "/metrics":
			level = slog.LevelDebug
		}
		if !s.log.Enabled(r.Context(), level) {
			return nil
		}
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		attrs := []slog.Attr{
			slog.String("method", methodOf(r)), slog.String("path", r.URL.Path), slog.Int("status", status),
			slog.Duration("took", took), slog.Int64("bytes", c.Response().Size), slog.String("remote", host),
			slog.String("request_id", requestID(c)),
		}
		if key := keyIn(r.Context()); key.Name != "" {
			attrs = append(attrs, slog.String("key", key.Name))
		}
		s.log.LogAttrs(r.Context(), level, "request", attrs...)
		return nil
	}
}

// routeOf is the route's pattern, for a metric must not grow with what strangers ask for.
func routeOf(c echo.Context) string {
	status := c.Response().Status
	if path := c.Path(); path != "" && status != http.StatusMethodNotAllowed {
		return path
	}
	return "unmatched"
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "other"
	}
}

// recover makes a panic, which is a defect, an error: 500, and its stack in the log.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this, too
				panic(v)
			}
			s.log.LogAttrs(c.Request().Context(), slog.LevelError, "panic", slog.String("request_id", requestID(c)),
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("handlers: panic: %v", v)
		}()
		return next(c)
	}
}

// guard stands before every route of the API: key, size and time. By the route's prefix, so that no route can be forgotten.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !strings.HasPrefix(c.Path(), apiPrefix) {
			return next(c)
		}
		r := c.Request()
		key, err := s.cfg.Keys.authenticate(r)
		if err != nil {
			return err
		}
		most := s.cfg.MaxBody
		if strings.HasPrefix(c.Path(), botsPrefix) {
			most = max(most, botBodyMost)
		}
		if r.ContentLength > most {
			return problem(http.StatusRequestEntityTooLarge, codeBodyTooLarge, "the body may have %d bytes", most)
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, most)
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		ctx := withKey(r.Context(), key)
		if c.Path() != streamRoute {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.cfg.Timeout)
			defer cancel()
		}
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}
