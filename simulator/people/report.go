package people

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"holdfast/simulator"
)

// A Report is what came of a run. Times are real.
type Report struct {
	Script   string `json:"script"`
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	Agents   int    `json:"agents"` // who came to work

	Started   int `json:"started"`
	Completed int `json:"completed"` // caller and agent talked
	Abandoned int `json:"abandoned"` // the caller left before anybody talked to him
	Rejected  int `json:"rejected"`  // refused before the call was answered
	Lost      int `json:"lost"`
	Stopped   int `json:"stopped"` // under way when the run was stopped, or ended by a supervisor, whom no script has

	LostCalls []LostCall     `json:"lost_calls,omitempty"` // the first thousand
	Scenarios map[string]int `json:"scenarios"`            // calls by what was planned for them
	Outcomes  map[string]int `json:"outcomes"`             // calls by Holdfast's own account

	// Violations tells what must not happen and did, oldest first: the first thousand, ViolationCount has them all.
	Violations     []string `json:"violations"`
	ViolationCount int      `json:"violation_count"`

	Actions []ActionFigures `json:"actions"` // by name

	WallSeconds    float64          `json:"wall_seconds"` // from the first call's beginning to the last one's end
	CallsPerSecond float64          `json:"calls_per_second"`
	Simulator      SimulatorFigures `json:"simulator"`
}

// A LostCall is one that did not come to the end it should have.
type LostCall struct {
	Call     string `json:"call"` // the customer's CallSid; empty if the call could not even be dialled
	From     string `json:"from"`
	Scenario string `json:"scenario"`
	Why      string `json:"why"`
}

// ActionFigures are how one action of the agents' API went. The percentiles are of verified answers, the request's whole way.
type ActionFigures struct {
	Name       string  `json:"name"`
	Count      int     `json:"count"`
	Verified   int     `json:"verified"`   // 200
	Accepted   int     `json:"accepted"`   // 202: not verified in time
	Refused    int     `json:"refused"`    // any other answer
	Unanswered int     `json:"unanswered"` // nobody there, for as long as an agent tried
	P50        float64 `json:"p50_ms"`
	P95        float64 `json:"p95_ms"`
	P99        float64 `json:"p99_ms"`
}

// SimulatorFigures are simulator.Stats with its samples boiled down.
type SimulatorFigures struct {
	Requests        int                    `json:"requests"` // Twilio REST requests
	RequestsPerCall float64                `json:"requests_per_call"`
	Refused         map[int]int            `json:"refused,omitempty"` // by HTTP status
	Webhooks        map[string]HookFigures `json:"webhooks"`          // by kind
	Calls           map[string]int         `json:"calls"`             // legs by final CallStatus
}

// HookFigures are how Holdfast answered one kind of webhook.
type HookFigures struct {
	Sent    int     `json:"sent"`
	Retried int     `json:"retried"`
	Failed  int     `json:"failed"`
	P50     float64 `json:"p50_ms"`
	P95     float64 `json:"p95_ms"`
	P99     float64 `json:"p99_ms"`
}

// OK says that no call was lost and nothing happened that must not.
func (r Report) OK() bool { return r.Lost == 0 && r.ViolationCount == 0 }

// Text is the report for people.
func (r Report) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("script %s, scenario %s, seed %d, %d agents", r.Script, r.Scenario, r.Seed, r.Agents)
	line("calls       %d started: %d completed, %d abandoned, %d rejected, %d lost%s", r.Started, r.Completed, r.Abandoned, r.Rejected,
		r.Lost, unless(r.Stopped == 0, fmt.Sprintf(", %d stopped with the run", r.Stopped)))
	const shown = 20
	for _, l := range r.LostCalls[:min(shown, len(r.LostCalls))] {
		line("  lost      %s from %s (%s): %s", l.Call, l.From, l.Scenario, l.Why)
	}
	line("time        %.1f s, %.2f calls/s", r.WallSeconds, r.CallsPerSecond)
	if len(r.Actions) > 0 {
		line("%-12s%8s%10s%10s%9s%12s%10s%10s%10s", "action", "count", "verified", "accepted", "refused", "unanswered", "p50 ms", "p95 ms", "p99 ms")
	}
	for _, a := range r.Actions {
		line("%-12s%8d%10d%10d%9d%12d%10.1f%10.1f%10.1f", a.Name, a.Count, a.Verified, a.Accepted, a.Refused, a.Unanswered, a.P50, a.P95, a.P99)
	}
	if len(r.Simulator.Webhooks) > 0 {
		line("%-16s%8s%9s%8s%10s%10s%10s", "webhook", "sent", "retried", "failed", "p50 ms", "p95 ms", "p99 ms")
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Simulator.Webhooks)) {
		h := r.Simulator.Webhooks[kind]
		line("%-16s%8d%9d%8d%10.1f%10.1f%10.1f", kind, h.Sent, h.Retried, h.Failed, h.P50, h.P95, h.P99)
	}
	line("twilio      %d requests, %.1f a call", r.Simulator.Requests, r.Simulator.RequestsPerCall)
	line("violations  %d", r.ViolationCount)
	for _, v := range r.Violations[:min(shown, len(r.Violations))] {
		line("  %s", v)
	}
	if r.ViolationCount > shown {
		line("  and %d more", r.ViolationCount-min(shown, len(r.Violations)))
	}
	return b.String()
}

func unless(unwanted bool, text string) string {
	if unwanted {
		return ""
	}
	return text
}

// report puts the book and the simulator's counts together.
func (r *run) report() Report {
	rep := r.book.report()
	rep.Script, rep.Scenario, rep.Seed, rep.Agents = r.script.Name, r.cfg.Scenario, r.cfg.Seed, len(r.agents)
	stats := r.sim.Stats()
	s := SimulatorFigures{
		Requests: stats.TotalRequests(), Refused: stats.Refused, Calls: stats.Calls, Webhooks: map[string]HookFigures{},
	}
	if rep.Started > 0 {
		s.RequestsPerCall = float64(s.Requests-r.requestsBefore) / float64(rep.Started)
	}
	for kind, h := range stats.Webhooks {
		s.Webhooks[kind] = hookFigures(h)
	}
	rep.Simulator = s
	return rep
}

func hookFigures(h simulator.HookStats) HookFigures {
	p := percentiles(h.Latencies)
	return HookFigures{Sent: h.Sent, Retried: h.Retried, Failed: h.Failed, P50: p[0], P95: p[1], P99: p[2]}
}

// percentiles are the 50th, 95th and 99th of samples, in milliseconds: of n samples in order, the ceil(p·n)th.
func percentiles(samples []time.Duration) [3]float64 {
	var p [3]float64
	if len(samples) == 0 {
		return p
	}
	sorted := slices.Sorted(slices.Values(samples))
	for i, share := range []float64{0.50, 0.95, 0.99} {
		n := int(math.Ceil(share * float64(len(sorted))))
		p[i] = float64(sorted[n-1]) / float64(time.Millisecond)
	}
	return p
}
