package handlers

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// PathAssets is where a folder of one's own is served under: music, announcements and TwiML, for Twilio to fetch.
const PathAssets = "/assets/"

// Assets serves the files of one folder, and of the folders in it, to everybody: Twilio fetches music without a signature. What lies outside cannot be reached,
// by no path and by no symbolic link; folders are not listed, and what begins with a dot is not there.
type Assets struct{ root *os.Root }

// NewAssets opens the folder. It must exist. [Assets.Close] gives it back.
func NewAssets(dir string) (*Assets, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("handlers: assets: %w", err)
	}
	return &Assets{root: root}, nil
}

// Close gives the folder back; a nil one has nothing to give.
func (a *Assets) Close() error {
	if a == nil {
		return nil
	}
	return a.root.Close()
}

// Mount adds the routes. POST answers as GET does, for Twilio asks for TwiML by either.
func (a *Assets) Mount(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		e.Add(method, PathAssets+"*", a.serve)
	}
}

// types are those that the standard library would tell otherwise, or by the machine's own tables: Twilio goes by them.
// https://www.twilio.com/docs/voice/twiml/play
var types = map[string]string{
	".xml": "text/xml; charset=utf-8", ".twiml": "text/xml; charset=utf-8", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".wave": "audio/wav",
	".aif": "audio/aiff", ".aiff": "audio/aiff", ".gsm": "audio/x-gsm", ".ulaw": "audio/basic",
}

func (a *Assets) serve(c echo.Context) error {
	// The router's parameter may be escaped still, the URL's path is not; what a path means is decided by it, and by the root that it cannot leave.
	_, name, found := strings.Cut(c.Request().URL.Path, PathAssets)
	name = path.Clean(name)
	if !found || !fs.ValidPath(name) || hidden(name) {
		return echo.ErrNotFound
	}
	file, err := a.root.Open(name)
	if err != nil { // one that may not be read is not there either
		return echo.ErrNotFound
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return echo.ErrNotFound
	}
	header := c.Response().Header()
	if kind, ok := types[strings.ToLower(path.Ext(name))]; ok {
		header.Set(echo.HeaderContentType, kind)
	}
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set(echo.HeaderCacheControl, fmt.Sprintf("public, max-age=%d", int(assetsKept/time.Second)))
	r := c.Request()
	if r.Method == http.MethodPost {
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
	}
	http.ServeContent(c.Response(), r, name, info.ModTime(), file)
	return nil
}

// assetsKept is how long Twilio may keep a file before it asks again. https://www.twilio.com/docs/voice/twiml/play
const assetsKept = time.Minute

func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return true
		}
	}
	return false
}
