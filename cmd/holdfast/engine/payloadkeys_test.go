package engine

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMachineMakesItsOwnKeyOnceAndKeepsItToItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var first [8][]PayloadKey
	var all sync.WaitGroup
	for i := range first {
		all.Go(func() { first[i], _ = LocalPayloadKeys(dir) })
	}
	all.Wait()
	for _, keys := range first {
		require.Len(t, keys, 1)
		require.Equal(t, first[0], keys, "whoever was first made it for all")
	}
	newCodec(t, first[0]...)
	info, err := os.Stat(filepath.Join(dir, payloadKeyFile.name))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
}

func TestAMachinesSecretKeysAreOthersThanItsPayloadKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	payload, err := LocalPayloadKeys(dir)
	require.NoError(t, err)
	secret, err := LocalSecretKeys(dir)
	require.NoError(t, err)
	require.NotEqual(t, payload[0].Key, secret[0].Key)
	again, err := LocalSecretKeys(dir)
	require.NoError(t, err)
	require.Equal(t, secret, again)
	info, err := os.Stat(filepath.Join(dir, "secret-keys"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	_, err = ParseSecretKeys("bare")
	require.ErrorContains(t, err, "secret key number 1: it must be id:base64")
}

func TestAMachinesKeyIsRotatedByALineBeforeIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, err := LocalPayloadKeys(dir)
	require.NoError(t, err)
	newer := NewPayloadKey("newer")
	path := filepath.Join(dir, payloadKeyFile.name)
	text := "newer:" + newer.Key + "\n\n# the first one\n" + keys[0].ID + ":" + keys[0].Key + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	again, err := LocalPayloadKeys(dir)
	require.NoError(t, err)
	require.Equal(t, []PayloadKey{newer, keys[0]}, again)
}

func TestAKeyFileThatIsNotOneIsAnError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"empty":    {"# nothing\n", "there is no key in it"},
		"bare key": {NewPayloadKey("x").Key + "\n", "it must be id:base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, payloadKeyFile.name)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := LocalPayloadKeys(dir)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, c.says)
		})
	}
	t.Run("missing folder", func(t *testing.T) {
		t.Parallel()
		_, err := LocalPayloadKeys(filepath.Join(t.TempDir(), "nowhere"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}
