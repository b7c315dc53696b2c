package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"holdfast/call"
	"holdfast/store"
)

const (
	testAccount   = "AC00000000000000000000000000000001"
	testWorkspace = "WS00000000000000000000000000000001"
	testToken     = "0123456789abcdef"
	testCall      = "CA00000000000000000000000000000001"
	testTask      = "WT00000000000000000000000000000001"
	testNumber    = "+15559990000"
)

// faultyStore is the real store, with failures on request.
type faultyStore struct {
	*store.Store
	down  atomic.Bool
	stuck atomic.Pointer[chan struct{}] // Receive waits for it to be closed
	calls atomic.Int64                  // writes that reached the store
}

var errDown = errors.New("disk full")

func (s *faultyStore) Receive(ctx context.Context, row store.Webhook) (int64, bool, error) {
	if stuck := s.stuck.Load(); stuck != nil {
		<-*stuck
	}
	if s.down.Load() {
		return 0, false, errDown
	}
	s.calls.Add(1)
	return s.Store.Receive(ctx, row)
}

func (s *faultyStore) OpenSession(ctx context.Context, n store.NewSession) (store.SessionRow, bool, error) {
	if s.down.Load() {
		return store.SessionRow{}, false, errDown
	}
	return s.Store.OpenSession(ctx, n)
}

func (s *faultyStore) AnswerTurn(ctx context.Context, a store.TurnAnswer) (store.SessionRow, error) {
	if s.down.Load() {
		return store.SessionRow{}, errDown
	}
	return s.Store.AnswerTurn(ctx, a)
}

func (s *faultyStore) NoteTask(ctx context.Context, task, id string) error {
	if s.down.Load() {
		return errDown
	}
	s.calls.Add(1)
	return s.Store.NoteTask(ctx, task, id)
}

func openTestStore(t testing.TB) *store.Store {
	t.Helper()
	return openTestStoreAt(t, filepath.Join(t.TempDir(), "holdfast.db"))
}

func openTestStoreAt(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path, store.WithSealer(testSealer(t)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func testSealer(t testing.TB) store.Sealer {
	t.Helper()
	ring, err := store.NewKeyRing([]store.SecretKey{{ID: "test", Secret: make([]byte, 32)}})
	require.NoError(t, err)
	return ring
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

type webhookBundle struct {
	*Webhooks
	echo   *echo.Echo
	store  *faultyStore
	reader *sdkmetric.ManualReader
	path   string // of the database
}

func setupWebhooks(t testing.TB, change ...func(*WebhookConfig)) *webhookBundle {
	t.Helper()
	public, err := url.Parse("https://calls.example.com")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "holdfast.db")
	b := &webhookBundle{echo: echo.New(), store: &faultyStore{Store: openTestStoreAt(t, path)}, reader: sdkmetric.NewManualReader(), path: path}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.WithoutCancel(t.Context()))) })
	cfg := WebhookConfig{
		AccountSID: testAccount, WorkspaceSID: testWorkspace, AuthToken: testToken, PublicURL: public, Store: b.store, DataDir: t.TempDir(),
		Numbers: map[string]WebhookNumber{testNumber: {
			RoutingWorkflowSID: "WW1", TaskAttributes: map[string]any{"type": "support"}, Priority: 5, Timeout: 10 * time.Minute,
		}},
		DrainEvery: 5 * time.Millisecond, Logger: quiet(), Meter: provider.Meter("test"),
	}
	for _, f := range change {
		f(&cfg)
	}
	b.Webhooks, err = NewWebhooks(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	b.Mount(b.echo)
	return b
}

// run drains the spool until the test ends.
func (b *webhookBundle) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// counted is the sum of a counter over the points that have the attributes given as names and values.
func (b *webhookBundle) counted(t *testing.T, name string, attributes ...string) int64 {
	t.Helper()
	return counted(t, b.reader, name, attributes...)
}

func counted(t *testing.T, reader *sdkmetric.ManualReader, name string, attributes ...string) (sum int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if hasAll(p.Attributes, attributes) {
						sum += p.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if hasAll(p.Attributes, attributes) {
						sum += int64(p.Count)
					}
				}
			}
		}
	}
	return sum
}

func hasAll(set attribute.Set, wanted []string) bool {
	for i := 0; i+1 < len(wanted); i += 2 {
		if v, ok := set.Value(attribute.Key(wanted[i])); !ok || v.AsString() != wanted[i+1] {
			return false
		}
	}
	return true
}

// request is a webhook as Twilio sends it: with the account, signed for the public URL.
func (b *webhookBundle) request(method, target string, form url.Values) *http.Request {
	if !form.Has("AccountSid") {
		form.Set("AccountSid", testAccount)
	}
	var r *http.Request
	signed := form
	if method == http.MethodGet {
		sep := "?"
		if strings.Contains(target, "?") {
			sep = "&"
		}
		target += sep + form.Encode()
		signed = nil
		r = httptest.NewRequest(method, target, http.NoBody)
	} else {
		r = httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	r.Header.Set(signatureHeader, signatureOf(testToken, "https://calls.example.com"+target, signed))
	return r
}

func (b *webhookBundle) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.echo.ServeHTTP(w, r)
	return w
}

// post sends a form with an idempotency token.
func (b *webhookBundle) post(target, token string, form url.Values) *httptest.ResponseRecorder {
	r := b.request(http.MethodPost, target, form)
	if token != "" {
		r.Header.Set(idempotencyHeader, token)
	}
	return b.do(r)
}

// inbox is what waits for a call.
func (b *webhookBundle) inbox(t testing.TB, id string) (events []call.Event) {
	t.Helper()
	rows, err := b.store.Waiting(t.Context(), callSubject(call.ID(id)), 0, 100)
	require.NoError(t, err)
	for i, row := range rows {
		require.Equal(t, int64(i+1), row.Position)
		var e call.Envelope
		require.NoError(t, json.Unmarshal(row.Event, &e))
		events = append(events, e.Event)
	}
	return events
}

func voiceForm() url.Values {
	return url.Values{
		"CallSid": {testCall}, "From": {"+15550001111"}, "To": {testNumber}, "Caller": {"+15550001111"}, "Called": {testNumber},
		"CallStatus": {"ringing"}, "ApiVersion": {"2010-04-01"}, "Direction": {"inbound"}, "FromCity": {""}, "CallToken": {"secret"},
	}
}

func eventForm(kind string, more ...string) url.Values {
	form := url.Values{
		"EventType": {kind}, "WorkspaceSid": {testWorkspace}, "WorkspaceName": {"centre"}, "Sid": {"EV-" + kind}, "ResourceType": {"task"},
		"Timestamp": {"1700000000"}, "TimestampMs": {"1700000000123"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func assignmentForm(attributes string) url.Values {
	return url.Values{
		"WorkspaceSid": {testWorkspace}, "WorkflowSid": {"WW1"}, "TaskQueueSid": {"WQ1"}, "WorkerSid": {"WK1"},
		"WorkerAttributes": {`{"contact_uri":"client:ann"}`}, "TaskSid": {testTask}, "TaskAttributes": {attributes}, "TaskAge": {"3"},
		"TaskPriority": {"0"}, "ReservationSid": {"WR1"}, "Timestamp": {"1700000000"},
	}
}

func wholeAttributes() string {
	return `{"call_sid":"` + testCall + `","from":"+15550001111","to":"` + testNumber + `","type":"support"}`
}

func TestWebhookConfigNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := NewWebhooks(WebhookConfig{
		Numbers: map[string]WebhookNumber{"+1": {}}, DefaultRouting: &WebhookNumber{}, PublicURL: &url.URL{Scheme: "ftp", Host: "x"},
	})
	for _, part := range []string{"AccountSID", "WorkspaceSID", "AuthToken", "PublicURL", "Store", "number +1", "default routing"} {
		require.ErrorContains(t, err, part)
	}
}

func TestURLsCarryTheCallAndTheOverrides(t *testing.T) {
	t.Parallel()
	public, err := url.Parse("https://example.com:8443/holdfast/")
	require.NoError(t, err)
	w := Webhooks{cfg: WebhookConfig{PublicURL: public}}
	require.Equal(t, "https://example.com:8443/holdfast/twilio/voice#rc=5&rp=all", w.url(PathVoice))
	require.Equal(t, "https://example.com:8443/holdfast/twilio/conference?call=CA1&reservation=W%26R#rc=5&rp=all",
		w.url(PathConference, "call", "CA1", "reservation", "W&R"))
}
