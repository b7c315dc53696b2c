package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/workflows"
)

func TestAServerSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	_, err := NewServer(Config{ActionWait: time.Minute})
	for _, want := range []string{"no Store", "no Engine", "no Keys", "Timeout 15s must exceed its ActionWait 1m0s"} {
		require.ErrorContains(t, err, want)
	}
}

func TestAPanicIsAnInternalErrorAndNoMore(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.engine.answer = func(askedAction) (workflows.Result, error) { panic("secret of the panic") }
	w := b.do("POST", "/v1/calls/"+talkingCall+"/end", sueKey)
	requireProblem(t, w, http.StatusInternalServerError, codeInternal)
	require.NotContains(t, w.Body.String(), "secret")
	require.Contains(t, b.log.String(), "secret of the panic")
	require.Contains(t, b.log.String(), "server_test.go", "the stack is logged")
	require.Equal(t, 200, b.do("GET", "/v1/calls", sueKey).Code, "the server goes on")
}

func TestAnAbortedHandlerIsLeftToTheHTTPServer(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.server.Echo().GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() {
		b.server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/abort", nil))
	})
}

func TestRequestsHaveIDs(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	for name, test := range map[string]struct {
		given string
		kept  bool
	}{
		"the client's":            {"desk-7.1_A", true},
		"none":                    {"", false},
		"one that could be a lie": {"x level=ERROR msg=forged", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := b.do("GET", "/healthz", "", "X-Request-Id", test.given)
			id := w.Header().Get("X-Request-Id")
			require.NotEmpty(t, id)
			require.Equal(t, test.kept, id == test.given)
			require.Contains(t, b.log.String(), "request_id="+id)
		})
	}
}

func TestTheAccessLogNamesTheKeyAndKeepsSecretsOut(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	b.do("GET", "/v1/calls?queue=hush&cursor=hush", annKey, "Idempotency-Key", "hush")
	b.do("GET", "/v1/calls?queue=hush", "hf_hush")
	require.Contains(t, b.log.String(), "key=ann")
	require.Contains(t, b.log.String(), "path=/v1/calls ")
	require.NotContains(t, b.log.String(), "hush")
	require.NotContains(t, b.log.String(), annKey)
}

func TestARequestThatTakesTooLongIsAnswered(t *testing.T) {
	t.Parallel()
	b := setupAPI(t, func(c *Config) { c.ActionWait, c.Timeout = time.Millisecond, 20*time.Millisecond })
	b.engine.answer = func(a askedAction) (workflows.Result, error) {
		<-a.ctx.Done()
		return workflows.Result{}, fmt.Errorf("asking: %w", a.ctx.Err())
	}
	requireProblem(t, b.do("POST", "/v1/calls/"+talkingCall+"/end", sueKey), http.StatusServiceUnavailable, codeTimeout)
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	engine := make(chan error, 1)
	b := setupAPI(t, func(c *Config) {
		c.Checks = []Check{{Name: "engine", Probe: func(context.Context) error { return <-engine }}}
	})
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{nil, 200, `{"ready":true,"checks":[{"name":"store","ok":true},{"name":"engine","ok":true}]}`},
		{errors.New("dial tcp 10.0.0.1: secret"), 503, `{"ready":false,"checks":[{"name":"store","ok":true},{"name":"engine","ok":false,"detail":"not reachable"}]}`},
		{context.DeadlineExceeded, 503, `{"ready":false,"checks":[{"name":"store","ok":true},{"name":"engine","ok":false,"detail":"no answer in time"}]}`},
		{nil, 200, `{"ready":true,"checks":[{"name":"store","ok":true},{"name":"engine","ok":true}]}`},
	} {
		engine <- test.err
		w := b.do("GET", "/readyz", "")
		require.Equal(t, test.status, w.Code)
		require.JSONEq(t, test.want, w.Body.String())
	}
	require.Contains(t, b.log.String(), "ready again")
	require.JSONEq(t, `{"status":"ok","version":"1.2.3"}`, b.do("GET", "/healthz", "").Body.String())
}

func TestMetricsTellOfRequestsAndActions(t *testing.T) {
	t.Parallel()
	telemetry, err := NewTelemetry("1.2.3")
	require.NoError(t, err)
	b := setupAPI(t, func(c *Config) {
		c.Meter, c.Metrics = telemetry.Provider().Meter("test"), telemetry.Handler()
	})
	b.do("POST", legPath(talkingCall, "customer", "hold"), annKey)
	b.do("POST", "/v1/calls/"+endedCall+"/end", sueKey)
	b.do("GET", "/v1/calls/"+unknownCall, sueKey)
	b.do("GET", "/made-up/"+unknownCall, "")
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	for _, want := range []string{
		`holdfast_action_duration_seconds_count{action="hold",outcome="verified"} 1`,
		`holdfast_action_duration_seconds_count{action="end",outcome="call_ended"} 1`,
		`holdfast_http_request_duration_seconds_count{method="POST",route="/v1/calls/:call/legs/:leg/hold",status="200"} 1`,
		`holdfast_http_request_duration_seconds_count{method="GET",route="/v1/calls/:call",status="404"} 1`,
		`holdfast_http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1`,
		`service_version="1.2.3"`,
		`go_goroutines `,
	} {
		require.Contains(t, w.Body.String(), want)
	}

	counter, err := telemetry.Provider().Meter("test").Int64Counter("holdfast_things")
	require.NoError(t, err)
	counter.Add(t.Context(), 2, metric.WithAttributes(attribute.String("kind", "a")))
	counter.Add(t.Context(), 3, metric.WithAttributes(attribute.String("kind", "b")))
	total, err := telemetry.Total("holdfast_things_total")
	require.NoError(t, err)
	require.InDelta(t, 5, total, 0)
	require.NoError(t, telemetry.Shutdown(t.Context()))
}
