package people

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
)

// lived is a conversation whose caller's line had these events, a second apart.
func lived(by ender, events ...simulator.LineEvent) *conversation {
	w := newWatch(newFakeLine("CA1"))
	at := time.Now()
	for _, e := range events {
		at = at.Add(time.Second)
		w.see(e, at)
	}
	c := newConversation(plan{from: "+15552000001"})
	c.update(func(s *shared) { s.caller = w })
	if by != nobody {
		c.end(by)
	}
	return c
}

func metNobody(c *conversation) *conversation {
	c.mayMeetNobody = true
	return c
}

func ev(kind simulator.LineEventKind) simulator.LineEvent { return simulator.LineEvent{Kind: kind} }

func ended(status string) simulator.LineEvent {
	return simulator.LineEvent{Kind: simulator.LineEnded, Detail: status}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	queued, joined, together := ev(simulator.LineQueued), ev(simulator.LineJoined), ev(simulator.LineTogether)
	answered := ev(simulator.LineAnswered)
	tests := []struct {
		name     string
		c        *conversation
		want     result
		why      string
		outcomes []string
	}{
		{"they talked and the caller hung up", lived(callerEnds, answered, queued, joined, together, ended("completed")), resultCompleted, "", []string{"completed"}},
		{"they talked and the agent's browser died", lived(agentDies, answered, queued, joined, together, ended("completed")), resultCompleted, "", []string{"completed", "failed"}},
		{"they talked and nobody ended it", lived(nobody, answered, queued, joined, together, ended("completed")), resultLost, "middle of a talk", nil},
		{"the caller gave up", lived(callerEnds, answered, queued, ended("completed")), resultAbandoned, "", []string{"abandoned"}},
		{"the caller's line dropped in the queue", lived(callerLost, answered, queued, ended("completed")), resultAbandoned, "", []string{"abandoned"}},
		{"the caller was dropped from the queue", lived(nobody, answered, queued, ended("completed")), resultLost, "before anybody talked", nil},
		{"the call failed", lived(nobody, ended("failed")), resultLost, "(failed)", nil},
		{"the call failed while nobody was there to answer it", metNobody(lived(nobody, ended("failed"))), resultRejected, "", nil},
		{"the call failed after it had been answered", metNobody(lived(nobody, answered, ended("failed"))), resultLost, "(failed)", nil},
		{"the call was refused", lived(nobody, ended("busy")), resultRejected, "", nil},
		{"the agent hung up on somebody who never heard him", lived(agentHangs, answered, queued, joined, ended("completed")), resultLost, "before anybody was heard", nil},
		{"the run was stopped", lived(runEnds, answered, queued, ended("completed")), resultStopped, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, why := tt.c.verdict()
			require.Equal(t, tt.want, got)
			require.Contains(t, why, tt.why)
			require.Equal(t, tt.outcomes, tt.c.outcomes(got))
		})
	}
}

func TestDisagreements(t *testing.T) {
	t.Parallel()
	c := lived(callerEnds, ev(simulator.LineAnswered), ev(simulator.LineJoined), ev(simulator.LineTogether), ended("completed"))
	good := apiCall{ID: "CA1", State: stateEnded, Outcome: "completed", From: "+15552000001", Legs: []apiLeg{{Role: "customer", State: "left"}}}
	require.Empty(t, c.disagrees(resultCompleted, good))

	wrong := good
	wrong.Outcome = "abandoned"
	require.Contains(t, c.disagrees(resultCompleted, wrong), `Holdfast says "abandoned"`)

	wrong = good
	wrong.Legs = []apiLeg{{Role: "customer", State: "left"}, {Role: "agent", State: "ringing"}}
	require.Contains(t, c.disagrees(resultCompleted, wrong), "agent's leg")

	wrong = good
	wrong.From = "+15550000000"
	require.Contains(t, c.disagrees(resultCompleted, wrong), "it came from")
}

func TestRingsComeToNothingAsOftenAsPlanned(t *testing.T) {
	t.Parallel()
	c := newConversation(plan{rejects: 2, ignores: 1})
	require.Equal(t, []reaction{rejects, rejects, ignores, answers, answers}, []reaction{c.ring(), c.ring(), c.ring(), c.ring(), c.ring()})
	never := newConversation(plan{neverAnswers: true})
	require.Equal(t, ignores, never.ring())
}

func TestTheFirstWillCounts(t *testing.T) {
	t.Parallel()
	c := newConversation(plan{})
	require.Equal(t, agentHangs, c.end(agentHangs))
	require.Equal(t, agentHangs, c.end(callerEnds))
}

func TestWatch(t *testing.T) {
	t.Parallel()
	line := newFakeLine("CA1")
	w := newWatch(line)
	read := make(chan struct{})
	go func() {
		defer close(read)
		w.run()
	}()
	line.happens(simulator.LineAnswered, "")
	line.happens(simulator.LineQueued, "")
	line.happens(simulator.LineHears, "music")
	line.happens(simulator.LineJoined, "WT1")
	line.happens(simulator.LineTogether, "")
	line.happens(simulator.LineHeld, "")
	require.True(t, w.until(t.Context(), 0, func(v view) bool { return v.held }))
	v, _ := w.now()
	require.True(t, v.answered && v.joined && v.together && !v.queued)
	require.False(t, v.hearsAt.IsZero())
	require.Equal(t, "WT1", v.room)
	require.False(t, w.until(t.Context(), time.Millisecond, hasEnded))
	line.happens(simulator.LineEnded, "completed")
	<-w.done
	<-read
	v, _ = w.now()
	require.True(t, v.ended)
	require.False(t, v.held || v.joined || v.together)
	require.Equal(t, "completed", v.status)
}

func TestAWatchEndsWithALineThatSaysNothing(t *testing.T) {
	t.Parallel()
	line := newFakeLine("CA1")
	close(line.events)
	w := newWatch(line)
	w.run()
	v, _ := w.now()
	require.True(t, v.ended)
}
