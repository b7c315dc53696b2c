package activities_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/activities"
	"holdfast/call"
	"holdfast/simulator"
	"holdfast/store"
)

const (
	theirAccount = "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	theirToken   = "theirtoken"
	irishToken   = "irishtoken"
	ourNumber    = "+15550007001"
	theirNumber  = "+15550007002"
	irishNumber  = "+15550007003"
)

// lineWorld is a simulated Twilio with two accounts, one of them in two regions, and a store with connections to them.
type lineWorld struct {
	*activities.Activities
	t     *testing.T
	sim   *simulator.Simulator
	api   *httptest.Server
	store *store.Store
}

func newLineWorld(t *testing.T) *lineWorld {
	t.Helper()
	w := &lineWorld{t: t}
	w.sim = simulator.New(simulator.Config{Accounts: []simulator.AccountConfig{
		{SID: theirAccount, AuthToken: theirToken, Regions: map[string]string{"ie1": irishToken}},
	}})
	w.api = httptest.NewServer(w.sim)
	ring, err := store.NewKeyRing([]store.SecretKey{{ID: "k", Secret: []byte(strings.Repeat("k", 32))}})
	require.NoError(t, err)
	w.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "holdfast.db"), store.WithSealer(ring))
	require.NoError(t, err)
	require.NoError(t, w.store.Migrate(t.Context()))
	base, err := url.Parse(w.api.URL)
	require.NoError(t, err)
	twilio, err := activities.NewTwilio(activities.Config{
		AccountSID: w.sim.AccountSID(), AuthToken: w.sim.AuthToken(), WorkspaceSID: "WS00000000000000000000000000000001", BaseURL: base,
	})
	require.NoError(t, err)
	w.Activities = &activities.Activities{
		Twilio: twilio, Accounts: activities.NewAccounts(twilio, w.store), Bots: w.store,
		Lines: activities.Lines{
			VoiceURL:  func(connection string) string { return "https://bots.example.com/voice?connection=" + connection },
			StatusURL: "https://bots.example.com/status",
		},
	}
	t.Cleanup(func() {
		twilio.CloseIdleConnections()
		w.sim.Close()
		w.api.Close()
		require.NoError(t, w.store.Close())
	})
	return w
}

// request asks the simulated Twilio as somebody else's console would.
func (w *lineWorld) request(account, token, host, method, path string, form url.Values) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.api.URL+"/2010-04-01/Accounts/"+account+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	r.Host = host
	r.SetBasicAuth(account, token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	require.Less(w.t, response.StatusCode, 300, path)
}

func (w *lineWorld) buy(account, token, host, number string) {
	w.t.Helper()
	w.request(account, token, host, http.MethodPost, "/IncomingPhoneNumbers.json", url.Values{"PhoneNumber": {number}, "VoiceUrl": {"https://old.example.com/ivr?key=secret"}})
}

func (w *lineWorld) connect(c store.ConnectionRow, token string) string {
	w.t.Helper()
	c.Kind, c.Name = store.ConnectionVoice, "Line "+c.PhoneNumber
	row, err := w.store.CreateConnection(w.t.Context(), c, token)
	require.NoError(w.t, err)
	return row.ID
}

func (w *lineWorld) tend(connection string) activities.LineReport {
	w.t.Helper()
	report, err := w.TendLine(w.t.Context(), activities.TendLine{Connection: connection, Inbound: true})
	require.NoError(w.t, err)
	return report
}

func TestALineIsFoundAndPointedHere(t *testing.T) {
	t.Parallel()
	w := newLineWorld(t)
	w.buy(w.sim.AccountSID(), w.sim.AuthToken(), "api.twilio.com", ourNumber)
	id := w.connect(store.ConnectionRow{AccountSID: w.sim.AccountSID(), PhoneNumber: ourNumber}, w.sim.AuthToken())
	first := w.tend(id)
	require.Empty(t, first.Problem)
	require.Contains(t, first.Changed, "its voice webhook was https://old.example.com/ivr")
	require.NotContains(t, first.Changed, "secret")
	require.Empty(t, w.tend(id), "it is as it is to be")
}

func TestALinesDriftIsPutRight(t *testing.T) {
	t.Parallel()
	w := newLineWorld(t)
	w.buy(theirAccount, theirToken, "api.twilio.com", theirNumber)
	id := w.connect(store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: theirNumber}, theirToken)
	w.tend(id)
	sid := w.numberSID(theirAccount, theirToken, theirNumber)
	w.request(theirAccount, theirToken, "api.twilio.com", http.MethodPost, "/IncomingPhoneNumbers/"+sid+".json", url.Values{
		"VoiceUrl": {"https://other.example.com/"}, "VoiceApplicationSid": {"AP00000000000000000000000000000001"},
	})
	report := w.tend(id)
	require.Empty(t, report.Problem)
	require.Contains(t, report.Changed, "its voice webhook was https://other.example.com/")
	require.Contains(t, report.Changed, "the voice application AP00000000000000000000000000000001 had its calls")
	require.Empty(t, w.tend(id))
}

func (w *lineWorld) numberSID(account, token, number string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet,
		w.api.URL+"/2010-04-01/Accounts/"+account+"/IncomingPhoneNumbers.json?PhoneNumber="+url.QueryEscape(number), nil)
	require.NoError(w.t, err)
	r.Host = "api.twilio.com"
	r.SetBasicAuth(account, token)
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer response.Body.Close()
	var page struct {
		Numbers []struct {
			SID string `json:"sid"`
		} `json:"incoming_phone_numbers"`
	}
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&page))
	require.Len(w.t, page.Numbers, 1)
	return page.Numbers[0].SID
}

func TestWhatIsWrongWithALineLeadsToTheFix(t *testing.T) {
	t.Parallel()
	w := newLineWorld(t)
	w.buy(theirAccount, irishToken, "api.dublin.ie1.twilio.com", irishNumber)
	tests := map[string]struct {
		row   store.ConnectionRow
		token string
		want  string
	}{
		"a wrong token": {
			store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: "+15550007011"}, "wrong", "paste the one that Twilio's console shows",
		},
		"our own account with a wrong token": {
			store.ConnectionRow{AccountSID: w.sim.AccountSID(), PhoneNumber: "+15550007012"}, "wrong", "paste the one that Twilio's console shows",
		},
		"another region's token": {
			store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: "+15550007013", Region: "ie1", Edge: "dublin"}, theirToken, "a region has tokens of its own",
		},
		"a number of nobody": {
			store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: "+15550007014"}, theirToken, "does not have the number +15550007014",
		},
		"a number of another region": {
			store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: irishNumber}, theirToken, "does not have the number " + irishNumber,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			report := w.tend(w.connect(test.row, test.token))
			require.Contains(t, report.Problem, test.want)
			require.NotContains(t, report.Problem, test.token)
		})
	}
	gone := w.tend("con_aaaaaaaaaaaaaaaaaaaa")
	require.True(t, gone.Gone)
}

func TestARegionsLineIsReachedAtItsOwnHostWithItsOwnToken(t *testing.T) {
	t.Parallel()
	w := newLineWorld(t)
	w.buy(theirAccount, irishToken, "api.dublin.ie1.twilio.com", irishNumber)
	id := w.connect(store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: irishNumber, Region: "ie1", Edge: "dublin"}, irishToken)
	report := w.tend(id)
	require.Empty(t, report.Problem)
	require.NotEmpty(t, report.Changed)
	status, err := w.ReadBack(t.Context(), call.ReadBack{For: call.For{Account: theirAccount, Connection: id}, Customer: "CA00000000000000000000000000000009"})
	require.NoError(t, err)
	require.Equal(t, "gone", status.CustomerStatus, "the region was asked with its token: it has no such call")
}

func TestAnAccountWithoutCredentialsIsRefused(t *testing.T) {
	t.Parallel()
	w := newLineWorld(t)
	err := w.HangUpCall(t.Context(), call.HangUpCall{For: call.For{Account: "ACcccccccccccccccccccccccccccccccc"}, Leg: "CA00000000000000000000000000000009"})
	require.ErrorContains(t, err, "no credentials are kept")
	require.Equal(t, call.FailureRefused, activities.FailureOf(err).Kind)
}

func TestAReplacedTokenIsUsed(t *testing.T) {
	t.Parallel()
	w := newLineWorld(t)
	w.buy(theirAccount, theirToken, "api.twilio.com", theirNumber)
	id := w.connect(store.ConnectionRow{AccountSID: theirAccount, PhoneNumber: theirNumber}, "wrong")
	require.NotEmpty(t, w.tend(id).Problem)
	_, err := w.store.ChangeConnection(t.Context(), id, theirToken, func(*store.ConnectionRow) error { return nil })
	require.NoError(t, err)
	require.Empty(t, w.tend(id).Problem)
}
