package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
	"holdfast/workflows"
)

// setupDialIn is a server that gives codes, of a call that waits for whoever asks.
func setupDialIn(t *testing.T) (b *apiBundle, dialIns *DialIns, ask func(key, body string, headers ...string) *httptest.ResponseRecorder) {
	t.Helper()
	b = setupAPI(t, func(c *Config) {
		var err error
		dialIns, err = NewDialIns(c.Store, testToken, "+15559870009")
		require.NoError(t, err)
		c.DialIns = dialIns
	})
	b.live()
	b.engine.answer = b.waits
	ask = func(key, body string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/calls/"+liveCall+"/supervision/dial-in", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		return b.serve(r)
	}
	return b, dialIns, ask
}

// waits does what a call does of which it is asked that it wait for a supervisor.
func (b *apiBundle) waits(a askedAction) (workflows.Result, error) {
	asked, ok := a.event.(call.DialInRequested)
	require.True(b.t, ok)
	b.change(func(s *call.State) {
		s.Invitations = append(s.Invitations, call.Invitation{
			Label: "supervisor-6", Purpose: call.PurposeListen, Role: call.RoleSupervisor, Target: call.Target{Kind: call.TargetSupervisor, Name: asked.By.Name},
			By: asked.By, Status: call.InvitationWanted, DialsIn: true, At: moment(40), Until: time.Now().Add(time.Hour).UTC(),
			Supervision: call.Supervision{Wanted: call.Monitor, Private: asked.Private},
		})
		s.Actions = append(s.Actions, call.Action{Request: asked.Request, Kind: "DialInRequested", Invitation: "supervisor-6", Status: call.ActionVerified})
	})
	return workflows.Result{Action: a.updateID, Status: call.ActionVerified}, nil
}

// change projects another state of the live call.
func (b *apiBundle) change(change func(*call.State)) {
	b.t.Helper()
	ctx := context.WithoutCancel(b.t.Context())
	row, legs, err := b.store.Call(ctx, liveCall)
	require.NoError(b.t, err)
	entries, err := b.store.Timeline(ctx, liveCall, 0, 1000)
	require.NoError(b.t, err)
	var s call.State
	require.NoError(b.t, json.Unmarshal(row.Snapshot, &s))
	change(&s)
	row.Snapshot, err = json.Marshal(s)
	require.NoError(b.t, err)
	b.project(row, legs, store.Entry{Number: entries[len(entries)-1].Number + 1, Kind: "DialInRequested", Source: "api", State: "held", Agents: []string{annSID}})
}

func TestASupervisorIsGivenACodeToDialInBy(t *testing.T) {
	t.Parallel()
	b, dialIns, ask := setupDialIn(t)
	w := ask(admKey, `{"private":true}`, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	d := decoded[DialIn](t, w.Body.Bytes())
	require.Equal(t, "supervisor-6", d.Invitation)
	require.Equal(t, "+15559870009", *d.Number)
	require.WithinRange(t, d.ExpiresAt, time.Now(), time.Now().Add(time.Hour))
	asked, ok := b.engine.requests()[0].event.(call.DialInRequested)
	require.True(t, ok)
	require.True(t, asked.Private)
	require.Equal(t, "adm", asked.By.Name)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.NotContains(t, b.log.String(), d.Code)

	shown := decoded[Call](t, b.do("GET", "/v1/calls/"+liveCall, sueKey).Body.Bytes())
	require.True(t, *shown.Invitations[5].DialsIn)

	again := decoded[DialIn](t, ask(admKey, "", "Idempotency-Key", "k1").Body.Bytes())
	require.Equal(t, d.Invitation, again.Invitation, "the same wish")
	require.NotEqual(t, d.Code, again.Code)
	_, _, err := dialIns.take(t.Context(), d.Code, "CAx", 1)
	require.ErrorIs(t, err, store.ErrNotFound, "the code is kept nowhere, so it is another, and the first is void")
	id, label, err := dialIns.take(t.Context(), again.Code, "CAx", 2)
	require.NoError(t, err)
	require.Equal(t, call.ID(liveCall), id)
	require.Equal(t, call.Label("supervisor-6"), label)

	b.change(func(s *call.State) { s.Invitations[5].Status = call.InvitationJoined })
	requireProblem(t, ask(admKey, "", "Idempotency-Key", "k1"), http.StatusConflict, call.CodeInvitationOver)
}

func TestACodeIsForSupervisorsOfALiveCall(t *testing.T) {
	t.Parallel()
	b, _, ask := setupDialIn(t)
	requireProblem(t, ask(annKey, ""), http.StatusForbidden, codeForbidden)
	requireProblem(t, ask(sueKey, `{"mode":"barge"}`), http.StatusBadRequest, codeBadRequest)
	require.Empty(t, b.engine.requests())
	b.engine.answer = func(askedAction) (workflows.Result, error) {
		return workflows.Result{}, &call.NotAllowed{Code: call.CodeAlreadySupervising, Message: "he is there"}
	}
	requireProblem(t, ask(sueKey, ""), http.StatusConflict, call.CodeAlreadySupervising)
	b.engine.answer = func(askedAction) (workflows.Result, error) { return workflows.Result{}, workflows.ErrUnverified }
	requireProblem(t, ask(sueKey, ""), http.StatusServiceUnavailable, codeTimeout)

	none := setupAPI(t)
	none.live()
	requireProblem(t, none.post("supervision/dial-in", sueKey, ""), http.StatusNotFound, codeNotFound)
}
