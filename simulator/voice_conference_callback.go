package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// subscription is which word of a status callback's event list asks for an event.
var subscription = map[string]string{
	"conference-start":         "start",
	"conference-end":           "end",
	"participant-join":         "join",
	"participant-leave":        "leave",
	"participant-mute":         "mute",
	"participant-unmute":       "mute",
	"participant-hold":         "hold",
	"participant-unhold":       "hold",
	"participant-modify":       "modify",
	"participant-speech-start": "speaker",
	"participant-speech-stop":  "speaker",
	"announcement-end":         "announcement",
	"announcement-fail":        "announcement",
}

// conferenceEventLocked tells a conference's status callback of an event, if it asked for it. Booleans are strings; the sequence
// number counts what is told, by conference.
func (s *Simulator) conferenceEventLocked(f *conference, event string, p *participant, extra url.Values) {
	cb := &f.callback
	if cb.url == "" || !cb.events[subscription[event]] || s.closing() {
		return
	}
	v := url.Values{}
	v.Set("ConferenceSid", f.sid)
	v.Set("FriendlyName", f.name)
	v.Set("AccountSid", f.account.sid)
	v.Set("SequenceNumber", strconv.Itoa(cb.sequence))
	v.Set("Timestamp", time.Now().UTC().Format(time.RFC1123Z))
	v.Set("StatusCallbackEvent", event)
	cb.sequence++
	if p != nil {
		v.Set("CallSid", p.call.sid)
		if p.label != "" {
			v.Set("ParticipantLabel", p.label)
		}
		v.Set("Muted", strconv.FormatBool(p.muted))
		v.Set("Hold", strconv.FormatBool(p.hold))
		v.Set("Coaching", strconv.FormatBool(p.coaching))
		if p.coaching {
			v.Set("CallSidToCoach", p.coach)
		}
		v.Set("EndConferenceOnExit", strconv.FormatBool(p.endOnExit))
		v.Set("StartConferenceOnEnter", strconv.FormatBool(p.startOnEnter))
	}
	maps.Copy(v, extra)
	method := cb.method
	if method == "" {
		method = http.MethodPost
	}
	s.sendLocked(hook{Method: method, URL: cb.url, Params: v, Account: f.account})
}

func (s *Simulator) conferenceLeftLocked(l leaver) {
	s.conferenceEventLocked(l.p.conf, "participant-leave", l.p, url.Values{
		"ReasonParticipantLeft": {l.reason}, "ParticipantCallStatus": {l.status},
	})
}

func (s *Simulator) conferenceEndedLocked(f *conference, by *participant) {
	extra := url.Values{"ReasonConferenceEnded": {f.endReason}}
	reason := "Conference ended via API"
	if by != nil {
		extra.Set("CallSidEndingConference", by.call.sid)
		if by.label != "" {
			extra.Set("ParticipantLabelEndingConference", by.label)
		}
		switch f.endReason {
		case endedByModerator, endedByModeratorKick:
			reason = fmt.Sprintf("Participant %s with endConferenceOnExit=true left the conference", by.call.sid)
		default:
			reason = fmt.Sprintf("The last participant %s left the conference", by.call.sid)
		}
	}
	extra.Set("Reason", reason)
	s.conferenceEventLocked(f, "conference-end", nil, extra)
}
