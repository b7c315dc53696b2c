package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
)

// paper is what a keyboard printed so far.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func (p *paper) awaits(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.String(), text) }, 30*time.Second, 5*time.Millisecond, "%q is not in %s", text, p)
}

// typist types lines.
type typist struct {
	t *testing.T
	w io.Writer
}

func (k typist) types(text string) {
	k.t.Helper()
	_, err := io.WriteString(k.w, text+"\n")
	require.NoError(k.t, err)
}

func TestWhoSitsAtTheKeyboardTalksHearsKeysAndIsCalled(t *testing.T) {
	t.Parallel()
	said := make(chan url.Values, 4)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/xml")
		switch r.URL.Path {
		case "/voice":
			_, _ = io.WriteString(w, `<Response><Gather input="speech dtmf" numDigits="1" action="/said" timeout="30"><Say>Hello</Say></Gather></Response>`)
		case "/said":
			said <- r.PostForm
			_, _ = io.WriteString(w, `<Response><Gather input="speech dtmf" numDigits="1" action="/said" timeout="30"><Say>I see</Say></Gather></Response>`)
		}
	}))
	defer app.Close()
	sim := simulator.New(simulator.Config{Seed: 7, Second: 20 * time.Millisecond, Logger: newLogger(t.Output(), "error", "text")})
	defer sim.Close()
	twilio := httptest.NewServer(sim)
	defer twilio.Close()
	rest := func(path string, form url.Values) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, twilio.URL+"/2010-04-01/Accounts/"+sim.AccountSID()+path, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Host = "api.twilio.com"
		r.SetBasicAuth(sim.AccountSID(), sim.AuthToken())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, response.Body.Close()) }()
		require.Equal(t, http.StatusCreated, response.StatusCode)
	}
	rest("/IncomingPhoneNumbers.json", url.Values{"PhoneNumber": {"+18005550103"}, "VoiceUrl": {app.URL + "/voice"}})

	in, keys := io.Pipe()
	out := &paper{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	k := &keyboard{sim: sim, number: "+15550007777", out: out}
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(ctx, in)
	}()
	typing := typist{t, keys}
	typing.types("hello?")
	out.awaits(t, keyboardHelp+keyboardHelp)
	typing.types("+18005550199")
	out.awaits(t, "+18005550199")
	typing.types("+18005550103")
	out.awaits(t, "-- connected\n< Hello\n")
	typing.types("a person please")
	require.Equal(t, "a person please", (<-said).Get("SpeechResult"))
	out.awaits(t, "< I see\n")
	typing.types("7")
	require.Equal(t, "7", (<-said).Get("Digits"))
	typing.types(".")
	out.awaits(t, "-- the line is dead: completed\n")

	called := url.Values{"To": {"+15550007777"}, "From": {"+18005550103"}, "Url": {app.URL + "/voice"}}
	rest("/Calls.json", called)
	out.awaits(t, "-- +18005550103 calls you")
	typing.types(".")
	out.awaits(t, "-- the line is dead: busy\n")
	rest("/Calls.json", called)
	require.Eventually(t, func() bool { return strings.Count(out.String(), "calls you") == 2 }, 30*time.Second, 5*time.Millisecond)
	typing.types("")
	require.Eventually(t, func() bool { return strings.Count(out.String(), "-- connected") == 2 }, 30*time.Second, 5*time.Millisecond, out)
	require.NoError(t, keys.Close())
	<-done
}
