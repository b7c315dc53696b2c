package simulator

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast/simulator/expression"
)

// taskRouter is TaskRouter's half of the world, under the world's lock. Twilio's Worker is an agent here, its TaskQueue a taskQueue, its
// Workflow a routingWorkflow, its Activity an availability.
type taskRouter struct {
	workspaces   shelf[*workspace]
	tasks        map[string]*task        // of all workspaces, for Voice
	reservations map[string]*reservation // likewise
	evaluated    []time.Time             // when lists were filtered by an expression within the last second
}

func newTaskRouter() *taskRouter {
	return &taskRouter{tasks: map[string]*task{}, reservations: map[string]*reservation{}}
}

// A resource is what everything with a SID has. The version grows with each change; it is the ETag.
type resource struct {
	sid     string
	name    string
	created time.Time
	updated time.Time
	version int
}

func (s *Simulator) newResourceLocked(prefix, name string) resource {
	now := time.Now()
	return resource{sid: s.newSIDLocked(prefix), name: name, created: now, updated: now}
}

func (r *resource) id() string { return r.sid }

func (r *resource) title() string { return r.name }

func (r *resource) touch() {
	r.updated = time.Now()
	r.version++
}

// A shelf keeps resources of one kind in the order they were made.
type shelf[T interface {
	id() string
	title() string
}] struct {
	items []T
	bySID map[string]T
}

func (sh *shelf[T]) add(item T) {
	if sh.bySID == nil {
		sh.bySID = map[string]T{}
	}
	sh.items = append(sh.items, item)
	sh.bySID[item.id()] = item
}

func (sh *shelf[T]) get(sid string) (T, bool) {
	item, ok := sh.bySID[sid]
	return item, ok
}

func (sh *shelf[T]) remove(sid string) {
	delete(sh.bySID, sid)
	sh.items = slices.DeleteFunc(sh.items, func(item T) bool { return item.id() == sid })
}

// named finds by friendly name, which is unique without regard to case.
func (sh *shelf[T]) named(name string) (item T, ok bool) {
	for _, item := range sh.items {
		if strings.EqualFold(item.title(), name) {
			return item, true
		}
	}
	return item, false
}

type workspace struct {
	account *account
	resource
	multitasking        bool
	eventURL            string
	eventsFilter        string
	queueOrder          string
	defaultAvailability *availability
	timeoutAvailability *availability

	availabilities shelf[*availability]
	agents         shelf[*agent]
	queues         shelf[*taskQueue]
	workflows      shelf[*routingWorkflow]
	channels       shelf[*taskChannel]
	tasks          shelf[*task]
	open           shelf[*task] // those that have not ended
	events         []*event     // the newest keptEvents

	routing bool // a pass over the waiting tasks is under way
	again   bool // and another is wanted
}

// An availability is TaskRouter's Activity.
type availability struct {
	resource
	available bool
}

type taskChannel struct {
	resource
	uniqueName string
	optimized  bool
}

// An agent is TaskRouter's Worker.
type agent struct {
	resource
	attributes string
	attrs      map[string]any
	status     *availability
	statusAt   time.Time
	idleSince  time.Time // who is idle longest rings first
	channels   []*agentChannel
	held       []*reservation // pending, accepted and wrapping ones
}

type agentChannel struct {
	resource
	channel   *taskChannel
	capacity  int
	available bool
}

// A taskQueue is TaskRouter's TaskQueue.
type taskQueue struct {
	resource
	targetWorkers string
	target        *expression.Expression // nil: nobody
	maxReserved   int
	lifo          bool
	// Single-tasking only; kept and reported, without effect.
	reservationAvailability, assignmentAvailability *availability
}

// serves reports whether the agent belongs to the queue.
func (w *taskQueue) serves(a *agent) bool {
	return w.target != nil && w.target.Match(a.builtIns())
}

// A routingWorkflow is TaskRouter's Workflow.
type routingWorkflow struct {
	resource
	configuration      string
	config             *routingConfig
	assignmentURL      string
	fallbackURL        string
	reservationTimeout int
}

// Statuses of a task and of a reservation, as Twilio writes them.
const (
	statusPending   = "pending"
	statusReserved  = "reserved"
	statusAssigned  = "assigned"
	statusWrapping  = "wrapping"
	statusCompleted = "completed"
	statusCanceled  = "canceled"
	statusAccepted  = "accepted"
	statusRejected  = "rejected"
	statusTimeout   = "timeout"
	statusRescinded = "rescinded"
)

type task struct {
	resource
	workspace    *workspace
	attributes   string
	attrs        map[string]any
	status       string
	reason       string
	priority     int
	ttl          int // seconds
	channel      *taskChannel
	workflow     *routingWorkflow // nil when the routing target is a queue or agent and none was named
	queue        *taskQueue       // nil before it entered one
	entered      time.Time        // into the queue
	virtualStart time.Time

	routingTarget  string // WK, WQ or WW; "" for the workflow
	ignoreCapacity bool

	caller       string // CallSid of the leg that waits in a voice queue for this task; "" for any other task
	filter       *routingFilter
	step         int  // of the filter
	stepOver     bool // the step's time ran out while an agent was being rung
	resting      bool // an agent was just lost: nobody is rung for a moment
	attempts     int
	reservations []*reservation

	stopTTL, stopStep, stopLife func()
}

func (t *task) over() bool { return t.status == statusCompleted || t.status == statusCanceled }

// waits reports whether the task wants an agent.
func (t *task) waits() bool { return t.status == statusPending && !t.resting && t.queue != nil }

// pending lists the reservations that wait for an answer.
func (t *task) pending() []*reservation {
	return t.having(func(r *reservation) bool { return r.status == statusPending })
}

func (t *task) having(keep func(*reservation) bool) (out []*reservation) {
	for _, r := range t.reservations {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}

type reservation struct {
	resource
	task   *task
	agent  *agent
	status string
	// accepting: a conference instruction is under way. The reservation's own time-out no longer counts then.
	accepting bool
	asking    bool // the assignment callback is not answered yet
	expired   bool // the time ran out while it was not
	stopTimer func()
	callSID   string // the leg that the instruction "call" dialled last
}

// holds reports whether the reservation takes up its agent's capacity.
func (r *reservation) holds() bool {
	return r.status == statusPending || r.status == statusAccepted || r.status == statusWrapping
}

func (r *reservation) over() bool { return !r.holds() }

// load is how many tasks of a channel the agent has, those that only ring and those in wrap-up included.
func (a *agent) load(c *taskChannel) int {
	n := 0
	for _, r := range a.held {
		if r.task.channel == c {
			n++
		}
	}
	return n
}

func (a *agent) channel(c *taskChannel) *agentChannel {
	for _, ac := range a.channels {
		if ac.channel == c {
			return ac
		}
	}
	return nil
}

// free is the share of a channel's capacity that is left, in percent.
func (a *agent) free(ac *agentChannel) int {
	if ac.capacity == 0 {
		return 0
	}
	return max(0, int(math.Round(100*float64(ac.capacity-a.load(ac.channel))/float64(ac.capacity))))
}

// canTake reports whether the agent is available and has capacity left on the channel.
func (a *agent) canTake(c *taskChannel) bool {
	ac := a.channel(c)
	return a.status.available && ac != nil && ac.available && a.load(c) < ac.capacity
}

// builtIns are the agent's attributes with what TaskRouter adds to them in expressions.
func (a *agent) builtIns() map[string]any {
	vars := make(map[string]any, len(a.attrs)+6)
	maps.Copy(vars, a.attrs)
	channels := make(map[string]any, len(a.channels))
	for _, ac := range a.channels {
		channels[ac.channel.uniqueName] = map[string]any{
			"available_capacity_percentage": float64(a.free(ac)),
			"assigned_tasks":                float64(a.load(ac.channel)),
		}
	}
	vars["sid"], vars["friendly_name"] = a.sid, a.name
	vars["activity_sid"], vars["activity_name"] = a.status.sid, a.status.name
	vars["channel"] = channels
	return vars
}

// age is the time since t in Twilio's whole seconds.
func (s *Simulator) age(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return int(time.Since(t) / s.cfg.Second)
}
