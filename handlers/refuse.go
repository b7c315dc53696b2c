package handlers

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/store"
)

// A webhookRefusal is why a request is not taken as a webhook of ours.
type webhookRefusal struct {
	Status int
	Reason string // as counted and recorded
	Detail string // for whoever sets Holdfast up; nothing of the body
}

// The reasons, as the metric and the refusals table name them.
const (
	refusedSignature   = "signature"
	refusedAccount     = "account"
	refusedWorkspace   = "workspace"
	refusedTooLarge    = "body_too_large"
	refusedContentType = "content_type"
	refusedMalformed   = "malformed"
)

// Refusals are recorded at this pace and only counted beyond it: anybody can be refused, and must not fill the disk.
const (
	refusalsPerSecond = 10
	refusalsAtOnce    = 100
)

// refuse answers with a problem document (RFC 9457), counts, and records.
func (w *Webhooks) refuse(c echo.Context, in *webhookRequest, r webhookRefusal) error {
	ctx := c.Request().Context()
	w.metrics.refused.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", r.Reason)))
	if w.refusals.Allow() {
		w.recordRefusal(ctx, store.Refusal{
			At: w.now(), Reason: r.Reason, Path: clipped(c.Request().URL.Path),
			Account: clipped(in.params.Get("AccountSid")), Workspace: clipped(in.params.Get("WorkspaceSid")), Detail: r.Detail,
		})
	}
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(r.Status), "status": r.Status, "detail": r.Detail, "code": r.Reason,
	})
	if err != nil {
		return err
	}
	return c.Blob(r.Status, "application/problem+json", body)
}

func (w *Webhooks) recordRefusal(ctx context.Context, refusal store.Refusal) {
	w.log.LogAttrs(ctx, slog.LevelWarn, "webhook refused", slog.String("reason", refusal.Reason), slog.String("path", refusal.Path),
		slog.String("detail", refusal.Detail))
	ctx, cancel := w.storeContext(ctx)
	defer cancel()
	if err := w.store.Refuse(ctx, refusal); err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "refusal not recorded", slog.Any("error", err))
	}
}

// storeContext bounds a write to the store, which goes on when the one who asked has gone: what Twilio told us once is not told again.
func (w *Webhooks) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), w.cfg.WriteWithin)
}

// clipped keeps what strangers send from growing.
func clipped(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most]
}

func (w *Webhooks) now() time.Time { return w.cfg.Clock() }
