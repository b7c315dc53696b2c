package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"holdfast/cmd/holdfast/engine"
	"holdfast/handlers"
	"holdfast/simulator/people"
	"holdfast/store"
)

// What callers key and say in these tests.
const (
	testCard        = "4111111111111111"
	testCardGrouped = "4111 1111 1111 1111"
	testPIN         = "73219046"
	testSentence    = "my card is " + testCardGrouped + " and my pin is " + testPIN
)

// talkative is Twilio's side of flows that ask for digits and speech: each webhook carries what was keyed and said, in parameters and
// in the task's attributes, where flows put it; and is signed anew.
type talkative struct {
	next  http.RoundTripper
	token atomic.Pointer[string] // known when the stage stands
	said  atomic.Int64
}

func (r *talkative) RoundTrip(request *http.Request) (*http.Response, error) {
	token := r.token.Load()
	if token == nil || request.Method != http.MethodPost {
		return r.next.RoundTrip(request)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Digits": testPIN, "SpeechResult": testSentence, "UnstableSpeechResult": testSentence, "PaymentCardNumber": testCard,
		"SipHeader_X-Note": "card " + testCardGrouped,
	} {
		form.Set(name, value)
	}
	for _, name := range []string{"Reason", "TaskCanceledReason", "TaskCompletedReason"} {
		if form.Get(name) != "" {
			form.Set(name, form.Get(name)+" "+testCard)
		}
	}
	for _, name := range []string{"TaskAttributes", "WorkerAttributes"} {
		attributes := map[string]any{}
		if json.Unmarshal([]byte(form.Get(name)), &attributes) != nil {
			continue
		}
		attributes["ivr"] = map[string]any{"digits": testPIN, "speech_result": testSentence, "card": json.Number(testCard)}
		attributes["note"] = "paid with " + testCardGrouped
		text, err := json.Marshal(attributes)
		if err != nil {
			return nil, err
		}
		form.Set(name, string(text))
	}
	r.said.Add(1)
	again := withBody(request, []byte(form.Encode()))
	again.ContentLength = int64(len(form.Encode()))
	signed := *again.URL
	signed.Fragment = ""
	mac := hmac.New(sha1.New, []byte(*token))
	_, _ = mac.Write([]byte(signed.String()))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = mac.Write([]byte(name + form.Get(name)))
	}
	again.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r.next.RoundTrip(again)
}

// privateStage is a stage whose callers key and say what nobody may keep, and whose log is a file with everything in it. database is a URL, or
// empty for SQLite.
func privateStage(t *testing.T, database string) (*stage, *talkative) {
	t.Helper()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	for i := range script.Callers {
		script.Callers[i].Keys, script.Callers[i].Says = testPIN, testSentence
	}
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "holdfast.log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	network := &talkative{next: transport}
	s, err := startStage(t.Context(), stageConfig{
		script: script, seed: 7, second: fast, dataDir: dir, listen: "127.0.0.1:0", uiPort: -1, log: newLogger(log, "debug", "text"), webhooks: network,
		database: database,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(context.WithoutCancel(t.Context()))) })
	token := s.sim.AuthToken()
	network.token.Store(&token)
	keepSecrets(t, s)
	return s, network
}

// Secrets that an administrator has a Holdfast keep in these tests.
const (
	testLineToken = "5e1f7a3c9b2d4e6f8a0b1c2d3e4f5a6b"
	testNewToken  = "6f2e8b4d0c3a5f7e9b1c2d3e4f5a6b7c"
	testModelKey  = "sk-test-3141592653589793"
)

// keepSecrets has a Holdfast keep a line's token, another one that is pasted over it, and a model's key.
func keepSecrets(t *testing.T, s *stage) {
	t.Helper()
	api := callCmd{URL: s.app.cfg.PublicURL, APIKey: s.keys.admin}
	send := func(method, path string, body, answer any) {
		_, _, err := api.send(t.Context(), method, path, body, answer)
		require.NoError(t, err)
	}
	var line handlers.Connection
	send(http.MethodPost, "/v1/connections", map[string]any{
		"name": "Front desk", "account_sid": "AC000000000000000000000000000000d1", "auth_token": testLineToken, "phone_number": "+15550009999",
	}, &line)
	send(http.MethodPatch, "/v1/connections/"+line.ID, map[string]any{"auth_token": testNewToken}, &line)
	var bot handlers.Bot
	send(http.MethodPost, "/v1/bots", map[string]any{"name": "Reception", "secrets": map[string]any{"OPENAI_API_KEY": testModelKey}}, &bot)
	var problem struct{}
	_, _, err := api.send(t.Context(), http.MethodPatch, "/v1/connections/"+line.ID, map[string]any{"auth_token": testNewToken + " ", "region": "de1"}, &problem)
	require.ErrorContains(t, err, "invalid")
	require.NotContains(t, err.Error(), testNewToken)
	credentials, err := s.app.store.Credentials(t.Context(), line.ID)
	require.NoError(t, err)
	require.Equal(t, testNewToken, credentials.AuthToken, "it is there, for who has the keys")
}

// scanOf knows the secrets of a stage, and who called.
func scanOf(t *testing.T, s *stage) leakScan {
	t.Helper()
	l := leakScan{
		nowhere: map[string]string{
			"the auth token": s.sim.AuthToken(), "the supervisor's API key": s.keys.supervisor, "the administrator's API key": s.keys.admin,
			"a line's token": testLineToken, "a token that was pasted over it": testNewToken, "a model's key": testModelKey,
			"keyed digits": testPIN, "a card that was keyed": testCard, "a card that was said": testCardGrouped, "speech": "my pin is",
		},
		private: map[string]string{"an agent's address": s.script.Centre.Agents[0].Address, "an agent's name": s.script.Centre.Agents[0].Name},
	}
	for sid, key := range s.keys.agents {
		l.nowhere["the API key of agent "+sid] = key
	}
	keys, err := engine.LocalPayloadKeys(s.app.cfg.DataDir)
	require.NoError(t, err)
	for _, k := range keys {
		l.nowhere["the payload key "+k.ID] = k.Key
	}
	l.codec, err = engine.NewCodec(keys)
	require.NoError(t, err)
	calls, _, err := s.app.store.Calls(t.Context(), store.Filter{Limit: 200})
	require.NoError(t, err)
	for _, c := range calls {
		l.private["the caller's number "+c.Call.From] = c.Call.From
		l.private["the number called "+c.Call.To] = c.Call.To
	}
	require.Greater(t, len(l.private), 4)
	return l
}

func (l leakScan) everything(t *testing.T, s *stage) []string {
	t.Helper()
	leaks := append(l.files(t, s.app.cfg.DataDir, "holdfast.db", "holdfast.db-wal"), l.sqlite(t, filepath.Join(s.app.cfg.DataDir, "holdfast.db"))...)
	return append(leaks, l.calls(t, s)...)
}

// calls looks at what the engine has of a stage's calls.
func (l leakScan) calls(t *testing.T, s *stage) []string {
	t.Helper()
	found, payloads := l.histories(t, s.app.engine.Client(), s.app.engine.Namespace())
	require.Greater(t, payloads, 100, "there was something to look at")
	return found
}

// liveInPrivate lets callers key and say it all.
func liveInPrivate(t *testing.T, s *stage, network *talkative) {
	t.Helper()
	for _, scenario := range []string{"keys", "abandon-queue", "standard"} {
		r, err := s.run(t.Context(), people.RunConfig{Calls: 8, Seed: 7, Second: fast, Scenario: scenario})
		require.NoError(t, err)
		requireOK(t, r)
	}
	require.Greater(t, network.said.Load(), int64(200))
}

func TestNothingThatCallersKeyOrSayAndNoSecretIsKeptAnywhere(t *testing.T) {
	t.Parallel()
	s, network := privateStage(t, "")
	liveInPrivate(t, s, network)
	scan := scanOf(t, s)
	require.Empty(t, scan.everything(t, s))

	t.Run("an administrator may decrypt, and nobody else", func(t *testing.T) {
		encrypted, err := scan.codec.Encode([]*commonpb.Payload{{Data: []byte("+15550001111")}})
		require.NoError(t, err)
		decode := func(key string) ([]*commonpb.Payload, error) {
			return converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
				Endpoint: s.app.cfg.PublicURL + "/codec",
				ModifyRequest: func(r *http.Request) error {
					r.Header.Set("Authorization", "Bearer "+key)
					return nil
				},
			}).Decode(encrypted)
		}
		decrypted, err := decode(s.keys.admin)
		require.NoError(t, err)
		require.Equal(t, "+15550001111", string(decrypted[0].GetData()))
		_, err = decode(s.keys.supervisor)
		require.ErrorContains(t, err, "takes the key of an administrator")
		_, err = decode("hf_nobody")
		require.ErrorContains(t, err, "not known here")
	})

	// And it would be seen, wherever it stood.
	dir := s.app.cfg.DataDir
	t.Run("a card in the database is found", func(t *testing.T) {
		_, _, err := s.app.store.Receive(t.Context(), store.Webhook{
			Key: "planted", Kind: "other", Subject: store.Subject{Kind: "workspace", ID: "WS1"}, ReceivedAt: time.Now(),
			Params: map[string]string{"Note": "5500-0000-0000-0004"},
		})
		require.NoError(t, err)
		require.Equal(t, []string{"column inbox.params: a card number"}, scan.sqlite(t, filepath.Join(dir, "holdfast.db")))
	})
	t.Run("a token in the log is found", func(t *testing.T) {
		s.app.log.Info("planted", "token", s.sim.AuthToken())
		require.Contains(t, scan.files(t, dir), "file holdfast.log: the auth token")
	})
	t.Run("a caller in the engine is found", func(t *testing.T) {
		plain, err := client.NewLazyClient(client.Options{HostPort: s.app.engine.Address(), Namespace: s.app.engine.Namespace()})
		require.NoError(t, err)
		defer plain.Close()
		_, number := anyOf(scan.private, "the caller's number")
		_, err = plain.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "planted", TaskQueue: "nobody"}, "anything", number+" "+testPIN)
		require.NoError(t, err)
		require.Contains(t, strings.Join(scan.files(t, dir), "\n"), "file engine/engine.db-wal: the caller's number "+number)
		var leaks []string
		require.Eventually(t, func() bool { // listing workflows is not instant
			leaks, _ = scan.histories(t, s.app.engine.Client(), s.app.engine.Namespace())
			return len(leaks) > 0
		}, time.Minute, 20*time.Millisecond)
		all := strings.Join(leaks, "\n")
		require.Contains(t, all, "history planted, event 1 WorkflowExecutionStarted: a payload that is not encrypted")
		require.Contains(t, all, "keyed digits")
	})
}

func anyOf(m map[string]string, prefix string) (name, value string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(name, prefix) {
			return name, m[name]
		}
	}
	return "", ""
}

func TestCardsAreToldFromOtherNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"4111111111111111":                       {"4111111111111111"},
		`{"n":"4111-1111-1111-1111"}`:            {"4111-1111-1111-1111"},
		`{"n":5500000000000004}`:                 {"5500000000000004"},
		"amex 3782 822463 10005, today":          {"3782 822463 10005"},
		"4111111111111112":                       nil, // not by Luhn
		"+4111111111111111":                      nil, // a telephone
		"CA4111111111111111":                     nil, // a SID
		"4111111111111111a":                      nil, // likewise
		"0a-4111-1111-1111-111111111111":         nil, // a UUID
		"1732156800007 1732156800000004":         nil, // times
		"2026-11-21 03:05:40 took 411.111111111": nil,
	} {
		require.Equal(t, want, cards(text), text)
	}
}

func TestCallsAreForgottenWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	r, err := s.run(t.Context(), people.RunConfig{Calls: 6, Seed: 7, Second: fast, Scenario: "plain"})
	require.NoError(t, err)
	requireOK(t, r)
	calls, _, err := s.app.store.Calls(t.Context(), store.Filter{Limit: 200})
	require.NoError(t, err)
	require.Len(t, calls, 6)
	numbers := map[string]bool{}
	for _, c := range calls {
		require.Equal(t, "ended", c.Call.State)
		numbers[c.Call.From] = true
	}
	cfg, log := s.app.cfg, s.app.log
	cfg.Listen = s.app.addr
	holds := func(number string) bool {
		data, err := os.ReadFile(filepath.Join(cfg.DataDir, "holdfast.db"))
		require.NoError(t, err)
		return strings.Contains(string(data), number)
	}
	restart := func(retention time.Duration) {
		require.NoError(t, s.app.stop(t.Context()))
		s.app = nil
		cfg.Retention = retention
		again, err := startApp(t.Context(), cfg, log, nil)
		require.NoError(t, err)
		s.app = again
	}
	restart(24 * time.Hour)
	for number := range numbers {
		require.True(t, holds(number), "it is there to be forgotten")
	}
	restart(time.Nanosecond)
	for _, c := range calls {
		require.Eventually(t, func() bool {
			_, _, err := s.app.store.Call(t.Context(), c.Call.ID)
			return errors.Is(err, store.ErrNotFound)
		}, time.Minute, 20*time.Millisecond)
		entries, err := s.app.store.Timeline(t.Context(), c.Call.ID, 0, 10)
		require.NoError(t, err)
		require.Empty(t, entries)
		webhooks, err := s.app.store.Webhooks(t.Context(), store.Subject{Kind: store.SubjectCall, ID: c.Call.ID}, 10)
		require.NoError(t, err)
		require.Empty(t, webhooks)
	}
	restart(0) // stopping writes the log into the file
	for number := range numbers {
		require.False(t, holds(number), "%s is deleted and can still be read in the file", number)
	}
}
