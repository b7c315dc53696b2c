package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator"
	"holdfast/simulator/people"
)

type memoryFigures struct {
	Calls                    int
	Idle, Live, After        float64       // MB of heap in use
	RSSIdle, RSSLive, RSSEnd float64       // MB resident
	Ended                    time.Duration // from the first hang-up to the last
	Again                    float64       // webhooks that Twilio was asked to send again
}

// PerCall is what a call takes, in kB.
func (m memoryFigures) PerCall() float64 { return (m.Live - m.Idle) * 1024 / float64(m.Calls) }

// memory has a few agents of huge capacity talk to many callers who say nothing, in a Holdfast that is a process of its own.
func (f *figuresReport) memory(t *testing.T, calls int) {
	script, err := people.Load("floor")
	require.NoError(t, err)
	const most = 1000 // calls that TaskRouter gives to one agent
	script = script.Staff((calls + most - 1) / most)
	for i := range script.Centre.Agents {
		script.Centre.Agents[i].Capacity, script.Centre.Agents[i].Skills = most, script.Centre.Agents[0].Skills
	}
	dir := t.TempDir()
	s := &stage{script: script, sim: simulator.New(simulator.Config{Seed: 3, Second: 20 * time.Millisecond})}
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	twilioURL, err := s.serveTwilio(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	address, err := freePort(t.Context())
	require.NoError(t, err)
	public := "http://" + address
	s.centre, err = people.Provision(t.Context(), s.sim, script.Centre, urlsOf(public))
	require.NoError(t, err)

	binary := filepath.Join(dir, "holdfast")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	temporal, err := filepath.Abs("../../bin")
	require.NoError(t, err)
	serve := exec.CommandContext(t.Context(), binary, "serve", "--listen", address, "--data-dir", dir, "--wrap-up", "1s", "--log-level", "error",
		"--temporal-ui-port=-1")
	serve.Env = append(os.Environ(), "HOLDFAST_PUBLIC_URL="+public, "TWILIO_BASE_URL="+twilioURL, "TWILIO_ACCOUNT_SID="+s.sim.AccountSID(),
		"TWILIO_AUTH_TOKEN="+s.sim.AuthToken(), "TWILIO_WORKSPACE_SID="+s.centre.WorkspaceSID, "PATH="+temporal+":"+os.Getenv("PATH"),
		"HOLDFAST_ROUTING_WORKFLOW="+s.centre.RoutingWorkflows[script.Centre.Numbers[0].Routing])
	serve.Stderr = os.Stderr
	require.NoError(t, serve.Start())
	alive, died := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		_ = serve.Wait()
		died()
		close(ended)
	}()
	defer func() {
		_ = serve.Process.Signal(os.Interrupt)
		<-ended
	}()
	require.NoError(t, waitReady(alive, public))
	m := memoryFigures{Calls: calls}
	m.Idle, m.RSSIdle = settledMemory(t, public)

	var talking atomic.Int64
	for _, agent := range script.Centre.Agents {
		s.sim.Attach(agent.Address, simulator.PhoneFunc(func(_ context.Context, line simulator.Line) {
			line.Answer()
			for e := range line.Events() {
				if e.Kind == simulator.LineTogether {
					talking.Add(1)
				}
			}
		}))
		require.NoError(t, s.sim.SetAvailability(s.centre.Agents[agent.Name], "Available"))
	}
	lines := make([]simulator.Line, 0, calls)
	for i := range calls {
		line, err := s.sim.Dial(fmt.Sprintf("+1555%07d", i), script.Centre.Numbers[0].Number)
		require.NoError(t, err)
		lines = append(lines, line)
		require.Eventually(t, func() bool { return int64(len(lines))-talking.Load() < 40 }, time.Minute, time.Millisecond)
	}
	require.Eventually(t, func() bool { return talking.Load() == int64(calls) }, 2*time.Minute, 10*time.Millisecond)
	m.Live, m.RSSLive = settledMemory(t, public)
	began := time.Now()
	var group sync.WaitGroup
	gate := make(chan struct{}, 20)
	for _, line := range lines {
		group.Go(func() {
			gate <- struct{}{}
			line.HangUp()
			<-line.Done()
			<-gate
		})
	}
	group.Wait()
	m.Ended = time.Since(began)
	m.After, m.RSSEnd = settledMemory(t, public)
	m.Again = metricOf(t, public, "holdfast_webhooks_received_total", `"unavailable"`)
	t.Logf("%+v", m)
	f.Memories = append(f.Memories, m)
}

// settledMemory is the least that is seen in the second half of half a minute. To ask so often makes garbage enough for a few collections.
func settledMemory(t *testing.T, public string) (used, rss float64) {
	t.Helper()
	const asked = 300
	seen := make([]float64, 0, asked)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range asked {
		<-tick.C
		var now float64
		now, rss = memoryOf(t, public)
		seen = append(seen, now)
	}
	return slices.Min(seen[asked/2:]), rss
}

// memoryOf is what is allocated and not yet collected, goroutines' stacks included, and what the process has of the machine's memory.
func memoryOf(t *testing.T, public string) (used, rss float64) {
	t.Helper()
	const mega = 1 << 20
	of := func(metric string) float64 { return metricOf(t, public, metric, "") / mega }
	return of("go_memstats_heap_alloc_bytes") + of("go_memstats_stack_inuse_bytes"), of("process_resident_memory_bytes")
}
