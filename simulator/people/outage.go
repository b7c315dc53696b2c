package people

import (
	"context"
	"sync"
	"time"
)

// Codes of Holdfast's alerts about agents who do not answer.
const (
	alertCascade     = "agents_not_answering"
	alertCascadeOver = "agents_answering_again"
)

// An outage is a fault of the phones: every agent's rings, and nobody hears it. It is mended a while after Holdfast alerted; from then on all answer.
// Nobody comes back by himself from where he was put: that is Holdfast's to do.
type outage struct {
	r *run

	mu      sync.Mutex
	dead    bool
	heard   map[string]bool // codes of alerts
	changed chan struct{}
}

// deafFor is how many seconds the phones stay dead after the alert.
const deafFor = 20

// emptyLimit is how long, in real time, nobody at all may be on duty while the phones are dead.
const emptyLimit = 5 * time.Second

func newOutage(r *run) *outage {
	return &outage{r: r, dead: r.planner.scenario.outage, heard: map[string]bool{}, changed: make(chan struct{})}
}

func (o *outage) isDead() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dead
}

func (o *outage) update(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
	close(o.changed)
	o.changed = make(chan struct{})
}

// alert takes in an alert of the live events.
func (o *outage) alert(code string) {
	o.update(func() { o.heard[code] = true })
}

// hears waits for an alert.
func (o *outage) hears(ctx context.Context, code string, within time.Duration) bool {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		o.mu.Lock()
		heard, changed := o.heard[code], o.changed
		o.mu.Unlock()
		if heard {
			return true
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// last lets the outage begin with the run, and mends it.
func (o *outage) last(ctx context.Context) {
	alerted := o.hears(ctx, alertCascade, o.limit())
	switch {
	case ctx.Err() != nil:
		return
	case !alerted:
		o.r.violation("", "no phone was answered for %s, and nobody was alerted", o.limit())
	default:
		o.r.tell(PhonesDie, "Somebody", "", "is alerted: no phone is answered")
		o.watch(ctx)
	}
	o.update(func() { o.dead = false })
	o.r.tell(PhonesWork, "Somebody", "", "mends the phones")
}

// watch sees to it that the queues do not run empty while no phone is answered.
func (o *outage) watch(ctx context.Context) {
	until := time.Now().Add(o.r.seconds(deafFor))
	var empty time.Time
	for time.Now().Before(until) && sleep(ctx, 10*time.Millisecond) {
		switch on, _ := o.onDuty(); {
		case on > 0:
			empty = time.Time{}
		case empty.IsZero():
			empty = time.Now()
		case time.Since(empty) > emptyLimit+o.r.cfg.Patience:
			o.r.violation("", "for %s nobody was on duty, because nobody had answered", time.Since(empty))
			return
		}
	}
}

// recovered checks that, when the calls are over, everybody is back and the alert is lifted.
func (o *outage) recovered(ctx context.Context) {
	if !o.hears(ctx, alertCascadeOver, o.limit()) && ctx.Err() == nil {
		o.r.violation("", "the phones are answered again, and nobody was told within %s", o.limit())
	}
	for late := time.Now().Add(o.limit()); ; {
		on, off := o.onDuty()
		switch {
		case off == "":
			return
		case ctx.Err() != nil:
			return
		case time.Now().After(late):
			o.r.violation("", "the phones are answered again, %d agents are on duty, and %s was not brought back within %s", on, off, o.limit())
			return
		}
		if !sleep(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// onDuty counts the agents whom TaskRouter offers calls to, and names one who is not among them.
func (o *outage) onDuty() (on int, off string) {
	for _, a := range o.r.agents {
		if _, available, err := o.r.sim.Availability(a.sid); err == nil && available {
			on++
		} else {
			off = a.entry.Name
		}
	}
	return on, off
}

// limit is how long Holdfast has to notice, and to bring everybody back.
func (o *outage) limit() time.Duration { return time.Minute + o.r.seconds(120) + o.r.cfg.Patience }
