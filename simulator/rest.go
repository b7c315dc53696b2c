package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file is the REST plumbing that TaskRouter and Voice share: hosts, routes, authentication, parameters, answers.
//
// Each half registers its routes once, in voiceRoutes(api *router) and taskRouterRoutes(tr *router):
//
//	api.handle("POST", "/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json", s.updateCall)
//
// A handler runs UNDER THE WORLD'S LOCK (so does the rendering of its body to JSON) and must not wait; what takes time it starts
// with s.goroutine, s.after or s.sendLocked. It returns the HTTP status and a body that encoding/json understands (nil: no body), or
// fail(anAPIError). Where two patterns match, the one with more literal segments wins. {AccountSid} is checked here already.

// A handlerFunc answers one request under the world's lock.
type handlerFunc func(q *request) (status int, body any)

// fail answers an error.
func fail(e *apiError) (int, any) { return e.Status, e }

// A router holds the routes of one product's host.
type router struct {
	routes []*route
}

type route struct {
	method   string
	pattern  string
	segments []segment
	literals int
	handler  handlerFunc
}

// A segment of a pattern: text, or a variable with text around it ("{Sid}.json").
type segment struct {
	prefix, name, suffix string
}

// handle registers h for a method and pattern; it may be called only while the routes are built.
func (rt *router) handle(method, pattern string, h handlerFunc) {
	r := &route{method: method, pattern: pattern, handler: h}
	for part := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		open, end := strings.IndexByte(part, '{'), strings.IndexByte(part, '}')
		if open < 0 || end < open {
			r.literals++
			r.segments = append(r.segments, segment{prefix: part})
			continue
		}
		r.segments = append(r.segments, segment{part[:open], part[open+1 : end], part[end+1:]})
	}
	rt.routes = append(rt.routes, r)
	slices.SortStableFunc(rt.routes, func(a, b *route) int { return b.literals - a.literals })
}

// match finds the route of a request. other is true when the path exists, but not with this method.
func (rt *router) match(method, escapedPath string) (found *route, vars map[string]string, other bool) {
	parts := strings.Split(strings.Trim(escapedPath, "/"), "/")
	for _, r := range rt.routes {
		v, ok := r.match(parts)
		if !ok {
			continue
		}
		if r.method != method {
			other = true
			continue
		}
		return r, v, false
	}
	return nil, nil, other
}

func (r *route) match(parts []string) (map[string]string, bool) {
	if len(parts) != len(r.segments) {
		return nil, false
	}
	vars := map[string]string{}
	for i, seg := range r.segments {
		part := parts[i]
		if seg.name == "" {
			if part != seg.prefix {
				return nil, false
			}
			continue
		}
		if len(part) <= len(seg.prefix)+len(seg.suffix) || !strings.HasPrefix(part, seg.prefix) || !strings.HasSuffix(part, seg.suffix) {
			return nil, false
		}
		value, err := url.PathUnescape(part[len(seg.prefix) : len(part)-len(seg.suffix)])
		if err != nil {
			return nil, false
		}
		vars[seg.name] = value
	}
	return vars, true
}

// routes builds the whole REST API: api.twilio.com and taskrouter.twilio.com, each also as product.edge.region.twilio.com.
func (s *Simulator) routes() http.Handler {
	api, tr := &router{}, &router{}
	s.voiceRoutes(api)
	s.taskRouterRoutes(tr)
	products := map[string]*router{"api": api, "taskrouter": tr}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, products) })
}

var twilioHost = regexp.MustCompile(`^([a-z-]+)(?:\.[a-z0-9-]+){0,2}\.twilio\.com$`)

// maxRequestBody is far above what any route of Twilio's takes (a workflow's configuration has about 1 MB).
const maxRequestBody = 4 << 20

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request, products map[string]*router) {
	started := time.Now()
	q := &request{Request: r, w: w, trouble: s.dealer.request(r)}
	w.Header().Set("Twilio-Request-Id", "RQ"+randomHex(16))
	w.Header().Set("Twilio-Concurrent-Requests", strconv.FormatInt(s.stats.concurrent.Add(1), 10))
	defer s.stats.concurrent.Add(-1)

	pattern, status, body := s.answer(q, products)
	status, body = q.trouble.spoil(s, q, status, body)
	s.stats.request(r.Method+" "+pattern, status)
	if status >= 400 {
		s.log.Info("request refused", "method", r.Method, "route", pattern, "status", status, "error", string(body))
	}
	if s.cfg.Delay > 0 {
		t := time.NewTimer(s.cfg.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
		}
	}
	w.Header().Set("Twilio-Request-Duration", strconv.FormatFloat(time.Since(started).Seconds(), 'f', 3, 64))
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("answer not read", "route", pattern, "error", err)
	}
}

// answer routes, checks and runs a request, and renders what comes out.
func (s *Simulator) answer(q *request, products map[string]*router) (pattern string, status int, body []byte) {
	refuse := func(e *apiError) (string, int, []byte) {
		b, err := json.Marshal(e)
		if err != nil {
			return pattern, http.StatusInternalServerError, nil
		}
		return pattern, e.Status, b
	}
	pattern = "unknown"
	host, _, _ := strings.Cut(strings.ToLower(q.Host), ":")
	m := twilioHost.FindStringSubmatch(host)
	if m == nil || products[m[1]] == nil {
		return refuse(errNotFound(q.URL.Path))
	}
	q.host = host
	user, password, _ := q.BasicAuth()
	if q.account = s.authenticate(user, password, regionOf(host)); q.account == nil {
		return refuse(errAuthenticate)
	}
	r, vars, other := products[m[1]].match(q.Method, q.URL.EscapedPath())
	if r == nil {
		if other {
			return refuse(errMethod)
		}
		return refuse(errNotFound(q.URL.Path))
	}
	pattern, q.vars = r.pattern, vars
	if account := vars["AccountSid"]; account != "" && account != q.account.sid {
		return refuse(errNotFound(q.URL.Path))
	}
	q.Body = http.MaxBytesReader(q.w, q.Body, maxRequestBody)
	if err := q.ParseForm(); err != nil {
		return refuse(errInvalid("the parameters cannot be read: %v", err))
	}

	if e := q.trouble.refused; e != nil {
		if after := q.trouble.retryAfter; after != "" {
			q.setHeader("Retry-After", after)
		}
		return refuse(e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return refuse(&apiError{Status: http.StatusServiceUnavailable, Code: 20503, Message: "Service unavailable"})
	}
	status, answer := r.handler(q)
	if answer == nil {
		return pattern, status, nil
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return refuse(&apiError{Status: http.StatusInternalServerError, Code: 20500, Message: "Internal server error"})
	}
	return pattern, status, body
}

// A request is one REST request with its path's variables and its form.
type request struct {
	*http.Request
	w    http.ResponseWriter
	host string // as asked for, e.g. "api.twilio.com"; for absolute URLs in answers
	vars map[string]string

	account *account // who asks
	trouble restTrouble
}

// path is a variable of the route's pattern.
func (q *request) path(name string) string { return q.vars[name] }

// setHeader sets a header of the answer.
func (q *request) setHeader(name, value string) { q.w.Header().Set(name, value) }

// has reports whether the parameter was sent, be it empty.
func (q *request) has(name string) bool { return q.Form.Has(name) }

// str is a parameter, "" when absent.
func (q *request) str(name string) string { return q.Form.Get(name) }

// strOr is a parameter, or def when absent or empty.
func (q *request) strOr(name, def string) string {
	if v := q.Form.Get(name); v != "" {
		return v
	}
	return def
}

// words is a list parameter: repeated keys, and each of them split at spaces and commas, as Twilio's products differ.
func (q *request) words(name string) []string {
	var out []string
	for _, v := range q.Form[name] {
		out = append(out, splitWords(v)...)
	}
	return out
}

// splitWords splits at spaces and commas: event lists are written in all ways.
func splitWords(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

// boolean reads a flag, def when absent. Twilio takes true and false in any case.
func (q *request) boolean(name string, def bool) (bool, *apiError) {
	switch v := strings.ToLower(q.str(name)); v {
	case "":
		return def, nil
	case "true", "false":
		return v == "true", nil
	default:
		return false, errInvalid("%s must be true or false", name)
	}
}

// integer reads a whole number within [low, high], def when absent.
func (q *request) integer(name string, def, low, high int) (int, *apiError) {
	v := q.str(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, errInvalid("%s must be a whole number from %d to %d", name, low, high)
	}
	return n, nil
}

// oneOf reads an enumeration, def when absent.
func (q *request) oneOf(name, def string, allowed ...string) (string, *apiError) {
	v := q.strOr(name, def)
	if v == def || slices.Contains(allowed, v) {
		return v, nil
	}
	return "", errInvalid("%s must be one of %s", name, strings.Join(allowed, ", "))
}

// url is the absolute address of a path on the host that was asked.
func (q *request) url(format string, args ...any) string {
	return "https://" + q.host + fmt.Sprintf(format, args...)
}

// ifMatch compares the If-Match header, quoted or not, with a version. Absent header: the last write wins.
func (q *request) ifMatch(version int) *apiError {
	want := strings.Trim(strings.TrimPrefix(q.Header.Get("If-Match"), "W/"), `"`)
	if want == "" || want == "*" || want == strconv.Itoa(version) {
		return nil
	}
	return errPrecondition
}

// setETag tells the version of the resource in the answer.
func (q *request) setETag(version int) { q.setHeader("ETag", strconv.Quote(strconv.Itoa(version))) }

// isoDate is a date as the v1 products write it, nil when zero.
func isoDate(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// rfcDate is a date as the 2010 API and voice webhooks write it, nil when zero.
func rfcDate(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC1123Z)
}
