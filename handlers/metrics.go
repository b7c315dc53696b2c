package handlers

import (
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// webhookMetrics count what comes in from Twilio. Durations are in seconds.
type webhookMetrics struct {
	received   metric.Int64Counter     // kind, outcome
	duplicate  metric.Int64Counter     // kind
	refused    metric.Int64Counter     // reason
	unreadable metric.Int64Counter     // kind: task attributes that are no JSON object
	spooled    metric.Int64Counter     // kind
	lost       metric.Int64Counter     // kind: neither inbox nor spool took it
	assignment metric.Float64Histogram // from the request to the answer
	turn       metric.Float64Histogram // likewise, of a bot's turn; prepared
}

// deliveryMetrics count what goes on to the workflows. Durations are in seconds.
type deliveryMetrics struct {
	lag    metric.Float64Histogram // from the inbox to the engine
	late   metric.Int64Counter     // events of calls that had ended
	stray  metric.Int64Counter     // events of calls that never began
	resent metric.Int64Counter     // deliveries sent again because nothing acknowledged them
}

// durationBuckets reach from what an unloaded machine needs to what Twilio waits for.
var durationBuckets = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2, 5}

// meterOr is the meter, or the process's own, which follows the provider that the process sets up later.
func meterOr(m metric.Meter) metric.Meter {
	if m != nil {
		return m
	}
	return otel.Meter("holdfast/handlers")
}

// instruments makes instruments and keeps the first error.
type instruments struct {
	meter metric.Meter
	err   error
}

func (i *instruments) counter(name, description string) metric.Int64Counter {
	c, err := i.meter.Int64Counter(name, metric.WithDescription(description))
	i.note(name, err)
	return c
}

func (i *instruments) duration(name, description string) metric.Float64Histogram {
	h, err := i.meter.Float64Histogram(name, metric.WithDescription(description), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(durationBuckets...))
	i.note(name, err)
	return h
}

func (i *instruments) note(name string, err error) {
	if err != nil && i.err == nil {
		i.err = fmt.Errorf("handlers: instrument %s: %w", name, err)
	}
}

func newWebhookMetrics(meter metric.Meter) (webhookMetrics, error) {
	i := instruments{meter: meterOr(meter)}
	m := webhookMetrics{
		received:   i.counter("holdfast_webhooks_received", "Webhooks that passed every check, by kind and by what became of them."),
		duplicate:  i.counter("holdfast_webhooks_duplicate", "Webhooks that had been received before, and counted once."),
		refused:    i.counter("holdfast_webhooks_refused", "Requests that were not Twilio's, or not for this account and workspace, by reason."),
		unreadable: i.counter("holdfast_webhooks_unreadable_attributes", "Webhooks whose task attributes are no JSON object."),
		spooled:    i.counter("holdfast_webhooks_spooled", "Webhooks that were answered while the inbox could not be written."),
		lost:       i.counter("holdfast_webhooks_lost", "Webhooks that neither the inbox nor the spool could take."),
		turn:       i.duration("holdfast_bot_turn_answer", "Time to answer a bot's turn, the brain's included, by whether it had been thought of before (prepared)."),
		assignment: i.duration("holdfast_assignment_answer", "Time to answer an assignment callback. Twilio waits 5 s."),
	}
	return m, i.err
}

func newDeliveryMetrics(meter metric.Meter) (deliveryMetrics, error) {
	i := instruments{meter: meterOr(meter)}
	m := deliveryMetrics{
		lag:    i.duration("holdfast_delivery_lag", "Time from the inbox to the call's workflow."),
		late:   i.counter("holdfast_events_late", "Events that came after their call had ended."),
		stray:  i.counter("holdfast_events_stray", "Events of calls that never began."),
		resent: i.counter("holdfast_events_resent", "Events sent again because no workflow acknowledged them."),
	}
	return m, i.err
}
