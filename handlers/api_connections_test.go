package handlers

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	lineAccount = "AC000000000000000000000000000000c1"
	lineToken   = "11112222333344445555666677778888"
	lineNumber  = "+15550000001"
	lineBody    = `{"name":"Front desk","account_sid":"` + lineAccount + `","auth_token":"` + lineToken + `","phone_number":"` + lineNumber + `"}`
)

// send sends a body, or none, and holds the answer against the contract.
func (b *apiBundle) send(method, path, key, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return b.serve(r)
}

// made sends what makes something, and decodes it.
func made[T any](b *apiBundle, path, body string) T {
	b.t.Helper()
	w := b.send(http.MethodPost, path, admKey, body)
	require.Equal(b.t, http.StatusCreated, w.Code, w.Body.String())
	return decoded[T](b.t, w.Body.Bytes())
}

func got[T any](b *apiBundle, path, key string) T {
	b.t.Helper()
	w := b.send(http.MethodGet, path, key, "")
	require.Equal(b.t, http.StatusOK, w.Code, w.Body.String())
	return decoded[T](b.t, w.Body.Bytes())
}

func TestAConnectionIsKeptShownChangedAndForgotten(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	c := made[Connection](b, "/v1/connections", lineBody)
	require.Equal(t, "voice", c.Kind)
	require.Equal(t, []string{"Polly.Salli", "googlev2_telephony", "us1", "ashburn"}, []string{*c.Voice, *c.SpeechModel, c.Region, c.Edge})
	require.Equal(t, masked, c.AuthToken)
	path := "/v1/connections/" + c.ID
	require.Equal(t, c, got[Connection](b, path, sueKey), "supervisors look")
	credentials, err := b.store.Credentials(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, lineToken, credentials.AuthToken)

	w := b.send(http.MethodPatch, path, admKey, `{"voice":"Polly.Joanna","auth_token":"********","description":"at the door"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	c = decoded[Connection](t, w.Body.Bytes())
	require.Equal(t, "Polly.Joanna", *c.Voice)
	credentials, err = b.store.Credentials(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, lineToken, credentials.AuthToken, "a masked token stays")
	w = b.send(http.MethodPatch, path, admKey, `{"region":"ie1","auth_token":"the-token-of-dublin"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	c = decoded[Connection](t, w.Body.Bytes())
	require.Equal(t, "dublin", c.Edge, "the old edge does not lead there")
	credentials, err = b.store.Credentials(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, "the-token-of-dublin", credentials.AuthToken, "one that is pasted over replaces it")

	list := got[ConnectionPage](b, "/v1/connections", sueKey)
	require.Equal(t, []Connection{c}, list.Connections)
	require.Equal(t, BotLog{Lines: []BotLogLine{}}, got[BotLog](b, path+"/log", sueKey))
	w = b.send(http.MethodDelete, path, admKey, "")
	require.Equal(t, WentOffline{Bots: []string{}, Lines: []string{}}, decoded[WentOffline](t, w.Body.Bytes()))
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		requireProblem(t, b.send(method, path, admKey, ""), http.StatusNotFound, "connection_not_found")
	}
	requireProblem(t, b.send(http.MethodPatch, path, admKey, `{}`), http.StatusNotFound, "connection_not_found")
	requireProblem(t, b.send(http.MethodGet, path+"/log", admKey, ""), http.StatusNotFound, "connection_not_found")
}

func TestATokenIsNeitherAnsweredNorLoggedNorInTheFile(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	c := made[Connection](b, "/v1/connections", lineBody)
	for _, w := range []*httptest.ResponseRecorder{
		b.send(http.MethodGet, "/v1/connections/"+c.ID, admKey, ""),
		b.send(http.MethodGet, "/v1/connections", admKey, ""),
		b.send(http.MethodPatch, "/v1/connections/"+c.ID, admKey, `{"name":"","auth_token":"`+lineToken+` x"}`),
		b.send(http.MethodPost, "/v1/connections", admKey, lineBody),
	} {
		require.NotContains(t, w.Body.String(), lineToken)
	}
	require.NotContains(t, b.log.String(), lineToken)
	for _, name := range []string{b.path, b.path + "-wal"} {
		file, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(file), lineToken)
	}
}

func TestEachFieldOfAConnectionIsRefusedInItsOwnWords(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	const workspace = `{"kind":"workspace","name":"Flex","account_sid":"` + lineAccount + `","auth_token":"t","workspace_sid":"WS000000000000000000000000000000c1"`
	with := func(fields string) string {
		return `{"name":"n","account_sid":"` + lineAccount + `","auth_token":"t","phone_number":"+15550000002",` + fields + `}`
	}
	for name, test := range map[string]struct{ body, field, detail string }{
		"no name":                      {with(`"name":" "`), "name", "is missing"},
		"a long name":                  {with(`"name":"` + strings.Repeat("n", 65) + `"`), "name", "65 characters"},
		"a long description":           {with(`"description":"` + strings.Repeat("n", 501) + `"`), "description", "may have 500"},
		"another kind":                 {with(`"kind":"fax"`), "kind", "neither voice nor workspace"},
		"no account":                   {with(`"account_sid":""`), "account_sid", "is missing"},
		"an account that is none":      {with(`"account_sid":"SK1"`), "account_sid", "AC and 32"},
		"no token":                     {with(`"auth_token":""`), "auth_token", "is missing"},
		"a masked token":               {with(`"auth_token":"********"`), "auth_token", "paste the token"},
		"a token with spaces":          {with(`"auth_token":"a b"`), "auth_token", "no auth token"},
		"no number":                    {with(`"phone_number":""`), "phone_number", "is missing"},
		"a number without its country": {with(`"phone_number":"5550000002"`), "phone_number", "country code"},
		"a voice that is none":         {with(`"voice":"<Say>"`), "voice", "no name of a voice"},
		"an unknown model":             {with(`"speech_model":"whisper"`), "speech_model", "none of default"},
		"an unknown region":            {with(`"region":"de1"`), "region", "us1, ie1, au1"},
		"an edge far from its region":  {with(`"region":"ie1","edge":"tokyo"`), "edge", "does not lead to region ie1"},
		"a line with a workspace":      {with(`"workspace_sid":"WS000000000000000000000000000000c1"`), "workspace_sid", "kind workspace"},
		"a line with a workflow":       {with(`"routing_workflow_sid":"WW000000000000000000000000000000c1"`), "routing_workflow_sid", "handoff.routing_workflow"},
		"a workspace without its SID":  {`{"kind":"workspace","name":"Flex","account_sid":"` + lineAccount + `","auth_token":"t"}`, "workspace_sid", "is missing"},
		"a workspace of another form":  {strings.Replace(workspace, "WS0", "XX0", 1) + `}`, "workspace_sid", "WS and 32"},
		"a workflow of another form":   {workspace + `,"routing_workflow_sid":"WW1"}`, "routing_workflow_sid", "WW and 32"},
		"a workspace with a number":    {workspace + `,"phone_number":"+15550000002"}`, "phone_number", "does not go with kind workspace"},
		"a workspace with a voice":     {workspace + `,"voice":"Polly.Salli"}`, "voice", "does not go with kind workspace"},
		"a workspace with a model":     {workspace + `,"speech_model":"default"}`, "speech_model", "does not go with kind workspace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := requireProblem(t, b.send(http.MethodPost, "/v1/connections", admKey, test.body), http.StatusBadRequest, "invalid")
			require.NotNil(t, p.Errors)
			require.Len(t, *p.Errors, 1)
			require.Equal(t, test.field, (*p.Errors)[0].Field)
			require.Contains(t, (*p.Errors)[0].Detail, test.detail)
		})
	}
	p := requireProblem(t, b.send(http.MethodPost, "/v1/connections", admKey, `{"name":"","account_sid":"","auth_token":""}`), http.StatusBadRequest, "invalid")
	require.Len(t, *p.Errors, 4, "all of it at once")
	require.Contains(t, p.Detail, "and 3 more")
	made[Connection](b, "/v1/connections", workspace+`}`)
}

func TestAConnectionIsChangedOnlyIntoOneThatCanBe(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	first := made[Connection](b, "/v1/connections", lineBody)
	p := requireProblem(t, b.send(http.MethodPost, "/v1/connections", admKey, lineBody), http.StatusConflict, "number_taken")
	require.Contains(t, p.Detail, first.ID)
	for name, test := range map[string]struct{ body, field string }{
		"another account without its token": {`{"account_sid":"AC000000000000000000000000000000c9"}`, "auth_token"},
		"another region without its token":  {`{"region":"au1","auth_token":"********"}`, "auth_token"},
		"no name":                           {`{"name":""}`, "name"},
		"an edge elsewhere":                 {`{"edge":"nowhere"}`, "edge"},
	} {
		p := requireProblem(t, b.send(http.MethodPatch, "/v1/connections/"+first.ID, admKey, test.body), http.StatusBadRequest, "invalid")
		require.Equal(t, test.field, (*p.Errors)[0].Field, name)
	}
	requireProblem(t, b.send(http.MethodPatch, "/v1/connections/"+first.ID, admKey, `{"kind":"workspace"}`), http.StatusBadRequest, "bad_request")
	require.Equal(t, first, got[Connection](b, "/v1/connections/"+first.ID, admKey))
}

func TestSettingUpIsForAdministratorsAndLookingForSupervisors(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	c := made[Connection](b, "/v1/connections", lineBody)
	bot := made[Bot](b, "/v1/bots", `{"name":"Ada"}`)
	line, its := "/v1/connections/"+c.ID, "/v1/bots/"+bot.ID
	for _, path := range []string{"/v1/connections", line, line + "/log", "/v1/bots", its, its + "/log"} {
		require.Equal(t, http.StatusOK, b.send(http.MethodGet, path, sueKey, "").Code, path)
		requireProblem(t, b.send(http.MethodGet, path, annKey, ""), http.StatusForbidden, "forbidden")
	}
	for _, asked := range []struct{ method, path, body string }{
		{http.MethodPost, "/v1/connections", lineBody},
		{http.MethodPatch, line, `{}`},
		{http.MethodDelete, line, ""},
		{http.MethodPost, "/v1/bots", `{"name":"Eve"}`},
		{http.MethodPatch, its, `{}`},
		{http.MethodDelete, its, ""},
		{http.MethodPut, its + "/connections/" + c.ID, ""},
		{http.MethodDelete, its + "/connections/" + c.ID, ""},
		{http.MethodPost, its + "/start", ""},
		{http.MethodPost, its + "/stop", ""},
		{http.MethodPost, its + "/restart", ""},
		{http.MethodPost, its + "/calls", `{"to":"+15551230001"}`},
	} {
		for _, key := range []string{sueKey, annKey} {
			requireProblem(t, b.send(asked.method, asked.path, key, asked.body), http.StatusForbidden, "forbidden")
		}
	}
}
