package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/goleak"

	"holdfast/activities"
	"holdfast/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account     = "AC00000000000000000000000000000001"
	workspace   = "WS00000000000000000000000000000001"
	customer    = "CA00000000000000000000000000000001"
	agentLeg    = "CA00000000000000000000000000000002"
	conference  = "CF00000000000000000000000000000001"
	task        = "WT00000000000000000000000000000001"
	reservation = "WR00000000000000000000000000000001"
	agent       = "WK00000000000000000000000000000001"

	voiceAPI      = "api.twilio.com/2010-04-01/Accounts/" + account
	taskRouterAPI = "taskrouter.twilio.com/v1/Workspaces/" + workspace
)

// reply is how Twilio answers one request.
type reply struct {
	status int
	body   string
	header http.Header
	hang   bool // no answer at all
}

func ok(body string) reply { return reply{status: http.StatusOK, body: body} }

func refusal(status, code int, message string) reply {
	body, _ := json.Marshal(map[string]any{"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors/", "status": status}) //nolint:errchkjson // plain
	return reply{status: status, body: string(body)}
}

var notFound = refusal(http.StatusNotFound, 20404, "The requested resource was not found")

// testBundle is a Twilio whose answers are given beforehand, by "METHOD host/path".
type testBundle struct {
	*activities.Activities

	mu       sync.Mutex
	replies  map[string][]reply
	requests []string // "METHOD host/path?query form"
	ifMatch  []string // of the requests that had one
}

func setup(t *testing.T, changes ...func(*activities.Config)) *testBundle {
	t.Helper()
	b := &testBundle{replies: map[string][]reply{}}
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user+":"+password != account+":secret" {
			http.Error(w, `{"code":20003,"message":"Authenticate","status":401}`, http.StatusUnauthorized)
			return
		}
		answer := b.answer(t, r)
		if answer.hang {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		maps.Copy(w.Header(), answer.header)
		w.WriteHeader(answer.status)
		_, _ = w.Write([]byte(answer.body))
	}))
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	config := activities.Config{
		AccountSID: account, AuthToken: "secret", WorkspaceSID: workspace, BaseURL: base, Timeout: 5 * time.Second,
	}
	for _, change := range changes {
		change(&config)
	}
	twilio, err := activities.NewTwilio(config)
	require.NoError(t, err)
	t.Cleanup(func() {
		close(release)
		twilio.CloseIdleConnections()
		server.Close()
	})
	b.Activities = &activities.Activities{Twilio: twilio}
	return b
}

func (b *testBundle) answer(t *testing.T, r *http.Request) reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		t.Errorf("form: %v", err)
	}
	key := r.Method + " " + r.Host + r.URL.Path
	line := key
	if r.URL.RawQuery != "" {
		line += "?" + r.URL.RawQuery
	}
	if form := r.PostForm.Encode(); form != "" {
		line += " " + form
	}
	b.requests = append(b.requests, line)
	if tag := r.Header.Get("If-Match"); tag != "" {
		b.ifMatch = append(b.ifMatch, tag)
	}
	waiting := b.replies[key]
	if len(waiting) == 0 {
		t.Errorf("no answer to %s", line)
		return notFound
	}
	if len(waiting) > 1 {
		b.replies[key] = waiting[1:]
	}
	return waiting[0]
}

// when sets the answers to a request, one after the other; the last one stays.
func (b *testBundle) when(key string, replies ...reply) { b.replies[key] = replies }

// requireFailure checks an activity's error: typed, with its failure as detail, and final or not. It returns what is to be waited.
func requireFailure(t *testing.T, err error, want call.Failure) time.Duration {
	t.Helper()
	var typed *temporal.ApplicationError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, string(want.Kind), typed.Type())
	require.Equal(t, want.Kind != call.FailureUnavailable, typed.NonRetryable(), "only what is unavailable is tried again")
	if want.Message == "" {
		want.Message = activities.FailureOf(err).Message
		require.NotEmpty(t, want.Message)
	}
	require.Equal(t, want, activities.FailureOf(err))
	return typed.NextRetryDelay()
}

func TestCommandsSayToTwilioWhatTheyMean(t *testing.T) {
	t.Parallel()
	participant := "POST " + voiceAPI + "/Conferences/" + conference + "/Participants/" + customer + ".json"
	for name, test := range map[string]struct {
		run   func(context.Context, *testBundle) error
		want  string
		reply reply
	}{
		"hold": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HoldParticipant(ctx, call.HoldParticipant{Conference: conference, Leg: customer, Hold: true})
			},
			want: participant + " Hold=true&HoldMethod=GET&HoldUrl=https%3A%2F%2Fexample.com%2Fmusic.mp3",
		},
		"hold with music of its own": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HoldParticipant(ctx, call.HoldParticipant{Conference: conference, Leg: customer, Hold: true, Music: "https://example.com/own.xml"})
			},
			want: participant + " Hold=true&HoldMethod=GET&HoldUrl=https%3A%2F%2Fexample.com%2Fown.xml",
		},
		"hold with music of ours": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HoldParticipant(ctx, call.HoldParticipant{Conference: conference, Leg: customer, Hold: true, Music: "/assets/wait.mp3"})
			},
			want: participant + " Hold=true&HoldMethod=GET&HoldUrl=https%3A%2F%2Fcalls.example.com%2Fx%2Fassets%2Fwait.mp3",
		},
		"coach": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.CoachParticipant(ctx, call.CoachParticipant{Conference: conference, Leg: customer, Coaching: true, Coach: agentLeg})
			},
			want: participant + " CallSidToCoach=" + agentLeg + "&Coaching=true",
		},
		"coach no more": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.CoachParticipant(ctx, call.CoachParticipant{Conference: conference, Leg: customer})
			},
			want: participant + " Coaching=false",
		},
		"accept": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.AcceptReservation(ctx, call.AcceptReservation{Task: task, Reservation: reservation})
			},
			want: "POST " + taskRouterAPI + "/Tasks/" + task + "/Reservations/" + reservation + " ReservationStatus=accepted",
		},
		"wrap up": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.WrapUpReservation(ctx, call.WrapUpReservation{Task: task, Reservation: reservation})
			},
			want: "POST " + taskRouterAPI + "/Tasks/" + task + "/Reservations/" + reservation + " ReservationStatus=wrapping",
		},
		"unhold": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HoldParticipant(ctx, call.HoldParticipant{Conference: conference, Leg: customer})
			},
			want: participant + " Hold=false",
		},
		"mute": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.MuteParticipant(ctx, call.MuteParticipant{Conference: conference, Leg: customer, Muted: true})
			},
			want: participant + " Muted=true",
		},
		"flag": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.FlagParticipant(ctx, call.FlagParticipant{Conference: conference, Leg: customer, EndConferenceOnExit: true})
			},
			want: participant + " EndConferenceOnExit=true",
		},
		"remove": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.RemoveParticipant(ctx, call.RemoveParticipant{Conference: conference, Leg: customer})
			},
			want:  strings.Replace(participant, "POST", "DELETE", 1),
			reply: reply{status: http.StatusNoContent},
		},
		"end the conference": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.EndConference(ctx, call.EndConference{Conference: conference})
			},
			want: "POST " + voiceAPI + "/Conferences/" + conference + ".json Status=completed",
		},
		"hang up": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HangUpCall(ctx, call.HangUpCall{Leg: customer})
			},
			want: "POST " + voiceAPI + "/Calls/" + customer + ".json Status=completed",
		},
		"complete the task": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.CompleteTask(ctx, call.CompleteTask{Task: task, Reason: "done"})
			},
			want: "POST " + taskRouterAPI + "/Tasks/" + task + " AssignmentStatus=completed&Reason=done",
		},
		"cancel the task": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.CancelTask(ctx, call.CancelTask{Task: task, Reason: "abandoned"})
			},
			want: "POST " + taskRouterAPI + "/Tasks/" + task + " AssignmentStatus=canceled&Reason=abandoned",
		},
		"reject the reservation": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.RejectReservation(ctx, call.RejectReservation{Task: task, Reservation: reservation})
			},
			want: "POST " + taskRouterAPI + "/Tasks/" + task + "/Reservations/" + reservation + " ReservationStatus=rejected",
		},
		"reject the reservation and move the agent": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.RejectReservation(ctx, call.RejectReservation{Task: task, Reservation: reservation, Availability: "WA00000000000000000000000000000009"})
			},
			want: "POST " + taskRouterAPI + "/Tasks/" + task + "/Reservations/" + reservation + " ReservationStatus=rejected&WorkerActivitySid=WA00000000000000000000000000000009",
		},
		"set the availability": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.SetAvailability(ctx, call.SetAvailability{Agent: agent, Availability: "WA00000000000000000000000000000009"})
			},
			want: "POST " + taskRouterAPI + "/Workers/" + agent + " ActivitySid=WA00000000000000000000000000000009",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(c *activities.Config) {
				c.HoldMusicURL = &url.URL{Scheme: "https", Host: "example.com", Path: "/music.mp3"}
				c.PublicURL = &url.URL{Scheme: "https", Host: "calls.example.com", Path: "/x/"}
			})
			key := strings.Join(strings.Fields(test.want)[:2], " ")
			if test.reply.status == 0 {
				test.reply = ok(`{"sid":"x"}`)
			}
			b.when(key, test.reply)
			require.NoError(t, test.run(t.Context(), b))
			require.Equal(t, []string{test.want}, b.requests)
		})
	}
}

func TestFailuresAreTyped(t *testing.T) {
	t.Parallel()
	route := "POST " + voiceAPI + "/Conferences/" + conference + "/Participants/" + customer + ".json"
	for name, test := range map[string]struct {
		reply reply
		want  call.Failure
		delay time.Duration
		most  time.Duration // where the delay is drawn
	}{
		"404 is gone": {
			reply: notFound,
			want:  call.Failure{Kind: call.FailureGone, Status: 404, Code: 20404, Message: "The requested resource was not found"},
		},
		"400 is refused": {
			reply: refusal(400, 21220, "Call is not in-progress. Cannot redirect."),
			want:  call.Failure{Kind: call.FailureRefused, Status: 400, Code: 21220, Message: "Call is not in-progress. Cannot redirect."},
		},
		"401 is refused": {
			reply: refusal(401, 20003, "Authenticate"),
			want:  call.Failure{Kind: call.FailureRefused, Status: 401, Code: 20003, Message: "Authenticate"},
		},
		"412 without a body is refused": {
			reply: reply{status: 412},
			want:  call.Failure{Kind: call.FailureRefused, Status: 412, Message: "HTTP 412 with a body that is not Twilio's"},
		},
		"408 is unavailable": {
			reply: refusal(408, 0, "Request Timeout"),
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 408, Message: "Request Timeout"},
		},
		"429 is unavailable": {
			reply: refusal(429, 20429, "Too Many Requests"),
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 429, Code: 20429, Message: "Too Many Requests"},
			delay: 150 * time.Millisecond,
			most:  350 * time.Millisecond,
		},
		"429 waits as long as it says": {
			reply: reply{status: 429, body: `{"code":20429,"message":"Too Many Requests","status":429}`, header: http.Header{"Retry-After": {"7"}}},
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 429, Code: 20429, Message: "Too Many Requests"},
			delay: 7 * time.Second,
		},
		"a Retry-After of a day is bounded": {
			reply: reply{status: 503, body: `{}`, header: http.Header{"Retry-After": {"86400"}}},
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 503, Message: "HTTP 503"},
			delay: time.Minute,
		},
		"a Retry-After that is no time is ignored": {
			reply: reply{status: 503, body: `{"message":"down"}`, header: http.Header{"Retry-After": {"soon"}}},
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 503, Message: "down"},
		},
		"500 is unavailable": {
			reply: refusal(500, 20500, "Internal Server Error"),
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 500, Code: 20500, Message: "Internal Server Error"},
		},
		"a proxy's page is unavailable": {
			reply: reply{status: 502, body: "<html>Bad Gateway</html>"},
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 502, Message: "HTTP 502 with a body that is not Twilio's"},
		},
		"a success that cannot be read is unavailable": {
			reply: ok("<html>"),
			want:  call.Failure{Kind: call.FailureUnavailable, Status: 200},
		},
		"no answer is unavailable": {
			reply: reply{hang: true},
			want:  call.Failure{Kind: call.FailureUnavailable, Message: "context deadline exceeded"},
		},
		"a long message is shortened": {
			reply: refusal(400, 1, strings.Repeat("é", 400)),
			want:  call.Failure{Kind: call.FailureRefused, Status: 400, Code: 1, Message: strings.Repeat("é", 150) + "…"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(c *activities.Config) {
				if test.reply.hang {
					c.Timeout = 50 * time.Millisecond
				}
			})
			b.when(route, test.reply)
			err := b.HoldParticipant(t.Context(), call.HoldParticipant{Conference: conference, Leg: customer, Hold: true})
			delay := requireFailure(t, err, test.want)
			require.GreaterOrEqual(t, delay, test.delay)
			require.LessOrEqual(t, delay, max(test.delay, test.most))
			require.NotContains(t, err.Error(), account)
		})
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.when("POST "+voiceAPI+"/Calls/"+customer+".json", reply{hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	requireFailure(t, b.HangUpCall(ctx, call.HangUpCall{Leg: customer}), call.Failure{Kind: call.FailureUnavailable})
}

func TestAnUnreachableTwilioIsUnavailable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	server.Close()
	b := setup(t, func(c *activities.Config) { c.BaseURL = base })
	requireFailure(t, b.HangUpCall(t.Context(), call.HangUpCall{Leg: customer}), call.Failure{Kind: call.FailureUnavailable})
}

func TestWhatIsDoneAlreadyCountsAsDone(t *testing.T) {
	t.Parallel()
	var (
		participantRoute = voiceAPI + "/Conferences/" + conference + "/Participants/" + customer + ".json"
		conferenceRoute  = voiceAPI + "/Conferences/" + conference + ".json"
		callRoute        = voiceAPI + "/Calls/" + customer + ".json"
		taskRoute        = taskRouterAPI + "/Tasks/" + task
		reservationRoute = taskRouterAPI + "/Tasks/" + task + "/Reservations/" + reservation
		illegal          = refusal(400, 20001, "Cannot do that now")
	)
	complete := func(ctx context.Context, b *testBundle) error {
		return b.CompleteTask(ctx, call.CompleteTask{Task: task, Reason: "done"})
	}
	cancel := func(ctx context.Context, b *testBundle) error {
		return b.CancelTask(ctx, call.CancelTask{Task: task, Reason: "abandoned"})
	}
	reject := func(ctx context.Context, b *testBundle) error {
		return b.RejectReservation(ctx, call.RejectReservation{Task: task, Reservation: reservation})
	}
	end := func(ctx context.Context, b *testBundle) error {
		return b.EndConference(ctx, call.EndConference{Conference: conference})
	}
	refused := call.Failure{Kind: call.FailureRefused, Status: 400, Code: 20001}
	for name, test := range map[string]struct {
		run     func(context.Context, *testBundle) error
		replies map[string]reply
		want    *call.Failure
	}{
		"removing a leg that is gone": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.RemoveParticipant(ctx, call.RemoveParticipant{Conference: conference, Leg: customer})
			},
			replies: map[string]reply{"DELETE " + participantRoute: notFound},
		},
		"ending a conference that is gone": {run: end, replies: map[string]reply{"POST " + conferenceRoute: notFound}},
		"ending a conference that is over": {
			run:     end,
			replies: map[string]reply{"POST " + conferenceRoute: illegal, "GET " + conferenceRoute: ok(`{"status":"completed"}`)},
		},
		"not: ending a conference that goes on": {
			run:     end,
			replies: map[string]reply{"POST " + conferenceRoute: illegal, "GET " + conferenceRoute: ok(`{"status":"in-progress"}`)},
			want:    &refused,
		},
		"hanging up a call that is over": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HangUpCall(ctx, call.HangUpCall{Leg: customer})
			},
			replies: map[string]reply{"POST " + callRoute: refusal(400, 21220, "Call is not in-progress. Cannot redirect.")},
		},
		"hanging up a call that is gone": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HangUpCall(ctx, call.HangUpCall{Leg: customer})
			},
			replies: map[string]reply{"POST " + callRoute: notFound},
		},
		"completing a task that is gone": {run: complete, replies: map[string]reply{"POST " + taskRoute: notFound}},
		"completing a task that is completed": {
			run:     complete,
			replies: map[string]reply{"POST " + taskRoute: illegal, "GET " + taskRoute: ok(`{"assignment_status":"completed"}`)},
		},
		"completing a task that was deleted meanwhile": {
			run:     complete,
			replies: map[string]reply{"POST " + taskRoute: illegal, "GET " + taskRoute: notFound},
		},
		"not: completing a task that waits": {
			run:     complete,
			replies: map[string]reply{"POST " + taskRoute: illegal, "GET " + taskRoute: ok(`{"assignment_status":"pending"}`)},
			want:    &refused,
		},
		"not: completing a task that cannot be looked at": {
			run:     complete,
			replies: map[string]reply{"POST " + taskRoute: illegal, "GET " + taskRoute: refusal(503, 0, "down")},
			want:    &call.Failure{Kind: call.FailureUnavailable, Status: 503, Message: "down"},
		},
		"canceling a task that is gone": {run: cancel, replies: map[string]reply{"POST " + taskRoute: notFound}},
		"not: canceling a task that is assigned": {
			run:     cancel,
			replies: map[string]reply{"POST " + taskRoute: illegal, "GET " + taskRoute: ok(`{"assignment_status":"assigned"}`)},
			want:    &refused,
		},
		"rejecting a reservation that timed out": {
			run:     reject,
			replies: map[string]reply{"POST " + reservationRoute: illegal, "GET " + reservationRoute: ok(`{"reservation_status":"timeout"}`)},
		},
		"not: rejecting a reservation that was accepted": {
			run:     reject,
			replies: map[string]reply{"POST " + reservationRoute: illegal, "GET " + reservationRoute: ok(`{"reservation_status":"accepted"}`)},
			want:    &refused,
		},
		"not: holding a leg that is gone": {
			run: func(ctx context.Context, b *testBundle) error {
				return b.HoldParticipant(ctx, call.HoldParticipant{Conference: conference, Leg: customer, Hold: true})
			},
			replies: map[string]reply{"POST " + participantRoute: notFound},
			want:    &call.Failure{Kind: call.FailureGone, Status: 404, Code: 20404},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for key, r := range test.replies {
				b.when(key, r)
			}
			err := test.run(t.Context(), b)
			require.Len(t, b.requests, len(test.replies), "no request more than needed")
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			requireFailure(t, err, *test.want)
		})
	}
}

func TestConfigurationThatCannotWork(t *testing.T) {
	t.Parallel()
	good := activities.Config{AccountSID: account, AuthToken: "secret", WorkspaceSID: workspace}
	for want, change := range map[string]func(*activities.Config){
		"account's SID":   func(c *activities.Config) { c.AccountSID = "AC1" },
		"workspace's SID": func(c *activities.Config) { c.WorkspaceSID = "" },
		"auth token":      func(c *activities.Config) { c.AuthToken = "se cret" },
		"API key":         func(c *activities.Config) { c.APIKeySID = "SK1" },
		"base URL":        func(c *activities.Config) { c.BaseURL = &url.URL{Scheme: "ftp", Host: "x"} },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			config := good
			change(&config)
			_, err := activities.NewTwilio(config)
			require.ErrorContains(t, err, want)
			require.NotContains(t, fmt.Sprint(err), "se cret")
		})
	}
	_, err := activities.NewTwilio(good)
	require.NoError(t, err)
}

// hosts notes where requests would go.
type hosts struct {
	mu   sync.Mutex
	seen []string
}

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	user, _, _ := r.BasicAuth()
	h.seen = append(h.seen, user+"@"+r.URL.Host)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

func TestEdgeRegionAndKeyChooseWhereRequestsGo(t *testing.T) {
	t.Parallel()
	var h hosts
	twilio, err := activities.NewTwilio(activities.Config{
		AccountSID: account, WorkspaceSID: workspace, APIKeySID: "SK1", APIKeySecret: "secret", Edge: "dublin", Region: "ie1", Transport: &h,
	})
	require.NoError(t, err)
	a := activities.Activities{Twilio: twilio}
	require.Error(t, a.HangUpCall(t.Context(), call.HangUpCall{Leg: customer}), "the stand-in answers with nothing")
	require.Error(t, a.CompleteTask(t.Context(), call.CompleteTask{Task: task, Reason: "done"}))
	require.Equal(t, []string{"SK1@api.dublin.ie1.twilio.com", "SK1@taskrouter.dublin.ie1.twilio.com"}, h.seen)
}

// asked are the requests by method and path alone.
func (b *testBundle) asked() (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.requests {
		method, rest, _ := strings.Cut(line, " ")
		path, _, _ := strings.Cut(rest, " ")
		path, _, _ = strings.Cut(path, "?")
		lines = append(lines, method+" "+path)
	}
	return lines
}
