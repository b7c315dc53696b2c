package activities_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"holdfast/activities"
	"holdfast/call"
)

// answers is a Twilio without a network, for a bubble in which time is not real.
type answers func(r *http.Request) (status int, header http.Header, err error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, err := a(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("{}")), Header: header, Request: r}, nil
}

func reach(t *testing.T, budget *activities.Budget, a answers) *activities.Activities {
	t.Helper()
	twilio, err := activities.NewTwilio(activities.Config{
		AccountSID: account, AuthToken: "secret", WorkspaceSID: workspace, Transport: a, Budget: budget,
	})
	require.NoError(t, err)
	return &activities.Activities{Twilio: twilio}
}

func hold(a *activities.Activities, t *testing.T) error {
	return a.HoldParticipant(t.Context(), call.HoldParticipant{Conference: conference, Leg: customer, Hold: true})
}

// requireLater checks that an error is to be tried again, and after how long.
func requireLater(t *testing.T, err error) time.Duration {
	t.Helper()
	var typed *temporal.ApplicationError
	require.ErrorAs(t, err, &typed)
	require.False(t, typed.NonRetryable())
	require.Equal(t, call.FailureUnavailable, activities.FailureOf(err).Kind)
	return typed.NextRetryDelay()
}

func TestATwilioThatIsAwayIsAskedForLittleAndIsBackAtOnce(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*http.Request) (int, http.Header, error){
		"503":           func(*http.Request) (int, http.Header, error) { return http.StatusServiceUnavailable, nil, nil },
		"no connection": func(*http.Request) (int, http.Header, error) { return 0, nil, errors.New("connection refused") },
		"no answer": func(r *http.Request) (int, http.Header, error) {
			<-r.Context().Done()
			return 0, nil, r.Context().Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				down, asked := true, 0
				a := reach(t, nil, func(r *http.Request) (int, http.Header, error) {
					asked++
					if down && r.URL.Host == "api.twilio.com" {
						return away(r)
					}
					return http.StatusOK, nil, nil
				})
				var err error
				for range 8 {
					err = hold(a, t)
				}
				require.Zero(t, requireLater(t, err), "a request's own back-off is the workflow's")
				require.Equal(t, 8, asked)

				delay := requireLater(t, hold(a, t))
				require.Equal(t, 8, asked, "not sent")
				require.Equal(t, time.Second, delay)
				require.NoError(t, a.CompleteTask(t.Context(), call.CompleteTask{Task: task}), "another product is not concerned")
				requireLater(t, a.HangUpCall(t.Context(), call.HangUpCall{Leg: customer}))
				require.Equal(t, 10, asked, "a hang-up is sent all the same")

				<-time.After(delay) // the bubble's time: it passes at once
				down = false
				require.NoError(t, hold(a, t))
				require.NoError(t, hold(a, t))
			})
		})
	}
}

func TestA429HoldsUpAllAdaptersOfTheAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget, err := activities.NewBudget(10, 100)
		require.NoError(t, err)
		retryAfter, refuse := "", true
		var sent []time.Duration
		began := time.Now()
		twilio := answers(func(*http.Request) (int, http.Header, error) {
			sent = append(sent, time.Since(began))
			if refuse {
				return http.StatusTooManyRequests, http.Header{"Retry-After": {retryAfter}}, nil
			}
			return http.StatusOK, http.Header{"Twilio-Concurrent-Requests": {"3"}}, nil
		})
		one, other := reach(t, budget, twilio), reach(t, budget, twilio)

		retryAfter = "20"
		require.Equal(t, 20*time.Second, requireLater(t, hold(one, t)))
		refuse = false
		require.Equal(t, 20*time.Second, requireLater(t, hold(other, t)))
		require.Len(t, sent, 1, "not sent")
		require.NoError(t, other.HangUpCall(t.Context(), call.HangUpCall{Leg: customer}))
		<-time.After(18 * time.Second)
		require.NoError(t, hold(other, t))
		require.Equal(t, []time.Duration{0, 0, 20 * time.Second}, sent, "a rest of two seconds is waited for")

		refuse, retryAfter = true, "30"
		require.Equal(t, 2*time.Second, requireLater(t, one.HangUpCall(t.Context(), call.HangUpCall{Leg: customer})), "the urgent come again soon")
	})
}

// attempt runs a hold as the engine would. earlier: the attempt before was sent, and had no answer. It tells whether the same is so of this one.
func attempt(t *testing.T, b *testBundle, earlier bool) (unsettled bool, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(30 * time.Second)
	env.RegisterActivity(b.Activities)
	if earlier {
		env.SetHeartbeatDetails("sent, and no answer")
	}
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { unsettled = true })
	_, err = env.ExecuteActivity(b.HoldParticipant, call.HoldParticipant{Conference: conference, Leg: customer, Hold: true})
	return unsettled, err
}

func TestAHoldOfWhichNobodyKnowsIsLookedUpBeforeItIsSentAgain(t *testing.T) {
	t.Parallel()
	path := voiceAPI + "/Conferences/" + conference + "/Participants/" + customer + ".json"
	look, update := "GET "+path, "POST "+path
	for name, test := range map[string]struct {
		earlier   bool
		replies   map[string]reply
		unsettled bool
		want      call.FailureKind
		requests  []string
	}{
		"first": {
			replies:  map[string]reply{update: ok(`{"hold":true}`)},
			requests: []string{update + " Hold=true"},
		},
		"first, no answer": {
			replies:   map[string]reply{update: refusal(500, 20500, "Internal Server Error")},
			unsettled: true,
			want:      call.FailureUnavailable,
			requests:  []string{update + " Hold=true"},
		},
		"first, refused for the number of requests: it did not take effect": {
			replies:  map[string]reply{update: refusal(429, 20429, "Too Many Requests")},
			want:     call.FailureUnavailable,
			requests: []string{update + " Hold=true"},
		},
		"again, and it had taken effect": {
			earlier:  true,
			replies:  map[string]reply{look: ok(`{"hold":true}`)},
			requests: []string{look},
		},
		"again, and it had not": {
			earlier:  true,
			replies:  map[string]reply{look: ok(`{"hold":false}`), update: ok(`{"hold":true}`)},
			requests: []string{look, update + " Hold=true"},
		},
		"again, and the leg is gone": {
			earlier:  true,
			replies:  map[string]reply{look: notFound},
			want:     call.FailureGone,
			requests: []string{look},
		},
		"again, and nobody can tell": {
			earlier:  true,
			replies:  map[string]reply{look: refusal(503, 0, "down")},
			want:     call.FailureUnavailable,
			requests: []string{look},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for key, r := range test.replies {
				b.when(key, r)
			}
			unsettled, err := attempt(t, b, test.earlier)
			require.Equal(t, test.requests, b.requests)
			require.Equal(t, test.unsettled, unsettled)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, test.want, activities.FailureOf(err).Kind)
		})
	}
}

func TestAnAcceptWithoutAnAnswerIsSoonAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget, err := activities.NewBudget(0, 0)
		require.NoError(t, err)
		a := reach(t, budget, func(r *http.Request) (int, http.Header, error) {
			<-r.Context().Done()
			return 0, nil, r.Context().Err()
		})
		began := time.Now()
		err = a.AcceptReservation(t.Context(), call.AcceptReservation{Task: task, Reservation: reservation})
		require.Zero(t, requireLater(t, err), "the engine's own back-off decides")
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}
