package simulator

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats is what the simulator has counted since it was made.
type Stats struct {
	// Requests counts REST requests by method and route pattern
	// ("POST /v1/Workspaces/{WorkspaceSid}/Tasks"); the pattern of what no route matched is "unknown".
	Requests map[string]int
	// Refused counts REST answers of 400 and above by HTTP status.
	Refused map[int]int
	// Webhooks counts what was sent to the application, by kind: "assignment", "event", "conference", "call-status", and what else
	// Voice fetches.
	Webhooks map[string]HookStats
	// Calls counts ended calls by their final CallStatus.
	Calls map[string]int
	// Warnings counts what TwiML was warned of, by the code that Twilio's debugger shows.
	Warnings map[int]int
	// Faults counts what Config.Faults dealt, by name: FaultDoubled and the others.
	Faults map[string]int
}

// TotalRequests is the number of REST requests of all kinds.
func (st Stats) TotalRequests() int {
	n := 0
	for _, c := range st.Requests {
		n += c
	}
	return n
}

// HookStats tells how webhooks of one kind went.
type HookStats struct {
	Sent    int // webhooks, retries of one not counted, a fallback counted as another
	Retried int // attempts after the first
	Failed  int // webhooks to which no attempt brought a usable answer
	// Latencies holds how long the usable answers took, in real time, connection and retries included, unordered. Only the
	// last 65,536 are kept.
	Latencies []time.Duration
}

// Percentile is the latency that a share p (0 to 1) of the answers did not exceed; 0 when there was none.
func (h HookStats) Percentile(p float64) time.Duration {
	if len(h.Latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(h.Latencies))
	i := int(p*float64(len(sorted))+0.9999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

const (
	keptLatencies  = 1 << 16
	keptViolations = 1000
)

// statsBook has a lock of its own, inside the world's: webhooks end without that one.
type statsBook struct {
	concurrent atomic.Int64

	mu         sync.Mutex
	stats      Stats
	violations []string
	lost       int // violations beyond those kept
}

func newStatsBook() *statsBook {
	return &statsBook{stats: Stats{
		Requests: map[string]int{}, Refused: map[int]int{}, Webhooks: map[string]HookStats{}, Calls: map[string]int{},
		Warnings: map[int]int{},
	}}
}

func (b *statsBook) request(route string, status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Requests[route]++
	if status >= 400 {
		b.stats.Refused[status]++
	}
}

func (b *statsBook) hook(kind string, took time.Duration, attempts int, failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.stats.Webhooks[kind]
	if failed {
		h.Failed++
	} else if len(h.Latencies) < keptLatencies {
		h.Latencies = append(h.Latencies, took)
	} else {
		h.Latencies[h.Sent%keptLatencies] = took
	}
	h.Sent++
	h.Retried += attempts - 1
	b.stats.Webhooks[kind] = h
}

// warned counts a warning.
func (b *statsBook) warned(code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Warnings[code]++
}

// callEnded counts a call that has come to its final status.
func (b *statsBook) callEnded(status string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Calls[status]++
}

// Stats answers a copy of the counts; it may be called after Close.
func (s *Simulator) Stats() Stats {
	b := s.stats
	b.mu.Lock()
	defer b.mu.Unlock()
	out := Stats{
		Requests: maps.Clone(b.stats.Requests), Refused: maps.Clone(b.stats.Refused),
		Webhooks: make(map[string]HookStats, len(b.stats.Webhooks)), Calls: maps.Clone(b.stats.Calls),
		Warnings: maps.Clone(b.stats.Warnings), Faults: s.dealer.counts(),
	}
	for kind, h := range b.stats.Webhooks {
		h.Latencies = slices.Clone(h.Latencies)
		out.Webhooks[kind] = h
	}
	return out
}

// Violations lists what must not happen in a contact centre and did: an agent in more conversations than his capacity allows, a customer
// who hears a coach, a customer on hold with nobody coming, a leg or a task that outlives its customer's call (see [Bounds]). Each line tells
// one, oldest first; empty is good.
func (s *Simulator) Violations() []string {
	s.mu.Lock()
	s.auditLocked()
	s.mu.Unlock()
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	out := slices.Clone(s.stats.violations)
	if s.stats.lost > 0 {
		out = append(out, fmt.Sprintf("and %d more", s.stats.lost))
	}
	return out
}

// violationLocked records that an invariant broke; a line that was recorded already is not repeated.
func (s *Simulator) violationLocked(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	switch {
	case slices.Contains(s.stats.violations, line):
		return
	case len(s.stats.violations) < keptViolations:
		s.stats.violations = append(s.stats.violations, line)
	default:
		s.stats.lost++
	}
	s.log.Error("violation", "what", line)
}
