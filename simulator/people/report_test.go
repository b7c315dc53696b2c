package people

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	t.Parallel()
	b := newBook()
	began := time.Now()
	b.start(began)
	for range 4 {
		b.started("standard")
	}
	c := newConversation(plan{from: "+15552000001", scenario: "standard"})
	b.ended(c, resultCompleted, "")
	b.ended(c, resultAbandoned, "")
	b.ended(c, resultLost, "stuck")
	b.ended(c, resultLost, "stuck")
	for ms := 1; ms <= 100; ms++ {
		b.action("hold", answer{status: http.StatusOK, took: time.Duration(ms) * time.Millisecond})
	}
	b.action("hold", answer{status: http.StatusAccepted, took: time.Hour})
	b.action("hold", answer{status: http.StatusConflict, took: time.Hour})
	b.action("end", answer{})
	require.Equal(t, "CA1: held twice", b.violation("CA1", "held %s", "twice"))
	b.stop(began.Add(2 * time.Second))

	r := b.report()
	require.False(t, r.OK())
	stuck := LostCall{From: "+15552000001", Scenario: "standard", Why: "stuck"}
	require.Equal(t, []LostCall{stuck, stuck}, r.LostCalls)
	require.InDelta(t, 2.0, r.CallsPerSecond, 1e-9)
	require.Equal(t, []ActionFigures{
		{Name: "end", Count: 1, Unanswered: 1},
		{Name: "hold", Count: 102, Verified: 100, Accepted: 1, Refused: 1, P50: 50, P95: 95, P99: 99},
	}, r.Actions)
	text := r.Text()
	for _, want := range []string{"4 started: 1 completed, 1 abandoned, 0 rejected, 2 lost", "+15552000001 (standard): stuck", "CA1: held twice", "2.00 calls/s"} {
		require.Contains(t, text, want)
	}
	_, err := json.Marshal(r)
	require.NoError(t, err)
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	require.Equal(t, [3]float64{}, percentiles(nil))
	require.Equal(t, [3]float64{7, 7, 7}, percentiles([]time.Duration{7 * time.Millisecond}))
	require.Equal(t, [3]float64{1, 2, 2}, percentiles([]time.Duration{2 * time.Millisecond, time.Millisecond}))
}
