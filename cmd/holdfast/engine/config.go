package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// Errors that a caller may want to tell apart. Each comes wrapped in one line that says what to do.
var (
	// ErrNoBinary means that no temporal command was found, or that the one named is not there.
	ErrNoBinary = errors.New("temporal command not found")
	// ErrPortInUse means that a port asked for by Config.Port or Config.UIPort is taken.
	ErrPortInUse = errors.New("port in use")
	// ErrInUse means that another Holdfast process owns the data directory.
	ErrInUse = errors.New("data directory in use")
	// ErrNotStarted means that the child process ended or did not answer in time.
	ErrNotStarted = errors.New("engine did not start")
)

// Config says which engine to use. The zero value of every field but DataDir is usable.
type Config struct {
	// Address is the host:port of a Temporal cluster. Set, no child is started, and DataDir, Binary, Port,
	// UIPort and Retention mean nothing. Default: none, which means the child.
	Address string

	// Namespace is where Holdfast's workflows live. Default: "holdfast" for the child, which creates it, and
	// "default" for a cluster, where it must exist.
	Namespace string

	// TLS secures the connection to Address. Default: none, or the system's roots if APIKey is set.
	TLS *tls.Config

	// APIKey is sent to Address as a bearer token. It is never logged. Default: none.
	APIKey string

	// DataDir holds the child's files and is made if it is missing. Required for the child.
	DataDir string

	// Binary is the temporal command. Default: temporal in bin/ beside or above this executable, in bin/ of
	// the working directory or of the Go module around it, then on PATH.
	Binary string

	// Port is the child's gRPC port on 127.0.0.1. Default 0: the port of the last start if it is free, else
	// a free one.
	Port int

	// UIPort is the port of Temporal's web UI on 127.0.0.1. Default 0: as for Port. Negative: no web UI.
	UIPort int

	// Retention is how long the child keeps workflows that have closed. Default: 7 days. Temporal's own
	// default is one day; its least is an hour.
	Retention time.Duration

	// StartTimeout is how long the engine may take until it answers. Default: 30 s.
	StartTimeout time.Duration

	// StopTimeout is how long the child may take to end before it is killed. Default: 10 s.
	StopTimeout time.Duration

	// Codec encrypts payloads and the text of failures; see Encrypted. Where the child has a web UI, it is served
	// on another port of loopback, and the UI is told. Default: none, and payloads are readable.
	Codec converter.PayloadCodec

	// Options are the client's further options: metrics, interceptors, identity. What this Config says itself
	// (address, namespace, logger, TLS, credentials, codec) overrides them.
	Options client.Options

	// Logger hears of starts, deaths and adoptions, and is the client's logger. Default: slog.Default().
	Logger *slog.Logger
}

const (
	localNamespace    = "holdfast"
	externalNamespace = "default"

	loopback = "127.0.0.1"
)

func (c Config) withDefaults() (Config, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 30 * time.Second
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 10 * time.Second
	}
	if c.StartTimeout < 0 || c.StopTimeout < 0 {
		return c, errors.New("engine: start and stop timeouts must not be negative")
	}
	if c.Codec != nil {
		c.Options = Encrypted(c.Options, c.Codec)
	}
	if c.Address != "" {
		if c.Namespace == "" {
			c.Namespace = externalNamespace
		}
		return c, nil
	}

	if c.Namespace == "" {
		c.Namespace = localNamespace
	}
	if c.Retention == 0 {
		c.Retention = 7 * 24 * time.Hour
	}
	if c.Retention < time.Hour {
		return c, fmt.Errorf("engine: retention %s is too short: Temporal's least is 1h", c.Retention)
	}
	if c.Port < 0 || c.Port > 65535 || c.UIPort > 65535 {
		return c, fmt.Errorf("engine: port %d or web UI port %d is out of range", c.Port, c.UIPort)
	}
	if c.Port != 0 && c.Port == c.UIPort {
		return c, fmt.Errorf("engine: port %d is asked for twice, for gRPC and for the web UI", c.Port)
	}
	if c.DataDir == "" {
		return c, errors.New("engine: no data directory given")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("engine: data directory %q: %w", c.DataDir, err)
	}
	c.DataDir = dir
	return c, nil
}
