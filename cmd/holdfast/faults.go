package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"holdfast/simulator"
)

// Faults of processes, beside those of the simulator.
const (
	faultKill       = "kill"
	faultKillEngine = "kill-engine"
	faultAll        = "all"
)

// faultNames are all that a run can be given, in the order in which reports tell them.
var faultNames = []string{
	simulator.FaultDoubled, simulator.FaultReordered, simulator.FaultDelayed, simulator.FaultDropped,
	simulator.FaultTooMany, simulator.FaultBroken, simulator.FaultTimeout, faultKill, faultKillEngine,
}

// faults is what is to go wrong in a run.
type faults struct {
	simulator.Faults
	kill, killEngine bool
}

// readFaults reads names of faults. Each is dealt in a share that hurts and lets calls go on. Of 429 that is a small one: each pauses the whole
// account for real time, a quarter of a second to a second and more, in which people live through many of their own.
func readFaults(names []string) (f faults, err error) {
	if slices.Contains(names, faultAll) {
		names = append(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == faultAll }), faultNames...)
	}
	var unknown []string
	for _, name := range names {
		switch name {
		case simulator.FaultDoubled:
			f.Doubled = 0.3
		case simulator.FaultReordered:
			f.Reordered = 0.2
		case simulator.FaultDelayed:
			f.Delayed = 0.1
		case simulator.FaultDropped:
			f.Dropped = 0.05
		case simulator.FaultTooMany:
			f.TooMany = 0.03
		case simulator.FaultBroken:
			f.Broken = 0.05
		case simulator.FaultTimeout:
			f.Timeout = 0.05
		case faultKill:
			f.kill = true
		case faultKillEngine:
			f.killEngine = true
		default:
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	if len(unknown) > 0 {
		return f, fmt.Errorf("--faults: unknown: %s; known are %s, and %s for every one", strings.Join(unknown, ", "), strings.Join(faultNames, ", "), faultAll)
	}
	return f, nil
}

func (f faults) any() bool { return f != faults{} }

// patience is how much longer than usual people wait for Holdfast under these faults. A command that was on its way when its process died
// is tried again after the 25 seconds that an attempt may take; a webhook that never came is made up for by the next look.
func (f faults) patience() time.Duration {
	switch {
	case f.kill || f.killEngine:
		return 90 * time.Second
	case f.any():
		return 45 * time.Second
	default:
		return 0
	}
}

// havoc kills processes at random moments, again and again.
type havoc struct {
	faults faults
	child  *child
	rng    *rand.Rand
	most   int // kills

	kills, engineKills atomic.Int64
}

// How long lies between two kills: whoever is killed again before it is back has still been killed.
const (
	killAfterLeast = 2 * time.Second
	killAfterMost  = 8 * time.Second
)

// A run has four kills, and one more for each ten calls: so its length grows with its calls.
const (
	killsAnyway  = 4
	callsForKill = 10
)

func newHavoc(f faults, c *child, seed uint64, calls int) *havoc {
	return &havoc{faults: f, child: c, rng: rand.New(rand.NewPCG(seed, 0x4111)), most: killsAnyway + calls/callsForKill}
}

// run kills until ctx ends or there were kills enough.
func (h *havoc) run(ctx context.Context) error {
	for range h.most {
		next := time.NewTimer(killAfterLeast + time.Duration(h.rng.Int64N(int64(killAfterMost-killAfterLeast))))
		select {
		case <-next.C:
		case <-h.child.over: // given up: its stop says why
			next.Stop()
			return nil
		case <-ctx.Done():
			next.Stop()
			return nil
		}
		if err := h.strike(); err != nil {
			return err
		}
	}
	return nil
}

func (h *havoc) strike() error {
	if h.faults.kill && (!h.faults.killEngine || h.rng.IntN(2) == 0) {
		h.kills.Add(1)
		return h.child.kill()
	}
	done, err := h.child.killEngine()
	if done {
		h.engineKills.Add(1)
	}
	return err
}

// dealt adds the kills to what the simulator has dealt.
func (h *havoc) dealt(into map[string]int) {
	if h.faults.kill {
		into[faultKill] = int(h.kills.Load())
	}
	if h.faults.killEngine {
		into[faultKillEngine] = int(h.engineKills.Load())
	}
}
