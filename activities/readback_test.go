package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"holdfast/call"
)

// looks sets the answers for a call whose parts are all there.
func (b *testBundle) looks() {
	b.when("GET "+voiceAPI+"/Calls/"+customer+".json", ok(`{"status":"in-progress"}`))
	b.when("GET "+taskRouterAPI+"/Tasks/"+task, ok(`{"assignment_status":"assigned"}`))
	b.when("GET "+taskRouterAPI+"/Tasks/"+task+"/Reservations", ok(`{"meta":{},"reservations":[
		{"sid":"WR00000000000000000000000000000000","reservation_status":"timeout","date_created":"2026-01-02T03:04:01Z"},
		{"sid":"`+reservation+`","reservation_status":"accepted","date_created":"2026-01-02T03:04:09Z"},
		{"sid":"WR00000000000000000000000000000003","reservation_status":"rejected","date_created":"2026-01-02T03:05:01Z"}]}`))
	b.when("GET "+voiceAPI+"/Conferences/"+conference+".json", ok(`{"status":"in-progress"}`))
	b.when("GET "+voiceAPI+"/Conferences/"+conference+"/Participants.json", ok(`{"participants":[
		{"call_sid":"CA00000000000000000000000000000077","status":"ringing","muted":false,"hold":false,"end_conference_on_exit":false},
		{"call_sid":"CA00000000000000000000000000000078","status":"complete","muted":false,"hold":false,"end_conference_on_exit":false},
		{"call_sid":"`+agentLeg+`","status":"connected","muted":true,"hold":false,"coaching":false,"start_conference_on_enter":true,"end_conference_on_exit":false,"label":"ann"},
		{"call_sid":"`+customer+`","status":"connected","muted":false,"hold":true,"start_conference_on_enter":true,"end_conference_on_exit":true}]}`))
}

func everything() call.ReadBack {
	return call.ReadBack{Customer: customer, Task: task, Reservation: reservation, Conference: conference}
}

func TestReadBackTellsEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.looks()
	got, err := b.ReadBack(t.Context(), everything())
	require.NoError(t, err)
	require.Equal(t, call.Snapshot{
		CustomerStatus: "in-progress",
		Task:           &call.TaskSnapshot{Task: task, Status: "assigned"},
		Reservation:    &call.ReservationSnapshot{Reservation: reservation, Status: "accepted"},
		Conference: &call.ConferenceSnapshot{Conference: conference, Status: "in-progress", Participants: []call.Participant{
			{Conference: conference, Call: "CA00000000000000000000000000000077", Status: "ringing"},
			{Conference: conference, Call: agentLeg, Label: "ann", Muted: true, StartConferenceOnEnter: true},
			{Conference: conference, Call: customer, Hold: true, StartConferenceOnEnter: true, EndConferenceOnExit: true},
		}},
	}, got)
	require.Len(t, b.requests, 5)
}

func TestReadBackOfWhatIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{
		voiceAPI + "/Calls/" + customer + ".json", taskRouterAPI + "/Tasks/" + task, taskRouterAPI + "/Tasks/" + task + "/Reservations",
		voiceAPI + "/Conferences/" + conference + ".json",
	} {
		b.when("GET "+path, notFound)
	}
	got, err := b.ReadBack(t.Context(), everything())
	require.NoError(t, err)
	require.Equal(t, call.Snapshot{
		CustomerStatus: "gone",
		Task:           &call.TaskSnapshot{Task: task, Status: "gone"},
		Reservation:    &call.ReservationSnapshot{Reservation: reservation, Status: "gone"},
		Conference:     &call.ConferenceSnapshot{Conference: conference, Status: "gone"},
	}, got)
}

func TestReadBackOfAConferenceThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.looks()
	b.when("GET "+voiceAPI+"/Conferences/"+conference+"/Participants.json", notFound)
	got, err := b.ReadBack(t.Context(), everything())
	require.NoError(t, err)
	require.Equal(t, &call.ConferenceSnapshot{Conference: conference, Status: "completed"}, got.Conference)
}

func TestReadBackFailsAsAWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.looks()
	b.when("GET "+taskRouterAPI+"/Tasks/"+task, refusal(503, 0, "down"))
	got, err := b.ReadBack(t.Context(), everything())
	require.Zero(t, got)
	var typed call.Failure
	typed.Kind, typed.Status, typed.Message = call.FailureUnavailable, 503, "down"
	requireFailure(t, err, typed)
}

func TestReadBackFindsAConferenceByTheTasksName(t *testing.T) {
	t.Parallel()
	const (
		older  = `{"sid":"CF00000000000000000000000000000007","friendly_name":"` + task + `","status":"completed","date_created":"Fri, 02 Jan 2026 03:04:05 +0000"}`
		newest = `{"sid":"CF00000000000000000000000000000008","friendly_name":"` + task + `","status":"completed","date_created":"Fri, 02 Jan 2026 03:09:05 +0000"}`
		live   = `{"sid":"` + conference + `","friendly_name":"` + task + `","status":"in-progress","date_created":"Fri, 02 Jan 2026 03:05:05 +0000"}`
		other  = `{"sid":"CF00000000000000000000000000000009","friendly_name":"another","status":"in-progress","date_created":"Fri, 02 Jan 2026 04:05:05 +0000"}`
	)
	for name, test := range map[string]struct {
		list string
		want call.ConferenceSnapshot
	}{
		"the one that goes on": {
			list: older + "," + live + "," + newest,
			want: call.ConferenceSnapshot{Conference: conference, Status: "in-progress", Participants: []call.Participant{{Conference: conference, Call: customer}}},
		},
		"else the newest": {
			list: older + "," + newest,
			want: call.ConferenceSnapshot{Conference: "CF00000000000000000000000000000008", Status: "completed"},
		},
		"none of another name": {list: other, want: call.ConferenceSnapshot{Status: "gone"}},
		"none":                 {want: call.ConferenceSnapshot{Status: "gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.when("GET "+voiceAPI+"/Conferences.json", ok(`{"conferences":[`+test.list+`]}`))
			b.when("GET "+voiceAPI+"/Conferences/"+conference+"/Participants.json", ok(`{"participants":[{"call_sid":"`+customer+`"}]}`))
			b.when("GET "+taskRouterAPI+"/Tasks/"+task, ok(`{"assignment_status":"pending"}`))
			b.when("GET "+taskRouterAPI+"/Tasks/"+task+"/Reservations", ok(`{"reservations":[]}`))
			got, err := b.ReadBack(t.Context(), call.ReadBack{Task: task})
			require.NoError(t, err)
			require.Equal(t, &test.want, got.Conference)
			require.Nil(t, got.Reservation)
			require.True(t, slices.Contains(b.requests, "GET "+voiceAPI+"/Conferences.json?FriendlyName="+task+"&PageSize=50"), b.requests)
		})
	}
}

func TestReadBackOfNothingAsksNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got, err := b.ReadBack(t.Context(), call.ReadBack{})
	require.NoError(t, err)
	require.Zero(t, got)
	require.Empty(t, b.requests)
}

func TestReadBackPrefersTheReservationThatIsOpen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		list string
		want *call.ReservationSnapshot
	}{
		"a newer one that the call never heard of": {
			list: `{"sid":"` + reservation + `","reservation_status":"timeout","date_created":"2026-01-02T03:04:01Z"},
				{"sid":"WR00000000000000000000000000000002","reservation_status":"pending","date_created":"2026-01-02T03:05:01Z"}`,
			want: &call.ReservationSnapshot{Reservation: "WR00000000000000000000000000000002", Status: "pending"},
		},
		"the one asked for, if none is open": {
			list: `{"sid":"WR00000000000000000000000000000002","reservation_status":"rejected","date_created":"2026-01-02T03:05:01Z"},
				{"sid":"` + reservation + `","reservation_status":"timeout","date_created":"2026-01-02T03:04:01Z"}`,
			want: &call.ReservationSnapshot{Reservation: reservation, Status: "timeout"},
		},
		"gone, if it is not listed": {want: &call.ReservationSnapshot{Reservation: reservation, Status: "gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.looks()
			b.when("GET "+taskRouterAPI+"/Tasks/"+task+"/Reservations", ok(`{"reservations":[`+test.list+`]}`))
			got, err := b.ReadBack(t.Context(), everything())
			require.NoError(t, err)
			require.Equal(t, test.want, got.Reservation)
		})
	}
}

func TestALookThatFailedAsksAgainOnlyForWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.looks()
	b.when("GET "+voiceAPI+"/Calls/"+customer+".json", refusal(500, 20500, "Internal Server Error"))
	var details any
	look := func() (call.Snapshot, error) {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.SetTestTimeout(30 * time.Second)
		env.RegisterActivity(b.Activities)
		if details != nil {
			env.SetHeartbeatDetails(details)
		}
		env.SetOnActivityHeartbeatListener(func(_ *activity.Info, recorded converter.EncodedValues) {
			var kept map[string]any
			if recorded.Get(&kept) == nil {
				details = kept
			}
		})
		result, err := env.ExecuteActivity(b.ReadBack, everything())
		var got call.Snapshot
		if err == nil {
			require.NoError(t, result.Get(&got))
		}
		return got, err
	}
	_, err := look()
	require.Error(t, err)
	require.Len(t, b.requests, 5)

	b.requests = nil
	b.when("GET "+voiceAPI+"/Calls/"+customer+".json", ok(`{"status":"completed"}`))
	got, err := look()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"GET " + voiceAPI + "/Calls/" + customer + ".json",
		"GET " + voiceAPI + "/Conferences/" + conference + ".json",
		"GET " + voiceAPI + "/Conferences/" + conference + "/Participants.json?PageSize=250",
	}, b.requests, "who is in the conference is read anew")
	require.Equal(t, "completed", got.CustomerStatus)
	require.Equal(t, &call.TaskSnapshot{Task: task, Status: "assigned"}, got.Task)
	require.Equal(t, &call.ReservationSnapshot{Reservation: reservation, Status: "accepted"}, got.Reservation)
	require.Len(t, got.Conference.Participants, 3)
}
