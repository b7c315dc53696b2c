package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"
)

// Stream answers GET /v1/stream.
func (a *api) Stream(ctx context.Context, request StreamRequestObject) (StreamResponseObject, error) {
	r := streamReader{api: a, key: keyIn(ctx)}
	p := request.Params
	if p.Call != nil {
		if !callIDPattern.MatchString(*p.Call) {
			return nil, badRequest("call must be a call's ID")
		}
		r.call = *p.Call
	}
	last, err := a.store.LastSeq(ctx)
	if err != nil {
		return nil, err
	}
	r.seq = last
	from := p.LastEventID
	if from == nil {
		from = p.LastEventIDQuery
	}
	if from != nil {
		if *from < 0 {
			return nil, badRequest("Last-Event-ID must not be negative")
		}
		r.seq = min(*from, last) // beyond the last is from another database: begin now
	}
	return streamAnswer(func(w http.ResponseWriter) error { return r.serve(ctx, w) }), nil
}

// streamAnswer writes a response that goes on.
type streamAnswer func(http.ResponseWriter) error

// VisitStreamResponse is the generated interface.
func (s streamAnswer) VisitStreamResponse(w http.ResponseWriter) error { return s(w) }

// streamReader is one reader of the live stream and his place in it.
type streamReader struct {
	*api
	key  Key
	call string // "" is every call
	seq  int64  // the last entry that he has, or that was not for him
}

func (r *streamReader) wants(f frame) bool {
	if r.call != "" && f.call != r.call {
		return false
	}
	return !r.key.isAgent() || !f.private && slices.Contains(f.agents, r.key.Agent)
}

// serve writes until the reader goes, does not keep up, or the server stops. The response has begun, so nothing that happens later can
// be answered: the stream ends, and the reader resumes.
func (r *streamReader) serve(ctx context.Context, w http.ResponseWriter) error {
	defer r.feed.attach()()
	r.metrics.streams.Add(ctx, 1)
	defer r.metrics.streams.Add(context.WithoutCancel(ctx), -1)

	out := streamWriter{w: w, control: http.NewResponseController(w), within: r.write}
	out.begin()
	defer out.end()
	beat := time.NewTimer(r.heartbeat)
	defer beat.Stop()
	pending := []byte("retry: 1000\n\n")
	for {
		frames, news, err := r.feed.after(ctx, r.seq)
		if err != nil {
			if ctx.Err() == nil {
				r.log.LogAttrs(ctx, slog.LevelWarn, "live stream ended", slog.String("key", r.key.Name), slog.Any("error", err))
			}
			return nil
		}
		for _, f := range frames {
			r.seq = f.seq
			if r.wants(f) {
				pending = append(pending, f.wire...)
			}
		}
		if len(pending) > 0 {
			if !r.send(ctx, out, pending) {
				return nil
			}
			pending = pending[:0]
			beat.Reset(r.heartbeat)
		}
		if len(frames) > 0 {
			news = alwaysNews
		}
		select {
		case <-r.feed.stop: // looked at first, so that a long backlog does not keep the server from stopping
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		select {
		case <-r.feed.stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-news:
		case <-beat.C:
			pending = append(pending, ": still here\n\n"...)
		}
	}
}

func (r *streamReader) send(ctx context.Context, out streamWriter, b []byte) bool {
	err := out.write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.metrics.dropped.Add(ctx, 1)
		r.log.LogAttrs(ctx, slog.LevelInfo, "live stream dropped: its reader does not keep up", slog.String("key", r.key.Name))
	}
	return err == nil
}

// alwaysNews is closed: look again at once.
var alwaysNews = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// streamWriter writes to a response that stays open, and gives up on a reader who does not read.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
}

func (s streamWriter) begin() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	// The server's ReadTimeout would end the stream. A writer that has no deadlines, as in tests, needs none taken off.
	_ = s.control.SetReadDeadline(time.Time{})
	s.w.WriteHeader(http.StatusOK)
}

func (s streamWriter) write(b []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.within)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}

// end takes the deadline off, for the connection may carry another request.
func (s streamWriter) end() { _ = s.control.SetWriteDeadline(time.Time{}) }
