package activities

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/twilio/twilio-go/client"
	voice "github.com/twilio/twilio-go/rest/api/v2010"
	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"
)

// redirect sends every request to base and leaves the Host header as it was, so that one simulator can stand for all of Twilio's hosts.
type redirect struct {
	base *url.URL
	next http.RoundTripper
}

func (t redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	c := r.Clone(r.Context())
	c.Host = r.URL.Host
	c.URL.Scheme, c.URL.Host = t.base.Scheme, t.base.Host
	return t.next.RoundTrip(c)
}

// exchange is one request to Twilio. twilio-go takes no context and drops the answer's headers with the error; so each request gets a
// client of its own, which costs a few allocations, and whose transport carries the context there and brings the headers back.
type exchange struct {
	ctx     context.Context
	twilio  *Twilio
	handler *client.RequestHandler

	answer     *http.Response
	status     int // 0: no answer came
	method     string
	retryAfter time.Duration // 0: none was given
	atOnce     int           // requests of the account under way, as Twilio counts them; 0: it did not say
}

func (t *Twilio) exchange(ctx context.Context) *exchange {
	x := &exchange{ctx: ctx, twilio: t}
	c := &client.Client{
		Credentials: client.NewCredentials(t.config.username(), t.config.password()),
		HTTPClient: &http.Client{
			Transport:     x,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.SetAccountSid(t.config.AccountSID)
	// Not client.NewRequestHandler, which would read edge and region from the environment.
	x.handler = &client.RequestHandler{Client: c, Edge: t.config.Edge, Region: t.config.Region}
	return x
}

func (x *exchange) voice() *voice.ApiService           { return voice.NewApiService(x.handler) }
func (x *exchange) taskRouter() *taskrouter.ApiService { return taskrouter.NewApiService(x.handler) }

// RoundTrip implements [http.RoundTripper].
func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	x.method = r.Method
	response, err := x.twilio.transport.RoundTrip(r.WithContext(x.ctx))
	if err != nil {
		return nil, err
	}
	x.answer, x.status = response, response.StatusCode
	x.retryAfter = parseRetryAfter(response.Header.Get("Retry-After"), time.Now())
	if n, err := strconv.Atoi(response.Header.Get("Twilio-Concurrent-Requests")); err == nil {
		x.atOnce = n
	}
	return response, nil
}

// close lets the connection be used again: twilio-go leaves the bodies of errors open.
func (x *exchange) close() {
	if x.answer == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, x.answer.Body, 4096)
	_ = x.answer.Body.Close()
}

// verdict sorts what became of a request, for the budget. What whoever asked gave up himself, or twilio-go would not send, tells nothing.
func (x *exchange) verdict(parent context.Context) verdict {
	switch {
	case x.status == http.StatusTooManyRequests:
		return verdictThrottled
	case x.status >= http.StatusInternalServerError, x.status == http.StatusRequestTimeout:
		return verdictFailed
	case x.status != 0:
		return verdictAnswered
	case x.method == "" || parent.Err() != nil:
		return verdictNone
	default:
		return verdictFailed
	}
}

// longestRetryAfter bounds what a confused proxy can ask of us.
const longestRetryAfter = time.Minute

// parseRetryAfter reads a Retry-After header, seconds or an HTTP date; 0 if there is none that makes sense. Twilio does not document it
// for these APIs, so its absence is normal.
func parseRetryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(seconds, int(longestRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, longestRetryAfter))
}
