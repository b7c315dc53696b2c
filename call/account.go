package call

// For says whose account a command is for. The zero value is Holdfast's own.
type For struct {
	Account string `json:"account,omitempty"` // AC…
	// Connection is whose credentials do it, where a bot's line brought the call; "" leaves it to the account.
	Connection string `json:"connection,omitempty"`
}

// account is whose account the call is of. A line of Holdfast's own account may be in another region, with credentials of its own.
func (s *State) account() For {
	return For{Account: s.Account, Connection: s.Bot.Connection}
}

// in names the account that a command is for.
func in(account For, c Command) Command {
	switch c := c.(type) {
	case HoldParticipant:
		c.For = account
		return c
	case MuteParticipant:
		c.For = account
		return c
	case FlagParticipant:
		c.For = account
		return c
	case RemoveParticipant:
		c.For = account
		return c
	case EndConference:
		c.For = account
		return c
	case HangUpCall:
		c.For = account
		return c
	case DismissCaller:
		c.For = account
		return c
	case CompleteTask:
		c.For = account
		return c
	case CancelTask:
		c.For = account
		return c
	case InstructReservation:
		c.For = account
		return c
	case RejectReservation:
		c.For = account
		return c
	case SetAvailability:
		c.For = account
		return c
	case CoachParticipant:
		c.For = account
		return c
	case AddParticipant:
		c.For = account
		return c
	case CreateTask:
		c.For = account
		return c
	case AcceptReservation:
		c.For = account
		return c
	case WrapUpReservation:
		c.For = account
		return c
	case MoveCustomer:
		c.For = account
		return c
	case PlaceCall:
		c.For = account
		return c
	case EnqueueCaller:
		c.For = account
		return c
	case SummariseHandoff:
		c.For = account
		return c
	case ReadBack:
		c.For = account
		return c
	default:
		return c
	}
}
