package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// verifiedFigures are medians, in ms.
type verifiedFigures struct{ Direct, Verified float64 }

// More is what it takes to know that an action had its effect.
func (v verifiedFigures) More() float64 { return v.Verified - v.Direct }

// verified holds and un-holds one leg of a call, in turns by a request to the simulated Twilio and by Holdfast, and nothing else happens.
func (f *figuresReport) verified(t *testing.T) {
	s := quietStage(t, 1, 50*time.Millisecond, false)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	id := s.talk(t)
	call, _, err := s.app.store.Call(t.Context(), id)
	require.NoError(t, err)
	participant := fmt.Sprintf("%s/2010-04-01/Accounts/%s/Conferences/%s/Participants/%s.json", s.twilioURL, s.sim.AccountSID(), call.ConferenceSID, id)
	direct := func(muted bool) {
		body := url.Values{"Muted": {strconv.FormatBool(muted)}}.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, participant, strings.NewReader(body))
		require.NoError(t, err)
		r.Host = "api.twilio.com"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(s.sim.AccountSID(), s.sim.AuthToken())
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	byHoldfast := func(action string) {
		status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/"+action)
		require.Equal(t, http.StatusOK, status, "%v", body)
	}
	const rounds = 100
	took := map[string][]float64{}
	measure := func(name string, do func()) {
		began := time.Now()
		do()
		took[name] = append(took[name], float64(time.Since(began).Microseconds())/1000)
	}
	for range rounds {
		measure("direct", func() { direct(false) }) // it is not muted: nothing changes, and nobody answers it
		measure("verified", func() { byHoldfast("hold") })
		measure("direct", func() { direct(false) })
		measure("verified", func() { byHoldfast("unhold") })
	}
	median := func(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }
	f.Verified = &verifiedFigures{Direct: median(took["direct"]), Verified: median(took["verified"])}
	s.finish(t, id)
}

// live has people do all that can be done to a live call, a call a second.
func (f *figuresReport) live(t *testing.T) {
	const second = 100 * time.Millisecond
	s := quietStage(t, 24, second, true)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	report, err := s.run(t.Context(), people.RunConfig{Calls: 150, Rate: 1, Seed: 4, Second: second})
	require.NoError(t, err)
	requireOK(t, report)
	f.Actions = report.Actions
}
