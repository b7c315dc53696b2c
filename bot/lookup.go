package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Bounds of a lookup.
const (
	lookupBytes     = 64 << 10
	parameterMost   = 200 // characters
	lookupRedirects = 3
)

// Errors of lookups, for errors.Is.
var (
	ErrLookupParameter = errors.New("a lookup's parameter is missing or cannot be sent")
	ErrLookupPrivate   = errors.New("a lookup does not go to private addresses that its URL does not name")
	ErrLookupElsewhere = errors.New("a lookup does not follow a redirect to another host")
	ErrLookupLarge     = errors.New("a lookup's answer is too large")
)

// LookupStatusError says that the other side answered, but not with success.
type LookupStatusError struct{ Status int }

func (e *LookupStatusError) Error() string {
	return fmt.Sprintf("the lookup was answered %d", e.Status)
}

// LookupClient asks by HTTP for brains. It connects to public addresses only, unless a URL's host is an address itself or localhost; a name that
// leads into the private network is refused when it is connected, so that nobody can aim it there by DNS.
type LookupClient struct {
	getenv func(string) string
	public *http.Client
	named  *http.Client
}

// NewLookupClient makes one. getenv is for the variables that headers may name.
func NewLookupClient(getenv func(string) string) *LookupClient {
	return &LookupClient{
		getenv: getenv,
		public: lookupHTTP(func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !public(to.Addr()) {
				return ErrLookupPrivate
			}
			return nil
		}),
		named: lookupHTTP(nil),
	}
}

func lookupHTTP(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second, Control: control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext, // and no proxy: it would connect for us, to wherever
			TLSHandshakeTimeout:    3 * time.Second,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 32 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if next.URL.Host != via[0].URL.Host || next.URL.Scheme != via[0].URL.Scheme {
				return ErrLookupElsewhere
			}
			if len(via) > lookupRedirects {
				return errors.New("too many redirects")
			}
			return nil
		},
	}
}

// unreachable are more networks that are not the public Internet: shared, protocol assignments, benchmarks, reserved, and those that stand for IPv4.
var unreachable = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range unreachable {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Ask asks and returns the body of a successful answer. The parameters are by name; those that the URL does not hold go into a POST's body.
func (c *LookupClient) Ask(ctx context.Context, l Lookup, parameters map[string]string) (string, error) {
	l = l.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, l.Within.Duration())
	defer cancel()
	target, rest, err := fillURL(l, parameters)
	if err != nil {
		return "", err
	}
	var body io.Reader
	if l.Method == http.MethodPost {
		b, err := json.Marshal(rest)
		if err != nil {
			return "", fmt.Errorf("write the lookup's body: %w", err)
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, l.Method, target.String(), body)
	if err != nil {
		return "", withoutURL(err)
	}
	request.Header.Set("Accept", "application/json, text/plain;q=0.5")
	request.Header.Set("User-Agent", "holdfast")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range l.Headers {
		request.Header.Set(name, c.expand(value))
	}
	client := c.public
	if namesAddress(target) {
		client = c.named
	}
	response, err := client.Do(request)
	if err != nil {
		return "", withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return "", &LookupStatusError{Status: response.StatusCode}
	}
	b, err := io.ReadAll(io.LimitReader(response.Body, lookupBytes+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the lookup's answer: %w", err)
	case len(b) > lookupBytes:
		return "", ErrLookupLarge
	}
	return strings.ToValidUTF8(string(b), ""), nil
}

var variable = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)

func (c *LookupClient) expand(value string) string {
	return variable.ReplaceAllStringFunc(value, func(found string) string {
		if name := found[2 : len(found)-1]; KeyVariable(name) {
			return c.getenv(name)
		}
		return ""
	})
}

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// fillURL puts parameters into the URL's path and query, where they can be no more than a value, and returns those that are left.
func fillURL(l Lookup, parameters map[string]string) (*url.URL, map[string]string, error) {
	rest := map[string]string{}
	for _, name := range l.Parameters {
		rest[name] = strings.TrimSpace(parameters[name])
	}
	path, query, _ := strings.Cut(l.URL, "?")
	var wrong error
	put := func(text string, escape func(string) string) string {
		return placeholder.ReplaceAllStringFunc(text, func(found string) string {
			name := found[1 : len(found)-1]
			value := strings.TrimSpace(parameters[name])
			delete(rest, name)
			if value == "" || value == "." || value == ".." || value == keyedMark || len([]rune(value)) > parameterMost {
				wrong = fmt.Errorf("%w: %s", ErrLookupParameter, name)
			}
			return escape(value)
		})
	}
	filled := put(path, url.PathEscape)
	if query != "" {
		filled += "?" + put(query, url.QueryEscape)
	}
	if wrong != nil {
		return nil, nil, wrong
	}
	target, err := url.Parse(filled)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	return target, rest, nil
}

// namesAddress says whether a URL names an address itself, and so whoever wrote it meant it.
func namesAddress(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return err == nil || strings.EqualFold(u.Hostname(), "localhost")
}

// withoutURL is an error that does not tell the URL, which holds what the caller said.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("lookup: %w", e.Err)
	}
	return fmt.Errorf("lookup: %w", err)
}

// flatten are the scalars of a lookup's answer by their names, nested ones joined with underscores; of a text that is no JSON object it is "text".
func flatten(prefix, body string) map[string]string {
	values := map[string]string{}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		values[prefix+"_text"] = clip(strings.TrimSpace(body), slotKept)
		return values
	}
	var walk func(name string, v any, depth int)
	walk = func(name string, v any, depth int) {
		if len(values) >= slotsKept/2 || depth > 4 {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(name+"_"+strings.ReplaceAll(fold(key), " ", "_"), v[key], depth+1)
			}
		case []any:
			if len(v) > 0 {
				walk(name, v[0], depth+1)
			}
		case string:
			values[name] = clip(v, slotKept)
		case json.Number:
			values[name] = v.String()
		case bool:
			values[name] = map[bool]string{true: "yes", false: "no"}[v]
		}
	}
	walk(prefix, v, 0)
	return values
}
