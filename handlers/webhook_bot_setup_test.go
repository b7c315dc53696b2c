package handlers

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// tag is an element of TwiML as the tests read it, apart from the package that writes it.
type tag struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Tags    []tag      `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (e *tag) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// find is the first element of that name, at any depth; nil if there is none.
func (e *tag) find(name string) *tag {
	for i := range e.Tags {
		if e.Tags[i].XMLName.Local == name {
			return &e.Tags[i]
		}
		if found := e.Tags[i].find(name); found != nil {
			return found
		}
	}
	return nil
}

// said is all that is spoken.
func (e *tag) said() string {
	var said []string
	for i := range e.Tags {
		if e.Tags[i].XMLName.Local == "Say" {
			said = append(said, e.Tags[i].Text)
		} else if inner := e.Tags[i].said(); inner != "" {
			said = append(said, inner)
		}
	}
	return strings.Join(said, " ")
}

func (e *tag) names() (names []string) {
	for _, inner := range e.Tags {
		names = append(names, inner.XMLName.Local)
	}
	return names
}

func twimlOf(t testing.TB, w *httptest.ResponseRecorder) *tag {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var e tag
	require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &e), w.Body.String())
	return &e
}

// testBrain answers as a test says, and tells what it is asked.
type testBrain struct {
	mu    sync.Mutex
	reply func(ctx context.Context, d bot.Dialogue, in bot.Input) iter.Seq2[bot.Piece, error]
	asked []string
	left  chan string // whose asking was given up
}

func newTestBrain() *testBrain {
	b := &testBrain{left: make(chan string, 100)}
	b.answers(func(_ context.Context, _ bot.Dialogue, in bot.Input) ([]bot.Piece, error) {
		return []bot.Piece{{Say: "You said: " + in.Speech + "."}}, nil
	})
	return b
}

func (b *testBrain) answers(f func(ctx context.Context, d bot.Dialogue, in bot.Input) ([]bot.Piece, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reply = func(ctx context.Context, d bot.Dialogue, in bot.Input) iter.Seq2[bot.Piece, error] {
		return func(yield func(bot.Piece, error) bool) {
			pieces, err := f(ctx, d, in)
			for _, p := range pieces {
				if !yield(p, nil) {
					return
				}
			}
			if err != nil {
				yield(bot.Piece{}, err)
			}
		}
	}
}

func (b *testBrain) Reply(ctx context.Context, _ bot.Settings, d bot.Dialogue, in bot.Input) iter.Seq2[bot.Piece, error] {
	b.mu.Lock()
	b.asked = append(b.asked, in.Speech+in.Digits)
	reply := b.reply
	b.mu.Unlock()
	return func(yield func(bot.Piece, error) bool) {
		defer func() {
			if ctx.Err() != nil {
				b.left <- in.Speech
			}
		}()
		for p, err := range reply(ctx, d, in) {
			if !yield(p, err) {
				return
			}
		}
	}
}

func (b *testBrain) Summarise(context.Context, bot.Settings, bot.Dialogue) (bot.HandOff, error) {
	return bot.HandOff{}, nil
}

func (b *testBrain) questions() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.asked...)
}

// hangs is a brain's answer that comes when the test says so, or never.
func (b *testBrain) hangs() (answer chan string) {
	answer = make(chan string, 10)
	b.answers(func(ctx context.Context, _ bot.Dialogue, _ bot.Input) ([]bot.Piece, error) {
		select {
		case text := <-answer:
			return []bot.Piece{{Say: text}}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	return answer
}

// testClock stands still until it is moved. It begins now, for the store counts what is open since yesterday.
type testClock struct{ micros atomic.Int64 }

func newTestClock() *testClock {
	c := &testClock{}
	c.micros.Store(time.Now().Truncate(time.Second).UnixMicro())
	return c
}

func (c *testClock) now() time.Time         { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *testClock) passes(d time.Duration) { c.micros.Add(d.Microseconds()) }

// botStage is a bot that runs on a number of a connection.
type botStage struct {
	*webhookBundle
	brain, other *testBrain
	clock        *testClock
	bot          store.BotRow
	connection   store.ConnectionRow
	log          *lockedBuffer
}

const (
	otherAccount = "AC00000000000000000000000000000002"
	otherToken   = "fedcba9876543210"
	botNumber    = "+15558880000"
)

func testBotSettings() bot.Settings {
	return bot.Settings{
		Greeting: "Hello, this is Harbour. How can I help?", Brain: bot.BrainSettings{Kind: "scripted"}, Hints: []string{"invoice", "harbour, the"},
		Handoff: bot.Handoff{RoutingWorkflow: "WW7", Priority: 3},
	}
}

// setupBot has a bot running on a number of our own account, unless told otherwise.
func setupBot(t testing.TB, change ...func(*bot.Settings, *store.ConnectionRow, *WebhookConfig)) *botStage {
	t.Helper()
	s := &botStage{brain: newTestBrain(), other: newTestBrain(), clock: newTestClock(), log: &lockedBuffer{}}
	settings := testBotSettings()
	connection := store.ConnectionRow{
		Kind: store.ConnectionVoice, Name: "Main line", AccountSID: testAccount, PhoneNumber: botNumber, Voice: "Polly.Salli",
		SpeechModel: "googlev2_telephony", Region: "us1", Edge: "ashburn",
	}
	token := testToken
	s.webhookBundle = setupWebhooks(t, func(cfg *WebhookConfig) {
		cfg.Clock = s.clock.now
		cfg.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Bots = &BotsConfig{Store: cfg.Store.(*faultyStore), Brain: s.brains, FillerAfter: 10 * time.Second}
		for _, f := range change {
			f(&settings, &connection, cfg)
		}
	})
	if connection.AccountSID != testAccount {
		token = otherToken
	}
	var err error
	s.connection, err = s.store.CreateConnection(t.Context(), connection, token)
	require.NoError(t, err)
	raw, err := json.Marshal(settings)
	require.NoError(t, err)
	s.bot, err = s.store.CreateBot(t.Context(), store.BotRow{Name: "Harbour", Settings: raw}, nil)
	require.NoError(t, err)
	_, err = s.store.Attach(t.Context(), s.bot.ID, store.BotConnection{Connection: s.connection.ID, Inbound: true})
	require.NoError(t, err)
	s.start(t)
	return s
}

func (s *botStage) brains(_ context.Context, _ string, settings bot.BrainSettings) (bot.Brain, error) {
	if settings.Kind == "openai" {
		return s.other, nil
	}
	return s.brain, nil
}

// start runs the bot with what it is set to.
func (s *botStage) start(t testing.TB) {
	t.Helper()
	require.NoError(t, s.store.SetBotRunning(t.Context(), s.bot.ID, &store.RunningBot{
		Name: s.bot.Name, Settings: s.bot.Settings, Connections: []store.RunningLine{{
			BotConnection: store.BotConnection{Connection: s.connection.ID, Inbound: true}, Name: s.connection.Name,
			AccountSID: s.connection.AccountSID, PhoneNumber: s.connection.PhoneNumber, Voice: s.connection.Voice, SpeechModel: s.connection.SpeechModel,
		}},
	}, 1))
}

// again is another process on the same store, as one that was killed comes back.
func (s *botStage) again(t testing.TB) *botStage {
	t.Helper()
	second := *s
	bundle := *s.webhookBundle
	cfg := s.cfg
	cfg.DataDir = ""
	var err error
	bundle.Webhooks, err = NewWebhooks(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bundle.Close()) })
	bundle.echo = echo.New()
	bundle.Mount(bundle.echo)
	second.webhookBundle = &bundle
	return &second
}

// A caller does what Twilio does with the answers that he gets.
type caller struct {
	*botStage
	t    testing.TB
	sid  string
	last *tag
	body string
	to   string // where the last request went, and with what
	form url.Values
}

func (s *botStage) caller(t testing.TB, sid string) *caller {
	return &caller{botStage: s, t: t, sid: sid}
}

// dials calls the bot's number.
func (c *caller) dials() *tag {
	c.t.Helper()
	return c.asks(PathBotVoice+"?connection="+c.connection.ID, url.Values{"CallStatus": {"ringing"}})
}

// asks is a request of Twilio's for the call.
func (c *caller) asks(target string, form url.Values) *tag {
	c.t.Helper()
	answer := c.answered(target, form)
	c.last, c.body = twimlOf(c.t, answer), answer.Body.String()
	return c.last
}

func (c *caller) answered(target string, form url.Values) *httptest.ResponseRecorder {
	c.t.Helper()
	full := url.Values{
		"CallSid": {c.sid}, "AccountSid": {c.connection.AccountSID}, "From": {"+15550001111"}, "To": {botNumber}, "Direction": {"inbound"}, "CallStatus": {"in-progress"},
	}
	maps.Copy(full, form)
	c.to, c.form = target, full
	return c.do(c.signed(target, full))
}

func (c *caller) signed(target string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	token := testToken
	if form.Get("AccountSid") == otherAccount {
		token = otherToken
	}
	r.Header.Set(signatureHeader, signatureOf(token, "https://calls.example.com"+target, form))
	return r
}

// repeats is the last request again.
func (c *caller) repeats() string {
	c.t.Helper()
	answer := c.do(c.signed(c.to, c.form))
	require.Equal(c.t, http.StatusOK, answer.Code, answer.Body)
	return answer.Body.String()
}

// follow is the path of an address of ours, with its query.
func follow(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "calls.example.com", u.Host, address)
	return u.RequestURI()
}

func (c *caller) gather() *tag {
	c.t.Helper()
	gather := c.last.find("Gather")
	require.NotNil(c.t, gather, "nobody listens: %s", c.body)
	return gather
}

// says speaks when the bot has said what it says.
func (c *caller) says(text string) *tag {
	c.t.Helper()
	c.clock.passes(20 * time.Second)
	return c.asks(follow(c.t, c.gather().attr("action")), url.Values{"SpeechResult": {text}, "Confidence": {"0.91"}})
}

func (c *caller) keys(digits string) *tag {
	c.t.Helper()
	c.clock.passes(20 * time.Second)
	return c.asks(follow(c.t, c.gather().attr("action")), url.Values{"Digits": {digits}})
}

func (c *caller) isSilent() *tag {
	c.t.Helper()
	c.clock.passes(20 * time.Second)
	return c.asks(follow(c.t, c.gather().attr("action")), url.Values{})
}

func (c *caller) goesOn() *tag {
	c.t.Helper()
	redirect := c.last.find("Redirect")
	require.NotNil(c.t, redirect, c.body)
	return c.asks(follow(c.t, redirect.Text), url.Values{})
}

// begins is a partial result.
func (c *caller) begins(text string, sequence string) {
	c.t.Helper()
	answer := c.answered(follow(c.t, c.gather().attr("partialResultCallback")), url.Values{"UnstableSpeechResult": {text}, "SequenceNumber": {sequence}})
	require.Equal(c.t, http.StatusNoContent, answer.Code)
}

func (c *caller) session() store.SessionRow {
	c.t.Helper()
	row, err := c.store.SessionByCall(c.t.Context(), c.sid)
	require.NoError(c.t, err)
	return row
}

// transcript is who said what, in order.
func (c *caller) transcript() (lines []string) {
	c.t.Helper()
	messages, err := c.store.SessionMessages(c.t.Context(), c.session().ID, 0, 0)
	require.NoError(c.t, err)
	for i, m := range messages {
		require.Equal(c.t, i+1, m.Number)
		line := m.Speaker + ": " + m.Text
		if m.Cut {
			line += " [heard: " + m.Heard + "]"
		}
		lines = append(lines, line)
	}
	return lines
}

// told is what the call's workflow is told.
func (c *caller) told() []call.Event { return c.inbox(c.t, c.sid) }
