package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"holdfast/handlers"
)

var hex32 = strings.Repeat("a", 32)

// parseServe parses a command line of serve with a file of this text, and gives the whole configuration.
func parseServe(t *testing.T, file string, args ...string) (config, error) {
	t.Helper()
	var cli commands
	parser, err := kong.New(&cli, kong.Name("holdfast"), kong.Writers(io.Discard, io.Discard))
	require.NoError(t, err)
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "holdfast.yaml")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
		args = append(args, "--config", path)
	}
	if _, err := parser.Parse(append([]string{"serve"}, args...)); err != nil {
		return config{}, err
	}
	lists, err := readLists(path)
	cfg := cli.Serve.Settings
	cfg.fileOnly = lists
	return cfg, err
}

func TestFlagsWinOverTheEnvironmentAndTheEnvironmentOverTheFile(t *testing.T) {
	t.Setenv("HOLDFAST_RING", "12s")
	t.Setenv("HOLDFAST_WRAP_UP", "30s")
	cfg, err := parseServe(t, "ring: 25s\nwrap_up: 1m\nlisten: \":9090\"\n", "--ring", "11s")
	require.NoError(t, err)
	require.Equal(t, 11*time.Second, cfg.Ring, "flag")
	require.Equal(t, 30*time.Second, cfg.WrapUp, "environment")
	require.Equal(t, ":9090", cfg.Listen, "file")
	require.Equal(t, "data", cfg.DataDir, "default")
}

func TestAWholeFileIsRead(t *testing.T) {
	t.Parallel()
	cfg, err := parseServe(t, `
public_url: https://calls.example.com
account_sid: AC`+hex32+`
auth_token: secret
workspace_sid: WS`+hex32+`
numbers:
  - {number: "+15551230000", routing_workflow: WW`+hex32+`, attributes: {line: support}, priority: 5, max_wait: 30m}
routing:
  - {workflow: WW`+hex32+`, mode: announce}
api_keys:
  - {name: ann, role: agent, agent: WK`+hex32+`, sha256: `+hex32+hex32+`}
`)
	require.NoError(t, err)
	require.NoError(t, cfg.problems())
	require.Equal(t, "support", cfg.Numbers[0].Attributes["line"])
	require.Equal(t, 30*time.Minute, cfg.Numbers[0].MaxWait)
	require.Equal(t, "ann", cfg.APIKeys[0].Name)
	require.Equal(t, []routingConfig{{Workflow: "WW" + hex32, Mode: handlers.ModeAnnounce}}, cfg.Routing)
	s := cfg.settings()
	require.Equal(t, 20*time.Second, s.Ring)
	require.Greater(t, s.ConnectWithin, s.Ring)
}

func TestCallsAreToldHowLongPeopleMayTakeAndWhatIsPlayed(t *testing.T) {
	t.Parallel()
	cfg, err := parseServe(t, "public_url: https://calls.example.com/x/\ntransfer_within: 90s\n", "--queue-again-within", "3m")
	require.NoError(t, err)
	s := cfg.settings()
	require.Equal(t, 90*time.Second, s.TransferWithin)
	require.Equal(t, 20*time.Second, s.RejoinWithin, "default")
	require.Equal(t, 3*time.Minute, s.QueueAgainWithin)
	require.Equal(t, "https://calls.example.com/x/twilio/rescue-wait", s.RescueMusic, "our own sentence")
	cfg.RescueMusic = "/assets/rescue.xml"
	require.Equal(t, "https://calls.example.com/x/assets/rescue.xml", cfg.settings().RescueMusic)
	cfg.RescueMusic = "https://example.com/rescue.xml"
	require.Equal(t, "https://example.com/rescue.xml", cfg.settings().RescueMusic)
}

func TestWhatIsMisspeltIsNamedInOneLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, flag, want string }{
		"key":              {file: "acount_sid: AC1", want: `unknown key "acount_sid"; did you mean "account_sid"?`},
		"far from any key": {file: "xyzzyxyzzy: 1", want: `unknown key "xyzzyxyzzy"`},
		"key in a list":    {file: "numbers: [{number: '+1', routing: WW1}]", want: "unknown key routing"},
		"list for a value": {file: "listen: [1, 2]", want: `"listen" must be a single value`},
		"not YAML":         {file: "a: [", want: "did not find expected node content"},
		"bad duration":     {file: "ring: soon", want: "--ring"},
		"flag":             {flag: "--rng=3s", want: `did you mean "--ring"?`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			if test.flag != "" {
				args = append(args, test.flag)
			}
			_, err := parseServe(t, test.file, args...)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "main.")
		})
	}
}

func TestEverythingMissingIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	cfg := config{Ring: 20 * time.Second, TransferWithin: time.Minute, RejoinWithin: time.Minute, QueueAgainWithin: time.Minute, DialInWithin: time.Minute}
	err := cfg.problems()
	for _, want := range []string{
		"set --account-sid (or TWILIO_ACCOUNT_SID)", "set --workspace-sid (or TWILIO_WORKSPACE_SID)", "set --public-url (or HOLDFAST_PUBLIC_URL)",
		"set TWILIO_AUTH_TOKEN", "set --routing-workflow (or HOLDFAST_ROUTING_WORKFLOW)",
	} {
		require.ErrorContains(t, err, want)
	}
	require.Len(t, strings.Split(err.Error(), "\n"), 5)
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	good := config{
		AccountSID: "AC" + hex32, WorkspaceSID: "WS" + hex32, AuthToken: "t", PublicURL: "https://x.example.com", RoutingWorkflow: "WW" + hex32,
		Ring: 20 * time.Second, TransferWithin: time.Minute, RejoinWithin: 20 * time.Second, QueueAgainWithin: 5 * time.Minute, DialInWithin: time.Minute,
		HoldMusic: "/assets/wait.mp3", Goodbye: "https://voicemail.example.com/record",
	}
	require.NoError(t, good.problems())
	for name, test := range map[string]struct {
		change func(*config)
		want   string
	}{
		"account":      {func(c *config) { c.AccountSID = "AC12" }, `--account-sid: "AC12" is not`},
		"public URL":   {func(c *config) { c.PublicURL = "calls.example.com" }, "--public-url"},
		"with query":   {func(c *config) { c.PublicURL = "https://x.example.com/?a=b" }, "--public-url"},
		"routing":      {func(c *config) { c.RoutingWorkflow = "WF1" }, "--routing-workflow"},
		"availability": {func(c *config) { c.NotAnswering = "Offline" }, "--not-answering"},
		"number":       {func(c *config) { c.Numbers = []numberConfig{{Number: "+1"}} }, "numbers, entry 1"},
		"routing mode": {func(c *config) { c.Routing = []routingConfig{{Workflow: "WW" + hex32}} }, `routing, entry 1: mode must be desktop, flex or announce, not ""`},
		"routing SID":  {func(c *config) { c.Routing = []routingConfig{{Workflow: "WW", Mode: "flex"}} }, "routing, entry 1: needs workflow"},
		"routing twice": {func(c *config) {
			r := routingConfig{Workflow: "WW" + hex32, Mode: handlers.ModeFlex}
			c.Routing = []routingConfig{r, r}
		}, "routing, entry 2: WW" + hex32 + " is there twice"},
		"music":        {func(c *config) { c.HoldMusic = "music.mp3" }, "--hold-music"},
		"database":     {func(c *config) { c.DatabaseURL = "mysql://me:secret@db/x" }, "--database-url (or DATABASE_URL): is not a postgres:// URL"},
		"goodbye":      {func(c *config) { c.Goodbye = "voicemail" }, "--goodbye"},
		"Twilio's URL": {func(c *config) { c.TwilioURL = "/twilio" }, "--twilio-url"},
		"no time":      {func(c *config) { c.TransferWithin = 0 }, "--transfer-within: 0s is not whole seconds from 1s to 1h"},
		"too long":     {func(c *config) { c.RejoinWithin = time.Hour }, "--rejoin-within: 1h0m0s is not whole seconds from 1s to 10m"},
		"half a wait":  {func(c *config) { c.QueueAgainWithin = time.Second / 2 }, "--queue-again-within"},
		"half seconds": {func(c *config) { c.Ring = 2500 * time.Millisecond }, "--ring"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			test.change(&c)
			require.ErrorContains(t, c.problems(), test.want)
			require.NotContains(t, c.problems().Error(), "secret")
		})
	}
}
