package main

import (
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/simulator/people"
)

// TestFigures measures what docs/benchmarks.md says, and writes it: `make bench`. It is no test, and runs only when it is told where to write.
// Everything is on one machine: Holdfast, the engine, the simulated Twilio and its people share its cores. A part that fails takes nothing with
// it that others found, and can be run alone: -run TestFigures/memory.
func TestFigures(t *testing.T) { //nolint:paralleltest // it measures
	path := os.Getenv("HOLDFAST_FIGURES")
	if path == "" {
		t.Skip("HOLDFAST_FIGURES does not say where to write; see 'make bench'")
	}
	requireEngine(t)
	f := figuresReport{
		Processor: processor(), Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go"), Commit: revision(),
		Date: time.Now().UTC().Format(time.DateOnly),
	}
	part := func(name string, measure func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // one after another
			measure(t)
			f.write(t, path)
		})
	}
	part("throughput", f.throughput)
	for _, rate := range []float64{1, 5, 10, 20} {
		part(fmt.Sprintf("rate/%.0f", rate), func(t *testing.T) { f.atRate(t, rate) })
	}
	part("verified", f.verified)
	part("live", f.live)
	for _, calls := range []int{1000, 3000} {
		part(fmt.Sprintf("memory/%d", calls), func(t *testing.T) { f.memory(t, calls) })
	}
}

// figuresReport is what was measured, as testdata/benchmarks.md.tmpl tells it.
type figuresReport struct {
	Processor        string
	Cores            int
	Go, Date, Commit string

	Most     *callFigures // the most calls a second that went well
	TooMany  float64      // offered a second, and it did not go well; 0: nobody tried so many
	Raw      *rawFigures
	Rates    []rateFigures
	Verified *verifiedFigures
	Actions  []people.ActionFigures
	Memories []memoryFigures
}

// Ratio is how many calls there are for each of the raw engine's.
func (f *figuresReport) Ratio() float64 { return f.Most.Reached / f.Raw.PerSecond }

// ServedRatio is the same by processor time, where the engine and Holdfast have the machine to themselves.
func (f *figuresReport) ServedRatio() float64 {
	return f.Raw.Time.All().Seconds() / f.Most.Time.Served().Seconds()
}

// MS tells a time in milliseconds.
func (f *figuresReport) MS(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }

// figuresPages are the page, and the text in it about what was tried.
//
//go:embed testdata/benchmarks.md.tmpl testdata/lowered.md.tmpl
var figuresPages embed.FS

func (f *figuresReport) write(t *testing.T, path string) {
	t.Helper()
	page, err := template.ParseFS(figuresPages, "testdata/*.tmpl")
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, page.ExecuteTemplate(&text, "benchmarks.md.tmpl", f))
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600)) //nolint:gosec // whoever measures says where to
}

// quietStage is a stage whose log nobody reads, with Holdfast in a process of its own or in this one.
func quietStage(t *testing.T, agents int, second time.Duration, apart bool) *stage {
	t.Helper()
	script, err := people.Load("floor")
	require.NoError(t, err)
	s, err := startStage(t.Context(), stageConfig{
		script: script.Staff(agents), seed: 1, second: second, dataDir: t.TempDir(), listen: "127.0.0.1:0", uiPort: -1,
		log: newLogger(io.Discard, "error", "text"), apart: apart,
	})
	require.NoError(t, err)
	return s
}

// percentiles are p50, p95 and p99 in milliseconds.
type percentiles [3]float64

func (p percentiles) String() string { return fmt.Sprintf("%.0f / %.0f / %.0f", p[0], p[1], p[2]) }

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
