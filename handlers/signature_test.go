package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twilio/twilio-go/client"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"},
	}
	const address = "https://mycompany.com/myapp.php?foo=1&bar=2"

	t.Run("is that of Twilio's documentation", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", signatureOf("12345", address, form))
	})
	t.Run("is what Twilio's own library takes", func(t *testing.T) {
		t.Parallel()
		form := url.Values{"From": {"client:änn & co"}, "Empty": {""}, "body": {"lower"}, "Body": {"upper+plus"}}
		flat := map[string]string{}
		for name, values := range form {
			flat[name] = values[0]
		}
		signature := signatureOf("token", address, form)
		validator := client.NewRequestValidator("token")
		require.True(t, validator.Validate(address, flat, signature))
	})
	for name, c := range map[string]struct {
		token, signature string
		want             bool
	}{
		"the right one":           {"12345", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", true},
		"another token's":         {"54321", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", false},
		"another text's":          {"12345", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", false},
		"no base64":               {"12345", "?", false},
		"empty":                   {"12345", "", false},
		"an empty token's":        {"", signatureOf("", address, form), false},
		"the right one cut short": {"12345", "RSOYDt4T1cUTdK1PDd93", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, signedBy(c.token, c.signature, []string{"https://other.example/", address}, form))
		})
	}
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		public, target string
		want           []string
	}{
		"https without a port": {
			"https://calls.example.com", "/twilio/voice",
			[]string{"https://calls.example.com/twilio/voice", "https://calls.example.com:443/twilio/voice"},
		},
		"http without a port": {
			"http://calls.example.com/", "/twilio/voice", []string{"http://calls.example.com/twilio/voice", "http://calls.example.com:80/twilio/voice"},
		},
		"with a port": {
			"https://calls.example.com:8443", "/twilio/voice?call=CA1",
			[]string{"https://calls.example.com:8443/twilio/voice?call=CA1", "https://calls.example.com/twilio/voice?call=CA1"},
		},
		"IPv6": {"http://[::1]:8080", "/twilio/voice", []string{"http://[::1]:8080/twilio/voice", "http://[::1]/twilio/voice"}},
		"a path that the proxy took off": {
			"https://example.com/holdfast/", "/twilio/voice",
			[]string{"https://example.com/holdfast/twilio/voice", "https://example.com:443/holdfast/twilio/voice"},
		},
		"a path that the proxy left": {
			"https://example.com/holdfast", "/holdfast/twilio/voice",
			[]string{"https://example.com/holdfast/twilio/voice", "https://example.com:443/holdfast/twilio/voice"},
		},
		"the query byte for byte": {
			"https://example.com", "/twilio/voice?b=%2b&a=+&a", []string{
				"https://example.com/twilio/voice?b=%2b&a=+&a", "https://example.com:443/twilio/voice?b=%2b&a=+&a",
			},
		},
		"the absolute form": {
			"https://example.com", "http://inside:8080/twilio/voice?x=1",
			[]string{"https://example.com/twilio/voice?x=1", "https://example.com:443/twilio/voice?x=1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public, err := url.Parse(c.public)
			require.NoError(t, err)
			r := httptest.NewRequest(http.MethodPost, c.target, strings.NewReader(""))
			r.Host = "attacker.example"
			r.Header.Set("X-Forwarded-Host", "attacker.example")
			r.Header.Set("X-Forwarded-Proto", "http")
			require.Equal(t, c.want, publicAddresses(public, r))
		})
	}
}
