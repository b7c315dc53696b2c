package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/cmd/holdfast/engine"
)

func TestPayloadKeysComeFromTheFileOrTheEnvironment(t *testing.T) {
	newer, older := engine.NewPayloadKey("newer"), engine.NewPayloadKey("older")
	cfg, err := parseServe(t, "payload_keys:\n  - {id: newer, key: "+newer.Key+"}\n  - {id: older, key: "+older.Key+"}\n")
	require.NoError(t, err)
	require.Equal(t, []engine.PayloadKey{newer, older}, cfg.PayloadKeys)
	require.NoError(t, cfg.withPayloadKeys())
	require.Len(t, cfg.PayloadKeys, 2, "no variable changes nothing")

	t.Setenv(payloadKeysVariable, "older:"+older.Key)
	require.NoError(t, cfg.withPayloadKeys())
	require.Equal(t, []engine.PayloadKey{older}, cfg.PayloadKeys, "the variable wins over the file")

	t.Setenv(payloadKeysVariable, older.Key)
	err = cfg.withPayloadKeys()
	require.ErrorContains(t, err, payloadKeysVariable+": payload key number 1: it must be id:base64")
	require.NotContains(t, err.Error(), older.Key)
}

func TestOneMachineHasAKeyOfItsOwnAndAClusterMustBeGivenOne(t *testing.T) {
	t.Parallel()
	alone := config{DataDir: t.TempDir()}
	_, err := alone.codec()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(alone.DataDir, "payload-keys"))

	cluster := config{DataDir: t.TempDir(), TemporalAddress: "temporal:7233"}
	require.ErrorContains(t, cluster.problems(), payloadKeysVariable)
	_, err = cluster.codec()
	require.ErrorIs(t, err, errNoPayloadKeys)
	cluster.PayloadKeys = []engine.PayloadKey{engine.NewPayloadKey("shared")}
	_, err = cluster.codec()
	require.NoError(t, err)
	files, err := os.ReadDir(cluster.DataDir)
	require.NoError(t, err)
	require.Empty(t, files)

	cluster.PayloadKeys[0].Key = "c2hvcnQ="
	require.ErrorContains(t, cluster.problems(), `payload key "shared": the key has 5 bytes; AES-256 needs 32`)
}

func TestOneSettingSaysHowLongCallsAreKept(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, row := range []struct{ store, engine time.Duration }{
		{store: 30 * day, engine: 7 * day}, {store: 2 * day, engine: 2 * day}, {store: time.Minute, engine: time.Hour}, {store: 0, engine: 7 * day},
	} {
		c := config{Retention: row.store}
		require.Equal(t, row.engine, c.engineRetention(), row.store)
	}
}
