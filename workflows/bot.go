package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
)

// Names that the engine knows bots by.
const (
	UpdateBot        = "bot"     // takes a [BotAsk], returns a [BotResult]
	SignalBotChanged = "changed" // takes nothing: a connection of the bot, or the bot, was changed or deleted
	QueryBot         = "bot"     // returns the [BotProgress]
)

// BotWorkflowID is the ID of a bot's workflow.
func BotWorkflowID(id string) string { return "bot:" + id }

// BotAsk is what somebody wants of a bot's life.
type BotAsk struct {
	Do string `json:"do"` // "start", "stop" or "restart"
}

// What can be asked.
const (
	botStart   = "start"
	botStop    = "stop"
	botRestart = "restart"
)

// BotResult is where a bot's life is after what was asked.
type BotResult struct {
	State   activities.BotState `json:"state"`
	Problem string              `json:"problem,omitempty"` // in words that lead to the fix
	Gone    bool                `json:"gone,omitempty"`    // there is no such bot
}

// BotProgress is all that a bot's workflow carries from run to run.
type BotProgress struct {
	Bot     string              `json:"bot"`
	Watch   time.Duration       `json:"watch"` // how often each line is looked at
	State   activities.BotState `json:"state"` // "" is not known: the workflow begins, and nobody has asked yet
	Problem string              `json:"problem,omitempty"`
	Name    string              `json:"name,omitempty"`
	Lines   []BotLine           `json:"lines,omitempty"`
}

// BotLine is a line of a bot that runs.
type BotLine struct {
	activities.TendLine
	Problem  string    `json:"problem,omitempty"`
	Failures int       `json:"failures,omitempty"` // in a row
	NextAt   time.Time `json:"next_at,omitzero"`   // when it is looked at again
}

// DefaultBotWatch is how often the lines of bots are looked at.
const DefaultBotWatch = time.Minute

// slowestWatch is how many times as long a line waits that did not work again and again.
const slowestWatch = 10

// Bot is the workflow of a bot's life, from its start to its stop: it points the numbers of its lines here, and keeps watch that they stay so. A line that
// does not work makes the bot's state an error, which is tried again, and takes down no other.
func Bot(ctx workflow.Context, progress BotProgress) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	w := &botWorkflow{
		BotProgress: progress,
		log:         workflow.GetLogger(ctx),
		changes:     workflow.GetSignalChannel(ctx, SignalBotChanged),
		wake:        workflow.NewNamedBufferedChannel(ctx, "wake", 1),
	}
	if w.Watch <= 0 {
		w.Watch = DefaultBotWatch
	}
	if err := workflow.SetQueryHandler(ctx, QueryBot, func() (BotProgress, error) { return w.BotProgress, nil }); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateBot, w.ask, workflow.UpdateHandlerOptions{Validator: validateBotAsk}); err != nil {
		return err
	}
	return w.run(ctx)
}

type botWorkflow struct {
	BotProgress
	log     log.Logger
	changes workflow.ReceiveChannel
	wake    workflow.Channel

	asked   []*botAsked
	changed bool
	gone    bool
	lines   []activities.BotLogLine // to be written
}

type botAsked struct {
	do   string
	done bool
}

func validateBotAsk(_ workflow.Context, ask BotAsk) error {
	if !slices.Contains([]string{botStart, botStop, botRestart}, ask.Do) {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("a bot cannot %q", ask.Do), errorNotRequest, nil)
	}
	return nil
}

// ask has something done, and answers when it is.
func (w *botWorkflow) ask(ctx workflow.Context, ask BotAsk) (BotResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	a := &botAsked{do: ask.Do}
	w.asked = append(w.asked, a)
	w.wake.SendAsync(struct{}{})
	if err := workflow.Await(ctx, func() bool { return a.done }); err != nil {
		return BotResult{}, err
	}
	return BotResult{State: w.State, Problem: w.Problem, Gone: w.gone}, nil
}

// run takes step after step, until the bot is stopped or deleted. A stopped bot has no workflow: whoever starts it begins one.
func (w *botWorkflow) run(ctx workflow.Context) error {
	for {
		w.wait(ctx)
		for w.changes.ReceiveAsync(nil) { // what was changed counts before what is asked
			w.changed = true
		}
		if w.changed && w.runs() {
			w.changed = false
			w.lookNow(ctx)
		}
		for len(w.asked) > 0 {
			a := w.asked[0]
			w.asked = w.asked[1:]
			w.obey(ctx, a.do)
			a.done = true
		}
		if w.runs() {
			w.tend(ctx, false)
		}
		if !w.runs() {
			if err := workflow.Await(ctx, func() bool { return len(w.asked) > 0 || workflow.AllHandlersFinished(ctx) }); err != nil {
				return err
			}
			if len(w.asked) == 0 && !w.changes.ReceiveAsync(nil) {
				return nil
			}
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && len(w.asked) == 0 && workflow.AllHandlersFinished(ctx) && w.changes.Len() == 0 {
			return workflow.NewContinueAsNewError(ctx, Bot, w.BotProgress)
		}
	}
}

func (w *botWorkflow) runs() bool {
	return !w.gone && (w.State == activities.BotRunning || w.State == activities.BotError)
}

// wait waits until somebody asks, something was changed, or a line is to be looked at.
func (w *botWorkflow) wait(ctx workflow.Context) {
	if len(w.asked) > 0 || w.changed {
		return
	}
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	s := workflow.NewNamedSelector(ctx, "bot")
	s.AddReceive(w.wake, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	s.AddReceive(w.changes, func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		w.changed = true
	})
	if at := w.next(); w.runs() && !at.IsZero() {
		s.AddFuture(workflow.NewTimer(timerCtx, max(at.Sub(workflow.Now(ctx)), time.Millisecond)), func(workflow.Future) {})
	}
	s.Select(ctx)
}

// next is when a line is to be looked at.
func (w *botWorkflow) next() (at time.Time) {
	for _, l := range w.Lines {
		if at.IsZero() || l.NextAt.Before(at) {
			at = l.NextAt
		}
	}
	return at
}

// obey does what somebody asked for. What is so already is left so.
func (w *botWorkflow) obey(ctx workflow.Context, do string) {
	switch {
	case do == botStop && w.State == activities.BotStopped, do == botStart && w.State == activities.BotRunning:
	case do == botStop:
		w.stop(ctx)
	default:
		w.start(ctx, do)
	}
}

// start has the bot run with what it is set to now.
func (w *botWorkflow) start(ctx workflow.Context, do string) {
	w.note(ctx, activities.BotStarting, "")
	var (
		a    *activities.Activities
		plan activities.BotPlan
	)
	if err := workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.PlanBot, w.Bot).Get(ctx, &plan); err != nil {
		w.tell(ctx, "", "error", "the bot could not be read: "+activities.FailureOf(err).Message)
		w.note(ctx, activities.BotError, "the bot could not be read; start it again")
		return
	}
	if plan.Gone {
		w.gone = true
		return
	}
	w.Name, w.Lines = plan.Name, nil
	for _, l := range plan.Lines {
		w.Lines = append(w.Lines, BotLine{TendLine: l})
	}
	if plan.Problem != "" {
		w.tell(ctx, "", "error", plan.Problem)
		w.Lines = nil
		w.note(ctx, activities.BotError, plan.Problem)
		return
	}
	// Its settings come first: a call that comes as soon as a number is pointed here finds it running.
	if err := workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.RunBot, w.Bot).Get(ctx, nil); err != nil {
		w.tell(ctx, "", "error", "what the bot runs with could not be written: "+activities.FailureOf(err).Message)
		w.Lines = nil
		w.note(ctx, activities.BotError, "what the bot runs with could not be written; start it again")
		return
	}
	w.State = activities.BotStarting
	w.tell(ctx, "", "info", map[string]string{botStart: "started", botRestart: "restarted: it runs with its settings as they are now"}[do])
	w.tend(ctx, true)
}

// stop has the bot answer no more calls. Its numbers stay as they are: callers get what is set for a bot that does not run.
func (w *botWorkflow) stop(ctx workflow.Context) {
	var a *activities.Activities
	was := w.State
	w.note(ctx, activities.BotStopping, "")
	if err := workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.StopBot, w.Bot).Get(ctx, nil); err != nil {
		w.note(ctx, activities.BotError, "the bot could not be stopped: "+activities.FailureOf(err).Message)
		return
	}
	w.Lines = nil
	if was != "" {
		w.tell(ctx, "", "info", "stopped: callers get what is set for a bot that does not run")
	}
	w.note(ctx, activities.BotStopped, "")
}

// lookNow has every line looked at at once, and sees whether the bot is still there.
func (w *botWorkflow) lookNow(ctx workflow.Context) {
	var (
		a    *activities.Activities
		plan activities.BotPlan
	)
	if err := workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.PlanBot, w.Bot).Get(ctx, &plan); err == nil && plan.Gone {
		w.gone = true
		return
	}
	for i := range w.Lines {
		w.Lines[i].NextAt = time.Time{}
	}
}

// tend looks at the lines whose time it is, all at once, and writes down what changed.
func (w *botWorkflow) tend(ctx workflow.Context, starting bool) {
	var a *activities.Activities
	type look struct {
		line   *BotLine
		report workflow.Future
	}
	var looks []look
	for i := range w.Lines {
		if l := &w.Lines[i]; starting || !l.NextAt.After(workflow.Now(ctx)) {
			asked := l.TendLine
			asked.Starting = starting
			looks = append(looks, look{l, workflow.ExecuteActivity(within(ctx, patienceOfPeople), a.TendLine, asked)})
		}
	}
	if len(looks) == 0 && !starting {
		return
	}
	for _, each := range looks {
		var report activities.LineReport
		err := each.report.Get(ctx, &report)
		w.found(ctx, each.line, report, err, starting)
	}
	state, problem := activities.BotRunning, w.problems()
	if problem != "" {
		state = activities.BotError
	}
	if state != w.State || problem != w.Problem || len(w.lines) > 0 {
		w.note(ctx, state, problem)
	}
}

// found takes in how a line was found. That Twilio could not be asked is a problem of a line that is being started; one that works goes on as it is.
func (w *botWorkflow) found(ctx workflow.Context, l *BotLine, report activities.LineReport, err error, starting bool) {
	before := l.Problem
	if err != nil {
		l.Failures++
		if starting || before != "" {
			l.Problem = "Twilio could not be asked: " + activities.FailureOf(err).Message + "; it is tried again"
		} else if l.Failures == 1 {
			w.tell(ctx, l.Connection, "warn", "Twilio could not be asked whether the line is as it is to be; it is tried again")
		}
	} else {
		l.Problem = report.Problem
		if l.Failures++; report.Problem == "" {
			l.Failures = 0
		}
	}
	switch {
	case l.Problem != "" && l.Problem != before:
		w.tell(ctx, l.Connection, "error", l.Problem)
	case l.Problem == "" && before != "" && err == nil:
		w.tell(ctx, l.Connection, "info", "the line works again")
	}
	switch {
	case report.Changed == "":
	case starting:
		w.tell(ctx, l.Connection, "info", "the number's calls come here now; "+report.Changed)
	default:
		w.tell(ctx, l.Connection, "warn", "somebody changed the number, and it was put right: "+report.Changed)
	}
	wait := w.Watch * time.Duration(min(1<<min(l.Failures, 10), slowestWatch))
	if l.Failures == 0 {
		wait = w.Watch
	}
	l.NextAt = workflow.Now(ctx).Add(wait)
}

// problems are what is wrong with the lines, by connection.
func (w *botWorkflow) problems() string {
	var all []string
	for _, l := range w.Lines {
		if l.Problem != "" {
			all = append(all, l.Connection+": "+l.Problem)
		}
	}
	return strings.Join(all, "\n")
}

// tell adds to the bot's log.
func (w *botWorkflow) tell(ctx workflow.Context, connection, level, message string) {
	w.lines = append(w.lines, activities.BotLogLine{At: workflow.Now(ctx), Bot: w.Bot, Connection: connection, Level: level, Message: message})
}

// note writes down where the bot's life is, with what its log does not have yet. What cannot be written now goes with the next.
func (w *botWorkflow) note(ctx workflow.Context, state activities.BotState, problem string) {
	var a *activities.Activities
	w.State, w.Problem = state, problem
	n := activities.BotNote{Bot: w.Bot, State: state, Problem: problem, Log: w.lines}
	if err := workflow.ExecuteActivity(within(ctx, patienceOfEnding), a.NoteBot, n).Get(ctx, nil); err != nil {
		w.log.Error("a bot's state could not be written", "bot", w.Bot, "state", state)
		return
	}
	w.lines = nil
}
