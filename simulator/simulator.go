package simulator

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Config is what a Simulator is made of. Zero values are usable; each field says its default.
type Config struct {
	// AccountSID is the one account that exists ("AC" and 32 hexadecimal digits). Default: drawn from Seed.
	AccountSID string
	// AuthToken authenticates REST requests and signs webhooks; letters and digits only. Default: drawn from Seed.
	AuthToken string
	// Regions are tokens of the account for regions of Twilio, by name ("ie1"), whose hosts are api.{edge}.ie1.twilio.com. A region has
	// numbers, calls and workspaces of its own. Default: none; the account's own token opens all hosts, and they show the same.
	Regions map[string]string
	// Accounts are further accounts. Default: none.
	Accounts []AccountConfig
	// Seed makes SIDs and the people's choices repeatable. Default 0, a seed like any other.
	Seed uint64
	// Second is how long one second of Twilio's and of the people's takes. Default: time.Second. Webhook time-outs are
	// never scaled.
	Second time.Duration
	// Delay is added before each REST answer, to stand in for the network. Default 0.
	Delay time.Duration
	// Transport carries webhooks. Default: a transport of its own, which Close closes.
	Transport http.RoundTripper
	// Wrap goes around the REST API, whichever way it is asked: a check of every exchange, or a fault. Default: nothing.
	Wrap func(http.Handler) http.Handler
	// Faults are what goes wrong on the way between Twilio and the application. Default: nothing.
	Faults Faults
	// Silences chooses what happens where Twilio's documentation is silent.
	Silences Silences
	// Bounds are how long what must not last may last before it is a violation. Default: each field's own.
	Bounds Bounds
	// Logger gets what Twilio's debugger would show: refused requests, webhooks that failed, TwiML that was not understood.
	// Default: discard.
	Logger *slog.Logger
}

// Simulator is one simulated Twilio. It is an http.Handler that routes by Host header (api.twilio.com,
// taskrouter.twilio.com), as product paths collide. Make one with [New]; stop it with [Simulator.Close].
type Simulator struct {
	cfg    Config
	log    *slog.Logger
	ctx    context.Context // ends with Close; everything that waits watches it
	cancel context.CancelFunc

	running sync.Mutex     // guards closed, and wg against a start after Close began to wait
	closed  bool           // nothing starts any more
	wg      sync.WaitGroup // every goroutine of the simulator

	mu  sync.Mutex // the world's lock
	rng *rand.Rand // under mu

	stats  *statsBook
	hooks  *hookSender
	dealer *dealer
	rest   http.Handler

	accounts []*account // the first is Config's own
	began    time.Time

	tr    *taskRouter // under mu
	voice *voice      // under mu

	watched bool // under mu: what must not last is looked for
}

// New starts a simulated Twilio with an empty account.
func New(cfg Config) *Simulator {
	s := &Simulator{rng: rand.New(rand.NewPCG(cfg.Seed, 0x5eed))}
	if cfg.AccountSID == "" {
		cfg.AccountSID = s.newSIDLocked("AC")
	}
	if cfg.AuthToken == "" {
		cfg.AuthToken = s.newSIDLocked("")
	}
	if cfg.Second == 0 {
		cfg.Second = time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Bounds = cfg.Bounds.withDefaults()
	s.cfg, s.log, s.began = cfg, cfg.Logger, time.Now()
	s.makeAccounts()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.stats = newStatsBook()
	s.hooks = newHookSender(s)
	s.dealer = newDealer(cfg.Faults, cfg.Seed)
	s.tr = newTaskRouter()
	s.voice = newVoice()
	s.rest = s.routes()
	if cfg.Wrap != nil {
		s.rest = cfg.Wrap(s.rest)
	}
	return s
}

// ServeHTTP answers Twilio's REST API.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.rest.ServeHTTP(w, r) }

// Close ends every call without further webhooks, and waits until nothing of the simulator runs any more.
func (s *Simulator) Close() {
	s.cancel()
	s.running.Lock()
	s.closed = true
	s.running.Unlock()
	s.wg.Wait()
	s.hooks.close()
}

// AccountSID is the account that exists here.
func (s *Simulator) AccountSID() string { return s.cfg.AccountSID }

// AuthToken authenticates and signs for the account.
func (s *Simulator) AuthToken() string { return s.cfg.AuthToken }

// goroutine runs f as one of the simulator's goroutines, which Close waits for. After Close it does nothing, and says false.
func (s *Simulator) goroutine(f func()) bool {
	s.running.Lock()
	defer s.running.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

// seconds scales n of Twilio's seconds to real time.
func (s *Simulator) seconds(n float64) time.Duration {
	return time.Duration(n * float64(s.cfg.Second))
}

// after runs f, without the lock, once n of Twilio's seconds have passed, unless stopped or closed before.
func (s *Simulator) after(n float64, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	d := s.seconds(n)
	s.goroutine(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			f()
		case <-ctx.Done():
		}
		cancel()
	})
	return cancel
}

const hexDigits = "0123456789abcdef"

// newSIDLocked draws a SID: the prefix and 32 hexadecimal digits.
func (s *Simulator) newSIDLocked(prefix string) string {
	b := make([]byte, 0, 34)
	b = append(b, prefix...)
	for range 32 {
		b = append(b, hexDigits[s.rng.IntN(16)])
	}
	return string(b)
}
