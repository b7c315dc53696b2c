package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	otherAccount = "AC0123456789abcdef0123456789abcdef"
	otherToken   = "othertoken"
	dublinToken  = "dublintoken"
)

// severalAccounts is a Twilio with two accounts, the second of which has a region.
func severalAccounts(t *testing.T) *voiceBench {
	t.Helper()
	b := newVoiceBench(t)
	b.sim.accounts = append(b.sim.accounts, &account{otherAccount, otherToken, home}, &account{otherAccount, dublinToken, "ie1"})
	return b
}

// as does a request with somebody's credentials at some host.
func (b *voiceBench) as(user, token, host, method, path string, form url.Values) (int, object) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, "https://"+host+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(user, token)
	w := httptest.NewRecorder()
	b.sim.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	require.NoError(b.t, err)
	var out object
	if len(raw) > 0 {
		require.NoError(b.t, json.Unmarshal(raw, &out))
	}
	return w.Code, out
}

func TestAnAccountIsOpenedByItsOwnTokenInEachRegion(t *testing.T) {
	t.Parallel()
	b := severalAccounts(t)
	main, token := b.sim.AccountSID(), b.sim.AuthToken()
	for name, tc := range map[string]struct {
		user, token, host, account string
		status                     int
	}{
		"the first account": {main, token, "api.twilio.com", main, 200},
		"the first account, which has no regions, anywhere": {main, token, "api.sydney.au1.twilio.com", main, 200},
		"the second account":                         {otherAccount, otherToken, "api.twilio.com", otherAccount, 200},
		"the second account by its home's name":      {otherAccount, otherToken, "api.ashburn.us1.twilio.com", otherAccount, 200},
		"a region by its own token":                  {otherAccount, dublinToken, "api.dublin.ie1.twilio.com", otherAccount, 200},
		"a region by the account's token":            {otherAccount, otherToken, "api.dublin.ie1.twilio.com", otherAccount, 401},
		"a region that the account has no token for": {otherAccount, otherToken, "api.sydney.au1.twilio.com", otherAccount, 401},
		"home by the region's token":                 {otherAccount, dublinToken, "api.twilio.com", otherAccount, 401},
		"the wrong token":                            {main, otherToken, "api.twilio.com", main, 401},
		"an account that is none":                    {"AC" + strings.Repeat("9", 32), token, "api.twilio.com", main, 401},
		"somebody else's account":                    {main, token, "api.twilio.com", otherAccount, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := b.as(tc.user, tc.token, tc.host, http.MethodGet, "/2010-04-01/Accounts/"+tc.account+".json", nil)
			require.Equal(t, tc.status, status, "%v", body)
			switch status {
			case http.StatusOK:
				require.Equal(t, tc.account, body["sid"])
				require.Equal(t, "active", body["status"])
			case http.StatusUnauthorized:
				require.InEpsilon(t, 20003, body["code"], 0)
			}
		})
	}
}

func TestAnAccountSeesItsOwnNumbersAndCallsAndSignsWithItsOwnToken(t *testing.T) {
	t.Parallel()
	b := severalAccounts(t)
	b.number()
	const theirs = "+15005550007"
	at := func(method, path string, form url.Values) (int, object) {
		return b.as(otherAccount, dublinToken, "api.dublin.ie1.twilio.com", method, "/2010-04-01/Accounts/"+otherAccount+path, form)
	}
	status, number := at(http.MethodPost, "/IncomingPhoneNumbers.json", url.Values{
		"PhoneNumber": {theirs}, "VoiceUrl": {b.url("/theirs")}, "StatusCallback": {b.url("/status")},
	})
	require.Equal(t, http.StatusCreated, status)
	require.Equal(t, otherAccount, number["account_sid"])
	for _, list := range []struct {
		found  object
		number string
	}{
		{b.must(http.StatusOK, http.MethodGet, "/IncomingPhoneNumbers.json"), ourNumber},
		{second(at(http.MethodGet, "/IncomingPhoneNumbers.json", nil)), theirs},
	} {
		numbers := list.found["incoming_phone_numbers"].([]any)
		require.Len(t, numbers, 1)
		require.Equal(t, list.number, numbers[0].(object)["phone_number"])
	}
	b.must(http.StatusNotFound, http.MethodGet, "/IncomingPhoneNumbers/"+number["sid"].(string)+".json")

	b.twiml("/theirs", "<Say loop='0'>Hello</Say>")
	line, err := b.sim.Dial("+15551230000", theirs)
	require.NoError(t, err)
	caller := &person{t, line}
	caller.notices(LineHears, "Hello")
	h := b.hit("/theirs")
	require.Equal(t, otherAccount, h.form.Get("AccountSid"))
	require.Equal(t, signature(dublinToken, b.url("/theirs"), h.form), h.signature)
	b.must(http.StatusNotFound, http.MethodGet, "/Calls/"+line.CallSID()+".json")
	require.Empty(t, b.must(http.StatusOK, http.MethodGet, "/Calls.json")["calls"])

	status, refused := at(http.MethodPost, "/Calls.json", url.Values{"To": {"+15557770000"}, "From": {ourNumber}, "Twiml": {"<Response/>"}})
	require.Equal(t, http.StatusBadRequest, status)
	require.InEpsilon(t, 21210, refused["code"], 0)
	status, _ = at(http.MethodPost, "/Calls/"+line.CallSID()+".json", url.Values{"Status": {"completed"}})
	require.Equal(t, http.StatusOK, status)
	end := b.hit("/status")
	require.Equal(t, signature(dublinToken, b.url("/status"), end.form), end.signature)
}

func second(_ int, out object) object { return out }

func TestAnAccountsWorkspaceTakesNoCallsOfAnother(t *testing.T) {
	t.Parallel()
	b := severalAccounts(t)
	const taskRouter = "taskrouter.twilio.com"
	status, ws := b.as(b.sim.AccountSID(), b.sim.AuthToken(), taskRouter, http.MethodPost, "/v1/Workspaces", url.Values{"FriendlyName": {"Ours"}, "Template": {"FIFO"}})
	require.Equal(t, http.StatusCreated, status)
	path := "/v1/Workspaces/" + ws["sid"].(string)
	_, list := b.as(b.sim.AccountSID(), b.sim.AuthToken(), taskRouter, http.MethodGet, path+"/Workflows", nil)
	workflow := list["workflows"].([]any)[0].(object)["sid"].(string)
	status, _ = b.as(otherAccount, otherToken, taskRouter, http.MethodGet, path, nil)
	require.Equal(t, http.StatusNotFound, status)
	_, list = b.as(otherAccount, otherToken, taskRouter, http.MethodGet, "/v1/Workspaces", nil)
	require.Empty(t, list["workspaces"])

	const theirs = "+15005550007"
	status, _ = b.as(otherAccount, otherToken, "api.twilio.com", http.MethodPost, "/2010-04-01/Accounts/"+otherAccount+"/IncomingPhoneNumbers.json",
		url.Values{"PhoneNumber": {theirs}, "VoiceUrl": {b.url("/theirs")}})
	require.Equal(t, http.StatusCreated, status)
	b.twiml("/theirs", "<Enqueue workflowSid='"+workflow+"' action='/after'/>")
	b.twiml("/after", "<Say>Nobody can be had</Say>")
	line, err := b.sim.Dial("+15551230000", theirs)
	require.NoError(t, err)
	(&person{t, line}).notices(LineHears, "Nobody can be had")
	b.hit("/after", "QueueResult=error")
}

func TestAnApplicationOrATrunkOverridesTheVoiceURLOfItsNumber(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"VoiceApplicationSid", "TrunkSid"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newVoiceBench(t)
			sid := b.number(name + "=" + map[string]string{"VoiceApplicationSid": "AP", "TrunkSid": "TK"}[name] + strings.Repeat("a", 32))
			b.twiml("/voice", "<Say>Hello</Say>")
			require.Equal(t, []string{"ended failed"}, b.ring().rest())
			require.Empty(t, b.hitsTo("/voice"))
			b.must(http.StatusOK, http.MethodPost, "/IncomingPhoneNumbers/"+sid+".json", name+"=")
			b.ring().notices(LineHears, "Hello")
		})
	}
}
