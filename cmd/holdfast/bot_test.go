package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/handlers"
)

func exampleBot() handlers.Bot {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	number := "+15559870002"
	return handlers.Bot{
		ID: "bot_a", Name: "Ada", State: handlers.BotHasError, Error: "+15559870002: no such number in the account", Revision: 3, RunningRevision: 2, RestartDue: true,
		Settings:    json.RawMessage(`{"greeting":"Hello","brain":{"kind":"scripted"},"silence":{"after":7}}`),
		Secrets:     handlers.BotSecrets{},
		Connections: []handlers.BotConnection{{Connection: "con_a", Name: "Front desk", PhoneNumber: &number, Inbound: true}},
		StartedAt:   &at, CreatedAt: at, UpdatedAt: at,
	}
}

func exampleConnection() handlers.Connection {
	number, voice, model := "+15559870002", "Polly.Salli", "googlev2_telephony"
	return handlers.Connection{
		ID: "con_a", Kind: "voice", Name: "Front desk", AccountSID: "AC1", AuthToken: "********", PhoneNumber: &number, Voice: &voice, SpeechModel: &model,
		Region: "us1", Edge: "ashburn", Bots: []handlers.AttachedBot{{ID: "bot_a", Name: "Ada", State: handlers.BotIsStopped}},
	}
}

func exampleSession() handlers.Session {
	answeredBy, handoff := "human", json.RawMessage(`{"reason":"asked"}`)
	return handlers.Session{
		ID: "ses_a", Bot: "bot_a", Connection: "con_a", AccountSID: "AC1", Call: cliCall, CallSID: cliCall, Direction: "inbound", From: "+15551230001",
		To: "+15559870002", State: handlers.SessionIsClosed, Outcome: "handed-off", Turns: 2, Messages: 3, Summary: "He asked for a person.", FlexTaskSID: "WT1",
		AnsweredBy: &answeredBy, Handoff: &handoff, OpenedAt: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
	}
}

func TestTheCommandLineSetsBotsUpAsTheContractSays(t *testing.T) {
	t.Parallel()
	connection, bot := exampleConnection(), exampleBot()
	for args, want := range map[string]struct {
		answer       any
		method, path string
		body         string
	}{
		"connection add Desk --account-sid AC1 --token t --number +15559870002": {
			connection, "POST", "/v1/connections", `{"name":"Desk","account_sid":"AC1","auth_token":"t","phone_number":"+15559870002"}`,
		},
		"connection add Flex --account-sid AC1 --token t --workspace WS1 --routing-workflow WW1": {
			connection, "POST", "/v1/connections",
			`{"name":"Flex","kind":"workspace","account_sid":"AC1","auth_token":"t","workspace_sid":"WS1","routing_workflow_sid":"WW1"}`,
		},
		"connection add Desk":                              {connection, "POST", "/v1/connections", `{"name":"Desk","account_sid":"","auth_token":""}`},
		"connection show con_a":                            {connection, "GET", "/v1/connections/con_a", ""},
		"connection set con_a --name Door --voice Polly.X": {connection, "PATCH", "/v1/connections/con_a", `{"name":"Door","voice":"Polly.X"}`},
		"connection set con_a --region ie1 --token t2":     {connection, "PATCH", "/v1/connections/con_a", `{"region":"ie1","auth_token":"t2"}`},
		"connection remove con_a":                          {handlers.WentOffline{}, "DELETE", "/v1/connections/con_a", ""},
		"connection log con_a --limit 3":                   {handlers.BotLog{}, "GET", "/v1/connections/con_a/log", ""},
		"connection list":                                  {handlers.ConnectionPage{Connections: []handlers.Connection{connection}}, "GET", "/v1/connections", ""},
		"bot add Ada":                                      {bot, "POST", "/v1/bots", `{"name":"Ada"}`},
		"bot add Ada --greeting Hello --max-sessions 0 --secret X_API_KEY=a,b": {
			bot, "POST", "/v1/bots", `{"name":"Ada","settings":{"greeting":"Hello","max_sessions":0},"secrets":{"X_API_KEY":"a,b"}}`,
		},
		"bot list":                            {handlers.BotPage{Bots: []handlers.Bot{bot}}, "GET", "/v1/bots", ""},
		"bot show bot_a":                      {bot, "GET", "/v1/bots/bot_a", ""},
		"bot set bot_a --instructions Short":  {bot, "PATCH", "/v1/bots/bot_a", `{"settings":{"instructions":"Short"}}`},
		"bot set bot_a --name Eve":            {bot, "PATCH", "/v1/bots/bot_a", `{"name":"Eve"}`},
		"bot remove bot_a --confirm":          {handlers.WentOffline{}, "DELETE", "/v1/bots/bot_a", ""},
		"bot attach bot_a con_a":              {bot, "PUT", "/v1/bots/bot_a/connections/con_a", `{}`},
		"bot attach bot_a con_a --no-inbound": {bot, "PUT", "/v1/bots/bot_a/connections/con_a", `{"inbound":false}`},
		"bot detach bot_a con_a":              {bot, "DELETE", "/v1/bots/bot_a/connections/con_a", ""},
		"bot start bot_a":                     {bot, "POST", "/v1/bots/bot_a/start", ""},
		"bot stop bot_a":                      {bot, "POST", "/v1/bots/bot_a/stop", ""},
		"bot restart bot_a":                   {bot, "POST", "/v1/bots/bot_a/restart", ""},
		"bot log bot_a":                       {handlers.BotLog{}, "GET", "/v1/bots/bot_a/log", ""},
		"bot call bot_a +15551230001":         {handlers.BotCall{Session: exampleSession()}, "POST", "/v1/bots/bot_a/calls", `{"to":"+15551230001","machine":"off","ring":60}`},
		"bot call bot_a +15551230001 --machine message --message Ready --ring 20 --connection con_a --attribute order=7": {
			handlers.BotCall{Session: exampleSession()},
			"POST", "/v1/bots/bot_a/calls",
			`{"to":"+15551230001","machine":"message","message":"Ready","ring":20,"connection":"con_a","attributes":{"order":"7"}}`,
		},
		"session list --number +15551230001 --flex-task WT1 --state closed": {handlers.SessionPage{Sessions: []handlers.Session{exampleSession()}}, "GET", "/v1/sessions", ""},
		"session show ses_a": {handlers.SessionDetail{Session: exampleSession()}, "GET", "/v1/sessions/ses_a", ""},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			out, problem, asked, err := commandLine(t, http.StatusOK, want.answer, "", strings.Fields(args)...)
			require.NoError(t, err, problem)
			require.NotEmpty(t, out)
			require.Len(t, asked, 1)
			require.Equal(t, want.method+" "+want.path, asked[0].method+" "+asked[0].path)
			if want.body == "" {
				require.Empty(t, asked[0].body)
			} else {
				require.JSONEq(t, want.body, asked[0].body)
			}
		})
	}
}

func TestABotComesFromAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, script := filepath.Join(dir, "bot.yaml"), filepath.Join(dir, "script.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
name: Reception
greeting: Hello
silence: {after: 7, prompts: ["Hello?"]}
connections:
  - connection: con_a
  - {connection: con_b, inbound: false}
secrets: {CRM_API_KEY: from the file}
`), 0o600))
	require.NoError(t, os.WriteFile(script, []byte("start: main\n"), 0o600))
	out, problem, asked, err := commandLine(t, http.StatusOK, exampleBot(), "", "bot", "add", "-f", file, "--script", script, "--greeting", "Hi", "--connection", "con_c", "--start")
	require.NoError(t, err, problem)
	require.Contains(t, out, "connection     con_a Front desk +15559870002, answers and calls")
	require.Contains(t, out, "restart        due: it runs with revision 2 of 3")
	require.Contains(t, out, "error          +15559870002: no such number in the account")
	require.Len(t, asked, 5)
	require.JSONEq(t, `{"name":"Reception","settings":{"greeting":"Hi","silence":{"after":7,"prompts":["Hello?"]},"brain":{"kind":"scripted","script":"start: main\n"}},
		"secrets":{"CRM_API_KEY":"from the file"}}`, asked[0].body)
	for i, want := range []askedOf{
		{path: "/v1/bots/bot_a/connections/con_a", body: `{}`},
		{path: "/v1/bots/bot_a/connections/con_b", body: `{"inbound":false}`},
		{path: "/v1/bots/bot_a/connections/con_c", body: `{}`},
		{path: "/v1/bots/bot_a/start"},
	} {
		require.Equal(t, want.path, asked[i+1].path)
		require.Equal(t, want.body, asked[i+1].body)
	}

	_, problem, asked, err = commandLine(t, http.StatusOK, exampleBot(), "greeting: From the input\n", "bot", "set", "bot_a", "-f", "-")
	require.NoError(t, err, problem)
	require.JSONEq(t, `{"settings":{"greeting":"From the input"}}`, asked[0].body)

	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no name":             {[]string{"bot", "add"}, "a name is needed"},
		"nothing to change":   {[]string{"bot", "set", "bot_a"}, "nothing is to be changed"},
		"nothing to change,":  {[]string{"connection", "set", "con_a"}, "nothing is to be changed"},
		"a file that is none": {[]string{"bot", "add", "-f", filepath.Join(dir, "none")}, "no such file"},
		"a secret of nothing": {[]string{"bot", "add", "n", "--secret", "NO_SUCH_API_KEY"}, "the environment has no such variable"},
		"no token on input":   {[]string{"connection", "add", "n", "--token", "-"}, "there is no token on standard input"},
	} {
		_, problem, asked, err := commandLine(t, http.StatusOK, exampleBot(), "", test.args...)
		require.Error(t, err, name)
		require.Contains(t, problem, test.says, name)
		require.Empty(t, asked, name)
	}
}

func TestATokenIsReadFromTheInput(t *testing.T) {
	t.Parallel()
	_, problem, asked, err := commandLine(t, http.StatusOK, exampleConnection(), "the-token\n", "connection", "set", "con_a", "--token", "-")
	require.NoError(t, err, problem)
	require.JSONEq(t, `{"auth_token":"the-token"}`, asked[0].body)
}

func TestASessionIsShownAsItWasSpoken(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	heard := "Hello, how"
	out, problem, _, err := commandLine(t, http.StatusOK, handlers.SessionDetail{Session: exampleSession(), Transcript: []handlers.SessionMessage{
		{Number: 1, At: at, Speaker: "bot", Text: "Hello, how can I help you?", Cut: true, Heard: &heard},
		{Number: 2, Turn: 1, At: at.Add(time.Second), Speaker: "caller", Text: "A person, please."},
	}}, "", "session", "show", "ses_a")
	require.NoError(t, err, problem)
	require.Contains(t, out, "09:00:00  bot     Hello, how can I help you? [interrupted: Hello, how]\n09:00:01  caller  A person, please.\n")
	require.Contains(t, out, "state        closed handed-off")
	require.Contains(t, out, `handoff      {"reason":"asked"}`)
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	fields := []handlers.FieldProblem{{Field: "account_sid", Detail: "is missing"}, {Field: "auth_token", Detail: "is missing"}}
	_, problem, _, err := commandLine(t, http.StatusBadRequest, handlers.Problem{Title: "Bad Request", Code: "invalid", Detail: "account_sid is missing; and 1 more", Errors: &fields},
		"", "connection", "add", "n")
	require.Error(t, err)
	require.Contains(t, problem, "(invalid): this is wrong:\n  account_sid is missing\n  auth_token is missing\n")
}
