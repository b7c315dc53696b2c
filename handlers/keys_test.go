package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAGeneratedKeyIsRecognised(t *testing.T) {
	t.Parallel()
	secret, sum := GenerateKey()
	other, _ := GenerateKey()
	require.NotEqual(t, secret, other)
	require.Greater(t, len(secret), 26)
	ring, err := NewKeyring([]Key{
		{Name: "first", Role: RoleAdmin, SHA256: HashKey("something else")},
		{Name: "ann", Role: RoleAgent, Agent: annSID, SHA256: strings.ToUpper(sum)},
		{Name: "last", Role: RoleAdmin, SHA256: HashKey("something else again")},
	})
	require.NoError(t, err)
	key, ok := ring.find(secret)
	require.True(t, ok)
	require.Equal(t, "ann", key.Name)
	_, ok = ring.find(other)
	require.False(t, ok)
}

func TestKeysThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	sum := HashKey("x")
	for name, test := range map[string]struct {
		keys []Key
		want string
	}{
		"no name":            {[]Key{{Role: RoleAdmin, SHA256: sum}}, "API key number 1: name is missing"},
		"a name twice":       {[]Key{{Name: "a", Role: RoleAdmin, SHA256: sum}, {Name: "a", Role: RoleAdmin, SHA256: HashKey("y")}}, `API key "a": another key has this name`},
		"an unknown role":    {[]Key{{Name: "a", Role: "boss", SHA256: sum}}, `API key "a": role "boss" is none of agent, supervisor, admin`},
		"an agent without":   {[]Key{{Name: "a", Role: RoleAgent, SHA256: sum}}, `needs the agent's SID`},
		"a wrong agent":      {[]Key{{Name: "a", Role: RoleAgent, Agent: "ann", SHA256: sum}}, `agent "ann" is no worker SID`},
		"a hash that is not": {[]Key{{Name: "a", Role: RoleAdmin, SHA256: "hf_plain"}}, "sha256 must be 64 hexadecimal digits"},
		"one key twice":      {[]Key{{Name: "a", Role: RoleAdmin, SHA256: sum}, {Name: "b", Role: RoleAdmin, SHA256: sum}}, `it is the same key as "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewKeyring(test.keys)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAuthorizationHeaders(t *testing.T) {
	t.Parallel()
	ring, err := NewKeyring(apiKeys)
	require.NoError(t, err)
	empty, err := NewKeyring(nil)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		ring    *Keyring
		headers []string
		want    string // the key's name; "" is 401
	}{
		"a key":                     {ring, []string{"Bearer " + annKey}, "ann"},
		"the scheme in lower case":  {ring, []string{"bearer " + annKey}, "ann"},
		"spaces around the key":     {ring, []string{"Bearer  " + annKey + " "}, "ann"},
		"none":                      {ring, nil, ""},
		"an unknown key":            {ring, []string{"Bearer hf_nobody"}, ""},
		"the hash instead":          {ring, []string{"Bearer " + HashKey(annKey)}, ""},
		"no scheme":                 {ring, []string{annKey}, ""},
		"another scheme":            {ring, []string{"Basic " + annKey}, ""},
		"an empty key":              {ring, []string{"Bearer "}, ""},
		"two headers":               {ring, []string{"Bearer " + annKey, "Bearer " + admKey}, ""},
		"no keys, nobody gets in":   {empty, []string{"Bearer " + annKey}, ""},
		"no keys, and an empty one": {empty, []string{"Bearer "}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header["Authorization"] = test.headers
			key, err := test.ring.authenticate(r)
			require.Equal(t, test.want, key.Name)
			if test.want != "" {
				require.NoError(t, err)
				return
			}
			var p *problemError
			require.ErrorAs(t, err, &p)
			require.Equal(t, http.StatusUnauthorized, p.status)
		})
	}
}

func TestAKeyOfNoRoleMayDoNothing(t *testing.T) {
	t.Parallel()
	_, err := callFilter(keyIn(t.Context()), ListCallsParams{})
	require.Error(t, err)
	b := setupAPI(t)
	a := &api{store: b.store}
	_, _, err = a.found(t.Context(), talkingCall)
	require.ErrorContains(t, err, "not yours")
	require.False(t, (&streamReader{api: a}).wants(frame{call: talkingCall, agents: []string{annSID}}))
}
