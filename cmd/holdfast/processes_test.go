package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/cmd/holdfast/engine"
	"holdfast/simulator"
	"holdfast/simulator/people"
	"holdfast/store"
	"holdfast/store/pgtest"
)

// processVariable holds the configuration of a Holdfast that a test starts as a process of its own: this very program, which then is no
// test. It tells its address, and stops when its input ends.
const processVariable = "HOLDFAST_TEST_PROCESS"

func init() {
	if configured := os.Getenv(processVariable); configured != "" {
		if err := beProcess(context.Background(), configured); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func beProcess(ctx context.Context, configured string) error {
	var cfg config
	if err := json.Unmarshal([]byte(configured), &cfg); err != nil {
		return err
	}
	a, err := startApp(ctx, cfg, newLogger(os.Stderr, "warn", "text"), nil)
	if err != nil {
		return err
	}
	fmt.Println(a.addr)
	_, err = io.Copy(io.Discard, os.Stdin)
	stopCtx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	return errors.Join(err, a.stop(stopCtx))
}

// process is a Holdfast beside this one.
type process struct {
	url   *url.URL
	cmd   *exec.Cmd
	input io.Closer
	over  sync.Once
	end   error
}

func startProcess(t *testing.T, cfg config) *process {
	t.Helper()
	if cfg.Listen = "127.0.0.1:0"; cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	configured, err := json.Marshal(cfg) //nolint:gosec // the token is the simulated account's
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), processVariable+"="+string(configured))
	p.cmd.Stderr = io.Discard
	if testing.Verbose() {
		p.cmd.Stderr = os.Stderr
	}
	output, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.input, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { require.NoError(t, p.stop()) })
	address, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err, "the process did not start")
	p.url = &url.URL{Scheme: "http", Host: strings.TrimSpace(address)}
	return p
}

// stop asks the process to stop, and waits.
func (p *process) stop() error {
	p.over.Do(func() { p.end = errors.Join(p.input.Close(), p.cmd.Wait()) })
	return p.end
}

// kill ends the process in the middle of whatever it does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.over.Do(func() {
		require.NoError(t, p.cmd.Process.Kill())
		_ = p.cmd.Wait() // killed, it says
		_ = p.input.Close()
	})
}

// metric sums what the process's /metrics say under a name.
func (p *process) metric(t *testing.T, name string) float64 {
	t.Helper()
	return p.metricWhere(t, name, "")
}

// metricWhere is the sum of a metric's values whose labels contain a text.
func (p *process) metricWhere(t *testing.T, name, labelled string) (sum float64) {
	t.Helper()
	return metricOf(t, p.url.String(), name, labelled)
}

// metricOf is the sum of a metric's values whose labels contain a text, as the /metrics of a Holdfast say.
func metricOf(t *testing.T, base, name, labelled string) (sum float64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/metrics", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if label, value, ok := strings.Cut(lines.Text(), " "); ok && (label == name || strings.HasPrefix(label, name+"{")) && strings.Contains(label, labelled) {
			var n float64
			_, err := fmt.Sscan(value, &n)
			require.NoError(t, err)
			sum += n
		}
	}
	require.NoError(t, lines.Err())
	return sum
}

// balancer gives requests to the processes in turn, and to the next one where one is not there.
type balancer struct {
	mu        sync.Mutex
	processes []*process
	turn      atomic.Uint64
	next      http.Transport
}

func (b *balancer) RoundTrip(r *http.Request) (response *http.Response, err error) {
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	processes := b.processes
	b.mu.Unlock()
	first := int(b.turn.Add(1))
	for i := range processes {
		out := r.Clone(r.Context())
		out.URL.Host = processes[(first+i)%len(processes)].url.Host
		out.Body = io.NopCloser(bytes.NewReader(body))
		response, err = b.next.RoundTrip(out)
		if dial := (*net.OpError)(nil); err == nil || !errors.As(err, &dial) || dial.Op != "dial" {
			break
		}
	}
	return response, err
}

func (b *balancer) add(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.processes = append(b.processes, p)
}

// sharedFloor is a contact centre that several processes of Holdfast serve, over one PostgreSQL and one engine.
type sharedFloor struct {
	*stage
	cfg      config
	balancer *balancer
	store    *store.Store // another look at the database
}

func newFloor(t *testing.T, processes int) *sharedFloor {
	t.Helper()
	requireEngine(t)
	database := pgtest.Start(t).Database(t)
	f := newEmptyFloor(t, nil)
	f.cfg.DatabaseURL = database
	for range processes {
		f.balancer.add(startProcess(t, f.cfg))
	}
	var err error
	f.store, err = openStore(t.Context(), database, "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	return f
}

// newEmptyFloor is a contact centre and an engine that no Holdfast serves yet. webhooks carries Twilio's; nil is the network as it is.
func newEmptyFloor(t *testing.T, webhooks http.RoundTripper) *sharedFloor {
	t.Helper()
	requireEngine(t)
	script, err := people.Load("floor")
	require.NoError(t, err)
	f := &sharedFloor{stage: &stage{script: script}, balancer: &balancer{}}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host },
		Transport:     f.balancer,
		FlushInterval: -1, // live events
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		f.balancer.next.CloseIdleConnections()
	})
	running, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir(), UIPort: -1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Stop(context.WithoutCancel(t.Context()))) })

	f.sim = simulator.New(simulator.Config{Seed: 7, Second: fast, Transport: webhooks, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, f.stop(context.WithoutCancel(t.Context()))) })
	twilio, err := f.serveTwilio(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	f.centre, err = people.Provision(t.Context(), f.sim, script.Centre, urlsOf(front.URL))
	require.NoError(t, err)
	f.makeKeys()
	f.public = front.URL
	f.cfg = f.config(stageConfig{second: fast}, twilio)
	f.cfg.TemporalAddress, f.cfg.TemporalNamespace = running.Address(), running.Namespace()
	f.cfg.PayloadKeys = []engine.PayloadKey{engine.NewPayloadKey("shared")}
	return f
}

// live lets the people of the script call.
func (f *sharedFloor) live(t *testing.T, cfg people.RunConfig) people.Report {
	t.Helper()
	report, err := f.people(t.Context(), cfg)
	require.NoError(t, err)
	return report
}

func (f *sharedFloor) people(ctx context.Context, cfg people.RunConfig) (people.Report, error) {
	cfg.Second = fast
	return f.run(ctx, cfg)
}

// requireAllEnded says that every call ended, and that every event of theirs was delivered and acknowledged.
func (f *sharedFloor) requireAllEnded(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { // Twilio's last words come after the calls
		live, err := f.store.LiveCalls(t.Context())
		require.NoError(t, err)
		waiting, err := f.store.Claim(t.Context(), "test", time.Nanosecond, 1000, store.SubjectCall)
		require.NoError(t, err)
		return len(live) == 0 && len(waiting) == 0
	}, 60*time.Second, 100*time.Millisecond)
}
