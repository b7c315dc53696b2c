package simulator

// Silences chooses what the simulator does where Twilio's documentation is silent: an application must live with either. QUIRKS.md lists
// the other silences, which have no choice.
type Silences struct {
	// StaysAccepted keeps an agent's reservation accepted when he leaves a conference that goes on without him, until the conference
	// ends. Default: the reservation goes to wrapping as he leaves.
	StaysAccepted bool
	// UnansweredLoses cancels a reservation when nobody answers the leg that its instruction "call" dialled. Default: the reservation is
	// pending still, until its time-out or a request. An instruction with accept=true cancels either way.
	UnansweredLoses bool
	// EndedHangsUp hangs up the leg that the instruction "call" dialled when its reservation ends before it was accepted. Default: the
	// leg goes on ringing or running its TwiML.
	EndedHangsUp bool
}
