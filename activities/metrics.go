package activities

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.temporal.io/sdk/activity"
)

// metrics of the requests to Twilio, on OpenTelemetry's global meter.
type metrics struct {
	requests metric.Int64Counter
	duration metric.Float64Histogram
	alerts   metric.Int64Counter
	retries  metric.Int64Counter

	floorAlerts metric.Int64Counter
}

func newMetrics() (metrics, error) {
	meter := otel.Meter("holdfast/activities")
	requests, err := meter.Int64Counter("holdfast_twilio_requests",
		metric.WithDescription("Requests to Twilio's REST API, by method, route and class of status."))
	if err != nil {
		return metrics{}, err
	}
	alerts, err := meter.Int64Counter("holdfast_call_alerts",
		metric.WithDescription("Alerts that calls raised, by code; each is on its call's timeline."))
	if err != nil {
		return metrics{}, err
	}
	floorAlerts, err := meter.Int64Counter("holdfast_floor_alerts",
		metric.WithDescription("Alerts about agents who do not answer, by code."))
	if err != nil {
		return metrics{}, err
	}
	duration, err := meter.Float64Histogram("holdfast_twilio_request_duration", metric.WithUnit("s"),
		metric.WithDescription("How long Twilio took to answer, one attempt each."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	if err != nil {
		return metrics{}, err
	}
	retries, err := meter.Int64Counter("holdfast_twilio_retries",
		metric.WithDescription("Requests to Twilio of activities that were tried before, by route."))
	return metrics{requests: requests, duration: duration, retries: retries, alerts: alerts, floorAlerts: floorAlerts}, err
}

func (m metrics) record(ctx context.Context, x *exchange, r route, took time.Duration) {
	attributes := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("method", x.method), attribute.String("route", r.path), attribute.String("status", class(x.status))))
	m.requests.Add(ctx, 1, attributes)
	m.duration.Record(ctx, took.Seconds(), attributes)
	if activity.IsActivity(ctx) && activity.GetInfo(ctx).Attempt > 1 {
		m.retries.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(attribute.String("method", x.method), attribute.String("route", r.path))))
	}
}

// alerted counts an alert by its code.
func (m metrics) alerted(ctx context.Context, data json.RawMessage) {
	var alert struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(data, &alert) != nil {
		alert.Code = "unknown"
	}
	m.alerts.Add(ctx, 1, metric.WithAttributes(attribute.String("code", alert.Code)))
}

// class is "2xx" and so on, "429" by itself, and "none" where no answer came.
func class(status int) string {
	switch {
	case status == 429:
		return "429"
	case status >= 100 && status < 600:
		return strconv.Itoa(status/100) + "xx"
	default:
		return "none"
	}
}
