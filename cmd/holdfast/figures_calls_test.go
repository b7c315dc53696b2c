package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// callFigures are those of standard calls: ring, accept, talk, one hold, hang up, wrap-up.
type callFigures struct {
	Calls                                 int
	Offered, Reached                      float64 // a second
	Messages, Activities, Requests, Hooks float64 // a call
	Time                                  processorTime
}

// throughput offers more and more standard calls a second until a call is lost or something happens that must not, and then gives the raw engine as many messages and
// activities a call.
func (f *figuresReport) throughput(t *testing.T) {
	for _, offered := range []float64{10, 15, 20, 25, 30, 40, 50} {
		figures, ok := standardCalls(t, offered)
		if !ok {
			f.TooMany = offered
			break
		}
		f.Most = &figures
	}
	require.NotNil(t, f.Most, "not even the fewest calls go well")
	f.Raw = rawEngine(t, f.Most.Calls, int(f.Most.Messages+0.5), int(f.Most.Activities+0.5))
}

// standardCalls has so many calls a second come for some twenty seconds.
func standardCalls(t *testing.T, offered float64) (callFigures, bool) {
	const second = 50 * time.Millisecond
	s := quietStage(t, int(20+offered*6), second, true)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	calls := int(20 * offered)
	before := s.processorTime(t)
	report, err := s.run(t.Context(), people.RunConfig{Calls: calls, Rate: offered, Seed: 1, Scenario: "standard", Second: second})
	require.NoError(t, err)
	if !report.OK() {
		t.Logf("%.0f calls a second are too many: %s", offered, report.Text())
		return callFigures{}, false
	}
	perCall := func(metric, labelled string) float64 { return metricOf(t, s.public, metric, labelled) / float64(calls) }
	c := callFigures{
		Calls: calls, Offered: offered, Reached: report.CallsPerSecond, Time: s.processorTime(t).since(before, calls),
		Messages: perCall("holdfast_engine_messages_total", ""), Activities: perCall("holdfast_twilio_requests_total", `"POST"`),
		Requests: report.Simulator.RequestsPerCall, Hooks: perCall("holdfast_webhooks_received_total", ""),
	}
	t.Logf("%.0f offered: %+v", offered, c)
	return c, true
}

type rateFigures struct {
	Rate, Reached          float64
	TooMany                bool // for the machine: calls were lost, or something happened that must not
	Assignment, Hold, Wrap percentiles
}

// atRate measures what people wait for while calls come at a rate.
func (f *figuresReport) atRate(t *testing.T, rate float64) {
	const second = 50 * time.Millisecond
	s := quietStage(t, int(20+rate*6), second, true)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	report, err := s.run(t.Context(), people.RunConfig{Calls: int(30 * max(rate, 2)), Rate: rate, Seed: 2, Scenario: "standard", Second: second})
	require.NoError(t, err)
	if anyMachine := 5.0; rate <= anyMachine {
		requireOK(t, report)
	}
	hook := report.Simulator.Webhooks["assignment"]
	r := rateFigures{Rate: rate, Reached: report.CallsPerSecond, TooMany: !report.OK(), Assignment: percentiles{hook.P50, hook.P95, hook.P99}}
	for _, a := range report.Actions {
		switch a.Name {
		case "hold":
			r.Hold = percentiles{a.P50, a.P95, a.P99}
		case "wrap-up":
			r.Wrap = percentiles{a.P50, a.P95, a.P99}
		}
	}
	t.Logf("%+v", r)
	f.Rates = append(f.Rates, r)
}
