package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"holdfast/call"
	"holdfast/cmd/holdfast/engine"
	"holdfast/floor"
	"holdfast/handlers"
	"holdfast/store"
)

// config is how Holdfast runs. Each field is a flag, an environment variable and, with underscores, a key of the YAML file; the flag wins over
// the variable, the variable over the file. What is a list is in the file alone.
type config struct {
	Listen    string   `default:":8080" env:"HOLDFAST_LISTEN" help:"Address that the server listens on."`
	Role      []string `default:"api,worker" enum:"api,worker" env:"HOLDFAST_ROLE" help:"What this process does: api answers webhooks and the API and delivers events, worker decides calls and asks Twilio. One without the other needs PostgreSQL and a Temporal cluster."`
	PublicURL string   `env:"HOLDFAST_PUBLIC_URL" placeholder:"URL" help:"URL under which Twilio reaches this server; signatures are checked against it."`
	DataDir   string   `default:"data" env:"HOLDFAST_DATA_DIR" placeholder:"DIR" help:"Folder for the SQLite database, the engine's file and the spool. Each process needs one of its own."`

	DatabaseURL string `env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL database (postgres://…), which any number of processes share. Default: SQLite in the data directory. Prefer the environment: flags are seen by other users."`

	AccountSID   string `env:"TWILIO_ACCOUNT_SID" placeholder:"AC…" help:"Twilio account."`
	AuthToken    string `env:"TWILIO_AUTH_TOKEN" placeholder:"TOKEN" help:"The account's primary auth token. Prefer the environment: flags are seen by other users."`
	WorkspaceSID string `env:"TWILIO_WORKSPACE_SID" placeholder:"WS…" help:"TaskRouter workspace; it must be multitasking."`
	TwilioURL    string `env:"TWILIO_BASE_URL" placeholder:"URL" help:"Where all requests to Twilio go instead of Twilio, such as a 'holdfast sim'."`
	Edge         string `env:"TWILIO_EDGE" help:"Twilio edge, such as dublin. Needs a region."`
	Region       string `env:"TWILIO_REGION" help:"Twilio region, such as ie1, with credentials of its own."`

	TwilioConcurrency int     `default:"50" env:"HOLDFAST_TWILIO_CONCURRENCY" help:"Requests to Twilio that are under way at most, in all processes together."`
	TwilioRate        float64 `default:"100" env:"HOLDFAST_TWILIO_RATE" help:"Requests to Twilio that start in a second at most, in all processes together."`
	TwilioProcesses   int     `default:"1" env:"HOLDFAST_TWILIO_PROCESSES" help:"How many processes with the role worker share the Twilio account: each takes its part of the two above (${default})."`

	RoutingWorkflow string        `env:"HOLDFAST_ROUTING_WORKFLOW" placeholder:"WW…" help:"Routing workflow for calls to numbers that the file does not list."`
	AgentFrom       string        `env:"HOLDFAST_AGENT_FROM" placeholder:"NUMBER" help:"Caller ID that agents see. Default: the number that was dialled."`
	Ring            time.Duration `default:"20s" env:"HOLDFAST_RING" help:"How long an agent's phone rings; whole seconds."`
	WrapUp          time.Duration `default:"2m" env:"HOLDFAST_WRAP_UP" help:"How long an agent may work after a call before it is completed for him."`
	NotAnswering    string        `env:"HOLDFAST_NOT_ANSWERING" placeholder:"WA…" help:"Availability for agents who do not answer. Default: the workspace's time-out activity."`
	HoldMusic       string        `env:"HOLDFAST_HOLD_MUSIC" placeholder:"URL" help:"Music for a customer on hold. Default: Twilio's."`
	QueueMusic      string        `env:"HOLDFAST_QUEUE_MUSIC" placeholder:"URL" help:"Music for a customer who waits. Default: Twilio's."`
	RescueMusic     string        `env:"HOLDFAST_RESCUE_MUSIC" placeholder:"URL" help:"Audio or TwiML for a customer whose agent is gone without a word, until somebody comes. Default: a sentence in English, then the queue's music."`
	Goodbye         string        `env:"HOLDFAST_GOODBYE" placeholder:"URL" help:"TwiML for a customer for whom nobody will come, such as a voicemail. Default: an apology in English, then the end."`
	Assets          string        `env:"HOLDFAST_ASSETS" placeholder:"DIR" type:"existingdir" help:"Folder of your own that is served under /assets/ to everybody, for music, announcements and TwiML; a URL that begins with / is under the public URL."`

	Announcement     string        `env:"HOLDFAST_ANNOUNCEMENT" placeholder:"TEXT" help:"What an agent hears before he is connected by a transfer or by routing mode announce, as a Go template with .Purpose .Queue .Wait .Caller .Reason .Summary .By. Default: all of these in English."`
	AnnounceKey      string        `env:"HOLDFAST_ANNOUNCE_KEY" placeholder:"KEY" help:"Key that he must press then, so that no voicemail takes a call. Default: none."`
	TransferWithin   time.Duration `default:"1m" env:"HOLDFAST_TRANSFER_WITHIN" help:"How long somebody may take to come to whom a call is transferred, or who is asked to join; whole seconds."`
	RejoinWithin     time.Duration `default:"20s" env:"HOLDFAST_REJOIN_WITHIN" help:"How long an agent who fell out of a call is rung, before the queue is asked; whole seconds."`
	QueueAgainWithin time.Duration `default:"5m" env:"HOLDFAST_QUEUE_AGAIN_WITHIN" help:"How long a customer whom everybody left waits for somebody from the queue, before he hears goodbye; whole seconds."`
	DialInWithin     time.Duration `default:"5m" env:"HOLDFAST_DIAL_IN_WITHIN" help:"How long a supervisor's code to dial in by is good; whole seconds."`
	SuperviseNumber  string        `env:"HOLDFAST_SUPERVISE_NUMBER" placeholder:"NUMBER" help:"The number that supervisors dial to listen, told with each code; its voice webhook is /twilio/supervise. Default: it is not told."`
	Retention        time.Duration `default:"720h" env:"HOLDFAST_RETENTION" help:"How long ended calls are kept, in the database and in the dev server (there from an hour to a week). 0: for ever, and a week."`

	TemporalAddress   string `env:"TEMPORAL_ADDRESS" placeholder:"HOST:PORT" help:"Temporal cluster. Without it, Temporal's dev server is started as a child process (not for production)."`
	TemporalNamespace string `env:"TEMPORAL_NAMESPACE" help:"Namespace in the engine. Default: holdfast in the dev server, default in a cluster."`
	TemporalAPIKey    string `env:"TEMPORAL_API_KEY" placeholder:"KEY" help:"API key for the cluster; implies TLS."`
	TemporalTLS       bool   `env:"TEMPORAL_TLS" help:"Use TLS to the cluster."`
	TemporalUIPort    int    `env:"HOLDFAST_TEMPORAL_UI_PORT" placeholder:"PORT" help:"Port of the dev server's web UI on loopback. Default: any free one; -1: none."`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" env:"HOLDFAST_LOG_LEVEL" help:"Least level that is logged: ${enum}."`
	LogFormat string `default:"text" enum:"text,json" env:"HOLDFAST_LOG_FORMAT" help:"Form of the log: ${enum}."`

	fileOnly `kong:"-"`

	// Settings, where set, are what calls are told, whatever the flags say.
	Settings *call.Settings `kong:"-"`
	// Second is how long a second takes at Twilio and of what is said on the telephone, where that is simulated. Default: a second.
	Second time.Duration `kong:"-"`
	// Breaking, where set, is the rule for agents who do not answer that the file's are laid over.
	Breaking *floor.Rule `kong:"-"`
}

// fileOnly are the lists of the YAML file.
type fileOnly struct {
	Numbers     []numberConfig      `yaml:"numbers"`
	Routing     []routingConfig     `yaml:"routing"`
	APIKeys     []handlers.Key      `yaml:"api_keys"`
	PayloadKeys []engine.PayloadKey `yaml:"payload_keys"`
	SecretKeys  []engine.PayloadKey `yaml:"secret_keys"`
	Breaker     []breakerConfig     `yaml:"breaker"`
}

// routingConfig says who accepts the reservations of one routing workflow, ours or one that others enqueue to.
type routingConfig struct {
	Workflow string               `yaml:"workflow"`
	Mode     handlers.RoutingMode `yaml:"mode"`
}

// listKeys are the names of those lists.
var listKeys = []string{"numbers", "routing", "api_keys", "payload_keys", "secret_keys", "breaker"}

// numberConfig says where the calls to one number go.
type numberConfig struct {
	Number          string         `yaml:"number"`
	RoutingWorkflow string         `yaml:"routing_workflow"`
	Attributes      map[string]any `yaml:"attributes"`
	Priority        int            `yaml:"priority"`
	MaxWait         time.Duration  `yaml:"max_wait"`
}

// BeforeResolve reads the file that --config names, so that kong can take from it what neither the command line nor the environment sets.
func (c *serveCmd) BeforeResolve(ctx *kong.Context) error {
	path := configPath(ctx)
	if path == "" {
		return nil
	}
	values, err := readScalars(path)
	if err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		v, ok := values[yamlKey(flag.Name)]
		if !ok || slices.ContainsFunc(flag.Envs, isSet) {
			return nil, nil //nolint:nilnil // kong's way to say "not here"
		}
		return fmt.Sprint(v), nil
	}))
	return nil
}

func isSet(variable string) bool {
	_, set := os.LookupEnv(variable)
	return set
}

func configPath(ctx *kong.Context) string {
	for _, f := range ctx.Flags() {
		if f.Name == "config" {
			if path, ok := ctx.FlagValue(f).(string); ok && path != "" {
				return path
			}
		}
	}
	return os.Getenv("HOLDFAST_CONFIG")
}

func yamlKey(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// readScalars reads the file, says what in it nobody knows, and returns all but the lists.
func readScalars(path string) (map[string]any, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(data, &values); err != nil {
		return nil, fmt.Errorf("configuration %s: %s", path, oneLine(err))
	}
	known := knownKeys()
	for key := range values {
		if !known[key] {
			return nil, fmt.Errorf("configuration %s: unknown key %q%s", path, key, suggest(key, known))
		}
	}
	for _, key := range listKeys {
		delete(values, key)
	}
	for key, v := range values {
		switch v.(type) {
		case map[string]any, []any, nil:
			return nil, fmt.Errorf("configuration %s: %q must be a single value", path, key)
		}
	}
	return values, nil
}

// readLists reads the lists of the file, strictly.
func readLists(path string) (fileOnly, error) {
	var lists fileOnly
	if path == "" {
		return lists, nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return lists, fmt.Errorf("configuration: %w", err)
	}
	var all map[string]yaml.Node
	if err := yaml.Unmarshal(data, &all); err != nil {
		return lists, fmt.Errorf("configuration %s: %s", path, oneLine(err))
	}
	only := map[string]*yaml.Node{}
	for _, key := range listKeys {
		if node, ok := all[key]; ok {
			only[key] = &node
		}
	}
	if len(only) == 0 {
		return lists, nil
	}
	again, err := yaml.Marshal(only)
	if err != nil {
		return lists, fmt.Errorf("configuration %s: %w", path, err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(again))
	decoder.KnownFields(true)
	if err := decoder.Decode(&lists); err != nil && !errors.Is(err, io.EOF) {
		return lists, fmt.Errorf("configuration %s: %s", path, oneLine(err))
	}
	return lists, nil
}

var (
	yamlLine  = regexp.MustCompile(`line \d+: `)
	yamlField = regexp.MustCompile(`field (\S+) not found in type \S+`)
)

// oneLine says a YAML error in one line, without Go's type names and without the line numbers of our own copy.
func oneLine(err error) string {
	s := strings.TrimPrefix(err.Error(), "yaml: ")
	s = strings.TrimPrefix(s, "unmarshal errors:\n")
	s = yamlField.ReplaceAllString(s, "unknown key $1")
	s = yamlLine.ReplaceAllString(s, "")
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\n", ";")), " ")
}

// knownKeys are the keys that the YAML file may have.
func knownKeys() map[string]bool {
	keys := map[string]bool{}
	for _, key := range listKeys {
		keys[key] = true
	}
	parser, err := kong.New(&struct{ config }{})
	if err != nil {
		return keys
	}
	for _, f := range parser.Model.Flags {
		keys[yamlKey(f.Name)] = true
	}
	delete(keys, "help")
	return keys
}

// suggest names the known key that looks most like a misspelt one, if one does.
func suggest(key string, known map[string]bool) string {
	best, least := "", 4
	for k := range known {
		if d := distance(key, k); d < least || d == least && k < best {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, last+cost)
		}
	}
	return row[len(b)]
}

// problems says everything that is missing or wrong, a line each, with the flag and the variable to set.
func (c *config) problems() error {
	var wrong []error
	need := func(value, pattern, flag, what string) {
		switch {
		case value == "":
			wrong = append(wrong, fmt.Errorf("%s is missing: set --%s%s", what, flag, orEnv(flag)))
		case pattern != "" && !regexp.MustCompile(pattern).MatchString(value):
			wrong = append(wrong, fmt.Errorf("--%s: %q is not %s", flag, value, what))
		}
	}
	sid := func(prefix string) string { return "^" + prefix + "[0-9a-fA-F]{32}$" }
	need(c.AccountSID, sid("AC"), "account-sid", "the account SID (AC and 32 hexadecimal digits)")
	need(c.WorkspaceSID, sid("WS"), "workspace-sid", "the TaskRouter workspace SID (WS and 32 hexadecimal digits)")
	need(c.PublicURL, "^https?://[^/?#]+[^?#]*$", "public-url", "the public URL (https://…, without query)")
	if c.AuthToken == "" {
		wrong = append(wrong, errors.New("the auth token is missing: set TWILIO_AUTH_TOKEN"))
	}
	if c.RoutingWorkflow != "" {
		need(c.RoutingWorkflow, sid("WW"), "routing-workflow", "a routing workflow SID (WW and 32 hexadecimal digits)")
	} else if c.has(roleAPI) && len(c.Numbers) == 0 && len(c.Routing) == 0 { // calls may all come by others' numbers
		wrong = append(wrong, errors.New("no calls can be routed: set --routing-workflow (or HOLDFAST_ROUTING_WORKFLOW), or list numbers or routing in the file"))
	}
	if c.NotAnswering != "" {
		need(c.NotAnswering, sid("WA"), "not-answering", "an activity SID (WA and 32 hexadecimal digits)")
	}
	for i, n := range c.Numbers {
		if n.Number == "" || !regexp.MustCompile(sid("WW")).MatchString(n.RoutingWorkflow) {
			wrong = append(wrong, fmt.Errorf("numbers, entry %d: needs number (+15551230000) and routing_workflow (WW…)", i+1))
		}
	}
	wrong = append(wrong, c.routingProblems()...)
	wrong = append(wrong, c.urlProblems()...)
	wrong = append(wrong, c.breakerProblems()...)
	wrong = append(wrong, c.roleProblems()...)
	for _, err := range []error{c.payloadKeyProblems(), c.secretKeyProblems()} {
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if c.DatabaseURL != "" && !store.IsPostgres(c.DatabaseURL) { // it may hold a password, and is not repeated
		wrong = append(wrong, fmt.Errorf("--database-url%s: is not a postgres:// URL", orEnv("database-url")))
	}
	wrong = append(wrong, c.timeProblems()...)
	if c.TwilioConcurrency < 0 || c.TwilioRate < 0 || c.TwilioProcesses < 0 {
		wrong = append(wrong, errors.New("--twilio-concurrency, --twilio-rate and --twilio-processes cannot be negative"))
	}
	return errors.Join(wrong...)
}

// urlProblems says which addresses are none. Of those that Twilio fetches one may be of ours.
func (c *config) urlProblems() []error {
	var wrong []error
	for _, address := range []struct {
		flag, value string
		fetched     bool
	}{
		{"twilio-url", c.TwilioURL, false},
		{"hold-music", c.HoldMusic, true},
		{"queue-music", c.QueueMusic, true},
		{"rescue-music", c.RescueMusic, true},
		{"goodbye", c.Goodbye, true},
	} {
		if address.value == "" || address.fetched && strings.HasPrefix(address.value, "/") {
			continue
		}
		if u, err := url.Parse(address.value); err != nil || u.Host == "" {
			wrong = append(wrong, fmt.Errorf("--%s: %q is not a URL", address.flag, address.value))
		}
	}
	return wrong
}

// timeProblems says which times Twilio, or people, could not live with.
func (c *config) timeProblems() []error {
	var wrong []error
	for _, d := range []struct {
		flag    string
		value   time.Duration
		longest time.Duration
	}{
		{"ring", c.Ring, 10 * time.Minute},
		{"transfer-within", c.TransferWithin, time.Hour},
		{"rejoin-within", c.RejoinWithin, 10 * time.Minute},
		{"queue-again-within", c.QueueAgainWithin, 24 * time.Hour},
		{"dial-in-within", c.DialInWithin, time.Hour},
	} {
		if d.value < time.Second || d.value > d.longest || d.value%time.Second != 0 {
			wrong = append(wrong, fmt.Errorf("--%s: %s is not whole seconds from 1s to %s", d.flag, d.value, inShort(d.longest)))
		}
	}
	return wrong
}

// inShort is a time of whole minutes without what is zero: "10m" for "10m0s".
func inShort(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// fetched is an address that Twilio fetches: what begins with "/" is under the public URL.
func (c *config) fetched(address string) string {
	if !strings.HasPrefix(address, "/") {
		return address
	}
	return strings.TrimSuffix(c.PublicURL, "/") + address
}

// routingProblems says what is wrong with the list of routing workflows: each has one mode.
func (c *config) routingProblems() []error {
	var wrong []error
	seen := map[string]bool{}
	for i, r := range c.Routing {
		if !routingSID.MatchString(r.Workflow) {
			wrong = append(wrong, fmt.Errorf("routing, entry %d: needs workflow, a routing workflow SID (WW and 32 hexadecimal digits)", i+1))
		} else if seen[r.Workflow] {
			wrong = append(wrong, fmt.Errorf("routing, entry %d: %s is there twice", i+1, r.Workflow))
		}
		seen[r.Workflow] = true
		if !slices.Contains(routingModes, r.Mode) {
			wrong = append(wrong, fmt.Errorf("routing, entry %d: mode must be %s, %s or %s, not %q",
				i+1, handlers.ModeDesktop, handlers.ModeFlex, handlers.ModeAnnounce, r.Mode))
		}
	}
	return wrong
}

var routingModes = []handlers.RoutingMode{handlers.ModeDesktop, handlers.ModeFlex, handlers.ModeAnnounce}

var routingSID = regexp.MustCompile("^WW[0-9a-fA-F]{32}$")

func orEnv(flag string) string {
	field, ok := reflect.TypeFor[config]().FieldByNameFunc(func(name string) bool {
		return strings.EqualFold(name, strings.ReplaceAll(flag, "-", ""))
	})
	if !ok || field.Tag.Get("env") == "" {
		return ""
	}
	return " (or " + field.Tag.Get("env") + ")"
}

// ownNumber is a telephone number of ours; "" where none is set.
func (c *config) ownNumber() string {
	for _, n := range c.Numbers {
		if telephoneNumber.MatchString(n.Number) {
			return n.Number
		}
	}
	return ""
}

var telephoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// settings are what every call is told when it begins.
func (c *config) settings() call.Settings {
	s := call.DefaultSettings()
	if c.Settings != nil {
		s = *c.Settings
	} else {
		s.Ring, s.ConnectWithin, s.WrapUpWithin = c.Ring, c.Ring+15*time.Second, c.WrapUp
		s.TransferWithin, s.RejoinWithin, s.QueueAgainWithin = c.TransferWithin, c.RejoinWithin, c.QueueAgainWithin
		s.DialInWithin = c.DialInWithin
	}
	s.RescueMusic = c.fetched(c.RescueMusic)
	if public, err := url.Parse(c.PublicURL); s.RescueMusic == "" && err == nil {
		s.RescueMusic = handlers.RescueWait(public)
	}
	s.NotAnswering, s.Floor = call.AvailabilitySID(c.NotAnswering), true
	return s
}
