package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/simulator"
	"holdfast/simulator/contract"
	"holdfast/simulator/people"
)

const (
	centreNumber = "+15550000001"
	room         = task // a conference is named for its task
)

// world is a simulated Twilio with a small centre in it, whose number is answered by TwiML of the test's own. Each exchange is held against Twilio's
// documents where they are at hand.
type world struct {
	*activities.Activities

	sim      *simulator.Simulator
	centre   *people.Centre
	customer simulator.Line
}

func newWorld(t *testing.T, voice func(*people.Centre) string) *world {
	t.Helper()
	w := &world{}
	var mu sync.Mutex
	var findings []error
	documents, err := contract.Load(filepath.Join("..", "..", "shared", "twilio-openapi"))
	if !errors.Is(err, fs.ErrNotExist) || os.Getenv("HOLDFAST_REQUIRE_OPENAPI") != "" {
		require.NoError(t, err)
	}
	w.sim = simulator.New(simulator.Config{Second: 20 * time.Millisecond, Wrap: func(next http.Handler) http.Handler {
		if documents == nil {
			return next
		}
		return documents.Handler(next, contract.All, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			findings = append(findings, err)
		})
	}})
	hooks := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/voice" {
			out.Header().Set("Content-Type", "text/xml")
			_, _ = io.WriteString(out, "<Response>"+voice(w.centre)+"</Response>")
		}
	}))
	api := httptest.NewServer(w.sim)
	w.centre, err = people.Provision(t.Context(), w.sim, people.CentreScript{
		Workspace:      "centre",
		Availabilities: []people.AvailabilityScript{{Name: "Off"}, {Name: "Here", Available: true}},
		Queues:         []people.QueueScript{{Name: "Support", Target: "1==1", MaxReserved: 1, Order: "FIFO"}},
		RoutingWorkflows: []people.RoutingScript{{
			Name: "All", Mode: people.ModeFlex, ReservationTimeout: 120, DefaultQueue: "Support",
		}},
		Numbers: []people.NumberScript{{Name: "main", Number: centreNumber, Routing: "All"}},
		Agents:  []people.AgentEntry{{Name: "ann", Address: "client:ann", Capacity: 1}},
	}, people.URLs{Voice: func(people.NumberScript) string { return hooks.URL + "/voice" }})
	require.NoError(t, err)
	base, err := url.Parse(api.URL)
	require.NoError(t, err)
	twilio, err := activities.NewTwilio(activities.Config{
		AccountSID: w.sim.AccountSID(), AuthToken: w.sim.AuthToken(), WorkspaceSID: w.centre.WorkspaceSID, BaseURL: base,
		LegCallback:        func(call.ID, call.Label) string { return hooks.URL + "/leg" },
		ConferenceCallback: func(call.ID, call.ReservationSID) string { return hooks.URL + "/conference" },
	})
	require.NoError(t, err)
	w.Activities = &activities.Activities{Twilio: twilio}
	t.Cleanup(func() {
		w.sim.Close()
		twilio.CloseIdleConnections()
		api.Close()
		hooks.Close()
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, findings, "what Twilio's documents do not allow")
		require.Empty(t, w.sim.Violations())
	})
	w.customer, err = w.sim.Dial("+15551110000", centreNumber)
	require.NoError(t, err)
	return w
}

func (w *world) id() call.ID { return call.ID(w.customer.CallSID()) }

// until waits for something to happen on a line.
func until(t *testing.T, line simulator.Line, kind simulator.LineEventKind) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		select {
		case e, ok := <-line.Events():
			require.True(t, ok, "the line is over before it was %s", kind)
			if e.Kind == kind {
				return
			}
		case <-ctx.Done():
			require.Fail(t, "it did not happen", "%s", kind)
		}
	}
}

// answering is a phone that is picked up; the lines that rang come by the channel.
func (w *world) answering(address string) <-chan simulator.Line {
	lines := make(chan simulator.Line, 4)
	w.sim.Attach(address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
		line.Answer()
		lines <- line
	}))
	return lines
}

func (w *world) conference(t *testing.T, name string) *call.ConferenceSnapshot {
	t.Helper()
	s, err := w.ReadBack(t.Context(), call.ReadBack{Task: call.TaskSID(name)})
	require.NoError(t, err)
	return s.Conference
}

// participant is a leg as read back.
func (w *world) participant(t *testing.T, leg call.SID) call.Participant {
	t.Helper()
	for _, p := range w.conference(t, room).Participants {
		if p.Call == leg {
			return p
		}
	}
	require.Fail(t, "the leg is not there", "%s", leg)
	return call.Participant{}
}

func TestPeopleAreBroughtIntoARoomAndCoached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(*people.Centre) string { return `<Dial><Conference>` + room + `</Conference></Dial>` })
	until(t, w.customer, simulator.LineJoined)
	outside, sue := w.answering("+15552220000"), w.answering("client:sue")
	dial := call.AddParticipant{Call: w.id(), Conference: w.conference(t, room).Conference, Label: "external-1", To: "+15552220000", From: centreNumber, Ring: 20 * time.Second}
	leg, err := w.AddParticipant(t.Context(), dial)
	require.NoError(t, err)
	line := <-outside
	require.Equal(t, string(leg), line.CallSID())
	until(t, line, simulator.LineTogether)
	require.Equal(t, call.Participant{Conference: dial.Conference, Call: leg, Label: "external-1", StartConferenceOnEnter: true}, w.participant(t, leg))

	same, err := w.AddParticipant(t.Context(), dial)
	require.NoError(t, err)
	require.Equal(t, leg, same, "a label is dialled once")

	dial.Label, dial.To, dial.Muted = "supervisor-1", "client:sue", true
	supervisor, err := w.AddParticipant(t.Context(), dial)
	require.NoError(t, err)
	until(t, <-sue, simulator.LineJoined)
	require.True(t, w.participant(t, supervisor).Muted)
	require.NoError(t, w.CoachParticipant(t.Context(), call.CoachParticipant{Conference: dial.Conference, Leg: supervisor, Coaching: true, Coach: leg}))
	coach := w.participant(t, supervisor)
	require.True(t, coach.Coaching)
	require.Equal(t, leg, coach.Coach)
	require.True(t, coach.Muted, "who coaches anew is not heard yet")
	require.NoError(t, w.CoachParticipant(t.Context(), call.CoachParticipant{Conference: dial.Conference, Leg: supervisor}))
	require.False(t, w.participant(t, supervisor).Coaching)

	dial.Label, dial.To = "external-2", "+15559999999"
	nobody, err := w.AddParticipant(t.Context(), dial)
	require.NoError(t, err, "Twilio takes it, and finds nobody")
	s, err := w.ReadBack(t.Context(), call.ReadBack{Calls: []call.SID{nobody, leg}})
	require.NoError(t, err)
	require.Equal(t, "in-progress", s.Calls[1].Status)
	require.Contains(t, []string{"queued", "ringing", "failed"}, s.Calls[0].Status)
}

// first is the call's first task, once it is there.
func (w *world) first(t *testing.T) call.TaskSID {
	t.Helper()
	until(t, w.customer, simulator.LineQueued)
	r := httptest.NewRequest(http.MethodGet, "https://taskrouter.twilio.com/v1/Workspaces/"+w.centre.WorkspaceSID+"/Tasks", http.NoBody)
	r.SetBasicAuth(w.sim.AccountSID(), w.sim.AuthToken())
	out := httptest.NewRecorder()
	w.sim.ServeHTTP(out, r)
	var page struct {
		Tasks []struct {
			SID string `json:"sid"`
		} `json:"tasks"`
	}
	require.NoError(t, json.Unmarshal(out.Body.Bytes(), &page), out.Body.String())
	require.Len(t, page.Tasks, 1)
	return call.TaskSID(page.Tasks[0].SID)
}

func TestAnAgentIsFoundByATaskAndHisPartIsOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *people.Centre) string {
		return `<Enqueue workflowSid="` + c.RoutingWorkflows["All"] + `"><Task>{"language":"en"}</Task></Enqueue>`
	})
	original := w.first(t)
	ann := call.AgentSID(w.centre.Agents["ann"])
	require.NoError(t, w.sim.SetAvailability(string(ann), "Off"))
	seek := call.CreateTask{
		Call: w.id(), Label: "agent-2", Purpose: call.PurposeTransfer, Original: original, Target: call.Target{Kind: call.TargetAgent, Agent: ann},
		Within: time.Hour, Priority: 5, By: "Ben",
	}
	_, err := w.CreateTask(t.Context(), seek)
	requireFailure(t, err, call.Failure{Kind: call.FailureRefused, Code: call.CodeAgentUnavailable})

	asked := call.ReadBack{Call: w.id(), Tasks: []call.AskedTask{{Invitation: "agent-2"}}}
	s, err := w.ReadBack(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, []call.TaskSnapshot{{Invitation: "agent-2", Status: "gone"}}, s.Tasks, "no task was made")

	require.NoError(t, w.CancelTask(t.Context(), call.CancelTask{Task: original, Reason: "only the second one is of interest"}))
	require.NoError(t, w.sim.SetAvailability(string(ann), "Here"))
	task, err := w.CreateTask(t.Context(), seek)
	require.NoError(t, err)
	s, err = w.ReadBack(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, task, s.Tasks[0].Task, "found by its label")
	require.Equal(t, "reserved", s.Tasks[0].Status)
	offer := s.Tasks[0].Reservation
	require.Equal(t, "pending", offer.Status)
	require.Equal(t, ann, offer.Agent)
	require.Equal(t, "client:ann", offer.Address)

	accept := call.AcceptReservation{Task: task, Reservation: offer.Reservation}
	require.NoError(t, w.AcceptReservation(t.Context(), accept))
	require.NoError(t, w.AcceptReservation(t.Context(), accept), "accepted is accepted")
	wrap := call.WrapUpReservation{Task: task, Reservation: offer.Reservation}
	require.NoError(t, w.WrapUpReservation(t.Context(), wrap))
	require.NoError(t, w.WrapUpReservation(t.Context(), wrap), "wrapping is wrapping")
	s, err = w.ReadBack(t.Context(), call.ReadBack{Tasks: []call.AskedTask{{Invitation: "agent-2", Task: task, Reservation: offer.Reservation}}})
	require.NoError(t, err)
	require.Equal(t, "wrapping", s.Tasks[0].Reservation.Status)
	require.NoError(t, w.CompleteTask(t.Context(), call.CompleteTask{Task: task, Reason: "done"}))
	require.NoError(t, w.WrapUpReservation(t.Context(), wrap), "what is completed needs no wrapping")
}

func TestAWaitingCustomerIsBroughtToTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *people.Centre) string {
		return `<Enqueue workflowSid="` + c.RoutingWorkflows["All"] + `"/>`
	})
	w.first(t)
	require.NoError(t, w.MoveCustomer(t.Context(), call.MoveCustomer{Call: w.id(), Leg: call.SID(w.id()), Name: room}))
	until(t, w.customer, simulator.LineJoined)
	require.True(t, w.participant(t, call.SID(w.id())).EndConferenceOnExit)

	w.customer.HangUp()
	<-w.customer.Done()
	err := w.MoveCustomer(t.Context(), call.MoveCustomer{Call: w.id(), Leg: call.SID(w.id()), Name: room})
	require.Equal(t, call.FailureRefused, activities.FailureOf(err).Kind, "he is gone: %v", err)
	require.True(t, strings.HasPrefix(string(w.id()), "CA"))
}
