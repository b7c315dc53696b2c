package handlers

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's signature is HMAC-SHA1 (https://www.twilio.com/docs/usage/security)
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const signatureHeader = "X-Twilio-Signature"

// signatureOf is what Twilio signs a request with: HMAC-SHA1 by the account's primary token over the address as Twilio requested it
// and, for a form, every parameter's name and value in the byte order of the names.
func signatureOf(token, address string, form url.Values) string {
	var signed strings.Builder
	signed.WriteString(address)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		// Twilio sends no key twice. Its libraries sort the distinct values of one that somebody repeats.
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			signed.WriteString(name)
			signed.WriteString(value)
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signed.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedBy says whether the signature is Twilio's for one of the addresses, in a time that does not depend on how wrong it is. An
// empty token signs nothing.
func signedBy(token, signature string, addresses []string, form url.Values) bool {
	if token == "" {
		return false
	}
	for _, address := range addresses {
		if hmac.Equal([]byte(signature), []byte(signatureOf(token, address, form))) {
			return true
		}
	}
	return false
}

// publicAddresses are the addresses that Twilio may have signed for a request: the public URL with the request's own path and query,
// byte for byte as received, without and with the port. What the request says of itself (Host, X-Forwarded-*) counts for nothing,
// for whoever sent it wrote that.
func publicAddresses(public *url.URL, r *http.Request) []string {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // absolute form, as some proxies send it
		target = r.URL.RequestURI()
	}
	prefix := strings.TrimSuffix(public.EscapedPath(), "/")
	if prefix != "" && target != prefix && !strings.HasPrefix(target, prefix+"/") {
		target = prefix + target // a proxy took the prefix off
	}
	host := public.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := public.Port()
	addresses := []string{public.Scheme + "://" + public.Host + target}
	if port != "" {
		return append(addresses, public.Scheme+"://"+host+target)
	}
	if port = "443"; public.Scheme == "http" {
		port = "80"
	}
	return append(addresses, public.Scheme+"://"+host+":"+port+target)
}
