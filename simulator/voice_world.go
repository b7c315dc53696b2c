package simulator

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// voice is the Voice half of the world. Everything in it is under the world's lock.
type voice struct {
	numbers     []*number
	phones      map[string]Phone // by address, see addressKey
	calls       map[string]*voiceCall
	callOrder   []*voiceCall // oldest first
	conferences map[string]*conference
	confOrder   []*conference          // oldest first
	rooms       map[string]*conference // the live ones, by friendly name (see Simulator.named)
	queues      map[string]*voiceQueue // by friendly name
	reserved    map[string]*reservedLeg
	deaf        map[deafness]bool       // who must not hear whom; see MustNotHear
	alive       map[*voiceCall]struct{} // the calls that have not ended
}

func newVoice() *voice {
	return &voice{
		phones:      map[string]Phone{},
		calls:       map[string]*voiceCall{},
		conferences: map[string]*conference{},
		rooms:       map[string]*conference{},
		queues:      map[string]*voiceQueue{},
		reserved:    map[string]*reservedLeg{},
		alive:       map[*voiceCall]struct{}{},
	}
}

func (s *Simulator) voiceRoutes(api *router) {
	const account = "/2010-04-01/Accounts/{AccountSid}"
	api.handle("GET", account+".json", s.fetchAccount)
	api.handle("POST", account+"/IncomingPhoneNumbers.json", s.createNumber)
	api.handle("GET", account+"/IncomingPhoneNumbers.json", s.listNumbers)
	api.handle("GET", account+"/IncomingPhoneNumbers/{Sid}.json", s.fetchNumber)
	api.handle("POST", account+"/IncomingPhoneNumbers/{Sid}.json", s.updateNumber)
	api.handle("DELETE", account+"/IncomingPhoneNumbers/{Sid}.json", s.deleteNumber)

	api.handle("POST", account+"/Calls.json", s.createCall)
	api.handle("GET", account+"/Calls.json", s.listCalls)
	api.handle("GET", account+"/Calls/{Sid}.json", s.fetchCall)
	api.handle("POST", account+"/Calls/{Sid}.json", s.updateCall)

	const conferences = account + "/Conferences"
	api.handle("GET", conferences+".json", s.listConferences)
	api.handle("GET", conferences+"/{Sid}.json", s.fetchConference)
	api.handle("POST", conferences+"/{Sid}.json", s.updateConference)
	api.handle("POST", conferences+"/{Conference}/Participants.json", s.createParticipant)
	api.handle("GET", conferences+"/{Conference}/Participants.json", s.listParticipants)
	api.handle("GET", conferences+"/{Conference}/Participants/{Call}.json", s.fetchParticipant)
	api.handle("POST", conferences+"/{Conference}/Participants/{Call}.json", s.updateParticipant)
	api.handle("DELETE", conferences+"/{Conference}/Participants/{Call}.json", s.removeParticipant)
}

// keep is how many calls, and how many conferences, stay on record before the oldest ended ones are forgotten: a demo runs for days.
const keep = 20000

func (v *voice) addCall(c *voiceCall) {
	v.calls[c.sid] = c
	v.alive[c] = struct{}{}
	v.callOrder = append(v.callOrder, c)
	if len(v.callOrder) > keep {
		half := v.callOrder[:keep/2]
		v.callOrder = append(slices.DeleteFunc(slices.Clone(half), func(old *voiceCall) bool {
			if old.over() {
				delete(v.calls, old.sid)
			}
			return old.over()
		}), v.callOrder[keep/2:]...)
	}
}

func (v *voice) addConference(f *conference) {
	v.conferences[f.sid] = f
	v.rooms[f.key] = f
	v.confOrder = append(v.confOrder, f)
	if len(v.confOrder) > keep {
		half := v.confOrder[:keep/2]
		v.confOrder = append(slices.DeleteFunc(slices.Clone(half), func(old *conference) bool {
			if old.over() {
				delete(v.conferences, old.sid)
			}
			return old.over()
		}), v.confOrder[keep/2:]...)
	}
}

// elapsed is the time since t in Twilio's seconds.
func (s *Simulator) elapsed(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(time.Since(t)) / float64(s.cfg.Second)
}

// closing reports that Close was called: nothing is told to anybody any more.
func (s *Simulator) closing() bool { return s.ctx.Err() != nil }

// addressKey is what an address is attached and looked up by: parameters of client and SIP addresses do not count.
func addressKey(address string) string {
	if strings.HasPrefix(address, "client:") || strings.HasPrefix(address, "sip:") {
		address, _, _ = strings.Cut(address, "?")
		if strings.HasPrefix(address, "sip:") {
			address, _, _ = strings.Cut(address, ";")
		}
	}
	return address
}

// checkURL refuses what Twilio would not request: anything but an absolute http or https address.
func checkURL(name, raw string) *apiError {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errCode(21205, "%s is not a valid URL: %s", name, raw)
	}
	return nil
}

// checkStatusCallback refuses, beside what checkURL does, host names with an underscore.
func checkStatusCallback(name, raw string) *apiError {
	if bad := checkURL(name, raw); bad != nil {
		return bad
	}
	if u, err := url.Parse(raw); err == nil && strings.Contains(u.Hostname(), "_") {
		return errCode(21609, "%s has a host name with an underscore: %s", name, raw)
	}
	return nil
}

// dateFilter keeps what a list's date parameters ask for: Name=day, Name<=day (parameter "Name<"), Name>=day (parameter "Name>").
type dateFilter struct {
	on, until, from time.Time
}

func (q *request) dateFilter(name string) (dateFilter, *apiError) {
	var f dateFilter
	for suffix, at := range map[string]*time.Time{"": &f.on, "<": &f.until, ">": &f.from} {
		v := q.str(name + suffix)
		if v == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, v)
		if err != nil {
			if t, err = time.Parse(time.RFC3339, v); err != nil {
				return f, errInvalid("%s must be a date such as 2026-01-31", name+suffix)
			}
		} else if suffix == "<" {
			t = t.Add(24*time.Hour - time.Nanosecond)
		}
		*at = t
	}
	return f, nil
}

func (f dateFilter) match(t time.Time) bool {
	if f == (dateFilter{}) {
		return true
	}
	if t.IsZero() {
		return false
	}
	t = t.UTC()
	return (f.on.IsZero() || t.Format(time.DateOnly) == f.on.UTC().Format(time.DateOnly)) &&
		(f.until.IsZero() || !t.After(f.until)) && (f.from.IsZero() || !t.Before(f.from))
}

// newestFirst is how the 2010 API lists.
func newestFirst[T any](items []T, keep func(T) bool) []T {
	var out []T
	for _, item := range slices.Backward(items) {
		if keep(item) {
			out = append(out, item)
		}
	}
	return out
}
