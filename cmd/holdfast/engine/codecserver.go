package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/converter"
)

const codecPath = "/codec"

// codecBody bounds what the web UI may ask for at once, in bytes: a page of a history.
const codecBody = 16 << 20

// codecServer decrypts for the engine's web UI, by Temporal's protocol (https://docs.temporal.io/codec-server). The UI is a page in
// a browser and can send no key of ours, so who may ask is settled otherwise: the server listens on loopback, as the UI and the
// engine do; answers no name but loopback's, so that no other site's name can be pointed at it; and to a browser gives nothing unless
// the page is the UI.
type codecServer struct {
	http *http.Server
	done chan struct{}
}

// serveCodec serves a codec on a port of loopback, for the web UI on another.
func serveCodec(ctx context.Context, codec converter.PayloadCodec, p ports, log *slog.Logger) (*codecServer, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(p.Codec)))
	if err != nil {
		return nil, fmt.Errorf("engine: codec endpoint: %w", err)
	}
	s := &codecServer{
		http: &http.Server{
			Handler: codecHandler(codec, p), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the codec endpoint ended: the web UI cannot show payloads", "error", err)
		}
	}()
	return s, nil
}

func (s *codecServer) close() {
	if s == nil {
		return
	}
	_ = s.http.Close() // pages that are open ask again
	<-s.done
}

// codecURL is what the web UI is told to ask.
func codecURL(p ports) string {
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(p.Codec)) + codecPath
}

func codecHandler(codec converter.PayloadCodec, p ports) http.Handler {
	next := converter.NewPayloadCodecHTTPHandler(codec)
	at := func(scheme string, port int) []string {
		number := strconv.Itoa(port)
		return []string{scheme + net.JoinHostPort(loopback, number), scheme + net.JoinHostPort("localhost", number)}
	}
	hosts, origins := at("", p.Codec), at("http://", p.UI)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Vary", "Origin")
		if !slices.Contains(hosts, r.Host) || origin != "" && !slices.Contains(origins, origin) {
			http.Error(w, "the codec endpoint is for the engine's web UI on this machine", http.StatusForbidden)
			return
		}
		if origin != "" {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace, Authorization")
		}
		switch {
		case r.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path != codecPath+"/encode" && r.URL.Path != codecPath+"/decode":
			http.NotFound(w, r)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, codecBody)
			next.ServeHTTP(w, r)
		}
	})
}
