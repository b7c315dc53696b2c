package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAMomentIsToldByTheEnginesClock(t *testing.T) {
	t.Parallel()
	ours := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for name, ahead := range map[string]time.Duration{"as ours": 0, "an hour ahead": time.Hour, "a day behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e engineTime
			require.Equal(t, longAgo, e.moment(ours.Add(acceptWithin), ours), "nothing is known yet: ask")

			heard := 50 * time.Millisecond // after it was said
			e.learn(ours.Add(ahead), ours.Add(heard))
			now := ours.Add(10 * time.Second)
			deadline := now.Add(acceptWithin)
			until := e.moment(deadline, now)
			theirs := deadline.Add(ahead)
			require.False(t, until.After(theirs), "whatever is taken is taken before the deadline")
			require.Equal(t, heard, theirs.Sub(until), "and only the way of the word is lost")

			require.Equal(t, longAgo, e.moment(deadline, ours.Add(heard+engineTimeFor+1)), "what is old is asked anew")
			require.Equal(t, longAgo, e.moment(deadline, ours), "and so is what was heard later than it is now")
		})
	}
}

func TestARefusalTellsTheEnginesTime(t *testing.T) {
	t.Parallel()
	ours := time.Now()
	_, late := toldTime(errors.New("anything"), ours)
	require.False(t, late)
	_, late = toldTime(nil, ours)
	require.False(t, late)
}
