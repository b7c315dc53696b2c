package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/schema"
	"holdfast/store"
	"holdfast/workflows"
)

// The people of these tests, and their calls.
const (
	annSID = "WK000000000000000000000000000000a1"
	bobSID = "WK000000000000000000000000000000b2"

	annKey = "hf_ann"
	bobKey = "hf_bob"
	sueKey = "hf_sue" // a supervisor
	joeKey = "hf_joe" // a supervisor who takes calls as well: he is agent bob
	admKey = "hf_adm"

	talkingCall = "CA00000000000000000000000000000001" // ann's
	queuedCall  = "CA00000000000000000000000000000002" // nobody's yet
	endedCall   = "CA00000000000000000000000000000003" // was bob's
	movedCall   = "CA00000000000000000000000000000004" // was ann's, is bob's
	unknownCall = "CA00000000000000000000000000000009"

	annLeg      = "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"
	bobLeg      = "CAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2"
	annMovedLeg = "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa4"
	bobMovedLeg = "CAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb4"
)

var apiKeys = []Key{
	{Name: "ann", Role: RoleAgent, Agent: annSID, SHA256: HashKey(annKey)},
	{Name: "bob", Role: RoleAgent, Agent: bobSID, SHA256: HashKey(bobKey)},
	{Name: "sue", Role: RoleSupervisor, SHA256: HashKey(sueKey)},
	{Name: "joe", Role: RoleSupervisor, Agent: bobSID, SHA256: HashKey(joeKey)},
	{Name: "adm", Role: RoleAdmin, SHA256: HashKey(admKey)},
}

// fakeEngine answers for the calls' workflows.
type fakeEngine struct {
	mu     sync.Mutex
	asked  []askedAction
	answer func(askedAction) (workflows.Result, error) // default: verified, and projected
}

type askedAction struct {
	ctx      context.Context
	id       call.ID
	updateID string
	event    call.Event
	wait     time.Duration
}

func (f *fakeEngine) Request(ctx context.Context, id call.ID, updateID string, event call.Event, wait time.Duration) (workflows.Result, error) {
	a := askedAction{ctx, id, updateID, event, wait}
	f.mu.Lock()
	f.asked = append(f.asked, a)
	answer := f.answer
	f.mu.Unlock()
	return answer(a)
}

func (f *fakeEngine) requests() []askedAction {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]askedAction(nil), f.asked...)
}

// apiBundle is a server on a real store, with a few calls in it and a fake engine behind.
type apiBundle struct {
	t      *testing.T
	store  *store.Store
	path   string
	engine *fakeEngine
	server *Server
	log    *lockedBuffer
	router routers.Router
}

func setupAPI(t *testing.T, change ...func(*Config)) *apiBundle {
	t.Helper()
	b := &apiBundle{t: t, engine: &fakeEngine{}, log: &lockedBuffer{}, path: filepath.Join(t.TempDir(), "holdfast.db")}
	require.NoError(t, os.WriteFile(b.path, seeded(t), 0o600))
	b.store = b.open()
	b.engine.answer = func(a askedAction) (workflows.Result, error) {
		b.decide(string(a.id), a.updateID, call.ActionVerified, "")
		return workflows.Result{Action: a.updateID, Status: call.ActionVerified}, nil
	}
	ring, err := NewKeyring(apiKeys)
	require.NoError(t, err)
	cfg := Config{
		Store: b.store, Engine: b.engine, Keys: ring, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	b.server, err = NewServer(cfg)
	require.NoError(t, err)
	t.Cleanup(b.server.Close)

	doc, err := openapi3.NewLoader().LoadFromData(schema.OpenAPI)
	require.NoError(t, err)
	b.router, err = legacy.NewRouter(doc)
	require.NoError(t, err)
	return b
}

// seeded is the file of a store with the calls of these tests in it, made once: migrations are slow under the race detector.
func seeded(t *testing.T) []byte {
	t.Helper()
	seed.Do(func() {
		b := &apiBundle{t: t, path: filepath.Join(t.TempDir(), "seed.db")}
		var err error
		b.store, err = store.Open(t.Context(), b.path)
		require.NoError(t, err)
		require.NoError(t, b.store.Migrate(t.Context()))
		b.seed()
		require.NoError(t, b.store.Close())
		seedFile, err = os.ReadFile(b.path)
		require.NoError(t, err)
	})
	require.NotEmpty(t, seedFile)
	return seedFile
}

var (
	seed     sync.Once
	seedFile []byte
)

// open opens the store's file once more, as another process would.
func (b *apiBundle) open() *store.Store {
	b.t.Helper()
	ring, err := store.NewKeyRing([]store.SecretKey{{ID: "test", Secret: bytes.Repeat([]byte{7}, 32)}})
	require.NoError(b.t, err)
	s, err := store.Open(b.t.Context(), b.path, store.WithSealer(ring))
	require.NoError(b.t, err)
	require.NoError(b.t, s.Migrate(b.t.Context()))
	b.t.Cleanup(func() { require.NoError(b.t, s.Close()) })
	return s
}

func moment(seconds int) time.Time {
	return time.Date(2026, 3, 2, 9, 0, seconds, 250_000_000, time.UTC)
}

func customerLeg(id, state string) store.LegRow {
	return store.LegRow{CallID: id, CallSID: id, Role: "customer", Address: "+15551230001", State: state}
}

func agentLeg(id, sid, agent, name, state string) store.LegRow {
	return store.LegRow{
		CallID: id, CallSID: sid, Role: "agent", Address: "client:" + name, AgentSID: agent, AgentName: name, State: state,
		JoinedAt: moment(5),
	}
}

func (b *apiBundle) seed() {
	b.t.Helper()
	row := func(id, state string, second int) store.CallRow {
		return store.CallRow{
			ID: id, State: state, Direction: "inbound", From: "+15551230001", To: "+15559870002", ReceivedAt: moment(second),
			UpdatedAt: moment(second), Revision: 1,
		}
	}
	talking := row(talkingCall, "talking", 1)
	talking.QueueSID, talking.QueueName = "WQ00000000000000000000000000000001", "Support"
	talking.AgentSID, talking.AgentName, talking.AnsweredAt = annSID, "ann", moment(5)
	b.project(talking, []store.LegRow{
		customerLeg(talkingCall, "joined"), agentLeg(talkingCall, annLeg, annSID, "ann", "joined"),
	}, store.Entry{Number: 1, Kind: "CallReceived", Source: "twilio", State: "queued"},
		store.Entry{Number: 2, Kind: "ParticipantJoined", Source: "twilio", State: "talking", Agents: []string{annSID}, Data: []byte(`{"call_sid":"` + annLeg + `"}`)})

	queued := row(queuedCall, "queued", 2)
	queued.QueueSID, queued.QueueName = "WQ00000000000000000000000000000002", "Sales"
	b.project(queued, []store.LegRow{customerLeg(queuedCall, "waiting")},
		store.Entry{Number: 1, Kind: "CallReceived", Source: "twilio", State: "queued"})

	ended := row(endedCall, "ended", 3)
	ended.Outcome, ended.EndedBy, ended.EndedAt = "completed", "customer", moment(50)
	ended.AgentSID, ended.AgentName = bobSID, "bob"
	ended.Snapshot = snapshotOf(b.t, endedCall, call.Action{
		Request: call.Request{Action: "key-known"}, Kind: "EndRequested", Status: call.ActionVerified,
	})
	left := agentLeg(endedCall, bobLeg, bobSID, "bob", "left")
	left.LeftAt, left.Reason = moment(49), "participant_hung_up"
	b.project(ended, []store.LegRow{customerLeg(endedCall, "left"), left},
		store.Entry{Number: 1, Kind: "CallReceived", Source: "twilio", State: "queued"},
		store.Entry{Number: 2, Kind: "ParticipantLeft", Source: "twilio", State: "ended", Outcome: "completed", Agents: []string{bobSID}})

	moved := row(movedCall, "talking", 4)
	moved.AgentSID, moved.AgentName = bobSID, "bob"
	b.project(moved, []store.LegRow{
		customerLeg(movedCall, "joined"), agentLeg(movedCall, annMovedLeg, annSID, "ann", "left"),
		agentLeg(movedCall, bobMovedLeg, bobSID, "bob", "joined"),
	}, store.Entry{Number: 1, Kind: "ParticipantJoined", Source: "twilio", State: "talking", Agents: []string{annSID, bobSID}})
}

func (b *apiBundle) project(row store.CallRow, legs []store.LegRow, entries ...store.Entry) {
	b.t.Helper()
	projectInto(b.t, b.store, row, legs, entries...)
}

func projectInto(t *testing.T, s *store.Store, row store.CallRow, legs []store.LegRow, entries ...store.Entry) {
	t.Helper()
	for i := range entries {
		entries[i].Call = row.ID
		if entries[i].At.IsZero() {
			entries[i].At = moment(int(entries[i].Number))
		}
	}
	require.NoError(t, s.Project(context.WithoutCancel(t.Context()), store.Step{Call: row, Legs: legs, Entries: entries}))
}

func snapshotOf(t *testing.T, id string, actions ...call.Action) []byte {
	t.Helper()
	state := call.New(call.ID(id), call.DefaultSettings())
	state.Actions = actions
	raw, err := json.Marshal(state)
	require.NoError(t, err)
	return raw
}

// decide projects what came of an action, with the customer held: what a workflow's step does.
func (b *apiBundle) decide(id, updateID string, status call.ActionStatus, detail string) {
	b.t.Helper()
	ctx := context.WithoutCancel(b.t.Context())
	row, legs, err := b.store.Call(ctx, id)
	require.NoError(b.t, err)
	entries, err := b.store.Timeline(ctx, id, 0, 1000)
	require.NoError(b.t, err)
	row.Snapshot = snapshotOf(b.t, id, call.Action{Request: call.Request{Action: updateID}, Kind: "HoldRequested", Status: status, Detail: detail})
	legs[0].Hold = true
	b.project(row, legs, store.Entry{
		Number: entries[len(entries)-1].Number + 1, Kind: "ParticipantHeld", Source: "twilio", State: "held", Agents: []string{row.AgentSID},
	})
}

// do sends a request and holds the answer against the contract.
func (b *apiBundle) do(method, path, key string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, nil)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return b.serve(r)
}

func (b *apiBundle) serve(r *http.Request) *httptest.ResponseRecorder {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	b.validate(r, w.Code, w.Header(), w.Body.Bytes())
	return w
}

// validate holds an answer against schema/openapi.yaml. What the contract has no route for must be a problem all the same.
func (b *apiBundle) validate(r *http.Request, status int, header http.Header, body []byte) {
	b.t.Helper()
	route, params, err := b.router.FindRoute(r)
	if err != nil || status == http.StatusMethodNotAllowed {
		require.Equal(b.t, "application/problem+json", header.Get("Content-Type"))
		return
	}
	err = openapi3filter.ValidateResponse(b.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	require.NoError(b.t, err, "%s %s: %d %s", r.Method, r.URL.Path, status, body)
}

func decoded[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v), "%s", body)
	return v
}

// requireProblem is for answers that say no.
func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code string) Problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	p := decoded[Problem](t, w.Body.Bytes())
	require.Equal(t, code, p.Code, p.Detail)
	require.Equal(t, status, p.Status)
	require.Equal(t, http.StatusText(status), p.Title)
	require.NotEmpty(t, p.Detail)
	require.NotNil(t, p.RequestID)
	require.Equal(t, w.Header().Get("X-Request-Id"), *p.RequestID)
	return p
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func legPath(id, leg, what string) string {
	return fmt.Sprintf("/v1/calls/%s/legs/%s/%s", id, leg, what)
}

func callIDs(calls []Call) string {
	ids := make([]string, len(calls))
	for i, c := range calls {
		ids[i] = c.ID[len(c.ID)-1:]
	}
	return strings.Join(ids, " ")
}
