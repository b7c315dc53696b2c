package simulator

import "context"

// A Phone is what rings when its address is dialled: an agent's softphone, an outside number, a SIP telephone.
// Ring runs in a goroutine of its own and may return whenever the person has no more to say; the line lives on until
// it is hung up. ctx ends when the line does.
type Phone interface {
	Ring(ctx context.Context, line Line)
}

// PhoneFunc is a function as a Phone.
type PhoneFunc func(ctx context.Context, line Line)

// Ring calls f.
func (f PhoneFunc) Ring(ctx context.Context, line Line) { f(ctx, line) }

// A Line is a person's end of one call leg. All methods may be called at any time, from any goroutine, and do nothing
// when the line's state makes them pointless (answering a line that stopped ringing, pressing keys on a dead one).
type Line interface {
	// CallSID is the leg.
	CallSID() string
	// From and To are the addresses of the leg ("+15551234567", "client:alice", "sip:desk@example.com").
	From() string
	To() string
	// Answer picks up; Reject refuses (Twilio reports busy). Letting it ring ends in no-answer.
	Answer()
	Reject()
	// HangUp ends the leg as a person does. Drop loses the line without a word: the browser died, the battery was empty.
	// Twilio tells the two apart no more than a real one would.
	HangUp()
	Drop()
	// Press sends DTMF digits: a <Gather> that listens takes them.
	Press(digits string)
	// Speak says a sentence, or [Beep] or [FaxTone], at the pace of people, and returns at once: a <Gather> takes the words as they come,
	// and those that are said while nobody listens are lost. Sentences are said one after the other. The channel is closed when this one
	// is said, or the line has ended.
	Speak(text string) (said <-chan struct{})
	// Events tells what happens on the leg, in order, and is closed after LineEnded. A person who does not read it blocks
	// nobody.
	Events() <-chan LineEvent
	// Done is closed when the leg has ended.
	Done() <-chan struct{}
}

// LineEventKind says what happened on a line.
type LineEventKind string

// What a person notices. What is heard (prompts, music) comes as LineHears.
const (
	LineAnswered LineEventKind = "answered" // the leg is in progress
	LineHears    LineEventKind = "hears"    // a Say or Play began; Detail is its text or URL
	LineHeard    LineEventKind = "heard"    // a Say is over; Detail is what was heard of it, all unless Cut
	LineQueued   LineEventKind = "queued"   // the leg waits in a queue
	LineJoined   LineEventKind = "joined"   // the leg is in a conference; Detail is its friendly name
	LineTogether LineEventKind = "together" // somebody else can be heard, un-held and un-muted
	LineAlone    LineEventKind = "alone"    // nobody else can be heard any more
	LineHeld     LineEventKind = "held"
	LineUnheld   LineEventKind = "unheld"
	LineMuted    LineEventKind = "muted"
	LineUnmuted  LineEventKind = "unmuted"
	LineLeft     LineEventKind = "left"  // the leg left its conference and lives on
	LineEnded    LineEventKind = "ended" // Detail is the final CallStatus
)

// LineEvent is one thing that happened on a line.
type LineEvent struct {
	Kind   LineEventKind
	Detail string
	Cut    bool // of LineHeard: it was interrupted
}

// Attach lets phone ring when address is dialled from now on; nil detaches. An address with nobody attached does not
// exist: a call to it fails (SIP 404).
func (s *Simulator) Attach(address string, phone Phone) { s.attach(address, phone) }

// Dial places a call from the outside world to one of the account's numbers, as a customer would. The call follows the
// number's voice URL. It fails if no such number exists.
func (s *Simulator) Dial(from, to string) (Line, error) { return s.dial(from, to) }
