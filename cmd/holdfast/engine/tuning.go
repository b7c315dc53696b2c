package engine

import (
	"os"
	"path/filepath"
	"strconv"
)

// arguments of the dev server. They name the database, so that a process can be recognised by them, and two
// starts with equal arguments are interchangeable: that is what adoption compares.
func arguments(cfg Config, p ports) []string {
	args := []string{
		"server", "start-dev",
		"--db-filename", filepath.Join(cfg.DataDir, databaseFile),
		"--ip", loopback,
		"--port", strconv.Itoa(p.GRPC),
		"--namespace", cfg.Namespace,
		"--log-level", "error",
		"--color", "never",
		// What somebody has set for the temporal command in his own environment is not meant for us.
		"--disable-config-file", "--disable-config-env",
	}
	if p.UI > 0 {
		args = append(args, "--ui-port", strconv.Itoa(p.UI))
		if p.Codec > 0 {
			args = append(args, "--ui-codec-endpoint", codecURL(p))
		}
	} else {
		args = append(args, "--headless")
	}
	for _, pragma := range pragmas {
		args = append(args, "--sqlite-pragma", pragma)
	}
	for _, setting := range settings {
		args = append(args, "--dynamic-config-value", setting)
	}
	return args
}

var pragmas = []string{
	"journal_mode=wal",
	"synchronous=normal",
	"temp_store=memory",
	"cache_size=-65536", // KiB
}

// settings of the dev server: Temporal's dynamic configuration.
var settings = []string{
	// One history shard polls each of its queues at most 20 times a second by default, so every step of every
	// workflow would wait up to 50 ms.
	"history.transferProcessorMaxPollRPS=1000",
	"history.timerProcessorMaxPollRPS=1000",
	// One machine needs one partition: with four, a task and the poller that waits for it can miss each other.
	"matching.numTaskqueueReadPartitions=1",
	"matching.numTaskqueueWritePartitions=1",
	// An activity's first attempt travels in the answer to the workflow task that scheduled it.
	"system.enableActivityEagerExecution=true",
	// The limits are for clusters with tenants; here they would only turn a burst of calls into back-off.
	"frontend.rps=20000",
	"frontend.namespaceRPS=20000",
	"frontend.namespaceRPS.visibility=1000",
	"history.rps=20000",
	"matching.rps=20000",
}

// environment of the child: what a process needs, and none of our secrets. HOME is the data directory, so that
// no personal configuration of the temporal command applies.
func environment(dataDir string) []string {
	// Its heap is small and its garbage plenty: collecting less often saves a tenth of its processor time.
	env := []string{"HOME=" + dataDir, "GOGC=400", "GOMEMLIMIT=1GiB"}
	for _, name := range []string{"PATH", "TMPDIR", "TZ", "LANG", "GOMAXPROCS", "GOMEMLIMIT", "GOGC"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value) // of two values the last counts
		}
	}
	return env
}
