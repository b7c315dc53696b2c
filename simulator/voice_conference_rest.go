package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

func (s *Simulator) listConferences(q *request) (int, any) {
	created, bad := q.dateFilter("DateCreated")
	if bad != nil {
		return fail(bad)
	}
	updated, bad := q.dateFilter("DateUpdated")
	if bad != nil {
		return fail(bad)
	}
	items := newestFirst(s.voice.confOrder, func(f *conference) bool {
		return q.matches("FriendlyName", f.name) && q.matches("Status", f.status) && created.match(f.created) && updated.match(f.updated)
	})
	return list2010(q, "conferences", items, func(f *conference) string { return f.sid }, s.renderConference)
}

func (s *Simulator) fetchConference(q *request) (int, any) {
	f := q.conference(s, q.path("Sid"))
	if f == nil {
		return q.gone()
	}
	return http.StatusOK, s.renderConference(f)
}

// updateConference ends a conference or announces something to it; one that has ended is not there any more for either.
func (s *Simulator) updateConference(q *request) (int, any) {
	f := q.conference(s, q.path("Sid"))
	if f == nil || f.over() {
		return q.gone()
	}
	status, bad := q.oneOf("Status", "", conferenceCompleted)
	if bad != nil {
		return fail(bad)
	}
	announce, method, bad := q.audio("Announce", http.MethodPost)
	if bad != nil {
		return fail(bad)
	}
	if announce != "" {
		s.announceLocked(f, nil, announce, method)
	}
	if status == conferenceCompleted {
		s.endRoomLocked(f, endedByAPI, nil, nil)
	}
	return http.StatusOK, s.renderConference(f)
}

// audio reads an address of TwiML or sound, and its method: prefix "Hold" reads HoldUrl and HoldMethod.
func (q *request) audio(prefix, def string) (address, method string, bad *apiError) {
	address = q.str(prefix + "Url")
	if bad = checkURL(prefix+"Url", address); bad != nil {
		return "", "", bad
	}
	method, bad = q.method(prefix+"Method", def)
	return address, method, bad
}

// announceLocked plays something to one participant, or to all, over whatever else they hear.
func (s *Simulator) announceLocked(f *conference, to *participant, address, method string) {
	var hearers []*participant
	for _, p := range f.participants {
		if p.joined && (to == nil || p == to) {
			hearers = append(hearers, p)
		}
	}
	extra := url.Values{"AnnounceUrl": {address}}
	if to != nil {
		extra.Set("CallSid", to.call.sid)
	}
	if len(hearers) == 0 {
		extra.Set("ReasonAnnouncementFailed", "no participant to announce to")
		s.conferenceEventLocked(f, "announcement-fail", nil, extra)
		return
	}
	pl := &player{s: s, c: hearers[0].call, ctx: f.ctx, place: inRoom}
	if to != nil {
		pl.ctx = to.call.ctx
	}
	for _, p := range hearers[1:] {
		pl.also = append(pl.also, p.call)
	}
	from := &source{
		url: address, method: method, kind: kindRoom,
		params: url.Values{"ConferenceSid": {f.sid}, "FriendlyName": {f.name}},
	}
	s.goroutine(func() {
		t := pl.play(from)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case t.kind == interrupted || f.over() || (to != nil && to.gone):
		case t.status == callFailed:
			extra.Set("ReasonAnnouncementFailed", "the announcement could not be fetched")
			s.conferenceEventLocked(f, "announcement-fail", to, extra)
		default:
			s.conferenceEventLocked(f, "announcement-end", to, extra)
		}
	})
}

func (s *Simulator) renderConference(f *conference) any {
	uris := map[string]any{}
	for _, name := range []string{"Participants", "Recordings"} {
		uris[strings.ToLower(name)] = uri(f.account, "/Conferences/%s/%s.json", f.sid, name)
	}
	return map[string]any{
		"sid": f.sid, "account_sid": f.account.sid, "friendly_name": f.name, "status": f.status, "region": "us1",
		"date_created": rfcDate(f.created), "date_updated": rfcDate(f.updated), "api_version": apiVersion,
		"reason_conference_ended": orNil(f.endReason), "call_sid_ending_conference": orNil(f.endCall),
		"uri": uri(f.account, "/Conferences/%s.json", f.sid), "subresource_uris": uris,
	}
}
