package handlers

import (
	"go.opentelemetry.io/otel/metric"
)

// apiMetrics measure the HTTP edge. Durations are in seconds.
type apiMetrics struct {
	requests metric.Float64Histogram   // method, route, status: everything but streams
	actions  metric.Float64Histogram   // action, outcome: "verified", "accepted", or the problem's code
	streams  metric.Int64UpDownCounter // open now
	dropped  metric.Int64Counter       // streams whose reader did not keep up
}

func newAPIMetrics(meter metric.Meter) (apiMetrics, error) {
	i := instruments{meter: meterOr(meter)}
	m := apiMetrics{
		requests: i.duration("holdfast_http_request_duration", "Time to answer a request, by route and status; streams apart."),
		actions:  i.duration("holdfast_action_duration", "Time to answer an action, by outcome: verified, accepted, or why not."),
		dropped:  i.counter("holdfast_streams_dropped", "Live streams that were closed because their reader did not keep up."),
	}
	streams, err := i.meter.Int64UpDownCounter("holdfast_streams_open", metric.WithDescription("Live streams that are open now."))
	i.note("holdfast_streams_open", err)
	m.streams = streams
	return m, i.err
}
