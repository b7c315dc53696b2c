package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"holdfast/cmd/holdfast/engine"
)

// payloadKeysVariable holds payload keys, "id:base64,id:base64", the newest first. It wins over the file's payload_keys.
const payloadKeysVariable = "HOLDFAST_PAYLOAD_KEYS"

// withPayloadKeys takes the keys from the variable, if it is set.
func (c *config) withPayloadKeys() error {
	text := os.Getenv(payloadKeysVariable)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	keys, err := engine.ParsePayloadKeys(text)
	if err != nil {
		return fmt.Errorf("%s: %w", payloadKeysVariable, err)
	}
	c.PayloadKeys = keys
	return nil
}

// errNoPayloadKeys: keys that each process made for itself would keep processes from reading one another's calls.
var errNoPayloadKeys = errors.New("payload keys are missing: all processes on a cluster need the same ones; list payload_keys in the file, or set " +
	payloadKeysVariable + " ('holdfast payload-key' makes one)")

// payloadKeyProblems says what is wrong with the keys that are configured.
func (c *config) payloadKeyProblems() error {
	if len(c.PayloadKeys) == 0 {
		if c.TemporalAddress != "" {
			return errNoPayloadKeys
		}
		return nil // one machine has keys of its own
	}
	_, err := engine.NewCodec(c.PayloadKeys)
	return err
}

// codec encrypts what calls keep in the engine, with the keys that are configured or with this machine's own.
func (c *config) codec() (*engine.Codec, error) {
	if err := c.payloadKeyProblems(); err != nil {
		return nil, err
	}
	keys := c.PayloadKeys
	if len(keys) == 0 {
		var err error
		if keys, err = engine.LocalPayloadKeys(c.DataDir); err != nil {
			return nil, err
		}
	}
	return engine.NewCodec(keys)
}

const (
	engineKeeps      = 7 * 24 * time.Hour
	engineKeepsLeast = time.Hour // Temporal's
)

// engineRetention is how long the engine keeps calls that have ended: a week to look at histories, and never longer than the store
// does, except for the engine's least. While it does, nothing can start such a call anew.
func (c *config) engineRetention() time.Duration {
	if c.Retention <= 0 {
		return engineKeeps
	}
	return min(engineKeeps, max(engineKeepsLeast, c.Retention))
}

type payloadKeyCmd struct {
	ID string `arg:"" optional:"" help:"Name of the key, which travels with what it encrypts. Default: today's date."`
}

// Run makes a key and shows it as the configuration wants it.
func (c payloadKeyCmd) Run() error {
	if c.ID == "" {
		c.ID = time.Now().UTC().Format(time.DateOnly)
	}
	key := engine.NewPayloadKey(c.ID)
	if _, err := engine.NewCodec([]engine.PayloadKey{key}); err != nil {
		return err
	}
	fmt.Printf("For the configuration file, before older keys:\n\npayload_keys:\n  - {id: %q, key: %s}\n\nor for %s, before older keys:\n\n%s:%s\n",
		key.ID, key.Key, payloadKeysVariable, key.ID, key.Key)
	return nil
}
