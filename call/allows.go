package call

import "fmt"

// NotAllowed says why an action is impossible now. Code is stable, for programs; Message is for people.
type NotAllowed struct {
	Code    string
	Message string
}

func (e *NotAllowed) Error() string { return e.Message }

// Codes of [NotAllowed].
const (
	CodeCallEnded    = "call_ended"     // the call is over, or being ended
	CodeUnknownLeg   = "unknown_leg"    // the call has no such leg
	CodeLegNotJoined = "leg_not_joined" // the leg is not in the conference
	CodeLegLeaving   = "leg_leaving"    // the leg is being taken out
	CodeCustomerLeg  = "customer_leg"   // the customer cannot be made to leave; end the call
	CodeNotWrapping  = "not_wrapping"   // there is no wrap-up to complete

	CodeUnknownReservation = "unknown_reservation"     // the call has no such reservation
	CodeNotPending         = "reservation_not_pending" // the reservation was answered, or came to nothing
	CodeAccepting          = "reservation_accepting"   // the accept is under way
	CodeRejecting          = "reservation_rejecting"   // the reject is under way

	CodeCustomerNotJoined   = "customer_not_joined"   // the customer is not in the conference
	CodeBadTarget           = "bad_target"            // nobody can be brought in by it
	CodeTooManyParticipants = "too_many_participants" // the conference holds no more
	CodeUnknownInvitation   = "unknown_invitation"    // the call has no such invitation
	CodeInvitationOver      = "invitation_over"       // he came, or will not come any more
	CodeTransferOpen        = "transfer_open"         // one transfer at a time
	CodeNoTransfer          = "no_transfer"           // none is under way
	CodeNotConsulting       = "not_consulting"        // the target is not there, or all talk already
	CodeNotAnAgentLeg       = "not_an_agent_leg"      // who does not have the call cannot hand it on
	CodeNotRejoinable       = "not_rejoinable"        // nobody who fell out is waited for
	CodeBadAddress          = "bad_address"           // it cannot be dialled
	CodeNoSupervision       = "no_supervision"        // the leg is not a supervisor's
	CodeAlreadySupervising  = "already_supervising"   // the supervisor is in the call, or being dialled
	CodeBadMode             = "bad_mode"              // there is no such mode
	CodeHasCall             = "has_call"              // who took the call over is heard by the customer
	CodeSupervisorLeg       = "supervisor_leg"        // who hears a supervisor is decided by his mode
	CodeHandedOff           = "handed_off"            // a person has the call already
	CodeNotAnswered         = "not_answered"          // whom a bot calls has not answered yet
)

// Allows says whether an action is possible now: nil, or a [*NotAllowed] that says why not. An action that is known already is allowed, and
// has the outcome that it had. What is not an action is always allowed.
func (s *State) Allows(e Event) error {
	switch e := e.(type) {
	case HoldRequested:
		return s.allowsLeg(e.Request, e.Leg)
	case UnholdRequested:
		return s.allowsLeg(e.Request, e.Leg)
	case MuteRequested:
		return s.allowsMute(e.Request, e.Leg)
	case UnmuteRequested:
		return s.allowsMute(e.Request, e.Leg)
	case LeaveRequested:
		if err := s.allowsLeg(e.Request, e.Leg); err != nil || s.known(e.Request) {
			return err
		}
		if s.Leg(e.Leg).Role == RoleCustomer {
			return &NotAllowed{CodeCustomerLeg, "the customer's leg cannot be made to leave; end the call instead"}
		}
		return nil
	case AcceptRequested:
		return s.allowsOffer(e.Request, e.Reservation, true)
	case RejectRequested:
		return s.allowsOffer(e.Request, e.Reservation, false)
	case JoinRequested:
		if s.known(e.Request) {
			return nil
		}
		return s.allowsTarget(e.Target)
	case WithdrawRequested:
		if s.known(e.Request) {
			return nil
		}
		return s.allowsWithdraw(e.Invitation)
	case TransferRequested:
		return s.allowsTransfer(e)
	case SwapRequested:
		return s.allowsInTransfer(e.Request, TransferIsConsulting)
	case MergeRequested:
		return s.allowsInTransfer(e.Request, TransferIsConsulting)
	case TransferCompleteRequested:
		return s.allowsInTransfer(e.Request, TransferIsConsulting, TransferIsMerged)
	case TransferCancelRequested:
		return s.allowsInTransfer(e.Request, TransferIsCalling, TransferIsConsulting, TransferIsMerged)
	case RejoinRequested:
		if s.known(e.Request) {
			return nil
		}
		return s.allowsRejoin(e)
	case SuperviseRequested:
		return s.allowsSupervise(e)
	case DialInRequested:
		return s.allowsDialIn(e)
	case SupervisionModeRequested:
		return s.allowsModeOf(e)
	case TakeOverRequested:
		return s.allowsSupervisor(e.Request, e.Leg)
	case HelpRequested:
		return s.allowsHelp(e.Request)
	case HelpDismissed:
		if s.known(e.Request) || !s.Over() {
			return nil
		}
		return s.ended()
	case HandoffRequested:
		return s.allowsHandoff(e)
	case EndRequested:
		if s.known(e.Request) || (s.Customer() != nil || s.Bot.Outbound) && !s.talkOver() {
			return nil
		}
		return s.ended()
	case WrapupCompleteRequested:
		if s.known(e.Request) || !s.Over() && len(s.partsOver(e.Agent)) > 0 {
			return nil
		}
		if s.Over() {
			return s.ended()
		}
		return &NotAllowed{CodeNotWrapping, fmt.Sprintf("the call is %s; there is no wrap-up to complete", s.Status())}
	default:
		return nil
	}
}

// allowsLeg: a leg takes actions while it is in the conference and the call is not about to end.
func (s *State) allowsLeg(r Request, sid SID) error {
	if s.known(r) {
		return nil
	}
	leg := s.Leg(sid)
	switch {
	case leg == nil:
		return &NotAllowed{CodeUnknownLeg, fmt.Sprintf("the call has no leg %s", sid)}
	case s.WantEnd || s.talkOver() || s.Over():
		return s.ended()
	case leg.State != LegJoined:
		return &NotAllowed{CodeLegNotJoined, fmt.Sprintf("the leg %s is %s, not in the conference", sid, leg.State)}
	case leg.WantGone:
		return &NotAllowed{CodeLegLeaving, fmt.Sprintf("the leg %s is leaving", sid)}
	default:
		return nil
	}
}

func (s *State) known(r Request) bool {
	_, known := s.Action(r.Action)
	return known
}

func (s *State) ended() error {
	if s.Over() {
		return &NotAllowed{CodeCallEnded, "the call has ended"}
	}
	return &NotAllowed{CodeCallEnded, "the call is ending"}
}
