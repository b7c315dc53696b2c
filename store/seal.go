package store

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Sealer keeps secrets from whoever reads the database without the keys. It is safe for concurrent use.
type Sealer interface {
	// Seal encrypts a secret for one place, such as a connection's ID: elsewhere it does not open.
	Seal(plain, bound string) ([]byte, error)
	// Open is Seal's reverse. ErrSecretUnreadable if the key is not there, or it is not what was sealed for that place.
	Open(sealed []byte, bound string) (string, error)
}

// WithSealer sets what keeps tokens secret. Without one no token can be kept or read: ErrNoSecretKeys.
func WithSealer(sealer Sealer) Option {
	return func(s *Store) { s.sealer = sealer }
}

// SecretKey is a key for AES-256-GCM.
type SecretKey struct {
	ID     string // stands before what it sealed, in the clear; without ":"
	Secret []byte // 32 bytes
}

// KeyRing is a [Sealer] that seals with its first key and opens with all of them: to rotate, put a new one before the others.
type KeyRing struct {
	first string
	keys  map[string]cipher.AEAD
}

// NewKeyRing makes a ring of keys, the newest first.
func NewKeyRing(keys []SecretKey) (*KeyRing, error) {
	if len(keys) == 0 {
		return nil, ErrNoSecretKeys
	}
	ring := &KeyRing{first: keys[0].ID, keys: make(map[string]cipher.AEAD, len(keys))}
	for _, k := range keys {
		if k.ID == "" || strings.Contains(k.ID, ":") {
			return nil, errors.New("store: a secret key needs an ID without a colon")
		}
		if ring.keys[k.ID] != nil {
			return nil, fmt.Errorf("store: secret key %q is there twice", k.ID)
		}
		if len(k.Secret) != 32 {
			return nil, fmt.Errorf("store: secret key %q has %d bytes; AES-256 needs 32", k.ID, len(k.Secret))
		}
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, fmt.Errorf("store: secret key %q: %w", k.ID, err)
		}
		if ring.keys[k.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("store: secret key %q: %w", k.ID, err)
		}
	}
	return ring, nil
}

// Seal implements [Sealer].
func (r *KeyRing) Seal(plain, bound string) ([]byte, error) {
	header := r.first + ":"
	return r.keys[r.first].Seal([]byte(header), nil, []byte(plain), []byte(header+bound)), nil //nolint:gosec // it makes its nonces itself
}

// Open implements [Sealer].
func (r *KeyRing) Open(sealed []byte, bound string) (string, error) {
	id, rest, ok := strings.Cut(string(sealed), ":")
	key := r.keys[id]
	if !ok || key == nil {
		return "", ErrSecretUnreadable
	}
	plain, err := key.Open(nil, nil, []byte(rest), []byte(id+":"+bound))
	if err != nil {
		return "", ErrSecretUnreadable // GCM says no more
	}
	return string(plain), nil
}

// seal makes the text that a column keeps of a secret; "" of none.
func (s *Store) seal(plain, bound string) (string, error) {
	if plain == "" {
		return "", nil
	}
	if s.sealer == nil {
		return "", ErrNoSecretKeys
	}
	sealed, err := s.sealer.Seal(plain, bound)
	return base64.StdEncoding.EncodeToString(sealed), err
}

func (s *Store) unseal(column, bound string) (string, error) {
	if column == "" {
		return "", nil
	}
	if s.sealer == nil {
		return "", ErrNoSecretKeys
	}
	sealed, err := base64.StdEncoding.DecodeString(column)
	if err != nil {
		return "", ErrSecretUnreadable
	}
	return s.sealer.Open(sealed, bound)
}
