package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"holdfast/call"
	"holdfast/floor"
	"holdfast/store"
)

const idempotencyHeader = "I-Twilio-Idempotency-Token"

// webhookRequest is a request that was read.
type webhookRequest struct {
	params url.Values // the form's, or the query's of a GET; a handler gets them cleaned of what must not be kept
	query  url.Values // the URL's: what we wrote into it when we handed it out
	keyed  string     // the keys that were pressed: to be looked at, and never kept
	spoken spokenWords
	token  string // I-Twilio-Idempotency-Token: the same over the retries of one request
	at     time.Time
}

// webhookRow is what a webhook is written down as.
type webhookRow struct {
	kind     string // Twilio's name for it
	subject  store.Subject
	event    call.Event         // nil: it decides nothing for a call
	floor    floor.Event        // nil: it decides nothing for the floor
	agent    *store.AgentChange // what it says of an agent
	identity string             // what tells it from others of its kind and subject, where Twilio sent no token
}

// The kinds of subjects.
const (
	subjectCall      = store.SubjectCall
	subjectAgent     = "agent"
	subjectQueue     = "queue"
	subjectTask      = "task"                 // a task whose call nobody knows
	subjectWorkspace = store.SubjectWorkspace // the floor, and the rest
)

func callSubject(id call.ID) store.Subject { return store.Subject{Kind: subjectCall, ID: string(id)} }

// webhook wraps a handler with what every webhook goes through first.
func (w *Webhooks) webhook(next func(echo.Context, *webhookRequest) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := &webhookRequest{at: w.now(), token: c.Request().Header.Get(idempotencyHeader), query: c.QueryParams()}
		if refusal := w.read(c, in); refusal != nil {
			return w.refuse(c, in, *refusal)
		}
		if refusal := w.belongs(c.Request(), in); refusal != nil {
			return w.refuse(c, in, *refusal)
		}
		in.keyed, in.spoken = in.params.Get("Digits"), wordsIn(in.params)
		in.params = cleaned(in.params) // once it is Twilio's: the signature is that of what came
		return next(c, in)
	}
}

// read takes the parameters out of the body, or out of the query of a GET.
func (w *Webhooks) read(c echo.Context, in *webhookRequest) *webhookRefusal {
	r := c.Request()
	if r.Method == http.MethodGet {
		in.params = in.query
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEApplicationForm {
		return &webhookRefusal{http.StatusUnsupportedMediaType, refusedContentType, "A webhook is sent as " + echo.MIMEApplicationForm + "."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, w.cfg.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &webhookRefusal{
			http.StatusRequestEntityTooLarge, refusedTooLarge, fmt.Sprintf("The body is larger than %d bytes.", w.cfg.MaxBody),
		}
	case err != nil:
		return &webhookRefusal{http.StatusBadRequest, refusedMalformed, "The body could not be read."}
	}
	if in.params, err = url.ParseQuery(string(body)); err != nil {
		return &webhookRefusal{http.StatusBadRequest, refusedMalformed, "The body is no form."}
	}
	return nil
}

// belongs says why a request is not Twilio's, or not for us; nil if it is. The signature comes first: nothing else in a request that
// lacks it means anything.
func (w *Webhooks) belongs(r *http.Request, in *webhookRequest) *webhookRefusal {
	given := r.Header.Get(signatureHeader)
	if given == "" {
		return &webhookRefusal{http.StatusForbidden, refusedSignature, signatureHeader + " is missing."}
	}
	form := in.params
	if r.Method == http.MethodGet {
		form = nil
	}
	account := in.params.Get("AccountSid")
	addresses := publicAddresses(w.cfg.PublicURL, r)
	ours := signedBy(w.cfg.AuthToken, given, addresses, form)
	signed := func(token string) bool { return signedBy(token, given, addresses, form) }
	if !ours && !slices.ContainsFunc(w.tokensOf(r.Context(), account), signed) {
		return &webhookRefusal{
			http.StatusForbidden, refusedSignature, fmt.Sprintf("%s is not that of the account's primary token for a URL under %s.",
				signatureHeader, w.cfg.PublicURL.Redacted()),
		}
	}
	if ours && account != w.cfg.AccountSID {
		return &webhookRefusal{http.StatusForbidden, refusedAccount, "The account is not the one that this server is for."}
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	workspace := in.params.Get("WorkspaceSid")
	needed := strings.HasSuffix(path, PathAssignment) || strings.HasSuffix(path, PathEvents)
	if (needed || workspace != "") && !w.workspaceOf(r.Context(), account, workspace) {
		return &webhookRefusal{http.StatusForbidden, refusedWorkspace, "The workspace is not the one that this server is for."}
	}
	return nil
}

// row is what is stored of a webhook.
func (in *webhookRequest) row(d webhookRow) (store.Webhook, error) {
	row := store.Webhook{Key: in.key(d), Kind: d.kind, Subject: d.subject, Params: flattened(in.params), ReceivedAt: in.at, Agent: d.agent}
	var event []byte
	var err error
	switch {
	case d.event != nil:
		event, err = json.Marshal(call.Envelope{Event: d.event})
	case d.floor != nil:
		event, err = json.Marshal(floor.Envelope{Event: d.floor})
	}
	if err != nil {
		return store.Webhook{}, err
	}
	row.Event = event
	return row, nil
}

// key is what the inbox knows a webhook by: Twilio's token, else what identifies it by itself, with its kind and subject.
func (in *webhookRequest) key(d webhookRow) string {
	identity := "token:" + in.token
	if in.token == "" {
		identity = "self:" + d.identity
	}
	if len(identity) > 128 { // the header is not part of what is signed
		sum := sha256.Sum256([]byte(identity))
		identity = hex.EncodeToString(sum[:])
	}
	return identity + "|" + d.kind + "|" + d.subject.Kind + ":" + d.subject.ID
}

// keep writes down a webhook that must be answered whatever happens: in the inbox, else in the spool.
func (w *Webhooks) keep(ctx context.Context, in *webhookRequest, d webhookRow) {
	row, err := in.row(d)
	if err != nil {
		w.lose(ctx, d, err)
		return
	}
	if !w.spool.waiting() { // what waits there came before
		err = w.write(ctx, row)
		if err == nil {
			return
		}
		w.log.LogAttrs(ctx, slog.LevelError, "the inbox cannot be written; answered and spooled", slog.String("kind", d.kind), slog.Any("error", err))
	}
	if err := w.spool.add(row); err != nil {
		w.lose(ctx, d, err)
		return
	}
	w.metrics.spooled.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", d.kind)))
	w.count(ctx, d.kind, "spooled")
}

func (w *Webhooks) lose(ctx context.Context, d webhookRow, err error) {
	w.metrics.lost.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", d.kind)))
	w.log.LogAttrs(ctx, slog.LevelError, "a webhook was answered and could not be kept", slog.String("kind", d.kind),
		slog.String("subject", d.subject.Kind+":"+d.subject.ID), slog.Any("error", err))
}

// record writes down a webhook that Twilio can send again, and answers it: 204, or 503 if the inbox cannot be written.
func (w *Webhooks) record(c echo.Context, in *webhookRequest, d webhookRow) error {
	ctx := c.Request().Context()
	row, err := in.row(d)
	if err == nil {
		err = w.write(ctx, row)
	}
	if err == nil {
		return c.NoContent(http.StatusNoContent)
	}
	w.count(ctx, d.kind, "unavailable")
	w.log.LogAttrs(ctx, slog.LevelError, "the inbox cannot be written; Twilio is asked to try again", slog.String("kind", d.kind), slog.Any("error", err))
	c.Response().Header().Set(echo.HeaderRetryAfter, "1")
	return c.NoContent(http.StatusServiceUnavailable)
}

func (w *Webhooks) write(ctx context.Context, row store.Webhook) error {
	duplicate, err := w.receive(ctx, row)
	switch {
	case err != nil:
		return err
	case duplicate:
		w.metrics.duplicate.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", row.Kind)))
		w.count(ctx, row.Kind, "duplicate")
	case row.Event == nil:
		w.count(ctx, row.Kind, "undecided")
	default:
		w.count(ctx, row.Kind, "kept")
	}
	return nil
}

// receive gives up after the time that is set, even where the store does not (a disk that hangs, another process's lock). Should the
// row be written after that, its key makes the second writing a duplicate.
func (w *Webhooks) receive(ctx context.Context, row store.Webhook) (duplicate bool, err error) {
	bounded, cancel := w.storeContext(ctx)
	type outcome struct {
		duplicate bool
		err       error
	}
	done := make(chan outcome, 1)
	go func() {
		defer cancel()
		_, duplicate, err := w.store.Receive(bounded, row)
		done <- outcome{duplicate, err}
	}()
	select {
	case o := <-done:
		return o.duplicate, o.err
	case <-bounded.Done():
		select {
		case o := <-done: // it ended by itself, which cancels as well
			return o.duplicate, o.err
		default:
			return false, bounded.Err()
		}
	}
}

func (w *Webhooks) count(ctx context.Context, kind, outcome string) {
	w.metrics.received.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", kind), attribute.String("outcome", outcome)))
}
