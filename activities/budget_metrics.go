package activities

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// budgetMetrics show what a budget does, on OpenTelemetry's global meter. What they measure belongs to no single request.
type budgetMetrics struct {
	ctx       context.Context // no request's
	inFlight  metric.Int64UpDownCounter
	waiting   metric.Int64UpDownCounter
	wait      metric.Float64Histogram
	throttled metric.Int64Counter
	refused   metric.Int64Counter
	breaker   metric.Int64Gauge
	share     metric.Float64Gauge
	account   metric.Int64Gauge
	most      metric.Int64Gauge
	rate      metric.Float64Gauge
}

func newBudgetMetrics() (budgetMetrics, error) {
	m := budgetMetrics{ctx: context.Background()}
	meter := otel.Meter("holdfast/activities")
	var errs [10]error
	m.inFlight, errs[0] = meter.Int64UpDownCounter("holdfast_twilio_in_flight",
		metric.WithDescription("Requests to Twilio that are under way in this process."))
	m.waiting, errs[1] = meter.Int64UpDownCounter("holdfast_twilio_waiting",
		metric.WithDescription("Requests to Twilio that wait for their turn, by priority."))
	m.wait, errs[2] = meter.Float64Histogram("holdfast_twilio_wait", metric.WithUnit("s"),
		metric.WithDescription("How long requests to Twilio waited for their turn, by priority."),
		metric.WithExplicitBucketBoundaries(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4))
	m.throttled, errs[3] = meter.Int64Counter("holdfast_twilio_throttled",
		metric.WithDescription("Answers 429 of Twilio; each slows the whole account."))
	m.refused, errs[4] = meter.Int64Counter("holdfast_twilio_not_sent",
		metric.WithDescription("Requests that were not sent, to be tried again: held (paused, or the breaker is open) or waited (too long)."))
	m.breaker, errs[5] = meter.Int64Gauge("holdfast_twilio_breaker_state",
		metric.WithDescription("The breaker of a product: 0 closed, 1 half-open, 2 open."))
	m.share, errs[6] = meter.Float64Gauge("holdfast_twilio_share",
		metric.WithDescription("The part of its concurrency and rate that the account uses now, after answers 429; 1 is all."))
	m.account, errs[7] = meter.Int64Gauge("holdfast_twilio_account_concurrent_requests",
		metric.WithDescription("Requests of the account under way at Twilio, all its clients together, as its last answer said."))
	m.most, errs[8] = meter.Int64Gauge("holdfast_twilio_concurrency_limit",
		metric.WithDescription("Requests to Twilio that this process may have under way: its part, where several processes share the account."))
	m.rate, errs[9] = meter.Float64Gauge("holdfast_twilio_rate_limit", metric.WithUnit("{request}/s"),
		metric.WithDescription("Requests to Twilio that this process may start in a second: its part, where several processes share the account."))
	for _, e := range errs {
		if e != nil {
			return m, e
		}
	}
	return m, nil
}

// Attribute sets are made once: a budget records several of them for each request.
var (
	byPriority = func() (sets [urgencies]metric.MeasurementOption) {
		for u := range sets {
			sets[u] = metric.WithAttributeSet(attribute.NewSet(attribute.String("priority", urgency(u).String())))
		}
		return sets
	}()
	byProduct = func() (sets [products]metric.MeasurementOption) {
		for p := range sets {
			sets[p] = metric.WithAttributeSet(attribute.NewSet(attribute.String("product", product(p).String())))
		}
		return sets
	}()
)

func (m *budgetMetrics) waits(u urgency, n int64) { m.waiting.Add(m.ctx, n, byPriority[u]) }

func (m *budgetMetrics) turn(u urgency, waited time.Duration) {
	m.wait.Record(m.ctx, waited.Seconds(), byPriority[u])
}

func (m *budgetMetrics) began(t *ticket) { m.inFlight.Add(m.ctx, 1, byProduct[t.product]) }

func (m *budgetMetrics) ended(t *ticket, v verdict) {
	m.inFlight.Add(m.ctx, -1, byProduct[t.product])
	if v == verdictThrottled {
		m.throttled.Add(m.ctx, 1, byProduct[t.product])
	}
}

func (m *budgetMetrics) notSent(t *ticket, why string) {
	m.refused.Add(m.ctx, 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("priority", t.urgency.String()), attribute.String("reason", why))))
}

func (m *budgetMetrics) limits(concurrency int, rate float64) {
	m.most.Record(m.ctx, int64(concurrency))
	m.rate.Record(m.ctx, rate)
}

func (m *budgetMetrics) state(l *ledger, now time.Time) {
	m.share.Record(m.ctx, l.throttle.share)
	for p := range l.breakers {
		m.breaker.Record(m.ctx, int64(l.breakers[p].state(now)), byProduct[p])
	}
}

// atOnce takes in how many requests of the account Twilio counts; 0: it did not say.
func (m *budgetMetrics) atOnce(n int) {
	if n > 0 {
		m.account.Record(m.ctx, int64(n))
	}
}
