package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

// An AccountConfig is an account beside the first one. Its calls, numbers and workspaces are its own.
type AccountConfig struct {
	// SID is "AC" and 32 hexadecimal digits; AuthToken authenticates and signs, letters and digits only. Both are required.
	SID, AuthToken string
	// Regions are tokens of the account's regions by name ("ie1"); see [Config.Regions].
	Regions map[string]string
}

// home is the region of hosts that name none.
const home = "us1"

// An account is one account in one region: Twilio keeps credentials and data of each region apart.
type account struct {
	sid, token, region string
}

// makeAccounts fills s.accounts; the first is the one that Config names.
func (s *Simulator) makeAccounts() {
	add := func(sid, token string, regions map[string]string) {
		s.accounts = append(s.accounts, &account{sid, token, home})
		for region, token := range regions {
			s.accounts = append(s.accounts, &account{sid, token, region})
		}
	}
	add(s.cfg.AccountSID, s.cfg.AuthToken, s.cfg.Regions)
	for _, a := range s.cfg.Accounts {
		add(a.SID, a.AuthToken, a.Regions)
	}
}

// regionOf is the region in a host such as api.dublin.ie1.twilio.com.
func regionOf(host string) string {
	parts := strings.Split(strings.TrimSuffix(host, ".twilio.com"), ".")
	if len(parts) < 2 {
		return home
	}
	return parts[len(parts)-1]
}

// authenticate finds the account whose SID and token these are, in a region. An account without tokens for regions has one for all.
func (s *Simulator) authenticate(user, password, region string) *account {
	var here, main *account
	regional := false
	for _, a := range s.accounts {
		if a.sid != user {
			continue
		}
		regional = regional || a.region != home
		if a.region == home {
			main = a
		}
		if a.region == region {
			here = a
		}
	}
	if here == nil && !regional {
		here = main
	}
	if here == nil || here.token != password {
		return nil
	}
	return here
}

// named is a name that is unique in an account only, as a key for all of them.
func (s *Simulator) named(a *account, name string) string {
	if a == s.accounts[0] {
		return name
	}
	return fmt.Sprintf("%s/%s/%s", a.sid, a.region, name)
}

// call is the account's call of a SID; nil when it has none.
func (q *request) call(s *Simulator, sid string) *voiceCall {
	if c := s.voice.calls[sid]; c != nil && c.account == q.account {
		return c
	}
	return nil
}

// conference is the account's conference of a SID; nil when it has none.
func (q *request) conference(s *Simulator, sid string) *conference {
	if f := s.voice.conferences[sid]; f != nil && f.account == q.account {
		return f
	}
	return nil
}

// number is the account's telephone number of a SID; nil when it has none.
func (q *request) number(s *Simulator, sid string) *number {
	if n := s.voice.numberBySID(sid); n != nil && n.account == q.account {
		return n
	}
	return nil
}

// fetchAccount answers GET /Accounts/{Sid}: who may ask it has valid credentials.
func (s *Simulator) fetchAccount(q *request) (int, any) {
	a := q.account
	uris := map[string]any{}
	for _, name := range []string{"Calls", "Conferences", "IncomingPhoneNumbers", "Queues", "Recordings"} {
		uris[snake(name)] = uri(a, "/%s.json", name)
	}
	return http.StatusOK, map[string]any{
		"sid": a.sid, "owner_account_sid": a.sid, "friendly_name": "Simulated account", "status": "active", "type": "Full",
		"auth_token": a.token, "date_created": rfcDate(s.began), "date_updated": rfcDate(s.began),
		"uri": "/" + apiVersion + "/Accounts/" + a.sid + ".json", "subresource_uris": uris,
	}
}

// snake writes a resource's name as answers do.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
