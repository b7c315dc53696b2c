package people

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	keptViolations = 1000
	keptSamples    = 1 << 16 // of each action; an endless run keeps the newest
)

// A book counts what becomes of the calls while a run lasts.
type book struct {
	mu          sync.Mutex
	began, done time.Time
	results     map[result]int
	begun       int
	lost        []LostCall
	scenarios   map[string]int
	outcomes    map[string]int
	violations  []string
	violated    int
	actions     map[string]*actionBook
}

type actionBook struct {
	figures ActionFigures
	samples []time.Duration
}

func newBook() *book {
	return &book{
		results: make(map[result]int), scenarios: map[string]int{}, outcomes: map[string]int{},
		actions: map[string]*actionBook{},
	}
}

func (b *book) start(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began = at
}

func (b *book) stop(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = at
}

func (b *book) started(scenario string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun++
	b.scenarios[scenario]++
}

func (b *book) ended(c *conversation, r result, why string) {
	lost := LostCall{Call: c.id(), From: c.from, Scenario: c.scenario, Why: why}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results[r]++
	if r == resultLost && len(b.lost) < keptViolations {
		b.lost = append(b.lost, lost)
	}
}

func (b *book) outcome(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[name]++
}

// action records an API action by its answer.
func (b *book) action(name string, a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	book := b.actions[name]
	if book == nil {
		book = &actionBook{figures: ActionFigures{Name: name}}
		b.actions[name] = book
	}
	book.figures.Count++
	switch a.status {
	case http.StatusOK:
		if len(book.samples) < keptSamples {
			book.samples = append(book.samples, a.took)
		} else {
			book.samples[book.figures.Verified%keptSamples] = a.took
		}
		book.figures.Verified++
	case http.StatusAccepted:
		book.figures.Accepted++
	case 0:
		book.figures.Unanswered++
	default:
		book.figures.Refused++
	}
}

// violation records one, and gives its text.
func (b *book) violation(call, format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if call != "" {
		text = call + ": " + text
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.violated++
	if len(b.violations) < keptViolations {
		b.violations = append(b.violations, text)
	}
	return text
}

// firstViolation is the likeliest cause when a run cannot begin.
func (b *book) firstViolation() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.violations) == 0 {
		return ""
	}
	return ": " + b.violations[0]
}

func (b *book) report() Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Report{
		Started: b.begun, Completed: b.results[resultCompleted], Abandoned: b.results[resultAbandoned],
		Rejected: b.results[resultRejected], Lost: b.results[resultLost], Stopped: b.results[resultStopped],
		LostCalls: slices.Clone(b.lost), Scenarios: maps.Clone(b.scenarios), Outcomes: maps.Clone(b.outcomes),
		Violations: slices.Clone(b.violations), ViolationCount: b.violated,
		WallSeconds: b.done.Sub(b.began).Seconds(),
	}
	if r.WallSeconds > 0 {
		r.CallsPerSecond = float64(r.Started) / r.WallSeconds
	}
	for _, name := range slices.Sorted(maps.Keys(b.actions)) {
		f := b.actions[name].figures
		p := percentiles(b.actions[name].samples)
		f.P50, f.P95, f.P99 = p[0], p[1], p[2]
		r.Actions = append(r.Actions, f)
	}
	return r
}
