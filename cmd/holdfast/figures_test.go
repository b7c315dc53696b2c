package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"holdfast/simulator"
	"holdfast/simulator/people"
)

// TestFigures measures what docs/benchmarks.md says, and writes it: `make bench`. It is no test, and runs only when it is told where to write.
// Everything is on one machine: Holdfast, the engine, the simulated Twilio and its people share its cores.
func TestFigures(t *testing.T) { //nolint:paralleltest // it measures
	path := os.Getenv("HOLDFAST_FIGURES")
	if path == "" {
		t.Skip("HOLDFAST_FIGURES does not say where to write; see 'make bench'")
	}
	requireEngine(t)
	var f figuresReport
	f.throughput(t)
	for _, rate := range []float64{1, 5, 10, 20} {
		f.atRate(t, rate)
	}
	f.verified(t)
	f.live(t)
	f.write(t, path)
	for _, calls := range []int{1000, 3000} {
		f.memory(t, calls)
	}
	f.write(t, path)
}

// write keeps what was measured so far: a part that fails takes nothing with it that others found.
func (f *figuresReport) write(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(f.text()), 0o600)) //nolint:gosec // whoever measures says where to
}

// figuresReport is what was measured.
type figuresReport struct {
	calls, perSecond, rawPerSecond float64
	messages, requests, webhooks   float64 // a call
	rates                          []rateFigures
	directP50, verifiedP50         float64 // ms
	actions                        []people.ActionFigures
	memories                       []memoryFigures
}

type rateFigures struct {
	rate, reached          float64
	assignment, hold, wrap [3]float64 // p50, p95, p99, ms
}

type memoryFigures struct {
	calls                    int
	idle, live, after        float64 // MB of heap in use
	rssIdle, rssLive, rssEnd float64 // MB resident
}

func quietStage(t *testing.T, agents int, second time.Duration) *stage {
	t.Helper()
	script, err := people.Load("floor")
	require.NoError(t, err)
	s, err := startStage(t.Context(), stageConfig{
		script: script.Staff(agents), seed: 1, second: second, dataDir: t.TempDir(), listen: "127.0.0.1:0", uiPort: -1,
		log: newLogger(io.Discard, "error", "text"),
	})
	require.NoError(t, err)
	return s
}

// throughput runs as many standard calls a second as the machine takes without anybody having to wait too long, then the raw engine with as many messages and activities, on the same engine.
func (f *figuresReport) throughput(t *testing.T) {
	const calls, agents, offered = 600, 150, 20
	const second = 50 * time.Millisecond
	s := quietStage(t, agents, second)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	report, err := s.run(t.Context(), people.RunConfig{Calls: calls, Rate: offered, Seed: 1, Scenario: "standard", Second: second})
	require.NoError(t, err)
	requireOK(t, report)
	figures, err := s.app.figures(calls)
	require.NoError(t, err)
	requests, err := s.app.telemetry.Total("holdfast_twilio_requests_total")
	require.NoError(t, err)
	f.calls, f.perSecond = calls, report.CallsPerSecond
	f.messages = figures.EngineMessagesPerCall
	activities := (requests - 1) / calls // but the look at the workspace
	f.requests, f.webhooks = report.Simulator.RequestsPerCall, float64(figures.WebhooksReceived)/calls
	f.rawPerSecond = rawEngine(t, s.app.engine.Client(), calls, int(f.messages+0.5), int(activities+0.5))
}

// rawCall is what a call costs the engine at the least: so many messages, and so many activities that do nothing.
func rawCall(ctx workflow.Context, messages, activities int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
	c := workflow.GetSignalChannel(ctx, "message")
	for i := range messages {
		c.Receive(ctx, nil)
		if i < activities {
			if err := workflow.ExecuteActivity(ctx, rawActivity).Get(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func rawActivity(context.Context) error { return nil }

func rawEngine(t *testing.T, c client.Client, calls, messages, activities int) float64 {
	const queue = "raw"
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(rawCall)
	w.RegisterActivity(rawActivity)
	require.NoError(t, w.Start())
	defer w.Stop()
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(48)
	for i := range calls {
		group.Go(func() error {
			run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprintf("raw:%d", i), TaskQueue: queue}, rawCall, messages, activities)
			if err != nil {
				return err
			}
			for range messages {
				if err := c.SignalWorkflow(t.Context(), run.GetID(), "", "message", nil); err != nil {
					return err
				}
			}
			return run.Get(t.Context(), nil)
		})
	}
	require.NoError(t, group.Wait())
	return float64(calls) / time.Since(began).Seconds()
}

// atRate measures what people wait for while calls come at a rate.
func (f *figuresReport) atRate(t *testing.T, rate float64) {
	const second = 50 * time.Millisecond
	s := quietStage(t, int(20+rate*6), second)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	report, err := s.run(t.Context(), people.RunConfig{Calls: int(30 * max(rate, 2)), Rate: rate, Seed: 2, Scenario: "standard", Second: second})
	require.NoError(t, err)
	requireOK(t, report)
	r := rateFigures{rate: rate, reached: report.CallsPerSecond}
	hook := report.Simulator.Webhooks["assignment"]
	r.assignment = [3]float64{hook.P50, hook.P95, hook.P99}
	for _, a := range report.Actions {
		switch a.Name {
		case "hold":
			r.hold = [3]float64{a.P50, a.P95, a.P99}
		case "wrap-up":
			r.wrap = [3]float64{a.P50, a.P95, a.P99}
		}
	}
	f.rates = append(f.rates, r)
}

// verified holds and un-holds one leg of a call, in turns by a request to the simulated Twilio and by Holdfast, and nothing else happens.
func (f *figuresReport) verified(t *testing.T) {
	s := quietStage(t, 1, 50*time.Millisecond)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	id := s.talk(t)
	call, _, err := s.app.store.Call(t.Context(), id)
	require.NoError(t, err)
	participant := fmt.Sprintf("%s/2010-04-01/Accounts/%s/Conferences/%s/Participants/%s.json", s.twilioURL, s.sim.AccountSID(), call.ConferenceSID, id)
	direct := func(muted bool) {
		body := url.Values{"Muted": {strconv.FormatBool(muted)}}.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, participant, strings.NewReader(body))
		require.NoError(t, err)
		r.Host = "api.twilio.com"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(s.sim.AccountSID(), s.sim.AuthToken())
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	byHoldfast := func(action string) {
		status, body := s.do(t, http.MethodPost, "/v1/calls/"+id+"/legs/customer/"+action)
		require.Equal(t, http.StatusOK, status, "%v", body)
	}
	const rounds = 100
	took := map[string][]float64{}
	measure := func(name string, do func()) {
		began := time.Now()
		do()
		took[name] = append(took[name], float64(time.Since(began).Microseconds())/1000)
	}
	for range rounds {
		measure("direct", func() { direct(false) }) // it is not muted: nothing changes, and nobody answers it
		measure("verified", func() { byHoldfast("hold") })
		measure("direct", func() { direct(false) })
		measure("verified", func() { byHoldfast("unhold") })
	}
	median := func(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }
	f.directP50, f.verifiedP50 = median(took["direct"]), median(took["verified"])
	s.finish(t, id)
}

// live has people do all that can be done to a live call, a call a second.
func (f *figuresReport) live(t *testing.T) {
	const second = 100 * time.Millisecond
	s := quietStage(t, 24, second)
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	report, err := s.run(t.Context(), people.RunConfig{Calls: 150, Rate: 1, Seed: 4, Second: second})
	require.NoError(t, err)
	requireOK(t, report)
	f.actions = report.Actions
}

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
	const public = "http://127.0.0.1:18099"
	s.centre, err = people.Provision(t.Context(), s.sim, script.Centre, urlsOf(public))
	require.NoError(t, err)

	binary := filepath.Join(dir, "holdfast")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	temporal, err := filepath.Abs("../../bin")
	require.NoError(t, err)
	serve := exec.CommandContext(t.Context(), binary, "serve", "--listen", "127.0.0.1:18099", "--data-dir", dir, "--wrap-up", "1s", "--log-level", "error",
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
	m := memoryFigures{calls: calls}
	m.idle, m.rssIdle = memoryOf(t, public)

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
	m.live, m.rssLive = settledMemory(t, public)
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
	m.after, m.rssEnd = settledMemory(t, public)
	f.memories = append(f.memories, m)
}

// settledMemory is the least heap that is seen once the figures stop falling.
func settledMemory(t *testing.T, public string) (heap, rss float64) {
	t.Helper()
	var heaps []float64
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for range 30 {
		<-tick.C
		h, r := memoryOf(t, public)
		heaps, rss = append(heaps, h), r
	}
	return slices.Min(heaps[len(heaps)/2:]), rss
}

func memoryOf(t *testing.T, public string) (heap, rss float64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, public+"/metrics", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	read := func(name string) float64 {
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(body)
		require.NotNil(t, m, name)
		v, err := strconv.ParseFloat(string(m[1]), 64)
		require.NoError(t, err)
		return v / (1 << 20)
	}
	return read("go_memstats_heap_alloc_bytes"), read("process_resident_memory_bytes")
}

// text is docs/benchmarks.md.
func (f *figuresReport) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Benchmarks\n")
	line("`make bench` writes this page. Holdfast, the engine (Temporal's dev server on a file), the simulated Twilio and its people share one machine, so all")
	line("figures are of everything together, and ratios are taken in one run.\n")
	line("Machine: %s, %d cores, Go %s. Date: %s. Commit: %s.\n", processor(), runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"),
		time.Now().UTC().Format(time.DateOnly), revision())
	line("## Standard calls, as many as this machine takes without a loss\n")
	line("Ring, accept, talk, one hold, hang up, wrap-up; %.0f calls, 20 offered a second. At 25 the people of this simulation, who share the cores, begin to miss rings. The raw engine receives as many messages and runs as many activities, which do nothing, for as many workflows.\n", f.calls)
	line("| | |\n|---|---|")
	line("| calls a second | %.1f |", f.perSecond)
	line("| raw engine, calls a second | %.1f |", f.rawPerSecond)
	line("| ratio (goal: at least 0.6) | %.2f |", f.perSecond/f.rawPerSecond)
	line("| engine messages a call: signals and updates (goal: at most 12) | %.1f |", f.messages)
	line("| Twilio requests a call | %.1f |", f.requests)
	line("| webhooks a call | %.1f |\n", f.webhooks)
	line("## What people wait for, by calls a second\n")
	line("Milliseconds, p50 / p95 / p99. The assignment callback is measured by the simulated Twilio, which waits 5 s for it; hold and wrap-up by the agents, from pressing")
	line("the button to Twilio's confirmation.\n")
	line("| calls/s | reached | assignment answered | verified hold | verified wrap-up |\n|---|---|---|---|---|")
	for _, r := range f.rates {
		line("| %.0f | %.1f | %s | %s | %s |", r.rate, r.reached, percentiles(r.assignment), percentiles(r.hold), percentiles(r.wrap))
	}
	line("\n## What people do to a live call\n")
	line("One call and nothing else: a request to the simulated Twilio that changes a leg takes %.1f ms, a hold or unhold by Holdfast, verified by Twilio's own event, %.1f ms: %.1f ms more (goal: at",
		f.directP50, f.verifiedP50, f.verifiedP50-f.directP50)
	line("most 30; medians of 200 each, in turns).\n")
	line("All scenarios against one another, a call a second: milliseconds from pressing the button to Holdfast's answer. What waits for a person to answer his phone (supervise, rejoin) waits for that.\n")
	line("| action | asked | verified | refused | p50 / p95 / p99 |\n|---|---|---|---|---|")
	for _, a := range f.actions {
		line("| %s | %d | %d | %d | %s |", a.Name, a.Count, a.Verified, a.Refused, percentiles([3]float64{a.P50, a.P95, a.P99}))
	}
	line("\n## Memory\n")
	line("A Holdfast process of its own with calls in which nobody does anything; the engine and the simulator are other processes. Heap is what is allocated and not yet collected, the least of a minute.\n")
	line("| calls | heap before, MB | heap with the calls, MB | kB a call | heap after they ended, MB | resident before / with / after, MB |\n|---|---|---|---|---|---|")
	for _, m := range f.memories {
		line("| %d | %.0f | %.0f | %.0f | %.0f | %.0f / %.0f / %.0f |", m.calls, m.idle, m.live, (m.live-m.idle)*1024/float64(m.calls), m.after,
			m.rssIdle, m.rssLive, m.rssEnd)
	}
	return b.String()
}

func percentiles(p [3]float64) string { return fmt.Sprintf("%.0f / %.0f / %.0f", p[0], p[1], p[2]) }

// processor is what the operating system calls the processor, where it tells.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	if m := regexp.MustCompile(`model name\s*:\s*(.+)`).FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return runtime.GOARCH
}

func revision() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
