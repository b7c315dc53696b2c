package engine

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// PayloadKey is a key that payloads are encrypted with.
type PayloadKey struct {
	// ID travels with each payload, in the clear: 1 to 64 letters, digits, dots, underscores and dashes. A date is a good one.
	ID string `yaml:"id"`
	// Key is 32 random bytes in base64. It is never logged.
	Key string `yaml:"key"`
}

const keyBytes = 32 // AES-256

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check gives the key's bytes; i is its place among the keys, for one that has no ID.
func (k PayloadKey) check(i int) ([]byte, error) { return k.Bytes(payloadKey, i) }

// What keys are for, as errors call them.
const (
	payloadKey = "payload key"
	secretKey  = "secret key"
)

// Bytes gives the key's 32 bytes; what says what it is for, and i is its place among the keys, for one that has no ID.
func (k PayloadKey) Bytes(what string, i int) ([]byte, error) {
	if !keyID.MatchString(k.ID) {
		return nil, fmt.Errorf("%s number %d: its ID must be 1 to 64 letters, digits, dots, underscores and dashes", what, i+1)
	}
	secret, err := base64.StdEncoding.DecodeString(k.Key)
	if err != nil {
		return nil, fmt.Errorf("%s %q: the key is not base64", what, k.ID) // the error would show a part of it
	}
	if len(secret) != keyBytes {
		return nil, fmt.Errorf("%s %q: the key has %d bytes; AES-256 needs %d", what, k.ID, len(secret), keyBytes)
	}
	return secret, nil
}

// ParsePayloadKeys reads "id:base64,id:base64", the newest first. The keys themselves are checked by NewCodec.
func ParsePayloadKeys(text string) ([]PayloadKey, error) { return parseKeys(payloadKey, text) }

// ParseSecretKeys reads keys of the same form for what the database keeps secret.
func ParseSecretKeys(text string) ([]PayloadKey, error) { return parseKeys(secretKey, text) }

func parseKeys(what, text string) ([]PayloadKey, error) {
	var keys []PayloadKey
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		id, key, found := strings.Cut(entry, ":")
		if !found {
			return nil, fmt.Errorf("%s number %d: it must be id:base64", what, len(keys)+1) // which is not shown: it may be a bare key
		}
		keys = append(keys, PayloadKey{ID: id, Key: key})
	}
	return keys, nil
}

// NewPayloadKey makes a key with the system's randomness.
func NewPayloadKey(id string) PayloadKey {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails
	return PayloadKey{ID: id, Key: base64.StdEncoding.EncodeToString(secret)}
}

// keyFile is where one machine keeps its own keys: a line each, id:base64, the newest first; # begins a comment.
type keyFile struct{ what, name, comment, lost string }

var (
	payloadKeyFile = keyFile{
		payloadKey, "payload-keys", "What calls keep in the engine is encrypted with these keys, the first one. Lose them, and live calls are lost.",
		"without the one that was, its calls cannot be read",
	}
	secretKeyFile = keyFile{
		secretKey, "secret-keys", "Tokens and API keys in the database are encrypted with these keys, the first one. Lose them, and they must be pasted anew.",
		"without the one that was, its tokens cannot be read",
	}
)

// LocalPayloadKeys are the keys in a file of the data directory, which is made with one key at the first start, readable by its
// owner alone. To rotate, put a line with a new key before the others, and start again.
func LocalPayloadKeys(dir string) ([]PayloadKey, error) { return payloadKeyFile.keys(dir) }

// LocalSecretKeys are the like for what the database keeps secret, in a file beside it.
func LocalSecretKeys(dir string) ([]PayloadKey, error) { return secretKeyFile.keys(dir) }

func (k keyFile) keys(dir string) ([]PayloadKey, error) {
	path := filepath.Join(dir, k.name)
	data, err := os.ReadFile(path) //nolint:gosec // the data directory is the operator's choice
	if errors.Is(err, fs.ErrNotExist) {
		if err := k.make(path); err != nil {
			return nil, err
		}
		data, err = os.ReadFile(path) //nolint:gosec // likewise: the file that is there, whoever made it
	}
	if err != nil {
		return nil, fmt.Errorf("%ss: %w", k.what, err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	keys, err := parseKeys(k.what, strings.Join(lines, ","))
	if err == nil && len(keys) == 0 {
		err = errors.New("there is no key in it; " + k.lost)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// make makes the file whole or not at all, and leaves one that is there alone. It is on the disk before anything is encrypted with it.
func (k keyFile) make(path string) error {
	key := NewPayloadKey(time.Now().UTC().Format("2006-01-02") + "-" + strings.ToLower(rand.Text()[:6]))
	var text bytes.Buffer
	fmt.Fprintf(&text, "# %s\n%s:%s\n", k.comment, key.ID, key.Key)
	f, err := os.CreateTemp(filepath.Dir(path), k.name+"-*") // 0600
	if err != nil {
		return fmt.Errorf("%ss: %w", k.what, err)
	}
	_, err = f.Write(text.Bytes())
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return fmt.Errorf("%ss: %w", k.what, err)
	}
	return nil
}
