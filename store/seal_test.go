package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func secretKey(id string, b byte) SecretKey {
	return SecretKey{ID: id, Secret: bytes.Repeat([]byte{b}, 32)}
}

func keyRing(t testing.TB, keys ...SecretKey) *KeyRing {
	t.Helper()
	ring, err := NewKeyRing(keys)
	require.NoError(t, err)
	return ring
}

func TestASecretOpensWithItsKeyInItsPlaceAlone(t *testing.T) {
	t.Parallel()
	old := keyRing(t, secretKey("old", 1))
	sealed, err := old.Seal("the token", "con_a")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "token")
	again, err := old.Seal("the token", "con_a")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "the same secret does not look the same")

	rotated := keyRing(t, secretKey("new", 2), secretKey("old", 1))
	plain, err := rotated.Open(sealed, "con_a")
	require.NoError(t, err)
	require.Equal(t, "the token", plain)
	fresh, err := rotated.Seal("another", "con_a")
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(fresh, []byte("new:")), "the newest key seals")

	tampered := bytes.Clone(sealed)
	tampered[len(tampered)-1] ^= 1
	renamed := append([]byte("new:"), sealed[len("old:"):]...)
	for name, opened := range map[string]struct {
		ring   *KeyRing
		sealed []byte
		bound  string
	}{
		"elsewhere":        {rotated, sealed, "con_b"},
		"without its key":  {old, fresh, "con_a"},
		"by another key":   {rotated, renamed, "con_a"},
		"changed":          {rotated, tampered, "con_a"},
		"nothing":          {rotated, nil, "con_a"},
		"only a key's ID":  {rotated, []byte("old:"), "con_a"},
		"something else":   {rotated, []byte("the token"), "con_a"},
		"too short for it": {rotated, []byte("old:short"), "con_a"},
	} {
		_, err := opened.ring.Open(opened.sealed, opened.bound)
		require.ErrorIs(t, err, ErrSecretUnreadable, name)
	}
}

func TestKeysThatCannotSealAreRefused(t *testing.T) {
	t.Parallel()
	_, err := NewKeyRing(nil)
	require.ErrorIs(t, err, ErrNoSecretKeys)
	for name, keys := range map[string][]SecretKey{
		"without an ID":       {secretKey("", 1)},
		"with a colon":        {secretKey("a:b", 1)},
		"twice":               {secretKey("a", 1), secretKey("a", 2)},
		"of the wrong length": {{ID: "a", Secret: []byte("short")}},
	} {
		_, err := NewKeyRing(keys)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "short", "an error shows no key")
	}
}

func TestCredentialsArePrintedWithoutTheirToken(t *testing.T) {
	t.Parallel()
	c := Credentials{Connection: "con_a", AccountSID: "AC1", AuthToken: "the-token"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, c), "the-token", verb)
	}
	require.NotContains(t, c.LogValue().String(), "the-token")
}

func TestIDsAreDifferentAndPlausible(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := NewID("con")
		require.Regexp(t, `^con_[a-z2-7]{20}$`, id)
		require.False(t, seen[id])
		seen[id] = true
	}
	require.True(t, strings.HasPrefix(NewID("out"), "out_"))
}
