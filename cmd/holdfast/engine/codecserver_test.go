package engine

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
)

// ask sends a request as a browser would, and gives the answer's status, headers and body.
func ask(t *testing.T, method, url, body string, headers map[string]string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	if host := headers["Host"]; host != "" {
		r.Host = host
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, response.Header, string(data)
}

func TestTheWebUIIsToldWhereToDecryptAndIsAnswered(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	cfg.Codec = newCodec(t, NewPayloadKey("a"))
	e := start(t, cfg)

	var settings struct {
		Codec struct{ Endpoint string }
	}
	require.Eventually(t, func() bool { return answers(t, e.UIURL()) }, time.Minute, 50*time.Millisecond)
	status, _, body := ask(t, http.MethodGet, e.UIURL()+"/api/v1/settings", "", nil)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal([]byte(body), &settings))
	require.Equal(t, codecURL(e.ports), settings.Codec.Endpoint)

	_, err := e.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "call:CA1", TaskQueue: "nobody"}, "anything", "+15550001111")
	require.NoError(t, err)
	input := firstEvent(t, e, "call:CA1").GetWorkflowExecutionStartedEventAttributes().GetInput()
	question, err := protojson.Marshal(input)
	require.NoError(t, err)
	require.NotContains(t, string(question), "5550001111")

	decode := settings.Codec.Endpoint + "/decode"
	ui := map[string]string{"Origin": e.UIURL(), "Content-Type": "application/json", "X-Namespace": "holdfast"}
	status, headers, body := ask(t, http.MethodPost, decode, string(question), ui)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, e.UIURL(), headers.Get("Access-Control-Allow-Origin"))
	var decoded commonpb.Payloads
	require.NoError(t, protojson.Unmarshal([]byte(body), &decoded))
	require.Equal(t, `"+15550001111"`, string(decoded.GetPayloads()[0].GetData()))

	status, headers, _ = ask(t, http.MethodOptions, decode, "", ui)
	require.Equal(t, http.StatusNoContent, status)
	require.Contains(t, headers.Get("Access-Control-Allow-Headers"), "X-Namespace")
	status, _, _ = ask(t, http.MethodPost, decode, string(question), nil)
	require.Equal(t, http.StatusOK, status, "the command line, which is no browser")

	for name, foreign := range map[string]map[string]string{
		"another page":                  {"Origin": "https://evil.example.com"},
		"another program's page":        {"Origin": "http://127.0.0.1:1"},
		"a sandboxed page":              {"Origin": "null"},
		"a name that was pointed at us": {"Host": "evil.example.com"},
	} {
		status, headers, body := ask(t, http.MethodPost, decode, string(question), foreign)
		require.Equal(t, http.StatusForbidden, status, name)
		require.Empty(t, headers.Get("Access-Control-Allow-Origin"), name)
		require.NotContains(t, body, "data", name)
	}

	require.NoError(t, e.Stop(t.Context()))
	require.NoError(t, free(t.Context(), e.ports.Codec))
	again := start(t, cfg)
	require.Equal(t, e.ports, again.ports, "an open page goes on")
}

func TestAnEngineFromBeforeTheCodecIsReplacedSoThatItsUICanDecrypt(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	killHoldfast(t, cfg.DataDir)
	pid := childOf(t, cfg)
	cfg.Codec = newCodec(t, NewPayloadKey("a"))
	e := start(t, cfg)
	require.True(t, gone(pid))
	require.Positive(t, e.ports.Codec)
}

func firstEvent(t *testing.T, e *Engine, id string) *history.HistoryEvent {
	t.Helper()
	events := e.Client().GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	event, err := events.Next()
	require.NoError(t, err)
	return event
}

// echo returns what a signal brings.
func echo(ctx workflow.Context, greeting string) (string, error) {
	var name string
	workflow.GetSignalChannel(ctx, "name").Receive(ctx, &name)
	return greeting + " " + name, nil
}

func TestACallWhoseKeyIsMissingWaitsForItAndLosesNothing(t *testing.T) {
	t.Parallel()
	requireEngine(t)
	cfg := config(t)
	cfg.UIPort = -1
	older, newer := NewPayloadKey("older"), NewPayloadKey("newer")
	cfg.Codec = newCodec(t, older)
	first := start(t, cfg)
	const id, queue = "call:CA1", "echo"
	_, err := first.Client().SignalWithStartWorkflow(t.Context(), id, "name", "Ann", client.StartWorkflowOptions{ID: id, TaskQueue: queue}, "echo", "hello")
	require.NoError(t, err)

	work := func(codec *Codec) (client.Client, func()) {
		c, err := client.Dial(Encrypted(client.Options{HostPort: first.Address(), Namespace: first.Namespace(), Logger: quiet{}}, codec))
		require.NoError(t, err)
		w := worker.New(c, queue, worker.Options{})
		w.RegisterWorkflowWithOptions(echo, workflow.RegisterOptions{Name: "echo"})
		require.NoError(t, w.Start())
		return c, func() { w.Stop(); c.Close() }
	}

	_, stop := work(newCodec(t, newer)) // rotated, and the old key thrown away
	require.Eventually(t, func() bool {
		events := first.Client().GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_FAILED {
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond)
	requireRunning(t, first, id)
	stop()

	both, stop := work(newCodec(t, newer, older))
	defer stop()
	var result string
	require.NoError(t, both.GetWorkflow(t.Context(), id, "").Get(t.Context(), &result))
	require.Equal(t, "hello Ann", result)
	for _, file := range []string{databaseFile, databaseFile + "-wal"} {
		data, err := os.ReadFile(filepath.Join(cfg.DataDir, file))
		require.NoError(t, err)
		require.NotContains(t, string(data), "hello")
	}
}

// quiet is the log of a worker that is meant to fail.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
