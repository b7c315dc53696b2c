package handlers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Telemetry is the process's metrics: OpenTelemetry inside, Prometheus outside.
type Telemetry struct {
	provider *metric.MeterProvider
	registry *prometheus.Registry
	handler  http.Handler
}

// NewTelemetry makes a meter provider for a process of this version, with Go's own figures beside ours.
func NewTelemetry(version string) (*Telemetry, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("handlers: metrics: %w", err)
		}
	}
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("handlers: metrics: %w", err)
	}
	about := resource.NewSchemaless(attribute.String("service.name", "holdfast"), attribute.String("service.version", version))
	return &Telemetry{
		provider: metric.NewMeterProvider(metric.WithReader(exporter), metric.WithResource(about)),
		registry: registry,
		handler:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}),
	}, nil
}

// Provider makes instruments that [Telemetry.Handler] shows.
func (t *Telemetry) Provider() *metric.MeterProvider { return t.provider }

// SetGlobal makes it the process's meter provider; instruments that were made before follow.
func (t *Telemetry) SetGlobal() { otel.SetMeterProvider(t.provider) }

// Handler answers with the metrics in the Prometheus text format.
func (t *Telemetry) Handler() http.Handler { return t.handler }

// Total is the sum of a counter over all its labels, by its name in the Prometheus text; 0 if it never counted.
func (t *Telemetry) Total(counter string) (float64, error) {
	families, err := t.registry.Gather()
	if err != nil {
		return 0, fmt.Errorf("handlers: metrics: %w", err)
	}
	var total float64
	for _, family := range families {
		if family.GetName() == counter {
			for _, m := range family.GetMetric() {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total, nil
}

// Shutdown ends the measuring; the handler has nothing of ours to show afterwards.
func (t *Telemetry) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }
