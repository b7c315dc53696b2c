package activities

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"holdfast/call"
)

// Config says which Twilio account is driven, and how it is reached.
type Config struct {
	AccountSID   string // required: AC and 32 hexadecimal digits
	AuthToken    string // required, unless an API key is given; letters and digits only (twilio-go sends no others)
	WorkspaceSID string // required: the TaskRouter workspace, WS…

	// APIKeySID and APIKeySecret authenticate in place of the account's own token where they are set.
	APIKeySID, APIKeySecret string

	// Edge and Region choose Twilio's hosts, such as "dublin" and "ie1"; "" for both means the default, us1. A region has credentials of
	// its own. https://www.twilio.com/docs/global-infrastructure
	Edge, Region string

	// BaseURL takes every request in place of Twilio's hosts, the Host header unchanged; nil means the real hosts.
	BaseURL *url.URL

	// Transport makes the connections; nil means one of our own with room for many at once.
	Transport http.RoundTripper

	// Timeout bounds one request; 0 means 10 seconds, and more than 10 seconds counts as 10, for the workflow's own timeouts lean on it.
	Timeout time.Duration

	// Second is how long a second takes at Twilio: shorter in a simulator that hurries. Times of ours are told to Twilio by it; 0 means a second.
	Second time.Duration

	// Budget is what all adapters of the account share in this process; nil means one of its own, of the standard size.
	Budget *Budget

	// ConferenceCallback is where Twilio tells of the conference that a reservation's instruction makes; nil means nowhere, and accepting a
	// reservation by REST needs it.
	ConferenceCallback func(call.ID, call.ReservationSID) string

	// LegCallback is where Twilio tells of the leg of somebody whom we dial; nil means nowhere, and dialling needs it.
	LegCallback func(call.ID, call.Label) string

	// RoutingWorkflow (WW) finds agents for a call none of whose tasks is left to tell which; "" means that such a call finds none.
	RoutingWorkflow string

	// AgentFrom is the caller ID that agents see: a number of the account or a verified one; "" means the number that was dialled.
	AgentFrom string
	// OwnNumber is a number of the account to dial with where neither is known: of calls that came by no number. "" dials no telephone then.
	OwnNumber string

	// Apology is spoken to callers for whom nobody will come; "" means a sentence in English.
	Apology string

	// GoodbyeURL is TwiML of one's own for callers for whom nobody will come, such as a voicemail; nil means the apology.
	GoodbyeURL *url.URL

	// HoldMusicURL is fetched by Twilio, with GET, for a leg on hold: audio or TwiML. nil means Twilio's own music.
	HoldMusicURL *url.URL

	// PublicURL is what the music of a hold that begins with "/" is under, as "/assets/wait.mp3"; nil means that there is none such.
	PublicURL *url.URL
}

func (c *Config) username() string {
	if c.APIKeySID != "" {
		return c.APIKeySID
	}
	return c.AccountSID
}

func (c *Config) password() string {
	if c.APIKeySID != "" {
		return c.APIKeySecret
	}
	return c.AuthToken
}

var (
	accountPattern   = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	workspacePattern = regexp.MustCompile(`^WS[0-9a-fA-F]{32}$`)
	secretPattern    = regexp.MustCompile(`^[A-Za-z0-9]+$`)
)

func (c *Config) check() error {
	switch {
	case !accountPattern.MatchString(c.AccountSID):
		return errors.New("twilio: the account's SID must be AC and 32 hexadecimal digits")
	case !workspacePattern.MatchString(c.WorkspaceSID):
		return errors.New("twilio: the workspace's SID must be WS and 32 hexadecimal digits")
	case !secretPattern.MatchString(c.username()) || !secretPattern.MatchString(c.password()):
		return errors.New("twilio: the auth token, or the API key and its secret, must be letters and digits")
	case c.BaseURL != nil && (c.BaseURL.Host == "" || c.BaseURL.Scheme != "http" && c.BaseURL.Scheme != "https"):
		return fmt.Errorf("twilio: the base URL %q must be http(s)://host[:port]", c.BaseURL.Redacted())
	}
	return nil
}

const longestRequest = 10 * time.Second // what one request may take at most

// Twilio is Twilio's REST API as far as calls need it. It is safe for use by many goroutines.
type Twilio struct {
	config    Config
	transport http.RoundTripper
	metrics   metrics
}

// NewTwilio checks the configuration and makes the adapter; it sends nothing.
func NewTwilio(config Config) (*Twilio, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.Timeout <= 0 || config.Timeout > longestRequest {
		config.Timeout = longestRequest
	}
	if config.Budget == nil {
		var err error
		if config.Budget, err = NewBudget(0, 0); err != nil {
			return nil, err
		}
	}
	m, err := newMetrics()
	if err != nil {
		return nil, fmt.Errorf("twilio: metrics: %w", err)
	}
	t := &Twilio{config: config, transport: config.Transport, metrics: m}
	if t.transport == nil {
		t.transport = newTransport()
	}
	if config.BaseURL != nil {
		t.transport = redirect{base: config.BaseURL, next: t.transport}
	}
	return t, nil
}

// newTransport keeps more connections open than Go's default of two for each host: everything goes to two hosts.
func newTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}

// CloseIdleConnections closes the connections that nobody uses.
func (t *Twilio) CloseIdleConnections() {
	next := t.transport
	if r, ok := next.(redirect); ok {
		next = r.next
	}
	if c, ok := next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// do makes one request in its turn, and types its error.
func (t *Twilio) do(ctx context.Context, r route, request func(*exchange) error) error {
	return t.send(ctx, ordinary, r, request)
}

// read is do for requests that can wait.
func (t *Twilio) read(ctx context.Context, r route, request func(*exchange) error) error {
	return t.send(ctx, leisurely, r, request)
}

func (t *Twilio) send(ctx context.Context, u urgency, r route, request func(*exchange) error) error {
	turn, err := t.config.Budget.take(ctx, u, r.product)
	if err != nil {
		x := &exchange{}
		if no, ok := errors.AsType[*refusal](err); ok {
			x.retryAfter = no.later
		}
		return x.typed(x.failure(err))
	}
	x, err := t.attempt(ctx, turn, r, request)
	f := x.failure(err)
	if f == nil {
		return nil
	}
	if f.Status == http.StatusTooManyRequests {
		x.retryAfter = max(x.retryAfter, t.config.Budget.paused()) // before that it would only be sent away
	}
	if u == urgent {
		x.retryAfter = min(x.retryAfter, longestUrgent)
	}
	return x.typed(f)
}

// longestUrgent bounds how long an urgent request waits because Twilio told it to: the budget's exit may let it through before.
const longestUrgent = 2 * time.Second

// attempt sends a request whose turn it is, and gives the turn back with what was learned; after a panic too.
func (t *Twilio) attempt(parent context.Context, turn *ticket, r route, request func(*exchange) error) (x *exchange, err error) {
	v := verdictNone
	ctx, cancel := context.WithTimeout(parent, t.config.Timeout)
	x = t.exchange(ctx)
	defer func() {
		x.close()
		cancel()
		t.config.Budget.give(turn, v, x.retryAfter)
	}()
	start := time.Now()
	err = request(x)
	t.metrics.record(ctx, x, r, time.Since(start))
	t.config.Budget.metrics.atOnce(x.atOnce)
	v = x.verdict(parent)
	return x, err
}
