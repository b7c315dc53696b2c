package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	healthTry   = 2 * time.Second       // one health check may take this long
	healthPause = 20 * time.Millisecond // between two of them
)

// connect dials a cluster that somebody else runs.
func (e *Engine) connect(ctx context.Context) error {
	if err := e.dial(e.cfg.Address); err != nil {
		return err
	}
	err := e.awaitNamespace(ctx)
	if err != nil {
		e.client.Close()
	}
	return err
}

// awaitNamespace asks the cluster for its namespace until it answers. A refusal is final.
func (e *Engine) awaitNamespace(ctx context.Context) error {
	for {
		_, err := e.describe(ctx)
		if err == nil {
			return nil
		}
		switch {
		case isA[*serviceerror.NamespaceNotFound](err), isA[*serviceerror.NotFound](err):
			return fmt.Errorf("engine: namespace %q does not exist at %s", e.cfg.Namespace, e.cfg.Address)
		case isA[*serviceerror.PermissionDenied](err):
			return fmt.Errorf("engine: %s refuses our credentials for namespace %q: %w", e.cfg.Address, e.cfg.Namespace, err)
		}
		if pauseErr := pause(ctx, 10*healthPause); pauseErr != nil {
			return fmt.Errorf("engine: %w: no answer from Temporal at %s: %w", ErrNotStarted, e.cfg.Address, err)
		}
	}
}

// dial makes the client without waiting for the server, so that it can be made before there is one.
func (e *Engine) dial(address string) error {
	opts := e.cfg.Options
	opts.HostPort = address
	opts.Namespace = e.cfg.Namespace
	opts.Logger = sdklog.NewStructuredLogger(e.log)
	if e.cfg.Address == "" {
		// Loopback has bandwidth to spare: compressing requests would only cost processor time. And a child
		// that was restarted is back in a second or two, so look for it sooner than gRPC would.
		opts.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
		opts.ConnectionOptions.DialOptions = append(opts.ConnectionOptions.DialOptions,
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: backoff.Config{
					BaseDelay: healthPause, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond,
				},
				MinConnectTimeout: 5 * time.Second,
			}))
	} else {
		opts.ConnectionOptions.TLS = e.cfg.TLS
		if e.cfg.APIKey != "" {
			opts.Credentials = client.NewAPIKeyStaticCredentials(e.cfg.APIKey)
			if opts.ConnectionOptions.TLS == nil {
				opts.ConnectionOptions.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			}
		}
	}
	c, err := client.NewLazyClient(opts)
	if err != nil {
		return fmt.Errorf("engine: client for %s: %w", address, err)
	}
	e.client = c
	return nil
}

// awaitHealth returns when the child answers gRPC health checks and has the namespace, and fails when it ends
// or ctx does.
func (e *Engine) awaitHealth(ctx context.Context, p *process) error {
	var last error
	for {
		if last = e.healthy(ctx); last == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.ending()
		case <-ctx.Done():
			return fmt.Errorf("no healthy answer from %s: %w", e.Address(), last)
		case <-time.After(healthPause):
		}
	}
}

func (e *Engine) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTry)
	defer cancel()
	if _, err := e.client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return err
	}
	_, err := e.describe(ctx)
	return err
}

func (e *Engine) describe(ctx context.Context) (*workflowservice.DescribeNamespaceResponse, error) {
	return e.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{
		Namespace: e.cfg.Namespace,
	})
}

// retain sets how long the child keeps closed workflows: start-dev has no flag for it and says one day.
func (e *Engine) retain(ctx context.Context) error {
	now, err := e.describe(ctx)
	if err != nil {
		return fmt.Errorf("engine: reading namespace %q: %w", e.cfg.Namespace, err)
	}
	if now.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == e.cfg.Retention {
		return nil
	}
	_, err = e.client.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: e.cfg.Namespace,
		Config:    &namespace.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(e.cfg.Retention)},
	})
	if err != nil {
		return fmt.Errorf("engine: setting retention of namespace %q: %w", e.cfg.Namespace, err)
	}
	return nil
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
