package simulator

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/contract"
)

// Twilio's own OpenAPI documents lie beside the module; the project keeps no copy.
var documents = sync.OnceValues(func() (*contract.Documents, error) {
	return contract.Load(filepath.Join("..", "..", "shared", "twilio-openapi"))
})

// needDocuments skips a test where Twilio's documents are absent, unless they are demanded.
func needDocuments(t *testing.T) *contract.Documents {
	t.Helper()
	d, err := documents()
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("HOLDFAST_REQUIRE_OPENAPI") == "" {
		t.Skip("Twilio's OpenAPI documents are not beside the module:", err)
	}
	require.NoError(t, err)
	return d
}

// checked lets Twilio's documents judge every answer of a test, and every request that was not refused. Where the documents are absent
// the test does without.
func checked(t *testing.T, sim *Simulator) http.Handler {
	t.Helper()
	d, err := documents()
	if errors.Is(err, fs.ErrNotExist) {
		return sim
	}
	require.NoError(t, err)
	var mu sync.Mutex
	var found []string
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, found, "Twilio's documents do not allow this")
	})
	return d.Handler(sim, contract.Accepted, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		found = append(found, err.Error())
	})
}
