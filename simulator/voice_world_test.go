package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patienceInTests is how long a test waits for what must come.
const patienceInTests = 10 * time.Second

// A voiceBench is a simulated Twilio, an application that records and answers its webhooks, and a REST client.
type voiceBench struct {
	t   *testing.T
	sim *Simulator
	rpc *httptest.Server
	app *httptest.Server
	log *debugger

	forgiven bool // the test is about violations

	mu      sync.Mutex
	pages   map[string]func(form url.Values) (status int, contentType, body string)
	hits    []hit
	changed chan struct{}
}

// A debugger keeps what Twilio's would show.
type debugger struct {
	mu   sync.Mutex
	text strings.Builder
}

func (d *debugger) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *debugger) shows(word string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Contains(d.text.String(), word)
}

// A hit is one webhook as it arrived.
type hit struct {
	path, method, token, signature string
	form                           url.Values
}

func newVoiceBench(t *testing.T) *voiceBench {
	t.Helper()
	return newVoiceBenchAt(t, 2*time.Millisecond)
}

// newVoiceBenchAt is one whose seconds take so long: for tests in which what people say must keep its length beside Twilio's time-outs.
func newVoiceBenchAt(t *testing.T, second time.Duration) *voiceBench {
	t.Helper()
	b := &voiceBench{t: t, pages: map[string]func(url.Values) (int, string, string){}, changed: make(chan struct{}), log: &debugger{}}
	b.app = httptest.NewServer(http.HandlerFunc(b.serve))
	const never = -1 // a test may take its time; those about bounds set them
	b.sim = New(Config{
		Seed: 7, Second: second, Logger: slog.New(slog.NewTextHandler(b.log, nil)), Bounds: Bounds{never, never, never, never, never},
	})
	b.rpc = httptest.NewServer(checked(t, b.sim))
	t.Cleanup(func() {
		if !b.forgiven {
			require.Empty(t, b.sim.Violations())
		}
		b.sim.Close()
		b.rpc.Close()
		b.app.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return b
}

func (b *voiceBench) serve(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.hits = append(b.hits, hit{r.URL.Path, r.Method, r.Header.Get("I-Twilio-Idempotency-Token"), r.Header.Get("X-Twilio-Signature"), r.Form})
	close(b.changed)
	b.changed = make(chan struct{})
	page := b.pages[r.URL.Path]
	b.mu.Unlock()
	if page == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status, contentType, body := page(r.Form)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// url is an address of the application.
func (b *voiceBench) url(path string) string { return b.app.URL + path }

// twiml lets a path of the application answer <Response>verbs</Response>.
func (b *voiceBench) twiml(path, verbs string) {
	b.page(path, func(url.Values) (int, string, string) {
		return http.StatusOK, "text/xml", "<Response>" + verbs + "</Response>"
	})
}

func (b *voiceBench) page(path string, f func(form url.Values) (int, string, string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages[path] = f
}

// hit waits for a webhook to path whose parameters hold want ("Name=value" words).
func (b *voiceBench) hit(path string, want ...string) hit {
	b.t.Helper()
	deadline := time.After(patienceInTests)
	for {
		b.mu.Lock()
		changed := b.changed
		found := b.hitsLocked(path, want...)
		b.mu.Unlock()
		if len(found) > 0 {
			return found[0]
		}
		select {
		case <-changed:
		case <-deadline:
			require.Fail(b.t, "no such webhook", "to %s with %v; got %v", path, want, b.all())
		}
	}
}

// hitsTo lists the webhooks to path that came so far.
func (b *voiceBench) hitsTo(path string, want ...string) []hit {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hitsLocked(path, want...)
}

func (b *voiceBench) hitsLocked(path string, want ...string) (out []hit) {
	for _, h := range b.hits {
		if h.path == path && !slices.ContainsFunc(want, func(w string) bool {
			name, value, _ := strings.Cut(w, "=")
			return !h.form.Has(name) || h.form.Get(name) != value
		}) {
			out = append(out, h)
		}
	}
	return out
}

// all lists in words what came.
func (b *voiceBench) all() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.hits {
		words := h.path
		for _, name := range []string{"EventType", "StatusCallbackEvent", "CallStatus", "QueueResult"} {
			if v := h.form.Get(name); v != "" {
				words += " " + v
			}
		}
		out = append(out, words)
	}
	return out
}

// events lists the values of a parameter in the webhooks to path, in the order of their sequence numbers.
func (b *voiceBench) events(path, name string) (out []string) {
	hits := b.hitsTo(path)
	slices.SortFunc(hits, func(x, y hit) int {
		i, _ := strconv.Atoi(x.form.Get("SequenceNumber"))
		j, _ := strconv.Atoi(y.form.Get("SequenceNumber"))
		return i - j
	})
	for _, h := range hits {
		out = append(out, h.form.Get(name))
	}
	return out
}

type object = map[string]any

// call does a REST request of the 2010 API; form is "Name=value" words.
func (b *voiceBench) call(method, path string, form ...string) (int, object) {
	b.t.Helper()
	return b.product("api", method, "/2010-04-01/Accounts/"+b.sim.AccountSID()+path, form...)
}

func (b *voiceBench) product(product, method, path string, form ...string) (int, object) {
	b.t.Helper()
	values := url.Values{}
	for _, f := range form {
		name, value, _ := strings.Cut(f, "=")
		values.Add(name, value)
	}
	target := b.rpc.URL + path
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(values.Encode())
	} else if len(values) > 0 {
		target += "?" + values.Encode()
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, target, body)
	require.NoError(b.t, err)
	r.Host = product + ".twilio.com"
	r.SetBasicAuth(b.sim.AccountSID(), b.sim.AuthToken())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	require.NoError(b.t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, res.Body.Close())
	var out object
	if len(raw) > 0 {
		require.NoError(b.t, json.Unmarshal(raw, &out), string(raw))
	}
	return res.StatusCode, out
}

// must is call with the status that it must have.
func (b *voiceBench) must(status int, method, path string, form ...string) object {
	b.t.Helper()
	got, out := b.call(method, path, form...)
	require.Equal(b.t, status, got, "%s %s: %v", method, path, out)
	return out
}

const ourNumber = "+15005550006"

// number buys the number that the tests call, with the application's /voice as its voice URL.
func (b *voiceBench) number(more ...string) string {
	b.t.Helper()
	n := b.must(http.StatusCreated, http.MethodPost, "/IncomingPhoneNumbers.json",
		append([]string{"PhoneNumber=" + ourNumber, "VoiceUrl=" + b.url("/voice")}, more...)...)
	return n["sid"].(string)
}

// ring calls our number from outside.
func (b *voiceBench) ring() *person {
	b.t.Helper()
	line, err := b.sim.Dial("+15551230000", ourNumber)
	require.NoError(b.t, err)
	return &person{b.t, line}
}

// attach gives an address a phone; whoever it rings at comes by the channel.
func (b *voiceBench) attach(address string) <-chan *person {
	lines := make(chan *person, 16)
	b.sim.Attach(address, PhoneFunc(func(_ context.Context, line Line) { lines <- &person{b.t, line} }))
	return lines
}

// dial makes an outbound call that runs twiml, and answers it.
func (b *voiceBench) dial(address, twiml string) *person {
	b.t.Helper()
	phone := b.attach(address)
	b.must(http.StatusCreated, http.MethodPost, "/Calls.json", "To="+address, "From="+ourNumber, "Timeout=600", "Twiml=<Response>"+twiml+"</Response>")
	who := pickUp(b.t, phone)
	who.Answer()
	return who
}

func pickUp(t *testing.T, phone <-chan *person) *person {
	t.Helper()
	select {
	case p := <-phone:
		return p
	case <-time.After(patienceInTests):
		require.Fail(t, "nobody was called")
		return nil
	}
}

// A person is somebody at a line who notices things.
type person struct {
	t *testing.T
	Line
}

// notices waits until kind happens (with detail, unless that is empty) and answers its detail; what happens before is passed over.
func (p *person) notices(kind LineEventKind, detail string) string {
	p.t.Helper()
	deadline := time.After(patienceInTests)
	var before []string
	for {
		select {
		case e, open := <-p.Events():
			require.True(p.t, open, "the line ended before %s %s; before: %v", kind, detail, before)
			if e.Kind == kind && (detail == "" || e.Detail == detail) {
				return e.Detail
			}
			before = append(before, fmt.Sprint(e.Kind, " ", e.Detail))
		case <-deadline:
			require.Fail(p.t, "did not happen", "%s %s; before: %v", kind, detail, before)
		}
	}
}

// rest is all that happens until the line ends, in words.
func (p *person) rest() (out []string) {
	p.t.Helper()
	deadline := time.After(patienceInTests)
	for {
		select {
		case e, open := <-p.Events():
			if !open {
				return out
			}
			if e.Kind == LineHeard { // each has its LineHears
				continue
			}
			out = append(out, strings.TrimSpace(string(e.Kind)+" "+e.Detail))
		case <-deadline:
			require.Fail(p.t, "the line did not end", "%v", out)
		}
	}
}
