package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/time/rate"

	"holdfast/call"
	"holdfast/floor"
	"holdfast/store"
)

// DefaultQueueMusicURL is music that Twilio hosts for queues.
const DefaultQueueMusicURL = "http://com.twilio.music.classical.s3.amazonaws.com/BusyStrings.mp3"

// DefaultApology is what a caller hears who cannot be put through.
const DefaultApology = "We are sorry. Your call cannot be taken at the moment. Please call again later."

// connectionOverrides makes Twilio try again after any failure, five times within its limit of 15 s
// (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
const connectionOverrides = "#rc=5&rp=all"

// WebhookNumber says where the calls to one of the contact centre's numbers go.
type WebhookNumber struct {
	// RoutingWorkflowSID (WW) routes the calls. Required.
	RoutingWorkflowSID string
	// TaskAttributes are added to the task, for the routing workflow's filters. Twilio adds call_sid, from, to and more by itself.
	TaskAttributes map[string]any
	// Priority is the task's; 0 leaves it to TaskRouter (0).
	Priority int
	// Timeout is how long the caller may wait before TaskRouter cancels the task, in whole seconds; 0 leaves it to TaskRouter (24 h).
	Timeout time.Duration
}

// RoutingMode says who accepts the reservations of a routing workflow.
type RoutingMode string

// Routing modes.
const (
	// ModeDesktop: we do, by the answer to the assignment callback; the agent's phone rings at once. The default.
	ModeDesktop RoutingMode = "desktop"
	// ModeFlex: the agent does, by our API or by an instruction of Flex's own.
	ModeFlex RoutingMode = "flex"
	// ModeAnnounce: we do, when the agent has heard whom he gets, and has pressed the key if one is asked for; the customer waits until then.
	ModeAnnounce RoutingMode = "announce"
)

// ConferenceOptions are the parts of the conference instruction that are free to choose. The rest is not: an agent's leaving never ends
// a conference, the customer's always does.
type ConferenceOptions struct {
	// Record is "record-from-start" or "do-not-record"; "" leaves it out, which is not to record.
	Record string
	// Region is where Twilio mixes; "" leaves it to Twilio.
	Region string
	// Beep is "true", "false", "onEnter" or "onExit". Default "false".
	Beep string
}

// WebhookStore is what webhooks need of the store; *store.Store is one.
type WebhookStore interface {
	Receive(ctx context.Context, row store.Webhook) (position int64, duplicate bool, err error)
	Refuse(ctx context.Context, refusal store.Refusal) error
	CallOfTask(ctx context.Context, taskSID string) (callID string, ok bool, err error)
	NoteTask(ctx context.Context, taskSID, callID string) error
	Call(ctx context.Context, id string) (store.CallRow, []store.LegRow, error)
	Webhooks(ctx context.Context, subject store.Subject, limit int) ([]store.Webhook, error)
	AnsweredAt(ctx context.Context, agents ...string) (map[string]time.Time, error)
}

// WebhookConfig sets [Webhooks] up.
type WebhookConfig struct {
	// AccountSID (AC), WorkspaceSID (WS): webhooks of others are refused. Required.
	AccountSID, WorkspaceSID string
	// AuthToken is the account's primary token, which signs webhooks. Required; never logged.
	AuthToken string
	// PublicURL is where Twilio reaches us, with a path if a proxy adds one. Required.
	PublicURL *url.URL
	// Store takes the rows. Required.
	Store WebhookStore
	// DataDir holds the spool; "" keeps the spool in memory.
	DataDir string
	// Numbers routes calls by the number that was dialled, as Twilio writes it (+15551230000).
	Numbers map[string]WebhookNumber
	// DefaultRouting takes the calls to other numbers; nil apologises to them.
	DefaultRouting *WebhookNumber
	// Modes of routing workflows, by SID (WW). Default [ModeDesktop].
	Modes map[string]RoutingMode
	// Conference options of the assignment instruction.
	Conference ConferenceOptions
	// Settings of the calls; Ring is the instruction's timeout. Default [call.DefaultSettings].
	Settings call.Settings
	// Second is how long a second takes at Twilio: shorter in a simulator that hurries. Default a second.
	Second time.Duration
	// Floor has the workspace's breaker told of agents who do not answer, and of where they go; nil tells it nothing. It gives the breaker's
	// settings; false while they are not known yet, when the breaker is told of every move, and sees itself which concern it.
	Floor func() (floor.Settings, bool)
	// AgentFrom is the caller ID that agents see: a number of the account or a verified one. Default: the number that was dialled.
	AgentFrom string
	// QueueMusicURL is an audio file for those who wait. Default [DefaultQueueMusicURL].
	QueueMusicURL string
	// Apology is spoken to callers who cannot be put through. Default [DefaultApology].
	Apology string
	// Announcement is the template (text/template) of what an agent hears before he is connected, with the fields of [Announcement]. Default
	// [DefaultAnnouncement].
	Announcement string
	// AnnounceKey is the key that he must press then: a digit, "*" or "#"; "" asks for none.
	AnnounceKey string
	// DialIns takes the codes of supervisors who dial in; nil takes none.
	DialIns *DialIns
	// RescueAnnouncement is spoken to a customer whose agent is gone without a word. Default [DefaultRescueAnnouncement].
	RescueAnnouncement string
	// MaxBody is the largest body taken, in bytes. Default 64 KiB.
	MaxBody int64
	// WriteWithin is how long a write to the store may take before it counts as failed. Default 2 s, for assignments must be answered
	// within 5 s.
	WriteWithin time.Duration
	// DrainEvery is how often the spool is tried again. Default 1 s.
	DrainEvery time.Duration
	// Clock tells the time. Default time.Now.
	Clock func() time.Time
	// Bots answer calls to the numbers of connections, and calls that they place; nil: none do, and webhooks of our own account alone are taken.
	Bots *BotsConfig
	// Logger default slog.Default().
	Logger *slog.Logger
	// Meter default: the process's own.
	Meter metric.Meter

	announcement announcementTemplate
}

// Webhooks takes what Twilio sends. Make one with [NewWebhooks], mount it, and run it beside the server.
type Webhooks struct {
	cfg      WebhookConfig
	store    WebhookStore
	log      *slog.Logger
	metrics  webhookMetrics
	spool    *spool
	refusals *rate.Limiter
	tasks    *notedTasks
	accounts accountTokens
	bots     *bots // nil: there are none
}

// NewWebhooks checks the configuration and takes up the spool that an earlier process left.
func NewWebhooks(cfg WebhookConfig) (*Webhooks, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	metrics, err := newWebhookMetrics(cfg.Meter)
	if err != nil {
		return nil, err
	}
	s, err := openSpool(cfg.DataDir, cfg.Logger)
	if err != nil {
		return nil, err
	}
	w := &Webhooks{
		cfg: cfg, store: cfg.Store, log: cfg.Logger, metrics: metrics, spool: s,
		refusals: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce), tasks: newNotedTasks(),
	}
	if cfg.Bots != nil {
		w.bots = newBots(*cfg.Bots)
	}
	return w, nil
}

func (c *WebhookConfig) check() error {
	var problems []error
	for _, required := range []struct{ name, value string }{
		{"AccountSID", c.AccountSID}, {"WorkspaceSID", c.WorkspaceSID}, {"AuthToken", c.AuthToken},
	} {
		if required.value == "" {
			problems = append(problems, fmt.Errorf("no %s", required.name))
		}
	}
	switch {
	case c.PublicURL == nil:
		problems = append(problems, errors.New("no PublicURL"))
	case c.PublicURL.Scheme != "http" && c.PublicURL.Scheme != "https", c.PublicURL.Host == "":
		problems = append(problems, fmt.Errorf("the PublicURL %q is no http or https URL", c.PublicURL.Redacted()))
	case c.PublicURL.User != nil, c.PublicURL.RawQuery != "", c.PublicURL.Fragment != "":
		problems = append(problems, fmt.Errorf("the PublicURL %q must have no user, query or fragment", c.PublicURL.Redacted()))
	}
	if c.Store == nil {
		problems = append(problems, errors.New("no Store"))
	}
	problems = append(problems, c.Bots.check())
	for _, dialled := range slices.Sorted(maps.Keys(c.Numbers)) {
		problems = append(problems, c.Numbers[dialled].check("number "+dialled))
	}
	if c.DefaultRouting != nil {
		problems = append(problems, c.DefaultRouting.check("the default routing"))
	}
	if c.Announcement == "" {
		c.Announcement = DefaultAnnouncement
	}
	var err error
	if c.announcement, err = parseAnnouncement(c.Announcement); err != nil {
		problems = append(problems, err)
	}
	if c.AnnounceKey != "" && !telephoneKey.MatchString(c.AnnounceKey) {
		problems = append(problems, fmt.Errorf("the announcement's key %q is no single key of a telephone", c.AnnounceKey))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("handlers: webhooks: %w", err)
	}
	return nil
}

var telephoneKey = regexp.MustCompile(`^[0-9*#]$`)

// check finds at the start what would otherwise fail each call to the number.
func (n WebhookNumber) check(name string) error {
	if n.RoutingWorkflowSID == "" {
		return fmt.Errorf("%s has no routing workflow", name)
	}
	if n.Priority < 0 || n.Timeout < 0 {
		return fmt.Errorf("%s has a negative priority or timeout", name)
	}
	if _, err := json.Marshal(n.TaskAttributes); err != nil {
		return fmt.Errorf("the task attributes of %s are no JSON: %w", name, err)
	}
	return nil
}

func (c *WebhookConfig) setDefaults() {
	if c.Settings == (call.Settings{}) {
		c.Settings = call.DefaultSettings()
	}
	if c.Second == 0 {
		c.Second = time.Second
	}
	if c.Conference.Beep == "" {
		c.Conference.Beep = "false"
	}
	if c.QueueMusicURL == "" {
		c.QueueMusicURL = DefaultQueueMusicURL
	}
	if c.Apology == "" {
		c.Apology = DefaultApology
	}
	if c.RescueAnnouncement == "" {
		c.RescueAnnouncement = DefaultRescueAnnouncement
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 64 << 10
	}
	if c.WriteWithin <= 0 {
		c.WriteWithin = 2 * time.Second
	}
	if c.DrainEvery <= 0 {
		c.DrainEvery = time.Second
	}
	if c.Bots != nil {
		withDefaults := *c.Bots
		withDefaults.setDefaults()
		c.Bots = &withDefaults
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// The webhooks' paths under the public URL. They are set by hand in Twilio's console or by REST for the number and the workspace; the
// rest is handed out by answers.
const (
	PathVoice         = "/twilio/voice"
	PathAssignment    = "/twilio/assignment"
	PathEvents        = "/twilio/events"
	PathConference    = "/twilio/conference"
	PathCallStatus    = "/twilio/call-status"
	PathQueueWait     = "/twilio/queue-wait"
	PathEnqueueAction = "/twilio/enqueue-action"
	PathAnnounce      = "/twilio/announce"
	PathAnnounceKey   = "/twilio/announce/key"
	PathRescueWait    = "/twilio/rescue-wait"
	PathSupervise     = "/twilio/supervise"
	PathSuperviseCode = "/twilio/supervise/code"

	PathBotVoice   = "/twilio/bots/voice"   // ?connection= of a call that comes in, ?session= of one that a bot placed
	PathBotTurn    = "/twilio/bots/turn"    // what a caller said, keyed, or did not say
	PathBotReply   = "/twilio/bots/reply"   // a slow brain's answer
	PathBotPartial = "/twilio/bots/partial" // what he said so far
	PathBotDial    = "/twilio/bots/dial"    // the end of a transfer
)

// Mount adds the routes.
func (w *Webhooks) Mount(e *echo.Echo) {
	e.POST(PathVoice, w.webhook(w.voice))
	e.POST(PathAssignment, w.webhook(w.assignment))
	e.POST(PathEvents, w.webhook(w.events))
	e.POST(PathConference, w.webhook(w.conference))
	e.POST(PathCallStatus, w.webhook(w.callStatus))
	// The instruction "call" tells its leg's end by GET (https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks).
	e.GET(PathCallStatus, w.webhook(w.callStatus))
	e.POST(PathQueueWait, w.webhook(w.queueWait))
	e.GET(PathQueueWait, w.webhook(w.queueWait))
	e.POST(PathEnqueueAction, w.webhook(w.enqueueAction))
	e.POST(PathAnnounce, w.webhook(w.announce))
	e.GET(PathAnnounce, w.webhook(w.announce)) // which method the instruction "call" asks by is not documented
	e.POST(PathAnnounceKey, w.webhook(w.announceKey))
	e.POST(PathRescueWait, w.webhook(w.rescueWait))
	e.GET(PathRescueWait, w.webhook(w.rescueWait))
	e.POST(PathSupervise, w.webhook(w.supervise))
	e.POST(PathSuperviseCode, w.webhook(w.superviseCode))
	if w.bots != nil {
		w.mountBots(e)
	}
}

// Run brings what was spooled into the inbox whenever that is possible, until ctx ends.
func (w *Webhooks) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.cfg.DrainEvery)
	defer ticker.Stop()
	for {
		w.drainSpool(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Close ends what bots think of, and gives the spool's file back. What waits in it is there for the next process.
func (w *Webhooks) Close() error {
	if w.bots != nil {
		w.bots.close()
	}
	return w.spool.close()
}

func (w *Webhooks) drainSpool(ctx context.Context) {
	if !w.spool.waiting() {
		return
	}
	taken, err := w.spool.drain(ctx, func(ctx context.Context, row store.Webhook) error {
		_, err := w.receive(ctx, row)
		return err
	})
	switch {
	case err != nil && ctx.Err() == nil:
		w.log.LogAttrs(ctx, slog.LevelWarn, "the inbox still cannot be written", slog.Int("taken", taken), slog.Any("error", err))
	case taken > 0:
		w.log.LogAttrs(ctx, slog.LevelInfo, "spooled webhooks are in the inbox now", slog.Int("taken", taken))
	}
}

// ConferenceCallback is where Twilio tells of a conference that a conference instruction makes, or a TwiML of ours, for whoever gives it. reservation is "" where
// none made it.
func ConferenceCallback(public *url.URL, id call.ID, reservation call.ReservationSID) string {
	return addressOf(public, PathConference, "call", string(id), "reservation", string(reservation))
}

// CallStatus is where Twilio tells of a call's progress, for whoever places it, or, without an ID, points a number there.
func CallStatus(public *url.URL, id call.ID) string {
	return addressOf(public, PathCallStatus, "call", string(id))
}

// QueueWait is what somebody hears who waits in a queue, for whoever puts him there.
func QueueWait(public *url.URL, id call.ID) string {
	return addressOf(public, PathQueueWait, "call", string(id))
}

// LegCallback is where Twilio tells of the leg of somebody who is dialled for an invitation, by a reservation or, "", by us.
func LegCallback(public *url.URL, id call.ID, invitation call.Label, reservation call.ReservationSID) string {
	return addressOf(public, PathCallStatus, "call", string(id), "invitation", string(invitation), "reservation", string(reservation))
}

// url is an address of ours for Twilio to call, with the connection overrides. Arguments are names and values of the query; what is "" is left out.
func (w *Webhooks) url(path string, query ...string) string {
	return addressOf(w.cfg.PublicURL, path, query...)
}

func addressOf(public *url.URL, path string, query ...string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(public.String(), "/"))
	b.WriteString(path)
	separator := byte('?')
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] == "" {
			continue
		}
		b.WriteByte(separator)
		separator = '&'
		b.WriteString(url.QueryEscape(query[i]))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(query[i+1]))
	}
	b.WriteString(connectionOverrides)
	return b.String()
}
