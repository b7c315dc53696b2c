package main

import (
	"fmt"
	"io"
	"os"

	"holdfast/simulator/people"
)

// narrator writes what happens on the floor, a line each.
type narrator struct {
	w     io.Writer
	color bool
}

func newNarrator(f *os.File) *narrator {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	_, plain := os.LookupEnv("NO_COLOR")
	return &narrator{w: f, color: terminal && !plain}
}

// Colours of a terminal, by what a happening means to somebody who watches.
const (
	dim   = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	amber = "\x1b[33m"
	blue  = "\x1b[34m"
	cyan  = "\x1b[36m"
	plain = "\x1b[0m"
)

func (n *narrator) tell(h people.Happening) {
	id := "      "
	if len(h.Call) > 8 {
		id = "…" + h.Call[len(h.Call)-5:]
	}
	begin, end := "", ""
	if n.color {
		begin, end = colorOf(h.Kind), plain
	}
	_, _ = fmt.Fprintf(n.w, "%s  %s  %s%s%s\n", h.At.Format("15:04:05"), id, begin, h.Text, end)
}

func colorOf(k people.Kind) string {
	switch k {
	case people.CallerCalls, people.CallerWaits, people.CallerPresses, people.CallerSpeaks, people.CallerAnswers:
		return blue
	case people.BotSpeaks, people.BotCalls:
		return cyan
	case people.CallerTalks, people.AgentAnswers:
		return green
	case people.AgentHolds, people.AgentUnholds, people.AgentMutes, people.AgentUnmutes, people.AgentRejects, people.AgentIgnores, people.AgentMissed:
		return amber
	case people.CallerGivesUp, people.CallerLost, people.AgentCrashes, people.CallWasLost, people.Violated:
		return red
	case people.AgentLogsIn, people.AgentWrapsUp, people.AgentFinishes, people.AgentReturns, people.CallEnded:
		return dim
	case people.CallerHangsUp, people.AgentRings, people.AgentHangsUp, people.AgentLeaves, people.AgentEnds:
		return ""
	default:
		return ""
	}
}
