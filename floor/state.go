package floor

import (
	"slices"
	"time"
)

// Revision is the revision of the breaker's decisions, as package call has one: what is decided otherwise from a revision on asks for
// State.Revision. OldestRevision is the oldest that this core still decides by.
const (
	OldestRevision = 1
	Revision       = 1
)

// Off says that an agent is off because he missed, and that nobody touched him since.
type Off struct {
	From  AvailabilitySID `json:"from"` // where he was; "" is not known
	Since time.Time       `json:"since"`
	Why   string          `json:"why"` // of the miss
}

// Agent is an agent of whom something is to be remembered.
type Agent struct {
	SID       AgentSID `json:"sid"`
	Name      string   `json:"name,omitempty"`
	Queue     QueueSID `json:"queue_sid,omitempty"` // of his last miss
	QueueName string   `json:"queue_name,omitempty"`
	Call      string   `json:"call_id,omitempty"` // likewise
	Why       string   `json:"why,omitempty"`     // likewise

	Misses   int              `json:"misses"` // in a row
	MissedAt time.Time        `json:"missed_at,omitzero"`
	Missed   []ReservationSID `json:"missed,omitempty"` // the last ones, so that each counts once

	// Last change of his availability that was told, with Twilio's time; ChosenAt is when a person last put him somewhere.
	Where    AvailabilitySID `json:"where,omitempty"`
	Was      AvailabilitySID `json:"was,omitempty"`
	WhereAt  time.Time       `json:"where_at,omitzero"`
	ChosenAt time.Time       `json:"chosen_at,omitzero"`
	ChosenTo AvailabilitySID `json:"chosen_to,omitempty"` // where, if it was by our API

	Off       *Off      `json:"off,omitempty"`
	WantOff   bool      `json:"want_off,omitempty"`
	BackAt    time.Time `json:"back_at,omitzero"` // when he is to be brought back; zero is never
	WantBack  bool      `json:"want_back,omitempty"`
	Backs     int       `json:"backs,omitempty"` // how often he was brought back since he last answered
	BackedAt  time.Time `json:"backed_at,omitzero"`
	GivenUp   bool      `json:"given_up,omitempty"` // he was brought back often enough
	MoveTries int       `json:"move_tries,omitempty"`
}

// Miss is one call that one agent missed.
type Miss struct {
	Agent AgentSID  `json:"agent_sid"`
	At    time.Time `json:"at"`
}

// Fault is a time in which a queue's agents do not answer though they would.
type Fault struct {
	Since    time.Time  `json:"since"`
	LastMiss time.Time  `json:"last_miss"`
	OnDuty   int        `json:"on_duty"` // when it began, as far as it was known
	Agents   []AgentSID `json:"agents"`  // who missed in it
	LookAt   time.Time  `json:"look_at"` // when the queue is looked at next
}

// Queue is a queue whose agents missed calls lately.
type Queue struct {
	SID       QueueSID  `json:"sid"`
	Name      string    `json:"name,omitempty"`
	Misses    []Miss    `json:"misses,omitempty"` // within the rule's window
	WantLook  bool      `json:"want_look,omitempty"`
	LookTries int       `json:"look_tries,omitempty"`
	RetryAt   time.Time `json:"retry_at,omitzero"` // of a look that failed
	Fault     *Fault    `json:"fault,omitempty"`
}

// Flight is a command on its way; one for each subject at most.
type Flight struct {
	Number  int       `json:"number"`
	Subject string    `json:"subject"`
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"` // when it began
}

// Alert is something that a person should look into.
type Alert struct {
	Number  int        `json:"number"` // from 1
	Code    string     `json:"code"`
	Queue   QueueSID   `json:"queue_sid,omitempty"`
	Name    string     `json:"queue_name,omitempty"`
	Agents  []AgentSID `json:"agents,omitempty"`
	Message string     `json:"message"`
	At      time.Time  `json:"at"`
}

// Codes of [Alert], for programs.
const (
	AlertCascade     = "agents_not_answering"      // many agents of a queue do not answer: a fault
	AlertCascadeOver = "agents_answering_again"    // nobody missed for a while: the fault is over
	AlertGivenUp     = "agent_stays_off"           // an agent was brought back often enough and did not answer
	AlertStuck       = "agent_cannot_be_moved"     // Twilio does not take it
	AlertLook        = "queue_cannot_be_looked_at" // Twilio cannot say who is on duty, and it counts as a fault
)

// Change is what became of an agent, for the read model and for whoever watches.
type Change struct {
	Agent AgentSID `json:"agent_sid"`
	Kind  string   `json:"kind"`
}

// Kinds of [Change].
const (
	ChangeMissed      = "AgentMissed"
	ChangeMovedOff    = "AgentMovedOff"
	ChangeBroughtBack = "AgentBroughtBack"
	ChangeLeftAlone   = "AgentLeftAlone" // a person put him somewhere: the breaker has nothing to do with him any more
	ChangeStaysOn     = "AgentStaysOn"   // he missed in a fault and stays on, for enough others are off
	ChangeStaysOff    = "AgentStaysOff"  // he was brought back often enough
)

// State is the floor of one workspace, as far as agents who miss are concerned. It is a plain value that travels as JSON; make one with [New].
type State struct {
	Revision int      `json:"revision"`
	Settings Settings `json:"settings"`
	Agents   []Agent  `json:"agents,omitempty"`
	Queues   []Queue  `json:"queues,omitempty"`
	Flights  []Flight `json:"flights,omitempty"`
	Numbered int      `json:"numbered"`
	Alerts   []Alert  `json:"alerts,omitempty"` // the last ones
	Alerted  int      `json:"alerted"`

	changes []Change
}

// New is a floor on which nobody missed a call yet.
func New(settings Settings) State { return State{Revision: Revision, Settings: settings} }

// Decidable says whether this core knows the revision that the floor began with.
func (s *State) Decidable() bool { return s.Revision >= OldestRevision && s.Revision <= Revision }

// Bounds of what is remembered.
const (
	keptAlerts  = 32
	keptMisses  = 256
	keptMissed  = 8
	rememberFor = time.Hour        // of an agent who is not off
	moveBelongs = 30 * time.Second // so long after a miss TaskRouter may move the agent off for it
	moveBefore  = 2 * time.Second  // its events carry times of several machines
	chosenClose = 5 * time.Second  // so near to each other are a person's wish and TaskRouter's word of it
	maxTries    = 3
	tryAgain    = 10 * time.Second
	lookEvery   = 10 * time.Second
)

// Agent finds an agent; nil if nothing is known of him.
func (s *State) Agent(sid AgentSID) *Agent {
	if i := slices.IndexFunc(s.Agents, func(a Agent) bool { return a.SID == sid }); i >= 0 {
		return &s.Agents[i]
	}
	return nil
}

func (s *State) agent(sid AgentSID, name string) *Agent {
	a := s.Agent(sid)
	if a == nil {
		s.Agents = append(s.Agents, Agent{SID: sid})
		a = &s.Agents[len(s.Agents)-1]
	}
	if name != "" {
		a.Name = name
	}
	return a
}

// Queue finds a queue; nil if nobody missed a call of it lately.
func (s *State) Queue(sid QueueSID) *Queue {
	if i := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.SID == sid }); i >= 0 {
		return &s.Queues[i]
	}
	return nil
}

func (s *State) queue(sid QueueSID, name string) *Queue {
	q := s.Queue(sid)
	if q == nil {
		s.Queues = append(s.Queues, Queue{SID: sid})
		q = &s.Queues[len(s.Queues)-1]
	}
	if name != "" {
		q.Name = name
	}
	return q
}

func (s *State) flying(subject string) bool {
	return slices.ContainsFunc(s.Flights, func(f Flight) bool { return f.Subject == subject })
}

func (s *State) alert(at time.Time, code string, q *Queue, agents []AgentSID, message string) {
	s.Alerted++
	a := Alert{Number: s.Alerted, Code: code, Agents: slices.Clone(agents), Message: message, At: at}
	if q != nil {
		a.Queue, a.Name = q.SID, q.Name
	}
	if s.Alerts = append(s.Alerts, a); len(s.Alerts) > keptAlerts {
		s.Alerts = slices.Delete(s.Alerts, 0, len(s.Alerts)-keptAlerts)
	}
}

func (s *State) changed(agent AgentSID, kind string) {
	s.changes = append(s.changes, Change{Agent: agent, Kind: kind})
}

// Changes are what became of agents since they were last taken, in order.
func (s *State) Changes() []Change {
	c := s.changes
	s.changes = nil
	return c
}
