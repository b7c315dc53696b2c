package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
)

// Roles of API keys.
const (
	RoleAgent      = "agent"      // sees and acts on his own calls alone
	RoleSupervisor = "supervisor" // sees and acts on every call
	RoleAdmin      = "admin"      // likewise
)

// Key is an API key as it is configured: who has it, what he may do, and how it is recognised. The key itself is not kept.
type Key struct {
	// Name says who has the key, in logs and timelines. It is unique.
	Name string `json:"name" yaml:"name"`
	// Role is [RoleAgent], [RoleSupervisor] or [RoleAdmin].
	Role string `json:"role" yaml:"role"`
	// Agent is the SID (WK…) of the agent that the key acts for. Role agent must have it; the others may, and "me" is then his leg.
	Agent string `json:"agent,omitempty" yaml:"agent,omitempty"`
	// SHA256 is the SHA-256 of the key, as 64 hexadecimal digits; see [HashKey].
	SHA256 string `json:"sha256" yaml:"sha256"`
}

// GenerateKey makes a new API key of at least 128 random bits, and its SHA-256 for [Key].
func GenerateKey() (secret, sum string) {
	secret = "hf_" + rand.Text()
	return secret, HashKey(secret)
}

// HashKey is a key's SHA-256 in hexadecimal digits. No salt is needed: keys are random, nobody can guess one.
func HashKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Keyring recognises API keys. It is never changed after it was made.
type Keyring struct{ keys []ringKey }

type ringKey struct {
	Key
	sum [sha256.Size]byte
}

var agentSID = regexp.MustCompile(`^WK[0-9a-fA-F]{32}$`)

// NewKeyring checks the keys and says everything that is wrong with them. Without keys, nobody may use the API.
func NewKeyring(keys []Key) (*Keyring, error) {
	ring := &Keyring{keys: make([]ringKey, 0, len(keys))}
	var problems []error
	names, sums := map[string]bool{}, map[[sha256.Size]byte]string{}
	for i, k := range keys {
		where := fmt.Sprintf("API key %q", k.Name)
		wrong := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
		}
		if k.Name == "" {
			where = fmt.Sprintf("API key number %d", i+1)
			wrong("name is missing")
		} else if names[k.Name] {
			wrong("another key has this name")
		}
		names[k.Name] = true
		switch k.Role {
		case RoleAgent:
			if k.Agent == "" {
				wrong("a key with the role agent needs the agent's SID (WK…)")
			}
		case RoleSupervisor, RoleAdmin:
		default:
			wrong("role %q is none of agent, supervisor, admin", k.Role)
		}
		if k.Agent != "" && !agentSID.MatchString(k.Agent) {
			wrong("agent %q is no worker SID (WK and 32 hexadecimal digits)", k.Agent)
		}
		sum, err := hex.DecodeString(k.SHA256)
		if err != nil || len(sum) != sha256.Size {
			wrong("sha256 must be 64 hexadecimal digits")
			continue
		}
		r := ringKey{Key: k, sum: [sha256.Size]byte(sum)}
		if other, taken := sums[r.sum]; taken {
			wrong("it is the same key as %q", other)
		}
		sums[r.sum] = k.Name
		ring.keys = append(ring.keys, r)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return ring, nil
}

// find recognises a key. It compares with every key, and takes the same time whichever it is.
func (r *Keyring) find(secret string) (Key, bool) {
	sum := sha256.Sum256([]byte(secret))
	found := -1
	for i := range r.keys {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(r.keys[i].sum[:], sum[:]), i, found)
	}
	if found < 0 {
		return Key{}, false
	}
	return r.keys[found].Key, true
}

// authenticate tells whose request it is, by its Authorization header (RFC 6750), or gives a problem.
func (r *Keyring) authenticate(request *http.Request) (Key, error) {
	values := request.Header.Values(echo.HeaderAuthorization)
	if len(values) == 0 {
		return Key{}, problem(http.StatusUnauthorized, codeUnauthorized, "send an API key: Authorization: Bearer <key>")
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	secret = strings.TrimSpace(secret)
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return Key{}, problem(http.StatusUnauthorized, codeUnauthorized, "the Authorization header must be one: Bearer <key>")
	}
	key, ok := r.find(secret)
	if !ok {
		return Key{}, problem(http.StatusUnauthorized, codeUnauthorized, "this API key is not known here")
	}
	return key, nil
}

// isAgent says whether the key is restricted to its agent's calls. A key of no role is, too, and has none.
func (k Key) isAgent() bool { return k.Role != RoleSupervisor && k.Role != RoleAdmin }

type keyInContext struct{}

func withKey(ctx context.Context, k Key) context.Context {
	return context.WithValue(ctx, keyInContext{}, k)
}

// keyIn is whose request it is. Every route of the API has one: [Server] lets nothing through without.
func keyIn(ctx context.Context) Key {
	if k, ok := ctx.Value(keyInContext{}).(Key); ok {
		return k
	}
	return Key{}
}
