package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Twilio's signature is HMAC-SHA1
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// signature is the value of X-Twilio-Signature: HMAC-SHA1 with the account's token over the address without its fragment and, for
// a form, every parameter's name and value in the byte order of the names (https://www.twilio.com/docs/usage/security).
func signature(token, address string, params url.Values) string {
	var signed strings.Builder
	address, _, _ = strings.Cut(address, "#")
	signed.WriteString(address)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(params[name]))) {
			signed.WriteString(name)
			signed.WriteString(value)
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signed.String()))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// randomHex is n random bytes in hexadecimal, for what must not repeat from run to run whatever the seed: idempotency tokens, by which a
// server that outlives the simulator drops what it knows.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // documented never to fail
	return hex.EncodeToString(b)
}

// idempotencyToken has the shape of Twilio's: a UUID.
func idempotencyToken() string {
	h := randomHex(16)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

// jsonString is a string as JSON.
func jsonString(v string) string {
	b, err := json.Marshal(v)
	if err != nil { // cannot happen: a string always marshals
		return `""`
	}
	return string(b)
}
