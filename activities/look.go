package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"holdfast/call"
)

// look is one attempt to read a call back. Its parts are asked for at the same time; those that Twilio answered stay answered in the next attempt, so
// that a Twilio that refuses many requests needs to be asked once for each part, not for all of them until none is refused.
type look struct {
	kept  kept
	had   []string // the parts of earlier attempts
	parts errgroup.Group
	mu    sync.Mutex // of kept.Parts; each part writes a place of its own in kept.Snapshot
}

// kept is what earlier attempts learned: it travels as the activity's heartbeat details.
type kept struct {
	Snapshot call.Snapshot `json:"snapshot"`
	Parts    []string      `json:"parts"`
}

// newLook goes on where the attempt before stopped. Without one, or if nobody knows what it learned, it begins anew.
func newLook(ctx context.Context) *look {
	var l look
	if activity.IsActivity(ctx) && activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &l.kept); err != nil {
			l.kept = kept{}
		}
	}
	l.had = slices.Clone(l.kept.Parts)
	return &l
}

// once reads a part that only goes forward, such as a status: what was true when an earlier attempt asked is not made false by a later answer. "" is a part
// that each attempt reads anew.
func (l *look) once(part string, read func() error) {
	if part != "" && slices.Contains(l.had, part) {
		return
	}
	l.parts.Go(func() error {
		err := recovered(read)
		if err == nil && part != "" {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.kept.Parts = append(l.kept.Parts, part)
		}
		return err
	})
}

// done waits for all parts. If one is missing, the others are kept for the next attempt.
func (l *look) done(ctx context.Context) (call.Snapshot, error) {
	if err := l.parts.Wait(); err != nil {
		if activity.IsActivity(ctx) {
			activity.RecordHeartbeat(ctx, l.kept)
		}
		return call.Snapshot{}, err
	}
	return l.kept.Snapshot, nil
}

// recovered makes an error of a panic, which Temporal does by itself only on the activity's own goroutine.
func recovered(part func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while reading back: %v", p)
		}
	}()
	return part()
}

// room makes place for so many parts of a kind, unless an earlier attempt brought them.
func room[T any](parts []T, n int) []T {
	if n == 0 || len(parts) == n {
		return parts
	}
	return make([]T, n)
}
