package main

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// follow reads the live events of one process, and sends their numbers until ctx ends.
func follow(ctx context.Context, t *testing.T, p *process, key string) <-chan int64 {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String()+"/v1/stream", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Last-Event-ID", "0")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	numbers := make(chan int64, 100_000)
	go func() {
		defer close(numbers)
		defer func() { _ = response.Body.Close() }()
		lines := bufio.NewReader(response.Body)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				if n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64); err == nil {
					numbers <- n
				}
			}
		}
	}()
	return numbers
}

func TestTwoProcessesDeliverAtOnceAndEveryEventCountsOnce(t *testing.T) {
	t.Parallel()
	f := newFloor(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	streams := make([]<-chan int64, 0, 2)
	for _, p := range f.balancer.processes {
		streams = append(streams, follow(ctx, t, p, f.keys.supervisor))
	}
	r := f.live(t, people.RunConfig{Calls: 24, Seed: 7})
	requireOK(t, r)
	require.Equal(t, 24, r.Completed+r.Abandoned+r.Rejected)
	f.requireAllEnded(t)
	for _, p := range f.balancer.processes {
		require.Positive(t, p.metric(t, "holdfast_webhooks_received_total"))
		require.Positive(t, p.metric(t, "holdfast_delivery_lag_seconds_count"), "both deliver")
	}

	// Both streams have carried everything, in order and once.
	last, err := f.store.LastSeq(t.Context())
	require.NoError(t, err)
	for _, numbers := range streams {
		for want := int64(1); want <= last; want++ {
			select {
			case got := <-numbers:
				require.Equal(t, want, got)
			case <-time.After(30 * time.Second):
				require.Fail(t, "a live event is missing", "%d of %d", want, last)
			}
		}
	}
}

func TestCallsGoOnWhenOneOfTwoProcessesDiesAndAnotherTakesItsPlace(t *testing.T) {
	t.Parallel()
	f := newFloor(t, 2)
	victim := f.balancer.processes[0]
	middle := make(chan struct{})
	over := make(chan people.Report, 1)
	happened := 0
	go func() {
		defer close(over)
		r, err := f.people(t.Context(), people.RunConfig{Calls: 40, Seed: 9, Narrator: func(people.Happening) {
			if happened++; happened == 40 {
				close(middle)
			}
		}})
		if err == nil {
			over <- r
		}
	}()
	select {
	case <-middle:
	case <-time.After(2 * time.Minute):
		require.Fail(t, "nothing happens")
	}
	victim.kill(t)
	replacement := startProcess(t, f.cfg)
	f.balancer.add(replacement)
	r, ok := <-over
	require.True(t, ok, "the people could not live")
	require.Zero(t, r.Lost, r.Text())
	require.Equal(t, 40, r.Completed+r.Abandoned+r.Rejected, r.Text())
	f.requireAllEnded(t)
	require.Positive(t, replacement.metric(t, "holdfast_webhooks_received_total"))
	require.Positive(t, replacement.metric(t, "holdfast_delivery_lag_seconds_count"), "the replacement takes its part of the work")
}
