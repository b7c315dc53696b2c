package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"holdfast/call"
	"holdfast/store"
)

// The codes of problem documents that the API itself gives. The core's reasons why an action is impossible now (the codes of
// [call.NotAllowed]) travel as they are.
const (
	codeBadRequest         = "bad_request"
	codeBadTarget          = call.CodeBadTarget
	codeBadAddress         = call.CodeBadAddress
	codeUnauthorized       = "unauthorized"
	codeForbidden          = "forbidden"
	codeNotYourCall        = "not_your_call"
	codeNotYourLeg         = "not_your_leg"
	codeNotYourOffer       = "not_your_reservation"
	codeNotFound           = "not_found"
	codeCallNotFound       = "call_not_found"
	codeLegNotFound        = "leg_not_found"
	codeInvitationNotFound = "invitation_not_found"
	codeNoHelp             = "no_help"
	codeNoSupervision      = call.CodeNoSupervision
	codeOfferNotFound      = "reservation_not_found"
	codeMethodNotAllowed   = "method_not_allowed"
	codeSuperseded         = "superseded"
	codeFailed             = "failed"
	codeBodyTooLarge       = "body_too_large"
	codeInternal           = "internal"
	codeEngineAway         = "engine_away"
	codeStoreAway          = "store_away"
	codeTimeout            = "timeout"
)

// retryAfter is what a 503 asks a client to wait. Both the engine and the store come back within a second of being there again.
const retryAfter = time.Second

// problemError is an error that knows how it is answered. cause is logged and never shown.
type problemError struct {
	status int
	code   string
	detail string
	retry  time.Duration // 0 gives no Retry-After
	cause  error
	fields []FieldProblem // what is wrong with a body
}

func (e *problemError) Error() string {
	if e.cause != nil {
		return e.detail + ": " + e.cause.Error()
	}
	return e.detail
}

func (e *problemError) Unwrap() error { return e.cause }

func problem(status int, code, format string, args ...any) *problemError {
	return &problemError{status: status, code: code, detail: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *problemError {
	return problem(http.StatusBadRequest, codeBadRequest, format, args...)
}

func unavailable(code, detail string, cause error) *problemError {
	return &problemError{status: http.StatusServiceUnavailable, code: code, detail: detail, retry: retryAfter, cause: cause}
}

// problemOf is the one place that maps errors to answers. What it does not know is a defect: logged, and not shown.
func problemOf(err error) *problemError {
	var p *problemError
	var tooLarge *http.MaxBytesError
	var h *echo.HTTPError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, codeBodyTooLarge, "the body may have %d bytes", tooLarge.Limit)
	case errors.Is(err, errNoBody):
		return badRequest("a body is needed: JSON, with the header Content-Type: application/json")
	case errors.Is(err, store.ErrCursor):
		return badRequest("cursor is not one that was given out here")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable(codeTimeout, "it took too long", err)
	case errors.Is(err, store.ErrUnavailable):
		return unavailable(codeStoreAway, "the store is away", err)
	case errors.As(err, &h):
		return problemOfEcho(h)
	default:
		return &problemError{
			status: http.StatusInternalServerError, code: codeInternal, cause: err,
			detail: "something went wrong here; the log says what, under this request_id",
		}
	}
}

// problemOfEcho maps what Echo's router and the generated parameter binding say.
func problemOfEcho(h *echo.HTTPError) *problemError {
	switch h.Code {
	case http.StatusNotFound:
		return problem(h.Code, codeNotFound, "there is nothing at this path")
	case http.StatusMethodNotAllowed:
		return problem(h.Code, codeMethodNotAllowed, "this path does not take that method")
	case http.StatusRequestEntityTooLarge:
		return problem(h.Code, codeBodyTooLarge, "the body is too large")
	}
	if h.Code < http.StatusBadRequest || h.Code >= http.StatusInternalServerError {
		return problemOf(fmt.Errorf("handlers: %v", h.Message))
	}
	code := strings.ReplaceAll(strings.ToLower(http.StatusText(h.Code)), " ", "_")
	return problem(h.Code, code, "%v", h.Message)
}

// answerError is Echo's error handler: every error becomes a problem document (RFC 9457).
func (s *Server) answerError(err error, c echo.Context) {
	p := problemOf(err)
	ctx := c.Request().Context()
	if p.cause != nil {
		level := slog.LevelWarn
		if p.status == http.StatusInternalServerError {
			level = slog.LevelError
		}
		if c.Response().Committed || errors.Is(err, context.Canceled) {
			level = slog.LevelDebug // the client went away
		}
		s.log.LogAttrs(ctx, level, "request failed", slog.String("request_id", requestID(c)), slog.String("code", p.code),
			slog.Any("error", p.cause))
	}
	if c.Response().Committed {
		return
	}
	if err := writeProblem(c, p); err != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "problem not written", slog.String("request_id", requestID(c)), slog.Any("error", err))
	}
}

func writeProblem(c echo.Context, p *problemError) error {
	header := c.Response().Header()
	if p.retry > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	if p.status == http.StatusUnauthorized {
		header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="holdfast"`)
	}
	document := Problem{
		Type: "about:blank", Title: http.StatusText(p.status), Status: p.status, Detail: p.detail, Code: p.code,
	}
	if len(p.fields) > 0 {
		document.Errors = &p.fields
	}
	if id := requestID(c); id != "" {
		document.RequestID = &id
	}
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if c.Request().Method == http.MethodHead {
		return c.NoContent(p.status)
	}
	return c.Blob(p.status, "application/problem+json", body)
}
