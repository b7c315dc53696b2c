package handlers

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/call"
	"holdfast/floor"
	"holdfast/store"
)

// otherTaskRouterEvents are those that Twilio documents and that decide nothing for a call
// (https://www.twilio.com/docs/taskrouter/api/event/reference). They are kept, for what happened in the workspace is worth knowing.
var otherTaskRouterEvents = func() map[string]bool {
	known := map[string]bool{}
	for resource, names := range map[string]string{
		"activity":     "created updated deleted",
		"task":         "updated transfer-initiated transfer-attempt-failed transfer-failed transfer-canceled transfer-completed",
		"task-channel": "created updated deleted",
		"task-queue":   "created deleted expression.updated timeout moved",
		"worker":       "created deleted attributes.update activity.update capacity.update channel.availability.update",
		"workflow":     "created updated deleted entered target-matched timeout skipped",
		"workspace":    "created updated deleted",
	} {
		for name := range strings.FieldsSeq(names) {
			known[resource+"."+name] = true
		}
	}
	return known
}()

// assignment answers TaskRouter's offer of a call to an agent: ring him, and bring both together in a conference. Twilio waits 5 s.
func (w *Webhooks) assignment(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	defer func(from time.Time) {
		w.metrics.assignment.Record(ctx, time.Since(from).Seconds())
	}(time.Now())
	a := assignmentOf(in.params, nil)
	if a.Reservation == "" || a.Task == "" {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "ReservationSid or TaskSid is missing."})
	}
	d := webhookRow{kind: "assignment", identity: string(a.Reservation)}
	id, task := w.callOf(ctx, in, "assignment", a.Task)
	if id == "" {
		w.log.LogAttrs(ctx, slog.LevelError, "a task of no known call is left to others: its attributes name none",
			slog.String("task", string(a.Task)), slog.String("reservation", string(a.Reservation)))
		d.subject = store.Subject{Kind: subjectTask, ID: string(a.Task)}
		w.keep(ctx, in, d)
		return c.JSONBlob(http.StatusOK, []byte("{}")) // no instruction, which TaskRouter takes without a word
	}
	a.Invitation = task.invitation()
	event := call.AssignmentRequested{Assignment: a, Caller: callerOf(task)}
	answer, err := w.answerOffer(ctx, id, in.params.Get("WorkflowSid"), &event, task)
	if err != nil {
		return err
	}
	d.subject, d.event = callSubject(id), event
	w.keep(ctx, in, d)
	return c.JSONBlob(http.StatusOK, answer)
}

// answerOffer is the answer to the offer of a call to an agent, and says in the event what it is.
func (w *Webhooks) answerOffer(ctx context.Context, id call.ID, workflow string, e *call.AssignmentRequested, task attributes) ([]byte, error) {
	mode := w.cfg.Modes[workflow]
	if e.Invitation != "" || mode == ModeAnnounce {
		if answer, err := w.announcing(id, e.Assignment, task, workflow); err != nil || answer != nil {
			e.Announced = err == nil
			return answer, err
		}
		w.log.LogAttrs(ctx, slog.LevelError, "an agent cannot be dialled to hear whom he gets: no caller ID is set (agent-from, or a number), and the customer dialled none",
			slog.String("call", string(id)), slog.String("agent", string(e.Agent)))
		e.Undialable = e.Invitation != ""
	}
	if e.Invitation != "" || mode == ModeFlex {
		e.Manual = true
		return []byte("{}"), nil // no instruction: the agent accepts, by our API or by an instruction of Flex's own
	}
	return w.instruct(id, e.Assignment, task)
}

// events takes TaskRouter's event callbacks.
func (w *Webhooks) events(c echo.Context, in *webhookRequest) error {
	ctx := c.Request().Context()
	kind := in.params.Get("EventType")
	if kind == "" {
		return w.refuse(c, in, webhookRefusal{http.StatusBadRequest, refusedMalformed, "EventType is missing."})
	}
	task := taskSIDOf(in.params)
	var id call.ID
	var a attributes
	if task != "" {
		id, a = w.callOf(ctx, in, knownKind(kind, strings.HasPrefix(kind, "reservation.") || strings.HasPrefix(kind, "task.")), task)
	}
	event := decodeTaskRouter(in.params, a)
	d := webhookRow{kind: knownKind(kind, event != nil), event: event, identity: eventIdentity(in), agent: agentChangeOf(in.params)}
	if id != "" {
		d.subject = callSubject(id)
		if _, lapsed := event.(call.ReservationTimedOut); lapsed && w.cfg.Floor != nil {
			w.tellMissed(ctx, in, id)
		}
		return w.record(c, in, d)
	}
	if event != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "an event of a task of no known call", slog.String("kind", kind), slog.String("task", string(task)))
	}
	d.event, d.subject = nil, w.subjectOf(in, kind, task)
	if w.cfg.Floor != nil {
		if d.floor = floorEventOf(in.params, w.cfg.Floor); d.floor != nil {
			d.subject = w.workspace()
		}
	}
	return w.record(c, in, d)
}

// subjectOf is what an event is about that is about no call.
func (w *Webhooks) subjectOf(in *webhookRequest, kind string, task call.TaskSID) store.Subject {
	agent, queue := in.params.Get("WorkerSid"), in.params.Get("TaskQueueSid")
	switch {
	case strings.HasPrefix(kind, "worker.") && plausibleID.MatchString(agent):
		return store.Subject{Kind: subjectAgent, ID: agent}
	case plausibleID.MatchString(string(task)):
		return store.Subject{Kind: subjectTask, ID: string(task)}
	case strings.HasPrefix(kind, "task-queue.") && plausibleID.MatchString(queue):
		return store.Subject{Kind: subjectQueue, ID: queue}
	default:
		return w.workspace()
	}
}

func (w *Webhooks) workspace() store.Subject {
	return store.Subject{Kind: subjectWorkspace, ID: w.cfg.WorkspaceSID}
}

// tellMissed has the floor told of a reservation that lapsed. It is kept beside the call's own event, by the reservation: told twice it counts once. A miss
// that cannot be written down now waits in the spool, for the call's event must not wait for it.
func (w *Webhooks) tellMissed(ctx context.Context, in *webhookRequest, id call.ID) {
	missed := timedOut(in.params, string(id))
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	answered, err := w.store.AnsweredAt(bounded, string(missed.Agent))
	if err != nil { // without it he may seem to have missed more in a row than he did
		w.log.LogAttrs(ctx, slog.LevelWarn, "when the agent last answered cannot be looked up", slog.Any("error", err))
	}
	missed.AnsweredAt = answered[string(missed.Agent)]
	event, err := json.Marshal(floor.Envelope{Event: missed})
	if err != nil {
		return // it is a plain value
	}
	row := store.Webhook{
		Key: "missed:" + string(missed.Reservation), Kind: "agent-missed", Subject: w.workspace(), Params: map[string]string{}, Event: event, ReceivedAt: in.at,
	}
	if err := w.write(ctx, row); err != nil {
		if err := w.spool.add(row); err != nil {
			w.lose(ctx, webhookRow{kind: row.Kind, subject: row.Subject}, err)
		}
	}
}

// eventIdentity tells an event from others: its own SID, which the documentation does not promise, else all that there is.
func eventIdentity(in *webhookRequest) string {
	if sid := in.params.Get("Sid"); sid != "" {
		return sid
	}
	return strings.Join([]string{
		in.params.Get("EventType"), in.params.Get("ResourceSid"), in.params.Get("ReservationSid"), in.params.Get("WorkerSid"),
		firstOf(in.params, "TimestampMs", "Timestamp"),
	}, ":")
}

// callOf is the call that a task belongs to, "" if nobody knows: by its attributes, else, for attributes that somebody overwrote, by
// what the store was told when they were whole.
func (w *Webhooks) callOf(ctx context.Context, in *webhookRequest, kind string, task call.TaskSID) (call.ID, attributes) {
	a, ok := attributesIn(in.params, "TaskAttributes")
	if !ok {
		w.metrics.unreadable.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", kind)))
		w.log.LogAttrs(ctx, slog.LevelWarn, "task attributes are no JSON object", slog.String("task", string(task)), slog.String("kind", kind))
	}
	id := a.call()
	if known, ok := w.tasks.noted(task); ok { // whatever the attributes say by now
		return known, a
	}
	if id == "" {
		return w.callOfTask(ctx, task), a
	}
	if kind != "assignment" {
		if known := w.callOfTask(ctx, task); known != "" {
			w.tasks.note(task, known)
			return known, a
		}
		w.noteTask(ctx, task, id) // an assignment makes one write at most; its event comes with it
	}
	return id, a
}

func (w *Webhooks) noteTask(ctx context.Context, task call.TaskSID, id call.ID) {
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	if err := w.store.NoteTask(bounded, string(task), string(id)); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "the task's call is not noted", slog.String("task", string(task)), slog.Any("error", err))
		return
	}
	w.tasks.note(task, id)
}

func (w *Webhooks) callOfTask(ctx context.Context, task call.TaskSID) call.ID {
	if task == "" {
		return ""
	}
	bounded, cancel := w.storeContext(ctx)
	defer cancel()
	id, ok, err := w.store.CallOfTask(bounded, string(task))
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the task's call cannot be looked up", slog.String("task", string(task)), slog.Any("error", err))
		return ""
	}
	if !ok {
		return ""
	}
	return call.ID(id)
}

// notedTasks remembers the last tasks whose call the store knows, so that their further events need no write for it.
type notedTasks struct {
	mu        sync.Mutex
	now, past map[call.TaskSID]call.ID
}

const notedAtOnce = 4096

func newNotedTasks() *notedTasks { return &notedTasks{now: map[call.TaskSID]call.ID{}} }

func (n *notedTasks) noted(task call.TaskSID) (call.ID, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id, ok := n.now[task]
	if !ok {
		id, ok = n.past[task]
	}
	return id, ok
}

func (n *notedTasks) note(task call.TaskSID, id call.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.now) >= notedAtOnce {
		n.now, n.past = map[call.TaskSID]call.ID{}, n.now
	}
	n.now[task] = id
}
