package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"holdfast/call"
	"holdfast/store"
)

const (
	// dialInDigits is how long a code is. It names the call and proves who dials in at once, so it is longer than a PIN.
	dialInDigits = 8
	// dialInTries is how often a code may be keyed in one phone call.
	dialInTries = 3
	// dialInMisses is how many wrong codes may be keyed by anybody within dialInMissesWithin; after that none is taken until some of them are older.
	// Where one code is about at any time, whoever tries codes out day and night for a year finds one with a chance of one in a hundred.
	dialInMisses       = 30
	dialInMissesWithin = 15 * time.Minute
)

// DialInStore is what codes need of the store; *store.Store is one.
type DialInStore interface {
	PutDialIn(ctx context.Context, d store.DialIn) (ok bool, err error)
	UseDialIn(ctx context.Context, g store.DialInGuess) (store.DialIn, error)
}

// DialIns gives supervisors codes to dial in by, and takes them back. A code is known to the supervisor alone: what is stored is its keyed hash.
type DialIns struct {
	store  DialInStore
	key    []byte
	number string
	now    func() time.Time
}

// NewDialIns makes codes with a key derived from a secret that all processes have: the account's auth token. number is what supervisors dial, for people; "" says
// that it is not told.
func NewDialIns(s DialInStore, secret, number string) (*DialIns, error) {
	if secret == "" {
		return nil, errors.New("handlers: dial-ins: no secret")
	}
	key := sha256.Sum256([]byte("holdfast dial-in\x00" + secret))
	return &DialIns{store: s, key: key[:], number: number, now: time.Now}, nil
}

// give makes a code for a supervisor who is waited for until then. One that he was given for the same invitation before is void.
func (d *DialIns) give(ctx context.Context, id call.ID, label call.Label, until time.Time) (string, error) {
	for range 10 { // that a code is somebody else's already is next to impossible, and ten times so a defect
		n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
		if err != nil {
			return "", err
		}
		code := fmt.Sprintf("%0*d", dialInDigits, n)
		ok, err := d.store.PutDialIn(ctx, store.DialIn{CodeHash: d.hash(code), Call: string(id), Invitation: string(label), ExpiresAt: until})
		if err != nil || ok {
			return code, err
		}
	}
	return "", errors.New("handlers: dial-ins: no code is free")
}

var dialInCode = regexp.MustCompile(`^[0-9]{8}$`)

// take says what a code is for, which is used up by it. What is none is [store.ErrNotFound], and [store.ErrDialInsLocked] says that none is taken at the moment.
func (d *DialIns) take(ctx context.Context, code string, by call.SID, try int) (call.ID, call.Label, error) {
	guess := store.DialInGuess{
		By: string(by), Attempt: fmt.Sprintf("%s:%d", by, try), Most: dialInMisses, Since: d.now().Add(-dialInMissesWithin),
	}
	if dialInCode.MatchString(code) {
		guess.CodeHash = d.hash(code)
	}
	found, err := d.store.UseDialIn(ctx, guess)
	return call.ID(found.Call), call.Label(found.Invitation), err
}

func (d *DialIns) hash(code string) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(code))
	return hex.EncodeToString(mac.Sum(nil))
}
