package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"holdfast/cmd/holdfast/engine"
	"holdfast/store"
)

// secretKeysVariable holds secret keys, "id:base64,id:base64", the newest first. It wins over the file's secret_keys.
const secretKeysVariable = "HOLDFAST_SECRET_KEYS"

// withSecretKeys takes the keys from the variable, if it is set.
func (c *config) withSecretKeys() error {
	text := os.Getenv(secretKeysVariable)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	keys, err := engine.ParseSecretKeys(text)
	if err != nil {
		return fmt.Errorf("%s: %w", secretKeysVariable, err)
	}
	c.SecretKeys = keys
	return nil
}

// sealer encrypts tokens in the database, with the keys that are configured or, where the database is this machine's own, with this machine's. On a database that
// processes share there is none without keys: tokens are refused then, and nothing else is.
func (c *config) sealer() (store.Sealer, error) {
	keys := c.SecretKeys
	if len(keys) == 0 {
		if c.DatabaseURL != "" {
			return nil, nil //nolint:nilnil // no sealer is one
		}
		var err error
		if keys, err = engine.LocalSecretKeys(c.DataDir); err != nil {
			return nil, err
		}
	}
	return keyRing(keys)
}

func keyRing(keys []engine.PayloadKey) (*store.KeyRing, error) {
	ring := make([]store.SecretKey, len(keys))
	for i, k := range keys {
		secret, err := k.Bytes("secret key", i)
		if err != nil {
			return nil, err
		}
		ring[i] = store.SecretKey{ID: k.ID, Secret: secret}
	}
	return store.NewKeyRing(ring)
}

// secretKeyProblems says what is wrong with the keys that are configured.
func (c *config) secretKeyProblems() error {
	if len(c.SecretKeys) == 0 {
		return nil
	}
	_, err := keyRing(c.SecretKeys)
	return err
}

type secretKeyCmd struct {
	ID string `arg:"" optional:"" help:"Name of the key, which stands before what it encrypts. Default: today's date."`
}

// Run makes a key and shows it as the configuration wants it.
func (c secretKeyCmd) Run() error {
	if c.ID == "" {
		c.ID = time.Now().UTC().Format(time.DateOnly)
	}
	key := engine.NewPayloadKey(c.ID)
	if _, err := keyRing([]engine.PayloadKey{key}); err != nil {
		return err
	}
	fmt.Printf("For the configuration file, before older keys:\n\nsecret_keys:\n  - {id: %q, key: %s}\n\nor for %s, before older keys:\n\n%s:%s\n",
		key.ID, key.Key, secretKeysVariable, key.ID, key.Key)
	return nil
}
