package people

// A botPlan is what a caller does while a bot has him, and what is to come of it.
type botPlan struct {
	moves []move
	ends  botEnd
	// Of a handoff: words that its reason must hold, and what else the person who gets the call must be told.
	reason, sentiment, language string
	summary                     string // the brain's, which comes after the task
	selections                  []string
	// session is the outcome that the session must have, outcomes those that the call may have. Defaults: by ends.
	session  string
	outcomes []string
	// capped: somebody else holds the bot's only session meanwhile.
	capped bool
	holds  string // what the bot says to who has it
	// fuzzy says that the transcript is not to be compared word by word: somebody speaks where it is not certain who listens.
	fuzzy bool
	// anyTime says that the caller may be handed over before he has made all his moves.
	anyTime  bool
	queueFor float64 // of goesInQueue: seconds

	outbound *outboundPlan
}

// A botEnd is how a bot's part in a call ends.
type botEnd int

const (
	handsOff     botEnd = iota // to people, who take it from there
	botHangsUp                 // the bot ends the call
	callerGoes                 // the caller hangs up on the bot
	goesInQueue                // the caller hangs up once he is handed over
	nobodyThere                // nobody answers the bot's call
	leavesOnTape               // a machine does
)

// A move is something that a caller does when the bot has said something.
type move struct {
	// cue is what the bot must have said, in part; "" is anything. It is waited for from the last move on.
	cue    string
	now    bool    // at once: the move before has heard it
	during bool    // he acts while it is being said
	after  float64 // seconds from its end, or, during it, from its beginning
	do     act
	text   string // said or keyed
}

// An act is what a caller does.
type act int

const (
	speaks act = iota
	keysIn
	waits // he has heard it, and does nothing
	hangsUp
	asksElsewhere // somebody else asks by the API that a person takes over
)

// outboundPlan is a call that a bot places.
type outboundPlan struct {
	machine string // what the bot does with a machine: "", "hangup", "message"
	message string
	answers outboundAnswer
}

// An outboundAnswer is who answers.
type outboundAnswer int

const (
	personAnswers outboundAnswer = iota
	lineBusy
	nobodyAnswers
	machineAnswers
)

// expectedSession is the session's outcome.
func (b *botPlan) expectedSession() string {
	if b.session != "" {
		return b.session
	}
	switch b.ends {
	case handsOff:
		return "handed-off"
	case goesInQueue:
		return "abandoned"
	case leavesOnTape:
		return "machine"
	case botHangsUp, callerGoes, nobodyThere:
	}
	return "completed"
}
