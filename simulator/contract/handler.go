package contract

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
)

// Strictness says which requests are checked; answers always are.
type Strictness int

const (
	// Accepted requests are checked: a server that refuses what it should is well.
	Accepted Strictness = iota
	// All requests are checked: the client is on trial too.
	All
)

// Handler goes around a server of Twilio's REST API, and tells found of every exchange that the documents do not allow. found is called
// before the client has the answer's end, from many goroutines at once.
func (d *Documents) Handler(next http.Handler, strictness Strictness, found func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := []byte{}
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_ = r.Body.Close()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		copied := &recorder{ResponseWriter: w, status: http.StatusOK}
		address := *r.URL
		next.ServeHTTP(copied, r)

		x := &Exchange{Method: r.Method, Host: r.Host, URL: &address, Status: copied.status, Header: w.Header(), Body: copied.body.Bytes()}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			found(err)
			return
		}
		x.Form = form
		if strictness == All || x.Status < http.StatusBadRequest {
			if err := d.Request(x); err != nil {
				found(err)
			}
		}
		if err := d.Answer(x); err != nil {
			found(err)
		}
	})
}

// A recorder keeps a copy of what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}
