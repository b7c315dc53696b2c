package people

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An apiCall is Holdfast's Call, as far as a desktop reads it.
type apiCall struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`
	Outcome string   `json:"outcome"`
	EndedBy string   `json:"ended_by"`
	From    string   `json:"from"`
	TaskSID string   `json:"task_sid"`
	Agent   *apiName `json:"agent"`
	Legs    []apiLeg `json:"legs"`

	Invitations []apiInvitation `json:"invitations"`
	Transfers   []apiTransfer   `json:"transfers"`
	Helps       []apiHelp       `json:"helps"`
}

type apiInvitation struct {
	Label   string `json:"label"`
	Status  string `json:"status"`
	Failure string `json:"failure"`
	Leg     string `json:"leg"`
}

type apiTransfer struct {
	Invitation string `json:"invitation"`
	Mode       string `json:"mode"`
	Status     string `json:"status"`
	Failure    string `json:"failure"`
}

type apiHelp struct {
	AgentSID string `json:"agent_sid"`
}

// An apiTarget is whom a call is to be brought to.
type apiTarget struct {
	Kind     string `json:"kind"`
	AgentSID string `json:"agent_sid,omitempty"`
	QueueSID string `json:"queue_sid,omitempty"`
	Address  string `json:"address,omitempty"`
}

type apiName struct {
	SID  string `json:"sid"`
	Name string `json:"name"`
}

type apiLeg struct {
	CallSID     string `json:"call_sid"`
	Role        string `json:"role"`
	Address     string `json:"address"`
	Label       string `json:"label"`
	State       string `json:"state"`
	Hold        bool   `json:"hold"`
	Muted       bool   `json:"muted"`
	Mode        string `json:"mode"`  // of a supervisor's leg
	Coach       string `json:"coach"` // whom it coaches
	HeldTotal   int64  `json:"held_total_ms"`
	HeldLongest int64  `json:"held_longest_ms"`
}

func (c apiCall) leg(match func(apiLeg) bool) (apiLeg, bool) {
	for _, l := range c.Legs {
		if match(l) {
			return l, true
		}
	}
	return apiLeg{}, false
}

// The states of a call, by Holdfast's names.
const (
	stateReserved   = "reserved"
	stateConnecting = "connecting"
	stateTalking    = "talking"
	stateHeld       = "held"
	stateWrapping   = "wrapping"
	stateEnded      = "ended"
)

// problem is an RFC 9457 document.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// An apiDialIn is a code to dial in by.
type apiDialIn struct {
	Code   string `json:"code"`
	Number string `json:"number"`
}

// An answer is what an API action came to.
type answer struct {
	status  int // 0: nobody answered
	call    apiCall
	problem problem
	dialIn  apiDialIn     // of a request for a code
	took    time.Duration // of the attempt that was answered
}

// String says what a person would read aloud to a colleague.
func (a answer) String() string {
	if a.status == 0 {
		return "no answer"
	}
	return strings.TrimSpace(strings.Join([]string{strconv.Itoa(a.status), a.problem.Title, a.problem.Detail}, " "))
}

// An api is a client of Holdfast's HTTP API, with one key.
type api struct {
	http *http.Client
	base string
	key  string
}

const (
	attemptLimit = 20 * time.Second // for one attempt: above the longest that Holdfast holds an action
	actionLimit  = 45 * time.Second // for an action with all its attempts: long enough for a server to be started anew
	bodyLimit    = 1 << 20
)

// act posts an action until somebody answers it. Nothing happened at a 503 or 429, and no answer at all may mean anything:
// so every attempt carries the same Idempotency-Key.
func (c *api) act(ctx context.Context, path, idempotencyKey string) answer {
	return c.ask(ctx, path, idempotencyKey, nil)
}

// ask is act with a body, which is sent as JSON; nil: without one.
func (c *api) ask(ctx context.Context, path, idempotencyKey string, body any) answer {
	ctx, cancel := context.WithTimeout(ctx, actionLimit)
	defer cancel()
	wait := 50 * time.Millisecond
	var last answer
	for {
		got, retryAfter, err := c.attempt(ctx, http.MethodPost, path, idempotencyKey, body)
		if err == nil {
			last = got
			if !again(got.status) {
				return got
			}
		}
		pause := wait
		if retryAfter > 0 {
			pause = min(retryAfter, 2*time.Second)
		}
		if !sleep(ctx, pause) {
			return last
		}
		wait = min(2*wait, time.Second)
	}
}

func again(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// call reads one call.
func (c *api) call(ctx context.Context, id string) (answer, error) {
	got, _, err := c.attempt(ctx, http.MethodGet, "/v1/calls/"+url.PathEscape(id), "", nil)
	return got, err
}

// attempt sends one request and decodes what it is answered with.
func (c *api) attempt(ctx context.Context, method, path, idempotencyKey string, content any) (answer, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	began := time.Now()
	status, header, body, err := c.exchange(ctx, method, path, idempotencyKey, content)
	if err != nil {
		return answer{}, 0, err
	}
	a := answer{status: status, took: time.Since(began)}
	if status < 300 {
		if err := errors.Join(json.Unmarshal(body, &a.call), json.Unmarshal(body, &a.dialIn)); err != nil {
			return answer{}, 0, fmt.Errorf("%s %s: %w", method, path, err)
		}
		return a, 0, nil
	}
	if strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
		if err := json.Unmarshal(body, &a.problem); err != nil {
			return answer{}, 0, fmt.Errorf("%s %s: problem document: %w", method, path, err)
		}
	}
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil { // absent, or a date: the caller has a pause of his own
		seconds = 0
	}
	return a, time.Duration(seconds) * time.Second, nil
}

// calls lists the calls that match, at most 100 of them.
func (c *api) calls(ctx context.Context, agentSID string, states ...string) ([]apiCall, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	query := url.Values{"state": states, "limit": {"100"}}
	if agentSID != "" {
		query.Set("agent", agentSID)
	}
	status, _, body, err := c.exchange(ctx, http.MethodGet, "/v1/calls?"+query.Encode(), "", nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("list calls: status %d", status)
	}
	var list struct {
		Calls []apiCall `json:"calls"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("list calls: %w", err)
	}
	return list.Calls, nil
}

// exchange sends a request and reads the whole answer.
func (c *api) exchange(
	ctx context.Context, method, path, idempotencyKey string, content any,
) (status int, header http.Header, body []byte, err error) {
	var sent []byte
	if content != nil {
		if sent, err = json.Marshal(content); err != nil {
			return 0, nil, nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(sent))
	if err != nil {
		return 0, nil, nil, err
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	if idempotencyKey != "" {
		r.Header.Set("Idempotency-Key", idempotencyKey)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() {
		if closing := resp.Body.Close(); err == nil {
			err = closing
		}
	}()
	body, err = io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	return resp.StatusCode, resp.Header, body, err
}

// sleep waits in real time; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
