package activities_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/activities"
	"holdfast/call"
)

const reservationPath = "POST " + taskRouterAPI + "/Tasks/" + task + "/Reservations/" + reservation

// form is what was posted to a path.
func (b *testBundle) form(t *testing.T, path string) url.Values {
	t.Helper()
	for _, line := range b.requests {
		if posted, ok := strings.CutPrefix(line, path+" "); ok {
			form, err := url.ParseQuery(posted)
			require.NoError(t, err)
			return form
		}
	}
	require.Fail(t, "nothing was posted", "%s in %v", path, b.requests)
	return nil
}

func withCallback(c *activities.Config) {
	c.ConferenceCallback = func(id call.ID, r call.ReservationSID) string {
		return "https://calls.example.com/conference?call=" + string(id) + "&reservation=" + string(r)
	}
}

func instruct() call.InstructReservation {
	return call.InstructReservation{
		Call: customer, Task: task, Reservation: reservation, To: "client:ann", From: "+15559999000", Ring: 1500 * time.Millisecond,
	}
}

func TestAReservationIsAcceptedByAConferenceInstruction(t *testing.T) {
	t.Parallel()
	b := setup(t, withCallback)
	b.when(reservationPath, ok(`{"reservation_status":"pending"}`))
	require.NoError(t, b.InstructReservation(t.Context(), instruct()))
	require.Equal(t, url.Values{
		"Instruction": {"conference"}, "To": {"client:ann"}, "From": {"+15559999000"}, "Timeout": {"2"}, "Beep": {"false"},
		"EndConferenceOnExit": {"false"}, "EndConferenceOnCustomerExit": {"true"},
		"ConferenceStatusCallback":       {"https://calls.example.com/conference?call=" + customer + "&reservation=" + reservation},
		"ConferenceStatusCallbackMethod": {"POST"}, "ConferenceStatusCallbackEvent": {"start", "end", "join", "leave", "mute", "hold"},
	}, b.form(t, reservationPath))
}

func TestTimesAreToldByTwiliosSecond(t *testing.T) {
	t.Parallel()
	b := setup(t, withCallback, func(c *activities.Config) { c.Second = 50 * time.Millisecond })
	b.when(reservationPath, ok(`{"reservation_status":"pending"}`))
	require.NoError(t, b.InstructReservation(t.Context(), instruct()))
	require.Equal(t, "30", b.form(t, reservationPath).Get("Timeout"))
}

func TestACallerIDIsATelephoneNumber(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dialled, set string
		want         []string
	}{
		"what was dialled":            {"+15559999000", "", []string{"+15559999000"}},
		"not a SIP address":           {"sip:desk@example.com", "", nil},
		"what is set, whatever it is": {"sip:desk@example.com", "+15558887777", []string{"+15558887777"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withCallback, func(c *activities.Config) { c.AgentFrom = test.set })
			b.when(reservationPath, ok(`{}`))
			c := instruct()
			c.From = test.dialled
			require.NoError(t, b.InstructReservation(t.Context(), c))
			require.Equal(t, test.want, b.form(t, reservationPath)["From"])
		})
	}
}

func TestAnInstructionThatWasGivenBeforeCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refusal reply
		status  string
		done    bool
	}{
		"it is being accepted":     {refusal(http.StatusBadRequest, 40144, "is being accepted already"), "", true},
		"it is accepted by now":    {refusal(http.StatusBadRequest, 40136, "is not pending"), "accepted", true},
		"it has come to nothing":   {refusal(http.StatusBadRequest, 40136, "is not pending"), "canceled", false},
		"the number is not its to": {refusal(http.StatusBadRequest, 21210, "From is not verified"), "pending", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withCallback)
			b.when(reservationPath, test.refusal)
			b.when("GET "+strings.TrimPrefix(reservationPath, "POST "), ok(`{"reservation_status":"`+test.status+`"}`))
			err := b.InstructReservation(t.Context(), instruct())
			if test.done {
				require.NoError(t, err)
			} else {
				require.Equal(t, call.FailureRefused, activities.FailureOf(err).Kind)
			}
		})
	}
}

func TestACallerForWhomNobodyComesIsTold(t *testing.T) {
	t.Parallel()
	const path = "POST " + voiceAPI + "/Calls/" + customer + ".json"
	b := setup(t, func(c *activities.Config) { c.Apology = "Nobody <is> here." })
	b.when(path, ok(`{"status":"in-progress"}`), refusal(http.StatusBadRequest, 21220, "Call is not in-progress"))
	require.NoError(t, b.DismissCaller(t.Context(), call.DismissCaller{Leg: customer}))
	require.Contains(t, b.form(t, path).Get("Twiml"), "<Response><Say>Nobody &lt;is&gt; here.</Say><Hangup></Hangup></Response>")
	require.NoError(t, b.DismissCaller(t.Context(), call.DismissCaller{Leg: customer}), "he had gone by himself")
}

func TestACallerForWhomNobodyComesMayBeSentToAVoicemail(t *testing.T) {
	t.Parallel()
	const path = "POST " + voiceAPI + "/Calls/" + customer + ".json"
	b := setup(t, func(c *activities.Config) {
		c.GoodbyeURL = &url.URL{Scheme: "https", Host: "example.com", Path: "/voicemail"}
	})
	b.when(path, ok(`{"status":"in-progress"}`))
	require.NoError(t, b.DismissCaller(t.Context(), call.DismissCaller{Leg: customer}))
	require.Equal(t, url.Values{"Url": {"https://example.com/voicemail"}, "Method": {"POST"}}, b.form(t, path))
}

func TestReadBackSaysWhoseAnUnknownReservationIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.looks()
	b.when("GET "+taskRouterAPI+"/Tasks/"+task+"/Reservations", ok(`{"meta":{},"reservations":[
		{"sid":"`+reservation+`","reservation_status":"accepted","worker_sid":"`+agent+`","worker_name":"Ann","date_created":"2026-01-02T03:04:09Z"}]}`))
	b.when("GET "+taskRouterAPI+"/Workers/"+agent, ok(`{"attributes":"{\"contact_uri\":\"client:ann\"}"}`))
	asked := everything()
	asked.Reservation = ""
	got, err := b.ReadBack(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, &call.ReservationSnapshot{
		Reservation: reservation, Status: "accepted", Agent: agent, AgentName: "Ann", Address: "client:ann",
	}, got.Reservation)
}
