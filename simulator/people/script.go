package people

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Script is a contact centre and the people in and around it. The package comment has an example.
type Script struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	// Rate is how many calls a second of real time suit the script when time is not scaled: a hint, which Run does not read.
	Rate    float64        `yaml:"rate"`
	Centre  CentreScript   `yaml:"centre"`
	Agents  AgentScript    `yaml:"agents"`
	Callers []CallerScript `yaml:"callers"`
	// Mix weighs the scenarios that the scenario "mix" draws from. Default: a mix of all.
	Mix map[string]float64 `yaml:"mix"`
}

// CentreScript is what Provision builds.
type CentreScript struct {
	Workspace      string               `yaml:"workspace"`
	Availabilities []AvailabilityScript `yaml:"availabilities"`
	// MissedAvailability is where TaskRouter moves an agent whose reservation timed out (TimeoutActivitySid). Default: the first
	// that is not available.
	MissedAvailability string          `yaml:"missed_availability"`
	Queues             []QueueScript   `yaml:"queues"`
	RoutingWorkflows   []RoutingScript `yaml:"routing_workflows"`
	Numbers            []NumberScript  `yaml:"numbers"`
	Agents             []AgentEntry    `yaml:"agents"`
	// Bots are AI voice agents of the application, each on a number of its own; see [ProvisionBots].
	Bots []BotScript `yaml:"bots"`
	// Supervisors answer their phones when a call is to be listened to, or handed to them. Default: nobody.
	Supervisors []SupervisorEntry `yaml:"supervisors"`
}

// AvailabilityScript is one availability (TaskRouter: Activity).
type AvailabilityScript struct {
	Name      string `yaml:"name"`
	Available bool   `yaml:"available"`
}

// QueueScript is one queue (TaskRouter: TaskQueue).
type QueueScript struct {
	Name string `yaml:"name"`
	// Target is the expression over agents' attributes. Default "1==1", everybody, as Twilio's.
	Target      string `yaml:"target"`
	MaxReserved int    `yaml:"max_reserved"` // how many agents may ring at once for one task, 1 to 50; default 1
	Order       string `yaml:"order"`        // FIFO (default) or LIFO
}

// RoutingScript is one routing workflow (TaskRouter: Workflow).
type RoutingScript struct {
	Name               string         `yaml:"name"`
	Mode               string         `yaml:"mode"`                // "desktop" (default): the application accepts; "flex": agents do, by their desktops
	ReservationTimeout int            `yaml:"reservation_timeout"` // seconds, 1 to 86400; default 120
	Filters            []FilterScript `yaml:"filters"`
	DefaultQueue       string         `yaml:"default_queue"` // empty: a task that no filter wants is canceled
}

// Modes of a routing workflow.
const (
	ModeDesktop  = "desktop"
	ModeFlex     = "flex"
	ModeAnnounce = "announce" // the application rings the agent, tells him who calls, and asks for a key before they meet
)

// FilterScript is one filter of a routing workflow; the first whose expression over the task's attributes holds is taken.
type FilterScript struct {
	Name       string         `yaml:"name"`
	Expression string         `yaml:"expression"`
	Targets    []TargetScript `yaml:"targets"`
}

// TargetScript is one step of a filter.
type TargetScript struct {
	Queue      string `yaml:"queue"`
	Expression string `yaml:"expression"`
	Priority   int    `yaml:"priority"`
	Timeout    int    `yaml:"timeout"` // seconds until the next step; 0: none
	OrderBy    string `yaml:"order_by"`
	SkipIf     string `yaml:"skip_if"`
}

// NumberScript is one of the centre's telephone numbers.
type NumberScript struct {
	Name    string `yaml:"name"`
	Number  string `yaml:"number"`  // E.164
	Routing string `yaml:"routing"` // the routing workflow that its calls go to
	// Closed says that nobody staffs what this number leads to: its callers wait until they give up.
	Closed bool `yaml:"closed"`
	// Entrance makes this number the one that the scenarios of that entrance dial, and no others: "studio", where the number's voice URL
	// is somebody else's; "flex"; "pair", where several agents ring at once; "announce", whose routing announces the caller; "solo", which
	// one agent alone serves; "bot", and those that begin with it, where a bot answers.
	Entrance string `yaml:"entrance"`
	// Attributes are task attributes that the application is asked to give this number's calls.
	Attributes map[string]any `yaml:"attributes"`
}

// AgentEntry is one agent of the centre.
type AgentEntry struct {
	Name       string         `yaml:"name"`
	Address    string         `yaml:"address"` // contact_uri: "client:ann", "+1…", "sip:…"
	Skills     []string       `yaml:"skills"`  // the attribute "skills"
	Attributes map[string]any `yaml:"attributes"`
	Capacity   int            `yaml:"capacity"` // calls at a time; default 1
	// OffDuty says that he is on the books and never comes to work: whoever hands a call to him is told so.
	OffDuty bool `yaml:"off_duty"`
	// Apart says that he serves a queue of his own: he comes to work whatever number of agents is asked for, and is none of them.
	Apart bool `yaml:"apart"`
}

// counts says whether the agent is one of those who share the work.
func (a AgentEntry) counts() bool { return !a.OffDuty && !a.Apart }

// SupervisorEntry is one supervisor of the centre: a phone, and a key to Holdfast's API.
type SupervisorEntry struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"` // "client:sue", "+1…", "sip:…"
}

// BotScript is one bot of the application's.
type BotScript struct {
	Name   string `yaml:"name"`
	Number string `yaml:"number"` // the name of the number that it answers, and calls from
	// Hijacked says that the number is a voice application's when the bot starts, and somebody's trunk: the bot has to clear both.
	Hijacked bool `yaml:"hijacked"`
	// Routing is the routing workflow that callers are handed over to. Default: the number's.
	Routing string `yaml:"routing"`
	// Settings are those of the application's API, in its own words. In texts, "{{foreign}}" is the address of [ForeignVoice], and "{{slow}}" a time that is long for a bot; handoff.after
	// is in simulated seconds, others are Twilio's to measure, or real.
	Settings map[string]any `yaml:"settings"`
}

// AgentScript is how the agents behave. Each field's default is meant for a lively floor.
type AgentScript struct {
	LogInAfter     Range         `yaml:"log_in_after"`     // default 0
	AnswerAfter    Range         `yaml:"answer_after"`     // default 1-3
	Hold           EpisodeScript `yaml:"hold"`             // default share 0, after 3-8, for 4-10
	Mute           EpisodeScript `yaml:"mute"`             // default share 0, after 2-5, for 2-4
	WrapUpFor      Range         `yaml:"wrap_up_for"`      // default 2-6
	BackAfter      Range         `yaml:"back_after"`       // in an availability that he did not choose; default 3-6
	AwayAfterCrash Range         `yaml:"away_after_crash"` // default 10-20
}

// EpisodeScript is something that an agent does for a while in a share of his talks.
type EpisodeScript struct {
	Share float64 `yaml:"share"` // 0 to 1
	After Range   `yaml:"after"`
	For   Range   `yaml:"for"`
}

// CallerScript is one kind of caller.
type CallerScript struct {
	Name         string   `yaml:"name"`
	Weight       float64  `yaml:"weight"`         // against the other kinds; default 1
	Calls        []string `yaml:"calls"`          // names of numbers; default: all that are not closed
	Patience     Range    `yaml:"patience"`       // from dialling to giving up while nobody answers; default 60-120
	TalkFor      Range    `yaml:"talk_for"`       // default 10-30
	HangsUpFirst float64  `yaml:"hangs_up_first"` // share of talks that the caller ends, 0 to 1; else the agent does
	Keys         string   `yaml:"keys"`           // pressed while waiting
	Says         string   `yaml:"says"`           // said while waiting
}

//go:embed scripts/*.yaml
var builtIn embed.FS

// Load gives a built-in script by name.
func Load(name string) (*Script, error) {
	data, err := builtIn.ReadFile(path.Join("scripts", name+".yaml"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("no script %q; there are %s", name, strings.Join(Names(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("script %s: %w", name, err)
	}
	return Parse(data)
}

// Names lists the built-in scripts.
func Names() []string {
	entries, err := builtIn.ReadDir("scripts")
	if err != nil { // an embedded folder is always there
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Parse reads one YAML document, strictly, and checks it.
func Parse(data []byte) (*Script, error) {
	var s Script
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("script: empty")
		}
		return nil, fmt.Errorf("script: %w", err)
	}
	var more any
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("script: want one YAML document, found more")
	}
	s.fill()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return &s, nil
}

// fill puts the defaults in.
func (s *Script) fill() {
	c := &s.Centre
	if c.MissedAvailability == "" {
		c.MissedAvailability = c.away()
	}
	for i := range c.Queues {
		q := &c.Queues[i]
		if q.Target == "" {
			q.Target = "1==1"
		}
		if q.Order == "" {
			q.Order = "FIFO"
		}
		q.MaxReserved = max(q.MaxReserved, 1)
	}
	for i := range c.RoutingWorkflows {
		if w := &c.RoutingWorkflows[i]; w.ReservationTimeout == 0 {
			w.ReservationTimeout = 120
		}
		if w := &c.RoutingWorkflows[i]; w.Mode == "" {
			w.Mode = ModeDesktop
		}
	}
	for i := range c.Agents {
		if a := &c.Agents[i]; a.Capacity == 0 {
			a.Capacity = 1
		}
	}
	a := &s.Agents
	a.AnswerAfter = a.AnswerAfter.or(1, 3)
	a.Hold.After, a.Hold.For = a.Hold.After.or(3, 8), a.Hold.For.or(4, 10)
	a.Mute.After, a.Mute.For = a.Mute.After.or(2, 5), a.Mute.For.or(2, 4)
	a.WrapUpFor = a.WrapUpFor.or(2, 6)
	a.BackAfter = a.BackAfter.or(3, 6)
	a.AwayAfterCrash = a.AwayAfterCrash.or(10, 20)
	if len(s.Callers) == 0 {
		s.Callers = []CallerScript{{Name: "anybody", HangsUpFirst: 0.5}}
	}
	for i := range s.Callers {
		k := &s.Callers[i]
		if k.Weight == 0 {
			k.Weight = 1
		}
		k.Patience = k.Patience.or(60, 120)
		k.TalkFor = k.TalkFor.or(10, 30)
	}
	if len(s.Mix) == 0 {
		s.Mix = maps.Clone(defaultMix)
	}
}

// Staff is a copy of the script with n agents: the first n, or, beyond them, namesakes of the same skills and capacity, who
// answer at client addresses of their own. n below 1 gives all agents of the script.
func (s *Script) Staff(n int) *Script {
	staffed := *s
	have, others := []AgentEntry{}, []AgentEntry{}
	for _, a := range s.Centre.Agents {
		if a.counts() {
			have = append(have, a)
		} else {
			others = append(others, a)
		}
	}
	if n < 1 || len(have) == 0 {
		return &staffed
	}
	agents := slices.Clone(have[:min(n, len(have))])
	for i := len(have); i < n; i++ {
		a := have[i%len(have)]
		a.Name = fmt.Sprintf("%s %d", a.Name, i/len(have)+1)
		a.Address = "client:" + strings.ToLower(strings.ReplaceAll(a.Name, " ", "_"))
		agents = append(agents, a)
	}
	staffed.Centre.Agents = append(agents, others...)
	return &staffed
}

// counted is how many agents share the work.
func (s *Script) counted() int {
	n := 0
	for _, a := range s.Centre.Agents {
		if a.counts() {
			n++
		}
	}
	return n
}

// away is the first availability in which nobody is offered calls: where agents begin.
func (c *CentreScript) away() string { return c.firstAvailability(false) }

// ready is the first availability in which agents are offered calls: where they log in.
func (c *CentreScript) ready() string { return c.firstAvailability(true) }

func (c *CentreScript) firstAvailability(available bool) string {
	for _, a := range c.Availabilities {
		if a.Available == available {
			return a.Name
		}
	}
	return ""
}
