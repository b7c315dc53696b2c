package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/cmd/holdfast/engine"
	"holdfast/store"
)

func TestSecretKeysComeFromTheFileOrTheEnvironment(t *testing.T) {
	newer, older := engine.NewPayloadKey("newer"), engine.NewPayloadKey("older")
	cfg, err := parseServe(t, "secret_keys:\n  - {id: newer, key: "+newer.Key+"}\n  - {id: older, key: "+older.Key+"}\n")
	require.NoError(t, err)
	require.Equal(t, []engine.PayloadKey{newer, older}, cfg.SecretKeys)
	require.NoError(t, cfg.withSecretKeys())
	require.Len(t, cfg.SecretKeys, 2, "no variable changes nothing")
	both, err := cfg.sealer()
	require.NoError(t, err)

	t.Setenv(secretKeysVariable, "older:"+older.Key)
	require.NoError(t, cfg.withSecretKeys())
	require.Equal(t, []engine.PayloadKey{older}, cfg.SecretKeys, "the variable wins over the file")
	one, err := cfg.sealer()
	require.NoError(t, err)
	sealed, err := one.Seal("token", "con_a")
	require.NoError(t, err)
	plain, err := both.Open(sealed, "con_a")
	require.NoError(t, err)
	require.Equal(t, "token", plain, "older keys open what they sealed")

	t.Setenv(secretKeysVariable, older.Key)
	err = cfg.withSecretKeys()
	require.ErrorContains(t, err, secretKeysVariable+": secret key number 1: it must be id:base64")
	require.NotContains(t, err.Error(), older.Key)
	cfg.SecretKeys = []engine.PayloadKey{{ID: "short", Key: "c2hvcnQ="}}
	require.ErrorContains(t, cfg.secretKeyProblems(), `secret key "short": the key has 5 bytes; AES-256 needs 32`)
}

func TestOneMachineKeepsTokensByAKeyOfItsOwnAndSharedDatabasesByOneThatIsGiven(t *testing.T) {
	t.Parallel()
	row := store.ConnectionRow{Kind: store.ConnectionVoice, Name: "n", AccountSID: "AC1", PhoneNumber: "+15550000001"}
	cfg := config{DataDir: t.TempDir()}
	sealer, err := cfg.sealer()
	require.NoError(t, err)
	first, err := openStore(t.Context(), "", cfg.DataDir, store.WithSealer(sealer))
	require.NoError(t, err)
	row, err = first.CreateConnection(t.Context(), row, "the token")
	require.NoError(t, err)
	require.NoError(t, first.Close())
	sealer, err = cfg.sealer()
	require.NoError(t, err)
	second, err := openStore(t.Context(), "", cfg.DataDir, store.WithSealer(sealer))
	require.NoError(t, err)
	credentials, err := second.Credentials(t.Context(), row.ID)
	require.NoError(t, err)
	require.Equal(t, "the token", credentials.AuthToken, "the key outlives the process")
	require.NoError(t, second.Close())

	shared := config{DataDir: t.TempDir(), DatabaseURL: "postgres://db/holdfast"}
	none, err := shared.sealer()
	require.NoError(t, err)
	require.Nil(t, none)
	without, err := openStore(t.Context(), "", shared.DataDir, store.WithSealer(none))
	require.NoError(t, err)
	defer func() { require.NoError(t, without.Close()) }()
	_, err = without.CreateConnection(t.Context(), row, "the token")
	require.ErrorIs(t, err, store.ErrNoSecretKeys)
}
