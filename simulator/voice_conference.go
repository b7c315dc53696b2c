package simulator

import (
	"context"
	"slices"
	"time"
)

// Why a participant left, as conference callbacks tell it: with underscores …
const (
	leftHungUp     = "participant_hung_up"
	leftByAPI      = "participant_updated_via_api"
	leftEndedByAPI = "conference_ended_via_api"
	leftModerator  = "moderator_ended_conference"
	leftAddFailed  = "participant_add_failed"
	leftKicked     = "kicked" // not Twilio's: told as leftByAPI, but the conference's end tells it apart
)

// … and why a conference ended: with hyphens.
const (
	endedByAPI            = "conference-ended-via-api"
	endedByModerator      = "participant-with-end-conference-on-exit-left"
	endedByModeratorKick  = "participant-with-end-conference-on-exit-kicked"
	endedByLastKick       = "last-participant-kicked"
	endedByLast           = "last-participant-left"
	conferenceInit        = "init"
	conferenceInProgress  = "in-progress"
	conferenceCompleted   = "completed"
	maxParticipants       = 250
	maxParticipantLabel   = 128
	participantConnected  = "connected"
	participantConnecting = "queued"
)

// A conference is born with its first participant and never again lives once it has ended: its name then makes a new one.
type conference struct {
	account           *account
	key               string // the name, see Simulator.named
	sid, name, status string
	created, updated  time.Time
	participants      []*participant // those who dial in or have joined
	max               int
	callback          statusCallback // of the first participant; later ones' are ignored
	endReason         string
	endCall           string
	customers         []*voiceCall // who have been in it
	onEndLocked       []func()

	ctx    context.Context
	cancel context.CancelFunc
}

func (f *conference) over() bool { return f.status == conferenceCompleted }

// A participant is a leg in a conference, or on its way into one.
type participant struct {
	conf             *conference
	call             *voiceCall
	label            string
	status           string
	created, updated time.Time
	joined           bool
	gone             bool
	left             chan struct{} // closed when gone
	resumes          bool          // the leg has TwiML of its own to go on with

	muted, hold             bool
	coaching                bool
	coach                   string // the call that is coached
	startOnEnter, endOnExit bool
	beep                    string
	waitURL, waitMethod     string
	silent                  bool // waitUrl="": no music
	hears                   bool // somebody, as last told to the person
	hearing                 map[*participant]*Heard
	forsaken                time.Time // since when, as far as was looked, on hold with nobody coming
	stopMusic               context.CancelFunc
	action                  *source // of the <Dial>, told also when the leg hangs up
	onLeaveLocked           func()
}

// roomOptions is how a leg enters a conference.
type roomOptions struct {
	label               string
	muted               bool
	startOnEnter        bool
	endOnExit           bool
	beep                string
	coaching            bool
	coach               string
	waitURL, waitMethod string
	silent              bool
	max                 int // of the conference, if the leg is the first; 0 for Twilio's 250
	callback            statusCallback
	resumes             bool
}

// newConferenceCallback reads who wants to hear of a conference. Twilio's default events are start and end.
func newConferenceCallback(address, method string, events []string) statusCallback {
	if len(events) == 0 {
		events = []string{"start", "end"}
	}
	return statusCallback{url: address, method: method, events: set(events), sequence: 1}
}

// participantLocked makes a leg a participant that has not joined yet, and the conference too if its name is not in use.
func (s *Simulator) participantLocked(c *voiceCall, room string, o roomOptions) (*participant, *apiError) {
	key := s.named(c.account, room)
	f := s.voice.rooms[key]
	if f != nil {
		if o.label != "" && f.find(o.label) != nil {
			return nil, errCode(16025, "Participant label %s is in use in the conference", o.label)
		}
		if len(f.participants) >= f.max {
			return nil, errCode(16020, "The conference has its maximum of %d participants", f.max)
		}
	}
	if o.coaching {
		if bad := f.coachable(o.coach, c.sid); bad != nil {
			return nil, bad
		}
	}
	now := time.Now()
	if f == nil {
		f = &conference{account: c.account, key: key, sid: s.newSIDLocked("CF"), name: room, status: conferenceInit, created: now, updated: now, callback: o.callback}
		if f.max = o.max; f.max == 0 {
			f.max = maxParticipants
		}
		f.ctx, f.cancel = context.WithCancel(s.ctx)
		s.voice.addConference(f)
	}
	if c.participant != nil {
		s.violationLocked("call %s is in conference %s and enters %s", c.sid, c.participant.conf.name, room)
	}
	p := &participant{
		conf: f, call: c, label: o.label, status: participantConnecting, created: now, updated: now, left: make(chan struct{}),
		resumes: o.resumes, muted: o.muted, coaching: o.coaching, coach: o.coach, startOnEnter: o.startOnEnter, endOnExit: o.endOnExit,
		beep: o.beep, waitURL: o.waitURL, waitMethod: o.waitMethod, silent: o.silent, stopMusic: func() {},
	}
	f.participants = append(f.participants, p)
	c.participant = p
	return p, nil
}

// joinLocked lets a participant in. The conference starts with the second one, if one of them may start it.
func (s *Simulator) joinLocked(p *participant) {
	f := p.conf
	now := time.Now()
	p.joined, p.status, p.updated, f.updated = true, participantConnected, now, now
	if p.call.customer && !slices.Contains(f.customers, p.call) {
		f.customers = append(f.customers, p.call)
	}
	s.auditCompanyLocked(p)
	p.call.line.emitLocked(LineJoined, f.name)
	if p.muted {
		p.call.line.emitLocked(LineMuted, "")
	}
	s.conferenceEventLocked(f, "participant-join", p, nil)
	joined, starter := 0, false
	for _, q := range f.participants {
		if q.joined {
			joined++
			starter = starter || q.startOnEnter
		}
	}
	switch {
	case f.status == conferenceInit && joined >= 2 && starter:
		f.status = conferenceInProgress
		for _, q := range f.participants {
			if !q.hold {
				q.stopMusic()
			}
		}
		s.conferenceEventLocked(f, "conference-start", nil, nil)
	case f.status == conferenceInit && !p.silent:
		s.musicLocked(p, p.waitURL, p.waitMethod)
	}
	s.hearLocked(f)
}

// leaveRoomLocked takes a participant out: reason as callbacks tell it. A leg that ends has its final status already.
func (s *Simulator) leaveRoomLocked(p *participant, reason string) {
	f := p.conf
	if p.gone {
		return
	}
	kicked := reason == leftKicked
	if kicked {
		reason = leftByAPI
	}
	if !p.joined {
		reason = leftAddFailed
	}
	leaving := []leaver{{p, reason, p.call.status}}
	f.participants = slices.DeleteFunc(f.participants, func(q *participant) bool { return q == p })
	switch {
	case p.joined && p.endOnExit && kicked:
		s.endRoomLocked(f, endedByModeratorKick, p, leaving)
	case p.joined && p.endOnExit:
		s.endRoomLocked(f, endedByModerator, p, leaving)
	case len(f.participants) == 0 && kicked:
		s.endRoomLocked(f, endedByLastKick, p, leaving)
	case len(f.participants) == 0:
		s.endRoomLocked(f, endedByLast, p, leaving)
	default:
		s.conferenceLeftLocked(leaving[0])
		s.partLocked(p)
		s.hearLocked(f)
	}
}

// A leaver is a participant on the way out, with what the callback will say of it.
type leaver struct {
	p              *participant
	reason, status string
}

// endRoomLocked ends a conference and lets everybody go who is still in it. Leaves are told before or after the end, as with Twilio,
// in no order to rely on.
func (s *Simulator) endRoomLocked(f *conference, reason string, by *participant, leaving []leaver) {
	if f.over() {
		return
	}
	f.status, f.updated, f.endReason = conferenceCompleted, time.Now(), reason
	if by != nil {
		f.endCall = by.call.sid
	}
	f.cancel()
	delete(s.voice.rooms, f.key)
	why := leftModerator
	if reason == endedByAPI {
		why = leftEndedByAPI
	}
	rest := f.participants
	f.participants = nil
	for _, p := range rest {
		switch {
		case !p.joined:
			leaving = append(leaving, leaver{p, leftAddFailed, callCanceled})
		case p.resumes:
			leaving = append(leaving, leaver{p, why, callInProgress})
		default:
			leaving = append(leaving, leaver{p, why, callCompleted})
		}
	}
	var late []leaver
	for _, l := range leaving {
		if s.rng.IntN(2) == 0 {
			late = append(late, l)
			continue
		}
		s.conferenceLeftLocked(l)
	}
	s.conferenceEndedLocked(f, by)
	for _, l := range late {
		s.conferenceLeftLocked(l)
	}
	for _, l := range leaving {
		s.partLocked(l.p)
	}
	for _, end := range f.onEndLocked {
		end()
	}
	// Legs that only dialled in have nowhere to go.
	for _, l := range leaving {
		if !l.p.joined && !l.p.call.over() {
			s.hangUpLocked(l.p.call, leftAddFailed)
		}
	}
}

// partLocked tells everybody who was with the participant, and lets the leg go on.
func (s *Simulator) partLocked(p *participant) {
	c := p.call
	p.gone, p.status, p.updated = true, "complete", time.Now()
	if c.participant == p {
		c.participant = nil
	}
	p.stopMusic()
	p.deafenLocked()
	if p.joined && !c.over() && (p.resumes || c.next != nil) {
		c.line.emitLocked(LineLeft, "")
	}
	if p.action != nil && c.over() && !s.closing() {
		params := s.callParams(c)
		params.Set("DialCallStatus", "answered")
		s.sendLocked(hook{Method: p.action.method, URL: p.action.url, Params: params, Kind: kindAction, Account: p.call.account})
	}
	close(p.left)
	if p.onLeaveLocked != nil {
		p.onLeaveLocked()
	}
}

// find is the participant of a CallSid or label, nil if there is none.
func (f *conference) find(callOrLabel string) *participant {
	for _, p := range f.participants {
		if p.call.sid == callOrLabel || (p.label != "" && p.label == callOrLabel) {
			return p
		}
	}
	return nil
}

// audible reports whether p hears q. A coach is heard by the coached leg alone; once that has left, by everybody.
func (f *conference) audible(p, q *participant) bool {
	if f.status != conferenceInProgress || p == q || !p.joined || !q.joined || p.gone || q.gone || p.hold || q.hold || q.muted {
		return false
	}
	if q.coaching && f.find(q.coach) != nil {
		return p.call.sid == q.coach
	}
	return true
}

// hearLocked tells each person whether there is company.
func (s *Simulator) hearLocked(f *conference) {
	s.auditHearingLocked(f)
	for _, p := range f.participants {
		s.listenLocked(p)
	}
}

// musicLocked plays to one participant until stopped: what waits for the start, and what is on hold. There is no loop in a
// conference: after the last verb it is silent.
func (s *Simulator) musicLocked(p *participant, address, method string) {
	p.stopMusic()
	if address == "" {
		p.stopMusic = soundsLocked([]*voiceCall{p.call}, defaultMusic)
		return
	}
	ctx, stop := context.WithCancel(p.call.ctx)
	p.stopMusic = stop
	pl := &player{s: s, c: p.call, ctx: ctx, place: inRoom}
	from := &source{url: address, method: method, kind: kindRoom}
	from.params = map[string][]string{"ConferenceSid": {p.conf.sid}, "FriendlyName": {p.conf.name}}
	s.goroutine(func() {
		defer stop()
		pl.play(from)
	})
}

// holdLocked puts a participant on hold, or takes it off.
func (s *Simulator) holdLocked(p *participant, hold bool, address, method string) {
	if hold == p.hold {
		if hold && address != "" {
			s.musicLocked(p, address, method)
		}
		return
	}
	p.hold, p.updated = hold, time.Now()
	if hold {
		p.call.line.emitLocked(LineHeld, "")
		s.musicLocked(p, address, method)
		s.conferenceEventLocked(p.conf, "participant-hold", p, nil)
	} else {
		p.stopMusic()
		p.call.line.emitLocked(LineUnheld, "")
		s.conferenceEventLocked(p.conf, "participant-unhold", p, nil)
	}
	s.hearLocked(p.conf)
}

// muteLocked mutes a participant, or lets it speak.
func (s *Simulator) muteLocked(p *participant, muted bool) {
	if muted == p.muted {
		return
	}
	p.muted, p.updated = muted, time.Now()
	if muted {
		p.call.line.emitLocked(LineMuted, "")
		s.conferenceEventLocked(p.conf, "participant-mute", p, nil)
	} else {
		p.call.line.emitLocked(LineUnmuted, "")
		s.conferenceEventLocked(p.conf, "participant-unmute", p, nil)
	}
	s.hearLocked(p.conf)
}
