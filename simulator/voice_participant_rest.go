package simulator

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var callSID = regexp.MustCompile(`^CA[0-9a-fA-F]{32}$`)

// roomLocked is the live conference of the request's path, nil if there is none. New participants may name it.
func (s *Simulator) roomLocked(q *request) *conference {
	f := q.conference(s, q.path("Conference"))
	if f == nil || f.over() {
		return nil
	}
	return f
}

// participantOf finds the participant of the request's path by CallSid or label, nil if it is gone.
func (s *Simulator) participantOf(q *request) *participant {
	if f := s.roomLocked(q); f != nil {
		return f.find(q.path("Call"))
	}
	return nil
}

// createParticipant dials somebody into a conference. A name in the place of the SID makes the conference if it does not live.
func (s *Simulator) createParticipant(q *request) (int, any) {
	room := q.path("Conference")
	if strings.HasPrefix(room, "CF") && len(room) == 34 {
		f := s.roomLocked(q)
		if f == nil {
			return q.gone()
		}
		room = f.name
	}
	to, from := q.str("To"), q.str("From")
	if bad := s.checkAddresses(q.account, to, from); bad != nil {
		return fail(bad)
	}
	leg, bad := q.legOptions()
	if bad != nil {
		return fail(bad)
	}
	o, bad := q.roomOptions()
	if bad != nil {
		return fail(bad)
	}
	p, bad := s.dialInLocked(q.account, from, to, room, o, leg)
	if bad != nil {
		return fail(bad)
	}
	return http.StatusCreated, s.renderParticipant(p)
}

// dialInLocked dials somebody into a conference, which comes to be if its name is not in use.
func (s *Simulator) dialInLocked(a *account, from, to, room string, o roomOptions, leg legOptions) (*participant, *apiError) {
	c := s.newCallLocked(a, directionAPI, from, to)
	p, bad := s.participantLocked(c, room, o)
	if bad != nil {
		// Nobody has heard of the call yet.
		c.cancel()
		delete(s.voice.calls, c.sid)
		delete(s.voice.alive, c)
		s.voice.callOrder = s.voice.callOrder[:len(s.voice.callOrder)-1]
		return nil, bad
	}
	c.callback = leg.callback
	c.onAnswerLocked = func() {
		c.next = &program{room: p}
		s.joinLocked(p)
	}
	s.limitLocked(c, leg.timeLimit)
	s.goroutine(func() { s.ring(c, leg.timeout, program{room: p}) })
	return p, nil
}

func (q *request) roomOptions() (o roomOptions, bad *apiError) {
	o.label, o.coach = q.str("Label"), q.str("CallSidToCoach")
	if len([]rune(o.label)) > maxParticipantLabel {
		return o, errInvalid("Label must not be longer than %d characters", maxParticipantLabel)
	}
	for _, flag := range []struct {
		name  string
		field *bool
		def   bool
	}{
		{"Muted", &o.muted, false},
		{"StartConferenceOnEnter", &o.startOnEnter, true},
		{"EndConferenceOnExit", &o.endOnExit, false},
		{"Coaching", &o.coaching, false},
	} {
		if *flag.field, bad = q.boolean(flag.name, flag.def); bad != nil {
			return o, bad
		}
	}
	if o.beep, bad = q.oneOf("Beep", "true", "true", "false", "onEnter", "onExit"); bad != nil {
		return o, bad
	}
	if o.waitURL, o.waitMethod, bad = q.audio("Wait", http.MethodPost); bad != nil {
		return o, bad
	}
	o.silent = q.has("WaitUrl") && o.waitURL == ""
	if o.max, bad = q.integer("MaxParticipants", maxParticipants, 2, maxParticipants); bad != nil {
		return o, bad
	}
	if bad = checkStatusCallback("ConferenceStatusCallback", q.str("ConferenceStatusCallback")); bad != nil {
		return o, bad
	}
	method, bad := q.method("ConferenceStatusCallbackMethod", http.MethodPost)
	o.callback = newConferenceCallback(q.str("ConferenceStatusCallback"), method, q.words("ConferenceStatusCallbackEvent"))
	return o, bad
}

func (s *Simulator) listParticipants(q *request) (int, any) {
	f := q.conference(s, q.path("Conference"))
	if f == nil {
		return q.gone()
	}
	items := newestFirst(f.participants, func(p *participant) bool {
		return q.matches("Muted", strconv.FormatBool(p.muted)) && q.matches("Hold", strconv.FormatBool(p.hold)) &&
			q.matches("Coaching", strconv.FormatBool(p.coaching))
	})
	return list2010(q, "participants", items, func(p *participant) string { return p.call.sid }, s.renderParticipant)
}

func (s *Simulator) fetchParticipant(q *request) (int, any) {
	p := s.participantOf(q)
	if p == nil {
		return q.gone()
	}
	return http.StatusOK, s.renderParticipant(p)
}

func (s *Simulator) removeParticipant(q *request) (int, any) {
	p := s.participantOf(q)
	if p == nil {
		return q.gone()
	}
	switch {
	case !p.joined:
		s.hangUpLocked(p.call, leftAddFailed)
	case p.resumes:
		s.leaveRoomLocked(p, leftKicked)
	default:
		s.hangUpLocked(p.call, leftKicked)
	}
	return http.StatusNoContent, nil
}

func (s *Simulator) updateParticipant(q *request) (int, any) {
	p := s.participantOf(q)
	if p == nil {
		return q.gone()
	}
	if !p.joined {
		return fail(errInvalid("Participant %s has not joined the conference", p.call.sid))
	}
	muted, bad := q.boolean("Muted", p.muted)
	if bad != nil {
		return fail(bad)
	}
	hold, bad := q.boolean("Hold", p.hold)
	if bad != nil {
		return fail(bad)
	}
	holdURL, holdMethod, bad := q.audio("Hold", http.MethodGet)
	if bad != nil {
		return fail(bad)
	}
	announce, announceMethod, bad := q.audio("Announce", http.MethodPost)
	if bad != nil {
		return fail(bad)
	}
	modify, bad := s.modification(q, p)
	if bad != nil {
		return fail(bad)
	}

	if modify() {
		p.updated = time.Now()
		s.conferenceEventLocked(p.conf, "participant-modify", p, nil)
		s.hearLocked(p.conf)
	}
	s.muteLocked(p, muted)
	s.holdLocked(p, hold, holdURL, holdMethod)
	if announce != "" {
		s.announceLocked(p.conf, p, announce, announceMethod)
	}
	return http.StatusOK, s.renderParticipant(p)
}

// modification reads what raises participant-modify. What it answers applies it, and reports whether anything is different now.
func (s *Simulator) modification(q *request, p *participant) (apply func() bool, bad *apiError) {
	endOnExit, bad := q.boolean("EndConferenceOnExit", p.endOnExit)
	if bad != nil {
		return nil, bad
	}
	if p.hold {
		// Twilio answers 200 and changes nothing: a participant on hold keeps its flag.
		endOnExit = p.endOnExit
	}
	beepOnExit, bad := q.boolean("BeepOnExit", p.beep == "true" || p.beep == "onExit")
	if bad != nil {
		return nil, bad
	}
	coaching, bad := q.boolean("Coaching", p.coaching)
	if bad != nil {
		return nil, bad
	}
	coach := q.strOr("CallSidToCoach", p.coach)
	// A request that does not name the call, one that changes Muted alone for instance, keeps a target that has left.
	if coaching && (!p.coaching || q.str("CallSidToCoach") != "") {
		if bad := p.conf.coachable(coach, p.call.sid); bad != nil {
			return nil, bad
		}
	}
	waitURL, waitMethod, bad := q.audio("Wait", http.MethodPost)
	if bad != nil {
		return nil, bad
	}
	if !q.has("WaitUrl") {
		waitURL, waitMethod = p.waitURL, p.waitMethod
	}
	return func() bool {
		before := *p
		p.endOnExit, p.coaching, p.coach, p.waitURL, p.waitMethod = endOnExit, coaching, coach, waitURL, waitMethod
		if q.has("BeepOnExit") {
			p.beep = beepWord(p.beep == "true" || p.beep == "onEnter", beepOnExit)
		}
		if waitURL != before.waitURL && p.conf.status == conferenceInit {
			s.musicLocked(p, waitURL, waitMethod)
		}
		return p.endOnExit != before.endOnExit || p.beep != before.beep || p.coaching != before.coaching ||
			p.coach != before.coach || p.waitURL != before.waitURL
	}, nil
}

func beepWord(enter, exit bool) string {
	switch {
	case enter && exit:
		return "true"
	case enter:
		return "onEnter"
	case exit:
		return "onExit"
	default:
		return "false"
	}
}

// coachable refuses a coach's target that is no call (13240), or is not there (16028). A conference that does not live has nobody.
func (f *conference) coachable(target, coach string) *apiError {
	if !callSID.MatchString(target) || target == coach {
		return errCode(13240, "CallSidToCoach is not a valid call: %s", target)
	}
	if f != nil {
		if p := f.find(target); p != nil && p.joined {
			return nil
		}
	}
	return errCode(16028, "The call to coach is not in the conference: %s", target)
}

func (s *Simulator) renderParticipant(p *participant) any {
	return map[string]any{
		"account_sid": p.conf.account.sid, "call_sid": p.call.sid, "conference_sid": p.conf.sid, "label": orNil(p.label),
		"muted": p.muted, "hold": p.hold, "coaching": p.coaching, "call_sid_to_coach": orNil(p.coach),
		"end_conference_on_exit": p.endOnExit, "start_conference_on_enter": p.startOnEnter,
		"status": p.status, "queue_time": "0",
		"date_created": rfcDate(p.created), "date_updated": rfcDate(p.updated),
		"uri": uri(p.conf.account, "/Conferences/%s/Participants/%s.json", p.conf.sid, p.call.sid),
	}
}
