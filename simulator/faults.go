package simulator

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Faults are what goes wrong between Twilio and the application, each as a share, from 0 to 1, of what it can strike. Zero: nothing does.
//
// The dice are the seed's: the same seed deals the same faults in the same order. Which request or webhook each of them meets is the
// machine's timing. What an administrator asks in-process ([Simulator.ServeHTTP] without a server around it) has no network in between,
// and meets none.
type Faults struct {
	// Doubled webhooks are sent again, under the same idempotency token, after their answer was lost on the way. All kinds.
	Doubled float64
	// Reordered webhooks are held back for up to 3 of Twilio's seconds while later ones of the same subject overtake them. Only those
	// whose answer nobody waits for: status callbacks and events.
	Reordered float64
	// Delayed webhooks hold up what comes after them on the same subject as well, for up to 5 of Twilio's seconds. Status callbacks and
	// events only.
	Delayed float64
	// Dropped webhooks never come, as when all their retries failed. Status callbacks and events only: a call whose voice webhook or
	// assignment callback is never answered is Twilio's to end, not the application's.
	Dropped float64

	// TooMany REST requests are refused with 429, every other one with "Retry-After: 1". Nothing happens.
	TooMany float64
	// Broken REST requests are answered 500: every other one before anything happened, every other one after.
	Broken float64
	// Timeout REST requests get no answer: the connection breaks after 20 of Twilio's seconds. Every other one has taken effect.
	Timeout float64
}

// The names under which Stats counts faults.
const (
	FaultDoubled   = "doubled"
	FaultReordered = "reordered"
	FaultDelayed   = "delayed"
	FaultDropped   = "dropped"
	FaultTooMany   = "429"
	FaultBroken    = "500"
	FaultTimeout   = "timeout"
)

// How long faults last at most, in Twilio's seconds.
const (
	reorderedFor = 3
	delayedFor   = 5
	timeoutAfter = 20
)

// dealer deals the faults of one simulator.
type dealer struct {
	faults Faults

	mu    sync.Mutex
	hooks *rand.Rand
	rest  *rand.Rand
	dealt map[string]int
}

func newDealer(faults Faults, seed uint64) *dealer {
	return &dealer{
		faults: faults, hooks: rand.New(rand.NewPCG(seed, 0xdea1)), rest: rand.New(rand.NewPCG(seed, 0x4e57)), dealt: map[string]int{},
	}
}

// strikesLocked rolls for one fault, and counts it. One roll for each fault that is switched on, so that a share does not change the others' luck.
func (d *dealer) strikesLocked(rng *rand.Rand, share float64, name string) bool {
	if share <= 0 || rng.Float64() >= share {
		return false
	}
	d.dealt[name]++
	return true
}

// counts are how many of each fault were dealt.
func (d *dealer) counts() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.dealt)
}

// hookTrouble is what happens to one queued webhook.
type hookTrouble struct {
	dropped          bool
	overtaken, stuck float64 // Twilio's seconds
}

// queued rolls for a webhook that nobody waits for.
func (d *dealer) queued() (t hookTrouble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.dropped = d.strikesLocked(d.hooks, d.faults.Dropped, FaultDropped); t.dropped {
		return t
	}
	if d.strikesLocked(d.hooks, d.faults.Delayed, FaultDelayed) {
		t.stuck = delayedFor * d.hooks.Float64()
	}
	if d.strikesLocked(d.hooks, d.faults.Reordered, FaultReordered) {
		t.overtaken = reorderedFor * d.hooks.Float64()
	}
	return t
}

// doubled rolls for a webhook of any kind that was answered.
func (d *dealer) doubled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.strikesLocked(d.hooks, d.faults.Doubled, FaultDoubled)
}

// hold lets a queued webhook suffer what was dealt to it, in its turn; false: it is not sent at all.
func (h *hookSender) hold(k hook, t *turn) (send bool) {
	switch k.kind() {
	case "event", "conference", "call-status":
	default:
		return true
	}
	trouble := h.s.dealer.queued()
	if trouble.dropped {
		h.s.stats.hook(k.kind(), 0, 1, true)
		return false
	}
	h.wait(trouble.stuck)
	if trouble.overtaken > 0 {
		t.pass()
		h.wait(trouble.overtaken)
	}
	return true
}

func (h *hookSender) wait(seconds float64) {
	if seconds <= 0 {
		return
	}
	pause(h.s.ctx, h.s.seconds(seconds))
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// restTrouble is what happens to one REST request.
type restTrouble struct {
	refused    *apiError // in place of the effect
	retryAfter string
	spoiled    *apiError // in place of the answer, after the effect
	lost       bool      // no answer at all
}

func errServer() *apiError {
	return &apiError{http.StatusInternalServerError, 20500, "Internal server error"}
}

// request rolls for a REST request: at most one fault strikes it.
func (d *dealer) request(r *http.Request) (t restTrouble) {
	if r.Context().Value(http.ServerContextKey) == nil {
		return t
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// The halves alternate rather than being diced for, so that a short run has both.
	other := func(name string) bool { return d.dealt[name]%2 == 0 }
	switch {
	case d.strikesLocked(d.rest, d.faults.TooMany, FaultTooMany):
		if t.refused = errTooMany; other(FaultTooMany) {
			t.retryAfter = "1"
		}
	case d.strikesLocked(d.rest, d.faults.Broken, FaultBroken):
		if t.refused = errServer(); other(FaultBroken) {
			t.refused, t.spoiled = nil, errServer()
		}
	case d.strikesLocked(d.rest, d.faults.Timeout, FaultTimeout):
		if t.lost = true; !other(FaultTimeout) {
			t.refused = errServer() // which nobody reads
		}
	}
	return t
}

// spoil changes an answer that is on its way. It does not return if there is none to be.
func (t restTrouble) spoil(s *Simulator, q *request, status int, body []byte) (int, []byte) {
	if t.lost {
		ctx, cancel := context.WithCancel(q.Context())
		defer context.AfterFunc(s.ctx, cancel)()
		pause(ctx, s.seconds(timeoutAfter))
		cancel()
		panic(http.ErrAbortHandler) // how a handler breaks the connection
	}
	if t.spoiled != nil && status < http.StatusBadRequest {
		spoiled, err := t.spoiled.MarshalJSON()
		if err != nil {
			return t.spoiled.Status, nil
		}
		return t.spoiled.Status, spoiled
	}
	return status, body
}
