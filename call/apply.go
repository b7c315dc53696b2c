package call

import (
	"cmp"
	"time"
)

// Apply lets an event take effect. now is when it happened, as far as is known: when the webhook was received, or the present.
// It never fails: what is stale, repeated or not allowed changes nothing.
func (s *State) Apply(now time.Time, e Event) {
	if fromTwilio(e) && now.After(s.HeardAt) {
		s.HeardAt = now
	}
	switch e := e.(type) {
	case CallReceived:
		s.received(now, e.Call, Caller{e.From, e.To, e.Direction})
		s.Account = cmp.Or(s.Account, e.Account)
	case CallStatusChanged:
		s.callStatus(now, e)
	case AnnouncementConfirmed:
		s.dialledLeg(e.Call, e.Invitation, e.Reservation)
	case EnqueueEnded:
		s.enqueueEnded(now, e) // of a call without a bot the task and the conference tell how the wait ended; the call itself lives on
	case ConferenceStarted:
		s.conferenceStarted(e)
	case ConferenceEnded:
		s.conferenceEnded(now, e)
	case ParticipantJoined:
		s.joined(now, e.Participant)
	case ParticipantLeft:
		s.left(now, e)
	case ParticipantHeld:
		s.joined(now, e.Participant)
	case ParticipantUnheld:
		s.joined(now, e.Participant)
	case ParticipantMuted:
		s.joined(now, e.Participant)
	case ParticipantUnmuted:
		s.joined(now, e.Participant)
	case ParticipantModified:
		s.joined(now, e.Participant)
	case TaskCreated:
		s.taskCreated(now, e)
	case TaskQueueEntered:
		s.taskQueueEntered(e)
	case TaskCanceled:
		s.taskIs(e.Task, "canceled")
	case TaskWrapup:
		s.taskIs(e.Task, "wrapping")
	case TaskCompleted:
		s.taskIs(e.Task, "completed")
	case TaskDeleted:
		s.taskIs(e.Task, statusGone)
	case AssignmentRequested:
		s.received(now, "", e.Caller)
		s.assigned(now, e)
	case ReservationCreated:
		s.received(now, "", e.Caller)
		s.offered(now, e.Assignment, ReservationIsPending)
	case ReservationAccepted:
		s.accepted(now, e)
	case ReservationRejected:
		s.offered(now, e.Assignment, ReservationIsRejected)
	case ReservationTimedOut:
		s.offered(now, e.Assignment, ReservationIsTimedOut)
	case ReservationCanceled:
		s.offerFailed(now, e.Assignment, e.TaskStatus)
	case ReservationFailed:
		s.offerFailed(now, e.Assignment, e.TaskStatus)
	case ReservationRescinded:
		s.offered(now, e.Assignment, ReservationIsRescinded)
	case ReservationWrapup:
		s.offered(now, e.Assignment, ReservationIsWrapping)
	case ReservationCompleted:
		s.offered(now, e.Assignment, ReservationIsCompleted)
	case HoldRequested:
		s.request(e, e.Request, e.Leg)
	case UnholdRequested:
		s.request(e, e.Request, e.Leg)
	case MuteRequested:
		s.request(e, e.Request, e.Leg)
	case UnmuteRequested:
		s.request(e, e.Request, e.Leg)
	case LeaveRequested:
		s.request(e, e.Request, e.Leg)
	case AcceptRequested:
		s.requestAccept(e)
	case RejectRequested:
		s.requestReject(e)
	case EndRequested:
		s.request(e, e.Request, "")
	case WrapupCompleteRequested:
		s.request(e, e.Request, "")
	case JoinRequested:
		s.requestJoin(now, e)
	case WithdrawRequested:
		s.requestWithdraw(e)
	case TransferRequested:
		s.requestTransfer(now, e)
	case SwapRequested:
		s.requestSwap(e)
	case MergeRequested:
		s.requestMerge(e)
	case TransferCompleteRequested:
		s.requestComplete(e)
	case TransferCancelRequested:
		s.requestCancel(now, e)
	case RejoinRequested:
		s.requestRejoin(now, e)
	case SuperviseRequested:
		s.requestSupervise(now, e)
	case SupervisionModeRequested:
		s.requestMode(now, e)
	case TakeOverRequested:
		s.requestTakeOver(now, e)
	case HelpRequested:
		s.requestHelp(now, e)
	case HelpDismissed:
		s.dismissHelp(e)
	case BotAnswered:
		s.botAnswered(now, e)
	case HandedOff:
		s.handedOff(now, e)
	case BotEnded:
		s.botEnded(now, e)
	case CallRequested:
		s.callRequested(now, e)
	case HandoffRequested:
		s.requestHandoff(now, e)
	case CommandSucceeded:
		s.commandSucceeded(now, e)
	case CommandFailed:
		s.commandFailed(now, e.Command, e.Failure)
	case CallReadBack:
		s.readBack(now, e)
	case ReadBackDue:
		s.WantLook = true
	case ClockTicked:
		s.tick(now)
	}
	s.settle(now)
}

// fromTwilio says whether an event is Twilio's own word.
func fromTwilio(e Event) bool {
	switch e.(type) {
	case interface{ asked() Request }, CommandSucceeded, CommandFailed, ReadBackDue, ClockTicked:
		return false
	default:
		return true
	}
}

// settle draws the conclusions that follow from what is wanted and observed by now, however it came to be known.
func (s *State) settle(now time.Time) {
	if s.Over() {
		return
	}
	s.settleConference(now)
	s.settleBot(now)
	s.settleReservations()
	s.settleInvitations(now)
	s.settleConnects()
	s.settleFlags(now)
	s.settleSupervision(now)
	s.settleTransfers(now)
	s.settleCompany(now)
	s.settleRescue(now)
	s.settleHelps()
	s.settleWrapUps(now)
	s.settleWrapped(now)
	s.settleEnd(now)
	s.settleFlights()
	s.settleActions()
	s.settleSilence(now)
	s.Outcome = s.outcome()
	if s.nothingRemains() {
		s.EndedAt = now
		s.Deadlines, s.WantLook = nil, false
		for i := range s.Actions {
			if a := &s.Actions[i]; a.Status == ActionOpen {
				a.Status, a.Detail = ActionFailed, "the call ended first"
			}
		}
	}
}

// received notes who calls whom, as far as that was not known.
func (s *State) received(now time.Time, leg SID, who Caller) {
	if s.ReceivedAt.IsZero() {
		s.ReceivedAt = now
	}
	s.From, s.To, s.Direction = cmp.Or(s.From, who.From), cmp.Or(s.To, who.To), cmp.Or(s.Direction, who.Direction)
	c := s.customer(now, leg)
	if s.Bot.Outbound {
		c.Address = cmp.Or(c.Address, s.To)
		return
	}
	c.Address = cmp.Or(c.Address, s.From)
}

// Who may end a call besides the roles of those who ask for it by the API.
const (
	endedByCustomer   = "customer"
	endedByAgent      = "agent"
	endedByTaskRouter = "taskrouter" // canceled the task under a waiting caller
	endedBySystem     = "system"     // we did, for want of a way on
	endedByBot        = "bot"        // its dialogue did
)

// end wants the call ended for everybody; the first to want it is remembered.
func (s *State) end(by string) {
	if !s.WantEnd {
		s.WantEnd, s.EndedBy = true, by
	}
}
