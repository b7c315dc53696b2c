package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

type ports struct {
	GRPC int `json:"port"`
	UI   int `json:"ui_port"` // 0: no web UI
	// Codec is where we decrypt for the web UI. It is ours and not the child's, which yet has its number among its arguments.
	Codec int `json:"codec_port,omitempty"` // 0: no codec, or no web UI
}

// choosePorts takes what was asked for, else what was used last, else what is free.
func choosePorts(ctx context.Context, cfg Config, last ports) (ports, error) {
	grpc, err := choosePort(ctx, "port", cfg.Port, last.GRPC)
	if err != nil {
		return ports{}, err
	}
	if cfg.UIPort < 0 {
		return ports{GRPC: grpc}, nil
	}
	ui, err := choosePort(ctx, "web UI port", cfg.UIPort, last.UI)
	if err != nil {
		return ports{}, err
	}
	if cfg.Codec == nil {
		return ports{GRPC: grpc, UI: ui}, nil
	}
	codec, err := choosePort(ctx, "codec port", 0, last.Codec)
	for err == nil && (codec == grpc || codec == ui) { // which nobody holds yet
		codec, err = choosePort(ctx, "codec port", 0, 0)
	}
	if err != nil {
		return ports{}, err
	}
	return ports{GRPC: grpc, UI: ui, Codec: codec}, nil
}

func choosePort(ctx context.Context, what string, wanted, last int) (int, error) {
	if wanted > 0 {
		if err := free(ctx, wanted); err != nil {
			return 0, fmt.Errorf("engine: %s %d: %w on %s: stop what holds it, or choose another", what, wanted, ErrPortInUse, loopback)
		}
		return wanted, nil
	}
	if last > 0 && free(ctx, last) == nil {
		return last, nil
	}
	for range portCount {
		if port := candidate(); free(ctx, port) == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("engine: %s: %w: none free from %d to %d", what, ErrPortInUse, portBase, portBase+portCount-1)
}

// Candidates lie below the range from which systems pick the local ports of outgoing connections (32768 and up
// on Linux, 49152 elsewhere). The child must come back on the same port after a crash, and an outgoing
// connection could have taken an ephemeral one meanwhile.
const (
	portBase  = 20000
	portCount = 12000
)

var portSeq atomic.Uint32

// candidate differs from call to call, and begins elsewhere in each process, so that engines started at the
// same moment do not choose alike.
func candidate() int {
	n := int(portSeq.Add(1)) + os.Getpid()*97
	return portBase + n%portCount
}

func free(ctx context.Context, port int) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}
