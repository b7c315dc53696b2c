package contract

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var load = sync.OnceValues(func() (*Documents, error) {
	return Load(filepath.Join("..", "..", "..", "shared", "twilio-openapi"))
})

func setup(t *testing.T) *Documents {
	t.Helper()
	d, err := load()
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("HOLDFAST_REQUIRE_OPENAPI") == "" {
		t.Skip("Twilio's OpenAPI documents are not beside the module:", err)
	}
	require.NoError(t, err)
	return d
}

const (
	zeros      = "00000000000000000000000000000001"
	workspaces = "https://taskrouter.twilio.com/v1/Workspaces"
	workspace  = workspaces + "/WS" + zeros
	account    = "https://api.twilio.com/2010-04-01/Accounts/AC" + zeros
)

func TestAbsentDocumentsAreToldFromBrokenOnes(t *testing.T) {
	t.Parallel()
	_, err := Load(t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
	broken := t.TempDir()
	for _, name := range files {
		require.NoError(t, os.WriteFile(filepath.Join(broken, name), []byte("{"), 0o600))
	}
	_, err = Load(broken)
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

func TestRequestsAreHeldAgainstTheDocument(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for name, c := range map[string]struct {
		method, address, form string
		wrong                 string // "" for a request that is well
	}{
		"a task":                    {"POST", workspace + "/Tasks", "Attributes={}&Priority=3&TaskChannel=voice", ""},
		"an unknown product":        {"GET", "https://video.twilio.com/v1/Rooms", "", "no document of this product"},
		"an unknown path":           {"GET", workspace + "/Transfers", "", "is not in Twilio's document"},
		"a method that is not":      {"DELETE", workspace + "/Tasks", "", "does not have this method"},
		"an unknown parameter":      {"POST", workspace + "/Tasks", "Colour=red", "parameter Colour: not in Twilio's document"},
		"an unknown filter":         {"GET", workspace + "/Tasks?Status=pending", "", "parameter query Status"},
		"a form on a GET":           {"GET", workspace + "/Tasks", "Priority=3", "parameter Priority"},
		"no number":                 {"POST", workspace + "/Tasks", "Priority=high", `"high" is not a number`},
		"no boolean":                {"POST", workspaces, "FriendlyName=a&MultiTaskEnabled=1", `"1" is not true or false`},
		"a boolean in capitals":     {"POST", workspaces, "FriendlyName=a&MultiTaskEnabled=True", ""},
		"a value that is not one":   {"POST", workspace + "/Tasks/WT" + zeros, "AssignmentStatus=done", "not one of the allowed values"},
		"a required one is missing": {"POST", workspace + "/Workers", "Attributes={}", "parameter FriendlyName: required"},
		"one given twice":           {"POST", workspace + "/Workers", "FriendlyName=a&FriendlyName=b", "given 2 times"},
		"one that resets":           {"POST", workspace + "/TaskQueues/WQ" + zeros, "TargetWorkers=&TaskOrder=", ""},
		"a SID of another kind":     {"GET", workspace + "/Tasks/WR" + zeros, "", "parameter Sid"},
		"a worker channel by name":  {"POST", workspace + "/Workers/WK" + zeros + "/Channels/voice", "Capacity=2", ""},
		"a method of HTTP":          {"POST", account + "/Calls/CA" + zeros + ".json", "Method=FETCH", "parameter Method"},
		"a participant by label":    {"POST", account + "/Conferences/CF" + zeros + "/Participants/ann.json", "Hold=true", ""},
		"a room by name":            {"POST", account + "/Conferences/room/Participants.json", "From=1&To=2", ""},
		"event lists in all ways":   {"POST", account + "/Calls.json", "From=1&To=2&StatusCallbackEvent=a,b&StatusCallbackEvent=c d", ""},
		"calls since a day":         {"GET", account + "/Calls.json?StartTime%3E=2026-01-01", "", ""},
		"calls since sometime":      {"GET", account + "/Calls.json?StartTime%3E=soon", "", "ISO 8601"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(c.address)
			require.NoError(t, err)
			form, err := url.ParseQuery(c.form)
			require.NoError(t, err)
			err = d.Request(&Exchange{Method: c.method, Host: u.Host, URL: u, Form: form})
			if c.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.wrong)
		})
	}
}

const channel = `{"account_sid":"AC` + zeros + `","date_created":"2026-01-01T00:00:00Z","date_updated":null,"friendly_name":"Fax","sid":"TC` + zeros +
	`","unique_name":"fax","workspace_sid":"WS` + zeros + `","channel_optimized_routing":false,"url":"https://x","links":{}}`

func TestAnswersAreHeldAgainstTheDocument(t *testing.T) {
	t.Parallel()
	d := setup(t)
	const path = "/TaskChannels/TC" + zeros
	page := func(item string) string {
		return `{"channels":[` + item + `],"meta":{"first_page_url":"https://x","key":"channels","next_page_url":null,"page":0,"page_size":50,` +
			`"previous_page_url":null,"url":"https://x"}}`
	}
	for name, c := range map[string]struct {
		method, path string
		status       int
		body         string
		wrong        string
	}{
		"a resource":             {"GET", path, 200, channel, ""},
		"a status that is not":   {"GET", path, 201, channel, "answers 201"},
		"a deletion":             {"DELETE", path, 204, "", ""},
		"a deletion that talks":  {"DELETE", path, 204, "{}", "has no body"},
		"a field too few":        {"GET", path, 200, strings.Replace(channel, `"links":{}`, `"url":"https://x"`, 1), "lacks the fields [links]"},
		"a field too many":       {"GET", path, 200, strings.Replace(channel, `"links"`, `"more":1,"links"`, 1), "has the fields [more]"},
		"a wrong type":           {"GET", path, 200, strings.Replace(channel, `"Fax"`, `7`, 1), "friendly_name"},
		"a wrong SID":            {"GET", path, 200, strings.Replace(channel, `"TC`, `"TX`, 1), "sid"},
		"a date of another kind": {"GET", path, 200, strings.Replace(channel, `"2026-01-01T00:00:00Z"`, `"Thu, 01 Jan 2026 00:00:00 +0000"`, 1), "date_created"},
		"no JSON":                {"GET", path, 200, "fine", "answer"},
		"a list":                 {"GET", "/TaskChannels", 200, page(channel), ""},
		"a list's item":          {"GET", "/TaskChannels", 200, page(strings.Replace(channel, `"links"`, `"more":1,"links"`, 1)), "has the fields [more]"},
		"a list's coordinates":   {"GET", "/TaskChannels", 200, `{"channels":[],"meta":{}}`, "lacks the fields [first_page_url"},
		"a refusal": {
			"GET", path, 404, `{"code":20404,"message":"gone","more_info":"https://www.twilio.com/docs/errors/20404","status":404}`, "",
		},
		"a refusal of another status": {
			"GET", path, 400, `{"code":20404,"message":"gone","more_info":"https://www.twilio.com/docs/errors/20404","status":404}`, "status 400",
		},
		"a refusal without a code": {"GET", path, 404, `{"message":"gone","status":404}`, "status 404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found []string
			handler := d.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}), All, func(err error) { found = append(found, err.Error()) })
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(c.method, workspace+c.path, http.NoBody))
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.body, w.Body.String(), "the client has it as it was")
			if c.wrong == "" {
				require.Empty(t, found)
				return
			}
			require.Contains(t, strings.Join(found, "\n"), c.wrong)
		})
	}
}

func TestTheServerStillReadsTheFormAndARefusedRequestMayBeWrong(t *testing.T) {
	t.Parallel()
	d := setup(t)
	status, body := http.StatusBadRequest, `{"code":20001,"message":"no","more_info":"https://www.twilio.com/docs/errors/20001","status":400}`
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Got", r.PostForm.Get("Nonsense"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	for strictness, want := range map[Strictness]int{Accepted: 0, All: 1} {
		found := 0
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, workspace+"/Tasks", strings.NewReader("Nonsense=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.Handler(next, strictness, func(error) { found++ }).ServeHTTP(w, r)
		require.Equal(t, "1", w.Header().Get("Got"))
		require.Equal(t, want, found)
	}
}
