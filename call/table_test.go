package call_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

// situations brings a call into each status, by events as in a transcript, from the situation before or from the beginning.
var situations = []struct {
	status call.Status
	events []string
	anew   bool
}{
	{status: call.StatusUnknown, anew: true},
	{status: call.StatusQueued, events: []string{
		"CallReceived call_sid=CAcustomer from=+1 to=+2 direction=inbound", "TaskCreated task_sid=WT1 call_sid=CAcustomer",
	}},
	{status: call.StatusReserved, events: []string{"ReservationCreated reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 address=+3"}},
	{status: call.StatusConnecting, events: []string{"AssignmentRequested reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 address=+3"}},
	{status: call.StatusTalking, events: []string{
		"ParticipantJoined conference_sid=CF1 call_sid=CAagent sequence=10",
		"ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=20 end_conference_on_exit=true",
		"ReservationAccepted reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	}},
	{status: call.StatusHeld, events: []string{
		`HoldRequested action=a0 by={"role":"agent"} leg=CAcustomer`, "CommandSucceeded command=1",
		"ParticipantHeld conference_sid=CF1 call_sid=CAcustomer sequence=21 hold=true end_conference_on_exit=true",
	}},
	{status: call.StatusWrapping, events: []string{
		"ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=22 reason=participant_hung_up",
		"ParticipantLeft conference_sid=CF1 call_sid=CAagent sequence=23 reason=moderator_ended_conference",
		"ConferenceEnded conference_sid=CF1 sequence=24", "TaskWrapup task_sid=WT1",
	}},
	{status: call.StatusEnded, events: []string{"TaskCompleted task_sid=WT1"}},
	{status: call.StatusDialling, anew: true, events: []string{
		"CallRequested to=+1 from=+2 session=ses_1 bot=bot_1", "CommandSucceeded command=1 call_sid=CAcustomer",
	}},
	{status: call.StatusBot, anew: true, events: []string{
		"BotAnswered call_sid=CAcustomer from=+1 to=+2 direction=inbound session=ses_1 bot=bot_1 people=true",
	}},
}

// happenings is one of each event, as it would come next, and of some the variants that mean something else.
var happenings = []string{
	"CallReceived call_sid=CAcustomer from=+1 to=+2 direction=inbound",
	"CallStatusChanged call_sid=CAcustomer status=in-progress",
	"CallStatusChanged call_sid=CAcustomer status=completed",
	"CallStatusChanged call_sid=CAagent status=completed",
	"SupervisorDialledIn call_sid=CAsue invitation=supervisor-1 from=+15550007",
	"AnnouncementConfirmed call_sid=CAbob invitation=agent-1 reservation_sid=WR2",
	"EnqueueEnded call_sid=CAcustomer result=bridged",
	"TaskCreated task_sid=WT1 call_sid=CAcustomer",
	`TaskQueueEntered task_sid=WT1 queue_sid=WQ1 at="2026-03-02T09:00:00Z"`,
	"TaskCanceled task_sid=WT1 reason=hangup",
	"TaskWrapup task_sid=WT1",
	"TaskCompleted task_sid=WT1",
	"TaskDeleted task_sid=WT1",
	"ReservationCreated reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 address=+3",
	"AssignmentRequested reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 address=+3",
	"ReservationAccepted reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	"ReservationRejected reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	"ReservationTimedOut reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	"ReservationCanceled reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 task_status=pending",
	"ReservationFailed reservation_sid=WR1 task_sid=WT1 agent_sid=WK1 task_status=pending",
	"ReservationRescinded reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	"ReservationWrapup reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	"ReservationCompleted reservation_sid=WR1 task_sid=WT1 agent_sid=WK1",
	"ConferenceStarted conference_sid=CF1 name=WT1 sequence=30",
	"ConferenceEnded conference_sid=CF1 sequence=30",
	"ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=30 end_conference_on_exit=true",
	"ParticipantJoined conference_sid=CF1 call_sid=CAcustomer sequence=1 end_conference_on_exit=true",
	"ParticipantJoined conference_sid=CF1 call_sid=CAagent sequence=30",
	"ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=30 reason=participant_hung_up",
	"ParticipantLeft conference_sid=CF1 call_sid=CAcustomer sequence=30 reason=participant_updated_via_api",
	"ParticipantLeft conference_sid=CF1 call_sid=CAagent sequence=30 reason=participant_hung_up",
	"ParticipantHeld conference_sid=CF1 call_sid=CAcustomer sequence=30 hold=true end_conference_on_exit=true",
	"ParticipantUnheld conference_sid=CF1 call_sid=CAcustomer sequence=30 end_conference_on_exit=true",
	"ParticipantMuted conference_sid=CF1 call_sid=CAagent sequence=30 muted=true",
	"ParticipantUnmuted conference_sid=CF1 call_sid=CAagent sequence=30",
	"ParticipantModified conference_sid=CF1 call_sid=CAagent sequence=30 end_conference_on_exit=true",
	`HoldRequested action=a1 by={"role":"agent"} leg=CAcustomer`,
	`UnholdRequested action=a1 by={"role":"agent"} leg=CAcustomer`,
	`MuteRequested action=a1 by={"role":"agent"} leg=CAagent`,
	`UnmuteRequested action=a1 by={"role":"agent"} leg=CAagent`,
	`LeaveRequested action=a1 by={"role":"agent"} leg=CAagent`,
	`AcceptRequested action=a1 by={"role":"agent"} reservation_sid=WR1`,
	`RejectRequested action=a1 by={"role":"agent"} reservation_sid=WR1`,
	`EndRequested action=a1 by={"role":"supervisor"}`,
	`WrapupCompleteRequested action=a1 by={"role":"agent"}`,
	`JoinRequested action=a1 by={"role":"agent"} target={"kind":"number","address":"+15550009"}`,
	`JoinRequested action=a1 by={"role":"agent"} target={"kind":"agent","agent_sid":"WK2"}`,
	`WithdrawRequested action=a1 by={"role":"agent"} invitation=agent-1`,
	`TransferRequested action=a1 by={"role":"agent"} mode=cold from=CAagent target={"kind":"queue","queue_sid":"WQ2"}`,
	`TransferRequested action=a1 by={"role":"agent"} mode=warm from=CAagent target={"kind":"number","address":"+15550009"}`,
	`SwapRequested action=a1 by={"role":"agent"}`,
	`MergeRequested action=a1 by={"role":"agent"}`,
	`TransferCompleteRequested action=a1 by={"role":"agent"}`,
	`TransferCancelRequested action=a1 by={"role":"agent"}`,
	`RejoinRequested action=a1 by={"role":"agent","agent_sid":"WK1"} address=client:ann`,
	`SuperviseRequested action=a1 by={"name":"Sue","role":"supervisor"} mode=whisper address=client:sue`,
	`DialInRequested action=a1 by={"name":"Sue","role":"supervisor"}`,
	`SupervisionModeRequested action=a1 by={"name":"Sue","role":"supervisor"} leg=CAsue mode=barge`,
	`TakeOverRequested action=a1 by={"name":"Sue","role":"supervisor"} leg=CAsue`,
	`HelpRequested action=a1 by={"name":"Ann","role":"agent","agent_sid":"WK1"} reason=refund`,
	`HelpDismissed action=a1 by={"name":"Ann","role":"agent","agent_sid":"WK1"} agent_sid=WK1`,
	"BotAnswered call_sid=CAcustomer from=+1 to=+2 direction=inbound session=ses_1 bot=bot_1 people=true",
	`HandedOff call_sid=CAcustomer session=ses_1 handoff={"reason":"refund","at":"2026-03-02T09:00:01Z"}`,
	"BotEnded call_sid=CAcustomer session=ses_1 result=ended",
	"CallRequested to=+1 from=+2 session=ses_1 bot=bot_1",
	`HandoffRequested action=a1 by={"role":"admin"} handoff={"reason":"refund"}`,
	"CommandSucceeded command=1",
	`CommandFailed command=1 failure={"kind":"refused","message":"no"}`,
	`CallReadBack command=1 snapshot={}`,
	"ReadBackDue",
	"ClockTicked",
}

// TestEveryEventInEveryStatus holds testdata/table.md: what each event does in each status. A cell shows the status after it where that is
// another, the commands that follow, and "refused" where an action is not allowed.
func TestEveryEventInEveryStatus(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| event |")
	for _, s := range situations {
		fmt.Fprintf(&table, " %s |", orNew(s.status))
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(situations)) + "\n")
	var seen []string
	for _, happening := range happenings {
		kind, _, _ := strings.Cut(happening, " ")
		seen = append(seen, kind)
		fmt.Fprintf(&table, "| %s |", happening)
		for i := range situations {
			fmt.Fprintf(&table, " %s |", cell(t, i, happening))
		}
		table.WriteString("\n")
	}
	require.ElementsMatch(t, call.Kinds(), slices.Compact(seen), "each kind of event has its rows together")

	const file = "testdata/table.md"
	if *rewrite {
		require.NoError(t, os.WriteFile(file, []byte(table.String()), 0o600))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String())
}

func orNew(s call.Status) string {
	if s == call.StatusUnknown {
		return "(new)"
	}
	return string(s)
}

// situated is a call in the i-th situation, nothing of it left to plan.
func situated(t *testing.T, i int) call.State {
	t.Helper()
	settings := call.DefaultSettings()
	settings.NotAnswering = "WAmissed"
	id := call.ID("CAcustomer")
	if situations[i].status == call.StatusDialling {
		id = "out_1" // its call has no SID when it begins
	}
	s := call.New(id, settings)
	first := i
	for !situations[first].anew {
		first--
	}
	for _, situation := range situations[first : i+1] {
		for _, e := range situation.events {
			s.Apply(start, event(t, "%s", e))
			for _, c := range s.Plan() {
				s.Begin(start, c)
			}
		}
	}
	require.Equal(t, situations[i].status, s.Status())
	return s
}

func cell(t *testing.T, i int, happening string) string {
	t.Helper()
	s := situated(t, i)
	e := event(t, "%s", happening)
	if err := s.Allows(e); err != nil {
		return "refused"
	}
	s.Apply(start.Add(time.Second), e)
	var parts []string
	if s.Status() != situations[i].status {
		parts = append(parts, "→ "+orNew(s.Status()))
	}
	for _, c := range s.Plan() {
		parts = append(parts, call.Kind(c))
	}
	return strings.Join(parts, ", ")
}
