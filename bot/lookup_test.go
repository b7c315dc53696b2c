package bot

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALookup(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a lookup went to another host")
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/echo":
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, r.Method+" "+r.URL.RawQuery+" "+r.Header.Get("Content-Type")+" "+string(body)) //nolint:gosec // an echo is what is wanted
		case strings.HasPrefix(path, "/orders/"):
			_, _ = io.WriteString(w, r.URL.EscapedPath()) //nolint:gosec // an echo is what is wanted
		case path == "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case path == "/around":
			http.Redirect(w, r, "/echo", http.StatusFound)
		case path == "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case path == "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", lookupBytes+1))
		case path == "/slow":
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	for name, tc := range map[string]struct {
		lookup Lookup
		values map[string]string
		want   string
		err    error
	}{
		"puts a value into the path, and no more than a value": {
			lookup: Lookup{URL: "/orders/{id}"}, values: map[string]string{"id": "a/../b?c#d"}, want: "/orders/a%2F..%2Fb%3Fc%23d",
		},
		"puts a value into the query": {lookup: Lookup{URL: "/echo?q={id}&r=1"}, values: map[string]string{"id": "a&b=c d"}, want: "GET q=a%26b%3Dc+d&r=1  "},
		"posts the values that are left": {
			lookup: Lookup{URL: "/echo?id={id}", Method: "POST", Parameters: []string{"id", "name"}}, values: map[string]string{"id": "7", "name": "Ann"},
			want: `POST id=7 application/json {"name":"Ann"}`,
		},
		"needs its values":                {lookup: Lookup{URL: "/orders/{id}"}, err: ErrLookupParameter},
		"takes no step up":                {lookup: Lookup{URL: "/orders/{id}"}, values: map[string]string{"id": ".."}, err: ErrLookupParameter},
		"takes no forgotten value":        {lookup: Lookup{URL: "/orders/{id}"}, values: map[string]string{"id": keyedMark}, err: ErrLookupParameter},
		"takes no endless value":          {lookup: Lookup{URL: "/orders/{id}"}, values: map[string]string{"id": strings.Repeat("1", 201)}, err: ErrLookupParameter},
		"says what was refused":           {lookup: Lookup{URL: "/nothing"}, err: &LookupStatusError{Status: 404}},
		"does not go to another host":     {lookup: Lookup{URL: "/away"}, err: ErrLookupElsewhere},
		"goes on at the same host":        {lookup: Lookup{URL: "/around"}, want: "GET   "},
		"does not run in circles":         {lookup: Lookup{URL: "/loop"}, err: errAny},
		"does not read without end":       {lookup: Lookup{URL: "/large"}, err: ErrLookupLarge},
		"does not wait without end":       {lookup: Lookup{URL: "/slow", Within: Seconds(200 * time.Millisecond)}, err: context.DeadlineExceeded},
		"goes to localhost by its name":   {lookup: Lookup{URL: "http://localhost:" + port + "/orders/1"}, want: "/orders/1"},
		"goes to no private address else": {lookup: Lookup{URL: "http://localhost.localdomain:" + port + "/orders/1"}, err: errAny},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(tc.lookup.URL, "/") {
				tc.lookup.URL = server.URL + tc.lookup.URL
			}
			client := NewLookupClient(func(string) string { return "" })
			t.Cleanup(func() { client.named.CloseIdleConnections(); client.public.CloseIdleConnections() })
			got, err := client.Ask(t.Context(), tc.lookup, tc.values)
			switch want := tc.err.(type) { //nolint:errorlint // of the table
			case nil:
				require.NoError(t, err)
				require.Equal(t, tc.want, got)
			case *LookupStatusError:
				require.ErrorAs(t, err, new(*LookupStatusError))
				require.Equal(t, want.Error(), err.Error())
			default:
				require.Error(t, err)
				if !errors.Is(want, errAny) {
					require.ErrorIs(t, err, want)
				}
				for _, value := range tc.values {
					require.NotContains(t, err.Error(), "/"+value, "what a caller said is in no error")
				}
			}
		})
	}
}

var errAny = io.ErrUnexpectedEOF

func TestANameThatLeadsIntoThePrivateNetworkIsRefusedWhenItIsConnected(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	// The client for names, aimed at the address that a name could lead to.
	client := NewLookupClient(nil)
	response, err := client.public.Get(server.URL) //nolint:noctx // its connection is refused
	if err == nil {
		_ = response.Body.Close()
	}
	require.ErrorIs(t, err, ErrLookupPrivate)
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"224.0.0.1": false, "255.255.255.255": false, "::1": false, "fe80::1": false, "fd00::1": false, "::ffff:10.0.0.1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false,
	} {
		require.Equal(t, want, public(netip.MustParseAddr(address)), address)
	}
}

func TestAHeaderNamesOnlyVariablesThatABotMayUse(t *testing.T) {
	t.Parallel()
	client := NewLookupClient(func(name string) string { return "<" + name + ">" })
	require.Equal(t, "Bearer <HOLDFAST_BOT_CRM> <X_API_KEY>  $x", client.expand("Bearer ${HOLDFAST_BOT_CRM} ${X_API_KEY} ${HOLDFAST_SECRET_KEYS} $x"))
}

func TestALookupsAnswerIsFlattened(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]string{"o_state": "shipped", "o_open": "yes", "o_items_name": "lamp", "o_items_count": "12345678901234567890"},
		flatten("o", `{"State":"shipped","open":true,"none":null,"items":[{"name":"lamp","count":12345678901234567890},{"name":"x"}]}`))
	require.Equal(t, map[string]string{"o_text": "no JSON"}, flatten("o", "no JSON"))
	require.LessOrEqual(t, len(flatten("o", "{"+strings.Repeat(`"a":{`, 50)+strings.Repeat("}", 50)+"}")), slotsKept)
}
