package workflows_test

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"holdfast/activities"
	"holdfast/simulator"
	"holdfast/store"
	"holdfast/workflows"
)

var recordBots = flag.String("record-bots", "", "folder into which TestABotsLifeOnTheRealEngine writes its histories")

const botHistories = "testdata/bot-histories"

// botWorld is a simulated Twilio with numbers, a store, and the real engine with a worker.
type botWorld struct {
	t      *testing.T
	sim    *simulator.Simulator
	api    *httptest.Server
	store  *store.Store
	engine client.Client
	calls  *workflows.Client
	does   *activities.Activities
	worker worker.Worker
}

func newBotWorld(t *testing.T) *botWorld {
	t.Helper()
	w := &botWorld{t: t, engine: startEngine(t), sim: simulator.New(simulator.Config{})}
	w.api = httptest.NewServer(w.sim)
	ring, err := store.NewKeyRing([]store.SecretKey{{ID: "k", Secret: []byte(strings.Repeat("k", 32))}})
	require.NoError(t, err)
	w.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"), store.WithSealer(ring))
	require.NoError(t, err)
	require.NoError(t, w.store.Migrate(t.Context()))
	base, err := url.Parse(w.api.URL)
	require.NoError(t, err)
	twilio, err := activities.NewTwilio(activities.Config{
		AccountSID: w.sim.AccountSID(), AuthToken: w.sim.AuthToken(), WorkspaceSID: "WS00000000000000000000000000000001", BaseURL: base,
	})
	require.NoError(t, err)
	w.calls = workflows.NewClient(w.engine, workflows.WithBotWatch(100*time.Millisecond))
	w.does = &activities.Activities{
		Twilio: twilio, Store: w.store, Accounts: activities.NewAccounts(twilio, w.store), Bots: w.store,
		Lines: activities.Lines{VoiceURL: voiceURL, StatusURL: "https://bots.example.com/status"},
	}
	w.startWorker()
	t.Cleanup(func() {
		w.worker.Stop()
		twilio.CloseIdleConnections()
		w.sim.Close()
		w.api.Close()
		require.NoError(t, w.store.Close())
	})
	return w
}

func voiceURL(connection string) string {
	return "https://bots.example.com/voice?connection=" + connection
}

func (w *botWorld) startWorker() {
	w.worker = workflows.NewWorker(w.engine, w.does, workflows.WorkerOptions{StopWithin: 100 * time.Millisecond})
	require.NoError(w.t, w.worker.Start())
}

// twilio asks the simulated Twilio as its console would.
func (w *botWorld) twilio(method, path string, form url.Values) map[string]any {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.api.URL+"/2010-04-01/Accounts/"+w.sim.AccountSID()+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	r.Host = "api.twilio.com"
	r.SetBasicAuth(w.sim.AccountSID(), w.sim.AuthToken())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer response.Body.Close()
	require.Less(w.t, response.StatusCode, 300)
	var body map[string]any
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&body))
	return body
}

func (w *botWorld) buys(number string) (sid string) {
	w.t.Helper()
	sid, _ = w.twilio(http.MethodPost, "/IncomingPhoneNumbers.json", url.Values{"PhoneNumber": {number}})["sid"].(string)
	return sid
}

func (w *botWorld) goesTo(number string) string {
	w.t.Helper()
	address, _ := w.twilio(http.MethodGet, "/IncomingPhoneNumbers/"+number+".json", nil)["voice_url"].(string)
	return address
}

// line is a connection, attached to the bot.
func (w *botWorld) line(bot, number, token string) string {
	w.t.Helper()
	row, err := w.store.CreateConnection(w.t.Context(), store.ConnectionRow{
		Kind: store.ConnectionVoice, Name: "Line " + number, AccountSID: w.sim.AccountSID(), PhoneNumber: number,
	}, token)
	require.NoError(w.t, err)
	_, err = w.store.Attach(w.t.Context(), bot, store.BotConnection{Connection: row.ID, Inbound: true})
	require.NoError(w.t, err)
	return row.ID
}

func (w *botWorld) bot(name string) string {
	w.t.Helper()
	row, err := w.store.CreateBot(w.t.Context(), store.BotRow{Name: name, Settings: json.RawMessage(`{"greeting":"Hello"}`)}, nil)
	require.NoError(w.t, err)
	return row.ID
}

func (w *botWorld) row(id string) store.BotRow {
	w.t.Helper()
	row, err := w.store.Bot(w.t.Context(), id)
	require.NoError(w.t, err)
	return row
}

// logged says whether the bot's log has a line with these words.
func (w *botWorld) logged(id, level, words string) bool {
	lines, err := w.store.BotLog(w.t.Context(), store.BotLogFilter{Bot: id})
	require.NoError(w.t, err)
	for _, l := range lines {
		if l.Level == level && strings.Contains(l.Message, words) {
			return true
		}
	}
	return false
}

func (w *botWorld) eventually(what func() bool, why string) {
	w.t.Helper()
	require.Eventually(w.t, what, 30*time.Second, 5*time.Millisecond, why)
}

func (w *botWorld) keep(name, id string) {
	w.t.Helper()
	past := historyOf(w.t, w.engine, workflows.BotWorkflowID(id))
	requireBotReplays(w.t, past)
	if *recordBots != "" {
		b, err := protojson.Marshal(past)
		require.NoError(w.t, err)
		var scrubbed history.History
		require.NoError(w.t, protojson.Unmarshal(machine.ReplaceAll(b, []byte(`"identity":"recorded"`)), &scrubbed))
		writeHistory(w.t, filepath.Join(*recordBots, name+".json.gz"), &scrubbed)
	}
}

// machine is what a history says of who recorded it.
var machine = regexp.MustCompile(`"identity": *"[^"]*"`)

func requireBotReplays(t *testing.T, past *history.History) {
	t.Helper()
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(workflows.Bot)
	require.NoError(t, replayer.ReplayWorkflowHistory(quiet(), past))
}

func TestABotsLifeOnTheRealEngine(t *testing.T) {
	t.Parallel()
	w := newBotWorld(t)
	ctx := t.Context()
	const number = "+15550007001"
	sid := w.buys(number)
	id := w.bot("Robin")

	result, err := w.calls.StartBot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, store.BotError, result.State)
	require.Contains(t, result.Problem, "no connection is attached")

	connection := w.line(id, number, w.sim.AuthToken())
	result, err = w.calls.StartBot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, workflows.BotResult{State: store.BotRunning}, result)
	require.Equal(t, voiceURL(connection), w.goesTo(sid))
	row := w.row(id)
	require.Equal(t, store.BotRunning, row.State)
	require.False(t, row.RestartDue())
	line, ok := row.Line(connection)
	require.True(t, ok)
	require.Equal(t, number, line.PhoneNumber)
	require.True(t, w.logged(id, "info", "started"))

	w.twilio(http.MethodPost, "/IncomingPhoneNumbers/"+sid+".json", url.Values{"VoiceUrl": {"https://other.example.com/"}})
	w.eventually(func() bool { return w.goesTo(sid) == voiceURL(connection) }, "drift is put right")
	w.eventually(func() bool { return w.logged(id, "warn", "its voice webhook was https://other.example.com/") }, "and told of")

	_, err = w.store.ChangeBot(ctx, id, func(b *store.BotRow, _ map[string]string) error {
		b.Settings = json.RawMessage(`{"greeting":"Good day"}`)
		return nil
	})
	require.NoError(t, err)
	_, err = w.calls.StartBot(ctx, id)
	require.NoError(t, err)
	require.True(t, w.row(id).RestartDue(), "to start what runs changes nothing")
	w.worker.Stop()
	w.startWorker() // which replays it
	w.eventually(func() bool {
		result, err = w.calls.RestartBot(ctx, id) // the engine offers the next step to the old one for a while
		return err == nil
	}, "it is reached")
	require.Equal(t, store.BotRunning, result.State)
	require.False(t, w.row(id).RestartDue())
	require.Contains(t, string(w.row(id).Running), "Good day")

	result, err = w.calls.StopBot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, workflows.BotResult{State: store.BotStopped}, result)
	row = w.row(id)
	require.Equal(t, store.BotStopped, row.State)
	require.Empty(t, row.Running)
	require.Equal(t, voiceURL(connection), w.goesTo(sid), "callers hear that the bot is not there")
	w.keep("life", id)
	result, err = w.calls.StopBot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, store.BotStopped, result.State)
	require.NoError(t, w.calls.BotChanged(ctx, id), "nobody need be told")
	result, err = w.calls.StartBot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, store.BotRunning, result.State)

	require.NoError(t, w.store.DeleteBot(ctx, id))
	require.NoError(t, w.calls.BotChanged(ctx, id))
	_, err = w.calls.StartBot(ctx, id)
	require.ErrorIs(t, err, workflows.ErrNotFound)
}

func TestALineThatDoesNotWorkIsToldOfTriedAgainAndTakesDownNoOther(t *testing.T) {
	t.Parallel()
	w := newBotWorld(t)
	ctx := t.Context()
	first, second := w.buys("+15550007001"), w.buys("+15550007002")
	id := w.bot("Robin")
	works := w.line(id, "+15550007001", w.sim.AuthToken())
	broken := w.line(id, "+15550007002", "wrong")
	result, err := w.calls.StartBot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, store.BotError, result.State)
	require.Contains(t, result.Problem, broken+": Twilio refuses the auth token")
	require.Equal(t, voiceURL(works), w.goesTo(first), "the other line answers")
	require.Empty(t, w.goesTo(second))
	require.NotEmpty(t, w.row(id).Running)
	require.True(t, w.logged(id, "error", "paste the one that Twilio's console shows"))

	_, err = w.store.ChangeConnection(ctx, broken, w.sim.AuthToken(), func(*store.ConnectionRow) error { return nil })
	require.NoError(t, err)
	require.NoError(t, w.calls.BotChanged(ctx, id))
	w.eventually(func() bool { return w.row(id).State == store.BotRunning }, "a pasted token mends it")
	require.Equal(t, voiceURL(broken), w.goesTo(second))
	require.True(t, w.logged(id, "info", "the line works again"))
	require.Empty(t, w.row(id).Error)

	w.remove(second)
	w.eventually(func() bool { return w.row(id).State == store.BotError }, "a number that is gone is seen")
	require.Contains(t, w.row(id).Error, "does not have the number +15550007002")
	_, err = w.calls.StopBot(ctx, id)
	require.NoError(t, err)
	w.keep("broken-line", id)
}

func (w *botWorld) remove(number string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete,
		w.api.URL+"/2010-04-01/Accounts/"+w.sim.AccountSID()+"/IncomingPhoneNumbers/"+number+".json", nil)
	require.NoError(w.t, err)
	r.Host = "api.twilio.com"
	r.SetBasicAuth(w.sim.AccountSID(), w.sim.AuthToken())
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	require.Equal(w.t, http.StatusNoContent, response.StatusCode)
}

func TestBotsOfThePastLiveOnAsTheyDid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(botHistories, "*.json.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "run make record")
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(name)
			require.NoError(t, err)
			defer func() { require.NoError(t, file.Close()) }()
			unpacked, err := gzip.NewReader(file)
			require.NoError(t, err)
			past, err := client.HistoryFromJSON(unpacked, client.HistoryJSONOptions{})
			require.NoError(t, err)
			requireBotReplays(t, past)
		})
	}
}
