package handlers

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

func TestAFolderOfOnesOwnIsServedAndNothingBesides(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := filepath.Join(outside, "assets")
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	write(filepath.Join(outside, "secret.txt"), "secret")
	write(filepath.Join(dir, "wait.mp3"), "music")
	write(filepath.Join(dir, "deep", "hold.xml"), "<Response/>")
	write(filepath.Join(dir, "two words.wav"), "words")
	write(filepath.Join(dir, ".env"), "secret")
	write(filepath.Join(dir, ".git", "config"), "secret")
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, "link.txt")))
	require.NoError(t, os.Symlink("wait.mp3", filepath.Join(dir, "same.mp3")))

	assets, err := NewAssets(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, assets.Close()) })
	e := echo.New()
	assets.Mount(e)
	for _, test := range []struct {
		name, method, target string
		status               int
		kind, body           string
	}{
		{"music", "GET", "/assets/wait.mp3", 200, "audio/mpeg", "music"},
		{"TwiML in a folder", "POST", "/assets/deep/hold.xml", 200, "text/xml; charset=utf-8", "<Response/>"},
		{"its head alone", "HEAD", "/assets/wait.mp3", 200, "audio/mpeg", ""},
		{"an escaped name", "GET", "/assets/two%20words.wav", 200, "audio/wav", "words"},
		{"a link that stays inside", "GET", "/assets/same.mp3", 200, "audio/mpeg", "music"},
		{"a link that leads outside", "GET", "/assets/link.txt", 404, "", ""},
		{"a way up", "GET", "/assets/../secret.txt", 404, "", ""},
		{"an escaped way up", "GET", "/assets/%2e%2e/secret.txt", 404, "", ""},
		{"an escaped slash", "GET", "/assets/..%2fsecret.txt", 404, "", ""},
		{"a way up from within", "GET", "/assets/deep/../../secret.txt", 404, "", ""},
		{"a path from the root", "GET", "/assets//etc/passwd", 404, "", ""},
		{"a backslash", "GET", `/assets/..%5csecret.txt`, 404, "", ""},
		{"a zero byte", "GET", "/assets/wait.mp3%00.xml", 404, "", ""},
		{"a folder", "GET", "/assets/deep", 404, "", ""},
		{"the folder itself", "GET", "/assets/", 404, "", ""},
		{"a hidden file", "GET", "/assets/.env", 404, "", ""},
		{"a file in a hidden folder", "GET", "/assets/.git/config", 404, "", ""},
		{"what there is not", "GET", "/assets/none.mp3", 404, "", ""},
		{"a writing", "PUT", "/assets/wait.mp3", 405, "", ""},
		{"a deletion", "DELETE", "/assets/wait.mp3", 405, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequest(test.method, test.target, http.NoBody))
			require.Equal(t, test.status, w.Code)
			require.NotContains(t, w.Body.String(), "secret")
			if test.status == http.StatusOK {
				require.Equal(t, test.kind, w.Header().Get("Content-Type"))
				require.Equal(t, test.body, w.Body.String())
				require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			}
		})
	}
}

func TestAFolderThatIsNotThereIsFoundAtTheStart(t *testing.T) {
	t.Parallel()
	_, err := NewAssets(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "assets")
	require.NoError(t, (*Assets)(nil).Close())
}
