package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxAnswer is the largest answer that is read, about what Twilio takes of TwiML.
const maxAnswer = 64 << 10

// A hookSender carries webhooks out: signs, retries, falls back, measures.
type hookSender struct {
	s         *Simulator
	client    *http.Client
	transport *http.Transport // ours to close; nil when configured

	mu   sync.Mutex
	last map[string]*turn // by subject
}

func newHookSender(s *Simulator) *hookSender {
	h := &hookSender{s: s, last: map[string]*turn{}}
	transport := s.cfg.Transport
	if transport == nil {
		h.transport = &http.Transport{
			DialContext:         (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 256, // many at once to one host: without this each opens a connection of its own
			IdleConnTimeout:     30 * time.Second,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		}
		transport = h.transport
	}
	h.client = &http.Client{Transport: transport, CheckRedirect: h.redirected}
	return h
}

func (h *hookSender) close() {
	if h.transport != nil {
		h.transport.CloseIdleConnections()
	}
}

var errTooManyRedirects = errors.New("more than 10 redirects")

// redirected signs the request that follows a redirect: net/http has made a GET of a POST at 301, 302 and 303, as Twilio does, which
// loses the parameters.
func (h *hookSender) redirected(r *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return errTooManyRedirects
	}
	if r.Method == http.MethodGet {
		signer, _ := r.Context().Value(signerKey{}).(*account)
		r.Header.Set("X-Twilio-Signature", signature(h.tokenOf(signer), r.URL.String(), nil))
	}
	return nil
}

// signerKey carries the account that signs, for redirects, in a request's context.
type signerKey struct{}

func (h *hookSender) tokenOf(a *account) string {
	if a == nil {
		return h.s.cfg.AuthToken
	}
	return a.token
}

// A turn lets queued hooks of one subject start one after the other, without waiting for each other's answers.
type turn struct {
	previous <-chan struct{}
	started  chan struct{}
	once     sync.Once
	done     func()
}

func (h *hookSender) queue(subject string) *turn {
	t := &turn{started: make(chan struct{}), done: func() {}}
	if subject == "" {
		return t
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.last[subject]; p != nil {
		t.previous = p.started
	}
	h.last[subject] = t
	t.done = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.last[subject] == t {
			delete(h.last, subject)
		}
	}
	return t
}

func (t *turn) wait(ctx context.Context) {
	if t.previous == nil {
		return
	}
	select {
	case <-t.previous:
	case <-ctx.Done():
	}
}

// pass lets the next of the subject start.
func (t *turn) pass() {
	t.once.Do(func() {
		close(t.started)
		t.done()
	})
}

// deliver sends to the URL and, when that brought nothing usable, to the fallback. started is called when the first request leaves.
func (h *hookSender) deliver(k hook, started func()) hookAnswer {
	total := k.Timeout
	if total == 0 {
		total = 15 * time.Second
	}
	ctx, cancel := context.WithTimeout(h.s.ctx, total)
	answer := h.one(ctx, k, started)
	cancel()
	if answer.Err == nil || k.Fallback == "" || h.s.ctx.Err() != nil {
		return answer
	}
	again := k
	again.URL, again.Method, again.Params = k.Fallback, k.FallbackMethod, url.Values{}
	maps.Copy(again.Params, k.Params)
	if failure, ok := errors.AsType[*hookError](answer.Err); ok {
		again.Params.Set("ErrorCode", strconv.Itoa(failure.Code))
		again.Params.Set("ErrorUrl", failure.URL)
	}
	ctx, cancel = context.WithTimeout(h.s.ctx, total)
	defer cancel()
	return h.one(ctx, again, started)
}

// one sends to one URL, with the retries that its overrides ask for.
func (h *hookSender) one(ctx context.Context, k hook, started func()) (answer hookAnswer) {
	begun := time.Now()
	attempts := 0
	defer func() {
		if answer.Err != nil && h.s.ctx.Err() != nil {
			return // the simulator is being closed: nobody failed
		}
		h.s.stats.hook(k.kind(), time.Since(begun), max(attempts, 1), answer.Err != nil)
		if answer.Err != nil {
			h.s.log.Warn("webhook failed", "kind", k.kind(), "subject", k.subject(), "error", answer.Err)
		}
	}()
	target, fragment, _ := strings.Cut(k.URL, "#")
	o := parseOverrides(fragment)
	ctx, cancel := context.WithTimeout(ctx, o.total)
	defer cancel()
	method := k.Method
	if method == "" {
		method = http.MethodPost
	}
	token := idempotencyToken()
	for {
		attempts++
		var class string
		answer, class = h.attempt(ctx, k, o, method, target, token, started)
		if answer.Err == nil && attempts == 1 && h.s.dealer.doubled() {
			continue
		}
		if answer.Err == nil || attempts > o.retries || !o.retriesOn(class) || ctx.Err() != nil {
			return answer
		}
	}
}

// attempt sends once. class says what went wrong in the words of the retry policy: ct, rt, 4xx, 5xx; "" for what no policy repeats.
func (h *hookSender) attempt(ctx context.Context, k hook, o overrides, method, target, token string, started func()) (answer hookAnswer, class string) {
	answer.URL = target
	broken := func(code int, class, format string, args ...any) (hookAnswer, string) {
		answer.Err = &hookError{Code: code, URL: target, Reason: fmt.Sprintf(format, args...)}
		return answer, class
	}
	ctx, limit := newPhases(ctx, o)
	defer limit.stop()
	r, err := h.newRequest(ctx, k, method, target, token)
	if err != nil {
		return broken(codeRetrieval, "", "bad address: %v", err)
	}
	started()
	res, err := h.client.Do(r)
	if err != nil {
		return h.lost(answer, limit, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer.Status, answer.ContentType = res.StatusCode, res.Header.Get("Content-Type")
	if answer.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1)); err != nil {
		return h.lost(answer, limit, err)
	}
	switch {
	case len(answer.Body) > maxAnswer:
		return broken(codeTooLarge, "", "the answer is larger than %d bytes", maxAnswer)
	case res.StatusCode >= 500:
		return broken(codeRetrieval, "5xx", "HTTP %d", res.StatusCode)
	case res.StatusCode >= 400:
		return broken(codeRetrieval, "4xx", "HTTP %d", res.StatusCode)
	case res.StatusCode >= 300:
		return broken(codeRetrieval, "", "HTTP %d", res.StatusCode)
	}
	if k.Check == nil {
		return answer, ""
	}
	if err := k.Check(answer); err != nil {
		if own, ok := errors.AsType[*hookError](err); ok {
			return broken(own.Code, "", "%s", own.Reason)
		}
		return broken(codeRetrieval, "", "%v", err)
	}
	return answer, ""
}

// lost tells apart a connection that was not made (ct) from one that broke or took too long (rt).
func (h *hookSender) lost(answer hookAnswer, limit *phases, err error) (hookAnswer, string) {
	e := &hookError{Code: codeRetrieval, URL: answer.URL, Reason: err.Error()}
	answer.Err = e
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Reason = u.Err.Error() // without the address, which may carry user information
	}
	switch {
	case errors.Is(err, errTooManyRedirects):
		e.Code = codeRedirects
		return answer, ""
	case !limit.connected():
		e.Code = codeConnection
		return answer, "ct"
	default:
		return answer, "rt"
	}
}

func (h *hookSender) newRequest(ctx context.Context, k hook, method, target, token string) (*http.Request, error) {
	var body io.Reader
	signed := k.Params
	if method == http.MethodGet {
		if encoded := k.Params.Encode(); encoded != "" {
			sep := "?"
			if strings.Contains(target, "?") {
				sep = "&"
			}
			target += sep + encoded
		}
		signed = nil
	} else {
		body = strings.NewReader(k.Params.Encode())
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, signerKey{}, k.Account), method, target, body)
	if err != nil {
		return nil, err
	}
	if (r.URL.Scheme != "http" && r.URL.Scheme != "https") || r.URL.Host == "" {
		return nil, errors.New("not an http or https URL")
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	r.Header.Set("User-Agent", "TwilioProxy/1.1")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("X-Twilio-Signature", signature(h.tokenOf(k.Account), target, signed))
	r.Header.Set("I-Twilio-Idempotency-Token", token)
	return r, nil
}

// phases ends an attempt that takes too long to connect (ct) or, once connected, to be answered (rt).
type phases struct {
	cancel context.CancelFunc

	mu    sync.Mutex
	timer *time.Timer
	got   bool
}

func newPhases(parent context.Context, o overrides) (context.Context, *phases) {
	ctx, cancel := context.WithCancel(parent)
	p := &phases{cancel: cancel}
	p.timer = time.AfterFunc(o.total, cancel)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { p.phase(o.connect, false) },
		GotConn: func(httptrace.GotConnInfo) { p.phase(o.read, true) },
	}), p
}

func (p *phases) phase(limit time.Duration, connected bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = connected
	p.timer.Reset(limit)
}

func (p *phases) connected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got
}

func (p *phases) stop() {
	p.mu.Lock()
	p.timer.Stop()
	p.mu.Unlock()
	p.cancel()
}

// overrides are Twilio's webhook connection overrides (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
type overrides struct {
	connect, read, total time.Duration
	retries              int
	policy               []string
}

func (o overrides) retriesOn(class string) bool {
	return class != "" && (slices.Contains(o.policy, class) || slices.Contains(o.policy, "all"))
}

// parseOverrides reads a URL's fragment; what is unknown or out of range keeps Twilio's default.
func parseOverrides(fragment string) overrides {
	o := overrides{connect: 5 * time.Second, read: 15 * time.Second, total: 15 * time.Second, retries: 1, policy: []string{"ct"}}
	v, err := url.ParseQuery(fragment)
	if err != nil {
		return o
	}
	ms := func(name string, high int, into *time.Duration) {
		if n, ok := within(v.Get(name), 100, high); ok {
			*into = time.Duration(n) * time.Millisecond
		}
	}
	ms("ct", 10000, &o.connect)
	ms("rt", 15000, &o.read)
	ms("tt", 15000, &o.total)
	if n, ok := within(v.Get("rc"), 0, 5); ok {
		o.retries = n
	}
	if rp := v.Get("rp"); rp != "" {
		o.policy = splitWords(rp)
	}
	return o
}

func within(v string, low, high int) (n int, ok bool) {
	if _, err := fmt.Sscanf(v, "%d", &n); err != nil {
		return 0, false
	}
	return n, n >= low && n <= high
}
