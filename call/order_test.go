package call_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/call"
)

// hear applies lines of a transcript and begins what is planned. It answers the kinds of the commands.
func hear(t *testing.T, s *call.State, lines ...string) []string {
	t.Helper()
	var commands []string
	for _, line := range lines {
		at, e := parseLine(t, line)
		s.Apply(start.Add(at), e)
		for _, c := range s.Plan() {
			s.Begin(start.Add(at), c)
			commands = append(commands, call.Kind(c))
		}
	}
	return commands
}

func newCall() call.State {
	settings := call.DefaultSettings()
	settings.NotAnswering = "WAmissed"
	return call.New("CAcustomer", settings)
}

// rung is a call whose first agent, on a telephone, answered and went before the customer came.
var rung = []string{
	`0s CallReceived call_sid=CAcustomer from=+15550001 to=+15559999`,
	`1s TaskCreated task_sid=WT1`,
	`2s AssignmentRequested reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 address=+15551112222`,
	`5s ParticipantJoined conference_sid=CF1 call_sid=CAagent1 sequence=1 instruction=WR1`,
}

var firstLeaves = []string{
	`6s ParticipantLeft conference_sid=CF1 call_sid=CAagent1 sequence=2 reason=participant_hung_up`,
	`6s ConferenceEnded conference_sid=CF1 sequence=3 reason=last-participant-left`,
	`6s ReservationCanceled reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 task_status=pending`,
}

var secondAnswers = []string{
	`8s AssignmentRequested reservation_sid=WR2 task_sid=WT1 agent_sid=WK2 address=client:bob`,
	`12s ParticipantJoined conference_sid=CF2 call_sid=CAcustomer sequence=2 end_conference_on_exit=true instruction=WR2`,
	`12s ParticipantJoined conference_sid=CF2 call_sid=CAagent2 sequence=1 instruction=WR2`,
}

func TestAnAgentWhoWentBeforeTheCustomerCameDidNotMeetHim(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung...)
	hear(t, &s, firstLeaves...)
	hear(t, &s, secondAnswers[0])
	require.Equal(t, call.StatusConnecting, s.Status())

	commands := hear(t, &s, secondAnswers[1]) // the customer's joining is told before the second agent's
	require.Empty(t, commands)
	require.False(t, s.WantEnd, "the call is not ended for the first agent's hanging up")
	require.True(t, s.AnsweredAt.IsZero())

	hear(t, &s, secondAnswers[2])
	require.Equal(t, call.StatusTalking, s.Status())
}

func TestTheEndOfAConferenceThatTheCustomerWasNeverInEndsNothing(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung...)
	hear(t, &s, secondAnswers...)
	hear(t, &s, firstLeaves...) // told last
	require.Equal(t, call.StatusTalking, s.Status())
	require.Equal(t, call.ConferenceSID("CF2"), s.Conference.SID)
	require.True(t, s.WrappingAt.IsZero())

	commands := hear(t, &s, `20s HoldRequested action=a1 leg=CAcustomer`)
	require.Contains(t, commands, "HoldParticipant")
}

func TestAnEventOfSomebodyInTheConferenceSaysThatHeIsThere(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung[:3]...)
	hear(t, &s,
		`5s ParticipantModified conference_sid=CF1 call_sid=CAcustomer sequence=4 end_conference_on_exit=true`,
		`5s ParticipantMuted conference_sid=CF1 call_sid=CAagent1 sequence=5 muted=true`,
		`6s ParticipantJoined conference_sid=CF1 call_sid=CAagent1 sequence=1 instruction=WR1`,
		`6s ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=2 end_conference_on_exit=true`,
	)
	require.Equal(t, call.LegJoined, s.Customer().State)
	require.Equal(t, call.StatusTalking, s.Status())
	require.True(t, s.Leg("CAagent1").Muted)
}

func TestAReservationThatCannotBeGivenBackEndsNoTalk(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung[:3]...) // the word of this agent's rejecting is lost
	hear(t, &s, `10s AssignmentRequested reservation_sid=WR2 task_sid=WT1 agent_sid=WK2 address=client:bob`)
	commands := hear(t, &s, `37s ClockTicked`)
	require.Equal(t, []string{"ReadBack"}, commands)
	hear(t, &s, `37s CallReadBack command=1 snapshot={"task":{"task_sid":"WT1","status":"reserved"},"reservation":{"reservation_sid":"WR2","status":"pending"}}`)
	commands = hear(t, &s, `43s ClockTicked`)
	require.Contains(t, commands, "RejectReservation")
	hear(t, &s,
		`44s ParticipantJoined conference_sid=CF1 call_sid=CAagent2 sequence=1 instruction=WR2`,
		`44s ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=2 end_conference_on_exit=true`,
	)
	require.Equal(t, call.StatusTalking, s.Status())
	for i := range 8 {
		at := start.Add(time.Duration(45+3*i) * time.Second)
		for _, f := range s.Flights {
			if f.Kind == "RejectReservation" {
				s.Apply(at, call.CommandFailed{Command: f.Number, Failure: call.Failure{Kind: call.FailureRefused, Message: "not now"}})
			}
		}
		for _, c := range s.Plan() {
			s.Begin(at, c)
		}
	}
	require.False(t, s.WantEnd, "two people talk")
	require.Equal(t, call.StatusTalking, s.Status())
}

func TestALookThatFailsIsRepeatedSoon(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung...)
	hear(t, &s,
		`5s ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=2 end_conference_on_exit=true`,
		`6s ReservationAccepted reservation_sid=WR1 task_sid=WT1`,
		`20s ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=3 reason=participant_hung_up`,
		`20s ConferenceEnded conference_sid=CF1 sequence=4`,
		`20s CallStatusChanged call_sid=CAcustomer status=completed`,
		`20s TaskWrapup task_sid=WT1`,
	)
	require.Equal(t, []string{"CompleteTask"}, hear(t, &s, `30s WrapupCompleteRequested action=a1`))
	hear(t, &s, `30s CommandSucceeded command=1`)
	require.Equal(t, []string{"ReadBack"}, hear(t, &s, `33s ClockTicked`))
	hear(t, &s, `63s CommandFailed command=2 failure={"kind":"unavailable"}`)
	next, ok := s.NextDeadline()
	require.True(t, ok)
	require.WithinRange(t, next, start.Add(63*time.Second), start.Add(2*time.Minute), "the task's end is not known, and nobody looks")
}

func TestALookFindsTheConferenceThatFollowedOneThatEnded(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung...)
	hear(t, &s, firstLeaves...)
	hear(t, &s, secondAnswers[0]) // and then nothing is told
	at := start.Add(45 * time.Second)
	s.Apply(at, call.ClockTicked{})
	plan := s.Plan()
	require.Len(t, plan, 1)
	look, ok := plan[0].(call.ReadBack)
	require.True(t, ok)
	require.Empty(t, look.Conference, "the one that ended tells nothing: the newest of the task's name is asked for")
	require.Equal(t, call.TaskSID("WT1"), look.Task)
}

func TestWhereTheCustomerIsTheCallIs(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung...) // nobody tells that the first agent went
	hear(t, &s, secondAnswers...)
	require.Equal(t, call.StatusTalking, s.Status())
	require.Equal(t, call.LegLeft, s.Leg("CAagent1").State)
	require.Contains(t, hear(t, &s, `20s HoldRequested action=a1 leg=CAcustomer`), "HoldParticipant")
}

func TestACallThatNobodyTakesDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	s := newCall()
	hear(t, &s, rung[:2]...)
	for i := range 1000 {
		at := start.Add(time.Duration(10*i) * time.Second)
		a := call.Assignment{Reservation: call.ReservationSID(fmt.Sprintf("WR%d", i)), Task: "WT1", Agent: "WK1"}
		s.Apply(at, call.AssignmentRequested{Assignment: a})
		require.Equal(t, call.StatusConnecting, s.Status())
		s.Apply(at.Add(time.Second), call.ReservationRejected{Assignment: a})
	}
	require.Equal(t, call.StatusQueued, s.Status())
	require.Len(t, s.Reservations, 64)
	require.Equal(t, call.ReservationSID("WR999"), s.Reservations[63].Reservation, "the last are kept")
}

// asked is a call whose people asked for everybody whom they asked for in another before anything happened: what was told of that call can be told to it in
// any order.
func asked(live *call.State) call.State {
	s := call.New(call.ID(customer), live.Settings)
	s.Invited, s.Task.SID = live.Invited, live.Task.SID // nobody is looked for before it is known
	for _, i := range live.Invitations {
		s.Invitations = append(s.Invitations, call.Invitation{
			Label: i.Label, Purpose: i.Purpose, Role: i.Role, Target: i.Target, By: i.By, Status: call.InvitationWanted, At: start, Until: start.Add(24 * time.Hour),
			DialsIn: i.DialsIn, Reservation: i.Reservation,
			Supervision: call.Supervision{Wanted: i.Supervision.Wanted, Private: i.Supervision.Private}, Task: call.Task{SID: i.Task.SID}, // by the answer to its making
		})
	}
	return s
}

// observedOfAll is what Twilio said of a call, and of everybody who was brought in.
func observedOfAll(s *call.State) string {
	type task struct{ Wrapping, Canceled, Completed bool }
	tasks, legs := map[call.Label]task{}, map[call.SID]string{}
	for _, i := range s.Invitations {
		tasks[i.Label] = task{i.Task.Wrapping, i.Task.Canceled, i.Task.Completed}
	}
	for _, l := range s.Legs {
		legs[l.Call] = fmt.Sprint(l.Role, l.Label, l.Coaching, l.Mode(), l.Reservation)
	}
	return fmt.Sprint(observed(s), tasks, legs)
}

// Of people who are brought in, by tasks and by telephone, and of supervisors, too, the events of a whole call say the same in any order and however often they
// are told.
func TestOrderMakesNoDifferenceToThoseWhoAreBroughtIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &dice{rapid.Uint64().Draw(t, "seed")}
		w := &world{t: t}
		w.dice, w.sure = d, map[string]int{
			"flex": 99, "announced": 99, "ttl": 99, "answer": 0, "goes at once": 99, "patience": 600, "free": 0, "ring": 1,
		}
		actTogether(w)
		actSupervising(w)
		var heard []call.Event
		live := drive(t, recording(w, &heard))
		history := slices.DeleteFunc(heard, func(e call.Event) bool {
			_, completed := e.(call.TaskCompleted) // keep the call open until everything was told
			canceled, ok := e.(call.TaskCanceled)
			return completed || ok && canceled.Task == task
		})
		tell := func(events []call.Event) call.State {
			s := asked(&live)
			for i, e := range events {
				s.Apply(start.Add(time.Duration(i)*time.Millisecond), e)
			}
			return s
		}
		want := tell(history)
		shuffled := slices.Clone(history)
		for range d.roll(10) {
			shuffled = append(shuffled, history[d.roll(uint64(len(history)))])
		}
		for i := len(shuffled) - 1; i > 0; i-- {
			j := int(d.roll(uint64(i + 1)))
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		got := tell(shuffled)
		require.Equal(t, observedOfAll(&want), observedOfAll(&got))
	})
}
