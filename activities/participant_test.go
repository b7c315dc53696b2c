package activities_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"holdfast/activities"
	"holdfast/call"
)

const (
	participants = voiceAPI + "/Conferences/" + conference + "/Participants"
	newLeg       = "CA00000000000000000000000000000005"
)

func withLegCallback(c *activities.Config) {
	c.LegCallback = func(id call.ID, label call.Label) string {
		return "https://calls.example.com/call-status?call=" + string(id) + "&invitation=" + string(label)
	}
}

func add(to, from string) call.AddParticipant {
	return call.AddParticipant{Call: customer, Conference: conference, Label: "external-1", To: to, From: from, Ring: 30 * time.Second}
}

func TestSomebodyIsDialledUnderHisLabel(t *testing.T) {
	t.Parallel()
	b := setup(t, withLegCallback)
	b.when("POST "+participants+".json", reply{status: http.StatusCreated, body: `{"call_sid":"` + newLeg + `","label":"external-1","status":"queued"}`})
	leg, err := b.AddParticipant(t.Context(), add("+15551234567", "+15559999000"))
	require.NoError(t, err)
	require.Equal(t, call.SID(newLeg), leg)
	require.Equal(t, url.Values{
		"To": {"+15551234567"}, "From": {"+15559999000"}, "Label": {"external-1"}, "Timeout": {"30"}, "Beep": {"false"}, "EarlyMedia": {"false"},
		"EndConferenceOnExit": {"false"}, "StatusCallback": {"https://calls.example.com/call-status?call=" + customer + "&invitation=external-1"},
		"StatusCallbackMethod": {"POST"}, "StatusCallbackEvent": {"initiated", "ringing", "answered", "completed"},
	}, b.form(t, "POST "+participants+".json"))
}

func TestASupervisorIsDialledMutedAndRungAsTwilioTakesIt(t *testing.T) {
	t.Parallel()
	b := setup(t, withLegCallback)
	b.when("POST "+participants+".json", reply{status: http.StatusCreated, body: `{"call_sid":"` + newLeg + `"}`})
	c := add("client:sue", "+15559999000")
	c.Muted, c.Ring = true, time.Second
	_, err := b.AddParticipant(t.Context(), c)
	require.NoError(t, err)
	form := b.form(t, "POST "+participants+".json")
	require.Equal(t, "true", form.Get("Muted"))
	require.Equal(t, "5", form.Get("Timeout"), "Twilio takes no less")
	require.NotContains(t, form, "Coaching", "muted and coaching are never set by one request")
}

func TestWhoIsDialledSeesACallerIDThatTwilioTakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ to, dialled, set, want string }{
		"a telephone sees what the customer dialled":        {"+15551234567", "+15559999000", "+15559999111", "+15559999000"},
		"a telephone, of a call by SIP, sees what is set":   {"+15551234567", "sip:desk@example.com", "+15559999111", "+15559999111"},
		"a telephone, and nothing is known":                 {"+15551234567", "", "", ""},
		"a client sees what is set":                         {"client:ann", "+15559999000", "+15559999111", "+15559999111"},
		"a client sees what the customer dialled otherwise": {"client:ann", "+15559999000", "", "+15559999000"},
		"a client, and nothing is known":                    {"client:ann", "client:caller", "", "client:holdfast"},
		"a telephone, of a call that came by no number":     {"+15551234567", "client:caller", "own +15559999222", "+15559999222"},
		"a client, of a call that came by no number":        {"client:ann", "client:caller", "own +15559999222", "+15559999222"},
		"a client, of one that did":                         {"client:ann", "+15559999000", "own +15559999222", "+15559999000"},
		"a SIP phone, and nothing is known":                 {"sip:ann@example.com", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withLegCallback, func(c *activities.Config) {
				if own, ok := strings.CutPrefix(test.set, "own "); ok {
					c.OwnNumber = own
				} else {
					c.AgentFrom = test.set
				}
			})
			b.when("POST "+participants+".json", reply{status: http.StatusCreated, body: `{"call_sid":"` + newLeg + `"}`})
			_, err := b.AddParticipant(t.Context(), add(test.to, test.dialled))
			if test.want == "" {
				requireFailure(t, err, call.Failure{Kind: call.FailureRefused})
				require.Empty(t, b.requests)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, b.form(t, "POST "+participants+".json").Get("From"))
		})
	}
}

// again runs an activity as the engine does: a second time after an attempt that came to nothing.
func again[C any, R any](t *testing.T, b *testBundle, do func(context.Context, C) (R, error), c C) (made R, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(30 * time.Second)
	env.RegisterActivity(b.Activities)
	env.ExecuteWorkflow(func(ctx workflow.Context) (made R, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: 30 * time.Second, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 2},
		})
		err = workflow.ExecuteActivity(ctx, do, c).Get(ctx, &made)
		return made, err
	})
	require.True(t, env.IsWorkflowCompleted())
	if err = env.GetWorkflowError(); err == nil {
		err = env.GetWorkflowResult(&made)
	}
	return made, err
}

func TestWhoMayBeThereAlreadyIsLookedForBeforeHeIsDialledAgain(t *testing.T) {
	t.Parallel()
	down := refusal(500, 20500, "Internal Server Error")
	look, dial := "GET "+participants+"/external-1.json", "POST "+participants+".json"
	for name, test := range map[string]struct {
		replies map[string][]reply
		first   bool
		want    call.SID
		fails   call.FailureKind
		asked   []string
	}{
		"he is there": {
			replies: map[string][]reply{dial: {down}, look: {ok(`{"call_sid":"` + newLeg + `"}`)}},
			want:    newLeg, asked: []string{dial, look},
		},
		"he is not": {
			replies: map[string][]reply{look: {notFound}, dial: {down, ok(`{"call_sid":"` + newLeg + `"}`)}},
			want:    newLeg, asked: []string{dial, look, dial},
		},
		"nobody can tell": {
			replies: map[string][]reply{dial: {down}, look: {down}},
			fails:   call.FailureUnavailable, asked: []string{dial, look},
		},
		"Twilio knows the label": {
			first:   true,
			replies: map[string][]reply{dial: {refusal(400, 16025, "label taken")}, look: {ok(`{"call_sid":"` + newLeg + `"}`)}},
			want:    newLeg, asked: []string{dial, look},
		},
		"Twilio knew the label, and he is gone": {
			first:   true,
			replies: map[string][]reply{dial: {refusal(400, 16025, "label taken")}, look: {notFound}},
			fails:   call.FailureRefused, asked: []string{dial, look},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withLegCallback)
			b.replies = test.replies
			c := add("+15551234567", "+15559999000")
			var leg call.SID
			var err error
			if test.first {
				leg, err = b.AddParticipant(t.Context(), c)
			} else {
				leg, err = again(t, b, b.AddParticipant, c)
			}
			if test.fails != "" {
				require.Equal(t, test.fails, activities.FailureOf(err).Kind)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, test.want, leg)
			require.Equal(t, test.asked, b.asked())
		})
	}
}

func TestACustomerIsBroughtIntoTheRoomThatEndsWithHim(t *testing.T) {
	t.Parallel()
	const path = "POST " + voiceAPI + "/Calls/" + customer + ".json"
	b := setup(t, withCallback)
	b.when(path, ok(`{"status":"in-progress"}`))
	require.NoError(t, b.MoveCustomer(t.Context(), call.MoveCustomer{Call: customer, Leg: customer, Name: task}))
	room := b.form(t, path).Get("Twiml")
	require.Contains(t, room, `<Dial><Conference beep="false" startConferenceOnEnter="true" endConferenceOnExit="true" statusCallback="https://calls.example.com/conference?`)
	require.Contains(t, room, `statusCallbackEvent="start end join leave mute hold modify">`+task+`</Conference></Dial>`)
}

func TestACustomerWhoMayBeInTheRoomAlreadyIsNotMovedAgain(t *testing.T) {
	t.Parallel()
	const move = "POST " + voiceAPI + "/Calls/" + customer + ".json"
	for name, test := range map[string]struct {
		there string
		moved int
	}{
		"he is there": {`{"call_sid":"` + customer + `","status":"connected"}`, 0},
		"he is not":   {`{"call_sid":"` + agentLeg + `","status":"connected"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withCallback)
			b.when("GET "+voiceAPI+"/Conferences.json", ok(`{"conferences":[{"sid":"`+conference+`","friendly_name":"`+task+`","status":"in-progress"}]}`))
			b.when("GET "+voiceAPI+"/Conferences/"+conference+"/Participants.json", ok(`{"participants":[`+test.there+`]}`))
			b.when(move, ok(`{"status":"in-progress"}`))
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.SetTestTimeout(30 * time.Second)
			env.RegisterActivity(b.Activities)
			env.SetHeartbeatDetails("sent, and no answer")
			_, err := env.ExecuteActivity(b.MoveCustomer, call.MoveCustomer{Call: customer, Leg: customer, Name: task})
			require.NoError(t, err)
			moved := slices.DeleteFunc(slices.Clone(b.requests), func(r string) bool { return !strings.HasPrefix(r, "POST ") })
			require.Len(t, moved, test.moved)
		})
	}
}
